"""Which rows teach where training.max_rows bounds them."""

from datetime import date

import numpy as np
import pandas as pd
import pytest

from perennial.config import Declaration, Model
from perennial.predictor import load_predictor
from perennial.records import SplitPlan, TrainingSet
from perennial.stores.sessions import run_script
from perennial.stores.warehouse import drawing, measure_training_set, read_training_set
from perennial.train import refit
from perennial.train.boosters import REGULARISED_DEFAULTS
from tests.drawn import declare

DAYS = tuple(date(2020, 1, 6 + 7 * week) for week in range(3)) + tuple(date(2020, 2, 3 + 7 * week) for week in range(4))
ENTITIES = 2000
LABELS = {"binary": "smallint", "multiclass": "text", "regression": "double precision"}
# Half of those below a tenth are positive, and the more often the higher x stands; of classes there is a common one.
LABEL = {
    "binary": "((n * 7919 + week * 31) % 1000 < 100 + 80 * sin(n))::integer",
    "multiclass": "case when (n * 7919 + week * 31) % 100 < 5 then 'rare' when n % 10 = 0 then 'some' else 'most' end",
    "regression": "n % 7",
}
SNAPSHOTS = f"""insert into ledger.snapshots
(model, as_of, kind, rows, checksum, query_hash, config_hash, status, purpose, effective_at)
select 'many', day, kind, {ENTITIES}, 'c', 'q', 'c', 'valid', 'simulation', '2020-01-01'
from unnest(array[{", ".join(f"date '{day}'" for day in DAYS)}]) as day, (values ('features'), ('labels')) as kinds (kind)"""


def declare_many(max_rows: int | None, task: str = "binary", **keys: object) -> Declaration:
    metrics = {"regression": "mae", "multiclass": "log_loss"}
    content = {
        "name": "many",
        "description": "Many rows",
        "owner": "many@example.com",
        "timezone": "UTC",
        "entity": {"key": "person_id"},
        "sources": {"people": {"times": "static"}},
        "schedule": {"refresh": "30 6 * * *", "retrain": "0 8 * * 3"},
        "label": {"horizon_days": 7, "grace_days": 0, "task": task, **keys},
        "training": {"max_rows": max_rows, "folds": 2} | ({"metric": metrics[task]} if task in metrics else {}),
    }
    return declare("lapse").model_copy(update={"model": Model.model_validate(content)})


def fill(session, task: str = "binary", entity: str = "bigint", weight: str = "1") -> None:
    weeks = ", ".join(f"(date '{day}', {week})" for week, day in enumerate(DAYS))
    rows = f"from generate_series(1, {ENTITIES}) as n, (values {weeks}) as weeks (day, week)"
    script = f"""
    create table features.many (as_of date, entity_id {entity}, x double precision, y double precision,
        primary key (as_of, entity_id));
    create table labels.many (as_of date, entity_id {entity}, label {LABELS[task]}, weight double precision,
        primary key (as_of, entity_id));
    insert into features.many select day, n::{entity}, sin(n), cos(n * 3 + week) {rows};
    insert into labels.many select day, n::{entity}, {LABEL[task]}, {weight} {rows};
    {SNAPSHOTS}"""
    run_script(session, script)


def read(session, declaration: Declaration, drawn="to teach") -> TrainingSet:
    return read_training_set(session, declaration, DAYS, drawn=drawn)


def test_all_of_the_rarer_labels_teach_and_a_share_of_the_commonest(warehouse):
    fill(warehouse.session)
    every, drawn = read(warehouse.session, declare_many(None)), read(warehouse.session, declare_many(4000))
    assert int(every.labels.sum()) == int(drawn.labels.sum())
    assert (len(every.labels), abs(len(drawn.labels) - 4000) < 150) == (drawn.drawn_of, True)


def test_drawn_rows_weigh_as_much_as_all_rows(warehouse):
    fill(warehouse.session)
    drawn = read(warehouse.session, declare_many(4000))
    weights = drawn.beside["weight"]
    assert {1.0} == set(weights[drawn.labels == 1])
    assert weights.sum() == pytest.approx(drawn.drawn_of)
    assert weights.groupby("as_of").sum().tolist() == pytest.approx([ENTITIES] * len(DAYS))


def test_weights_of_the_labels_are_multiplied(warehouse):
    fill(warehouse.session, weight="2")
    drawn = read(warehouse.session, declare_many(4000, weight="importance"))
    assert {2.0} == set(drawn.beside["weight"][drawn.labels == 1])
    assert drawn.beside["weight"].sum() == pytest.approx(2 * drawn.drawn_of)


def test_drawn_rows_of_unequal_weight_weigh_as_much_as_all_of_them(warehouse):
    fill(warehouse.session, weight="case when n % 9 > 0 then exp(3 * sin(n * n)) else 0 end")
    drawn, every = (read(warehouse.session, declare_many(rows, weight="importance")) for rows in (4000, None))
    sums = [each.beside["weight"].groupby([each.labels, "as_of"]).sum() for each in (drawn, every)]
    pd.testing.assert_series_equal(*sums, check_names=False)
    assert len(drawn.labels) < len(every.labels) / 2


def test_what_rows_weigh_does_not_follow_their_order_on_disk(warehouse):
    fill(warehouse.session, weight="exp(3 * sin(n * n))")
    before = read(warehouse.session, declare_many(4000, weight="importance")).beside["weight"]
    run_script(
        warehouse.session,
        "create temporary table kept as select * from labels.many; delete from labels.many; "
        "insert into labels.many select * from kept order by md5(entity_id::text)",
    )
    after = read(warehouse.session, declare_many(4000, weight="importance")).beside["weight"]
    assert before.to_numpy().tobytes() == after.to_numpy().tobytes()


@pytest.mark.parametrize("entity", ["bigint", "text"])
def test_the_same_rows_are_drawn_twice(warehouse, entity):
    fill(warehouse.session, entity=entity)
    declaration = declare_many(4000)
    model = declaration.model.model_copy(update={"entity": declaration.model.entity.model_copy(update={"type": entity})})
    first, second = (read(warehouse.session, declaration.model_copy(update={"model": model})) for _ in range(2))
    pd.testing.assert_frame_equal(first.features, second.features)
    pd.testing.assert_series_equal(first.labels, second.labels)


def test_rows_of_a_smaller_share_are_among_those_of_a_larger_one(warehouse):
    fill(warehouse.session)
    few, more = (read(warehouse.session, declare_many(rows)).labels.index for rows in (4000, 6000))
    assert few.isin(more).all()


def test_another_seed_draws_other_rows_and_is_another_training_set(warehouse):
    fill(warehouse.session)
    declaration = declare_many(4000)
    training = declaration.model.training.model_copy(update={"seed": 8})
    other = declaration.model_copy(update={"model": declaration.model.model_copy(update={"training": training})})
    first, second = read(warehouse.session, declaration), read(warehouse.session, other)
    assert not first.labels.index.equals(second.labels.index)
    assert first.data_hash != second.data_hash


def test_the_ledger_knows_the_hash_without_reading_a_row(warehouse):
    fill(warehouse.session)
    declaration = declare_many(4000)
    assert (4000, read(warehouse.session, declaration).data_hash) == measure_training_set(warehouse.session, declaration, DAYS)


def test_of_classes_the_commonest_is_drawn(warehouse):
    fill(warehouse.session, "multiclass")
    every, drawn = (read(warehouse.session, declare_many(rows, "multiclass")) for rows in (None, 6000))
    counts, left = every.labels.value_counts(), drawn.labels.value_counts()
    assert (counts["rare"], counts["some"], True) == (left["rare"], left["some"], left["most"] < counts["most"] / 2)
    assert {1.0} == set(drawn.beside["weight"][drawn.labels != "most"])


def test_of_amounts_an_even_share_is_drawn_and_weighs_nothing_else(warehouse):
    fill(warehouse.session, "regression")
    drawn = read(warehouse.session, declare_many(4000, "regression"))
    assert (pytest.approx(4000, abs=250), {}) == (len(drawn.labels), drawn.beside)


def test_where_no_label_is_rare_an_even_share_is_drawn(warehouse):
    fill(warehouse.session)
    drawn = read(warehouse.session, declare_many(1500))
    assert (abs(len(drawn.labels) - 1500) < 150, {}) == (True, drawn.beside)


def test_a_profile_is_made_of_an_even_share(warehouse):
    fill(warehouse.session)
    every, drawn = read(warehouse.session, declare_many(None)), read(warehouse.session, declare_many(4000), "evenly")
    assert abs(every.labels.mean() - drawn.labels.mean()) < 0.02


def test_few_rows_all_teach(warehouse):
    fill(warehouse.session)
    every = read(warehouse.session, declare_many(len(DAYS) * ENTITIES))
    assert (len(DAYS) * ENTITIES, None, {}) == (len(every.labels), every.drawn_of, every.beside)


@pytest.mark.parametrize("algorithm", ["xgboost", "lightgbm"])
def test_probabilities_of_a_tenth_of_the_negatives_are_those_of_all_rows(warehouse, tmp_path, algorithm):
    fill(warehouse.session)
    every, drawn = read(warehouse.session, declare_many(None)), read(warehouse.session, declare_many(2900))
    plan, recipe = SplitPlan(DAYS, (), 14), REGULARISED_DEFAULTS[algorithm]
    model = declare_many(2900).model
    assert 0.05 < (drawn.labels == 0).sum() / (every.labels == 0).sum() < 0.15
    trained = refit(model, drawn, plan, recipe, folder=tmp_path / "first")
    scores = load_predictor(trained.folder, trained.manifest).score(every.features)
    assert abs(scores.mean() / every.labels.mean() - 1) < 0.05
    assert {"rows_that_teach": len(drawn.labels), "rows_drawn_from": len(every.labels)} == {
        name: value for name, value in trained.parameters.items() if name.startswith("rows_")
    }
    assert "2900, drawn by seed 7" == trained.recipe.rulings["max_rows"]
    again = refit(model, read(warehouse.session, declare_many(2900)), plan, recipe, folder=tmp_path / "second")
    assert trained.manifest == again.manifest
    assert np.isfinite(scores).all()


def test_profiles_and_pages_of_very_many_rows_are_made_of_an_even_share(warehouse, monkeypatch):
    fill(warehouse.session)
    monkeypatch.setattr(drawing, "EVEN_ROWS", 5000)
    every, drawn = (read(warehouse.session, declare_many(None), how) for how in ("to teach", "evenly"))
    assert (False, False) == (drawing.are_even(every), drawing.are_even(drawn))
    assert (14000, True) == (len(every.labels), abs(len(drawn.labels) - 5000) < 200)
