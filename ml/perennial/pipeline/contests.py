"""Which recipe is under test against which, on what error; and what becomes of a contest after a look."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from math import ceil

from perennial.compare import TestPlan, account, choose_shadows, unseen_as_ofs
from perennial.config import Model
from perennial.pipeline.labelling import AT_ONCE
from perennial.records import Contest, Outcome, RecipeEntry, Run, Verdict, Version
from perennial.stores import ledger
from perennial.stores.sessions import Session

Days = tuple[date, ...]
DISPLACED = "It leaves the test undecided: others under test promise more, and only so many are kept."


@dataclass(frozen=True)
class Side:
    """A recipe with its newest fit."""

    entry: RecipeEntry
    version: Version


@dataclass(frozen=True)
class ContestPair:
    """A challenger and the champion it is compared with.

    Attributes:
        contest: None without a champion, and when the account of errors is empty.
        as_ofs: to compare on, oldest first.
    """

    challenger: Side
    champion: Side | None
    contest: Contest | None = None
    test: TestPlan | None = None
    account_frees_on: date | None = None
    as_ofs: Days = ()

    @property
    def looked_at(self) -> Days:
        """The as_ofs of the newest look so far."""
        return self.contest.looks[-1].as_ofs if self.contest and self.contest.looks else ()

    @property
    def numbers(self) -> tuple[int, int]:
        """The recipes of challenger and champion."""
        assert self.champion is not None
        return self.challenger.entry.number, self.champion.entry.number


def enter_pairs(
    session: Session, model: Model, run: Run, *, challengers: Sequence[Side], champion: Side | None, labelled: Days
) -> tuple[ContestPair, ...]:
    """The day's challengers and every shadow, less those that have their answer; a first champion by itself.

    A challenger whose recipe is the champion's, or had its test against it within a year, is no new one.

    Args:
        challengers: of the day: one that a search found, and those that people wrote, oldest first.
        labelled: every as_of that may judge on the run's clock.
    """
    if champion is None:
        return tuple(ContestPair(each, None, as_ofs=_find_shown(model, each, labelled)) for each in challengers[-1:])
    _settle_contests(session, model, run, champion, labelled)
    new = [each for each in challengers if each.entry.number != champion.entry.number]
    newcomers = tuple(_enter(session, model, run, ContestPair(each, champion), labelled) for each in new)
    entered = {pair.contest.contest_id for pair in newcomers if pair.contest}
    shadows = tuple(
        _plan(model, ContestPair(find_side(session, run, contest.challenger_recipe), champion, contest=contest))
        for contest in _open_by_then(session, run)
        if contest.contest_id not in entered
    )
    waiting = (pair for pair in (*newcomers, *shadows) if pair.contest is None or pair.contest.status == "open")
    placed = (replace(pair, as_ofs=choose_as_ofs(model, pair, labelled)) for pair in waiting)
    return tuple(pair for pair in placed if _is_ahead(pair, labelled))


def _find_shown(model: Model, first: Side, labelled: Days) -> Days:
    """The newest as_ofs that the choice of a first champion had not seen, to show how good it is: none where it saw all."""
    return unseen_as_ofs(labelled, (first.entry.chosen_on,), embargo=model.embargo)[-model.training.holdout_as_ofs :]


def _open_by_then(session: Session, run: Run) -> tuple[Contest, ...]:
    """Every contest that is open, but for those that a newer day than this has opened."""
    return tuple(contest for contest in ledger.open_contests(session, run.model) if contest.opened_for <= run.as_of)


def find_side(session: Session, run: Run, recipe: int) -> Side:
    """A recipe with the newest fit that it had on the day of the run."""
    entry = ledger.get_recipe(session, run.model, recipe)
    fit = ledger.newest_fit(session, run.model, recipe, until=run.as_of)
    assert fit is not None  # only a recipe that was fitted enters a contest
    return Side(entry, fit)


def choose_as_ofs(model: Model, pair: ContestPair, labelled: Days) -> Days:
    """The as_ofs that neither choice has seen, up to the last look; those of the looks before stay what they were.

    Worked example: looked at on 09-04 to 09-25, with 09-18 missing for a broken snapshot. Repaired later, 09-18 stays out,
    for it was not known then; 10-02 comes next.
    """
    before = pair.looked_at
    later = tuple(day for day in _find_unseen(model, pair, labelled) if not before or day > before[-1])
    return (*before, *later)[: pair.test.final if pair.test else None]


def _find_unseen(model: Model, pair: ContestPair, labelled: Days) -> Days:
    assert pair.champion is not None
    chosen_on = (pair.challenger.entry.chosen_on, pair.champion.entry.chosen_on)
    unseen = unseen_as_ofs(labelled, chosen_on, embargo=model.embargo)
    return unseen[-_count_first(model, pair) :] if pair.challenger.entry.chosen_on is None and not pair.looked_at else unseen


def _count_first(model: Model, pair: ContestPair) -> int:
    """As_ofs of the first look."""
    return AT_ONCE if pair.challenger.entry.chosen_on is None else model.training.holdout_as_ofs


def _is_ahead(pair: ContestPair, labelled: Days) -> bool:
    """Does this run's clock see all that was looked at? A rerun of an older day assesses nobody anew."""
    return not pair.looked_at or pair.looked_at[-1] <= max(labelled, default=date.min)


def _settle_contests(session: Session, model: Model, run: Run, champion: Side, labelled: Days) -> None:
    """End the contests that something else than a look has decided: a new champion, or a person who said no.

    Contests against a former champion start again against the new one. After a rollback they do not: a pair that met before
    is not tested twice, and the next weeks bring new challengers.
    """
    served = {promotion.recipe for promotion in ledger.champion_history(session, run.model)}
    for contest in _open_by_then(session, run):
        number = contest.challenger_recipe
        if number in served:
            ledger.end_contest(session, contest, "promoted", f"Recipe {number} became the champion's.")
        elif ledger.is_refused(session, contest):
            ledger.end_contest(session, contest, "rejected", f"A person was asked, and recipe {number} was not approved.")
        elif contest.champion_recipe != champion.entry.number:
            _start_again(session, model, run, contest, champion=champion, labelled=labelled)


def _start_again(session: Session, model: Model, run: Run, former: Contest, *, champion: Side, labelled: Days) -> None:
    challenger = find_side(session, run, former.challenger_recipe)
    entered = _enter(session, model, run, ContestPair(challenger, champion), labelled).contest
    sentence = f"Recipe {champion.entry.number} became the champion's."
    if entered is None:
        sentence += " The account of errors is empty: it does not start again."
    elif entered.status == "open":
        sentence += " It starts again against it."
    else:
        sentence += " The two have met before: it does not start again."
    ledger.end_contest(session, former, "ended", sentence)


def _enter(session: Session, model: Model, run: Run, pair: ContestPair, labelled: Days) -> ContestPair:
    """Test a challenger against the champion; a pair that met within a year has one contest, open or ended."""
    contest = ledger.find_contest(session, run.model, pair.numbers)
    if contest is not None and contest.effective_at > run.clock - account.YEAR:
        return _plan(model, replace(pair, contest=contest))
    return _draw(session, model, run, pair, labelled)


def _draw(session: Session, model: Model, run: Run, pair: ContestPair, labelled: Days) -> ContestPair:
    """Open a contest if the account covers its alpha; else the pair says when it will."""
    alpha, budget = account.size_draw(model)
    since = run.clock - account.YEAR
    drawn = list_draws(session, run.model, since)
    if not account.is_covered(alpha, budget, drawn, run.clock):
        refill = account.find_refill(alpha, budget, drawn, run.clock)
        return replace(pair, account_frees_on=refill.astimezone(model.zone).date() if refill else None)
    first = max(model.training.holdout_as_ofs, min(_count_first(model, pair), len(_find_unseen(model, pair, labelled))))
    overlap = ceil(model.label.horizon_days / model.grid.mean_step_days)
    terms = ledger.Terms(alpha, first + model.promotion.shadow_looks - 1, overlap)
    return _plan(model, replace(pair, contest=ledger.open_contest(session, run, pair.numbers, terms)))


def list_draws(session: Session, model: str, since: datetime) -> list[account.Drawn]:
    """What contests and canaries drew from the account of errors after an instant."""
    draws = (*ledger.draws(session, model, since=since), *ledger.canary_draws(session, model, since=since))
    return [(draw.alpha, draw.effective_at) for draw in draws]


def _plan(model: Model, pair: ContestPair) -> ContestPair:
    """What was fixed when the contest was opened; a model file that changes meanwhile changes no test that runs."""
    assert pair.contest is not None
    terms = pair.contest
    return replace(pair, test=TestPlan(terms.alpha, terms.last_look, terms.overlap, model.training.seed))


@dataclass(frozen=True)
class LostChallenger:
    """A challenger that cannot be assessed any more, and why: its files or its rows are gone."""

    because: str


def close_contests(
    session: Session, model: Model, run: Run, assessed: Sequence[tuple[ContestPair, Verdict | LostChallenger]]
) -> None:
    """Record every verdict and look, and close the contests that they end; of the open ones the best stay as shadows.

    What an earlier attempt has recorded stands: the timings of another are other timings.
    """
    for pair, found in assessed:
        if isinstance(found, LostChallenger) and pair.contest is not None:
            ledger.end_contest(session, pair.contest, "ended", found.because)
    verdicts = [(pair, found) for pair, found in assessed if isinstance(found, Verdict)]
    kept = _keep_shadows(model, verdicts)
    for pair, verdict in verdicts:
        if not _is_recorded(session, run, verdict):
            is_kept = pair.contest is not None and pair.contest.contest_id in kept
            ledger.record_evaluation(session, run, _close_contest(session, run, pair, verdict, is_kept=is_kept))


def _is_recorded(session: Session, run: Run, verdict: Verdict) -> bool:
    """Was this pair assessed on these rows before, for this day?"""
    former = ledger.latest_evaluation(session, run.model, verdict.challenger_version)
    return former is not None and (former.verdict.as_of, former.verdict.champion_recipe, former.verdict.holdout_as_ofs) == (
        verdict.as_of,
        verdict.champion_recipe,
        verdict.holdout_as_ofs,
    )


def _close_contest(session: Session, run: Run, pair: ContestPair, verdict: Verdict, *, is_kept: bool) -> Verdict:
    if pair.contest is None:
        return verdict
    if verdict.looks:
        ledger.record_look(session, run, pair.contest.contest_id, verdict.looks[-1])
    status = _find_status(pair, verdict, is_kept=is_kept)
    if status == "displaced":
        verdict = replace(verdict, compared_again_on=None, reasons=(DISPLACED, *verdict.reasons))
    if status != "open":
        ledger.end_contest(session, pair.contest, status, verdict.reasons[0])
    return verdict


def _find_status(pair: ContestPair, verdict: Verdict, *, is_kept: bool) -> str:
    """What becomes of a contest; one that may be promoted stays open until the champion changes."""
    if verdict.outcome is Outcome.REJECT:
        return "rejected"
    if verdict.outcome is Outcome.PROMOTE:
        return "open"
    assert pair.test is not None
    if len(verdict.holdout_as_ofs) >= pair.test.final:
        return "exhausted"
    return "open" if is_kept else "displaced"


def _keep_shadows(model: Model, assessed: Sequence[tuple[ContestPair, Verdict]]) -> frozenset[int]:
    """Contests that stay open, by number."""
    undecided = [
        replace(pair.contest, looks=verdict.looks)
        for pair, verdict in assessed
        if pair.contest is not None and verdict.outcome is Outcome.INCONCLUSIVE
    ]
    return frozenset(contest.contest_id for contest in choose_shadows(undecided, model.promotion.shadow_max))
