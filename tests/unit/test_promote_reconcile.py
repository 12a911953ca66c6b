"""How ledger and alias come together again, on paper: what a crash left open, and what somebody moved by hand."""

from dataclasses import replace

import pytest

from perennial.errors import WarehouseUnavailable
from perennial.promote import reconcile_alias, roll_back
from tests.register import Register
from tests.unit.test_promote_protocol import one, two


@pytest.mark.parametrize("register", [Register(), one()], ids=["no champion", "a champion"])
def test_a_ledger_and_an_alias_that_agree_are_left_alone(register):
    assert reconcile_alias(register.context()) is None
    assert register.steps == ["lock", "unlock"]


def test_an_open_intent_is_finished_after_its_files_were_checked_again():
    register = one().intended(2)
    found = reconcile_alias(register.context())
    assert (found.version, found.status, register.serving) == (2, "applied", (2, 2))
    assert register.steps == ["lock", "check the files of 2", "check the lock", "alias 2", "applied 2", "unlock"]


def test_an_open_intent_whose_alias_had_moved_is_only_marked():
    register = one().intended(2)
    register.named = 2
    reconcile_alias(register.context())
    assert register.steps == ["lock", "check the files of 2", "applied 2", "unlock"]


def test_a_first_promotion_that_was_left_open_is_finished():
    register = Register().intended(2)
    assert reconcile_alias(register.context()).status == "applied"
    assert register.serving == (2, 2)


@pytest.mark.parametrize("named", [1, 2], ids=["before the alias moved", "after it"])
def test_an_open_intent_whose_files_do_not_load_is_undone_and_the_alias_stands_where_it_stood(named):
    register = replace(one().intended(2), corrupt=(2,))
    register.named = named
    found = reconcile_alias(register.context())
    assert (found.status, register.serving) == ("undone", (1, 1))
    assert found.reason == "It is better. Undone: The files of version 2 do not load."


def test_a_hand_that_moved_the_alias_meanwhile_wins_over_an_open_intent():
    register = one().intended(2)
    register.named = 3
    found = reconcile_alias(register.context())
    assert (found.kind, found.version, register.serving) == ("manual", 3, (3, 3))
    assert (register.moves[1].status, register.moves[1].reason) == (
        "undone",
        "It is better. Undone: Meanwhile the alias was moved by hand to version 3.",
    )


def test_an_alias_that_was_lost_during_a_promotion_goes_to_the_version_that_was_intended():
    register = one().intended(2)
    register.named = None
    assert reconcile_alias(register.context()).version == 2
    assert register.serving == (2, 2)


def test_an_alias_moved_by_hand_is_recorded_when_its_files_load():
    register = one()
    register.named = 3
    found = reconcile_alias(register.context())
    assert (found.kind, found.version, found.previous_version, found.status) == ("manual", 3, 1, "applied")
    assert found.reason == "The alias was found moved by hand from version 1 to version 3."
    assert register.steps == ["lock", "check the lock", "intend 3", "check the files of 3", "applied 3", "unlock"]


def test_an_alias_moved_by_hand_to_what_does_not_load_is_moved_back():
    register = replace(one(), corrupt=(3,))
    register.named = 3
    found = reconcile_alias(register.context())
    assert (found.kind, found.status, register.serving) == ("manual", "undone", (1, 1))


def test_an_alias_set_by_hand_before_the_first_champion_is_taken_away_when_it_does_not_load():
    register = replace(Register(), corrupt=(3,))
    register.named = 3
    assert reconcile_alias(register.context()).status == "undone"
    assert register.serving == (None, None)


def test_a_hand_that_points_at_what_does_not_load_after_the_champion_was_deleted_changes_nothing():
    register = replace(one(), corrupt=(3,), deleted=(1,))
    register.named = 3
    assert reconcile_alias(register.context()).status == "undone"
    assert register.serving == (1, 3)


def test_a_lost_alias_is_set_again_and_said_to_have_been_lost():
    register = two()
    register.named = None
    found = reconcile_alias(register.context())
    assert register.serving == (2, 2)
    assert (found.kind, found.version, found.previous_version, found.status) == ("manual", 2, 2, "undone")
    assert found.reason == "The alias was found taken away by hand. Undone: It names version 2 again."
    assert register.steps == ["lock", "check the lock", "intend 2", "check the lock", "alias 2", "undone 2", "unlock"]


def test_a_lost_alias_of_a_champion_that_was_deleted_cannot_be_set_and_a_rollback_stays_possible():
    register = replace(two(), deleted=(2,))
    register.named = None
    assert reconcile_alias(register.context()).reason.endswith("Version 2 was deleted.")
    assert roll_back(register.context(), "lapse").version == 1
    assert register.serving == (1, 1)


def test_whoever_lost_the_lock_does_not_set_a_lost_alias():
    register = replace(one(), good_locks=1)
    register.named = None
    with pytest.raises(WarehouseUnavailable):
        reconcile_alias(register.context())
    assert register.serving == (1, None)


def test_whoever_lost_the_lock_does_not_finish_an_intent():
    register = replace(one().intended(2), good_locks=0)
    with pytest.raises(WarehouseUnavailable):
        reconcile_alias(register.context())
    assert register.serving == (1, 1)
