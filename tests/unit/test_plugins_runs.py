"""From an Airflow context to a run: the as_of, the purpose over every hop, and the reason."""

from datetime import UTC, date, datetime
from types import SimpleNamespace

import pytest

from perennial.airflow.runs import read_as_of, read_reason, read_run
from perennial.config import load_model
from perennial.errors import AmbiguousAsOf
from tests.paths import ROOT

DAY = date(2017, 11, 6)
LAPSE = load_model(ROOT / "models" / "lapse.toml")


def context(*extras, key=None, param=None, run_type="manual"):
    """What Airflow hands to a task, as far as we read it; each extra stands for an asset event that woke the run."""
    return {
        "partition_key": key,
        "params": {"as_of": param},
        "dag_run": SimpleNamespace(run_id="manual__1", run_type=run_type),
        "triggering_asset_events": {"asset": [SimpleNamespace(extra=extra) for extra in extras]},
    }


@pytest.fixture
def simulation(monkeypatch):
    monkeypatch.setenv("PERENNIAL_SIMULATED_UNTIL", "2018-01-03")


@pytest.mark.parametrize(("key", "param"), [("2017-11-06", None), (None, "2017-11-06"), ("2017-11-06", "2017-11-06")])
def test_the_as_of_is_the_key_else_the_parameter(key, param):
    assert DAY == read_as_of(context(key=key, param=param))


def test_a_key_and_another_parameter_are_ambiguous():
    with pytest.raises(AmbiguousAsOf, match="give one of them"):
        read_as_of(context(key="2017-11-06", param="2017-11-13"))


def test_neither_key_nor_parameter_is_ambiguous():
    with pytest.raises(AmbiguousAsOf, match="has no as_of"):
        read_as_of(context())


@pytest.mark.parametrize("word", ["yesterday", "06/11/2017", "2017-13-01"])
def test_what_is_no_date_is_ambiguous(word):
    with pytest.raises(AmbiguousAsOf, match="YYYY-MM-DD"):
        read_as_of(context(param=word))


def test_a_backfill_stands_on_the_clock_of_its_day():
    run = read_run(context(key="2017-11-06", run_type="backfill"), LAPSE)
    assert ("backfill", datetime(2017, 11, 6, 11, tzinfo=UTC)) == (run.purpose, run.clock)  # midnight in New York and 6 h


def test_a_backfill_stays_one_over_every_hop():
    woken = context({"purpose": "backfill"}, key="2017-11-06", run_type="asset_triggered")
    assert "backfill" == read_run(woken, LAPSE).purpose


def test_a_day_of_a_simulation_stands_on_its_own_clock(simulation):
    run = read_run(context({"purpose": "simulation"}, key="2017-11-06"), LAPSE)
    assert ("simulation", LAPSE.known_until(DAY)) == (run.purpose, run.clock)


def test_a_backfill_within_a_simulation_is_a_backfill(simulation):
    assert "backfill" == read_run(context({"purpose": "backfill"}, key="2017-11-06"), LAPSE).purpose


def test_a_day_after_the_simulation_is_live(simulation):
    assert "live" == read_run(context(key="2018-01-04"), LAPSE).purpose


def test_without_a_simulation_a_run_is_live_on_the_wall_s_clock():
    before = datetime.now(UTC)
    run = read_run(context(key="2017-11-06"), LAPSE)
    assert "live" == run.purpose
    assert before <= run.clock <= datetime.now(UTC)


def test_a_run_is_named_after_its_dag_run():
    run = read_run(context(key="2017-11-06"), LAPSE)
    assert ("airflow", "manual__1") == (run.actor, run.dag_run_id)


@pytest.mark.parametrize(
    ("extras", "reason"),
    [
        ((), "by hand"),
        (({"reason": "weekly"},), "weekly"),
        (({"reason": "weekly"}, {"reason": "drift"}), "drift and weekly"),
        ((None,), "by hand"),
    ],
)
def test_the_reason_of_a_retraining_is_told_by_whoever_woke_it(extras, reason):
    assert reason == read_reason(context(*extras))
