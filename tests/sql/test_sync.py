"""`sync`: tables and views that follow from a model file."""

import pytest
from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError

from perennial.config import PLATFORM_SQL
from perennial.errors import ColumnContractBroken, ConfigError, MigrationConflict
from perennial.stores import queries
from perennial.stores.sessions import Database
from perennial.stores.warehouse import check_columns, read_columns, sync
from perennial.stores.warehouse.views import ViewFile, _sync_file
from tests.drawn import declare, with_sql

LAPSE = declare("lapse")


def test_a_second_sync_finds_nothing_to_do(warehouse):
    assert sync(warehouse.session, LAPSE) == ()


@pytest.mark.mltest("D6")
def test_a_new_column_is_added_and_null_in_older_snapshots(warehouse):
    warehouse.snapshot("lapse", "2017-05-08")
    newer = with_sql(
        LAPSE, LAPSE.features_sql.replace("    tenure_days,\n    orders_7d", "    tenure_days,\n    1 as one,\n    orders_7d")
    )
    changes = sync(warehouse.session, newer)
    values = warehouse.session.execute(text("select one from features.lapse")).scalars().all()
    assert (changes, values) == (("features.lapse: added the column one (integer); it is null in older snapshots",), [None])


@pytest.mark.parametrize(
    ("before", "after", "found"),
    [
        ("    stores_84d,\n", "", r"no longer gives the column stores_84d"),
        ("    stores_84d,\n", "    stores_84d::text,\n", r"the column stores_84d was bigint and is now text"),
    ],
    ids=["dropped", "retyped"],
)
def test_a_broken_column_contract_names_the_column(warehouse, before, after, found):
    broken = with_sql(LAPSE, LAPSE.features_sql.replace(before, after))
    with pytest.raises(ColumnContractBroken, match=found):
        sync(warehouse.session, broken)


@pytest.mark.parametrize(
    ("before", "after", "found"),
    [
        ("    stores_84d,\n", "    stores_84d::numeric,\n", "the column stores_84d is numeric: cast it to one of"),
        (
            "order_habits.household_id as entity_id",
            "order_habits.household_id as household",
            "must give a column entity_id or household_id of type bigint; found none",
        ),
        (
            "order_habits.household_id as entity_id",
            "order_habits.household_id::float8 as entity_id",
            "must give the column entity_id as bigint, .*found double precision",
        ),
        (
            "order_habits.household_id as entity_id",
            "order_habits.household_id, order_habits.household_id as entity_id",
            "gives household_id beside entity_id",
        ),
        ("as spend_tier", "as tier", "features.segments names spend_tier"),
        ("as open_campaigns,", "as campaigns_open,", "features.no_drift_trigger names open_campaigns"),
    ],
)
def test_columns_that_do_not_fit_are_refused(warehouse, before, after, found):
    with pytest.raises(ConfigError, match=found):
        sync(warehouse.session, with_sql(LAPSE, LAPSE.features_sql.replace(before, after)))


@pytest.mark.parametrize(
    ("key", "value", "found"),
    [
        ("exclude", ("age",), "training.exclude names age, which sql/lapse/features.sql gives as no feature"),
        ("monotone", {"income": "increasing"}, "training.monotone names income, .* as no feature"),
        ("acknowledged_auc", {"orders": 0.9}, "training.acknowledged_auc names orders, .* as no feature"),
    ],
)
def test_a_ruling_about_what_is_no_feature_is_refused(warehouse, key, value, found):
    training = LAPSE.model.training.model_copy(update={key: value})
    with pytest.raises(ConfigError, match=found):
        sync(warehouse.session, LAPSE.model_copy(update={"model": LAPSE.model.model_copy(update={"training": training})}))


@pytest.mark.parametrize(("column", "found"), [("address", "no column"), ("stores_84d", "bigint")])
def test_a_cluster_that_is_no_text_column_is_refused(warehouse, column, found):
    with pytest.raises(ConfigError, match=rf"entity.cluster names {column}, .* as {found}: a cluster is a text column"):
        sync(warehouse.session, clustered_by(column))


def test_a_cluster_is_no_feature_that_a_ruling_could_name(warehouse):
    training = LAPSE.model.training.model_copy(update={"exclude": ("spend_tier",)})
    declared = clustered_by("spend_tier")
    with pytest.raises(ConfigError, match=r"training.exclude names spend_tier, .* as no feature"):
        sync(warehouse.session, declared.model_copy(update={"model": declared.model.model_copy(update={"training": training})}))


def clustered_by(column):
    """The model with this cluster and without segments."""
    entity = LAPSE.model.entity.model_copy(update={"cluster": column})
    features = LAPSE.model.features.model_copy(update={"segments": ()})
    return LAPSE.model_copy(update={"model": LAPSE.model.model_copy(update={"entity": entity, "features": features})})


def test_check_columns_gives_what_to_add(warehouse):
    columns = read_columns(warehouse.session, "lapse")
    assert check_columns("lapse", columns[1:], columns) == columns[:1]


def test_pipeline_syncs_and_the_analyst_reads_views_only(warehouse_urls):
    loader, pipeline, analyst = (
        Database(url) for url in (warehouse_urls.loader, warehouse_urls.pipeline, warehouse_urls.analyst)
    )
    with loader.transaction() as session:
        session.execute(queries.load("demo")["create_tables"])
    with pipeline.transaction() as session:
        sync(session, LAPSE)
    with pytest.raises(ProgrammingError, match="permission denied for schema features"), analyst.transaction() as session:
        session.execute(text("select * from features.lapse"))


def test_a_ledger_that_was_not_migrated_is_refused(warehouse):
    warehouse.session.execute(text("delete from ledger.migrations where number = 2"))
    with pytest.raises(MigrationConflict, match=r"lacks the migration 002_ledger: run `perennial migrate`"):
        sync(warehouse.session, LAPSE)


def test_a_view_whose_columns_changed_is_made_anew(warehouse):
    _sync_file(warehouse.session, ViewFile("trial", "create or replace view analytics.trial as select 1 as a, 2 as b"))
    _sync_file(warehouse.session, ViewFile("trial", "create or replace view analytics.trial as select 2 as b"))
    assert warehouse.session.execute(text("select * from analytics.trial")).one() == (2,)


def test_an_unchanged_view_is_left_alone(warehouse):
    file = ViewFile("trial", "create or replace view analytics.trial as select 1 as a")
    assert [_sync_file(warehouse.session, file) for _ in range(2)] == [True, False]


def test_a_view_that_is_gone_comes_back(warehouse):
    file = ViewFile("trial", "create or replace view analytics.trial as select 1 as a")
    _sync_file(warehouse.session, file)
    warehouse.session.execute(text("drop view analytics.trial"))
    assert _sync_file(warehouse.session, file)


def test_a_view_file_that_does_not_run_is_named(warehouse):
    with pytest.raises(ConfigError, match="sql/views: trial does not run"):
        _sync_file(warehouse.session, ViewFile("trial", "create or replace view analytics.trial as select nonsense"))


def test_every_view_and_column_has_a_comment(warehouse):
    bare = warehouse.session.execute(
        text("""
            select relname || coalesce('.' || attname, '')
            from pg_class
            left join pg_attribute on attrelid = pg_class.oid and attnum > 0
            where relnamespace = 'analytics'::regnamespace and relkind = 'v'
                and (obj_description(pg_class.oid, 'pg_class') is null or col_description(pg_class.oid, attnum) is null)
        """)
    ).scalars()
    assert list(bare) == []


def test_the_story_of_the_views_is_there():
    assert sorted(path.name for path in (PLATFORM_SQL / "views").iterdir()) == ["global", "model"]
