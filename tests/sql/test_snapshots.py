"""Days in features.<model> and labels.<model>: replaced as a whole, measured, set aside, read back."""

from datetime import date

import pandas as pd
import pytest
from sqlalchemy import text

from perennial.config.training import Training
from perennial.errors import ColumnContractBroken, ConfigError, GrainViolated, SnapshotMissing
from perennial.records import Rejects
from perennial.stores.warehouse import (
    build_labels,
    build_snapshot,
    measure_training_set,
    quarantine_rows,
    read_beside,
    read_labels,
    read_snapshot,
    read_training_set,
    remove_rejects,
    sync,
)
from perennial.stores.warehouse.reading import read_rows
from tests.drawn import declare, run_of, with_sql
from tests.published import read_scores

DAY = date(2017, 5, 8)
LAPSE = declare("lapse")
RUN = run_of(LAPSE, DAY)


@pytest.fixture
def session(warehouse):
    """Households 1 and 2 ordered; 2 came back."""
    warehouse.load(
        "source.orders",
        """
        household_id | ordered_at           | known_at             | amount_cents
        1            | 2017-05-06 12:00 -04 | 2017-05-06 13:00 -04 | 1000
        2            | 2017-05-06 12:00 -04 | 2017-05-06 13:00 -04 | 3000
        2            | 2017-05-09 12:00 -04 | 2017-05-09 13:00 -04 | 3000
    """,
    )
    return warehouse.session


def mark_valid(session):
    session.execute(text("update ledger.snapshots set status = 'valid'"))


def test_a_day_built_again_is_the_same_day(session):
    assert build_snapshot(session, LAPSE, RUN) == build_snapshot(session, LAPSE, RUN)


def test_the_ledger_says_what_stands_there_and_why(session):
    built = build_snapshot(session, LAPSE, RUN)
    row = session.execute(text("select * from ledger.snapshots")).one()
    assert (row.rows, row.checksum, row.status, row.purpose, row.effective_at) == (
        3,
        built.checksum,
        "built",
        "simulation",
        RUN.clock,
    )


def test_another_value_gives_another_checksum(session):
    former = build_snapshot(session, LAPSE, RUN)
    session.execute(text("update source.orders set amount_cents = 1001 where household_id = 1"))
    assert build_snapshot(session, LAPSE, RUN).checksum != former.checksum


@pytest.mark.parametrize(
    ("features_sql", "found"),
    [
        ("select household_id as entity_id from orders", "gives an entity twice"),
        ("select null::bigint as entity_id", "gives null as entity_id"),
    ],
)
def test_a_snapshot_has_one_row_per_entity(session, features_sql, found):
    columns = session.execute(
        text(
            "select attname, format_type(atttypid, null) as type from pg_attribute "
            "where attrelid = 'features.lapse'::regclass and attnum > 2"
        )
    ).all()
    nulls = "".join(f", null::{column.type} as {column.attname}" for column in columns)
    broken = with_sql(LAPSE, features_sql.replace(" as entity_id", f" as entity_id{nulls}"))
    with pytest.raises(GrainViolated, match=found):
        build_snapshot(session, broken, RUN)


@pytest.mark.parametrize(
    ("labels_sql", "found"),
    [
        ("select entity_id, 1 as label from cohort union all select entity_id, 1 from cohort", "gives an entity twice"),
        ("select entity_id, 1 as label from cohort where entity_id <> 1", "none for 1 inside it"),
        ("select entity_id + 100 as entity_id, 1 as label from cohort", "gives 3 entities outside the cohort"),
        ("select entity_id, 2 as label from cohort", "neither 0 nor 1"),
        ("select entity_id, null::integer as label from cohort", "gives null as label"),
    ],
)
def test_labels_cover_the_cohort_exactly(session, labels_sql, found):
    build_snapshot(session, LAPSE, RUN)
    with pytest.raises(GrainViolated, match=found):
        build_labels(session, with_sql(LAPSE, labels_sql=labels_sql), RUN, DAY)


def test_without_a_snapshot_there_is_nobody_to_label(session):
    with pytest.raises(SnapshotMissing, match="nobody to label"):
        build_labels(session, LAPSE, RUN, DAY)


def read_quarantine(session):
    rows = session.execute(text("select entity_id, rule, row_content -> 'spend_7d' from ledger.quarantine order by 1, 2"))
    return [tuple(row) for row in rows]


def test_rejected_rows_are_kept_whole_and_once_per_rule(session):
    build_snapshot(session, LAPSE, RUN)
    quarantine_rows(session, LAPSE, RUN, [Rejects("spend", "spend_7d", (1, 2)), Rejects("income", "income", (2,))])
    assert read_quarantine(session) == [("1", "spend", 10), ("2", "income", 30), ("2", "spend", 30)]


def test_a_second_look_replaces_what_was_rejected_before(session):
    build_snapshot(session, LAPSE, RUN)
    quarantine_rows(session, LAPSE, RUN, [Rejects("spend", "spend_7d", (1, 2))])
    quarantine_rows(session, LAPSE, RUN, [Rejects("income", "income", (2,))])
    assert read_quarantine(session) == [("2", "income", 30)]


def test_the_ledger_counts_what_is_left_without_the_rejects(session):
    build_snapshot(session, LAPSE, RUN)
    removed = remove_rejects(session, LAPSE, RUN, [Rejects("spend", "spend_7d", (1,)), Rejects("income", "income", (1,))])
    assert (removed, session.execute(text("select rows from ledger.snapshots")).scalar_one()) == (1, 2)


def test_building_again_forgets_the_quarantine(session):
    former = build_snapshot(session, LAPSE, RUN)
    quarantine_rows(session, LAPSE, RUN, [Rejects("spend", "spend_7d", (1,))])
    rebuilt = build_snapshot(session, LAPSE, RUN)
    assert (rebuilt, read_quarantine(session)) == (former, [])


def test_no_rejects_change_nothing(session):
    build_snapshot(session, LAPSE, RUN)
    assert remove_rejects(session, LAPSE, RUN, []) == 0


def test_a_snapshot_is_read_as_numbers_categories_and_segments(session):
    build_snapshot(session, LAPSE, RUN)
    mark_valid(session)
    frame = read_snapshot(session, LAPSE, DAY)
    assert (list(frame.index), str(frame["spend_7d"].dtype), frame.loc[2, "spend_7d"], frame.loc[2, "income"]) == (
        [-1, 1, 2],
        "float64",
        30.0,
        "unknown",
    )


def test_null_is_read_as_missing(session):
    build_snapshot(session, LAPSE, RUN)
    mark_valid(session)
    assert read_snapshot(session, LAPSE, DAY)["gap_mean_days"].isna().to_dict() == {-1: False, 1: True, 2: True}


def test_a_text_is_read_as_it_is_whatever_it_spells(session):
    odd = {-1: r"\N", 1: "", 2: "NA"}
    values = ", ".join(f"({household}, $${text}$$)" for household, text in odd.items())
    query = f"select household_id as entity_id, value from (values {values}, (3, null)) as odd (household_id, value)"
    rows = read_rows(session, query, {}, {"entity_id": "int64", "value": "category"}).set_index("entity_id")["value"]
    assert odd == rows.dropna().to_dict()


def test_a_flag_is_read_as_one_or_zero_and_null_as_missing(session):
    unruled = LAPSE.model.model_copy(update={"training": Training()})
    flagged = with_sql(
        LAPSE.model_copy(update={"model": unruled}),
        "select distinct household_id as entity_id, case when household_id > 0 then household_id = 2 end as is_second, "
        "1.0::double precision as tenure_days, 0::bigint as campaigns_total, 0::bigint as open_campaigns, 'a' as income, "
        "'b' as spend_tier from orders where ordered_at < :as_of_start",
    )
    session.exec_driver_sql('drop table features."lapse" cascade')
    sync(session, flagged)
    build_snapshot(session, flagged, RUN)
    mark_valid(session)
    assert read_snapshot(session, flagged, DAY)["is_second"].fillna(-1).to_dict() == {-1: -1.0, 1: 0.0, 2: 1.0}


def test_a_snapshot_that_has_not_passed_its_suites_is_not_read(session):
    build_snapshot(session, LAPSE, RUN)
    with pytest.raises(SnapshotMissing, match=r"no snapshot that passed its suites for 2017-05-08"):
        read_snapshot(session, LAPSE, DAY)


def test_a_training_set_joins_snapshots_and_labels(session):
    build_snapshot(session, LAPSE, RUN)
    build_labels(session, LAPSE, RUN, DAY)
    mark_valid(session)
    training = read_training_set(session, LAPSE, [DAY])
    index = pd.MultiIndex.from_tuples([(pd.Timestamp(DAY), entity) for entity in (-1, 1, 2)])
    assert (training.labels.index.tolist(), training.labels.tolist(), list(training.segments.columns)) == (
        index.tolist(),
        [0, 1, 0],
        ["income", "spend_tier"],
    )


def test_segments_and_labels_are_no_features(session):
    build_snapshot(session, LAPSE, RUN)
    build_labels(session, LAPSE, RUN, DAY)
    mark_valid(session)
    columns = set(read_training_set(session, LAPSE, [DAY]).features.columns)
    assert columns & {"income", "spend_tier", "label", "as_of", "entity_id"} == set()


def test_a_cluster_is_read_as_text_beside_the_rows_and_is_no_input(session):
    build_snapshot(session, LAPSE, RUN)
    build_labels(session, LAPSE, RUN, DAY)
    mark_valid(session)
    entity = LAPSE.model.entity.model_copy(update={"cluster": "income"})
    features = LAPSE.model.features.model_copy(update={"segments": ("spend_tier",)})
    clustered = LAPSE.model_copy(update={"model": LAPSE.model.model_copy(update={"entity": entity, "features": features})})
    found, plain = read_training_set(session, clustered, [DAY]), read_training_set(session, LAPSE, [DAY])
    assert plain.clusters is None
    assert found.clusters.tolist() == plain.segments["income"].tolist()
    assert list(found.features) == list(plain.features)
    assert found.rows_of((DAY,)).clusters.equals(found.clusters)


def test_the_data_hash_follows_the_rows(session):
    build_snapshot(session, LAPSE, RUN)
    build_labels(session, LAPSE, RUN, DAY)
    mark_valid(session)
    former = read_training_set(session, LAPSE, [DAY]).data_hash
    session.execute(text("update source.orders set amount_cents = 1001 where household_id = 1"))
    build_snapshot(session, LAPSE, RUN)
    mark_valid(session)
    assert read_training_set(session, LAPSE, [DAY]).data_hash != former


def test_the_ledger_knows_rows_and_hash_of_a_training_set_without_reading_it(session):
    build_snapshot(session, LAPSE, RUN)
    mark_valid(session)
    remove_rejects(session, LAPSE, RUN, [Rejects("a rule", None, (2,))])
    build_labels(session, LAPSE, RUN, DAY)
    for rested in ((), (date(2017, 5, 1),)):
        training = read_training_set(session, LAPSE, [DAY], rested=rested)
        measured = measure_training_set(session, LAPSE, [DAY], rested=rested)
        assert (len(training.labels), training.data_hash) == measured


def test_the_data_hash_follows_what_a_person_ruled_about_the_inputs(session):
    build_snapshot(session, LAPSE, RUN)
    build_labels(session, LAPSE, RUN, DAY)
    mark_valid(session)
    training = LAPSE.model.training.model_copy(update={"exclude": ("orders_7d",)})
    ruled = LAPSE.model_copy(update={"model": LAPSE.model.model_copy(update={"training": training})})
    hashes = [read_training_set(session, declaration, [DAY]).data_hash for declaration in (LAPSE, ruled, LAPSE)]
    assert (hashes[0] == hashes[2], hashes[0] == hashes[1]) == (True, False)


def test_a_training_set_without_labels_is_refused(session):
    build_snapshot(session, LAPSE, RUN)
    mark_valid(session)
    with pytest.raises(SnapshotMissing, match="no labels for 2017-05-08"):
        read_training_set(session, LAPSE, [DAY])


def test_labels_are_read_by_entity(session):
    build_snapshot(session, LAPSE, RUN)
    build_labels(session, LAPSE, RUN, DAY)
    assert read_labels(session, LAPSE.model, DAY).to_dict() == {-1: 0, 1: 1, 2: 0}


def test_before_a_publication_there_are_no_scores(session):
    assert read_scores(session, LAPSE.model, DAY).empty


# Amounts
SPEND = declare("spend_next_28d")
SPEND_RUN = run_of(SPEND, DAY)


def label_as(session, amount):
    build_snapshot(session, SPEND, SPEND_RUN)
    build_labels(session, with_sql(SPEND, labels_sql=f"select entity_id, {amount} as label from cohort"), SPEND_RUN, DAY)


def test_amounts_stand_as_they_are_and_count_up_to_the_cap(session):
    label_as(session, "(entity_id * 400)::double precision")
    stored = session.execute(text("select label from labels.spend_next_28d where entity_id in (1, 2) order by entity_id"))
    mark_valid(session)
    labels = read_training_set(session, SPEND, [DAY]).labels
    assert stored.scalars().all() == [400.0, 800.0]
    assert (labels.dtype, labels.xs(2, level="entity_id").item()) == ("float64", 700.0)
    assert read_labels(session, SPEND.model, DAY).loc[[1, 2]].tolist() == [400.0, 700.0]


@pytest.mark.parametrize("amount", ["'infinity'::double precision", "'NaN'::double precision"])
def test_an_amount_is_a_finite_number(session, amount):
    with pytest.raises(GrainViolated, match="gives a label that is no finite number"):
        label_as(session, amount)


def test_an_amount_is_a_number(session):
    with pytest.raises(ConfigError, match=r"label \(a finite number, one of smallint, .*it gives {'label': 'text'}"):
        label_as(session, "'much'::text")


def test_another_task_is_another_model(session):
    label = SPEND.model.label.model_copy(update={"task": "binary", "cap": None})
    with pytest.raises(
        ColumnContractBroken, match=r"holds labels as double precision, and label\.task = 'binary' asks for smallint"
    ):
        sync(session, SPEND.model_copy(update={"model": SPEND.model.model_copy(update={"label": label})}))


def weigh(declaration, **columns):
    """The model with columns beside the label."""
    label = declaration.model.label.model_copy(update=columns)
    promotion = declaration.model.promotion.model_copy(update={"capacity": 2})
    return declaration.model_copy(update={"model": declaration.model.model_copy(update={"label": label, "promotion": promotion})})


def weigh_by(expression):
    sql = f"select entity_id, (entity_id = 1)::int as label, {expression} as importance from cohort"
    return with_sql(weigh(LAPSE, weight="importance"), labels_sql=sql)


def test_weights_and_values_are_stored_read_and_covered_by_the_hashes(session):
    build_snapshot(session, LAPSE, RUN)
    mark_valid(session)
    assert sync(session, weigh_by("1")) == ("labels.lapse: added the column weight; older labels are built anew",)
    sql = "select entity_id, 0 as label, 2 as importance, -0.5 * entity_id as margin from cohort"
    both = with_sql(weigh(LAPSE, weight="importance", value="margin"), labels_sql=sql)
    sync(session, both)
    built = build_labels(session, both, RUN, DAY)
    training = read_training_set(session, both, [DAY])
    assert {name: column.tolist() for name, column in training.beside.items()} == {
        "weight": [2.0, 2.0, 2.0],
        "value": [0.5, -0.5, -1.0],
    }
    assert read_beside(session, both.model, DAY)["value"].to_dict() == {-1: 0.5, 1: -0.5, 2: -1.0}
    heavier = with_sql(both, labels_sql=sql.replace("2 as importance", "3 as importance"))
    again = build_labels(session, heavier, RUN, DAY)
    assert again.checksum != built.checksum
    assert read_training_set(session, heavier, [DAY]).data_hash != training.data_hash
    assert "weight" not in training.features
    assert read_beside(session, LAPSE.model, DAY) == {}


@pytest.mark.parametrize(
    ("expression", "found"),
    [
        ("nullif(entity_id, 1)", r"gives 1 null, 1 negative of 3 in importance, which label.weight names: every row needs"),
        ("'infinity'::float8", "gives 3 infinite of 3 in importance"),
        ("0", "gives none above 0 of 3 in importance, .* one row of a day one above 0"),
    ],
    ids=["null", "infinite", "all zero"],
)
def test_weights_that_are_none_are_refused_with_what_was_found(session, expression, found):
    build_snapshot(session, LAPSE, RUN)
    sync(session, weigh_by("1"))
    with pytest.raises(GrainViolated, match=found):
        build_labels(session, weigh_by(expression), RUN, DAY)


@pytest.mark.parametrize(
    ("declared", "labels_sql", "found"),
    [
        (weigh_by("1"), LAPSE.labels_sql, r"must give the key and label .*, importance \(label.weight, a number\);"),
        (weigh_by("'1'::text"), None, r"importance \(label.weight, a number\); .* 'importance': 'text'"),
        (LAPSE, weigh_by("1").labels_sql, r"names what weighs or values rows: label.weight, label.value"),
    ],
    ids=["named and not given", "no number", "given and not named"],
)
def test_labels_sql_and_the_model_file_agree_on_what_weighs(session, declared, labels_sql, found):
    build_snapshot(session, LAPSE, RUN)
    sync(session, weigh_by("1"))
    with pytest.raises(ConfigError, match=found):
        build_labels(session, with_sql(declared, labels_sql=labels_sql), RUN, DAY)
