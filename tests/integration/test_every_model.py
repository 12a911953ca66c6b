"""Every model on the demo's tables as it is declared: its own suites, limits and rulings, from history to published scores."""

from __future__ import annotations

import json
import re
import shutil
import tomllib
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from perennial import operate, pipeline
from perennial.config import model_names
from perennial.errors import NotPromoted
from perennial.pipeline import approving
from perennial.records import Run
from tests.model_tables import has_own_tables
from tests.paths import ROOT
from tests.world import FIRST_AS_OF, scale_counts, shrink_suite

WEEK = timedelta(weeks=1)
CHANCE = 0.03  # by which a feature may rank better among a fifth of the households


def copy_model(name: str, copy: str, home: Path) -> None:
    """The model under another name, so that MLflow knows no version of it."""
    declared = (ROOT / "models" / f"{name}.toml").read_text(encoding="utf-8")
    renamed = re.sub(rf'^name = "{name}"', f'name = "{copy}"', allow_for_chance(declared), flags=re.MULTILINE)
    (home / "models").mkdir()
    (home / "models" / f"{copy}.toml").write_text(renamed, encoding="utf-8")
    shutil.copytree(ROOT / "sql" / name, home / "sql" / copy)
    shutil.copytree(ROOT / "expectations" / name, home / "expectations" / copy)


def allow_for_chance(declared: str) -> str:
    """Wider limits of what a single feature may reach."""
    limits = "|".join(("max_feature_auc", *tomllib.loads(declared)["training"].get("acknowledged_auc", {})))
    return re.sub(
        rf"^({limits}) = ([\d.]+)", lambda limit: f"{limit[1]} = {float(limit[2]) + CHANCE:.2f}", declared, flags=re.MULTILINE
    )


def write_suites(name: str, folder: Path, edit: Callable[[dict], dict]) -> None:
    for suite in (ROOT / "expectations" / name).glob("*.json"):
        edited = edit(json.loads(suite.read_text(encoding="utf-8")))
        (folder / suite.name).write_text(json.dumps(edited), encoding="utf-8")


@pytest.fixture
def declared_world(name, postgres, backfilled, open_world, tmp_path):
    """The purchases of the small world, and of models only a copy of this one."""
    copy = f"declared_{name}"
    copy_model(name, copy, tmp_path)
    postgres.make(copy, template=backfilled)
    with open_world(copy, tmp_path) as opened:
        yield opened
    postgres.drop(copy)


@pytest.mark.parametrize("name", [name for name in model_names(ROOT) if not has_own_tables(name)])
def test_a_model_comes_from_history_to_published_scores(declared_world, name):
    """Its history passes the beginnings of its suites, which is quicker; the day that is scored passes them whole."""
    stores, copy = declared_world.stores, f"declared_{name}"
    suites, model = stores.settings.home / "expectations" / copy, stores.declaration(copy).model
    newest_trained = FIRST_AS_OF + (model.training.min_as_ofs - 1) * WEEK
    first_held_out = newest_trained + model.embargo
    newest_held_out = first_held_out + (model.training.holdout_as_ofs - 1) * WEEK
    day = newest_held_out + model.horizon + WEEK
    run = Run(copy, day, model.known_until(day), "simulation", actor="tester")

    write_suites(name, suites, shrink_suite)
    operate.sync(stores, copy)
    history = [
        *operate.backfill(stores, copy, FIRST_AS_OF, newest_trained),
        *operate.backfill(stores, copy, first_held_out, newest_held_out),
    ]
    write_suites(name, suites, scale_counts)
    pipeline.refresh(stores, run)
    pipeline.validate(stores, run)
    trained = pipeline.train(stores, run)
    pipeline.compare(stores, run)
    try:
        pipeline.promote(stores, run)
    except NotPromoted:
        approving.force(stores, run, trained.version, reason="So few households may not be enough for a verdict.")
    published = pipeline.score(stores, run)

    assert {snapshot.as_of for snapshot in history} == {*trained.training_as_ofs, *trained.holdout_as_ofs}
    assert published.rows == declared_world.ask_one(f"select count(*) from analytics.{copy}_scores_latest") > 0
