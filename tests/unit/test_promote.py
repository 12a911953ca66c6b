from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from perennial.errors import NothingToRollBackTo, NotPromoted, PromotionRefused
from perennial.notices import write_alias
from perennial.promote import (
    check_cooldown,
    choose_challenger,
    choose_forced,
    choose_former_champion,
    find_taken_back,
    list_champions,
    list_reasons_to_ask,
    newest_champion,
)
from perennial.records import Evaluation, Move, Outcome, Promotion, Run, Verdict

DAY = date(2017, 11, 6)
CLOCK = datetime(2017, 11, 6, 11, tzinfo=UTC)
RUN = Run("lapse", DAY, CLOCK, "simulation")


def assess(challenger: int, champion: int | None, outcome: Outcome = Outcome.PROMOTE) -> Evaluation:
    verdict = Verdict(
        model="lapse",
        as_of=DAY,
        outcome=outcome,
        challenger_version=challenger,
        champion_version=champion,
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
    """Applied movements, one a day up to CLOCK; a movement by verdict rests on the evaluation of its version's number."""
    return tuple(
        Promotion(
            number,
            "lapse",
            version,
            None,
            kind,
            "applied",
            version if kind == "promote" else None,
            "",
            "",
            CLOCK - timedelta(days=len(moves) - number),
        )
        for number, (kind, version) in enumerate(moves, start=1)
    )


ONE = history(("promote", 1))


def test_a_challenger_that_beat_the_champion_may_be_promoted():
    move = choose_challenger(ONE, assess(2, 1), RUN, approval="auto")
    assert move == Move(2, "promote", "AUC is better. So is the rest.", 7)


def test_the_first_champion_needs_a_verdict_against_nobody():
    move = choose_challenger((), assess(1, None), RUN, approval="auto")
    assert move == Move(1, "promote", "AUC is better. So is the rest.", 7)


def test_a_promotion_that_was_done_before_is_nothing_to_do():
    assert choose_challenger(history(("promote", 1), ("promote", 2)), assess(2, 1), RUN, approval="auto") is None


@pytest.mark.parametrize("outcome", [Outcome.REJECT, Outcome.INCONCLUSIVE])
def test_any_other_verdict_promotes_nobody(outcome):
    with pytest.raises(NotPromoted, match=rf"version 2 was assessed {outcome}: AUC is better\. So is the rest\.$"):
        choose_challenger(ONE, assess(2, 1, outcome), RUN, approval="auto")


def test_a_verdict_against_a_former_champion_does_not_count():
    with pytest.raises(PromotionRefused, match="compared with version 1, but the champion is now version 3"):
        choose_challenger(history(("promote", 1), ("promote", 3)), assess(2, 1), RUN, approval="auto")


def test_a_verdict_promotes_once_and_not_again_what_was_taken_back_since():
    taken_back = history(("promote", 1), ("promote", 7), ("rollback", 1))
    with pytest.raises(PromotionRefused, match=r"a verdict does so once.*rollback lapse --to 7"):
        choose_challenger(taken_back, assess(7, 1), RUN, approval="auto")


def test_a_former_champion_may_return_by_a_new_verdict():
    taken_back = history(("promote", 1), ("promote", 2), ("rollback", 1))
    assert choose_challenger(taken_back, assess(2, 1), RUN, approval="auto").version == 2


def test_an_older_run_does_not_move_a_champion_of_today():
    older = replace(RUN, clock=CLOCK - timedelta(minutes=1))
    with pytest.raises(PromotionRefused, match=r"version 1 has been champion since 2017-11-06 11:00 UTC, and an older run"):
        choose_challenger(ONE, assess(2, 1), older, approval="auto")


def test_a_backfill_never_moves_the_champion():
    with pytest.raises(PromotionRefused, match="backfill never moves"):
        choose_challenger(ONE, assess(2, 1), replace(RUN, purpose="backfill"), approval="auto")


def test_a_verdict_on_another_model_does_not_count():
    with pytest.raises(PromotionRefused, match="a version of lapse"):
        choose_challenger(ONE, assess(2, 1), replace(RUN, model="spend_drop"), approval="auto")


def test_manual_approval_waits_for_a_person():
    with pytest.raises(PromotionRefused, match=r'a person decides: promotion\.approval = "manual"'):
        choose_challenger(ONE, assess(2, 1), RUN, approval="manual")
    assert choose_challenger(ONE, assess(2, 1), RUN, approval="manual", is_approved=True).version == 2


def test_a_doubt_turns_an_automatic_promotion_into_a_question():
    evaluation = assess(2, 1)
    doubtful = replace(evaluation, verdict=replace(evaluation.verdict, doubts=("Log-loss may be worse.",)))
    with pytest.raises(PromotionRefused, match=r"a person decides: Log-loss may be worse\."):
        choose_challenger(ONE, doubtful, RUN, approval="auto")
    assert choose_challenger(ONE, doubtful, RUN, approval="auto", is_approved=True).version == 2


def test_nobody_is_asked_about_a_promotion_without_a_doubt():
    assert list_reasons_to_ask(assess(2, 1), "auto") == ()


def test_approval_never_means_never():
    with pytest.raises(PromotionRefused, match='approval = "never"'):
        choose_challenger(ONE, assess(2, 1), RUN, approval="never", is_approved=True)


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
        ((("promote", 1), ("promote", 2), ("promote", 1)), (1, 2, 1)),
        ((("promote", 1), ("promote", 2), ("promote", 1), ("rollback", 2)), (1, 2)),
    ],
)
def test_a_rollback_takes_back_what_came_after_its_target(moves, line):
    assert list_champions(history(*moves)) == line
    assert newest_champion(history(*moves)) == (line[-1] if line else None)


def test_a_rollback_goes_to_the_champion_before():
    assert choose_former_champion(history(("promote", 1), ("promote", 2)), "lapse").version == 1


def test_a_second_rollback_goes_further_back_and_not_forward_again():
    moved_back = history(("promote", 1), ("promote", 2), ("promote", 3), ("rollback", 2))
    assert choose_former_champion(moved_back, "lapse") == Move(1, "rollback", "Rolled back from version 2.")


def test_a_rollback_may_name_its_target():
    three = history(("promote", 1), ("promote", 2), ("promote", 3))
    assert choose_former_champion(three, "lapse", to=1).version == 1


@pytest.mark.parametrize(
    ("moves", "to", "sentence"),
    [
        ((), None, "no champion yet"),
        ((), 1, "no champion yet"),
        ((("promote", 1),), None, "no champion before version 1"),
        ((("promote", 1), ("promote", 2)), 2, "version 2 is the champion already"),
        ((("promote", 1), ("promote", 2)), 7, r'version 7 was never champion.*perennial promote lapse 7 --force --reason "..."'),
    ],
)
def test_a_rollback_without_a_target_is_refused(moves, to, sentence):
    with pytest.raises(NothingToRollBackTo, match=sentence):
        choose_former_champion(history(*moves), "lapse", to=to)


# Taken back
@pytest.mark.parametrize(
    ("moves", "versions"),
    [
        ((("promote", 1), ("promote", 2)), set()),
        ((("promote", 1), ("promote", 2), ("rollback", 1)), {2}),
        ((("promote", 1), ("promote", 2), ("promote", 3), ("rollback", 1)), {2, 3}),
        ((("promote", 1), ("promote", 2), ("promote", 3), ("rollback", 1), ("rollback", 3)), {2}),
        ((("promote", 1), ("promote", 2), ("rollback", 1), ("promote", 2)), set()),
        ((("promote", 1), ("promote", 2), ("manual", 1)), {2}),
        ((("promote", 1), ("promote", 2), ("promote", 1)), set()),
    ],
)
def test_who_was_taken_back_and_not_put_back_since_is_known(moves, versions):
    assert set(find_taken_back(history(*moves))) == versions


TAKEN_BACK = history(("promote", 1), ("promote", 2), ("rollback", 1))
"""Version 2 was taken back at CLOCK."""


def check(version: int, *, days_later: float, kind: str = "promote", fits: tuple[int, ...] = ()) -> None:
    later = replace(RUN, clock=CLOCK + timedelta(days=days_later))
    check_cooldown(TAKEN_BACK, Move(version, kind, ""), later, fits=frozenset((version, *fits)), days=28)


def test_a_version_that_was_taken_back_rests_until_a_day_that_is_named():
    with pytest.raises(PromotionRefused, match=r"version 2 was taken back on 2017-11-06.*before 2017-12-04 11:00 UTC"):
        check(2, days_later=27.99)


def test_every_other_fit_of_its_recipe_rests_as_long():
    with pytest.raises(PromotionRefused, match=r"version 2, a fit of the same recipe as version 9, was taken back"):
        check(9, days_later=27.99, fits=(2,))
    check(9, days_later=28, fits=(2,))


def test_other_versions_and_people_do_not_wait():
    check(9, days_later=0)
    check(2, days_later=0, kind="forced")
    check(2, days_later=0, kind="rollback")


def test_a_refresh_does_not_wait():
    check(2, days_later=0, kind="refresh")


def test_after_the_cooldown_a_verdict_may_promote_it_again():
    check(2, days_later=28)


# The notice
FORCE = ('If somebody meant it: `perennial promote lapse 3 --force --reason "..."`.',)


def by_hand(version: int, before: int | None, status: str) -> Promotion:
    return Promotion(1, "lapse", version, before, "manual", status, None, "Found moved by hand.", "somebody", CLOCK)


@pytest.mark.parametrize(
    ("found", "headline", "advice"),
    [
        (by_hand(3, 1, "applied"), "version 3 serves now", ("If nobody meant it: `perennial rollback lapse`.",)),
        (by_hand(3, 1, "undone"), "version 1 still serves", FORCE),
        (by_hand(3, None, "undone"), "there is still no champion", FORCE),
        (by_hand(1, 1, "undone"), "version 1 still serves", ()),
    ],
)
def test_the_mail_about_an_alias_moved_by_hand_says_who_serves_and_what_to_do(found, headline, advice):
    notice = write_alias(found, DAY)
    assert notice.headline == f"the alias champion was moved by hand; {headline}"
    assert notice.you_must == advice
