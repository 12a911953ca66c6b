"""`perennial new`: a profile in, the files of a first model out."""

import json
import tomllib
from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import pandas as pd
import pytest

from perennial.config import load_model
from perennial.errors import ConfigError, WouldOverwrite
from perennial.homes.new import Wish, check_columns, say_found, write_files
from perennial.homes.new.choosing import make_plan, trim_outliers
from perennial.homes.new.drafting import Draft, choose_days
from perennial.homes.new.features import list_features
from perennial.homes.new.measuring import Seen, measure
from perennial.homes.new.model_file import choose_band
from perennial.homes.new.queries import describe_outcome, render_features, render_labels
from perennial.homes.new.suites import widen
from perennial.homes.new.wishes import cast_entity, check_table
from perennial.homes.new.writing import load_drafted, render_files
from perennial.records.profiles import ColumnProfile, Delay, Delivery, FoundColumn, FoundTable, ProbedDay, Range, TableProfile
from perennial.tasks import task_of
from tests.paths import ROOT

YES_OR_NO = task_of(load_model(ROOT / "models" / "lapse.toml"))
INSTANT = "timestamp with time zone"
FIRST, TODAY = date(2025, 1, 1), date(2026, 6, 1)


def column(name, kind, *, key=False, written=None):
    return FoundColumn(name, written or name, kind, in_primary_key=key)


COLUMNS = (
    column("invoice_id", "bigint", key=True),
    column("customer_id", "integer"),
    column("paid_at", INSTANT),
    column("known_at", INSTANT),
    column("amount", "numeric"),
    column("Net Weight", "real", written='"Net Weight"'),
    column("channel", "character varying"),
    column("is_gift", "boolean"),
    column("note", "text"),
    column("shop_id", "integer"),
    column("running", "bigint"),
    column("empty", "integer"),
    column("odd", "double precision"),
    column("tags", "text[]"),
)
PROFILES = {
    "amount": {"distinct": 900, "numbers": Range(0, 2, 180, 410)},
    "Net Weight": {"distinct": 50, "numbers": Range(-2, -1, 3, 4), "null_share": 0.25},
    "channel": {"distinct": 3, "values": ("web", "shop", "it's")},
    "is_gift": {"distinct": 2},
    "note": {"distinct": 5000},
    "shop_id": {"distinct": 20, "numbers": Range(1, 1, 20, 20)},
    "running": {"distinct": 5000, "numbers": Range(1, 1, 5000, 5000)},
    "empty": {"distinct": 3, "null_share": 0.99},
    "odd": {"distinct": 30},
}


def profile(**changes):
    table = FoundTable("source", "invoices", "source.invoices", is_view=False, estimated_rows=9000, columns=COLUMNS)
    columns = [
        ColumnProfile(one, **{"null_share": 0.0, "distinct": 9, **PROFILES.get(one.name, {})})
        for one in COLUMNS
        if one.name != "tags"
    ]
    days = {FIRST + timedelta(days=day): 10 for day in range((TODAY - FIRST).days)}
    given = {"rows": 5160, "undated": 0, "ancient": 0, "future": 0, "days": days, "looked_at": 5160, "entities": 400}
    return TableProfile(table=table, columns=tuple(columns), **{**given, **changes})


def wish(found=None, **changes):
    given = {
        "name": "winback",
        "table": (found or profile()).table,
        "entity": "customer_id",
        "event_at": "paid_at",
        "known_at": "known_at",
        "key": (),
        "predict": "absence",
        "days": 30,
        "timezone": "Europe/Berlin",
        "zone": None,
        "owner": "growth@example.com",
        "today": TODAY,
    }
    return Wish(**{**given, **changes})


def plan(found=None, **changes):
    found = found or profile()
    return make_plan(wish(found, **changes), found)


def shorten(days):
    return profile(days={TODAY - timedelta(days=day): 10 for day in range(days, 0, -1)})


def load(drafted, seen=None):
    with load_drafted(drafted.wish.name, render_files(drafted, seen)) as declaration:
        return declaration


def probe(drafted, as_of, rows=200, seed=1):
    """A day on which whoever came lately comes again."""
    dice = np.random.default_rng(seed)
    lately = dice.uniform(1, 84, rows)
    sample = pd.DataFrame({one.name: dice.uniform(0, 10, rows) for one in list_features(drafted)})
    sample["recency_days"] = lately.round()
    sample["channel_latest"] = dice.choice(["web", "shop"], rows)
    sample["label"] = (lately + dice.normal(0, 12, rows) > 50).astype(int)
    sample.index = pd.Index([f"e{number}" for number in range(rows)], name="entity_id")
    return ProbedDay(as_of, rows, int(sample["label"].sum()), sample)


@pytest.fixture(scope="module")
def drafted():
    return plan()


@pytest.fixture(scope="module")
def seen(drafted):
    days = [date(2025, 6, 2), date(2025, 9, 1), date(2026, 1, 5)]
    return measure(
        [probe(drafted, day, 200 + 20 * n, n) for n, day in enumerate(days)], list_features(drafted), date(2026, 4, 27), YES_OR_NO
    )


# What is chosen
def test_the_drafted_files_are_a_model_that_loads(drafted, seen):
    model = load(drafted, seen).model
    assert (30, 2, "invoices") == (model.label.horizon_days, model.label.grace_days, model.label.absence_of)
    assert ("paid_at", "known_at", ("invoice_id",), 84) == (
        model.sources["invoices"].event_at,
        model.sources["invoices"].known_at,
        model.sources["invoices"].key,
        model.sources["invoices"].lookback_days,
    )


def test_labels_that_have_matured_are_trained_on_the_same_day(drafted):
    """Monday + 30 + 2 days is a Friday."""
    assert load(drafted).model.schedule.retrain == "0 8 * * 5"


@pytest.mark.parametrize(
    ("days", "windows", "weeks"),
    [(500, (7, 28, 84), (26, 8, 4)), (200, (7, 28), (11, 8, 4)), (120, (7,), (6, 6, 2)), (30, (7,), (6, 6, 2))],
)
def test_windows_and_weeks_fit_into_the_history(days, windows, weeks):
    short = plan(shorten(days))
    assert (windows, weeks) == (short.times.windows, (short.times.as_ofs, short.times.min_as_ofs, short.times.holdout_as_ofs))
    assert weeks[0] == load(short).model.training.as_ofs


def test_every_horizon_that_may_be_asked_for_gives_a_model():
    for days in (1, 7, 90, 365, 730):
        assert days == load(plan(days=days)).model.label.horizon_days


def test_a_table_that_has_come_to_rest_is_lived_in_simulation():
    resting = plan(today=TODAY + timedelta(days=200))
    assert (resting.today, resting.is_at_rest) == (TODAY, True)


def days_apart(gap, last=TODAY):
    return tuple(last - timedelta(days=gap * number) for number in range(30))


@pytest.mark.parametrize(
    ("happened", "learned", "today", "at_rest", "overdue"),
    [
        (days_apart(1), days_apart(1), 2, False, False),
        (days_apart(1), days_apart(1), 7, False, True),
        (days_apart(1), days_apart(1), 8, True, True),
        (days_apart(7), days_apart(7), 8, False, False),
        (days_apart(7), days_apart(7), 22, True, True),
        (days_apart(1), days_apart(7), 8, False, False),  # each day happens, and is loaded with the others of its week
        (days_apart(1), (TODAY + timedelta(days=100),), 100, True, False),  # an archive that was loaded today
    ],
)
def test_a_table_is_at_rest_when_it_is_silent_for_much_longer_than_usual(happened, learned, today, at_rest, overdue):
    delivery, now = Delivery.of(happened, learned), TODAY + timedelta(days=today)
    assert (at_rest, overdue) == (delivery.is_at_rest(now), delivery.is_overdue(now))
    assert (TODAY + timedelta(days=1) if at_rest else now) == delivery.choose_as_of(now)


def test_a_slow_delivery_moves_the_schedule():
    slow = plan(profile(delay=Delay(usual_minutes=300, longest_hours=9.5)))
    assert (10, "30 11 * * *") == (load(slow).model.schedule.settle_hours, load(slow).model.schedule.refresh)


def test_a_load_in_bulk_is_declared():
    loaded = plan(profile(delay=Delay(90, 4.0, loaded_until=date(2026, 3, 3), loaded_share=0.8)))
    source = load(loaded).model.sources["invoices"]
    assert (date(2026, 3, 4), 90) == (source.known_from, source.typical_delay_minutes)


def test_without_a_column_that_says_when_rows_were_learned_the_file_says_what_is_assumed():
    text = render_files(plan(known_at=None), None)["models/winback.toml"]
    assert 'known_at = "paid_at"' in text
    assert "# ASSUMED: a row stands in source.invoices within 6 hours" in text


def test_a_few_rows_before_a_long_silence_begin_no_history():
    days = {date(1970, 1, 1): 1, **profile().days}
    assert FIRST == min(trim_outliers(days))


def test_a_table_in_another_schema_is_named_in_the_model_file():
    found = profile()
    table = replace(found.table, schema="sales", name="Paid.Invoices", written='sales."Paid.Invoices"')
    source = load(plan(replace(found, table=table))).model.sources["paid_invoices"]
    assert ("sales", "Paid.Invoices") == source.locate("invoices")


def test_an_entity_with_one_row_a_day_has_rows_for_facts_and_no_sums():
    keyed = tuple(replace(one, in_primary_key=one.name in ("customer_id", "paid_at")) for one in COLUMNS)
    found = profile(rhythm=(1, 0.99))
    daily = plan(replace(found, table=replace(found.table, columns=keyed)))
    assert ("customer_id", "paid_at") == daily.key
    assert [] == [one.name for one in list_features(daily) if "_sum_" in one.name]
    assert "They are photographs: 99%" in " ".join(say_found(Draft(daily, Seen((), (), (), {}, {}, {}), {})))


@pytest.mark.parametrize(
    ("rhythm", "delay", "days"), [(1, None, 1), (7, None, 7), (1, Delay(usual_minutes=600, longest_hours=30.0), 2)]
)
def test_of_snapshots_only_who_is_still_there_is_foretold_to_leave(rhythm, delay, days):
    """Whoever left weeks ago has no row in the horizon either: were they in the cohort, their recency would know the label."""
    found = plan(profile(rhythm=(rhythm, 0.99), delay=delay))
    assert f"having min(days_ago) <= {days}\n" in render_features(found)
    assert f"where paid_at >= :label_end - interval '{days} days' and paid_at < :label_end" in render_labels(found)
    assert "having" not in render_features(plan())


# Which columns become features
@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("invoice_id", "it looks like an identifier"),
        ("running", "it looks like an identifier"),
        ("shop_id", "it looks like an identifier"),
        ("note", "5000 different texts, more than 50"),
        ("empty", "99% null"),
        ("odd", "it holds infinite numbers, or NaN"),
        ("tags", "of type text[]"),
    ],
)
def test_a_column_that_makes_no_feature_is_left_out_with_its_reason(drafted, name, reason):
    assert reason == drafted.left_out[name]


def test_what_is_left_out_stands_in_the_query(drafted):
    assert "tags (of type text[])" in " ".join(render_features(drafted).replace("--", "").split())


@pytest.mark.parametrize(
    "line",
    [
        "customer_id::bigint as entity_id",
        "count(*) filter (where days_ago <= 28) as invoices_28d",
        "coalesce(sum(amount), 0)::double precision as amount_sum_84d",
        'avg("Net Weight")::double precision as net_weight_mean_84d',
        "channel::text as channel_latest",
        "order by entity_id, paid_at desc, invoice_id desc, amount desc",
    ],
)
def test_features_count_sum_and_remember(drafted, line):
    assert line in render_features(drafted)


@pytest.mark.parametrize(
    ("predict", "says"),
    [
        ("absence", "(met.entity_id is null)::integer as label"),
        ("presence", "(met.entity_id is not null)::integer as label"),
        ("amount > 100", "paid_at < :label_end and (amount > 100)"),
    ],
)
def test_labels_ask_for_what_is_predicted(predict, says):
    assert says in render_labels(plan(predict=predict))


@pytest.mark.parametrize(
    ("kind", "features", "labels"),
    [
        ("date", ":as_of - paid_at as days_ago", "paid_at >= :as_of and paid_at < :as_of + :horizon_days"),
        (
            "timestamp without time zone",
            "(paid_at at time zone 'UTC' at time zone :timezone)::date",
            "paid_at at time zone 'UTC' >= :as_of_start",
        ),
    ],
)
def test_days_and_clocks_are_read_as_the_platform_reads_them(kind, features, labels):
    changed = {"paid_at": kind}
    found = profile()
    columns = tuple(replace(one, type=changed.get(one.name, one.type)) for one in COLUMNS)
    profiles = tuple(
        replace(one, column=replace(one.column, type=changed.get(one.column.name, one.column.type))) for one in found.columns
    )
    read = plan(replace(found, columns=profiles, table=replace(found.table, columns=columns)), zone="UTC")
    assert features in render_features(read)
    assert labels in render_labels(read)


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"entity": "customer"}, "--entity customer: source.invoices has no such column; it has invoice_id, customer_id"),
        ({"entity": "amount"}, "--entity amount: it is of type numeric"),
        ({"event_at": "channel"}, "--event-at channel: it is of type character varying, and a time is a timestamp or a date"),
        ({"key": ("ghost",)}, "--key ghost: source.invoices has no such column"),
        ({"entity": "shop_id,ghost"}, "--entity ghost: source.invoices has no such column"),
    ],
)
def test_a_column_that_does_not_fit_is_refused_with_what_to_give(given, says):
    asked = {"entity": "customer_id", "event_at": "paid_at", "known_at": None, "key": (), **given}
    with pytest.raises(ConfigError, match="^" + says.replace("(", r"\(")):
        check_columns(profile().table, **asked)


PEOPLE = FoundTable(
    "crm",
    "People",
    'crm."People"',
    is_view=False,
    estimated_rows=9,
    columns=(
        column("id", "uuid", key=True),
        column("shop_id", "integer"),
        column("dbt_valid_from", INSTANT),
        column("dbt_valid_to", INSTANT),
    ),
)


@pytest.mark.parametrize(
    ("look", "lines"),
    [
        (
            lambda: check_columns(PEOPLE, entity="id", event_at="dbt_valid_from", known_at=None, key=()),
            [
                'table = "crm.People"',
                'times = "validity"',
                'valid_from = "dbt_valid_from"',
                'valid_to = "dbt_valid_to"',
                'key = ["id"]',
            ],
        ),
        (
            lambda: check_table(replace(PEOPLE, columns=PEOPLE.columns[:2])),
            ["[sources.people]", 'times = "captured"', 'key = ["id"]'],
        ),
        (
            lambda: check_columns(PEOPLE, entity="shop_id,id", event_at="dbt_valid_from", known_at=None, key=()),
            ["[entity]", 'key = ["shop_id", "id"]', 'type = ["bigint", "uuid"]'],
        ),
    ],
)
def test_what_is_not_drafted_is_refused_with_the_lines_to_write(look, lines):
    with pytest.raises(ConfigError) as refusal:
        look()
    said = [line.strip() for line in str(refusal.value).splitlines()]
    assert [] == [line for line in lines if line not in said]


def test_a_table_without_a_row_up_to_today_is_refused():
    with pytest.raises(ConfigError, match="holds no row that happened up to 2026-06-01"):
        plan(profile(days={}))


def test_a_uuid_stays_one():
    assert ("uuid", "") == cast_entity(PEOPLE.columns[0])


# What the days of the past say
def test_a_feature_of_times_that_ranks_above_the_alarm_is_acknowledged(drafted, seen):
    assert ["recency_days"] == list(seen.honest)
    assert seen.honest["recency_days"] < load(drafted, seen).model.training.acknowledged_auc["recency_days"]


def test_a_column_that_ranks_above_the_alarm_is_left_to_a_person(drafted):
    day = probe(drafted, date(2026, 1, 5))
    day.sample["amount_latest"] = day.sample["label"] * 1.0
    found = measure([day], list_features(drafted), TODAY, YES_OR_NO)
    assert {"amount_latest": 1.0} == found.suspicious
    assert "# amount_latest = 1.0" in render_files(drafted, found)["models/winback.toml"]
    assert "amount_latest" not in load(drafted, found).model.training.acknowledged_auc


def test_labels_that_have_not_matured_say_nothing(drafted):
    day = probe(drafted, date(2026, 5, 25))
    assert () == measure([day], list_features(drafted), date(2026, 4, 27), YES_OR_NO).rates


def test_limits_lie_around_what_was_seen_and_the_note_says_it(drafted, seen):
    files = render_files(drafted, seen)
    (rule,) = [
        rule
        for rule in json.loads(files["expectations/winback/source.json"])["expectations"]
        if rule["kwargs"].get("column") == "amount" and rule["type"].endswith("be_between")
    ]
    assert {"column": "amount", "min_value": 0.0, "max_value": 360.0, "mostly": 0.99} == rule["kwargs"]
    assert "Of 5,160 rows 998 in 1,000 lay between 2 and 180; all between 0 and 410." == rule["meta"]["note"]


@pytest.mark.parametrize(
    ("seen_between", "limits"), [((2, 180), (0, 360)), ((-1, 3), (-5, 7)), ((0, 0), (0, 1e-6)), ((1012, 1024), (0, 2100))]
)
def test_limits_have_as_much_room_as_what_was_seen_spans(seen_between, limits):
    assert limits == pytest.approx(widen(*seen_between))


def test_the_band_of_rows_follows_the_largest_step():
    assert [0.3, 1.0] == [choose_band((400, 410)), choose_band((200, 300, 310))]


@pytest.mark.parametrize(
    ("rate", "says", "threshold"), [(0.1, "twice their mean", 0.2), (0.4, "as likely as not", 0.5), (0.001, "as low as", 0.01)]
)
def test_the_comment_beside_the_threshold_says_what_it_is(drafted, seen, rate, says, threshold):
    text = render_files(drafted, replace(seen, rates=(rate,)))["models/winback.toml"]
    assert says in text
    assert threshold == tomllib.loads(text)["scoring"]["threshold"]


def test_days_to_look_at_are_spread_over_history():
    mondays = [FIRST + timedelta(days=7 * week) for week in range(60)]
    chosen = choose_days(mondays)
    assert (6, mondays[0], mondays[-1]) == (len(chosen), chosen[0], chosen[-1])


def test_what_was_assumed_is_said(drafted, seen):
    told = " ".join(say_found(Draft(plan(profile(undated=7, future=2), known_at=None), seen, {})))
    for sentence in (
        "7 rows are without paid_at",
        "2 rows are after today in paid_at",
        "Assumed: a row stands in source.invoices",
        "of it had the outcome",
    ):
        assert sentence in told


@pytest.mark.parametrize(
    ("rate", "predict", "says"),
    [
        (0.001, "absence", "Choose fewer --days."),
        (0.001, "amount > 9", "Choose more --days, or a wider condition."),
        (0.99, "absence", "choose more --days;"),
        (0.99, "presence", "choose fewer --days,"),
    ],
)
def test_an_outcome_that_nearly_nobody_or_everybody_has_is_said_with_what_to_change(seen, rate, predict, says):
    assert says in " ".join(say_found(Draft(plan(predict=predict), replace(seen, rates=(rate,)), {})))


def test_a_history_without_a_label_says_when_the_first_will_be_known(seen):
    told = " ".join(say_found(Draft(plan(shorten(30)), replace(seen, rates=()), {})))
    assert "the first can be known about 2026-06-17" in told


@pytest.mark.parametrize(
    ("keyed", "given", "says"),
    [
        ((), (), "every row is a fact of its own"),
        (("invoice_id",), (), "a row never changes"),
        (("invoice_id", "paid_at"), (), "rows that share invoice_id are versions of one fact"),
        ((), ("invoice_id", "shop_id"), "rows that share invoice_id and shop_id are versions of one fact"),
    ],
)
def test_what_identifies_a_fact_is_said(seen, keyed, given, says):
    columns = tuple(replace(one, in_primary_key=one.name in keyed) for one in COLUMNS)
    found = profile()
    told = " ".join(say_found(Draft(plan(replace(found, table=replace(found.table, columns=columns)), key=given), seen, {})))
    assert f"Assumed: {says}" in told


BOOKED = {"customer_id": True, "paid_at": True, "invoice_id": False}


def book(rows_each=2, **changes):
    """A table whose primary key is the entity and the time."""
    columns = tuple(replace(one, in_primary_key=BOOKED.get(one.name, False)) for one in COLUMNS)
    found = profile(rows_each=rows_each)
    found = replace(found, table=replace(found.table, columns=columns))
    return plan(found, **changes)


def test_a_primary_key_with_the_time_is_said_with_the_key_of_versions(seen):
    said = "\n".join(say_found(Draft(book(), seen, {})))
    assert "every row is a fact of its own, for the primary key holds paid_at." in said
    assert "Where rows that share customer_id are versions of one fact, give --key customer_id." in said


@pytest.mark.parametrize(("rows_each", "key"), [(2, ()), (2, ("customer_id",)), (40, ("customer_id",))])
def test_entities_that_come_and_go_are_said_with_the_guide(seen, rows_each, key):
    said = "\n".join(say_found(Draft(book(rows_each, key=key), seen, {})))
    assert "The cohort is everybody with a row in that time, also one that is settled" in said
    assert "those that are still open, perhaps by channel" in said
    assert "docs/how-to/event-entities.md" in said


def test_entities_that_stay_are_not_taken_for_events(seen):
    assert "event-entities" not in "\n".join(say_found(Draft(book(40), seen, {})))


def test_of_one_fact_only_its_newest_version_makes_features():
    events = book(key=("customer_id",))
    names = {one.name for one in list_features(events)}
    assert {"recency_days", "amount_latest", "channel_latest"} <= names
    assert not {"active_days_84d", "days_between", "amount_sum_84d", "invoices_7d"} & names
    load(events)


def test_nothing_is_overwritten(drafted, tmp_path):
    files = render_files(drafted, None)
    write_files(tmp_path, "winback", files)
    (tmp_path / "models" / "winback.toml").unlink()
    with pytest.raises(WouldOverwrite, match=r"already holds sql/winback/features.sql"):
        write_files(tmp_path, "winback", files)
    assert not (tmp_path / "models" / "winback.toml").exists()


def test_the_model_file_is_toml_whatever_a_condition_says():
    text = render_files(plan(predict="channel = 'it''s \"new\"'"), None)["models/winback.toml"]
    assert "channel = 'it''s \"new\"'" in tomllib.loads(text)["description"]


# Amounts
@pytest.fixture(scope="module")
def summed():
    return plan(predict="amount")


@pytest.fixture(scope="module")
def seen_amounts(summed):
    days = [probe(summed, day, 400, number) for number, day in enumerate([date(2025, 6, 2), date(2026, 1, 5)])]
    for day in days:
        day.sample["label"] = np.arange(len(day.sample)) // 4 * 2.5
    return measure(days, list_features(summed), date(2026, 4, 27), task_of(load(summed, None).model))


def test_a_numeric_column_is_summed_up(summed, seen_amounts):
    model = load(summed, seen_amounts).model
    assert ("regression", "invoices") == (model.label.task, model.label.absence_of)
    assert model.label.cap == pytest.approx(seen_amounts.amounts.common, rel=0.05)
    query = render_labels(summed)
    assert "sum(amount::numeric)" in query
    assert "coalesce(summed.amount, 0)::double precision as label" in query


@pytest.mark.parametrize(("least", "zeros", "metric"), [(0, 0.4, "gini"), (0, 0.02, "mae"), (-5, 0.4, "mae"), (-5, 0.6, "rmse")])
def test_the_metric_follows_from_how_many_come_to_nothing(summed, seen_amounts, least, zeros, metric):
    changed = replace(seen_amounts, amounts=replace(seen_amounts.amounts, least=least, zeros=zeros))
    drafted = load(summed, changed).model
    assert drafted.metric == metric
    labels = pd.Series([0.0] * round(zeros * 100) + [float(least)] + [9.0] * round(99 - zeros * 100))
    assert task_of(drafted).find_wrong_labels(labels) is None, "a draft learns from what was seen"


def test_labels_that_are_all_the_same_are_no_matter_of_history(summed, named):
    for drafted, label, said in ((summed, 0.0, "0"), (named, "no invoices", "no invoices")):
        day = probe(drafted, date(2026, 1, 5))
        day.sample["label"] = label
        seen = measure([day], list_features(drafted), date(2026, 4, 27), task_of(load(drafted, None).model))
        assert seen.alike == (said,)
        told = " ".join(say_found(Draft(drafted, seen, {})))
        assert f"they are all the same ({said}), the {describe_outcome(drafted)}. Give another --predict" in told
        assert "too short" not in told


@pytest.mark.parametrize(("numbers", "is_left_out"), [(None, True), (Range(0, 9, 1, 8), False)])
def test_amounts_that_are_no_finite_numbers_add_nothing(numbers, is_left_out):
    known = profile()
    columns = [replace(one, numbers=numbers) if one.column.name == "amount" else one for one in known.columns]
    drafted = plan(replace(known, columns=tuple(columns)), predict="amount")
    assert (" and amount > '-Infinity' and amount < 'Infinity'\n" in render_labels(drafted)) == is_left_out
    told = " ".join(say_found(Draft(drafted, measure([], list_features(drafted), TODAY, task_of(load(drafted, None).model)), {})))
    assert ("LOOK: amount holds infinite numbers, or NaN" in told) == is_left_out


def test_scores_of_amounts_are_watched_as_amounts(summed, seen_amounts):
    rules = json.loads(render_files(summed, seen_amounts)["expectations/winback/scores.json"])["expectations"]
    (limits,) = [rule["kwargs"] for rule in rules if rule["type"] == "expect_column_values_to_be_between"]
    assert limits["max_value"] > seen_amounts.amounts.most > 1


def test_a_condition_on_the_column_is_no_amount():
    assert plan(predict="amount > 100").wish.amount is None
    assert plan(predict="channel").wish.amount is None, "a text has no sum"
    assert plan(predict="channel").says_absence, "who has no row is a class"
    assert plan(predict='"Net Weight"').wish.amount.name == "Net Weight"


def test_of_snapshots_the_sum_is_that_of_the_whole_horizon():
    """Daily readings are a flow as well: their sum is no matter of who is still there at the end."""
    found = plan(profile(rhythm=(1, 0.99)), predict="amount")
    assert "where paid_at >= :as_of_start and paid_at < :label_end" in render_labels(found)


# Classes
@pytest.fixture(scope="module")
def named():
    return plan(predict="channel")


def come(drafted, *shares):
    """Days of 400 on which 85 of 100 come by web, in the shop, or not at all, and a few with one of four odd names."""
    names = ["web", "shop", "no invoices", "it's", "tv", "fax", "no"]
    days = [probe(drafted, day, 400, number) for number, day in enumerate([date(2025, 6, 2), date(2026, 1, 5)])]
    for number, day in enumerate(days):
        day.sample["label"] = np.random.default_rng(number).choice(names, len(day.sample), p=shares)
    return measure(days, list_features(drafted), date(2026, 4, 27), task_of(load(drafted, None).model))


@pytest.fixture(scope="module")
def seen_classes(named):
    return come(named, 0.4, 0.3, 0.15, 0.06, 0.05, 0.03, 0.01)


def test_a_column_of_texts_becomes_classes_and_rare_ones_share_a_name(named, seen_classes):
    model = load(named, seen_classes).model
    assert ("multiclass", "log_loss", "invoices") == (model.label.task, model.metric, model.label.absence_of)
    assert seen_classes.classes.named == ("web", "shop", "no invoices", "other")
    query = render_labels(named, seen_classes.classes)
    assert "case when channel::text in ('web', 'shop') then channel::text else 'other' end as class" in query
    assert "coalesce(most.class, 'no invoices') as label" in query
    (said,) = [line for line in say_found(Draft(named, seen_classes, {})) if "classes came" in line]
    assert "7 classes came, web 39%, shop 29%, " in said
    assert "4 that few have are called other together" in said


def test_before_anything_came_classes_keep_their_names(named):
    assert "select customer_id::bigint as entity_id, channel::text as class, count(*) as facts" in render_labels(named)
    assert "where paid_at >= :as_of_start and paid_at < :label_end and channel::text <> ''" in render_labels(named)


def test_in_a_small_cohort_every_class_keeps_its_name_for_one_alone_teaches_nothing(named, seen_classes):
    few = [replace(probe(named, date(2025, 6, 2), 40), rows=40)]
    few[0].sample["label"] = np.resize(["web", "it's", "tv"], 40)
    found = measure(few, list_features(named), date(2026, 4, 27), task_of(load(named, None).model))
    assert (set(found.classes.kept), found.classes.rare) == ({"web", "it's", "tv"}, ())


def test_who_has_no_row_is_of_the_other_ones_where_few_have_none(named):
    query = render_labels(named, come(named, 0.4, 0.3, 0.02, 0.2, 0.05, 0.02, 0.01).classes)
    assert "in ('web', 'shop', 'it''s')" in query
    assert "coalesce(most.class, 'other') as label" in query


def test_scores_of_classes_are_watched_by_their_names(named, seen_classes):
    rules = json.loads(render_files(named, seen_classes)["expectations/winback/scores.json"])["expectations"]
    watched = {rule["kwargs"]["column"]: rule["kwargs"] for rule in rules}
    assert watched["class"]["value_set"] == ["web", "shop", "no invoices", "other"]
    assert (watched["score"]["min_value"], watched["score"]["max_value"]) == (0.25, 1)


def test_the_file_says_how_rows_are_weighed_and_valued(drafted, seen, named, seen_classes):
    for each, found in ((drafted, seen), (named, seen_classes)):
        text = render_files(each, found)["models/winback.toml"]
        uncommented = text.replace('# weight = "importance"', 'weight = "importance"').replace(
            '# value = "worth"', 'value = "worth"'
        )
        read = tomllib.loads(uncommented)["label"]
        assert (read["weight"], read["value"]) == ("importance", "worth")
        assert not {"weight", "value"} & set(tomllib.loads(text)["label"])
