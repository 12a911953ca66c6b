"""`perennial check` finds what is wrong: each rule is broken by a home that is edited to break it."""

import shutil
from datetime import timedelta

import pytest

from perennial.homes import Workbench, check_model, find_fault
from perennial.homes.checking import load_files
from perennial.homes.rules import compare_snapshots
from perennial.stores.warehouse.perturbing import delete_facts
from tests.paths import ROOT

MODEL, TABLES = "models/bike_repair.toml", "tests/models/bike_repair.sql"
FEATURES, LABELS = "sql/bike_repair/features.sql", "sql/bike_repair/labels.sql"
SNAPSHOT, SOURCE = "expectations/bike_repair/snapshot.json", "expectations/bike_repair/source.json"
LOADS = "it loads, and has tables to be tested on"
COUNTED = '"expect_table_row_count_to_be_between",\n      "kwargs": {\n        "min_value": 1\n      }'
A_COLUMN = '"expect_column_values_to_not_be_null",\n      "kwargs": {\n        "column": "ghost"\n      }'
NOTHING_READ = "select 'bike ' || n as entity_id, n as rides_28d, 'none'::text as last_workshop from generate_series(1, 20) as n"


@pytest.fixture(scope="module")
def workbench(postgres):
    return Workbench(postgres.server)


@pytest.fixture
def home(tmp_path, postgres):
    shutil.copytree(ROOT / "tests" / "models" / "home", tmp_path / "home")
    yield tmp_path / "home"
    postgres.drop("checked_bike_repair")


def edit(home, path, before, after):
    text = (home / path).read_text(encoding="utf-8")
    assert before in text
    (home / path).write_text(text.replace(before, after), encoding="utf-8")


def find_faults(workbench, home):
    return {checked.rule: checked.fault for checked in check_model(workbench, home, "bike_repair") if checked.fault}


def test_a_home_in_order_has_no_fault(workbench, home):
    assert find_faults(workbench, home) == {}


@pytest.mark.parametrize(
    ("edited", "rule", "fault"),
    [
        ((TABLES, "* 7 % 20", "* 7 % 2"), "a snapshot has entities enough", "2 entities: draw more than 10"),
        ((LABELS, "left join repaired", "join repaired"), "labels cover the whole cohort", "bike_repair"),
        ((SOURCE, COUNTED, A_COLUMN), "the columns of its source suite exist", "rides.ghost, which does not exist"),
        ((SNAPSHOT, '"rides_28d"', '"ghost"'), "the columns of its snapshot suite exist", "names ghost, which does not exist"),
        ((MODEL, "[features]", '[features.no_drift_trigger]\ncolumns = ["ghost"]\n\n[features]'), LOADS, "names ghost, which"),
        ((MODEL, "[features]", '[training]\nrecency = "ghost"\n\n[features]'), LOADS, "training.recency names ghost, which"),
        ((FEATURES, "count(*) as rides_28d", "count(* as rides_28d"), LOADS, "sql/bike_repair/features.sql is not a valid query"),
        ((TABLES, "-- as_of:", "-- day:"), LOADS, "tests/models/bike_repair.sql lacks the line `-- as_of: 2025-10-06`"),
        ((TABLES, "create table source.rides", "create tablet source.rides"), LOADS, "bike_repair.sql: PostgreSQL says"),
        ((MODEL, 'owner = "workshop@example.com"', "owner = 3"), LOADS, "models/bike_repair.toml: key 'owner'"),
        ((SNAPSHOT, '"quarantine"', '"ignore"'), LOADS, "expectations/bike_repair/snapshot.json"),
    ],
)
def test_a_fault_is_found_and_named(workbench, home, edited, rule, fault):
    edit(home, *edited)
    found = find_faults(workbench, home)
    assert fault in found.get(rule, ""), found


def test_a_query_that_reads_nothing_is_noticed(workbench, home):
    (home / FEATURES).write_text(NOTHING_READ, encoding="utf-8")
    assert "does features.sql read its sources?" in find_faults(workbench, home)["facts learned in time do change the snapshot"]


CAPTURED = '[sources.rides]\ntimes = "captured"\nkey = ["ride_id"]\n\n[schedule]'
READS_CAPTURED = "select {} as entity_id, count(*) as rides_28d, 'none'::text as last_workshop from rides group by 1"
LABELS_CAPTURED = """
    select cohort.entity_id, exists (select from rides where rides.bike = cohort.entity_id and has_complaint)::integer as label
    from cohort"""


@pytest.mark.parametrize(
    ("bike", "broken"),
    [("bike", set()), ("'bike ' || ride_id * 7 % 20", {"facts learned in time do change the snapshot"})],
)
def test_photographs_of_captured_tables_are_changed_like_facts(workbench, home, bike, broken):
    """Of a model that reads nothing else the law is tried, too, and one that reads its key alone is noticed."""
    model = (home / MODEL).read_text(encoding="utf-8")
    before, after = model.index("[sources.rides]"), model.index("[schedule]") + len("[schedule]")
    (home / MODEL).write_text(model[:before] + CAPTURED + model[after:], encoding="utf-8")
    (home / FEATURES).write_text(READS_CAPTURED.format(bike), encoding="utf-8")
    (home / LABELS).write_text(LABELS_CAPTURED, encoding="utf-8")
    assert set(find_faults(workbench, home)) == broken


def test_a_model_without_tables_is_told_how_to_draw_them(workbench, home):
    (home / TABLES).unlink()
    (fault,) = find_faults(workbench, home).values()
    assert fault.startswith("tests/models/bike_repair.sql does not exist.")
    assert "generate_series" in fault


def test_a_model_may_live_on_the_tables_of_another(workbench, home):
    (home / TABLES).rename(home / "tests/models/hire.sql")
    (home / TABLES).write_text("-- tables: hire\n-- as_of: 2024-06-03\n", encoding="utf-8")
    assert find_faults(workbench, home) == {}


@pytest.fixture
def laid_out(workbench, home):
    list(check_model(workbench, home, "bike_repair"))
    return load_files(home, "bike_repair")


@pytest.mark.parametrize("days_before", [1, 20])
def test_a_change_of_the_past_would_be_seen(workbench, laid_out, days_before):
    """The rules about the future prove something: the same change, made a day earlier, changes the snapshot."""
    declaration, tables = laid_out

    def forget_the_past(subject):
        since = subject.model.start(subject.as_of) - timedelta(days=days_before)
        return compare_snapshots(subject, lambda: delete_facts(subject.session, declaration, since=since))

    assert "another checksum" in find_fault(forget_the_past, workbench, declaration, tables.as_of)


def test_what_a_rule_did_to_the_tables_is_undone(workbench, laid_out):
    declaration, tables = laid_out

    def forget_everything(subject):
        delete_facts(subject.session, declaration, since=subject.model.start(subject.as_of) - timedelta(days=1000))
        return ""

    find_fault(forget_everything, workbench, declaration, tables.as_of)
    with workbench.open(declaration) as session:
        assert session.exec_driver_sql("select count(*) from source.rides").scalar() > 0
