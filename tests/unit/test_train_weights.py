"""What rows weigh reaches every fit: boosters, linear recipes, calibrators, and the figures out of fold."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from perennial.errors import ColumnContractBroken
from perennial.metrics import absolute_loss
from perennial.tasks import task_of
from perennial.train.assessed import assess_recipe
from perennial.train.baselines import PLAIN_LOGISTIC, fit_linear
from perennial.train.boosters import REGULARISED_DEFAULTS, fit_recipe
from perennial.train.calibration import choose_calibrator, fit_calibrator
from perennial.train.engine import Threads
from perennial.train.guards import check_training_set
from perennial.train.rows import cut_folds, gather_rows
from perennial.train.splits import make_folds
from tests.training_sets import amount_model, make_amounts, make_training_set, small_model, small_plan

MODEL = small_model()
PLAN = small_plan(MODEL)
TRAINING = make_training_set(PLAN.training, entities=60)
RNG = np.random.default_rng(2)
WEIGHTS = pd.Series(RNG.integers(0, 4, len(TRAINING.labels)).astype(float), index=TRAINING.labels.index)


def weigh(training, weights=WEIGHTS):
    return replace(training, beside={"weight": weights.set_axis(training.labels.index)})


def repeat(training):
    """Every row as often as it weighs: the clock of an as_of stays, each copy is an entity of its own."""
    places = np.repeat(np.arange(len(training.labels)), WEIGHTS.astype(int))
    days = training.labels.index.get_level_values("as_of")[places]
    index = pd.MultiIndex.from_arrays([days, range(len(places))], names=["as_of", "entity_id"])
    return replace(
        training, features=training.features.iloc[places].set_axis(index), labels=training.labels.iloc[places].set_axis(index)
    )


def fit_plain(model, training):
    """The linear recipe of columns that are standardised alike and hardly shrunk, where copies are nothing but weight."""
    rows = gather_rows(model, training, only=("other",))
    return fit_linear(rows, 1e9).score_matrix(np.array([[-1.0], [0.0], [2.0]]))


@pytest.mark.parametrize(
    ("model", "make"),
    [(MODEL, make_training_set), (amount_model("rmse", cap=500.0), make_amounts), (amount_model("tweedie"), make_amounts)],
    ids=["logistic", "ridge", "log ridge"],
)
def test_a_linear_recipe_of_weights_is_that_of_rows_that_stand_so_often(model, make):
    training = make(PLAN.training) if make is make_amounts else TRAINING
    if make is make_amounts:
        kept = training.labels.index.get_level_values("entity_id") < 60
        training = replace(
            training, features=training.features[kept], labels=training.labels[kept], segments=training.segments[kept]
        )
    assert fit_plain(model, weigh(training)) == pytest.approx(fit_plain(model, repeat(training)), rel=1e-4)


@pytest.mark.parametrize("algorithm", ["xgboost", "lightgbm"])
def test_a_booster_learns_of_who_weighs(algorithm):
    """Of two halves that say the opposite, the one that weighs a hundred times as much is believed."""
    turned = TRAINING.labels.index.get_level_values("entity_id") % 2 == 0
    labels = TRAINING.labels.where(~turned, 1 - TRAINING.labels)
    heavy = pd.Series(np.where(turned, 100.0, 1.0), index=labels.index)
    rows = gather_rows(MODEL, weigh(replace(TRAINING, labels=labels), heavy))
    scores = fit_recipe(REGULARISED_DEFAULTS[algorithm], 60, 7, rows).score_matrix(rows.matrix)
    assert np.corrcoef(scores, rows.matrix[:, 0])[0, 1] < -0.5


def test_weights_count_as_shares_and_rows_that_weigh_nothing_are_left_out():
    rows, doubled = gather_rows(MODEL, weigh(TRAINING)), gather_rows(MODEL, weigh(TRAINING, 2 * WEIGHTS))
    assert (len(rows.labels), rows.weights.mean()) == ((WEIGHTS > 0).sum(), pytest.approx(1))
    assert doubled.weights == pytest.approx(rows.weights)
    part = rows.on(PLAN.training[:2])
    assert len(part.weights) == len(part.labels)
    assert gather_rows(MODEL, TRAINING).weights is None


@pytest.mark.parametrize(("kind", "loss"), [("platt", None), ("beta", None), ("line", absolute_loss)])
def test_a_calibrator_of_weights_is_that_of_rows_that_stand_so_often(kind, loss):
    raw = RNG.random(300)
    labels = (RNG.random(300) < raw**2).astype(float)
    weights = RNG.integers(0, 4, 300)
    weighed = fit_calibrator(kind, raw, labels, loss, weights.astype(float))
    repeated = fit_calibrator(kind, np.repeat(raw, weights), np.repeat(labels, weights), loss)
    assert weighed.coefficients == pytest.approx(repeated.coefficients, abs=0.02)


def test_the_kind_of_calibrator_is_chosen_by_weighted_losses():
    task, folds = task_of(amount_model("rmse", cap=500.0)), np.repeat([0.0, 1.0], 200)
    raw = RNG.random(400)
    labels = np.where(RNG.random(400) < 0.5, raw, 5 * raw)
    believed = (labels == raw).astype(float)
    assert choose_calibrator(task.fitting, raw, labels, folds, believed).coefficients == (1.0, 0.0)
    assert choose_calibrator(task.fitting, raw, labels, folds, 1 - believed).coefficients[0] == pytest.approx(5, rel=0.05)


def test_figures_out_of_fold_are_weighted():
    rows = gather_rows(MODEL, weigh(TRAINING))
    folds = cut_folds(rows, make_folds(PLAN.training, 2, MODEL.embargo))
    candidate = assess_recipe(PLAIN_LOGISTIC, folds, seed=7, engine=Threads(1))
    weights = candidate.labels.index.get_level_values("weight").to_numpy()
    losses = -np.log(np.where(candidate.labels == 1, candidate.scores, 1 - candidate.scores))
    assert candidate.loss == pytest.approx(np.average(losses, weights=weights))


@pytest.mark.parametrize(
    ("broken", "found"),
    [
        (WEIGHTS - 1, r"rows have a weight that is missing, infinite or below 0"),
        (WEIGHTS.where(WEIGHTS > 0), r"rows have a weight that is missing"),
        (0 * WEIGHTS, "and 0 one above 0: correct importance in labels.sql"),
    ],
    ids=["negative", "null", "all zero"],
)
def test_weights_that_are_none_are_refused(broken, found):
    model = MODEL.model_copy(update={"label": MODEL.label.model_copy(update={"weight": "importance"})})
    with pytest.raises(ColumnContractBroken, match=found):
        check_training_set(model, weigh(TRAINING, broken), PLAN)
