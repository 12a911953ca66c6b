"""The steps by which a champion moves, on a ledger and a registry on paper: their order, and what each protects from."""

from dataclasses import replace
from datetime import timedelta

import pytest

from perennial.errors import ArtifactCorrupt, NothingToRollBackTo, PromotionRefused, WarehouseUnavailable
from perennial.promote import promote, reconcile_alias, rehearse, roll_back
from perennial.records import Move
from tests.register import CLOCK, RUN, Register

BACKFILL = replace(RUN, purpose="backfill")
BETTER = Move(2, "promote", "It is better.", 7)


def choose(move):
    """What a test has decided, whatever the history."""
    return lambda _: move


def one():
    """Version 1 serves."""
    return Register().champions(1)


def two():
    """Version 2 serves, version 1 did before."""
    return Register().champions(1, 2)


# Promote
def test_a_promotion_takes_its_steps_in_order_under_one_lock():
    register = one()
    moved = promote(register.context(), choose(BETTER))
    assert register.steps == [
        "lock",
        "check the files of 2",
        "check the lock",
        "intend 2",
        "check the lock",
        "alias 2",
        "applied 2",
        "unlock",
    ]
    assert (moved.version, moved.previous_version, moved.status, moved.evaluation_id) == (2, 1, "applied", 7)
    assert register.serving == (2, 2)


def test_a_version_whose_files_do_not_load_is_not_even_intended():
    register = replace(one(), corrupt=(2,))
    with pytest.raises(ArtifactCorrupt, match="version 2"):
        promote(register.context(), choose(BETTER))
    assert (register.serving, len(register.moves)) == ((1, 1), 1)


def test_whoever_lost_the_lock_intends_nothing():
    register = replace(one(), good_locks=0)
    with pytest.raises(WarehouseUnavailable):
        promote(register.context(), choose(BETTER))
    assert (register.serving, len(register.moves)) == ((1, 1), 1)


def test_whoever_lost_the_lock_after_the_intent_does_not_move_the_alias():
    register = replace(one(), good_locks=1)
    with pytest.raises(WarehouseUnavailable):
        promote(register.context(), choose(BETTER))
    assert register.serving == (1, 1)
    assert register.find_open().version == 2


def test_the_choice_is_made_of_the_history():
    seen = []
    register = two()
    promote(register.context(), seen.append)
    assert seen == [register.history()]


def test_what_was_done_before_is_given_back_and_not_done_again():
    register = Register().champions(1, 2, 3)
    assert promote(register.context(), choose(None)) == register.history()[-1]
    assert register.steps == ["lock", "unlock"]


def test_a_promotion_first_finishes_what_a_crash_left_open():
    register = one().intended(2)
    promote(register.context(), choose(None))
    assert register.serving == (2, 2)


def test_a_choice_that_refuses_moves_nothing():
    def refuse(_):
        raise PromotionRefused("Somebody else decides.")

    register = one()
    with pytest.raises(PromotionRefused, match="Somebody else"):
        promote(register.context(), refuse)
    assert register.serving == (1, 1)


@pytest.mark.parametrize(
    "act",
    [lambda context: promote(context, choose(BETTER)), lambda context: roll_back(context, "lapse"), reconcile_alias],
    ids=["promote", "roll back", "reconcile"],
)
def test_a_backfill_moves_nothing_and_takes_no_lock(act):
    register = two()
    register.named = None
    with pytest.raises(PromotionRefused, match="backfill"):
        act(register.context(BACKFILL))
    assert register.steps == []


# Rehearse
def test_a_rehearsal_says_what_would_be_done_and_does_nothing():
    register = one()
    assert rehearse(register.context(), choose(BETTER)) == BETTER
    assert register.steps == []


def test_a_rehearsal_of_what_was_done_before_says_nothing():
    assert rehearse(one().context(), choose(None)) is None


def taken_back():
    """Version 2 was taken back at CLOCK, and 1 serves."""
    register = two()
    roll_back(register.context(), "lapse")
    register.steps.clear()
    return register


@pytest.mark.parametrize("fits", [(2,), (2, 8)], ids=str)
def test_other_fits_of_what_was_taken_back_rest_too(fits):
    register = replace(taken_back(), fits=fits)
    with pytest.raises(PromotionRefused, match="a fit of the same recipe as version 9"):
        promote(register.context(), choose(Move(9, "promote", "")))
    assert register.serving == (1, 1)


def test_the_rest_lasts_as_long_as_the_context_says():
    later = replace(RUN, clock=CLOCK + timedelta(days=5))
    with pytest.raises(PromotionRefused, match="rests for 6 days"):
        promote(taken_back().context(later, cooldown_days=6), choose(BETTER))
    assert promote(taken_back().context(later, cooldown_days=5), choose(BETTER)).version == 2


# Roll back
def test_a_rollback_goes_to_the_champion_before_and_checks_its_files():
    register = two()
    moved = roll_back(register.context(), "lapse")
    assert (moved.kind, moved.version, moved.previous_version, register.serving) == ("rollback", 1, 2, (1, 1))
    assert register.steps[:2] == ["lock", "check the files of 1"]


def test_a_rollback_may_name_its_target():
    register = Register().champions(1, 2, 3)
    assert roll_back(register.context(), "lapse", to=1).version == 1


def test_a_rollback_may_go_to_what_somebody_chooses_of_the_history():
    register, seen = Register().champions(1, 2, 3), []

    def choose_first(history):
        seen.append(history)
        return Move(1, "rollback", "To the first.")

    moved = roll_back(register.context(), "lapse", choose=choose_first)
    assert (moved.version, moved.reason, register.serving) == (1, "To the first.", (1, 1))
    assert [move.version for move in seen[0]] == [1, 2, 3]


def test_a_rollback_of_an_unknown_champion_names_the_model():
    with pytest.raises(NothingToRollBackTo, match="lapse: there is no champion yet"):
        roll_back(Register().context(), "lapse")


@pytest.mark.parametrize("to", [None, 1], ids=["to the one before", "by number"])
def test_a_rollback_that_a_crash_left_open_is_finished_and_not_repeated(to):
    register = Register().champions(0, 1, 2).intended(1, "rollback")
    moved = roll_back(register.context(), "lapse", to=to)
    assert (moved.version, register.serving, len(register.moves)) == (1, (1, 1), 4)


def test_another_rollback_than_the_one_left_open_follows_it():
    register = Register().champions(1, 2, 3).intended(2, "rollback")
    assert roll_back(register.context(), "lapse", to=1).version == 1
    assert [move.version for move in register.history()] == [1, 2, 3, 2, 1]


def test_a_promotion_that_was_left_open_is_finished_and_then_rolled_back():
    register = one().intended(2)
    assert roll_back(register.context(), "lapse").version == 1
    assert [move.version for move in register.history()] == [1, 2, 1]


def test_a_rollback_left_open_whose_files_do_not_load_is_undone_and_asked_again():
    register = replace(Register().champions(0, 1, 2).intended(1, "rollback"), corrupt=(1,))
    with pytest.raises(ArtifactCorrupt):
        roll_back(register.context(), "lapse")
    assert (register.serving, register.moves[-1].status) == ((2, 2), "undone")
