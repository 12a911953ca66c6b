"""What the first weeks of the demo's model of yes or no leave: versions, scores, verdicts and decisions, as one page of JSON.

`demo_weeks.json` is what they left before there were other kinds of labels: the program of then came to the same page, on all
purchases of the demo and its model file. Who changes on purpose what is fitted, scored or judged writes it anew, and says so in
the changelog:

    WRITE_WEEKS=1 .venv/bin/python -m perennial.local .venv/bin/pytest -q tests/e2e/test_real_airflow.py -k left_before

Sums differ by their last bits from processor to processor, so that numbers are compared to a millionth; hashed is only what comes
from the data without a fit, and the order of scores. Left out is what may differ further: the order of reasons that are nearly 0,
the time that scoring took, and the size of files, in which last bits are digits.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from perennial.compare.harm.costs import SIZE, TIME
from perennial.config import Model
from perennial.pipeline import Stores
from perennial.pipeline.champion import load_version
from perennial.stores import ledger
from perennial.stores.registry.keeping import find_kept
from perennial.stores.registry.loading import CACHE
from perennial.tasks import task_of
from tests.signed import hash_said, read_files

FILE = Path(__file__).with_name("demo_weeks.json")
MEANS = 20
"""So many means stand for the scores of a day: each of the households whose number leaves the same rest."""
VERSIONS = """
    select
        version, trained_for, versions.origin, training_as_ofs, data_hash, recipes.algorithm, recipes.parameters,
        tuning -> 'recipe' as searched, choice -> 'losses' as losses, holdout_mean_score, holdout_auc, newest_mean_score, distance
    from ledger.versions join ledger.recipes using (model, recipe)
    where model = :model order by version"""
PUBLICATIONS = """
    select as_of, version, rows, mean_score from ledger.publications
    where model = :model and status = 'live' order by as_of"""
SCORES = "select entity_id, score from scores.{model} where as_of = :as_of order by rank, entity_id"
VERDICTS = """
    select distinct on (challenger_version) evidence from ledger.evaluations
    where model = :model order by challenger_version, evaluation_id"""
DECISIONS = """
    select as_of, choice, rule, drifted_share, prediction_shift
    from ledger.decisions join ledger.drift_checks using (model, as_of)
    where model = :model order by as_of, decision_id"""

Row = dict[str, Any]


def recall_weeks(page: dict[str, list[Row]]) -> Any:
    """What they left before; `WRITE_WEEKS` makes it what they left now."""
    if os.environ.get("WRITE_WEEKS"):
        parts = (f'"{part}": [\n' + ",\n".join(json.dumps(row) for row in rows) + "\n]" for part, rows in page.items())
        FILE.write_text("{" + ",\n".join(parts) + "}\n", encoding="utf-8")
    return json.loads(FILE.read_text(encoding="utf-8"))


def split_page(page: Any) -> tuple[dict[str, Any], dict[str, float]]:
    """What has to be equal, and what may differ by the last bits of sums: everything on a page by its place."""
    placed = dict(_place(page))
    numbers = {place: said for place, said in placed.items() if isinstance(said, float)}
    return {place: said for place, said in placed.items() if place not in numbers}, numbers


def _place(said: Any, place: str = "") -> Iterator[tuple[str, Any]]:
    if not isinstance(said, dict | list):
        yield place, said
        return
    yield f"{place}/", len(said)
    for name, each in said.items() if isinstance(said, dict) else enumerate(said):
        yield from _place(each, f"{place}/{name}")


def read_weeks(stores: Stores, name: str) -> dict[str, list[Row]]:
    """The page of what stands in a warehouse; of each challenger the first verdict."""
    model = stores.declaration(name).model
    with stores.warehouse.transaction() as session:
        page = {
            "versions": [row | _read_fit(stores, session, name, row["version"]) for row in _ask(session, VERSIONS, name)],
            "scores": [row | _read_scores(session, name, row["as_of"]) for row in _ask(session, PUBLICATIONS, name)],
            "verdicts": [_tell_verdict(model, row["evidence"]) for row in _ask(session, VERDICTS, name)],
            "decisions": _ask(session, DECISIONS, name),
        }
    return json.loads(json.dumps(page, default=str))


def _ask(session: Session, query: str, name: str, **values: object) -> list[Row]:
    return [dict(row) for row in session.execute(text(query.format(model=name)), {"model": name, **values}).mappings()]


def _read_fit(stores: Stores, session: Session, name: str, number: int) -> Row:
    """What a version has learned and says of its golden rows; the data behind it in a hash."""
    version = ledger.get_version(session, name, number)
    load_version(stores, version)
    *names, contract, golden = read_files(find_kept(version, stores.settings.artifacts / CACHE))
    linear = contract.pop("linear")
    data = (names, contract.pop("features"), linear.pop("means"), linear.pop("scales"), golden.pop("rows"))
    return {"data": hash_said(data), "contract": contract, "linear": linear, "golden": golden["scores"]}


def _read_scores(session: Session, name: str, as_of: date) -> Row:
    rows = _ask(session, SCORES, name, as_of=as_of)
    groups = [[row["score"] for row in rows if row["entity_id"] % MEANS == rest] for rest in range(MEANS)]
    return {"order": hash_said([row["entity_id"] for row in rows]), "means": [sum(group) / len(group) for group in groups]}


def _tell_verdict(model: Model, evidence: Row) -> Row:
    """With the floor, which a verdict says with four digits."""
    guards = [guard for guard in evidence["guards"] if guard["name"] not in (SIZE, TIME)]
    champion = next((each["champion"] for each in evidence["metrics"] if each["metric"] == model.headline), None)
    return evidence | {"guards": guards, "floor": champion and task_of(model).find_floor(champion)}
