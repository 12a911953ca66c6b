"""Rows that are too many for one matrix: libraries take them in blocks."""

from dataclasses import replace

import numpy as np
import pytest

from perennial.metrics import mean_auc
from perennial.train import bins
from perennial.train import inputs as blocks
from perennial.train import rows as kept
from perennial.train.boosters import REGULARISED_DEFAULTS, fit_recipe, validate_recipe
from perennial.train.inputs import Inputs
from perennial.train.rows import TrainingRows, cut_folds, gather_rows
from perennial.train.splits import make_folds
from tests.training_sets import make_training_set, mondays, small_model

DAYS = mondays(12)
MODEL = small_model()
SET = make_training_set(DAYS, entities=300, two=True)
ROWS = gather_rows(MODEL, SET)
FOLDS = make_folds(DAYS, 2, MODEL.embargo)
XGBOOST, LIGHTGBM = REGULARISED_DEFAULTS["xgboost"], REGULARISED_DEFAULTS["lightgbm"]
ROUNDS, SEED = 30, 7


@pytest.fixture
def in_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """A block holds 700 of these rows, and no fold keeps its bins."""
    monkeypatch.setattr(blocks, "BLOCK_CELLS", 700 * len(ROWS.features))
    monkeypatch.setattr(blocks, "SCORED_CELLS", 500 * len(ROWS.features))
    monkeypatch.setattr(kept, "KEPT_CELLS", 0)


def fit(recipe, rows: TrainingRows = ROWS) -> np.ndarray:
    return fit_recipe(recipe, ROUNDS, SEED, rows).score_matrix(rows.matrix)


def in_singles(rows: TrainingRows) -> TrainingRows:
    """Numbers as float32."""
    columns = tuple(column.astype(np.float32) if column.dtype == np.float64 else column for column in rows.inputs.columns)
    return replace(rows, inputs=Inputs(columns, rows.inputs.rows))


def test_lightgbm_learns_the_same_of_blocks_as_of_a_matrix(in_blocks, monkeypatch):
    of_blocks = fit(LIGHTGBM)
    monkeypatch.undo()
    assert np.array_equal(fit(LIGHTGBM), of_blocks)


def test_lightgbm_stops_at_the_same_round_with_the_same_scores(in_blocks, monkeypatch):
    scores, rounds = validate_recipe(LIGHTGBM, SEED, cut_folds(ROWS, FOLDS)[-1])
    monkeypatch.undo()
    others, other_rounds = validate_recipe(LIGHTGBM, SEED, cut_folds(ROWS, FOLDS)[-1])
    assert (other_rounds, True) == (rounds, np.array_equal(others, scores))


def test_xgboost_learns_nearly_the_same_of_blocks(in_blocks, monkeypatch):
    of_blocks = fit(XGBOOST)
    monkeypatch.undo()
    assert np.corrcoef(fit(XGBOOST), of_blocks)[0, 1] > 0.99


def test_xgboost_stops_early_on_blocks_in_the_bins_of_other_blocks(in_blocks, monkeypatch):
    fold = cut_folds(ROWS, FOLDS)[-1]
    assert (True, True) == (fold.training.inputs.is_large, fold.validation.inputs.is_large)
    scores, rounds = validate_recipe(XGBOOST, SEED, fold)
    monkeypatch.undo()
    others, other_rounds = validate_recipe(XGBOOST, SEED, cut_folds(ROWS, FOLDS)[-1])
    assert abs(rounds - other_rounds) < other_rounds / 2
    assert np.corrcoef(others, scores)[0, 1] > 0.98


def test_xgboost_learns_the_same_of_the_same_blocks_again(in_blocks):
    assert np.array_equal(fit(XGBOOST), fit(XGBOOST))


def test_xgboost_learns_the_same_of_one_block_as_of_a_matrix(monkeypatch):
    of_matrix = fit(XGBOOST)
    monkeypatch.setattr(Inputs, "is_large", True)
    assert np.array_equal(of_matrix, fit(XGBOOST))


def begin_poorly() -> TrainingRows:
    """The first block has one label, one category, and nothing in the column that says most."""
    features, labels, begun = SET.features.copy(), SET.labels.copy(), np.arange(len(SET.labels)) < 800
    features.loc[begun, "strength"] = np.nan
    features.loc[begun, "colour"] = "red"
    labels[begun] = 0
    return gather_rows(MODEL, replace(SET, features=features, labels=labels))


@pytest.mark.parametrize("recipe", [XGBOOST, LIGHTGBM], ids=["xgboost", "lightgbm"])
def test_a_first_block_that_knows_little_takes_nothing_from_the_others(in_blocks, monkeypatch, recipe):
    rows = begin_poorly()
    assert rows.inputs.is_large
    of_blocks = fit(recipe, rows)
    monkeypatch.undo()
    of_matrix = fit(recipe, rows)
    assert np.corrcoef(of_blocks, of_matrix)[0, 1] > 0.99
    assert mean_auc(rows.series(of_blocks), rows.named) > mean_auc(rows.series(of_matrix), rows.named) - 0.01
    assert recipe is XGBOOST or np.array_equal(of_blocks, of_matrix)


@pytest.mark.parametrize("sorted_rows", [10**6, 900])
def test_an_outline_has_the_values_of_each_column_in_their_shares_and_no_row(monkeypatch, sorted_rows):
    monkeypatch.setattr(bins, "OUTLINE_LINES", 500)
    monkeypatch.setattr(bins, "SORTED_ROWS", sorted_rows)
    outline, matrix = bins.outline_columns(ROWS), ROWS.matrix
    assert (500, len(ROWS.features)) == outline.shape
    assert np.isin(outline[~np.isnan(outline)], matrix).all()
    np.testing.assert_allclose(np.isnan(outline).mean(axis=0), np.isnan(matrix).mean(axis=0), atol=0.02)
    np.testing.assert_allclose(np.nanmedian(outline, axis=0), np.nanmedian(matrix, axis=0), atol=0.1)
    assert len(set(map(tuple, outline)) & set(map(tuple, matrix))) == 0


def test_weights_come_along_in_blocks(in_blocks):
    weights = np.where(ROWS.labels == 1, 3.0, 1.0)
    assert fit(XGBOOST, replace(ROWS, weights=weights)).mean() > fit(XGBOOST).mean() + 0.1


def test_blocks_hold_every_row_once(in_blocks):
    parts = [ROWS.inputs.matrix(part) for part in ROWS.inputs.blocks()]
    assert [700, 700, 700, 700, 700, 100] == [len(part) for part in parts]
    assert np.array_equal(ROWS.matrix, np.concatenate(parts), equal_nan=True)


def test_a_fold_that_is_large_keeps_no_bins(in_blocks):
    fold = cut_folds(ROWS, FOLDS)[0]
    assert fold.for_xgboost[0] is not fold.for_xgboost[0]


def test_a_fold_forgets_its_bins_when_it_is_told():
    fold = cut_folds(ROWS, FOLDS)[0]
    first = fold.for_xgboost[0]
    assert fold.for_xgboost[0] is first
    fold.forget_bins()
    assert fold.for_xgboost[0] is not first


@pytest.mark.parametrize("recipe", [XGBOOST, LIGHTGBM], ids=["xgboost", "lightgbm"])
def test_numbers_that_a_float32_holds_teach_the_same_as_float32(recipe):
    exact = replace(ROWS, inputs=in_singles(ROWS).inputs)
    assert np.array_equal(
        fit(recipe, replace(exact, inputs=Inputs(tuple(map(widen, exact.inputs.columns)), 3600))), fit(recipe, exact)
    )


def widen(column: np.ndarray) -> np.ndarray:
    return column.astype(np.float64) if column.dtype == np.float32 else column


def test_xgboost_learns_the_same_of_any_number_as_float32():
    learned = fit_recipe(XGBOOST, ROUNDS, SEED, in_singles(ROWS))
    assert np.array_equal(fit(XGBOOST), learned.score_matrix(ROWS.matrix))
