"""From an Airflow context to a `Run`: which as_of, at what time, and why. `partition_date` and `logical_date` are never read."""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Any

from perennial.config import Model
from perennial.errors import AmbiguousAsOf
from perennial.records import Purpose, Run


def read_run(context: Mapping[str, Any], model: Model) -> Run:
    """The run that this task instance belongs to.

    Raises:
        AmbiguousAsOf: no partition key and no parameter, or two that differ.
    """
    as_of = read_as_of(context)
    purpose = read_purpose(context, as_of)
    return Run(
        model=model.name,
        as_of=as_of,
        clock=read_wall() if purpose == "live" else model.known_until(as_of),
        purpose=purpose,
        actor="airflow",
        dag_run_id=context["dag_run"].run_id,
    )


def read_wall() -> datetime:
    """The wall's time: the only place where Airflow's tasks learn it."""
    return datetime.now(UTC)


def read_as_of(context: Mapping[str, Any]) -> date:
    """The partition key, else the parameter `as_of`."""
    key, asked = context.get("partition_key"), context["params"].get("as_of")
    if key and asked and key != asked:
        raise AmbiguousAsOf(f"The partition key is {key} and the parameter as_of is {asked}: give one of them.")
    if not (key or asked):
        raise AmbiguousAsOf("This run has no as_of: trigger it with a partition key or the parameter as_of (YYYY-MM-DD).")
    try:
        return date.fromisoformat(str(key or asked))
    except ValueError as error:
        raise AmbiguousAsOf(f"as_of is '{key or asked}': write a date as YYYY-MM-DD.") from error


def read_purpose(context: Mapping[str, Any], as_of: date) -> Purpose:
    """A backfill stays a backfill over every hop, although run types downstream all say asset_triggered."""
    extras = [event.extra or {} for events in context["triggering_asset_events"].values() for event in events]
    if context["dag_run"].run_type == "backfill" or any(extra.get("purpose") == "backfill" for extra in extras):
        return "backfill"
    until = simulated_until()
    return "simulation" if until is not None and as_of <= until else "live"


def read_reason(context: Mapping[str, Any]) -> str:
    """Why a retraining was asked for: drift, weekly or first; by hand when no event woke the run."""
    extras = [event.extra or {} for events in context["triggering_asset_events"].values() for event in events]
    reasons = sorted({str(extra["reason"]) for extra in extras if "reason" in extra})
    return " and ".join(reasons) or "by hand"


def simulated_until() -> date | None:
    """The last day of a simulation, from PERENNIAL_SIMULATED_UNTIL; None in a live installation."""
    value = os.environ.get("PERENNIAL_SIMULATED_UNTIL", "")
    return date.fromisoformat(value) if value else None
