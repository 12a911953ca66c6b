"""What an attempt of a stage read and wrote, told by the ledger and by PostgreSQL: what Airflow's tasks report as lineage.

Nothing here rests on what a process remembers: a stage that ended has left its rows, and whoever asks later hears the same. Of an
attempt that did not end well nothing is told, but for a snapshot that its suites have stopped.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import Literal

from perennial.config import Declaration
from perennial.errors import PermanentError
from perennial.pipeline.opening import Stores
from perennial.records import Column, ColumnOrigin, ColumnOrigins, Dataset, Lineage, RuleResult, Run, Snapshot, Version
from perennial.stores import ledger, warehouse
from perennial.stores.sessions import Session
from perennial.validate import load_suite

Kind = Literal["features", "labels"]
Told = tuple[Sequence[Dataset], Sequence[Dataset]]
"""Inputs and outputs."""
PLAIN = ("as_of", "entity_id")
"""What a published score takes over from its snapshot; `publication_id` comes from nowhere."""


@dataclass(frozen=True)
class Trace:
    """One attempt of a stage, and where to ask about it."""

    session: Session
    declaration: Declaration
    run: Run
    attempt: ledger.Attempt

    @property
    def model(self) -> str:
        return self.run.model

    @cached_property
    def snapshot(self) -> Snapshot:
        return ledger.find_snapshot(self.session, self.model, self.run.as_of)

    def describe(self, schema: str, table: str) -> tuple[Column, ...]:
        return warehouse.describe_table(self.session, schema, table)

    def find_origins(self, kind: Kind, query_hash: str) -> ColumnOrigins | None:
        """What columns are made of, if the queries are still those that built them; another query would tell another story."""
        if query_hash != self.declaration.definition_hash(kind):
            return None
        try:
            with self.session.begin_nested():
                return warehouse.find_origins(self.session, self.declaration, self.run.as_of, kind)
        except PermanentError:  # a source that is gone since; what was built stands
            return None

    def list_sources(self, findings: Mapping[str, tuple[RuleResult, ...]] | None = None) -> list[Dataset]:
        """The tables of the declared sources."""
        found = findings or {}
        return [
            Dataset(place, columns=self.describe(*place), findings=found.get(name, ()))
            for name, place in warehouse.find_sources(self.declaration).items()
        ]

    def take_features(self, version: str | None = None, findings: tuple[RuleResult, ...] = ()) -> Dataset:
        """The snapshot of the day, as it is read."""
        facts = {"snapshot": _describe_snapshot(self.snapshot)}
        return Dataset(("features", self.model), version, rows=self.snapshot.rows, facts=facts, findings=findings)


def find_lineage(stores: Stores, run: Run, stages: Sequence[str]) -> Lineage:
    """What the newest attempts of some stages by this run of Airflow read and wrote.

    Raises:
        WarehouseUnavailable: nobody can tell.
    """
    inputs: dict[tuple[str, ...], Dataset] = {}
    outputs: dict[tuple[str, ...], Dataset] = {}
    attempts: list[dict[str, object]] = []
    declaration = stores.declaration(run.model)
    with stores.warehouse.transaction() as session:
        for stage in stages:
            attempt = ledger.find_attempt(session, run, stage)
            if attempt is None:
                continue
            attempts.append({"stage": stage, "attempt": attempt.run_id, "ended": attempt.status})
            read, written = _tell(Trace(session, declaration, run, attempt))
            inputs |= {dataset.place: dataset for dataset in read}
            outputs |= {dataset.place: dataset for dataset in written}
    facts = {"model": run.model, "as_of": run.as_of, "purpose": run.purpose, "attempts": attempts}
    return Lineage(tuple(inputs.values()), tuple(outputs.values()), facts if attempts else {})


def _tell(trace: Trace) -> Told:
    if trace.attempt.status == "ok":
        read, written = STAGES[trace.attempt.stage](trace) if trace.attempt.stage in STAGES else ((), ())
        labels_read, labels_written = _tell_labels(trace)
        return (*labels_read, *read), (*labels_written, *written)
    if trace.attempt.stage == "validate" and trace.attempt.status == "failed" and trace.snapshot.status == "invalid":
        return _tell_validation(trace)
    return (), ()


def _tell_snapshot(trace: Trace) -> Told:
    """`refresh`: from the sources to the snapshot; a table that is updated in place is photographed first."""
    snapshot, sources = trace.snapshot, trace.declaration.model.sources
    photographed = [name for name, source in sources.items() if source.times == "captured" and trace.attempt.purpose == "live"]
    tables = [sources[name].locate(name) for name in photographed]
    histories = [warehouse.find_sources(trace.declaration)[name] for name in photographed]
    features = Dataset(
        ("features", trace.model),
        snapshot.checksum,
        trace.describe("features", trace.model),
        snapshot.rows,
        {"snapshot": _describe_snapshot(snapshot)},
        origins=trace.find_origins("features", snapshot.query_hash),
    )
    read = [*(Dataset(table, columns=trace.describe(*table)) for table in tables), *trace.list_sources()]
    return read, [*(Dataset(history, columns=trace.describe(*history)) for history in histories), features]


def _tell_validation(trace: Trace) -> Told:
    """`validate`: the suites look at the sources and at the snapshot, and take rows out of it."""
    found = ledger.find_validation(trace.session, trace.model, trace.run.as_of)
    results = found.results if found else ()
    suite = load_suite(trace.declaration, "source")
    tables = {rule.name: rule.meta.table for rule in suite.rules if rule.meta.table is not None}
    about_sources = {
        name: tuple(each for each in results if each.suite == "source" and tables.get(each.rule) == name)
        for name in tables.values()
    }
    quarantined = found.quarantined if found else 0
    version = None if quarantined else trace.snapshot.checksum  # what it was before its rejects went, nobody kept
    features = trace.take_features(version, tuple(each for each in results if each.suite in ("snapshot", "bands")))
    read = [each for each in trace.list_sources(about_sources) if each.findings]
    if found is None or not found.passed:
        return [*read, features], []
    kept = Dataset(("features", trace.model), trace.snapshot.checksum, rows=trace.snapshot.rows, facts=features.facts)
    rejects = [Dataset(("ledger", "quarantine"), rows=quarantined)] if quarantined else []
    return [*read, features], [kept, *rejects]


def _tell_scores(trace: Trace) -> Told:
    """`score`: from the snapshot and a version, with a canary two of them, to the published day."""
    publication = ledger.live_publication(trace.session, trace.model, trace.run.as_of)
    built = None if publication is None else ledger.find_building(trace.session, publication.publication_id)
    if publication is None or built is None:
        return [], []
    numbers = [each for each in (publication.version, built.canary_version) if each is not None]
    versions = [ledger.get_version(trace.session, trace.model, number) for number in numbers]
    columns = trace.describe("scores", trace.model)
    facts = {"as_of": publication.as_of, "model_version": publication.version, **_without_none(built.__dict__)}
    scores = Dataset(
        ("scores", trace.model),
        str(publication.publication_id),
        columns,
        publication.rows,
        {"publication": facts},
        origins=_find_origins_of_scores(trace, versions, columns),
    )
    return [trace.take_features(built.snapshot_checksum), *map(_describe_version, versions)], [scores]


def _find_origins_of_scores(trace: Trace, versions: Sequence[Version], columns: tuple[Column, ...]) -> ColumnOrigins:
    """A score and what is told beside it is made of the inputs of the recipes that scored the day."""
    recipes = [ledger.get_recipe(trace.session, trace.model, version.recipe).recipe for version in versions]
    read = sorted({name for recipe in recipes for name in recipe.features})
    inputs = tuple(ColumnOrigin("features", trace.model, name, "transformation") for name in read)
    plain = {name: (ColumnOrigin("features", trace.model, name, "identity"),) for name in PLAIN}
    made = {column.name: inputs for column in columns if column.name != "publication_id"}
    return ColumnOrigins(made | plain, ())


def _tell_fits(trace: Trace) -> Told:
    """`train` and `refit`: from snapshots and labels to versions; of a refit also what serves."""
    origin = "training" if trace.attempt.stage == "train" else "refresh"
    fits = [fit for fit in ledger.fits_of_day(trace.session, trace.model, trace.run.as_of) if fit.origin == origin]
    days = sorted({day for fit in fits for day in (*fit.training_as_ofs, *fit.holdout_as_ofs)})
    hashes = {str(fit.version): fit.data_hash for fit in fits}
    read = [_describe_training_set(trace, kind, days, hashes) for kind in ("features", "labels")] if fits else []
    return read, [*map(_describe_version, fits), *_list_movements(trace)]


def _describe_training_set(trace: Trace, kind: Kind, days: Sequence[date], hashes: Mapping[str, str]) -> Dataset:
    built = ledger.days_built(trace.session, trace.model, kind, days)
    facts = {"data_hashes": hashes, "days": [each.__dict__ for each in built]}
    return Dataset((kind, trace.model), rows=sum(each.rows for each in built), facts={"training_set": facts})


def _tell_labels(trace: Trace) -> Told:
    """Whoever looks at what has matured builds its labels, from the sources and for the cohorts of the snapshots."""
    days = ledger.labelled_during(trace.session, trace.model, trace.attempt)
    if not days:
        return [], []
    newest = ledger.find_snapshot(trace.session, trace.model, days[-1].as_of, "labels")
    labels = Dataset(
        ("labels", trace.model),
        columns=trace.describe("labels", trace.model),
        rows=sum(day.rows for day in days),
        facts={"labels": {"days": [day.__dict__ for day in days], "query_hash": newest.query_hash}},
        origins=trace.find_origins("labels", newest.query_hash),
    )
    cohort = Dataset(("features", trace.model), columns=trace.describe("features", trace.model))
    return [*trace.list_sources(), cohort], [labels]


def _tell_verdicts(trace: Trace) -> Told:
    """`compare`: two versions at a time, on rows that neither had seen."""
    verdicts = [evaluation.verdict for evaluation in ledger.evaluations_of_day(trace.session, trace.run)]
    numbers = {
        each for verdict in verdicts for each in (verdict.challenger_version, verdict.champion_version) if each is not None
    }
    versions = [_describe_version(ledger.get_version(trace.session, trace.model, number)) for number in sorted(numbers)]
    facts = [
        {
            "challenger": verdict.challenger_version,
            "champion": verdict.champion_version,
            "outcome": verdict.outcome.value,
            "rows": verdict.rows,
        }
        for verdict in verdicts
    ]
    compared = Dataset(("ledger", "evaluations"), rows=len(verdicts), facts={"verdicts": {"verdicts": facts}})
    rows = [Dataset((kind, trace.model)) for kind in ("features", "labels")]
    return [*rows, *versions], [compared] if verdicts else []


def _tell_promotion(trace: Trace) -> Told:
    """`promote`: a version becomes what serves."""
    written = _list_movements(trace)
    read = [_name_version(trace.model, str(each.version)) for each in written]
    return [Dataset(("ledger", "evaluations")), *(Dataset(place) for place in read)] if written else [], written


def _list_movements(trace: Trace) -> list[Dataset]:
    """What serves, if this attempt moved it."""
    move = ledger.movement_at(trace.session, trace.model, trace.attempt.effective_at)
    kind = "refresh" if trace.attempt.stage == "refit" else "promote"
    if move is None or move.effective_at != trace.attempt.effective_at or move.kind != kind:
        return []
    facts = {"version": move.version, "before": move.previous_version, "kind": move.kind}
    return [Dataset((f"{trace.model}@champion",), str(move.version), facts={"promotion": _without_none(facts)})]


def _tell_check(trace: Trace) -> Told:
    """`monitor`: what the champion sees now, against what it was trained on."""
    checks = ledger.last_checks(trace.session, trace.model, trace.run.as_of, limit=1)
    if not checks or checks[0].as_of != trace.run.as_of:
        return [], []
    check = checks[0]
    facts = {
        "drifted_share": check.drifted_share,
        "prediction_shift": check.prediction_shift,
        "is_drifted": check.is_drifted,
        "rows": check.rows,
    }
    version = _describe_version(ledger.get_version(trace.session, trace.model, check.version))
    checked = Dataset(("ledger", "drift_checks"), rows=1, facts={"drift": facts})
    return [trace.take_features(), Dataset(("scores", trace.model)), version], [checked]


def _describe_snapshot(snapshot: Snapshot) -> dict[str, object]:
    names = ("as_of", "rows", "checksum", "query_hash", "config_hash", "status")
    return {name: getattr(snapshot, name) for name in names}


def _describe_version(version: Version) -> Dataset:
    names = ("version", "recipe", "algorithm", "mlflow_run_id", "data_hash", "trained_for", "origin", "config_hash", "query_hash")
    facts = {name: getattr(version, name) for name in (*names, "code_version", "manifest", "training_as_ofs", "holdout_as_ofs")}
    return Dataset(_name_version(version.model, str(version.version)), str(version.version), facts={"version": facts})


def _name_version(model: str, version: str) -> tuple[str, ...]:
    """As MLflow writes it behind `models:/`."""
    return (f"{model}/{version}",)


def _without_none(facts: Mapping[str, object]) -> dict[str, object]:
    return {name: value for name, value in facts.items() if value is not None}


STAGES: Mapping[str, Callable[[Trace], Told]] = {
    "refresh": _tell_snapshot,
    "validate": _tell_validation,
    "score": _tell_scores,
    "refit": _tell_fits,
    "train": _tell_fits,
    "compare": _tell_verdicts,
    "promote": _tell_promotion,
    "carry_out": _tell_promotion,
    "monitor": _tell_check,
}
"""What each stage leaves; `assemble` leaves labels alone, and the others nothing that somebody reads as data."""
