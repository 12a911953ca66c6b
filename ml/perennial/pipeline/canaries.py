"""Canaries: who is one, who is in it, how it begins and ends.

A canary is a recipe under test that acts on a share of the entities, while the share of the model file is above 0
(`scoring.canary`) and nobody has ended it. Its end is one row: whoever asks after its commit finds the champion alone.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import date, timedelta
from math import ceil

from perennial import notices
from perennial.compare import account
from perennial.compare.arms import HARM_ALPHA, say_missing
from perennial.config import Model
from perennial.errors import ArtifactCorrupt, NothingToDo, PromotionRefused, SchemaMismatch, VersionMissing
from perennial.pipeline.champion import load_version
from perennial.pipeline.contests import find_side, list_draws
from perennial.pipeline.evidence import find_serving
from perennial.pipeline.opening import Stores
from perennial.predictor import Predictor
from perennial.records import Contest, Run, Version
from perennial.records.canaries import Canary, CanaryShare, EndKind, ServedArm, make_salt
from perennial.stores import ledger, warehouse
from perennial.stores.sessions import Session, take_lock

log = logging.getLogger(__name__)


def find_share(stores: Stores, run: Run, champion: Version) -> CanaryShare | None:
    """The canary in force for the published scores of a day; None where the champion scores everybody.

    One whose test has ended, or whose champion serves no more, is ended here, also where it acts on requests alone. A backfill
    has none: it scores as it was.
    """
    model = stores.declaration(run.model).model
    share = model.scoring.canary
    if run.purpose == "backfill":
        return None
    with stores.warehouse.transaction() as session:
        canary = ledger.running_canary(session, run.model)
        if canary is None or canary.started_for > run.as_of:
            return None
        if over := _find_end(session, run, canary, champion):
            _end(session, run, canary, Ending("ended", over), model.owner)
            return None
        if share == 0:
            return None
        return CanaryShare(canary, share, find_side(session, run, canary.challenger_recipe).version.version)


def prepare(stores: Stores, run: Run, champion: Version) -> warehouse.CanaryJob | None:
    """The canary of a day, ready to score; one that cannot score as it did ends, and the champion scores everybody."""
    share = find_share(stores, run, champion)
    if share is None:
        return None
    try:
        return warehouse.CanaryJob(share, _load(stores, run, share))
    except (VersionMissing, ArtifactCorrupt, SchemaMismatch, CanaryBroken) as broken:
        end(stores, run, share.canary, "harm", f"Version {share.version} cannot score {run.as_of}: {broken}")
        return None


def restore(stores: Stores, run: Run, found: warehouse.CanaryOfAttempt) -> warehouse.CanaryJob:
    """The canary that an attempt was opened with, for a process that scores a part of it."""
    with stores.warehouse.transaction() as session:
        canary = ledger.get_canary(session, run.model, found.canary_id)
        version = ledger.get_version(session, run.model, found.version)
    return warehouse.CanaryJob(CanaryShare(canary, found.share, found.version), load_version(stores, version))


class CanaryBroken(Exception):
    """Its inputs are not what they were when it began."""


def _load(stores: Stores, run: Run, share: CanaryShare) -> Predictor:
    with stores.warehouse.transaction() as session:
        version = ledger.get_version(session, run.model, share.version)
    predictor = load_version(stores, version)
    with stores.warehouse.transaction() as session:
        within = (share.canary.salt, share.share)
        missing = warehouse.measure_missing(session, run.model, run.as_of, predictor.contract.features, within)
    if said := say_missing(share.canary.missing, missing):
        raise CanaryBroken(f"{said}.")
    return predictor


def _find_end(session: Session, run: Run, canary: Canary, champion: Version) -> str:
    if champion.recipe != canary.champion_recipe:
        return f"Recipe {champion.recipe} serves now, and it was to be compared with recipe {canary.champion_recipe}."
    tested = {contest.contest_id: contest for contest in ledger.open_contests(session, run.model)}
    if canary.contest_id not in tested:
        return f"Recipe {canary.challenger_recipe} is no longer under test."
    is_refused = ledger.is_refused(session, tested[canary.contest_id])  # the next comparison ends its test, a week later or so
    return f"A person was asked, and recipe {canary.challenger_recipe} was not approved." if is_refused else ""


def end(stores: Stores, run: Run, canary: Canary, kind: EndKind, reason: str) -> bool:
    """End a canary for everybody, and tell the owner, in one transaction; False where it was over."""
    with stores.warehouse.transaction() as session:
        return _end(session, run, canary, Ending(kind, reason), stores.declaration(run.model).model.owner)


@dataclass(frozen=True)
class Ending:
    """How a canary ends, and why."""

    kind: EndKind
    reason: str


def _end(session: Session, run: Run, canary: Canary, ending: Ending, owner: str) -> bool:
    if not ledger.end_canary(session, run, canary, ending.kind, ending.reason):
        return False
    ledger.put_notice(session, run, notices.write_end(run, canary, ending.kind, ending.reason), owner)
    log.warning("%s: canary %d is over (%s). %s", run, canary.canary_id, ending.kind, ending.reason)
    return True


def start(stores: Stores, run: Run, *, recipe: int | None = None, reason: str | None = None) -> Canary:
    """Let a recipe under test act on the share that the model file says, from this day on; its alpha is drawn.

    Args:
        recipe: which of several under test; without it the only one.

    Raises:
        PromotionRefused: the share is 0, one runs, nobody is under test, or the account of errors does not cover it.
    """
    model = stores.declaration(run.model).model
    if not model.canary_share:
        raise PromotionRefused(
            f"{run.model}: nobody would be in the canary: write `canary = 0.05` under [scoring] for what is published, or under "
            f"[serving] for what `perennial serve` answers, in models/{run.model}.toml."
        )
    with stores.warehouse.transaction() as session:
        take_lock(session, "contests", run.model)
        contest = _choose_contest(session, run, recipe)
        alpha = _draw(session, model, run)
        missing = _measure_missing(stores, session, run, contest)
        former = ledger.list_canaries(session, run.model)
        pair = contest.challenger_recipe, contest.champion_recipe
        salt = make_salt(run.model, pair, run.as_of, len(former), model.training.seed)
        overlap = ceil(model.label.horizon_days / model.grid.mean_step_days)
        terms = ledger.CanaryTerms(salt, alpha, HARM_ALPHA, model.promotion.shadow_looks, overlap, missing)
        canary = ledger.start_canary(session, run, contest, terms, reason)
        ledger.put_notice(session, run, notices.write_start(run, canary, say_share(model)), model.owner)
    return canary


def _choose_contest(session: Session, run: Run, recipe: int | None) -> Contest:
    serving = find_serving(session, run)
    running = ledger.running_canary(session, run.model)
    if running is not None:
        raise PromotionRefused(
            f"{run.model}: recipe {running.challenger_recipe} is the canary since {running.started_for}: "
            f"`perennial canary stop {run.model}` ends it."
        )
    recipe_now = None if serving is None else serving.recipe
    tested = [
        one
        for one in ledger.open_contests(session, run.model)
        if one.champion_recipe == recipe_now and not ledger.is_refused(session, one)
    ]
    chosen = [one for one in tested if recipe in (None, one.challenger_recipe)]
    if len(chosen) == 1:
        return chosen[0]
    known = ", ".join(str(one.challenger_recipe) for one in tested) or "none"
    how = "name one with --recipe" if chosen else "`perennial train` and `perennial compare` bring one under test"
    raise PromotionRefused(f"{run.model}: recipes under test against the champion: {known}; {how}.")


def _draw(session: Session, model: Model, run: Run) -> float:
    alpha, budget = account.size_draw(model)
    drawn = list_draws(session, run.model, run.clock - account.YEAR)
    if account.is_covered(alpha, budget, drawn, run.clock):
        return alpha
    refill = account.find_refill(alpha, budget, drawn, run.clock)
    when = f" It does from {refill.astimezone(model.zone).date()} on." if refill else ""
    raise PromotionRefused(f"{run.model}: the account of errors does not cover another test of {alpha:.5f}.{when}")


def _measure_missing(stores: Stores, session: Session, run: Run, contest: Contest) -> float:
    """Of the inputs of the recipe in the newest valid snapshot: what is usual."""
    days = ledger.valid_days(session, run.model, first=run.as_of - timedelta(days=366), last=run.as_of)
    if not days:
        raise PromotionRefused(f"{run.model}: no snapshot up to {run.as_of} is valid: run refresh and validate first.")
    version = find_side(session, run, contest.challenger_recipe).version
    return warehouse.measure_missing(session, run.model, max(days), load_version(stores, version).contract.features)


def say_share(model: Model) -> str:
    """What a canary acts on, in words."""
    acts_on = [
        named for named, share in (("published scores", model.scoring.canary), ("requests", model.serving.canary)) if share
    ]
    return f"{model.canary_share:.3g} of the {' and '.join(acts_on) or 'entities'}"


def find_running(stores: Stores, model: str) -> Canary:
    """The canary that runs.

    Raises:
        NothingToDo: none does.
    """
    stores.declaration(model)
    with stores.warehouse.transaction() as session:
        canary = ledger.running_canary(session, model)
    if canary is None:
        raise NothingToDo(f"{model}: no canary runs: the champion scores everybody.")
    return canary


def find_stoppable(stores: Stores, model: str) -> Canary:
    """The canary that runs; else one that was stopped while the newest day still holds its scores: whoever stopped it was killed.

    Raises:
        NothingToDo: there is neither.
    """
    with stores.warehouse.transaction() as session:
        known = ledger.list_canaries(session, model)
        running = [each for each in known if each.is_running]
        cut_off = [each for each in known if each.ended == "stopped" and find_newest_day(session, each) is not None]
    return (running or cut_off or [find_running(stores, model)])[0]


def find_newest_day(session: Session, canary: Canary) -> date | None:
    """The newest published day, if it holds scores of the canary."""
    newest = ledger.newest_publication(session, canary.model)
    touched = {each.as_of for each in ledger.canary_days(session, canary.model, canary)}
    return newest.as_of if newest is not None and newest.as_of in touched else None


@dataclass(frozen=True)
class CanaryStanding:
    """A canary, what its arms were given, and what its requests came to."""

    canary: Canary
    arms: tuple[ledger.ArmOfDay, ...]
    served: tuple[ServedArm, ...]


def list_standings(stores: Stores, model: str) -> tuple[CanaryStanding, ...]:
    """Every canary of a model, oldest first."""
    stores.declaration(model)
    with stores.warehouse.transaction() as session:
        return tuple(
            CanaryStanding(each, ledger.canary_arms(session, each), ledger.served_arms(session, each, since=each.started_for))
            for each in ledger.list_canaries(session, model)
        )
