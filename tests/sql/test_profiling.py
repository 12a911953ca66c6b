"""What `perennial new` finds out about a stranger's table, and what its drafted queries give on real days."""

from dataclasses import replace
from datetime import date

import pytest

from perennial.errors import ConfigError
from perennial.homes.new import Wish, draft_model, list_tables, open_table, propose_learned
from perennial.homes.new.queries import render_labels
from perennial.stores.sessions import Database, run_script
from perennial.stores.warehouse import profiling
from perennial.stores.warehouse.profiling import profile_table
from perennial.stores.warehouse.questions import Question

TODAY = date(2026, 6, 1)
TABLES = """
create schema sales;
create schema hidden;
create table hidden.secrets (n integer);
grant usage on schema sales to pipeline;

-- 60 buyers over 300 days; the first 200 days were loaded in bulk on 2026-03-01. One row is of 1970, one of 2099, one of no day.
create table sales."Paid.Invoices" (
    "No" integer not null, buyer uuid not null, paid_on date, "clock:read" timestamp, learned_at timestamptz,
    "amount, net" numeric(10, 2), share double precision, mood text, place point, primary key ("No")
);
insert into sales."Paid.Invoices"
select
    row_number() over (order by day, b), md5('buyer ' || b)::uuid, date '2025-08-05' + day,
    date '2025-08-05' + day + time '23:30',
    case when day < 200 then timestamptz '2026-03-01 12:00+00' + day * interval '1 second'
    else date '2025-08-05' + day + time '23:30' + interval '150 minutes' end,
    case when dice % 4 > 0 then dice % 1000 / 10.0 end, case when day = 7 then 'nan'::double precision else dice % 3 end,
    (array['good', 'bad'])[1 + dice % 2], point(0, 0)
from generate_series(1, 60) as buyers (b)
cross join generate_series(0, 299) as days (day)
cross join lateral (select ('x' || substr(md5(b || ' buys ' || day), 1, 7))::bit(28)::integer as dice) as drawn
where dice % 10 < 1 + b % 3;
insert into sales."Paid.Invoices" ("No", buyer, paid_on, "clock:read", learned_at)
values (-1, md5('buyer 1')::uuid, '1970-01-01', '1970-01-01 00:00', '2026-03-01 12:00+00'),
    (-2, md5('buyer 2')::uuid, '2099-01-01', '2099-01-01 00:00', '2026-03-01 12:00+00'),
    (-3, md5('buyer 3')::uuid, null, null, null);
create view sales."Order" as select * from sales."Paid.Invoices" where extract(isodow from paid_on) = 1;
grant select on all tables in schema sales to pipeline;
create table sales.locked (n integer);
create table sales.timeless (n integer);
grant select on sales.timeless to pipeline;
analyze;
"""
ASKED = 'sales."Paid.Invoices"'


@pytest.fixture(scope="module")
def url(postgres, migrated_template):
    postgres.make("profiled", template=migrated_template)
    database = Database(postgres.server.url("profiled", "postgres"))
    with database.transaction() as session:
        run_script(session, TABLES)
    database.dispose()
    yield postgres.url("profiled", "pipeline")
    postgres.drop("profiled")


def wish(table, **changes):
    given = {
        "name": "winback",
        "table": table,
        "entity": "buyer",
        "event_at": "paid_on",
        "known_at": "learned_at",
        "key": (),
        "predict": "absence",
        "days": 14,
        "timezone": "Europe/Berlin",
        "zone": None,
        "owner": "growth@example.com",
        "today": TODAY,
    }
    return Wish(**{**given, **changes})


@pytest.fixture(scope="module")
def draft(url):
    return draft_model(url, wish(open_table(url, ASKED)))


def test_rows_outside_of_what_may_be_true_are_counted_apart(draft):
    found = draft.plan.profile
    assert (1, 0, 1, 0) == (found.undated, found.ancient, found.future, found.days.get(date(2099, 1, 1), 0))
    assert date(2025, 8, 5) == draft.plan.times.first


def test_a_load_in_bulk_is_told_from_what_is_learned_as_it_comes(draft):
    delay = draft.plan.profile.delay
    assert date(2026, 3, 1) == delay.loaded_until
    assert 0.6 < delay.loaded_share < 0.8
    assert 28 * 60 == delay.usual_minutes  # a day counts from its beginning; the next one has begun two hours ago


def test_columns_are_known_by_what_they_hold(draft):
    found = draft.plan.profile
    assert ("good", "bad") == tuple(sorted(found.get("mood").values, reverse=True))
    assert found.get("share").numbers is None
    assert 0 < found.get("amount, net").numbers.low < 1
    assert 99 < found.get("amount, net").numbers.most < 100
    assert 0.3 < found.get("amount, net").null_share < 0.4
    assert 70 < found.rows_each < 120


def test_drafted_queries_ran_on_days_whose_labels_have_matured(draft):
    assert 6 == len(draft.seen.days) == len(draft.seen.rates)
    assert all(0 < rate < 1 for rate in draft.seen.rates)
    assert {rows for rows in draft.seen.rows if not 40 < rows <= 60} == set()


def test_nothing_is_left_behind(url, draft):
    database = Database(url)
    with database.transaction() as session:
        found = session.exec_driver_sql("select relname from pg_class where relname in ('profiled', 'cohort', 'labelled')").all()
    database.dispose()
    assert [] == found


def test_a_clock_without_a_zone_is_read_in_the_one_that_is_named(url):
    read = draft_model(url, wish(open_table(url, ASKED), event_at="clock:read", known_at=None, zone="UTC"))
    assert 'zone = "UTC"' in read.files["models/winback.toml"]
    assert date(2025, 8, 6) == read.plan.times.first  # 23:30 UTC is the next day in Berlin
    assert all(0 < rate < 1 for rate in read.seen.rates)


def test_a_view_is_profiled_by_its_newest_rows_whatever_it_is_called(url):
    read = draft_model(url, wish(open_table(url, "sales.Order"), known_at=None))
    assert "order_rows" == read.plan.source
    assert {1} == {day.isoweekday() for day in read.plan.profile.days}


def test_a_large_table_is_looked_at_by_a_sample(url, monkeypatch):
    monkeypatch.setattr(profiling, "LARGE_ROWS", 500)
    table = open_table(url, ASKED)
    database = Database(url)
    with database.transaction() as session:
        found = profile_table(session, Question(table, "buyer", "paid_on", None, "Europe/Berlin", None, TODAY))
    database.dispose()
    assert 0 < found.looked_at < found.rows
    assert found.rows == sum(found.days.values()) + found.undated + found.future


def test_a_condition_is_part_of_the_labels(url):
    read = draft_model(url, wish(open_table(url, ASKED), predict='"amount, net" > 90'))
    assert '("amount, net" > 90)' in render_labels(read.plan)
    assert max(read.seen.rates) < 0.9


def test_a_condition_that_is_none_is_refused_by_name(url):
    with pytest.raises(ConfigError, match=r"--predict 'ghost > 1' is no condition on a row of paid_invoices: .*ghost"):
        draft_model(url, wish(open_table(url, ASKED), predict="ghost > 1"))


def test_what_may_be_read_is_listed_and_proposed(url):
    assert {ASKED, "sales.Order", "sales.timeless"} == set(list_tables(url))
    assert () == propose_learned(url, open_table(url, ASKED), "paid_on")


@pytest.mark.parametrize(
    ("name", "says"),
    [
        (
            "sales.invoices",
            'there is no such table; the role pipeline may read sales."Paid.Invoices", sales.Order, sales.timeless.',
        ),
        ("sales.timeless", "none of its columns is a timestamp or a date"),
        ("hidden.secrets", "grant usage on schema hidden to pipeline; grant select on hidden.secrets to pipeline;"),
        ("sales.locked", "its owner runs: grant usage on schema sales to pipeline; grant select on sales.locked to pipeline;"),
    ],
)
def test_a_table_that_cannot_be_read_is_refused_with_what_to_do(url, name, says):
    with pytest.raises(ConfigError) as refusal:
        open_table(url, name)
    assert says in str(refusal.value)


def test_looking_for_too_long_is_given_up(url, monkeypatch):
    monkeypatch.setattr(profiling, "LIMIT_SECONDS", 0.001)
    with pytest.raises(ConfigError, match=r"looking took longer than 0\.001 s and was given up; nothing was written"):
        draft_model(url, wish(open_table(url, ASKED)))


WORKDAYS = """
create table source.balances ("AccountID" integer, day date, "Balance" double precision);
insert into source.balances
select account, day::date, account * 3.0 + extract(day from day)
from generate_series(1, 5) as accounts (account)
cross join generate_series(date '2026-01-05', date '2026-05-29', interval '1 day') as days (day)
where extract(isodow from day) < 6;
grant select on source.balances to pipeline;"""


@pytest.fixture(scope="module")
def balances(url, postgres):
    database = Database(postgres.server.url("profiled", "postgres"))
    with database.transaction() as session:
        run_script(session, WORKDAYS)
    database.dispose()
    asked = {"entity": "AccountID", "event_at": "day", "known_at": None, "days": 7}
    return wish(open_table(url, "source.balances"), **asked)


def test_balances_of_workdays_are_photographs_whatever_letters_name_them(url, balances):
    draft = draft_model(url, replace(balances, predict='"Balance" < 9'))
    assert (True, "account_id") == (draft.plan.is_snapshots, draft.plan.entity_key)
    assert 0.4 in {round(rate, 1) for rate in draft.seen.rates}


def test_a_condition_that_sql_folds_is_refused_with_the_quotes_that_it_lacks(url, balances):
    with pytest.raises(ConfigError, match=r'(?s)column "balance" does not exist.*write "Balance"\.$') as refused:
        draft_model(url, replace(balances, predict="Balance < 9"))
    assert "labels.sql" not in str(refused.value)
