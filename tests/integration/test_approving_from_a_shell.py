"""A shell lives on the wall's clock: it finds the question that waits, and an approval that nobody could carry out."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from perennial.errors import PromotionRefused
from perennial.pipeline import approving
from tests.contenders import LATER_DAY
from tests.world import MODEL


def test_a_question_of_a_simulation_is_answered_on_its_own_clock(contenders):
    question = contenders.ask(contenders.assess())
    wall = replace(contenders.world.run(date(2026, 11, 21)), purpose="live")
    placed = approving.place(wall, question)
    assert (question.as_of, question.effective_at, "simulation") == (placed.as_of, placed.clock, placed.purpose)


def test_the_open_question_is_found_without_its_number(contenders):
    question = contenders.ask(contenders.assess())
    assert question == approving.find_question(contenders.world.stores, MODEL)


def test_an_approval_that_nobody_could_carry_out_is_found_again(contenders):
    evaluation = contenders.assess()
    contenders.ask(evaluation)
    answered = contenders.answer(evaluation, "approve")  # and killed before the promotion
    assert answered == approving.find_question(contenders.world.stores, MODEL)
    contenders.carry_out(evaluation)
    with pytest.raises(PromotionRefused, match="no question waits"):
        approving.find_question(contenders.world.stores, MODEL)


def test_an_approval_that_another_champion_overtook_is_not_found_again(contenders):
    evaluation = contenders.assess()
    contenders.ask(evaluation)
    contenders.answer(evaluation, "approve")
    forced = contenders.assess().verdict.challenger_version
    approving.force(contenders.world.stores, contenders.run_of(evaluation), forced, reason="Needed today.")
    with pytest.raises(PromotionRefused, match="no question waits"):
        approving.find_question(contenders.world.stores, MODEL)


def test_a_question_that_waits_comes_before_an_approval_that_was_not_carried_out(contenders):
    approved, newer = contenders.assess(), contenders.assess(LATER_DAY)
    contenders.ask(approved)
    contenders.answer(approved, "approve")
    assert contenders.ask(newer) == approving.find_question(contenders.world.stores, MODEL)


def test_without_a_question_there_is_nothing_to_find(contenders):
    with pytest.raises(PromotionRefused, match="no question waits"):
        approving.find_question(contenders.world.stores, MODEL)
