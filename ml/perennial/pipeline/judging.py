"""The arms of a canary compared on what was served: as labels mature, and at once on what requests came to."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

from perennial import notices
from perennial.compare.arms import Judged, ServedRows, judge_arms
from perennial.config import Declaration, read_band
from perennial.metrics import add_clusters, enter_beside
from perennial.pipeline import canaries
from perennial.pipeline.admitting import admit_matured
from perennial.pipeline.drawing import find_windows, read_drawn
from perennial.pipeline.opening import Stores
from perennial.records import Run
from perennial.records.canaries import Canary
from perennial.records.requests import find_harm
from perennial.stores import ledger, warehouse
from perennial.stores.sessions import Session
from perennial.tasks import Scores


def judge(stores: Stores, run: Run) -> Judged | None:
    """Look at what requests came to, and at the arms of the canary that runs where another as_of has matured.

    Harm ends it before the day is scored; a gain is told to the owner, and counts in the next comparison.

    Returns the look; None where no canary runs, or nothing has matured.
    """
    if run.purpose == "backfill" or check_requests(stores, run):
        return None
    with stores.warehouse.transaction() as session:
        canary = ledger.running_canary(session, run.model)
    if canary is None or canary.started_for > run.as_of:
        return None
    found = compare_arms(stores, run, canary)
    if found is None or found.waits_for:
        return found
    canary = replace(canary, arms=found.arms)
    with stores.warehouse.transaction() as session:
        _record(stores, session, run, canary, found)
    if found.is_harmful:
        canaries.end(stores, run, canary, "harm", f"On what was served it did worse: {say_looks(found, is_harm=True)}")
    return found


def compare_arms(stores: Stores, run: Run, canary: Canary) -> Judged | None:
    """What the arms come to on every as_of of the canary that has matured and may judge; None while there is none."""
    declaration = stores.declaration(run.model)
    with stores.warehouse.transaction() as session:
        matured = admit_matured(stores, session, declaration, run).days
        published = {each.as_of for each in ledger.canary_days(session, run.model, canary)}
        shares = ledger.served_shares(session, canary) if declaration.model.scoring.acted_on is not None else ()
        if shares and not published:
            sides = read_drawn(session, declaration, canary, find_windows(declaration.model, canary, matured, shares))
        else:
            sides = _read_served(session, declaration, canary, tuple(day for day in matured if day in published))
    if sides is None or any(side.labels.empty for side in sides):
        return None
    return judge_arms(declaration.model, canary, *sides)


def _read_served(
    session: Session, declaration: Declaration, canary: Canary, days: tuple[date, ...]
) -> tuple[ServedRows, ServedRows] | None:
    """What was published of either arm."""
    if not days:
        return None
    ours, theirs = warehouse.read_arms(session, declaration, canary.canary_id, days)
    return _label(session, declaration, days, ours), _label(session, declaration, days, theirs)


def _label(session: Session, declaration: Declaration, days: tuple[date, ...], scores: Scores) -> ServedRows:
    """The labels of what an arm was served, with weights, values and clusters."""
    rows = warehouse.read_training_set(session, declaration, days)
    known = scores[scores.index.isin(rows.labels.index)]
    labels = rows.labels.reindex(known.index)
    clusters = None if rows.clusters is None else rows.clusters.reindex(known.index)
    told = enter_beside(add_clusters(known, clusters), rows.beside)
    return ServedRows(told, enter_beside(add_clusters(labels, clusters), rows.beside))


def _record(stores: Stores, session: Session, run: Run, canary: Canary, found: Judged) -> None:
    """Keep the looks; the first time that a gain is shown the owner is told."""
    if found.looks:
        ledger.record_canary_look(session, run, canary, ("gain", found.looks[-1]), found.arms)
    if found.harm_looks:
        ledger.record_canary_look(session, run, canary, ("harm", found.harm_looks[-1]), found.arms)
    if found.is_better and not canary.is_ahead:
        model = stores.declaration(run.model).model
        notice = notices.write_better(run, canary, say_looks(found, is_harm=False), model.promotion.approval)
        ledger.put_notice(session, run, notice, model.owner)


def say_looks(found: Judged, *, is_harm: bool) -> str:
    """What the newest look says, in a sentence."""
    look = found.harm_looks[-1] if is_harm else found.looks[-1]
    named = "loss" if is_harm else "gain"
    return (
        f"its {named} is {look.estimate:.4g} with a standard error of {look.standard_error:.2g}, its lower bound over all looks "
        f"{look.lower:.4g}, on {len(look.as_ofs)} as_ofs: {found.arms.canary.rows} rows of the canary and "
        f"{found.arms.champion.rows} of the champion."
    )


def check_requests(stores: Stores, run: Run) -> str:
    """What requests of the canary came to since it began, against those of the champion; on harm it ends.

    Returns why it was ended, empty where it was not. To be asked as often as one likes. A backfill ends nothing.
    """
    if run.purpose == "backfill":
        return ""
    with stores.warehouse.transaction() as session:
        canary = ledger.running_canary(session, run.model)
        served = () if canary is None else ledger.served_arms(session, canary, since=canary.started_for)
    if canary is None:
        return ""
    harm = find_harm(served, max_shift=read_band(stores.declaration(run.model).model.scoring.publish_max_shift))
    if harm:
        canaries.end(stores, run, canary, "harm", f"Requests: {harm}.")
    return harm
