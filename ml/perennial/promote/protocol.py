"""How the champion moves without a moment in which nobody knows it; the steps stand in `perennial.promote`."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from typing import Protocol

from perennial.errors import PermanentError, VersionMissing
from perennial.promote.choosing import check_cooldown, check_purpose, choose_former_champion
from perennial.promote.history import History, newest_champion
from perennial.records import Move, Promotion, Run

Choice = Callable[[History], Move | None]
"""What to do about a history; None when it is done already."""


class Book(Protocol):
    """The ledger's side of one model; every call is a transaction of its own."""

    def lock(self) -> AbstractContextManager[None]: ...
    def check_lock(self) -> None: ...
    def history(self) -> History: ...
    def find_open(self) -> Promotion | None: ...
    def find_fits(self, version: int) -> frozenset[int]: ...
    def intend(self, move: Move, previous: int | None) -> Promotion: ...
    def apply(self, promotion: Promotion) -> Promotion: ...
    def undo(self, promotion: Promotion, because: str) -> Promotion: ...


class Alias(Protocol):
    """The registry's side of one model; None means that there is no alias."""

    def get(self) -> int | None: ...
    def set(self, version: int | None) -> None: ...


@dataclass(frozen=True)
class PromotionContext:
    """What the protocol moves for one model, and how it makes sure of a version.

    Attributes:
        check: raises a PermanentError unless the ledger knows the version and its files load and reproduce.
        run: on whose clock it is moved; a backfill's moves nothing.
        cooldown_days: how long a version that was taken back rests.
    """

    book: Book
    alias: Alias
    check: Callable[[int], object]
    run: Run
    cooldown_days: int


def promote(context: PromotionContext, choose: Choice) -> Promotion:
    """Move the champion to what `choose` makes of the history; the movement that is in force afterwards.

    A rerun, beside a survivor or after it, finds the work done. Raises what `choose` and the checks raise; then the
    champion is the one it was.
    """
    check_purpose(context.run)
    with context.book.lock():
        _reconcile(context)
        history = context.book.history()
        move = rehearse(context, choose)
        return history[-1] if move is None else _carry_out(context, move)


def rehearse(context: PromotionContext, choose: Choice) -> Move | None:
    """What `promote` would do now; raises what `choose` raises, and PromotionRefused while the version rests. Moves nothing."""
    history = context.book.history()
    move = choose(history)
    if move is not None:
        fits = context.book.find_fits(move.version)
        check_cooldown(history, move, context.run, fits=fits, days=context.cooldown_days)
    return move


def roll_back(context: PromotionContext, model: str, *, to: int | None = None, choose: Choice | None = None) -> Promotion:
    """Move the champion back; a rollback that a crash left open is finished instead of going back once more.

    Args:
        to: a former champion; without it the one before.
        choose: instead of both: what to go back to.
    """
    check_purpose(context.run)
    with context.book.lock():
        finished = _reconcile(context)
        history = context.book.history()
        if finished and (finished.kind, finished.status) == ("rollback", "applied") and _is_meant(history, to, choose):
            return finished
        move = choose(history) if choose else choose_former_champion(history, model, to=to)
        assert move is not None
        return _carry_out(context, move)


def _is_meant(history: History, to: int | None, choose: Choice | None) -> bool:
    """Is the rollback that a crash left open, and that is the newest movement now, the one that is asked for?"""
    if choose is None:
        return to in (None, history[-1].version)
    return len(history) > 1 and history[-1].recipe != history[-2].recipe


def reconcile_alias(context: PromotionContext) -> Promotion | None:
    """Bring ledger and alias together again; returns the movement that was finished, undone or found, if any.

    An open intent is finished, or undone when its files no longer pass. An alias moved by hand is recorded as `manual`
    if the version passes the checks, else it is moved back. A lost alias is set again, and recorded as undone.
    """
    check_purpose(context.run)
    with context.book.lock():
        return _reconcile(context)


def _carry_out(context: PromotionContext, move: Move) -> Promotion:
    context.check(move.version)
    intent = _intend(context, move, newest_champion(context.book.history()))
    _point_alias(context, move.version)
    return context.book.apply(intent)


def _intend(context: PromotionContext, move: Move, champion: int | None) -> Promotion:
    """Whoever stood still may have lost the lock, and another has moved the champion since: what was read is stale."""
    context.book.check_lock()
    return context.book.intend(move, champion)


def _point_alias(context: PromotionContext, version: int | None) -> None:
    """The registry knows no fence, so the lock is made sure of here too."""
    context.book.check_lock()
    context.alias.set(version)


def _reconcile(context: PromotionContext) -> Promotion | None:
    intent = context.book.find_open()
    found = None if intent is None else _end_intent(context, intent)
    champion, named = newest_champion(context.book.history()), context.alias.get()
    if named == champion:
        return found
    if named is None:
        assert champion is not None
        return _restore(context, champion)
    by_hand = Move(named, "manual", f"The alias was found moved by hand from version {champion} to version {named}.")
    return _finish(context, _intend(context, by_hand, champion))


def _end_intent(context: PromotionContext, intent: Promotion) -> Promotion:
    named = context.alias.get()
    if named not in (None, intent.previous_version, intent.version):
        return context.book.undo(intent, f"Meanwhile the alias was moved by hand to version {named}.")
    return _finish(context, intent)


def _finish(context: PromotionContext, intent: Promotion) -> Promotion:
    try:
        context.check(intent.version)
        if context.alias.get() != intent.version:
            _point_alias(context, intent.version)
    except PermanentError as failure:
        with suppress(VersionMissing):  # the champion before was deleted too: that is said where it is loaded
            _point_alias(context, intent.previous_version)
        return context.book.undo(intent, str(failure))
    return context.book.apply(intent)


def _restore(context: PromotionContext, champion: int) -> Promotion:
    """Set a lost alias again. A champion that was deleted cannot be named, and a rollback from it must stay possible."""
    intent = _intend(context, Move(champion, "manual", "The alias was found taken away by hand."), champion)
    try:
        _point_alias(context, champion)
    except VersionMissing as failure:
        return context.book.undo(intent, str(failure))
    return context.book.undo(intent, f"It names version {champion} again.")
