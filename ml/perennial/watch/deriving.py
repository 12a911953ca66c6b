"""What follows from rows of the ledger and model files together, as rows of further tables."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any, get_args

from perennial.records.purges import PurgeKind
from perennial.stores.watching import Reading
from perennial.watch.declared import Declared, find_due, list_limits

Row = Mapping[str, Any]
YEAR = timedelta(days=365)  # a draw from the account of errors weighs so long
ENDINGS = ("ok", "failed", "refused", "lost")


def derive(declared: Sequence[Declared], reading: Reading) -> Reading:
    """Further tables by name; those of the ledger are left out where it could not be read."""
    found = {"declared": tuple(map(_describe, declared))}
    if not reading:
        return found
    attempts = reading["attempts"]
    clocks = {model: max(each) for model, each in _group(attempts, "clock")}
    return found | {
        "derived": tuple(_find_days(declared, reading)),
        "stages": tuple(_fold_stages(attempts)),
        "ended": tuple(_count_endings(attempts)),
        "purged": tuple(_count_purges(reading["purges"], sorted({row["model"] for row in attempts}))),
        "clocks": tuple({"model": model, "clock": clock} for model, clock in clocks.items()),
        "account": tuple(_draw_balances(reading["draws"], clocks)),
    }


def _describe(declared: Declared) -> Row:
    limits = {} if declared.model is None else list_limits(declared.model)
    return {"model": declared.name, "valid": declared.model is not None, **limits}


def _find_days(declared: Sequence[Declared], reading: Reading) -> Iterator[Row]:
    """When the scores after the newest are due, and which as_of came true last.

    A day without anybody to score is not waited for; nor is any before there is a champion.
    """
    scored = {row["model"]: row["as_of"] for row in reading["scores"]}
    fitted = {row["model"]: row["trained_for"] for row in reading["champions"]}
    quiet = {row["model"]: row["as_of"] for row in reading["snapshots"] if row["rows"] == 0}
    realised = {row["model"]: row["as_of"] for row in reading["outcomes"]}
    for each in declared:
        begin = scored.get(each.name) or fitted.get(each.name)
        newest = None if begin is None else max(begin, quiet.get(each.name, begin))
        due = find_due(each.model, newest) if each.model and newest and fitted.get(each.name) else None
        yield {"model": each.name, "due": due, "realised_as_of": realised.get(each.name)}


def _fold_stages(attempts: Sequence[Row]) -> Iterator[Row]:
    """One row for each stage of a model: what is under way, what was done, and the newest attempt that has ended."""
    by_stage = sorted(attempts, key=lambda row: (row["model"], row["stage"]))
    for (model, stage), found in groupby(by_stage, key=lambda row: (row["model"], row["stage"])):
        rows = {row["status"]: row for row in found}
        done = rows.get("ok")
        last = max((row for status, row in rows.items() if status != "running"), key=lambda row: row["newest"], default=None)
        yield {
            "model": model,
            "stage": stage,
            "running": rows["running"]["number"] if "running" in rows else 0,
            "done": done["number"] if done else 0,
            "seconds": done["seconds"] if done else 0.0,
            "succeeded_at": done["finished_at"] if done else None,
            "is_failed": None if last is None else last["status"] in ("failed", "lost"),
            "last_seconds": None if last is None else last["newest_seconds"],
        }


def _count_endings(attempts: Sequence[Row]) -> Iterator[Row]:
    """Every ending of each stage that was begun, 0 included: Prometheus sees a first failure only where 0 stood before it."""
    found = {(row["model"], row["stage"], row["status"]): row["number"] for row in attempts}
    for model, stage in sorted({(model, stage) for model, stage, _ in found}):
        for status in ENDINGS:
            yield {"model": model, "stage": stage, "status": status, "number": found.get((model, stage, status), 0)}


def _count_purges(purges: Sequence[Row], models: Sequence[str]) -> Iterator[Row]:
    """Every kind of each model that has lived, likewise."""
    found = {(row["model"], row["kind"]): row for row in purges}
    for model in models:
        for kind in get_args(PurgeKind):
            yield {"model": model, "kind": kind, "rows": 0, "bytes": 0} | dict(found.get((model, kind), {}))


def _draw_balances(draws: Sequence[Row], clocks: Mapping[str, datetime]) -> Iterator[Row]:
    """Tests under way, and what was drawn in the year before the newest clock of the runs."""
    for model, found in groupby(sorted(draws, key=lambda row: str(row["model"])), key=lambda row: row["model"]):
        tests = tuple(found)
        since = clocks[model] - YEAR if model in clocks else None
        drawn = sum(row["alpha"] for row in tests if since is None or row["effective_at"] > since)
        yield {"model": model, "open": sum(row["is_open"] for row in tests), "drawn": drawn}


def _group(rows: Iterable[Row], column: str) -> Iterator[tuple[str, list[Any]]]:
    """The values of a column by model, without nulls."""
    ordered = sorted((row for row in rows if row[column] is not None), key=lambda row: str(row["model"]))
    for model, found in groupby(ordered, key=lambda row: row["model"]):
        yield model, [row[column] for row in found]
