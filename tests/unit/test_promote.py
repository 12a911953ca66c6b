from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime

import pytest

from ml.errors import NothingToRollBackTo, NotPromoted, PromotionRefused
from ml.promote import (
    choose_challenger,
    choose_forced,
    choose_former_champion,
    find_champion,
    list_champions,
    list_reasons_to_ask,
)
from ml.records import Evaluation, Move, Outcome, Promotion, Run, Verdict

DAY = date(2017, 11, 6)
CLOCK = datetime(2017, 11, 6, 11, tzinfo=UTC)
RUN = Run("lapse", DAY, CLOCK, "simulation")


def judge(challenger: int, champion: int | None, outcome: Outcome = Outcome.PROMOTE) -> Evaluation:
    verdict = Verdict(
        model="lapse",
        as_of=DAY,
        outcome=outcome,
        challenger_version=challenger,
        champion_version=champion,
        opponent="champion" if champion else "baselines",
        holdout_as_ofs=(),
        rows=0,
        positives=0,
        metrics=(),
        baselines=(),
        segments=(),
        knowledge_lag_days=84,
        reasons=("AUC is better.", "So is the rest."),
    )
    return Evaluation(7, verdict)


def history(*moves: tuple[str, int]) -> tuple[Promotion, ...]:
    return tuple(
        Promotion(number, "lapse", version, None, kind, "applied", None, "", "", CLOCK)
        for number, (kind, version) in enumerate(moves, start=1)
    )


ONE = history(("promote", 1))


def test_a_challenger_that_beat_the_champion_may_be_promoted():
    move = choose_challenger(ONE, judge(2, 1), RUN, approval="auto")
    assert move == Move(2, "promote", "AUC is better. So is the rest.", 7)


def test_the_first_champion_needs_a_verdict_against_nobody():
    move = choose_challenger((), judge(1, None), RUN, approval="auto")
    assert move == Move(1, "promote", "AUC is better. So is the rest.", 7)


def test_a_promotion_that_was_done_before_is_nothing_to_do():
    assert choose_challenger(history(("promote", 1), ("promote", 2)), judge(2, 1), RUN, approval="auto") is None


@pytest.mark.parametrize("outcome", [Outcome.REJECT, Outcome.INCONCLUSIVE])
def test_any_other_verdict_promotes_nobody(outcome):
    with pytest.raises(NotPromoted, match=f"version 2 was judged {outcome}: AUC is better"):
        choose_challenger(ONE, judge(2, 1, outcome), RUN, approval="auto")


def test_a_verdict_against_a_former_champion_does_not_count():
    with pytest.raises(PromotionRefused, match="compared with version 1, but the champion is now version 3"):
        choose_challenger(history(("promote", 1), ("promote", 3)), judge(2, 1), RUN, approval="auto")


def test_a_version_that_was_taken_back_is_not_promoted_by_its_old_verdict():
    taken_back = history(("promote", 1), ("promote", 2), ("rollback", 1))
    with pytest.raises(PromotionRefused, match="rollback lapse --to 2"):
        choose_challenger(taken_back, judge(2, 1), RUN, approval="auto")


def test_a_backfill_never_moves_the_champion():
    with pytest.raises(PromotionRefused, match="backfill never moves"):
        choose_challenger(ONE, judge(2, 1), replace(RUN, purpose="backfill"), approval="auto")


def test_a_verdict_on_another_model_does_not_count():
    with pytest.raises(PromotionRefused, match="a version of lapse"):
        choose_challenger(ONE, judge(2, 1), replace(RUN, model="spend_drop"), approval="auto")


def test_manual_approval_waits_for_a_person():
    with pytest.raises(PromotionRefused, match=r'a person decides: promotion\.approval = "manual"'):
        choose_challenger(ONE, judge(2, 1), RUN, approval="manual")
    assert choose_challenger(ONE, judge(2, 1), RUN, approval="manual", is_approved=True).version == 2


def test_a_doubt_turns_an_automatic_promotion_into_a_question():
    evaluation = judge(2, 1)
    doubtful = replace(evaluation, verdict=replace(evaluation.verdict, doubts=("Log-loss may be worse.",)))
    with pytest.raises(PromotionRefused, match=r"a person decides: Log-loss may be worse\."):
        choose_challenger(ONE, doubtful, RUN, approval="auto")
    assert choose_challenger(ONE, doubtful, RUN, approval="auto", is_approved=True).version == 2


def test_nobody_is_asked_about_a_promotion_without_a_doubt():
    assert list_reasons_to_ask(judge(2, 1), "auto") == ()


def test_approval_never_means_never():
    with pytest.raises(PromotionRefused, match='approval = "never"'):
        choose_challenger(ONE, judge(2, 1), RUN, approval="never", is_approved=True)


def test_a_forced_promotion_needs_no_verdict():
    assert choose_forced(ONE, RUN, 9, reason="The old one is wrong.") == Move(9, "forced", "The old one is wrong.")


def test_a_backfill_forces_nobody():
    with pytest.raises(PromotionRefused, match="backfill never moves"):
        choose_forced(ONE, replace(RUN, purpose="backfill"), 9, reason="")


def test_the_champion_is_not_forced_to_be_champion():
    with pytest.raises(PromotionRefused, match="version 1 is the champion already"):
        choose_forced(ONE, RUN, 1, reason="")


@pytest.mark.parametrize(
    ("moves", "line"),
    [
        ((), ()),
        ((("promote", 1), ("promote", 2), ("promote", 3)), (1, 2, 3)),
        ((("promote", 1), ("promote", 2), ("promote", 3), ("rollback", 2)), (1, 2)),
        ((("promote", 1), ("promote", 2), ("promote", 3), ("rollback", 2), ("rollback", 1)), (1,)),
        ((("promote", 1), ("promote", 2), ("rollback", 1), ("promote", 3)), (1, 3)),
        ((("promote", 1), ("rollback", 5)), (1, 5)),
        ((("promote", 1), ("manual", 4)), (1, 4)),
    ],
)
def test_a_rollback_takes_back_what_came_after_its_target(moves, line):
    assert list_champions(history(*moves)) == line
    assert find_champion(history(*moves)) == (line[-1] if line else None)


def test_a_rollback_goes_to_the_champion_before():
    assert choose_former_champion(history(("promote", 1), ("promote", 2)), "lapse").version == 1


def test_a_second_rollback_goes_further_back_and_not_forward_again():
    moved_back = history(("promote", 1), ("promote", 2), ("promote", 3), ("rollback", 2))
    assert choose_former_champion(moved_back, "lapse") == Move(1, "rollback", "Rolled back from version 2.")


def test_a_rollback_may_name_its_target():
    assert choose_former_champion(history(("promote", 1), ("promote", 2)), "lapse", to=7).version == 7


@pytest.mark.parametrize(
    ("moves", "to", "sentence"),
    [
        ((), None, "no champion yet"),
        ((), 1, "no champion yet"),
        ((("promote", 1),), None, "no champion before version 1"),
        ((("promote", 1), ("promote", 2)), 2, "version 2 is the champion already"),
    ],
)
def test_a_rollback_without_a_target_is_refused(moves, to, sentence):
    with pytest.raises(NothingToRollBackTo, match=sentence):
        choose_former_champion(history(*moves), "lapse", to=to)
