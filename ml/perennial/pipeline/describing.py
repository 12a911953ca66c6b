"""A few facts about a record, for a task, a terminal or a mail; never rows."""

from __future__ import annotations

from collections.abc import Mapping
from functools import singledispatch

from perennial.notices import say_what_became
from perennial.pipeline.evidence import find_serving
from perennial.pipeline.opening import Stores
from perennial.records import (
    Acceptance,
    AdmissionEntry,
    ApprovalQuestion,
    Assembly,
    Comparison,
    Decision,
    DriftCheck,
    Promotion,
    Publication,
    Refreshed,
    Run,
    Snapshot,
    Validation,
    Verdict,
    Version,
)
from perennial.stores import ledger
from perennial.stores.ledger import purges

Facts = dict[str, object]


@singledispatch
def describe(record: object) -> Facts:
    """The facts of a record that people want to see."""
    raise TypeError(f"{type(record).__name__} has no description")


@describe.register
def _(snapshot: Snapshot) -> Facts:
    return {"as_of": snapshot.as_of.isoformat(), "rows": snapshot.rows, "checksum": snapshot.checksum}


@describe.register
def _(validation: Validation) -> Facts:
    return {
        "as_of": validation.as_of.isoformat(),
        "passed": validation.passed,
        "rows": validation.rows,
        "quarantined": validation.quarantined,
        "expectations": len(validation.results),
    }


@describe.register
def _(assembly: Assembly) -> Facts:
    return {
        "rows": assembly.rows,
        "training": f"{assembly.plan.training[0]} .. {assembly.plan.training[-1]}",
        "held out from a search": f"{assembly.search.holdout[0]} .. {assembly.search.holdout[-1]}" if assembly.search else "",
        "knowledge_lag_days": assembly.plan.knowledge_lag_days,
        "data_hash": assembly.data_hash,
        "rested": ", ".join(day.isoformat() for day in assembly.plan.rested) or "nothing",
        "left_out": " ".join(assembly.left_out) or "nothing",
    }


@describe.register
def _(acceptance: Acceptance) -> Facts:
    stage = {"rows": "validate", "shift": "score"}[acceptance.accepted]
    return {
        "as_of": acceptance.as_of.isoformat(),
        "accepted": acceptance.accepted,
        "level": round(acceptance.level, 4),
        "by": acceptance.actor,
        "because": acceptance.reason,
        "next": f"perennial {stage} {acceptance.model} --as-of {acceptance.as_of}, or clear the task {stage} in Airflow",
    }


@describe.register
def _(entry: AdmissionEntry) -> Facts:
    return {
        "as_of": entry.as_of.isoformat(),
        "event": entry.event,
        "by": entry.actor,
        "because": entry.reason,
        "teaches": "from the next training on" if entry.may_teach else "no",
    }


@describe.register
def _(version: Version) -> Facts:
    return {
        "version": version.version,
        "recipe": version.recipe,
        "algorithm": version.algorithm,
        "trained_to": max(version.training_as_ofs).isoformat(),
        "holdout": ", ".join(day.isoformat() for day in version.holdout_as_ofs),
        "tuning": version.tuning.sentence if version.tuning else "A known recipe was fitted.",
        "mlflow_run_id": version.mlflow_run_id,
    }


@describe.register
def _(refreshed: Refreshed) -> Facts:
    version = refreshed.version
    distance = version.distance
    far = "" if distance is None else f"{distance.rank_correlation:.3f} with version {distance.version}"
    return {
        "version": version.version,
        "recipe": version.recipe,
        "trained_to": max(version.training_as_ofs).isoformat(),
        "serves": refreshed.held or "yes",
        "rank correlation": far,
        "mlflow_run_id": version.mlflow_run_id,
    }


@describe.register
def _(comparison: Comparison) -> Facts:
    newest, *others = sorted(comparison.verdicts, key=lambda verdict: verdict.challenger_version, reverse=True)
    beside = {f"recipe {other.challenger_recipe}": f"{other.outcome}. {other.reasons[0]}" for other in others}
    return {**describe(newest), **beside}


@describe.register
def _(verdict: Verdict) -> Facts:
    return {
        "outcome": verdict.outcome.value,
        "recipe": verdict.challenger_recipe,
        "version": verdict.challenger_version,
        "champion": verdict.champion_version,
        "rows": verdict.rows,
        "look": f"{len(verdict.looks)}, boundary {verdict.looks[-1].boundary:.2f} standard errors" if verdict.looks else "none",
        "because": " ".join(verdict.reasons),
    }


@describe.register
def _(promotion: Promotion) -> Facts:
    return {
        "version": promotion.version,
        "before": promotion.previous_version,
        "kind": promotion.kind,
        "because": promotion.reason,
    }


@describe.register
def _(question: ApprovalQuestion) -> Facts:
    return {
        "version": question.version,
        "champion": question.champion_version,
        "status": question.status,
        "because": " ".join((say_what_became(question), *(question.because if question.status == "open" else ()))),
        **({"next": f"a person answers: {question.commands}"} if question.status == "open" else {}),
    }


@describe.register
def _(publication: Publication) -> Facts:
    return {
        "as_of": publication.as_of.isoformat(),
        "publication_id": publication.publication_id,
        "version": publication.version,
        "rows": publication.rows,
        "mean_score": round(publication.mean_score, 4),
    }


@describe.register
def _(check: DriftCheck) -> Facts:
    return {
        "as_of": check.as_of.isoformat(),
        "rows": check.rows,
        "drifted_share": round(check.drifted_share, 3),
        "prediction_shift": round(check.prediction_shift, 4),
        "is_drifted": check.is_drifted,
        "report": check.report,
    }


@describe.register
def _(decision: Decision) -> Facts:
    return {
        "as_of": decision.as_of.isoformat(),
        "choice": decision.choice.value,
        "rule": decision.rule,
        "because": decision.sentence,
    }


def find_links(stores: Stores, run: Run) -> Mapping[str, str]:
    """Addresses for the buttons of a task: the MLflow run of the day's training or of the champion, and the drift report."""
    with stores.warehouse.transaction() as session:
        version = ledger.trained_on_day(session, run.model, run.as_of) or find_serving(session, run)
        checks = ledger.last_checks(session, run.model, run.as_of, limit=1)
        is_there = version is not None and purges.purged_at(session, "runs", run.model, version.version) is None
    links = {"mlflow_run": stores.registry.run_url(version.mlflow_run_id)} if version is not None and is_there else {}
    if checks and checks[0].as_of == run.as_of and checks[0].report:
        links["drift_report"] = checks[0].report
    return links
