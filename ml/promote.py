"""Who may become champion, and how the alias moves without a moment in which nobody knows the champion.

The ledger is the truth, the alias its projection. Under one lock for each model: reconcile the two; decide; check that
the version's files load; write the intent; move the alias; mark it applied. Each step is committed before the next
begins, so a crash leaves an open intent at worst, which the next reconcile finishes or undoes:

    crash after ...     ledger     alias      the next reconcile
    the lock            champion   champion   finds nothing; the rerun starts anew
    the intent          intended   champion   checks the files again, moves the alias, marks it applied
    moving the alias    intended   moved      checks the files again, marks it applied
    marking it applied  applied    moved      finds nothing; the rerun finds its work done
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Literal, Protocol

from ml.errors import NothingToRollBackTo, NotPromoted, PermanentError, PromotionRefused
from ml.records import Evaluation, Move, MoveKind, Outcome, Promotion, Run

History = tuple[Promotion, ...]
"""Applied movements, oldest first; the last names the champion."""

Approval = Literal["auto", "manual", "never"]
"""`promotion.approval` of a model file."""


# Who may
def choose_evaluation(evaluations: Sequence[Evaluation]) -> Evaluation:
    """The verdict to act on: of those that say PROMOTE the largest gain, and a renewal only where nothing is better.

    Where none says PROMOTE, it is the verdict on the newest challenger that people want to read.
    """
    earned = [evaluation for evaluation in evaluations if evaluation.verdict.outcome is Outcome.PROMOTE]
    challengers = [evaluation for evaluation in evaluations if evaluation.verdict.side != "renewal"]
    if not earned:
        return max(challengers or evaluations, key=lambda evaluation: evaluation.verdict.challenger_version)
    return max(earned, key=lambda evaluation: (evaluation.verdict.side != "renewal", _read_gain(evaluation)))


def _read_gain(evaluation: Evaluation) -> float:
    gain = evaluation.verdict.metric("auc").gain
    return gain.estimate if gain else 0.0


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
) -> Move | None:
    """The promotion that a verdict allows; None when it was done before (a rerun).

    Args:
        is_approved: a person said yes to this very promotion.

    Raises:
        NotPromoted: the verdict is not PROMOTE.
        PromotionRefused: the verdict is, and something else stands in the way.
    """
    verdict, reasons = evaluation.verdict, " ".join(evaluation.verdict.reasons)
    if verdict.outcome is not Outcome.PROMOTE:
        raise NotPromoted(
            f"{run}: version {verdict.challenger_version} was judged {verdict.outcome}: {' '.join(verdict.reasons)}"
        )
    if find_champion(history) == verdict.challenger_version:
        return None
    _check_circumstances(history, evaluation, run)
    _check_approval(evaluation, run, approval, is_approved=is_approved)
    kind: MoveKind = "renewal" if verdict.side == "renewal" else "promote"
    return Move(verdict.challenger_version, kind, reasons, evaluation.evaluation_id)


def _check_circumstances(history: History, evaluation: Evaluation, run: Run) -> None:
    verdict, champion = evaluation.verdict, find_champion(history)
    version = verdict.challenger_version
    if run.purpose == "backfill":
        raise PromotionRefused(f"{run}: a backfill never moves the champion, which is still version {champion}.")
    if verdict.model != run.model:
        raise PromotionRefused(f"{run}: the verdict is about a version of {verdict.model}.")
    if verdict.champion_version != champion:
        raise PromotionRefused(
            f"{run}: version {version} was compared with version {verdict.champion_version}, but the champion is now version "
            f"{champion}, which still serves: run `perennial compare {run.model} --as-of {run.as_of}` again."
        )
    if any(promotion.version == version for promotion in history):
        raise PromotionRefused(
            f"{run}: version {version} was champion before and was taken back; version {champion} still serves. "
            f"If you want it again: `perennial rollback {run.model} --to {version}`."
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
    if run.purpose == "backfill":
        raise PromotionRefused(f"{run}: a backfill never moves the champion.")
    if find_champion(history) == version:
        raise PromotionRefused(f"{run}: version {version} is the champion already.")
    return Move(version, "forced", reason)


def choose_former_champion(history: History, model: str, *, to: int | None = None) -> Move:
    """The rollback to a version, or to the champion before this one.

    Raises:
        NothingToRollBackTo: there is no former champion, or `to` is the champion already.
    """
    line = list_champions(history)
    if not line:
        raise NothingToRollBackTo(f"{model}: there is no champion yet: `perennial bootstrap {model}` makes the first.")
    if to is None and len(line) < 2:  # noqa: PLR2004 - the champion and the one before
        raise NothingToRollBackTo(f"{model}: there is no champion before version {find_champion(history)}, which still serves.")
    version = line[-2] if to is None else to
    if version == find_champion(history):
        raise NothingToRollBackTo(f"{model}: version {version} is the champion already.")
    return Move(version, "rollback", f"Rolled back from version {find_champion(history)}.")


def list_champions(history: History) -> tuple[int, ...]:
    """The line of champions behind the present one, oldest first: a rollback takes back what came after its target.

    Promoted 1, 2, 3, then rolled back to 2: the line is (1, 2), and the next rollback goes to 1, not to 3 again.
    """
    line: list[int] = []
    for promotion in history:
        if promotion.version in line:
            del line[line.index(promotion.version) + 1 :]
        else:
            line.append(promotion.version)
    return tuple(line)


def find_champion(history: History) -> int | None:
    """The version that serves; None before the first promotion."""
    return history[-1].version if history else None


# How
class Book(Protocol):
    """The ledger's side of one model; every call is a transaction of its own."""

    def lock(self) -> AbstractContextManager[None]: ...
    def history(self) -> History: ...
    def find_open(self) -> Promotion | None: ...
    def intend(self, move: Move, previous: int | None) -> Promotion: ...
    def apply(self, promotion: Promotion) -> Promotion: ...
    def undo(self, promotion: Promotion, because: str) -> Promotion: ...


class Alias(Protocol):
    """The registry's side of one model; None means that there is no alias."""

    def get(self) -> int | None: ...
    def set(self, version: int | None) -> None: ...


@dataclass(frozen=True)
class Throne:
    """What the protocol moves for one model, and how it makes sure of a version.

    Attributes:
        check: raises a PermanentError unless the ledger knows the version and its files load and reproduce.
    """

    book: Book
    alias: Alias
    check: Callable[[int], object]


def promote(throne: Throne, choose: Callable[[History], Move | None]) -> Promotion:
    """Move the champion to what `choose` makes of the history; the movement that is in force afterwards.

    A rerun, beside a survivor or after it, finds the work done. Raises what `choose` and the check raise; then the
    champion is the one it was.
    """
    with throne.book.lock():
        _reconcile(throne)
        history = throne.book.history()
        move = choose(history)
        return history[-1] if move is None else _carry_out(throne, move)


def roll_back(throne: Throne, model: str, *, to: int | None = None) -> Promotion:
    """Move the champion back; a rollback that a crash left open is finished instead of going back once more."""
    with throne.book.lock():
        finished = _reconcile(throne)
        if finished and (finished.kind, finished.status) == ("rollback", "applied") and to in (None, finished.version):
            return finished
        return _carry_out(throne, choose_former_champion(throne.book.history(), model, to=to))


def reconcile(throne: Throne) -> Promotion | None:
    """Bring ledger and alias together again; returns the movement that was finished, undone or found, if any.

    An open intent is finished, or undone when its files no longer pass. An alias moved by hand is recorded as `manual`
    if the version passes the checks, else it is moved back. A lost alias is set again.
    """
    with throne.book.lock():
        return _reconcile(throne)


def _carry_out(throne: Throne, move: Move) -> Promotion:
    throne.check(move.version)
    intent = throne.book.intend(move, find_champion(throne.book.history()))
    throne.alias.set(move.version)
    return throne.book.apply(intent)


def _reconcile(throne: Throne) -> Promotion | None:
    intent = throne.book.find_open()
    found = None if intent is None else _end_intent(throne, intent)
    champion, named = find_champion(throne.book.history()), throne.alias.get()
    if named == champion:
        return found
    if named is None:
        throne.alias.set(champion)
        return found
    by_hand = Move(named, "manual", f"The alias was found moved by hand from version {champion}.")
    return _finish(throne, throne.book.intend(by_hand, champion))


def _end_intent(throne: Throne, intent: Promotion) -> Promotion:
    named = throne.alias.get()
    if named not in (None, intent.previous_version, intent.version):
        return throne.book.undo(intent, f"Meanwhile the alias was moved by hand to version {named}.")
    return _finish(throne, intent)


def _finish(throne: Throne, intent: Promotion) -> Promotion:
    try:
        throne.check(intent.version)
    except PermanentError as failure:
        throne.alias.set(intent.previous_version)
        return throne.book.undo(intent, str(failure))
    if throne.alias.get() != intent.version:
        throne.alias.set(intent.version)
    return throne.book.apply(intent)
