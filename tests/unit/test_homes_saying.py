"""What a check of real tables says, and when it is a fault."""

from datetime import date, timedelta

import pandas as pd
import pytest

from perennial.config import load_declaration
from perennial.homes import saying
from perennial.homes.checked import Checked
from perennial.homes.real_tables import reveal
from perennial.metrics import enter_beside, index_day
from perennial.records import RuleResult, Run
from perennial.stores.warehouse.arrivals import Arrivals
from perennial.stores.warehouse.costing import Scan
from perennial.validate import SuiteFindings, conclude
from tests.paths import ROOT

DECLARATION = load_declaration(ROOT, "lapse")
MODEL = DECLARATION.model


def arrive(**changes):
    usual = {"facts": 1000, "late": 0, "outcomes": 500, "unlabelled": 0, "typical_hours": 0.5, "most_hours": 30.0}
    return Arrivals(**{"source": "purchases", **usual, "settle_hours": 6, "grace_days": 2, **changes})


def say(**changes):
    return saying.describe_arrivals(MODEL, MODEL.label.absence_of, arrive(**changes))


def test_facts_that_arrive_in_time_are_described_and_nothing_is_advised():
    found = say()
    assert (found.advice, found.fault) == ("", "")
    assert found.found == "half of 1000 facts were known within 30.0 min, 95 % within 30.0 hours; settle_hours = 6"


def test_facts_that_are_late_for_their_day_are_no_fault():
    found = say(late=60, settle_hours=30)
    assert "60 of 1000 facts (6%)" in found.advice
    assert "settle_hours = 30 would count 95 %" in found.advice
    assert found.fault == ""
    assert say(late=50).advice == ""


def test_more_hours_than_settle_may_have_are_not_proposed():
    assert "settle_hours goes to 48, and 95 % need 71." in say(late=900, settle_hours=71).advice


def test_a_table_that_is_filled_once_a_week_is_not_late():
    weekly = arrive(late=800, settle_hours=160)
    found = saying.describe_arrivals(MODEL, "purchases", weekly, wait_days=7)
    assert (found.advice, found.fault) == ("", "")
    assert "loads lie up to 7 days apart" in found.found


def test_facts_that_labels_miss_are_a_fault_where_their_absence_is_the_label():
    assert "grace_days = 9 under [label]" in say(unlabelled=6, grace_days=9).fault
    other = saying.describe_arrivals(MODEL, "another", arrive(unlabelled=6, grace_days=9))
    assert other.fault == ""
    assert "if labels.sql reads another." in other.advice
    assert say(unlabelled=5).fault == ""


def test_a_source_that_is_silent_is_asked_about():
    assert "learned 5.0 days ago" in saying.describe_arrivals(MODEL, "purchases", None, silence=timedelta(days=5)).advice


def test_a_source_at_rest_is_lived_in_the_past():
    found = saying.describe_arrivals(
        MODEL, "purchases", None, silence=timedelta(days=500), past="lapse --as-of 2017-12-04 --simulate"
    )
    assert "the table is at rest: its newest fact was learned 500.0 days ago" in found.advice
    assert "`perennial bootstrap lapse --as-of 2017-12-04 --simulate`" in found.advice
    assert "is it still delivered?" not in found.advice


@pytest.mark.parametrize(
    ("covered", "newest", "advice", "fault"),
    [
        (date(2017, 1, 2), date(2017, 10, 2), "", ""),
        (date(2017, 9, 4), date(2017, 10, 2), "too few to choose a recipe", ""),
        (date(2017, 10, 9), date(2017, 10, 2), "", "the first day whose windows lie within history is 2017-10-09"),
    ],
)
def test_history_is_weighed_against_what_a_training_wants(covered, newest, advice, fault):
    found = saying.describe_history(MODEL, covered, newest)
    assert found.advice.startswith(advice)
    assert found.fault.startswith(fault)
    assert (bool(advice), bool(fault)) == (bool(found.advice), bool(found.fault))


def test_labels_of_one_kind_teach_nothing():
    assert "nothing can be learned" in saying.describe_labels(MODEL, pd.Series([0] * 40)).advice
    assert saying.describe_labels(MODEL, pd.Series([0, 0, 0, 1] * 10)).found == "10 of 40 labels are 1 (25.0%)"


def test_a_slow_day_is_advised_about():
    assert saying.describe_cost(10, 59, (), 39).advice == ""
    assert "an index" in saying.describe_cost(10, 61, (), 39).advice


def test_rows_that_nobody_counted_are_not_said():
    scans = (Scan("visits", "Seq Scan", 17517), Scan("members", "Index Scan", None))
    found = saying.describe_cost(10, 2.0, scans, 39).found
    assert "visits by seq scan, 17,517 rows; members by index scan. bootstrap builds 39 such days: about 78 s" in found


def test_a_suite_that_stops_the_day_names_where_its_limit_stands():
    run = Run("lapse", date(2017, 6, 12), MODEL.known_until(date(2017, 6, 12)), "simulation")
    failed = RuleResult("source", "a_rule", None, passed=False, failing=3, rows=9, sentence="Too many. Found: 3 of 9.")
    found = saying.describe_suite("lapse", "source", conclude(run, SuiteFindings(9, (failed,)), MODEL.quality))
    assert found.fault == "a_rule: Too many. Found: 3 of 9. Correct the data, or the limit in expectations/lapse/source.json."


def test_what_comes_next_depends_on_who_serves_and_on_the_clock():
    day = date(2025, 8, 3)
    assert saying.name_next("quit", day, has_champion=True, is_simulated=False).startswith("a champion serves")
    assert saying.name_next("quit", day, has_champion=False, is_simulated=False).endswith("--as-of 2025-08-03")
    assert saying.name_next("quit", day, has_champion=False, is_simulated=True).endswith("--simulate")


def test_names_of_a_check_alone_are_said_as_those_of_the_model():
    disguised = DECLARATION.model_copy(update={"model": MODEL.model_copy(update={"name": "lapse$4711"})})
    said = 'lapse$4711: pg_temp_3.sample$purchases, and "pg_temp_3"."sample$visits"'
    assert reveal(said, disguised) == "lapse: purchases, and visits"
    assert "A check gives a statement 10min" in reveal("canceling statement due to statement timeout", disguised)


@pytest.mark.parametrize(
    ("said", "sign"), [({}, "ok"), ({"advice": "look"}, "look"), ({"advice": "look", "fault": "bad"}, "NOT SO")]
)
def test_a_line_begins_with_what_it_asks_for(said, sign):
    assert sign == Checked("quit", "a rule", **said).sign


def test_a_broken_law_says_where_to_look():
    assert saying.say_where_to_look("quit", "") == ""
    assert saying.say_where_to_look("quit", "another checksum").startswith("another checksum. Look in sql/quit/features.sql")
    assert saying.say_where_to_look("quit", "does it read?").startswith("does it read? Look in")


def test_amounts_are_told_by_their_zeros_and_by_what_lies_far_out():
    model = load_declaration(ROOT, "spend_next_28d").model
    labels = pd.Series([0.0] * 20 + [10.0] * 79 + [900.0])
    uncapped = model.model_copy(update={"label": model.label.model_copy(update={"cap": None})})
    found = saying.describe_labels(uncapped, labels)
    assert found.found == "100 labels: 20.0% are 0, the median is 10, the 98th percentile 10, the largest 900"
    assert found.advice == "a few amounts decide alone: write label.cap = 10, beyond which amounts count as this much"
    assert saying.describe_labels(model, labels.clip(upper=700)).advice == ""
    assert "nothing can be learned" in saying.describe_labels(model, labels * 0).advice
    assert "a training on such days is refused: labels must not lie below 0" in saying.describe_labels(model, labels - 5).advice


@pytest.mark.parametrize(
    ("name", "labels", "said"),
    [
        ("lapse", [0, 0, 0, 1], "4 of 16 labels are 1 (50.0% by weight)"),
        ("spend_next_28d", [0.0, 0.0, 9.0, 10.0], "16 labels: by weight 33.3% are 0, the median is 9, the 98th percentile 10"),
        (
            "next_department",
            ["deli", "deli", "fuel", "toys"],
            "16 labels of 3 classes by weight: toys 50.0%, deli 33.3%, fuel 16.7%",
        ),
    ],
)
def test_labels_that_weigh_are_told_by_their_weight(name, labels, said):
    rows = index_day(pd.RangeIndex(16), date(2017, 6, 12))
    weights = pd.Series([1.0, 1.0, 1.0, 3.0] * 4, index=rows)
    weighed = enter_beside(pd.Series(labels * 4, index=rows), {"weight": weights})
    assert saying.describe_labels(load_declaration(ROOT, name).model, weighed).found.startswith(said)
