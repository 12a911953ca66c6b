"""The one table of who may do what: what `sql/install`, the migrations and `perennial sync` give, role by role.

Whoever owns a thing may do everything with it, and a role that is not named nothing. `owner` is a member of `loader` and of
`pipeline`, and may what they may. A test compares this with what PostgreSQL says after the migrations, so that a migration that
grants or makes something comes with a line here; another tries each cell; `perennial check --all` compares it every night.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

ROLES = ("owner", "loader", "pipeline", "analyst", "watcher", "recorder")
MAY_LACK = ("watcher", "recorder")
"""Roles that an installation from before them has not made yet."""
EVERYBODY = "public"
Granted = Mapping[str, str]
"""Role -> privileges, as GRANT spells them."""


@dataclass(frozen=True)
class Schema:
    """What is given in one schema.

    Attributes:
        holds: what stands there, for people.
        given: on the schema itself, which `owner` owns.
        belongs_to: the owner of the tables and views in it; None: whoever made them.
        each: on each of them.
        by_default: on whatever this role will make there.
    """

    holds: str
    given: Granted
    belongs_to: str | None
    each: Granted
    by_default: str | None = None


MAKES = "create, usage"
SCHEMAS: Mapping[str, Schema] = {
    "source": Schema("your tables", {"loader": MAKES, "pipeline": "usage"}, None, {"pipeline": "select"}, "loader"),
    "history": Schema("what was captured of your tables", {"pipeline": MAKES}, "pipeline", {}),
    "features": Schema("snapshots", {"pipeline": MAKES}, "pipeline", {}),
    "labels": Schema("labels", {"pipeline": MAKES}, "pipeline", {}),
    "scores": Schema("scores", {"pipeline": MAKES}, "pipeline", {}),
    "tuning": Schema("studies of Optuna", {"pipeline": MAKES}, "pipeline", {}),
    "analytics": Schema("views", {"pipeline": MAKES, "analyst": "usage"}, "pipeline", {"analyst": "select"}, "pipeline"),
    "ledger": Schema("the ledger", {"pipeline": "usage", "watcher": "usage", "recorder": "usage"}, "owner", {}),
}

ADDS = "insert, select"
LEDGER: Mapping[str, str] = {
    "acceptances": ADDS,
    "admissions": ADDS,
    "approvals": f"{ADDS}, update (answer_source, answered_at, answered_by, answered_effective_at, remark, status)",
    "canaries": ADDS,
    "canary_arms": ADDS,
    "canary_ends": ADDS,
    "canary_looks": ADDS,
    "contests": f"{ADDS}, update (ended_at, reason, status)",
    "decisions": ADDS,
    "deliveries": f"{ADDS}, update (attempts, delivered_at, last_error)",
    "drift_checks": f"{ADDS}, update",
    "erased_days": f"{ADDS}, update (checksum)",
    "erased_versions": ADDS,
    "erasures": ADDS,
    "evaluations": ADDS,
    "events": ADDS,
    "looks": ADDS,
    "migrations": "select",
    "outbox": f"{ADDS}, update",
    "outcome_metrics": f"{ADDS}, update (high, low, standard_error, value)",
    "outcomes": f"{ADDS}, update",
    "page_parts": f"delete, {ADDS}",
    "promotions": f"{ADDS}, update (applied_at, reason, status)",
    "publications": f"{ADDS}, update",
    "purge_permits": "",
    "purges": ADDS,
    "quarantine": f"delete, {ADDS}",
    "recipes": ADDS,
    "requests": "select",
    "runs": f"{ADDS}, update",
    "snapshots": f"{ADDS}, update",
    "timings": ADDS,
    "unpins": ADDS,
    "validations": ADDS,
    "versions": ADDS,
    "views": f"{ADDS}, update",
}
"""Table of the ledger -> what `pipeline` may; nobody else may anything but what `WATCHED` says."""

WATCHED: Mapping[str, str] = {
    "admissions": "select (admission_id, as_of, event, model)",
    "approvals": "select (deadline, model, status)",
    "canaries": "select (alpha, effective_at, model)",
    "contests": "select (alpha, challenger_recipe, champion_recipe, effective_at, model, side, status)",
    "deliveries": "select (delivered_at, destination, event_id, model)",
    "drift_checks": "select (as_of, drifted_share, is_drifted, model, prediction_shift)",
    "evaluations": "select (as_of, challenger_version, champion_version, model, verdict)",
    "events": "select (event_id, kind, model, recorded_at)",
    "migrations": "select (number)",
    "outbox": "select (attempts, model, recorded_at, sent_at)",
    "outcome_metrics": 'select ("position", high, low, metric, publication_id, value)',
    "outcomes": "select (as_of, base_rate, mean_score, model, publication_id, version)",
    "promotions": "select (applied_at, kind, model, promotion_id, status, version)",
    "publications": "select (as_of, attempt, canary_share, mean_score, model, publication_id, published_at, rows, status, "
    "version)",
    "purges": "select (bytes, kind, model, rows)",
    "runs": "select (effective_at, finished_at, model, purpose, recorded_at, run_id, stage, status)",
    "snapshots": "select (as_of, kind, model, rows)",
    "validations": "select (as_of, model, passed, quarantined, validation_id)",
    "versions": "select (algorithm, effective_at, holdout_auc, model, recipe, trained_for, training_as_ofs, version)",
    "watched_decisions": "select",
}
"""Table or view of the ledger -> what `watcher` may: figures, and no text that people or stages wrote."""

STAYS, MOVES_ONCE = "delete, truncate, update", "delete, truncate"
FACTS: Mapping[str, str] = {
    "acceptances": STAYS,
    "admissions": STAYS,
    "approvals": MOVES_ONCE,
    "canaries": STAYS,
    "canary_arms": STAYS,
    "canary_ends": STAYS,
    "canary_looks": STAYS,
    "contests": MOVES_ONCE,
    "decisions": STAYS,
    "deliveries": MOVES_ONCE,
    "erased_versions": STAYS,
    "erasures": STAYS,
    "evaluations": STAYS,
    "events": STAYS,
    "looks": STAYS,
    "outcome_metrics": MOVES_ONCE,
    "promotions": MOVES_ONCE,
    "purges": STAYS,
    "recipes": STAYS,
    "timings": STAYS,
    "unpins": STAYS,
    "validations": STAYS,
    "versions": STAYS,
}
"""Table of the ledger -> what its trigger `facts_stay` refuses to everybody, its owner included."""

FUNCTIONS: Mapping[str, str] = {
    "analytics.champion_at": "analyst, pipeline",
    "ledger.after_erasures": EVERYBODY,
    "ledger.champion_recipe": EVERYBODY,
    "ledger.check_movement": EVERYBODY,
    "ledger.end_once": EVERYBODY,
    "ledger.is_permitted": EVERYBODY,
    "ledger.lived_until": EVERYBODY,
    "ledger.metrics_of": EVERYBODY,
    "ledger.place_entity": EVERYBODY,
    "ledger.purge_day": "pipeline",
    "ledger.recipe_of": EVERYBODY,
    "ledger.record_request": "recorder",
    "ledger.refuse_change": EVERYBODY,
    "ledger.strike": EVERYBODY,
    "ledger.strike_texts": "pipeline",
}
"""Function of `owner` -> who may execute it; of those in the ledger only who has usage on that schema reaches them, or a view."""

MEMBERS: Mapping[str, tuple[str, ...]] = {"owner": ("loader", "pipeline"), **dict.fromkeys(ROLES[1:], ())}
"""Role -> the roles that it is a member of."""

DATABASE: Granted = {
    **dict.fromkeys(("loader", "pipeline"), "connect, temporary"),
    **dict.fromkeys(("analyst", "watcher", "recorder"), "connect"),
}
"""On the warehouse itself, which `owner` owns."""
