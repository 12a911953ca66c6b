"""The strength of a column for classes is, to the last digit, that of each class by itself; `bench/alone.py` times both."""

import sys

import numpy as np
import pandas as pd
import pytest

from perennial.errors import MetricNotFinite, OneClassLabels
from perennial.metrics import enter_beside
from perennial.tasks import classes
from tests.paths import ROOT

sys.path.insert(0, str(ROOT / "bench"))  # its modules are found beside the script, as Python finds them there

from alone import draw, rank_one_by_one

LABELS, COLUMNS = draw(3000, 5, weeks=4)


def bring_weights(labels: pd.Series) -> pd.Series:
    weights = np.random.default_rng(3).choice([0.5, 1.0, 7.0], len(labels))
    return enter_beside(labels, {"weight": pd.Series(weights, labels.index)})


def bring_clusters(labels: pd.Series) -> pd.Series:
    days, entities = (labels.index.get_level_values(name) for name in ("as_of", "entity_id"))
    named = ["as_of", "entity_id", "cluster"]
    return labels.set_axis(pd.MultiIndex.from_arrays([days, entities, entities % 100], names=named))


def leave_a_day_of_one_class(labels: pd.Series) -> pd.Series:
    return labels.where(labels.index.get_level_values("as_of") != labels.index[0][0], labels.iloc[0])


def shuffle(labels: pd.Series) -> pd.Series:
    return labels.set_axis(labels.index[np.random.default_rng(4).permutation(len(labels))])


def make_one_class_rare(labels: pd.Series) -> pd.Series:
    return labels.where(np.arange(len(labels)) % 300 > 0, "a rare class")


@pytest.mark.parametrize("name", COLUMNS)
@pytest.mark.parametrize(
    "change", [pd.Series.copy, bring_weights, bring_clusters, leave_a_day_of_one_class, shuffle, make_one_class_rare]
)
def test_all_classes_together_give_what_each_gives_by_itself(name, change):
    values, is_category = COLUMNS[name]
    labels = change(LABELS)
    found = classes.open_ranker(labels)(values, is_category=is_category)
    assert found == rank_one_by_one(values, labels, is_category=is_category)


def test_the_first_columns_say_more_than_chance():
    rank = classes.open_ranker(LABELS)
    strengths = {name: rank(values, is_category=is_category).estimate for name, (values, is_category) in COLUMNS.items()}
    assert strengths["number 0"] > strengths["noise 0"] + 0.1
    assert strengths["constant"] == strengths["missing"] == 0.5


def test_two_equal_classes_are_told_by_the_first():
    values = np.array([1.0, 2.0, 2.0, 1.0, 3.0, 3.0])
    index = pd.MultiIndex.from_product([pd.to_datetime(["2020-01-06"]), range(6)], names=["as_of", "entity_id"])
    labels = pd.Series(["a", "b", "b", "a", "c", "c"], index=index)
    assert classes.open_ranker(labels)(values, is_category=False) == rank_one_by_one(values, labels, is_category=False)


def test_labels_of_one_class_rank_nothing():
    with pytest.raises(OneClassLabels, match="None of the as_ofs holds different classes"):
        classes.open_ranker(LABELS.where(LABELS.isna(), "all"))(COLUMNS["number 0"][0], is_category=False)


def test_an_infinite_value_is_refused():
    with pytest.raises(MetricNotFinite, match="NaN or infinite"):
        classes.open_ranker(LABELS)(np.where(np.arange(len(LABELS)) == 5, np.inf, 1.0), is_category=False)
