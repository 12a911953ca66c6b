"""What holds of every task, and of one that the program does not hold until its one file lies beside the others."""

import json
import tomllib
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from docs.tools.reference import render_keys, render_views
from perennial.compare import compare
from perennial.compare.looks import TestPlan
from perennial.config import Model, load_model, name_figure, say_better, write_figure
from perennial.config.figures import list_figures
from perennial.config.terms import find_drafted, list_terms
from perennial.errors import ConfigError
from perennial.homes.new.queries import render_labels
from perennial.homes.new.wishes import check_task
from perennial.homes.new.writing import load_drafted, render_files
from perennial.records import Outcome
from perennial.tasks import Task, find_task, list_tasks, task_of
from tests.counting import FILE, drop_task
from tests.harm_worlds import DAYS, MODEL, cut_segments, enter
from tests.paths import ROOT
from tests.unit.test_homes_new import plan

LAPSE = tomllib.loads((ROOT / "models" / "lapse.toml").read_text(encoding="utf-8"))
KNOWN = tuple((name, metric) for name, terms in list_terms().items() for metric in terms.metrics)
every_model = pytest.mark.parametrize(("name", "metric"), KNOWN)


@pytest.fixture
def counts(tmp_path):
    with drop_task(tmp_path):
        yield list_terms()["counts"]


def declare(name: str, metric: str = "", **promotion: object) -> Model:
    training = {key: value for key, value in LAPSE["training"].items() if key != "metric"} | (
        {"metric": metric} if metric else {}
    )
    return Model.model_validate(LAPSE | {"label": LAPSE["label"] | {"task": name}, "training": training, "promotion": promotion})


def check_words(task: Task) -> None:
    """Whatever a task measures is declared with the same direction, and all that it watches has a name."""
    measured = [*task.measures, *task.out_of_fold, task.loss, *(guarded.measure for guarded in task.guarded)]
    declared = list_figures()
    assert {measure.name for measure in measured} <= set(declared)
    assert {measure.name: declared[measure.name].is_lower_better for measure in measured} == {
        measure.name: measure.is_lower_better for measure in measured
    }
    assert task.headline.name == task.model.headline
    assert task.second in declared
    assert {*task.turns, "feature"} <= set(task.names)


@every_model
def test_what_a_task_declares_is_what_it_does(name, metric):
    for capacity in ({}, {"capacity": 40}):
        check_words(task_of(declare(name, metric, **capacity)))


@every_model
def test_without_a_metric_the_first_of_the_task_decides(name, metric):
    first = list_terms()[name].default
    assert declare(name).metric == first
    assert declare(name, metric).headline == list_terms()[name].metrics[metric]


@pytest.mark.parametrize("name", list_terms())
def test_terms_are_read_from_the_text_as_python_reads_them(name):
    assert find_task(name).terms == list_terms()[name]


@pytest.mark.parametrize("name", list_terms())
def test_a_column_of_outcomes_is_read_from_what_is_measured(name):
    task = task_of(declare(name))
    labels, scores = draw_rows(task)
    realised = {"outcomes", "headline", *task.realise(scores, labels, 0.95)}
    assert {column.part.partition(".")[0] for column in task.outcomes.values()} <= realised


def draw_rows(task: Task) -> tuple[pd.Series, pd.Series | pd.DataFrame]:
    """Forty labels of the task's type, and scores of them."""
    index = pd.MultiIndex.from_product([[pd.Timestamp("2017-09-04")], range(40)], names=["as_of", "entity_id"])
    chances = pd.Series(np.linspace(0.1, 0.9, 40), index=index)
    labels = pd.Series(np.arange(40) % 2, index=index).astype(task.label_dtype)
    return labels, pd.DataFrame({"0": 1 - chances, "1": chances}) if task.label_dtype == "str" else chances


def test_each_form_of_a_draft_has_one_task_unasked():
    assert {form: find_drafted(form) for form in ("condition", "sum", "commonest")} == {
        "condition": "binary",
        "sum": "regression",
        "commonest": "multiclass",
    }


# One file more
def test_one_file_makes_a_task_known_and_without_it_nobody_knows_it(tmp_path):
    before = list_terms()
    with drop_task(tmp_path):
        assert set(list_tasks()) == {*before, "counts"}
        check_words(task_of(declare("counts")))
    assert list_terms() == before
    with pytest.raises(ValueError, match="there is no such task: write binary, multiclass or regression"):
        declare("counts")


@pytest.mark.usefixtures("counts")
def test_a_model_file_may_name_it_and_its_metric_and_no_other(tmp_path):
    text = (ROOT / "models" / "lapse.toml").read_text(encoding="utf-8").replace('task = "binary"', 'task = "counts"')
    path = tmp_path / "lapse.toml"
    path.write_text(text.replace('metric = "roc_auc"', 'metric = "count_deviance"'), encoding="utf-8")
    assert load_model(path).headline == "count_deviance"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match=r"'roc_auc' does not judge label\.task = 'counts': write one of count_deviance"):
        load_model(path)


@pytest.mark.usefixtures("counts")
def test_people_read_its_figures_by_their_names():
    assert name_figure("count_deviance") == "deviance of counts"
    assert say_better("none_error") == "lower is better"
    assert write_figure("count_deviance", 12345.6) == "12,346"


def test_pages_of_the_reference_name_it(counts):
    assert f'"counts": {counts.labels}' in render_keys()
    assert 'counts: "count_deviance"' in render_keys()
    assert "The squared error of the chance that nothing comes" in render_views()


@pytest.mark.usefixtures("counts")
def test_labels_that_are_no_counts_are_told():
    task = task_of(declare("counts"))
    assert task.find_wrong_labels(pd.Series([0, 3])) is None
    assert task.find_wrong_labels(pd.Series([0.0, 2.5])) == "labels must be whole numbers from 0 on, found [2.5]"


@pytest.mark.usefixtures("counts")
def test_a_model_of_it_is_drafted_where_it_is_named():
    assert plan(predict="amount").wish.task == "regression"
    named = plan(predict="amount", asked_for="counts")
    check_task(named.wish)
    with load_drafted("winback", render_files(named, None)) as declaration:
        assert (declaration.model.label.task, declaration.model.metric) == ("counts", "count_deviance")
    assert "coalesce(summed.amount, 0)::bigint as label" in render_labels(named)
    scores = json.loads(render_files(named, None)["expectations/winback/scores.json"])["expectations"]
    assert "expect_column_values_to_be_between" not in {rule["type"] for rule in scores}, "a count is no probability"


@pytest.mark.usefixtures("counts")
@pytest.mark.parametrize(
    ("predict", "task", "said"),
    [
        ("absence", "counts", "--task counts: its labels are drafted from a column of numbers"),
        ("channel", "binary", r"give another --predict, or a task that is drafted from it \(multiclass\)"),
        ("amount", "multiclass", r"that is drafted from it \(counts, regression\)"),
        ("amount", "cuonts", "--task cuonts: there is no such task; there are binary, counts, multiclass, regression"),
    ],
)
def test_a_draft_of_something_else_is_refused(predict, task, said):
    with pytest.raises(ConfigError, match=said):
        check_task(plan(predict=predict, asked_for=task).wish)


@pytest.mark.usefixtures("counts")
def test_its_contests_are_judged_by_its_headline():
    better, worse = (compare(draw_counts(*noises)) for noises in ((0.1, 2.0), (2.0, 0.1)))
    assert (better.outcome, worse.outcome) == (Outcome.PROMOTE, Outcome.REJECT)
    assert "deviance of counts" in better.reasons[0]
    assert "none" in {guard.name for guard in better.guards}


def draw_counts(challenger: float, champion: float):
    """Counts whose mean both see through noise of their own."""
    rng = np.random.default_rng(1)
    declared = MODEL.model_dump(mode="python")
    declared["label"]["task"], declared["training"]["metric"] = "counts", None
    index = pd.MultiIndex.from_product([DAYS, range(600)], names=["as_of", "entity_id"])
    level = 0.7 * rng.normal(size=600)
    labels = pd.Series(rng.poisson(np.exp(np.tile(level, len(DAYS)) + 0.5)), index=index)

    def see(noise: float) -> pd.Series:
        seen = np.exp(np.tile((level + noise * rng.normal(size=600)) / (1 + noise**2), len(DAYS)) + 0.5)
        return pd.Series(seen * labels.mean() / seen.mean(), index=index)

    contest = enter(Model.model_validate(declared), labels, see(challenger), see(champion), cut_segments(index, rng))
    return replace(contest, test=TestPlan(0.02, 13, 4, seed=7))


# A file that declares what cannot be
@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ('drafted_from="sum"', 'drafted_from="sum", metrix={}', r"perennial.tasks.counts, line \d+: .*metrix"),
        (
            'drafted_from="sum"',
            'drafted_from="some"',
            "literal .*drafted_from: Input should be 'condition', 'sum' or 'commonest'",
        ),
        ('drafted_from="sum"', 'drafted_from="sum".lower()', "the terms of a task are read from its text"),
        ('metrics={"count_deviance": "count_deviance"}', "metrics={}", "name at least one in `metrics`"),
        ("        is_drafted_by_name=True,\n", "", "Tasks counts and regression are both drafted from 'sum' where none is named"),
        ('"none_error": Figure(', '"mae": Figure(', "Tasks counts and regression declare the figure mae otherwise"),
        (
            "class CountFigures(Figures):",
            "class Other:\n    terms = Terms()\n\n\nclass CountFigures(Figures):",
            "two classes declare",
        ),
    ],
)
def test_terms_that_cannot_be_read_are_named_with_the_place(tmp_path, before, after, said):
    text = FILE.read_text(encoding="utf-8")
    assert text.count(before) == 1
    (tmp_path / FILE.name).write_text(text.replace(before, after), encoding="utf-8")
    (tmp_path / "room").mkdir()
    with drop_task(tmp_path / "room", tmp_path / FILE.name), pytest.raises(ConfigError, match=said):
        list_terms()
