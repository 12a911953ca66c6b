"""The day's challenger and every shadow against the champion: what the weekly fits of each recipe served, or would have.

    settle contests -> enter the day's candidate (alpha is drawn) -> assess each pair -> record, close, displace

Everything is read from the ledger and the stored snapshots, so that a rerun assesses the same pairs on the same rows; what it
finds is written in one transaction.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from perennial.compare import ComparisonInput, Contestant
from perennial.compare import compare as assess
from perennial.compare.served import ServedEvidence, weigh_canary
from perennial.config import Declaration, Model
from perennial.errors import ArtifactCorrupt, MisalignedScores, NotAsked, NothingToDo, SnapshotMissing, VersionMissing
from perennial.pipeline.admitting import admit_matured
from perennial.pipeline.champion import load_version
from perennial.pipeline.contests import ContestPair, LostChallenger, Side, close_contests, enter_pairs
from perennial.pipeline.evidence import find_serving, labels_of_shift_mature_on
from perennial.pipeline.measuring import Seconds, time_pair, weigh
from perennial.pipeline.opening import Stores, recorded
from perennial.pipeline.walking import Walk
from perennial.records import Comparison, Run, TrainingSet, Verdict, Version
from perennial.stores import ledger, warehouse
from perennial.stores.sessions import Session, take_lock
from perennial.tasks import Scores


@recorded
def compare(stores: Stores, run: Run) -> Comparison:
    """Assess the day's challenger and the shadows against the champion, or let the first one in.

    Raises:
        NothingToDo: nobody is under test.
        NotAsked: a backfill compares nobody.
        VersionMissing: there is no champion, and nothing was trained for this day.
    """
    if run.purpose == "backfill":
        raise NotAsked(f"{run}: a backfill compares nobody: it would draw on today's account of errors.")
    declaration = stores.declaration(run.model)
    with stores.warehouse.transaction() as session:
        challengers, champion = _find_contestants(session, run)
        labelled = admit_matured(stores, session, declaration, run).days
        take_lock(session, "contests", run.model)
        pairs = enter_pairs(session, declaration.model, run, challengers=challengers, champion=champion, labelled=labelled)
    walk = Walk(stores, declaration, run, labelled)
    assessed = tuple(_assess_all(walk, pairs))
    with stores.warehouse.transaction() as session:
        take_lock(session, "contests", run.model)
        close_contests(session, declaration.model, run, assessed)
        _record_events(session, run)
        _forget_ended(session, declaration, run)
        return _recall(session, run)


def _assess_all(walk: Walk, pairs: Sequence[ContestPair]) -> Iterator[tuple[ContestPair, Verdict | LostChallenger]]:
    """A verdict on each pair, in their order; a shadow that cannot be assessed any more stops nobody else.

    What is wrong with the champion or the day's challenger is raised, for then nothing can be said.
    """
    for champion in {pair.champion.version.version: pair.champion for pair in pairs if pair.champion}.values():
        load_version(walk.stores, champion.version)
    for pair in pairs:
        try:
            yield pair, assess(_prepare_pair(walk, pair))
        except (VersionMissing, ArtifactCorrupt, MisalignedScores, SnapshotMissing) as failure:
            if pair.challenger.version.trained_for == walk.run.as_of:
                raise
            yield pair, LostChallenger(str(failure))


def _forget_ended(session: Session, declaration: Declaration, run: Run) -> None:
    """Scores that were kept for a recipe go once it is neither under test nor has served."""
    served = {move.recipe for move in ledger.champion_history(session, run.model) if move.recipe is not None}
    tested = {contest.challenger_recipe for contest in ledger.open_contests(session, run.model)}
    fitted_today = {version.recipe for version in ledger.fits_of_day(session, run.model, run.as_of)}
    warehouse.forget_scores(session, declaration, but=sorted(served | tested | fitted_today))


def _record_events(session: Session, run: Run) -> None:
    """MLflow says of everybody assessed how it went; that follows, as the cards do, whether or not it answers now."""
    verdicts = [evaluation.verdict for evaluation in ledger.evaluations_of_day(session, run)]
    assessed = {verdict.challenger_version for verdict in verdicts}
    for number in sorted(assessed | {v.champion_version for v in verdicts if v.champion_version}):
        ledger.record_event(session, run, "compared", number, tells_verdict=number in assessed)


def _recall(session: Session, run: Run) -> Comparison:
    """All verdicts of the day, those of an earlier attempt too: a rerun returns what the first one did."""
    evaluations = ledger.evaluations_of_day(session, run)
    if not evaluations:
        raise NothingToDo(f"{run}: no recipe is under test: no new one was found, and none waits for another look.")
    return Comparison(tuple(evaluation.verdict for evaluation in evaluations))


def _find_contestants(session: Session, run: Run) -> tuple[tuple[Side, ...], Side | None]:
    made = [version for version in ledger.fits_of_day(session, run.model, run.as_of) if version.origin == "training"]
    serving = find_serving(session, run)
    if not made and serving is None:
        raise VersionMissing(
            f"{run}: no version was trained for this day: run `perennial train {run.model} --as-of {run.as_of}`."
        )
    return tuple(_find_side(session, version) for version in made), None if serving is None else _find_side(session, serving)


def _find_side(session: Session, version: Version) -> Side:
    return Side(ledger.get_recipe(session, version.model, version.recipe), version)


def _prepare_pair(walk: Walk, pair: ContestPair) -> ComparisonInput:
    run, declaration = walk.run, walk.declaration
    with walk.stores.warehouse.transaction() as session:
        days = pair.as_ofs or pair.challenger.version.training_as_ofs[-1:]  # of no rows the columns are known all the same
        rows = warehouse.read_training_set(session, declaration, days).rows_of(pair.as_ofs)
        checks = ledger.last_checks(session, run.model, run.as_of, limit=declaration.model.monitoring.persistence[1])
        earlier = ledger.earlier_looks(session, run, pair.contest.contest_id if pair.contest else None)
        chosen = ledger.chosen_fit(session, run.model, pair.challenger.entry.number)  # a shadow's newest fit chose nothing
        served = _weigh_canary(session, declaration.model, pair)
    contest = _prepare(replace(walk, first=pair.as_ofs[0]) if pair.as_ofs else walk, pair, rows)
    shifted = labels_of_shift_mature_on(declaration.model, checks)
    shifted_later = shifted if shifted and shifted > run.as_of else None
    choice = None if chosen is None else chosen.choice
    return replace(contest, earlier=earlier, shifted_labels_mature_on=shifted_later, choice=choice, served=served)


def _weigh_canary(session: Session, model: Model, pair: ContestPair) -> ServedEvidence | None:
    """What the canary that runs has shown of this pair."""
    canary = ledger.running_canary(session, model.name)
    is_its = canary is not None and pair.contest is not None and canary.contest_id == pair.contest.contest_id
    return weigh_canary(model, canary) if canary is not None and is_its else None


def _prepare(walk: Walk, pair: ContestPair, rows: TrainingSet) -> ComparisonInput:
    """Scores of the same rows by fits of both recipes that had not seen them; days that either cannot score are left out."""
    sides = [pair.challenger] if pair.champion is None else [pair.challenger, pair.champion]
    scores = [walk.score(side.entry, rows) for side in sides]
    scored = [{stamp.date() for stamp in each.index.get_level_values("as_of").unique()} for each in scores]
    rows = rows.rows_of(tuple(day for day in rows.as_ofs if all(day in days for days in scored)))
    seconds: tuple[Seconds, ...] = ((),) * len(sides)
    if pair.champion is not None and len(rows.labels):
        seconds = time_pair(walk.stores, pair.challenger.version, pair.champion.version, rows)
    entered = [
        _enter(walk.stores, side, each.loc[rows.labels.index], taken)
        for side, each, taken in zip(sides, scores, seconds, strict=True)
    ]
    return ComparisonInput(
        model=walk.model,
        as_of=walk.run.as_of,
        challenger=entered[0],
        champion=None if pair.champion is None else entered[1],
        labels=rows.labels,
        segments=rows.segments,
        clusters=rows.clusters,
        beside=rows.beside,
        test=pair.test,
        former=pair.contest.looks if pair.contest else (),
        account_frees_on=pair.account_frees_on,
    )


def _enter(stores: Stores, side: Side, scores: Scores, timings: Seconds) -> Contestant:
    version = side.version
    return Contestant(
        version=version.version,
        recipe=side.entry.number,
        algorithm=version.algorithm,
        newest_as_of=max(version.training_as_ofs),
        learned_as_ofs=len(version.training_as_ofs),
        chosen_on=side.entry.chosen_on,
        scores=scores,
        size_bytes=weigh(stores, version),
        seconds_per_1000_rows=timings,
        features=side.entry.recipe.features,
    )
