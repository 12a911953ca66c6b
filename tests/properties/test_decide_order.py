"""What no evidence can change: the order of the rules."""

from dataclasses import replace
from datetime import UTC, date, datetime

from hypothesis import assume, given
from hypothesis import strategies as st

from perennial.config.serving import Monitoring
from perennial.decide import decide
from perennial.records import Choice, DecisionEvidence

LIMITS = Monitoring()
CLOCK = datetime(2017, 11, 27, 11, tzinfo=UTC)
DAYS = st.dates(date(2017, 8, 1), date(2017, 12, 31))
INSTANTS = st.datetimes(datetime(2017, 10, 1), CLOCK.replace(tzinfo=None), timezones=st.just(UTC))  # noqa: DTZ001 - bounds must be naive

EVIDENCE = st.builds(
    DecisionEvidence,
    model=st.just("lapse"),
    as_of=st.just(date(2017, 11, 27)),
    clock=st.just(CLOCK),
    blocked_because=st.none() | st.just("a column is null."),
    champion_version=st.none() | st.just(1),
    champion_age_days=st.none() | st.integers(0, 400),
    checks=st.lists(st.booleans(), max_size=5).map(tuple),
    drifted_share=st.none() | st.floats(0, 1),
    prediction_shift=st.none() | st.floats(-1, 3),
    drifted_columns=st.lists(st.sampled_from("abcdefgh"), unique=True).map(tuple),
    auc_loss=st.none() | st.floats(-0.5, 0.5) | st.just(float("nan")),
    last_training_at=st.none() | INSTANTS,
    retrains=st.lists(INSTANTS, max_size=5).map(tuple),
    newest_matured=st.none() | DAYS,
    newest_trained=st.none() | DAYS,
    next_maturity=DAYS,
    labels_mature_on=st.none() | DAYS,
    timezone=st.sampled_from(["UTC", "America/New_York", "Pacific/Auckland"]),
    matured_as_ofs=st.integers(0, 30),
)


@given(EVIDENCE)
def test_block_always_wins_and_comes_from_nothing_else(evidence):
    assert (decide(evidence, LIMITS).choice is Choice.BLOCK) == (evidence.blocked_because is not None)


@given(EVIDENCE)
def test_nothing_is_trained_without_new_matured_labels(evidence):
    assume(evidence.newest_matured is None or (evidence.newest_trained or date.min) >= evidence.newest_matured)
    assert decide(evidence, LIMITS).choice is not Choice.TRAIN


@given(EVIDENCE)
def test_nothing_is_trained_on_the_day_after_a_retraining(evidence):
    yesterday = replace(evidence, retrains=(*evidence.retrains, datetime(2017, 11, 26, 11, tzinfo=UTC)))
    assert decide(yesterday, LIMITS).choice is not Choice.TRAIN


@given(EVIDENCE, st.integers(0, 4))
def test_one_more_drifted_check_never_turns_a_training_away(evidence, place):
    more = replace(evidence, checks=tuple(check or at == place for at, check in enumerate(evidence.checks)))
    assert (decide(evidence, LIMITS).choice, decide(more, LIMITS).choice) != (Choice.TRAIN, Choice.SKIP)


@given(EVIDENCE)
def test_every_decision_says_why_in_one_line(evidence):
    decision = decide(evidence, LIMITS)
    assert decision.sentence.endswith(".")
    assert "\n" not in decision.sentence
    assert "None" not in decision.sentence
    assert decision.rule


@given(EVIDENCE)
def test_the_same_evidence_gives_the_same_decision(evidence):
    assert repr(decide(evidence, LIMITS)) == repr(decide(evidence, LIMITS))
