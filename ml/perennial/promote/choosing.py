"""Who may become champion: by a verdict, by force, or once more."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Literal

from perennial.errors import NothingToRollBackTo, NotPromoted, PromotionRefused
from perennial.promote.history import History, find_taken_back, list_champions, newest_champion
from perennial.records import Evaluation, Move, Outcome, Run

Approval = Literal["auto", "manual", "never"]
"""`promotion.approval` of a model file."""


def choose_evaluation(evaluations: Sequence[Evaluation]) -> Evaluation:
    """The verdict to act on: of those that say PROMOTE the largest gain.

    Where none says PROMOTE, it is the verdict on the newest challenger that people want to read.
    """
    earned = [evaluation for evaluation in evaluations if evaluation.verdict.outcome is Outcome.PROMOTE]
    if not earned:
        return max(evaluations, key=lambda evaluation: evaluation.verdict.challenger_version)
    return max(earned, key=_read_gain)


def _read_gain(evaluation: Evaluation) -> float:
    headline = next(iter(evaluation.verdict.metrics), None)  # a first champion may have nothing that it was measured on
    return headline.gain.estimate if headline and headline.gain else 0.0


def must_ask(evaluation: Evaluation, approval: Approval) -> bool:
    """Does a person decide on this verdict? Nobody is asked about what is not promoted anyway."""
    earned = evaluation.verdict.outcome is Outcome.PROMOTE
    return earned and approval != "never" and bool(list_reasons_to_ask(evaluation, approval))


def choose_challenger(
    history: History,
    evaluation: Evaluation,
    run: Run,
    *,
    approval: Approval,
    is_approved: bool = False,
    fit: int | None = None,
) -> Move | None:
    """The promotion that a verdict allows; None when it was done before (a rerun).

    Args:
        is_approved: a person said yes to this very promotion.
        fit: the newest version of the recipe that won, which is to serve; without it the one that the verdict names.

    Raises:
        NotPromoted: the verdict is not PROMOTE.
        PromotionRefused: the verdict is, and something else stands in the way.
    """
    verdict, reasons = evaluation.verdict, " ".join(evaluation.verdict.reasons)
    if verdict.outcome is not Outcome.PROMOTE:
        raise NotPromoted(
            f"{run}: version {verdict.challenger_version} was assessed {verdict.outcome}: {' '.join(verdict.reasons)}"
        )
    version = fit or verdict.challenger_version
    if is_served(history, evaluation) or newest_champion(history) == version:
        return None
    _check_circumstances(history, evaluation, run)
    _check_approval(evaluation, run, approval, is_approved=is_approved)
    return Move(version, "promote", reasons, evaluation.evaluation_id)


def is_served(history: History, evaluation: Evaluation) -> bool:
    """Has the verdict been acted on, and does the recipe that won still serve, be it by a later fit?"""
    acted = any(promotion.evaluation_id == evaluation.evaluation_id for promotion in history)
    return acted and bool(history) and history[-1].recipe == evaluation.verdict.challenger_recipe is not None


def choose_refresh(history: History, run: Run, version: int, *, of: int, reason: str) -> Move | None:
    """The newest fit of the champion's recipe takes over; None when it serves already (a rerun).

    Args:
        of: the recipe that served when the fit was made.

    Raises:
        PromotionRefused: another recipe serves meanwhile, or the run is older than the newest movement.
    """
    check_purpose(run)
    if newest_champion(history) == version:
        return None
    if not history or history[-1].recipe != of:
        raise PromotionRefused(
            f"{run}: version {version} is a fit for recipe {of}, which does not serve any more: the next training refreshes the "
            "one that does."
        )
    _check_clock(history, run)
    return Move(version, "refresh", reason)


def _check_circumstances(history: History, evaluation: Evaluation, run: Run) -> None:
    verdict, champion = evaluation.verdict, newest_champion(history)
    version = verdict.challenger_version
    check_purpose(run)
    if verdict.model != run.model:
        raise PromotionRefused(f"{run}: the verdict is about a version of {verdict.model}.")
    if not _is_opponent(history, evaluation):
        raise PromotionRefused(
            f"{run}: version {version} was compared with version {verdict.champion_version}, but the champion is now version "
            f"{champion}, which still serves: run `perennial compare {run.model} --as-of {run.as_of}` again."
        )
    if any(promotion.evaluation_id == evaluation.evaluation_id for promotion in history):
        raise PromotionRefused(
            f"{run}: this verdict made version {version} champion before, and a verdict does so once; version {champion} still "
            f"serves. If you want version {version} again: `perennial rollback {run.model} --to {version}`."
        )
    _check_clock(history, run)


def _is_opponent(history: History, evaluation: Evaluation) -> bool:
    """Does the recipe that was compared with still serve? Its version may be a newer fit by now."""
    verdict = evaluation.verdict
    if verdict.champion_recipe is None or not history:
        return verdict.champion_version == newest_champion(history)
    return history[-1].recipe == verdict.champion_recipe


def _check_clock(history: History, run: Run) -> None:
    if history and run.clock < history[-1].effective_at:
        raise PromotionRefused(
            f"{run}: version {history[-1].version} has been champion since {history[-1].effective_at:%Y-%m-%d %H:%M %Z}, and an "
            f"older run ({run.clock:%Y-%m-%d %H:%M %Z}) does not move it: compare on a newer day."
        )


def _check_approval(evaluation: Evaluation, run: Run, approval: Approval, *, is_approved: bool) -> None:
    version = evaluation.verdict.challenger_version
    if approval == "never":
        raise PromotionRefused(
            f'{run}: version {version} earned it, but promotion.approval = "never" in models/{run.model}.toml.'
        )
    because = list_reasons_to_ask(evaluation, approval)
    if because and not is_approved:
        raise PromotionRefused(f"{run}: version {version} earned it, and a person decides: {' '.join(because)}")


def list_reasons_to_ask(evaluation: Evaluation, approval: Approval) -> tuple[str, ...]:
    """Why a person decides on this promotion, a sentence each; empty when nobody has to be asked."""
    by_rule = ('promotion.approval = "manual".',) if approval == "manual" else ()
    return (*by_rule, *evaluation.verdict.doubts)


def choose_forced(history: History, run: Run, version: int, *, reason: str) -> Move:
    """The promotion of any version because a person says so.

    Raises:
        PromotionRefused: it is the champion already, or the run is a backfill.
    """
    check_purpose(run)
    if newest_champion(history) == version:
        raise PromotionRefused(f"{run}: version {version} is the champion already.")
    return Move(version, "forced", reason)


def check_purpose(run: Run) -> None:
    """Refuse to move the champion in a backfill: it pretends to live in the past.

    Raises:
        PromotionRefused: it is one.
    """
    if run.purpose == "backfill":
        raise PromotionRefused(f"{run}: a backfill never moves the champion.")


def check_cooldown(history: History, move: Move, run: Run, *, fits: frozenset[int], days: int) -> None:
    """Let a recipe that was taken back rest: what spoke against it shows in labels later than in the verdict for it.

    People who move it themselves are not held up.

    Args:
        fits: versions of the same recipe as the one to be promoted, which is one of them.
        days: from when it was taken back to when a verdict may promote it again.

    Raises:
        PromotionRefused: a verdict would promote it too early.
    """
    for version, taken_back_at in find_taken_back(history).items():
        until = taken_back_at + timedelta(days=days)
        if move.kind == "promote" and version in fits and run.clock < until:
            fit = "" if version == move.version else f", a fit of the same recipe as version {move.version},"
            raise PromotionRefused(
                f"{run}: version {version}{fit} was taken back on {taken_back_at:%Y-%m-%d} and rests for {days} days: no "
                f"verdict promotes it before {until:%Y-%m-%d %H:%M %Z}, and version {newest_champion(history)} still serves. "
                f"If you want it sooner: `perennial rollback {run.model} --to {version}`."
            )


def choose_former_recipe(history: History, model: str, fits: Mapping[int, int]) -> Move:
    """The rollback to the recipe that served before this one: to its newest fit, which may never have served.

    Args:
        fits: recipe -> its newest version.

    Raises:
        NothingToRollBackTo: no other recipe has served.
    """
    serving = {promotion.version: promotion.recipe for promotion in history}
    line = [serving[version] for version in list_champions(history)]
    former = [recipe for recipe in line if recipe not in (None, line[-1])]
    if not former or former[-1] is None:
        raise NothingToRollBackTo(f"{model}: no other recipe has served before: `perennial rollback {model}` goes one fit back.")
    recipe = former[-1]
    newest = max(version for version, made_by in serving.items() if made_by == recipe)
    return Move(fits.get(recipe, newest), "rollback", f"Rolled back from recipe {line[-1]} to recipe {recipe}.")


def choose_former_champion(history: History, model: str, *, to: int | None = None) -> Move:
    """The rollback to a version that was champion before; without `to`, to the champion before this one.

    Raises:
        NothingToRollBackTo: there is no former champion, or `to` is the champion already or never was.
    """
    line, champion = list_champions(history), newest_champion(history)
    if champion is None:
        raise NothingToRollBackTo(f"{model}: there is no champion yet: `perennial bootstrap {model}` makes the first.")
    if to is None and len(line) < 2:  # noqa: PLR2004 - the champion and the one before
        raise NothingToRollBackTo(f"{model}: there is no champion before version {champion}, which still serves.")
    version = line[-2] if to is None else to
    if version == champion:
        raise NothingToRollBackTo(f"{model}: version {version} is the champion already.")
    if all(promotion.version != version for promotion in history):
        raise NothingToRollBackTo(
            f"{model}: version {version} was never champion, so there is no way back to it; version {champion} still serves. "
            f'To put it there without a verdict: `perennial promote {model} {version} --force --reason "..."`.'
        )
    return Move(version, "rollback", f"Rolled back from version {champion}.")
