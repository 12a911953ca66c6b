"""admit on drawn weeks of classes: quiet ones, names of another class, and a feature that knew the answer."""

import numpy as np
import pandas as pd
import pytest
from scipy.special import softmax

from perennial.admit import admit, measure_as_of
from perennial.tasks import task_of
from tests.training_sets import class_model, mondays


def draw_classes(week, *, rows=600, seed=7):
    """Three departments of which the scores say what they say, a feature behind two of them and one that is noise."""
    rng = np.random.default_rng([seed, week])
    index = pd.MultiIndex.from_product([[pd.Timestamp(mondays(week + 1)[-1])], range(rows)], names=["as_of", "entity_id"])
    taste = np.column_stack([rng.normal(size=rows), rng.normal(size=rows), np.zeros(rows)])
    scores = pd.DataFrame(softmax(taste, axis=1), index, columns=["deli", "fuel", "toys"])
    came = (taste + rng.gumbel(size=taste.shape)).argmax(axis=1)
    labels = pd.Series(scores.columns.to_numpy()[came], index, dtype="str")
    return scores, labels, pd.DataFrame({"signal": taste[:, 0], "noise": rng.normal(size=rows)}, index)


def look_at_classes(week, metric="log_loss", poison=lambda labels: labels, spoil=lambda _labels, features: features):
    model = class_model(metric)
    task = task_of(model)
    before = {mondays(other + 1)[-1]: measure_as_of(task, *draw_classes(other)) for other in range(week - 8, week)}
    scores, labels, features = draw_classes(week)
    return admit(model, mondays(week + 1)[-1], measure_as_of(task, scores, poison(labels), spoil(labels, features)), before)


def lose_half(labels):
    """Half of the rows look as if they were of the last class."""
    return labels.where(np.random.default_rng(1).random(len(labels)) < 0.5, "toys")


def swap(labels):
    """Two classes bear each other's name."""
    return labels.replace({"deli": "fuel", "fuel": "deli"})


def shuffle(labels):
    return pd.Series(np.random.default_rng(1).permutation(labels), labels.index)


def beyond(admission):
    return {name for name, statistic in admission.statistics.items() if statistic.is_beyond}


@pytest.mark.parametrize("metric", ["log_loss", "macro_auc"])
def test_no_quiet_week_of_classes_rests(metric):
    assert [] == [week for week in range(8, 20) if look_at_classes(week, metric).rests]


@pytest.mark.parametrize("metric", ["log_loss", "macro_auc"])
def test_classes_of_somebody_else_rest_for_their_headline(metric):
    found = look_at_classes(9, metric, shuffle)
    assert {metric, "log_loss"} <= beyond(found)
    assert next(iter(found.statistics)) == metric


@pytest.mark.parametrize("week", [8, 12, 20])
@pytest.mark.parametrize("poison", [lose_half, swap])
def test_classes_with_the_name_of_another_rest(week, poison):
    assert {"log_loss", "calibration"} <= beyond(look_at_classes(week, poison=poison))


@pytest.mark.parametrize("week", [8, 12, 20])
@pytest.mark.parametrize("metric", ["log_loss", "macro_auc"])
def test_a_leak_of_one_week_of_classes_rests_for_its_jump_alone(metric, week):
    def know(labels, features):
        return features.assign(noise=(labels == "fuel") + np.random.default_rng(1).normal(size=len(labels), scale=0.7))

    found = look_at_classes(week, metric, spoil=know)
    assert {"feature"} == beyond(found)
    assert found.statistics["feature"].feature == "noise"
