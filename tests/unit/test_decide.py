"""Decisions as a table: one row of evidence, one answer, one sentence for people."""

import json
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from perennial.config import load_model
from perennial.decide import decide
from perennial.records import Choice, DecisionEvidence, dump_json
from perennial.stores.ledger.statements import read_record

MODEL = load_model(Path(__file__).parents[2] / "models" / "lapse.toml")
LIMITS = MODEL.monitoring


def clock_of(as_of):
    return MODEL.known_until(as_of)


QUIET = DecisionEvidence(
    model="lapse",
    as_of=date(2017, 11, 27),
    clock=clock_of(date(2017, 11, 27)),
    blocked_because=None,
    champion_version=1,
    champion_age_days=28,
    checks=(False, False, False),
    drifted_share=0.03,
    prediction_shift=0.012,
    drifted_columns=(),
    auc_loss=None,
    last_training_at=clock_of(date(2017, 11, 6)),
    retrains=(),
    newest_matured=date(2017, 10, 23),
    newest_trained=date(2017, 10, 2),
    next_maturity=date(2017, 11, 29),
    labels_mature_on=None,
    timezone=MODEL.timezone,
)
SHIFTED = replace(
    QUIET, checks=(True, True, False), prediction_shift=0.201, labels_mature_on=date(2017, 12, 20)
)  # the story's population: +20 % mean score, no column over its limit
FIRST = replace(QUIET, champion_version=None, champion_age_days=None, checks=(), drifted_share=None, prediction_shift=None)


def on(as_of, evidence, **changes):
    return replace(evidence, as_of=as_of, clock=clock_of(as_of), **changes)


STORY = [
    ("11-06 quiet", on(date(2017, 11, 6), QUIET, checks=(False,)), Choice.SKIP, "quiet"),
    ("11-13 all null", on(date(2017, 11, 13), QUIET, blocked_because="spend_7d is null"), Choice.BLOCK, "blocked"),
    ("11-20 first of three", on(date(2017, 11, 20), SHIFTED, checks=(True, False, False)), Choice.SKIP, "persistence"),
    ("11-27 second", on(date(2017, 11, 27), SHIFTED, checks=(True, True, False)), Choice.TRAIN, "drift"),
    (
        "12-04 exactly seven days later",
        on(date(2017, 12, 4), SHIFTED, checks=(True, True, True), retrains=(clock_of(date(2017, 11, 27)),)),
        Choice.SKIP,
        "cooldown",
    ),
    (
        "12-05 the cooldown is over",
        on(date(2017, 12, 5), SHIFTED, checks=(True, True, True), retrains=(clock_of(date(2017, 11, 27)),)),
        Choice.TRAIN,
        "drift",
    ),
]
RULES = [
    (
        "columns drift",
        replace(SHIFTED, drifted_share=0.4, prediction_shift=0.0, drifted_columns=("a", "b")),
        Choice.TRAIN,
        "drift",
    ),
    ("two of three, today quiet", replace(QUIET, checks=(False, True, True)), Choice.TRAIN, "drift"),
    ("a fourth check does not count", replace(SHIFTED, checks=(True, False, False, True)), Choice.SKIP, "persistence"),
    ("only one check ever ran", replace(SHIFTED, checks=(True,)), Choice.SKIP, "persistence"),
    ("no check ran", replace(QUIET, checks=(), drifted_share=None, prediction_shift=None), Choice.SKIP, "quiet"),
    ("realised loss", replace(QUIET, auc_loss=0.031), Choice.TRAIN, "realised_loss"),
    ("rise of a loss", replace(QUIET, loss_rise=0.11), Choice.TRAIN, "realised_loss"),
    ("rise at the limit", replace(QUIET, loss_rise=0.10), Choice.SKIP, "quiet"),
    ("a loss that is not known", replace(QUIET, loss_rise=float("nan")), Choice.SKIP, "quiet"),
    ("loss at the limit", replace(QUIET, auc_loss=0.03), Choice.SKIP, "quiet"),
    ("a day of one class", replace(QUIET, auc_loss=float("nan")), Choice.SKIP, "quiet"),
    ("old fit", replace(QUIET, champion_age_days=36), Choice.TRAIN, "age"),
    ("fit at the limit", replace(QUIET, champion_age_days=35), Choice.SKIP, "quiet"),
    ("nothing new", replace(SHIFTED, newest_trained=date(2017, 10, 23)), Choice.SKIP, "nothing_new"),
    ("nothing matured", replace(SHIFTED, newest_matured=None, newest_trained=None), Choice.SKIP, "nothing_new"),
    ("never trained on labels", replace(SHIFTED, newest_trained=None), Choice.TRAIN, "drift"),
    (
        "three within thirty days",
        replace(SHIFTED, retrains=tuple(clock_of(date(2017, 11, day)) for day in (1, 8, 15))),
        Choice.SKIP,
        "budget",
    ),
    (
        "the oldest of three is thirty days old",
        replace(SHIFTED, retrains=tuple(clock_of(day) for day in (date(2017, 10, 28), date(2017, 11, 8), date(2017, 11, 15)))),
        Choice.TRAIN,
        "drift",
    ),
    ("weekly trainings do not cool down", replace(SHIFTED, last_training_at=clock_of(date(2017, 11, 26))), Choice.TRAIN, "drift"),
    ("first", replace(FIRST, matured_as_ofs=16, newest_trained=None), Choice.TRAIN, "first"),
    (
        "the first was refused",
        replace(FIRST, matured_as_ofs=16, newest_trained=date(2017, 10, 23)),
        Choice.SKIP,
        "nothing_new",
    ),
    ("labels of nothing", replace(FIRST, matured_as_ofs=0), Choice.SKIP, "waiting_for_first"),
    ("one as_of is enough", replace(FIRST, matured_as_ofs=1, newest_trained=None), Choice.TRAIN, "first"),
    (
        "the newest retraining cools down, wherever it stands",
        replace(SHIFTED, retrains=(clock_of(date(2017, 11, 26)), clock_of(date(2017, 11, 1)))),
        Choice.SKIP,
        "cooldown",
    ),
    ("blocked beats all", replace(SHIFTED, blocked_because="mean score doubled", auc_loss=1.0), Choice.BLOCK, "blocked"),
]


@pytest.mark.mltest("O4")
@pytest.mark.parametrize(
    ("evidence", "choice", "rule"), [row[1:] for row in STORY + RULES], ids=[row[0] for row in STORY + RULES]
)
def test_one_row_of_evidence_has_one_answer(evidence, choice, rule):
    decision = decide(evidence, LIMITS)
    assert (decision.choice, decision.rule) == (choice, rule)


def test_a_decision_carries_its_evidence():
    decision = decide(SHIFTED, LIMITS)
    assert (decision.model, decision.as_of, decision.evidence) == ("lapse", date(2017, 11, 27), SHIFTED)
    assert '"rule":"drift"' in dump_json(decision)


OLD = "The fit that serves is 200 days old (limit 35): refreshes were missed."


@pytest.mark.parametrize(
    ("evidence", "sentence"),
    [
        (
            SHIFTED,
            (
                "Drift on 2 of the last 3 checks (2 of 3 ask for a retraining): the prediction shift alone fired, the "
                "mean score moved by +20.1% (limit 10%), while 3% of the columns drifted (limit 30%). A retraining can "
                "learn from as_ofs up to 2017-10-23, where the last training ended at 2017-10-02. The drifted rows "
                "themselves have no labels before 2017-12-20."
            ),
        ),
        (
            replace(SHIFTED, checks=(True,)),
            (
                "Drift on the only check that ran (2 of 3 ask for a retraining): the prediction shift alone fired, the "
                "mean score moved by +20.1% (limit 10%), while 3% of the columns drifted (limit 30%). It waits for the "
                "next check."
            ),
        ),
        (
            QUIET,
            "Nothing asks for a retraining: 3% of the columns drifted (limit 30%), the mean score moved by +1.2% (limit 10%).",
        ),
        (
            replace(QUIET, blocked_because="spend_7d is null in 2,210 rows."),
            (
                "The scores of 2017-11-27 were stopped: spend_7d is null in 2,210 rows. The former ones stay, and nothing "
                "is trained on such data."
            ),
        ),
        (
            replace(QUIET, auc_loss=0.0412, champion_age_days=200),
            (
                "The realised AUC lies at least 0.041 below that on unseen rows (limit 0.03). "
                f"{OLD} A retraining can learn from as_ofs up to 2017-10-23, where the last training ended at 2017-10-02."
            ),
        ),
        (
            replace(QUIET, champion_age_days=200, retrains=(clock_of(date(2017, 11, 20)),)),
            (
                f"{OLD} But retraining was asked for on 2017-11-20, and the cooldown "
                "of 7 days lasts through 2017-11-27: it may be asked for again on 2017-11-28."
            ),
        ),
        (
            replace(QUIET, champion_age_days=200, retrains=tuple(clock_of(date(2017, 11, day)) for day in (1, 8, 15))),
            (f"{OLD} But 3 retrainings were asked for within 30 days, and 3 are allowed; the next is free on 2017-12-01."),
        ),
        (
            replace(QUIET, champion_age_days=200, newest_trained=date(2017, 10, 23)),
            (
                f"{OLD} But the last training had every as_of that can teach, up to "
                "2017-10-23: the next labels mature on 2017-11-29."
            ),
        ),
        (
            replace(QUIET, champion_age_days=200, newest_trained=date(2017, 10, 23), left_out=("One day.", "Another.")),
            (
                f"{OLD} But the last training had every as_of that can teach, up to "
                "2017-10-23: the next labels mature on 2017-11-29. Left out: One day."
            ),
        ),
        (
            replace(QUIET, champion_age_days=200, retrains=tuple(clock_of(date(2017, 11, day)) for day in (15, 1, 8))),
            (f"{OLD} But 3 retrainings were asked for within 30 days, and 3 are allowed; the next is free on 2017-12-01."),
        ),
        (
            replace(QUIET, champion_age_days=200, newest_matured=None, newest_trained=None),
            (f"{OLD} But no as_of can teach yet: the next labels mature on 2017-11-29."),
        ),
        (
            replace(QUIET, champion_age_days=200, newest_trained=None, labels_mature_on=date(2017, 12, 20)),
            f"{OLD} A retraining can learn from as_ofs up to 2017-10-23.",
        ),
        (
            replace(SHIFTED, labels_mature_on=None),
            (
                "Drift on 2 of the last 3 checks (2 of 3 ask for a retraining): the prediction shift alone fired, the "
                "mean score moved by +20.1% (limit 10%), while 3% of the columns drifted (limit 30%). A retraining can "
                "learn from as_ofs up to 2017-10-23, where the last training ended at 2017-10-02."
            ),
        ),
        (
            replace(FIRST, matured_as_ofs=16, newest_trained=None),
            "There is no champion yet, and 16 as_ofs have matured. A retraining can learn from as_ofs up to 2017-10-23.",
        ),
        (
            replace(QUIET, checks=(), drifted_share=None, prediction_shift=None),
            "Nothing asks for a retraining: no check ran today.",
        ),
        (
            replace(QUIET, drifted_share=0.3, prediction_shift=-0.1),
            "Nothing asks for a retraining: 30% of the columns drifted (limit 30%), the mean score moved by -10.0% (limit 10%).",
        ),
        (
            replace(QUIET, prediction_shift=-0.11),
            (
                "Nothing asks for a retraining: the prediction shift alone fired, the mean score moved by -11.0% (limit 10%), "
                "while 3% of the columns drifted (limit 30%)."
            ),
        ),
        (
            replace(QUIET, drifted_share=0.31, drifted_columns=("a", "b", "c", "d", "e")),
            (
                "Nothing asks for a retraining: 31% of the columns drifted (limit 30%): a, b, c, d, e; the mean score moved by "
                "+1.2% (limit 10%)."
            ),
        ),
        (
            replace(QUIET, drifted_share=0.31, drifted_columns=("a", "b", "c", "d", "e", "f")),
            (
                "Nothing asks for a retraining: 31% of the columns drifted (limit 30%): a, b, c, d, e and 1 more; the mean "
                "score moved by +1.2% (limit 10%)."
            ),
        ),
        (
            replace(FIRST, matured_as_ofs=0),
            "There is no champion yet, and no as_of that can teach has matured; the next does on 2017-11-29.",
        ),
    ],
)
def test_the_sentence_names_dates_and_numbers(evidence, sentence):
    assert decide(evidence, LIMITS).sentence == sentence


def test_many_drifted_columns_are_counted_and_not_all_named():
    sentence = decide(replace(SHIFTED, drifted_share=0.5, drifted_columns=tuple("abcdefg")), LIMITS).sentence
    assert "50% of the columns drifted (limit 30%): a, b, c, d, e and 2 more; the mean score moved by +20.1%" in sentence


def test_a_budget_of_nothing_never_trains():
    none = LIMITS.model_copy(update={"max_retrains_per_30_days": 0})
    decision = decide(SHIFTED, none)
    assert decision.rule == "budget"
    assert decision.sentence.endswith("But 0 retrainings were asked for within 30 days, and 0 are allowed.")


@pytest.mark.parametrize(("hour", "choice"), [(0, Choice.SKIP), (23, Choice.SKIP), (24, Choice.TRAIN)])
def test_the_cooldown_ends_with_the_local_day_and_not_with_the_hour(hour, choice):
    """Asked for late on 11-20 in New York, which is 11-21 in UTC: the 27th is still its seventh day."""
    late = datetime(2017, 11, 21, 3, 30, tzinfo=UTC)
    today = replace(SHIFTED, retrains=(late,), clock=MODEL.start(date(2017, 11, 27)) + timedelta(hours=hour, minutes=1))
    assert decide(today, LIMITS).choice is choice


def test_evidence_from_before_one_as_of_was_enough_is_still_read():
    stored = {**json.loads(dump_json(QUIET)), "needed_as_ofs": 1}
    assert read_record(DecisionEvidence, stored) == QUIET


def test_a_loss_in_units_is_said_as_a_share():
    sentence = decide(replace(QUIET, loss_rise=0.123), LIMITS).sentence
    assert sentence.startswith("What came true is predicted at least 12.3% worse than on unseen rows (limit 10%).")
