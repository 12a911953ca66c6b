"""What stages read and wrote, as the ledger tells it to whoever asks later."""

from dataclasses import replace

import pytest

from perennial import operate, pipeline
from perennial.demo.data import plant_null_column
from perennial.errors import ValidationFailed
from perennial.pipeline.lineage import find_lineage
from perennial.records import Lineage
from tests.integration.test_story import NEXT_DAY
from tests.world import FIRST_DAY, MODEL, edit_model

FEATURES = ("features", MODEL)
PEOPLE = """
[sources.people]
table = "source.customers"
times = "captured"
key = ["household_id"]
"""


def run_in_airflow(world, day, **changes):
    return replace(world.run(day), dag_run_id="scheduled__1", **changes)


def live(world, *stages, **changes):
    for stage in stages:
        pipeline.STAGES[stage](world.stores, run_in_airflow(world, NEXT_DAY, **changes))


def ask(world, *stages, day=NEXT_DAY):
    """Inputs and outputs by their places."""
    found = find_lineage(world.stores, run_in_airflow(world, day), stages)
    return {each.place: each for each in found.inputs}, {each.place: each for each in found.outputs}


def test_of_what_another_run_did_nothing_is_told(world):
    assert Lineage() == find_lineage(world.stores, run_in_airflow(world, FIRST_DAY), ("refresh", "validate", "score"))


def test_a_rerun_that_finds_its_work_done_tells_the_same(world):
    live(world, "refresh", "validate")
    first = ask(world, "refresh", "validate")
    live(world, "validate")
    assert first == ask(world, "refresh", "validate")


def test_a_snapshot_that_the_suites_stopped_is_read_with_what_they_found_and_written_by_nobody(world):
    plant_null_column(world.loader_url, NEXT_DAY)
    live(world, "refresh")
    with pytest.raises(ValidationFailed):
        live(world, "validate")
    inputs, outputs = ask(world, "validate")
    assert ({}, "invalid") == (outputs, inputs[FEATURES].facts["snapshot"]["status"])
    failed = [finding for finding in inputs[("source", "orders")].findings if not finding.passed]
    assert {"amount_cents"} == {finding.column for finding in failed}


def test_of_columns_that_another_query_built_nothing_is_told(world):
    live(world, "refresh")
    _, told = ask(world, "refresh")
    assert "recency_days" in told[FEATURES].origins.columns
    edit_model(world.settings.home, {"settle_hours = 6 ": "settle_hours = 5 "})
    _, changed = ask(world, "refresh")
    assert (told[FEATURES].version, None) == (changed[FEATURES].version, changed[FEATURES].origins)


def test_a_weekly_fit_names_its_training_set_and_what_serves(world):
    live(world, "refresh", "validate", "refit")
    inputs, outputs = ask(world, "refit")
    (version,) = (each for (place, *_), each in outputs.items() if place.startswith(f"{MODEL}/"))
    facts = version.facts["version"]
    assert {"champion": int(version.version)} == {
        place[0].partition("@")[2]: each.facts["promotion"]["version"] for place, each in outputs.items() if "@" in place[0]
    }
    training_set = inputs[FEATURES].facts["training_set"]
    assert {version.version: facts["data_hash"]} == training_set["data_hashes"]
    assert list(facts["training_as_ofs"]) == [day["as_of"] for day in training_set["days"]]


def test_a_captured_source_is_photographed_and_its_history_read(world):
    file = world.settings.home / "models" / f"{MODEL}.toml"
    written = file.read_text(encoding="utf-8")
    file.write_text(written.replace("\n[schedule]", f"{PEOPLE}\n[schedule]", 1), encoding="utf-8")
    operate.sync(world.stores, MODEL)
    pipeline.capture(world.stores, world.run(FIRST_DAY))
    live(world, "refresh", purpose="live")
    inputs, outputs = ask(world, "refresh")
    history = ("history", "source.customers")
    assert {("source", "customers"), history} <= set(inputs)
    assert {history, FEATURES} == set(outputs)
