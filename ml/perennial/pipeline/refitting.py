"""Every week, or when drift asks: the champion's recipe is fitted on the newest as_ofs that may teach, and that fit serves.

No verdict is asked for: what was judged is the recipe, by what its weekly fits serve. A fit is held back only when its scores
lie further from the serving ones than `publish_max_shift`, and for one week at most, for such a distance only grows. After a
movement by hand no fit serves until a person says so.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta
from functools import partial
from itertools import pairwise

from perennial import notices
from perennial import promote as protocol
from perennial.config import Declaration, Model, read_band, say_band
from perennial.errors import HistoryTooShort, NotAsked, NothingToDo, NothingToTrain, PermanentError
from perennial.pipeline.admitting import admit_matured
from perennial.pipeline.champion import open_promotion, settle
from perennial.pipeline.evidence import find_serving
from perennial.pipeline.fitting import Material, gather_material, make_fit
from perennial.pipeline.opening import Stores, recorded
from perennial.pipeline.walking import INTERVALS
from perennial.records import Choice, Evaluation, Move, Promotion, Recipe, RecipeEntry, Refreshed, Run, Version
from perennial.stores import ledger
from perennial.stores.sessions import Session
from perennial.train import choose_inputs, keeps_rule, rule_again

log = logging.getLogger(__name__)
WEEK_DAYS = 7
KEPT_WARM_DAYS = 28
"""So long the former champion's recipe is fitted every week as well, so that a way back finds it fresh."""


@recorded
def refit(stores: Stores, run: Run) -> Refreshed:
    """Fit the champion's recipe on the newest as_ofs that may teach and let it serve.

    Raises:
        NotAsked: a backfill never trains; nobody serves yet, or no refresh is due, or a movement by hand forbids it.
        NothingToTrain: nothing has changed since the last fit.
    """
    if run.purpose == "backfill":
        raise NotAsked(f"{run}: a backfill never trains.")
    declaration = stores.declaration(run.model)
    settle(stores, run)
    with stores.warehouse.transaction() as session:
        champion = find_serving(session, run)
    if champion is None:
        raise NotAsked(f"{run}: nobody serves yet: a training makes the first champion.")
    _check_due(stores, declaration, run, champion)
    with stores.warehouse.transaction() as session:
        labelled = admit_matured(stores, session, declaration, run)
    try:
        material = gather_material(stores, declaration, run, labelled)
    except HistoryTooShort as short:
        raise NothingToTrain(str(short)) from short
    return _refresh(material, champion)


def _check_due(stores: Stores, declaration: Declaration, run: Run, champion: Version) -> None:
    """Is a refresh due, and may it serve? While it may not, the owner is reminded every week, however rarely it would be due."""
    refresh = declaration.model.refreshes
    with stores.warehouse.transaction() as session:
        pin = ledger.find_pin(session, run.model)
        if pin is not None:
            notice = notices.write_pin(pin, run.as_of, refresh=refresh)
            ledger.put_notice(session, run, notice, declaration.model.owner)
    if pin is not None:
        raise NotAsked(f"{run}: {notices.say_pin(pin)}")
    interval = INTERVALS[refresh]
    if interval is None:
        raise NotAsked(f'{run}: training.refresh = "never": version {champion.version} serves as it is.')
    with stores.warehouse.transaction() as session:
        decision = ledger.find_decision(session, run.model, run.as_of)
    _check_interval(run, champion, interval, is_asked=decision is not None and decision.choice is Choice.TRAIN)


def _check_interval(run: Run, champion: Version, interval: int, *, is_asked: bool) -> None:
    """A week is the interval of the runs themselves; a longer one counts from the last fit, unless drift asks sooner."""
    due = champion.trained_for + timedelta(days=interval)
    if interval > WEEK_DAYS and champion.trained_for < run.as_of < due and not is_asked:
        raise NotAsked(
            f"{run}: version {champion.version} was fitted for {champion.trained_for}; the next refresh is due on {due}."
        )


def _refresh(material: Material, champion: Version) -> Refreshed:
    run, stores = material.run, material.stores
    with stores.warehouse.transaction() as session:
        entry = _follow_rulings(session, material, ledger.get_recipe(session, run.model, champion.recipe))
        warm = _find_warm(session, material, but=(entry.number, champion.recipe))
    if (champion.recipe, champion.data_hash) == (entry.number, material.training.data_hash):
        if _is_fit_of_the_day(material, champion):
            _tell(material, champion, champion, None)  # an attempt that was killed once it served has not
        raise NothingToTrain(
            f"{run}: version {champion.version} has learned from every as_of that may teach, up to {material.plan.training[-1]}."
        )
    version = make_fit(material, entry)
    for other in warm:
        _keep_warm(material, other)
    held = _find_reason_to_hold(material, champion, version)
    promotion = None if held else _serve(stores, run, champion, version)
    _tell(material, champion, version, held)
    log.info("refit %s: version %d %s", run, version.version, "is held back" if held else "serves")
    return Refreshed(version, promotion, held or "")


def _keep_warm(material: Material, entry: RecipeEntry) -> None:
    """Fit a recipe that may be wanted back; one that cannot be fitted any more, its inputs gone or excluded, stops nobody."""
    try:
        make_fit(material, entry)
    except PermanentError as failure:
        log.warning("refit %s: recipe %d is not kept warm. %s", material.run, entry.number, failure)


def _follow_rulings(session: Session, material: Material, entry: RecipeEntry) -> RecipeEntry:
    """What a person has ruled since binds every fit: the recipe goes on under another number, as chosen as it was before."""
    wanted, chosen_on = _rule(material, entry)
    if wanted.digest == entry.recipe.digest:
        return entry
    because = f"Recipe {entry.number} after what a person ruled about its inputs since."
    return ledger.enter_recipe(session, material.run, wanted, origin="ruling", chosen_on=chosen_on, because=because)


def _rule(material: Material, entry: RecipeEntry) -> tuple[Recipe, date | None]:
    """The recipe under today's rulings, and what its choice looked at: a rule that lost its only feature is chosen anew."""
    model, training = material.declaration.model, material.training
    known = choose_inputs(training, model.training)
    followed = follow_rulings(model, entry.recipe, known)
    if followed is not None:
        return followed, entry.chosen_on
    return rule_again(model, training, entry.recipe).complete(known, model.rulings), material.plan.training[-1]


def follow_rulings(model: Model, recipe: Recipe, known: Sequence[str]) -> Recipe | None:
    """The recipe under the rulings of now, where these are the inputs that a fit may read; None: a rule is chosen anew."""
    if recipe.algorithm != "single_feature":
        return replace(recipe, features=tuple(name for name in recipe.features if name in known), rulings=model.rulings)
    return recipe.complete(known, model.rulings) if keeps_rule(model, recipe, known) else None


def _find_warm(session: Session, material: Material, *, but: tuple[int, ...]) -> tuple[RecipeEntry, ...]:
    """The recipe of the champion before this one, while it may be wanted back; one that a ruling replaced is none."""
    run = material.run
    history = ledger.champion_history(session, run.model)
    since = run.clock - timedelta(days=KEPT_WARM_DAYS)
    left = [
        former.recipe
        for former, following in pairwise(history)
        if following.effective_at >= since
        and former.recipe not in (None, following.recipe, *but)
        and not _is_ruling(session, run, following)
    ]
    return (ledger.get_recipe(session, run.model, left[-1]),) if left and left[-1] is not None else ()


def _is_ruling(session: Session, run: Run, move: Promotion) -> bool:
    return move.recipe is not None and ledger.get_recipe(session, run.model, move.recipe).origin == "ruling"


def _find_reason_to_hold(material: Material, champion: Version, version: Version) -> str | None:
    """A mean score further from the serving one than the limit, unless the fit before this one was held back already."""
    band = material.declaration.model.scoring.publish_max_shift
    below, above = read_band(band)
    with material.stores.warehouse.transaction() as session:
        served = {move.version for move in ledger.champion_history(session, material.run.model)}
    distance = version.distance
    if distance is None or version.version in served or -below <= distance.mean_shift <= above:
        return None
    if distance.version not in served:
        return None
    former = f"version {distance.version}"
    return (
        f"Its mean score lies {distance.mean_shift:+.0%} from that of {former}, beyond scoring.publish_max_shift "
        f"({say_band(band)}): version {champion.version} serves on, and the next fit serves in any case."
    )


def _serve(stores: Stores, run: Run, champion: Version, version: Version) -> Promotion:
    reason = f"Fitted on as_ofs up to {max(version.training_as_ofs)}."

    def choose(history: protocol.History) -> Move | None:
        return protocol.choose_refresh(history, run, version.version, of=champion.recipe, reason=reason)

    return protocol.promote(open_promotion(stores, run), choose)


def _is_fit_of_the_day(material: Material, champion: Version) -> bool:
    """Does the champion serve because a refresh of this very day let it?"""
    with material.stores.warehouse.transaction() as session:
        newest = ledger.champion_history(session, material.run.model)[-1]
    return (newest.kind, newest.version, champion.trained_for) == ("refresh", champion.version, material.run.as_of)


def _tell(material: Material, champion: Version, version: Version, held: str | None) -> None:
    """A mail only when people should look: the fit is held back, or lies far from the one before."""
    distance = version.distance
    far = notices.say_distance(distance) if distance else ()
    if distance is None or not (held or far):
        return
    stores, run, owner = material.stores, material.run, material.declaration.model.owner
    with stores.warehouse.transaction() as session:
        notice = notices.write_distance(version, distance, far, held, run.as_of, before=champion)
        ledger.put_notice(session, run, notice, owner)
        if held:
            ledger.record_event(session, run, "held", champion.version)


def promote_newest_fit(
    stores: Stores, run: Run, evaluation: Evaluation, *, approval: protocol.Approval, is_approved: bool = False, said: str = ""
) -> Promotion:
    """Let the recipe that a verdict lets in take over by its newest fit; who may not be promoted is not fitted.

    Args:
        said: what a person added, kept with the reason.

    Raises:
        NotPromoted, PromotionRefused: as `perennial.promote.choose_challenger`.
    """
    context = open_promotion(stores, run)

    def choose(history: protocol.History, fit: int | None = None) -> Move | None:
        move = protocol.choose_challenger(history, evaluation, run, approval=approval, is_approved=is_approved, fit=fit)
        return move and replace(move, reason=f"{move.reason} {said}".rstrip())

    if protocol.rehearse(context, choose) is None:
        return protocol.promote(context, choose)
    return protocol.promote(context, partial(choose, fit=_fit_winner(stores, run, evaluation).version))


def _fit_winner(stores: Stores, run: Run, evaluation: Evaluation) -> Version:
    """The newest fit of the recipe that won: made now, unless it was made for this day."""
    with stores.warehouse.transaction() as session:
        known = ledger.get_version(session, run.model, evaluation.verdict.challenger_version)
        if known.trained_for == run.as_of:
            return known
        declaration = stores.declaration(run.model)
        labelled = admit_matured(stores, session, declaration, run)
        entry = ledger.get_recipe(session, run.model, known.recipe)
    return make_fit(gather_material(stores, declaration, run, labelled), entry)


@recorded
def unpin(stores: Stores, run: Run, *, reason: str) -> Promotion:
    """Let refreshes serve again after a movement by hand.

    Raises:
        NothingToDo: nothing is pinned.
    """
    model: Model = stores.declaration(run.model).model
    with stores.warehouse.transaction() as session:
        pin = ledger.find_pin(session, run.model)
        if pin is None:
            raise NothingToDo(f"{run}: nothing is pinned: the next refresh serves.")
        ledger.record_unpin(session, run, pin, reason=reason)
    log.info("unpin %s: refreshes of %s serve again. %s", run, model.name, reason)
    return pin
