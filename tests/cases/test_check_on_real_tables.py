"""`perennial check` of a model without tests/models/<name>.sql: on the tables of its warehouse, of which nothing changes."""

import pytest

from perennial.cli.edge import FAULT
from perennial.stores.sessions import take_lock
from tests.cases.harness import MODEL

pytestmark = pytest.mark.filterwarnings("ignore:module .sre_:DeprecationWarning")
DAY = "2025-07-21"
TABLES = """
select format('%I.%I', nspname, relname)
from pg_class join pg_namespace on pg_namespace.oid = relnamespace
where relkind in ('r', 'p', 'v') and nspname not in ('pg_catalog', 'information_schema') order by 1"""
A_SECOND_TABLE = '[sources.all_visits]\ntable = "source.visits"\ntimes = "static"\n\n[schedule]'
IN_BULK = "lookback_days = 42\nknown_from = 2025-09-01\ntypical_delay_minutes = 5000"
FAULTS = {
    "the future in a static table": (
        [("model.toml", "[schedule]", A_SECOND_TABLE), ("features.sql", "from visits\n", "from all_visits\n")],
        "static tables hold nothing of the future",
        '[sources.all_visits] says times = "static", and it has rows whose entered_at or known_at is of 2025-07-21 or later',
    ),
    "a member twice": (
        [("features.sql", "group by member", "group by member, minutes > 50")],
        "a snapshot of the day has one row per entity",
        "features.sql gives an entity twice",
    ),
    "members without a label": (
        [("labels.sql", "from cohort", "from cohort where entity_id > 'm5'")],
        "labels cover the whole cohort",
        "labels.sql gives 0 entities outside the cohort and none for 42 inside it",
    ),
    "facts that come after the grace": (
        [("model.toml", "lookback_days = 42", IN_BULK)],
        "facts of visits arrive in time",
        "21 of the 75 facts of the horizon were learned after the grace, and labels miss them: grace_days = 4",
    ),
}


@pytest.fixture
def case(open_case):
    case = open_case("plain")
    assert case.shell.perennial("sync", MODEL)[0] == 0
    return case


def count_rows(case):
    """Every table and view of the warehouse with its rows."""
    return case.ask(" union all ".join(f"select '{table}', count(*) from {table}" for (table,) in case.ask(TABLES)))


def check(case, *words):
    """Exit code, and what was found by rule."""
    code, out, err = case.shell.perennial("check", MODEL, "--json", *words)
    assert err == ""
    return code, {row["rule"]: row for row in case.shell.read(out)}


def test_a_good_model_is_ready_beside_a_running_pipeline_and_nothing_is_left_behind(case):
    before = count_rows(case)
    with case.superuser.transaction() as session:  # what a refresh of that day holds
        take_lock(session, MODEL, DAY)
        take_lock(session, "sync", MODEL)
        session.exec_driver_sql(f"lock table features.{MODEL}, labels.{MODEL} in exclusive mode")
        code, found = check(case)
    assert (0, "") == (code, "".join(row["fault"] for row in found.values()))
    assert found["there is a day to look at"]["found"] == f"as_of {DAY}; facts are known up to 2025-08-03 19:10 UTC"
    assert "the table is at rest: " in found["facts of visits arrive in time"]["advice"]
    assert f"`perennial bootstrap {MODEL} --as-of 2025-08-04 --simulate`" in found["facts of visits arrive in time"]["advice"]
    assert "77 entities in 0." in found["a snapshot of the day has one row per entity"]["found"]
    assert "facts of the sampled entities" in found["a sample of the facts can be copied"]["found"]
    assert found["deleting facts at or after the as_of changes nothing"]["fault"] == ""
    assert found["ready"]["found"] == f"next: perennial bootstrap {MODEL} --as-of 2025-08-04 --simulate"
    ((facts,),) = case.ask("select count(*) from source.visits")
    assert f"visits by seq scan, {facts:,} rows. " in found["a snapshot of the day has one row per entity"]["found"]
    assert before == count_rows(case)
    assert [] == case.ask("select * from pg_locks where locktype = 'advisory'")


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_named_with_its_remedy(case, fault):
    edits, rule, said = FAULTS[fault]
    for edit in edits:
        case.edit(*edit)
    code, found = check(case)
    assert FAULT == code
    assert said in found[rule]["fault"]
    assert rule in found["ready"]["fault"]


ASKED = ("--entity", "member", "--event-at", "entered_at", "--known-at", "known_at", "--days", "10")
WHO = ("--table", "source.visits", "--owner", "desk@example.com", "--timezone", "Europe/Vienna")
LOADED_LAST_WEEK = """
update source.visits set entered_at = entered_at + (current_date - 9 - date '2025-08-03') * interval '1 day';
update source.visits set known_at = date_trunc('day', entered_at)
    + (1 + ((current_date - 9) - entered_at::date) % 7) * interval '1 day'"""


@pytest.mark.parametrize(("filling", "simulated"), [("select 1", True), (LOADED_LAST_WEEK, False)], ids=["at rest", "weekly"])
def test_new_and_check_name_the_same_day_for_the_same_table(case, filling, simulated):
    case.load(filling)
    code, out, said = case.shell.perennial("new", "stays_away", *WHO, *ASKED)
    assert 0 == code, said
    (by_new,) = [line.strip() for line in out.splitlines() if line.startswith("  perennial bootstrap")]
    code, out, said = case.shell.perennial("check", "stays_away", "--tables", "real", "--json")
    assert 0 == code, out
    found = {row["rule"]: row for row in case.shell.read(out)}
    assert f"next: {by_new}" == found["ready"]["found"]
    assert simulated == by_new.endswith("--simulate")
    assert simulated == ("the table is at rest" in found["facts of visits arrive in time"]["advice"])


DAYS = """
create table source.days as
select visit::smallint, member, entered_at::date as entered_at, (entered_at + interval '1 day')::timestamp as known_at,
    minutes::numeric(5, 1) as minutes, 'ab'::varchar(2) as note
from source.visits where visit < 32000"""


def test_the_law_is_tried_on_days_of_another_zone_and_on_short_types(case):
    case.load(DAYS)
    case.edit("model.toml", "[sources.visits]", '[sources.visits]\ntable = "source.days"\nzone = "UTC"\nknown_from = 2025-05-01')
    case.edit("features.sql", "(entered_at at time zone :timezone)::date", "entered_at")
    code, found = check(case)
    assert (0, "") == (code, "".join(row["fault"] for row in found.values()))
    assert "settle_hours = 23 would count 95 %" in found["facts of visits arrive in time"]["advice"]


def test_a_suite_that_fails_names_rule_and_rows(case):
    case.edit("snapshot.json", '"min_value": 1', '"min_value": 3')
    _, found = check(case, "--tables", "real", "--as-of", "2025-06-30")
    assert found["there is a day to look at"]["found"].startswith("as_of 2025-06-30")
    assert "Found: 15 of 75 rows fail." in found["its snapshot suite passes"]["fault"]


def test_a_day_that_has_no_labels_yet_and_a_model_without_tables_are_refused_with_the_remedy(case):
    _, out, _ = case.shell.perennial("check", MODEL, "--as-of", "2100-01-04")
    assert "choose an earlier day with --as-of" in out
    case.shell.patch.setenv("PERENNIAL_WAREHOUSE_URL", "")
    code, out, _ = case.shell.perennial("check", MODEL)
    assert FAULT == code
    assert f"Or draw some: tests/models/{MODEL}.sql does not exist." in out
