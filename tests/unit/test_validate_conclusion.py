"""What findings mean for the day."""

from datetime import UTC, date, datetime

import pytest

from perennial.config.inputs import Quality
from perennial.records import Acceptance, IncompleteFacts, Rejects, RuleResult, Run
from perennial.validate import SuiteFindings, check_bands, check_facts, conclude

RUN = Run(model="lapse", as_of=date(2017, 11, 13), clock=datetime(2017, 11, 13, 11, tzinfo=UTC), purpose="simulation")
QUALITY = Quality(max_quarantined_share=0.01, row_count_band=0.5, history_snapshots=3)


def weigh(results, rejects=()):
    return conclude(RUN, SuiteFindings(1000, results, rejects), QUALITY)


def result(rule, *, passed, failing=0):
    return RuleResult("snapshot", rule, "spend_28d", passed=passed, failing=failing, rows=1000, sentence="")


@pytest.mark.parametrize(
    ("rows", "former_rows", "passed"),
    [
        (1000, (), True),
        (0, (), False),
        (0, (1000, 1000), False),
        (500, (1000, 1000), True),
        (499, (1000, 1000), False),
        (1501, (1000, 1000), False),
        (1500, (10, 10, 10, 1000, 1000, 1000), True),
        (1000, (0, 0), True),
    ],
)
def test_rows_are_compared_with_the_median_of_the_last_snapshots(rows, former_rows, passed):
    assert check_bands(RUN, rows, former_rows, QUALITY).passed is passed


@pytest.mark.parametrize(
    ("band", "rows", "passed"),
    [
        (2.5, 3500, True),
        (2.5, 3501, False),
        ((0.2, 4.0), 799, False),
        ((0.2, 4.0), 5000, True),
        ("off", 100_000, True),
        ("off", 1, True),
        ("off", 0, False),
        (0.001, 1095, False),
        (0.001, 1094, True),
    ],
)
def test_a_band_may_be_of_any_size_asymmetric_or_off_and_allows_for_chance(band, rows, passed):
    quality = Quality.model_validate({"row_count_band": band})
    assert check_bands(RUN, rows, (1000, 1000), quality).passed is passed


@pytest.mark.parametrize(
    ("rows", "since", "passed"), [(3000, (), True), (1000, (), False), (4000, (3100,), True), (1400, (3100, 2900), False)]
)
def test_days_are_compared_with_a_level_that_was_accepted_and_with_what_came_since(rows, since, passed):
    accepted = Acceptance("lapse", RUN.as_of, "rows", 3000, "Three brands were merged.", "ann", "live", RUN.clock)
    assert check_bands(RUN, rows, since, QUALITY, accepted).passed is passed


def test_a_band_says_what_it_found():
    found = check_bands(RUN, 400, (1000, 1000, 990), QUALITY)
    assert found.sentence == (
        "400 rows against a median of 1000 over the last 3 snapshots (-60.0%): outside the band of 50% (quality.row_count_band). "
        'If this is the new level, `perennial accept lapse --as-of 2017-11-13 --check rows --reason "..."` accepts it from this '
        "day on."
    )


def test_few_rejected_rows_are_set_aside_and_the_day_goes_on():
    rejects = (Rejects("rule", "spend_28d", tuple(range(10))),)
    validation = weigh((result("rule", passed=False, failing=10),), rejects)
    assert (validation.passed, validation.quarantined) == (True, 10)


def test_one_more_rejected_row_than_the_limit_stops_the_day():
    rejects = (Rejects("rule", "spend_28d", tuple(range(11))),)
    validation = weigh((result("rule", passed=False, failing=11),), rejects)
    assert not validation.passed
    assert validation.failures[0].sentence == "11 of 1000 rows were rejected (1.10%): more than the limit of 1.00%."


def test_a_row_rejected_by_two_rules_counts_once():
    rejects = (Rejects("a", "spend_28d", (1, 2)), Rejects("b", "spend_28d", (2, 3)))
    validation = weigh((), rejects)
    assert validation.quarantined == 3


def test_a_failed_rule_that_names_no_rows_stops_the_day():
    validation = weigh((result("mean", passed=False),))
    assert not validation.passed


def test_the_finding_that_stopped_the_day_stands_first():
    rejects = (Rejects("rows", "spend_28d", (1,)),)
    validation = weigh((result("rows", passed=False, failing=1), result("mean", passed=False)), rejects)
    assert [failure.rule for failure in validation.failures] == ["mean", "rows"]


@pytest.mark.parametrize(("facts", "passed"), [(10, True), (11, False)], ids=["few", "too many"])
def test_facts_without_a_time_stop_the_day_when_they_are_many(facts, passed):
    (result,) = check_facts((IncompleteFacts("orders", "known_at", facts, 1000),), QUALITY)
    assert (result.passed, result.failing, result.rows, result.column) == (passed, facts, 1000, "known_at")


def test_what_the_facts_of_a_source_lack_is_added_up():
    lacking = (IncompleteFacts("orders", "known_at", 9, 1000), IncompleteFacts("orders", "order_id", 2, 1000))
    assert [result.passed for result in check_facts(lacking, QUALITY)] == [False, False]
