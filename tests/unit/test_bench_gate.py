"""The proof of the gate in small: few years, wide limits; `bench/gate.py` has many."""

import ast
import sys
from importlib import import_module
from importlib.util import find_spec

import numpy as np
import pytest

from perennial.admit import measure_as_of
from perennial.compare.shadows import choose_shadows
from perennial.config import load_model
from perennial.tasks import task_of
from tests.paths import ROOT
from tests.unit.test_compare_shadows import make_contest

sys.path.insert(0, str(ROOT / "bench"))  # its modules are found beside the script, as Python finds them there

from years import decisions, poison, rivals, worlds

YEARS = 300
BINARY = task_of(load_model(ROOT / "models" / "lapse.toml"))
HARD = worlds.World(0.0086, 0.0)  # equal challengers come closest to a promotion here
ALIKE = worlds.World(0.0042, 0.5)


@pytest.fixture(scope="module")
def test_of_the_gate():
    return worlds.plan_test()


def live(world, test, **stream):
    return decisions.Years(world, test, decisions.Stream(**stream), years=YEARS, seed=7).live()


def test_equal_challengers_are_promoted_in_no_more_years_than_the_budget_says(test_of_the_gate):
    lived = live(HARD, test_of_the_gate, gain=0.0, with_drift=True, run_in=13)
    assert 0 < (lived.false > 0).mean() <= worlds.BUDGET + 0.04  # three standard errors of 300 years


def test_challengers_that_are_worse_are_not_promoted(test_of_the_gate):
    assert live(HARD, test_of_the_gate, gain=-0.01, with_drift=True).promotions.sum() == 0


def test_a_large_gain_is_seen_within_eight_weeks(test_of_the_gate):
    assert (live(HARD, test_of_the_gate, gain=0.02, weeks=8).promotions > 0).mean() > 0.9


def test_a_gain_at_the_floor_is_seen_within_a_year_and_once_only(test_of_the_gate):
    lived = live(ALIKE, test_of_the_gate, gain=0.01)
    assert (lived.promotions > 0).mean() > 0.8
    assert lived.promotions.mean() == pytest.approx(1, abs=0.03)


def test_a_weekly_test_errs_in_most_years():
    assert rivals.rate_rivals(ALIKE, 0.0, years=YEARS, seed=7)["weekly test"] > 0.5


def test_the_account_covers_no_more_than_the_budget(test_of_the_gate):
    years = decisions.Years(HARD, test_of_the_gate, decisions.Stream(0.0, with_drift=True, weeks=70), years=40, seed=7)
    years.live()
    drawn = np.lib.stride_tricks.sliding_window_view(years.drawn, worlds.WEEKS, axis=1).sum(axis=2)
    assert drawn.max() * worlds.ALPHA == pytest.approx(worlds.BUDGET)


def test_the_simulated_years_displace_whom_the_gate_displaces(test_of_the_gate):
    years = decisions.Years(HARD, test_of_the_gate, decisions.Stream(0.0), years=50, seed=7)
    estimates = np.random.default_rng(1).normal(0.002, 0.004, years.is_open.shape).round(3)
    years.is_open[:] = True
    years._displace(np.zeros_like(years.is_open), decisions.measure_promise(estimates, 0.004))
    contests = [[make_contest(place, estimate) for place, estimate in enumerate(row)] for row in estimates]
    chosen = [[contest.contest_id for contest in choose_shadows(row, 3)] for row in contests]
    assert chosen == [list(np.flatnonzero(row)) for row in years.is_open]


def test_poisoned_weeks_rest_and_quiet_ones_do_not():
    found = poison.simulate(load_model(ROOT / "models" / "lapse.toml"), poison.POISON_WORLDS[1], as_ofs=12, seed=7)
    assert {(kind, True): found[kind, True] for kind in poison.POISONS[1:]} == {(kind, True): 12 for kind in poison.POISONS[1:]}
    assert (found["none", True], found["none", False]) == (0, 12)


@pytest.mark.parametrize("kind", poison.POISONS)
def test_a_simulated_week_is_measured_at_once_as_admission_measures_it(kind):
    rng = np.random.default_rng(3)
    drawn = poison.draw_week(poison.BEGINS, poison.POISON_WORLDS[-1], rng).draw(kind, rng)
    assert flatten(poison.measure_at_once(*drawn)) == pytest.approx(flatten(measure_as_of(BINARY, *drawn)), abs=1e-12)


def flatten(measures):
    intervals = (*measures.found.values(), *measures.alone.values())
    figures = [value for found in intervals for value in (found.estimate, found.low, found.high, found.standard_error)]
    return [measures.rows, measures.rarer, *figures]


@pytest.mark.parametrize("script", sorted((ROOT / "bench").rglob("*.py")), ids=lambda script: script.stem)
def test_what_a_benchmark_imports_is_there(script):
    imports = [node for node in ast.walk(ast.parse(script.read_text())) if isinstance(node, ast.ImportFrom)]
    ours = [(node.module, each.name) for node in imports for each in node.names if node.module.startswith("perennial")]
    missing = [each for each in ours if not hasattr(import_module(each[0]), each[1]) and find_spec(".".join(each)) is None]
    assert missing == []
