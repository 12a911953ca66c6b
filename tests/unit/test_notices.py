"""Facts in, sentences out: what a mail says, whatever its layout."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime

import pytest

from perennial import notices
from perennial.config import load_model
from perennial.decide import decide
from perennial.records import (
    BlastRadius,
    Decision,
    DecisionEvidence,
    DriftCheck,
    FeatureDrift,
    Guard,
    Interval,
    MetricComparison,
    Outcome,
    Publication,
    Realised,
    RuleResult,
    Run,
    Validation,
    Verdict,
)
from tests.paths import ROOT

AS_OF, BEFORE = date(2017, 11, 6), date(2017, 10, 30)
CLOCK = datetime(2017, 11, 6, 11, tzinfo=UTC)
RUN = Run("lapse", AS_OF, CLOCK, "simulation")
LIMITS = load_model(ROOT / "models" / "lapse.toml").monitoring


def drifted(column: str, psi: float, *, can_trigger: bool = True) -> FeatureDrift:
    return FeatureDrift(column, psi, 10.0, 12.5, 0.0, 0.0, is_drifted=psi > 0.1, can_trigger=can_trigger)


CHECK = DriftCheck(
    model="lapse",
    as_of=AS_OF,
    version=1,
    rows=2200,
    features=(drifted("orders_28d", 0.02), drifted("recency_days", 0.31), drifted("tenure_days", 2.5, can_trigger=False)),
    drifted_share=0.5,
    prediction_shift=0.2,
    score_psi=0.12,
    is_drifted=True,
    report="http://mlflow.example.com/report.html",
)
EVIDENCE = DecisionEvidence(
    model="lapse",
    as_of=AS_OF,
    clock=CLOCK,
    blocked_because=None,
    champion_version=1,
    champion_age_days=7,
    checks=(True, True),
    drifted_share=0.5,
    prediction_shift=0.2,
    drifted_columns=("recency_days",),
    auc_loss=None,
    last_training_at=None,
    retrains=(),
    newest_matured=date(2017, 10, 2),
    newest_trained=date(2017, 9, 25),
    next_maturity=date(2017, 11, 8),
    labels_mature_on=date(2017, 12, 6),
)
VERDICT = Verdict(
    model="lapse",
    as_of=AS_OF,
    outcome=Outcome.PROMOTE,
    challenger_version=2,
    champion_version=1,
    holdout_as_ofs=(date(2017, 9, 25), date(2017, 10, 2)),
    rows=4400,
    positives=500,
    metrics=(MetricComparison("auc", 0.85, 0.87, Interval(0.02, 0.01, 0.03, 0.005)), MetricComparison("brier", 0.1, 0.09, None)),
    baselines=(),
    segments=(),
    knowledge_lag_days=84,
    reasons=("The gain lies above 0.", "It was trained to 2017-08-14."),
    challenger_recipe=12,
    champion_recipe=11,
)
VALIDATION = Validation(
    model="lapse",
    as_of=AS_OF,
    passed=False,
    rows=2200,
    quarantined=0,
    results=(
        RuleResult(
            "source", "expect_column_values_to_not_be_null", "amount_cents", False, 2900, 2900, "Each order says what was paid."
        ),
        RuleResult("source", "expect_table_row_count_to_be_between", None, True, 0, 2900, "A week brings about 2,900 orders."),
    ),
)


def choose(**changes: object) -> Decision:
    return decide(replace(EVIDENCE, **changes), LIMITS)


def write_decision(decision: Decision = None, realised: tuple[Realised, ...] = ()):
    return notices.write_decision(decision or choose(), CHECK, realised, psi_limit=0.1)


# The decision
def test_a_decision_says_first_what_was_decided_and_then_why():
    notice = write_decision()
    assert "TRAIN: what the champion sees has drifted" == notice.headline
    assert notice.summary.startswith("2200 rows of 2017-11-06 were scored with version 1. Drift on 2 of the last 2 checks")


def test_every_decision_of_a_scored_day_has_a_headline_of_its_own():
    rules = {choose(**changes).rule for changes in ({}, {"checks": (False,)}, {"checks": (True,)}, {"retrains": (CLOCK,)})}
    assert {"drift", "quiet", "persistence", "cooldown"} == rules
    assert rules <= notices.HEADLINES.keys()


def test_only_a_training_says_that_it_was_asked_for():
    assert "Asked for a retraining (drift); its verdict comes in a mail of its own." in write_decision().system_did
    quiet = write_decision(choose(checks=(False,)))
    assert "Kept the champion as it is; no retraining was asked for." in quiet.system_did
    assert () == quiet.you_must


def test_what_moved_most_stands_first_below_the_mean_score():
    moved = write_decision().moved
    assert ["mean score, against that on unseen rows", "tenure_days", "recency_days", "orders_28d"] == [row[0] for row in moved]
    assert ("mean score, against that on unseen rows", "", "+20.0%", "PSI 0.120") == moved[0]
    assert ("recency_days", "10", "12.5", "PSI 0.310, drifted") == moved[2]
    assert moved[1][3].endswith("by construction")


def test_the_picture_shows_only_columns_that_may_ask_for_a_retraining():
    notice = write_decision()
    assert {"recency_days": 0.31, "orders_28d": 0.02} == notice.chart
    assert 0.1 == notice.chart_limit


def test_realised_figures_of_older_days_close_the_table():
    realised = Realised("lapse", BEFORE, 1, 2190, 250, {"auc": Interval(0.861, 0.84, 0.88, 0.01)}, 0.11, 0.12)
    assert ("AUC of 2017-10-30", "", "0.861", "[0.840, 0.880] on 2190 rows") == write_decision(realised=(realised,)).moved[-1]
    aside = notices.write_decision(choose(), CHECK, (realised,), psi_limit=0.1, aside=(realised.as_of,)).moved[-1]
    assert "[0.840, 0.880] on 2190 rows; its labels are set aside, and this counts for nothing" == aside[-1]


def test_a_page_that_was_not_drawn_in_time_is_said_to_be_missing():
    notice = notices.link_report(write_decision(), None)
    assert () == notice.links
    assert "had not been drawn when this mail left: `perennial report lapse --as-of" in notice.system_did[-1]


def test_a_page_that_was_drawn_is_linked():
    assert (("Evidently report", "http://page"),) == notices.link_report(write_decision(), "http://page").links


# The verdict
def test_a_promotion_asks_for_nothing():
    notice = notices.write_verdict(VERDICT, refused_because=None, mlflow_run="http://mlflow.example.com/run")
    assert "PROMOTE: recipe 12 (version 2) against the champion's recipe 11 (version 1)" == notice.headline
    assert notice.system_did[0] == (
        "Compared recipe 12 (version 2) with the champion's recipe 11 (version 1) on 4400 unseen rows; let its newest fit serve."
    )
    assert () == notice.you_must


def test_a_verdict_tells_what_would_change_what_is_in_doubt_and_what_nobody_could_assess():
    radius = BlastRadius(AS_OF, 2200, 0.4, 90, 60, {}, "40% of the champion's top tenth would stay.")
    guards = (Guard("AUC, income = high", None, 0.02, "not assessed", "Too few positives."),)
    verdict = replace(VERDICT, blast_radius=radius, guards=guards, doubts=("Less than half of the top tenth stays.",))
    told = notices.write_verdict(verdict, mlflow_run="http://mlflow", refused_because=None).system_did
    assert told[2:] == (radius.sentence, verdict.doubts[0], "Not assessed, for want of evidence: AUC, income = high.")


def test_a_verdict_names_the_shadows():
    shadow = replace(VERDICT, challenger_version=5, challenger_recipe=9, outcome=Outcome.INCONCLUSIVE, reasons=("Chance.",))
    notice = notices.write_verdict(VERDICT, (shadow,), mlflow_run="http://mlflow", refused_because=None)
    assert notice.system_did[2:] == ("Shadow, recipe 9 (version 5): INCONCLUSIVE. Chance.",)


def test_a_verdict_from_before_recipes_were_kept_is_about_versions():
    old = replace(VERDICT, challenger_recipe=None, champion_recipe=None)
    told = notices.write_verdict(old, refused_because=None, mlflow_run="")
    assert told.headline == "PROMOTE: version 2 against champion version 1"


def test_a_verdict_that_waits_for_approval_names_the_command():
    notice = notices.write_verdict(VERDICT, refused_because="It waits for a person.", mlflow_run="")
    assert ("It waits for a person.",) == notice.you_must


def test_a_rejection_leaves_the_champion_and_asks_for_nothing():
    notice = notices.write_verdict(
        replace(VERDICT, outcome=Outcome.REJECT), refused_because="The champion ranks better.", mlflow_run=""
    )
    assert notice.system_did[0].endswith("left the champion as it is.")
    assert () == notice.you_must


def test_the_first_champion_stands_against_nobody():
    first = replace(VERDICT, champion_version=None, champion_recipe=None)
    told = notices.write_verdict(first, refused_because=None, mlflow_run="")
    assert told.headline == "PROMOTE: recipe 12 (version 2), the first champion"
    assert told.system_did[0] == "Compared recipe 12 (version 2) on 4400 unseen rows; let its newest fit serve."


def test_a_metric_without_an_interval_is_in_the_table_and_not_in_the_picture():
    notice = notices.write_verdict(VERDICT, refused_because=None, mlflow_run="")
    assert ("Brier score", "0.1", "0.09", "") == notice.moved[1]
    assert {"AUC": 0.02} == notice.chart


def test_a_verdict_leads_to_the_model_card():
    notice = notices.write_verdict(VERDICT, refused_because=None, mlflow_run="http://run", model_card="http://card")
    assert (("MLflow run", "http://run"), ("Model card", "http://card")) == notice.links


# What went wrong
def test_a_blocked_day_says_what_failed_what_is_served_and_how_to_go_on():
    decision = choose(blocked_because=notices.say_what_failed(VALIDATION))
    served = Publication(1, "lapse", BEFORE, 1, 1, "live", 2190, 0.11, 1.0)
    notice = notices.write_block(RUN, decision, notices.find_rejected(VALIDATION), notices.say_what_is_served(served))
    assert ("blocked", "BLOCK: nothing of 2017-11-06 was published") == (notice.event, notice.headline)
    assert "1 expectation failed (amount_cents). Each order says what was paid." in notice.summary
    assert "Kept the scores of 2017-10-30 (version 1, 2190 rows) online." == notice.system_did[1]
    assert (("amount_cents", "", "2900 of 2900", "Each order says what was paid."),) == notice.moved
    assert {"amount_cents": 1.0} == notice.chart
    assert "clear the failed run of lapse.refresh" in notice.you_must[1]


def test_refused_scores_show_what_moved():
    assert CHECK.features[1].column in notices.find_moved(CHECK).chart


def test_before_the_first_publication_nothing_is_served():
    assert "Nothing is published yet." == notices.say_what_is_served(None)


@pytest.mark.parametrize(
    ("messages", "summary"),
    [(("MLflow is down.",), "MLflow is down."), ((), "The task ended without a word; its log in Airflow says more.")],
)
def test_a_failure_repeats_what_the_task_said(messages, summary):
    notice = notices.write_failure(RUN, "score", ("score",), messages)
    assert ("failure_score", "lapse.score failed at score", summary) == (notice.event, notice.headline, notice.summary)


def test_the_mail_of_amounts_shows_its_headline_in_four_digits():
    metrics = {"mse": Interval(51234.4, 50000.0, 52500.0, 600.0), "total_bias": Interval(1.1, 1.0, 1.2, 0.05)}
    realised = Realised("lapse", BEFORE, 1, 2190, None, metrics, 40.0, 38.0)
    found = write_decision(realised=(realised,)).moved
    assert (f"mean squared error of {BEFORE}", "", "51,234", "[50,000, 52,500] on 2190 rows") in found
