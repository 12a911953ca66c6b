"""Rows that a worker reads and encodes by itself are those of the stage, or the training ends."""

from __future__ import annotations

from dataclasses import replace
from threading import Event, Thread
from types import SimpleNamespace

import numpy as np
import pytest

from perennial.errors import ConfigError, WarehouseBusy
from perennial.pipeline import engines, working
from perennial.train import Part, deal_days, describe_folds, describe_rows, join_rows
from perennial.train.rows import cut_folds, gather_rows
from perennial.train.splits import make_folds
from tests.training_sets import amount_model, class_model, make_amounts, make_classes, make_training_set, small_model, small_plan

MODEL = small_model()
DAYS = small_plan(MODEL).training


def weigh(training):
    """Rows that weigh 0, 1, 2 in turns."""
    weights = training.labels.astype(float) * 0 + np.arange(len(training.labels)) % 3
    return replace(training, beside={"weight": weights})


KINDS = {
    "yes or no": (MODEL, make_training_set(DAYS)),
    "amounts": (amount_model("mae"), make_amounts(DAYS)),
    "classes": (class_model(), make_classes(DAYS)),
    "weighed": (MODEL, weigh(make_training_set(DAYS))),
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_part_that_was_read_elsewhere_is_encoded_as_among_all_rows(kind):
    model, training = KINDS[kind]
    rows, days = gather_rows(model, training), DAYS[2:4]
    read = describe_rows(rows).on(days).read(model, training.rows_of)
    meant = rows.on(days)
    assert np.array_equal(meant.matrix, read.matrix, equal_nan=True)
    assert np.array_equal(meant.labels, read.labels)
    assert (meant.classes, meant.features) == (read.classes, read.features)
    assert (meant.weights is None and read.weights is None) or np.array_equal(meant.weights, read.weights)


def test_a_class_that_a_part_lacks_keeps_its_place():
    model, training = KINDS["classes"]
    rows = gather_rows(model, training)
    without = training.labels.where(training.labels != "bakery", "dairy")
    part = Part(describe_rows(rows).encoding, {}, {}).encoding.encode(model, replace(training, labels=without))
    assert set(np.unique(part.labels)) == {1.0, 2.0, 3.0}
    assert part.classes == ("bakery", "dairy", "gifts", "produce")


@pytest.mark.parametrize("what", ["features", "labels"])
def test_other_rows_than_those_of_the_stage_are_named_by_their_day(what):
    rows = gather_rows(MODEL, KINDS["yes or no"][1])
    other = KINDS["yes or no"][1]
    changed = other.features.copy() if what == "features" else other.labels.copy()
    changed.iloc[0] = 1 - changed.iloc[0] if what == "labels" else changed.iloc[1]
    with pytest.raises(
        WarehouseBusy, match=f"lapse: a worker read other rows of {DAYS[0]} than the stage.*PERENNIAL_WAREHOUSE_URL"
    ):
        describe_rows(rows).on(DAYS[:2]).read(MODEL, replace(other, **{what: changed}).rows_of)


def test_a_worker_that_would_hold_one_row_shares_no_fit():
    rows = gather_rows(MODEL, make_training_set(DAYS[:2], entities=2))
    first, second = (describe_rows(rows.on(DAYS[:2]).take(part)) for part in (slice(0, 2), slice(2, 3)))
    engines.check_shares(MODEL, [first, first])
    with pytest.raises(ConfigError, match=rf"one would hold 1 row, of {DAYS[1]}: lower training.workers_per_fit"):
        engines.check_shares(MODEL, [first, second])


def test_a_worker_with_another_program_reads_nothing():
    order = SimpleNamespace(program={**working.describe_program(), "xgboost": "0.1"})
    with pytest.raises(ConfigError, match=r"A worker has xgboost \S+ instead of 0\.1: install there what the stage runs"):
        working.read_part(order, None)


def test_the_folds_of_a_training_are_one_part_and_equal_parts_have_equal_tokens():
    rows = gather_rows(MODEL, make_training_set(DAYS))
    folds = cut_folds(rows, make_folds(DAYS, 2, MODEL.embargo))
    used = sorted({day for fold in folds for day in (*fold.fold.training, *fold.fold.validation)})
    part = describe_folds(folds)
    assert list(part.as_ofs) == used
    assert part.cells == len(rows.on(used).labels) * 4
    assert part.token == describe_rows(rows).on(used).token != describe_rows(rows).on(used[1:]).token


def test_joined_days_are_the_rows_of_these_days():
    rows = gather_rows(*KINDS["weighed"])
    joined, meant = join_rows([rows.on((day,)) for day in DAYS[:3]]), rows.on(DAYS[:3])
    assert np.array_equal(joined.matrix, meant.matrix, equal_nan=True)
    assert np.array_equal(joined.weights, meant.weights)
    assert list(joined.index) == list(meant.index)


@pytest.mark.parametrize(
    ("days", "processes", "dealt"),
    [(5, 2, [(0, 2, 4), (1, 3)]), (2, 3, [(0,), (1,)]), (3, 1, [(0, 1, 2)])],
)
def test_every_process_takes_every_so_manieth_day_and_none_stays_empty(days, processes, dealt):
    assert deal_days(range(days), processes) == dealt


def test_a_fold_is_cut_from_the_rows_of_its_own_order_whoever_comes_between(monkeypatch):
    first, second = (SimpleNamespace(token=name, part=None) for name in ("first", "second"))
    monkeypatch.setattr(working, "read_part", lambda order, part: order.token)
    monkeypatch.setattr(working, "cut_fold", lambda rows, fold: (rows, fold))
    kept, found, has_rows, may_go = working.Kept(), {}, Event(), Event()
    find_rows = working.Kept.find_rows

    def stop_after(self, order):
        rows = find_rows(self, order)
        if order is first:
            has_rows.set()
            may_go.wait()
        return rows

    monkeypatch.setattr(working.Kept, "find_rows", stop_after)
    threads = [
        Thread(target=lambda order=order: found.update({order.token: kept.find_fold(order, "fold")})) for order in (first, second)
    ]
    threads[0].start()
    has_rows.wait()
    threads[1].start()
    threads[1].join(0.2)  # it waits for the first, or has come between by then
    may_go.set()
    for thread in threads:
        thread.join()
    assert {"first": ("first", "fold"), "second": ("second", "fold")} == found
    assert ("second", "fold") == kept.find_fold(second, "fold")
