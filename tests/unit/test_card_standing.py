"""Provisional or final: a card says how much the figures of its recipe can bear, and where this fit of it stands."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pytest

from perennial.card import choose_served, write_model_card
from tests.cards import CHALLENGER, CHAMPION, MODEL, PROMOTED_ON, REFITS, REFRESHED, at, move, serve


def test_a_version_that_never_served_is_a_candidate():
    card = write_model_card(CHALLENGER)
    assert ("challenger", "candidate") == (card.role, card.status)
    assert "Recipe 3 was never champion; its newest verdict, of 2017-11-01, is PROMOTE." in card.headline


def test_a_version_without_a_verdict_was_not_compared_yet():
    assert "not compared yet" in write_model_card(replace(CHALLENGER, verdicts=())).headline


@pytest.mark.parametrize(
    ("as_ofs", "status"), [(0, "provisional"), (1, "provisional"), (3, "provisional"), (4, "final"), (9, "final")]
)
def test_four_matured_as_ofs_make_the_figures_final(as_ofs, status):
    card = write_model_card(serve(CHAMPION, as_ofs))
    assert ("champion", status, min(as_ofs, 4)) == (card.role, card.status, card.matured)


def test_a_provisional_champion_says_when_the_fourth_as_of_matures():
    """Promoted on Wednesday 11-01; its Mondays are 11-06, -13, -20 and -27, and the last matures 28 + 2 days later."""
    assert "the fourth on 2017-12-27 at the earliest" in write_model_card(CHAMPION).headline


def test_a_final_champion_says_what_was_promised_and_what_was_kept():
    evidence = serve(CHAMPION, 4)
    assert f"its AUC was {evidence.first_served.headline.estimate:.3f}" in write_model_card(evidence).headline
    assert "the unseen rows of version 7 had promised 0.861" in write_model_card(evidence).headline


def test_a_champion_that_was_replaced_says_from_when_to_when():
    replaced = replace(CHAMPION, promotions=(*CHAMPION.promotions, move(11, date(2017, 11, 22), 7)))
    card = write_model_card(serve(replaced, 2))
    assert ("former champion", "provisional") == (card.role, card.status)
    assert "The recipe was champion from 2017-11-01 to 2017-11-22." in card.headline
    assert "This fit of recipe 3 served from 2017-11-01 to 2017-11-22." in card.headline
    assert "at the earliest" not in card.headline


def test_a_recipe_that_came_back_after_another_is_champion_since_it_came_back():
    moves = (move(11, date(2017, 11, 22), 7), move(7, date(2017, 11, 29), 11, "rollback"))
    card = write_model_card(replace(CHAMPION, promotions=(*CHAMPION.promotions, *moves)))
    assert ("champion", True) == (card.role, "The recipe is champion since 2017-11-29." in card.headline)


def test_a_rollback_to_an_earlier_fit_of_the_same_recipe_begins_no_new_reign():
    back = replace(REFRESHED, promotions=(*REFRESHED.promotions, move(8, date(2017, 11, 22), 9, "rollback")), version=REFITS[0])
    card = write_model_card(back)
    assert "This fit of recipe 3 serves since 2017-11-22. The recipe is champion since 2017-11-01." in card.headline


@pytest.mark.parametrize(("as_ofs", "status"), [(1, "provisional"), (3, "provisional"), (4, "final")])
def test_what_any_fit_of_the_recipe_published_counts(as_ofs, status):
    evidence = serve(REFRESHED, as_ofs)
    assert [7, 8, 9, 9][:as_ofs] == [day.version for day in evidence.served]
    card = write_model_card(evidence)
    assert ("champion", status, as_ofs) == (card.role, card.status, card.matured)


def test_an_earlier_fit_says_when_it_served_and_who_does_now():
    card = write_model_card(serve(replace(REFRESHED, version=REFITS[0]), 4))
    assert ("earlier fit", "final") == (card.role, card.status)
    assert card.headline.startswith("This fit of recipe 3 served from 2017-11-08 to 2017-11-15; version 9 serves now.")


def test_every_fit_that_served_is_a_former_champion_once_another_recipe_serves():
    replaced = (*REFRESHED.promotions, move(11, date(2017, 11, 22), 9))
    cards = [write_model_card(replace(REFRESHED, version=fit, promotions=replaced)) for fit in REFITS]
    assert ["former champion", "former champion"] == [card.role for card in cards]


@pytest.mark.parametrize(
    ("moves", "role"),
    [
        ((), "held fit"),
        ((move(11, date(2017, 11, 20), 9),), "warm fit"),
    ],
)
def test_a_refit_that_never_served_is_held_back_or_keeps_its_recipe_warm(moves, role):
    fit = replace(REFITS[1], version=10, trained_for=date(2017, 11, 22), effective_at=at(date(2017, 11, 22)))
    card = write_model_card(replace(REFRESHED, version=fit, promotions=(*REFRESHED.promotions, *moves)))
    assert (role, "provisional") == (card.role, card.status)
    assert "has not served" in card.headline


def test_the_fit_that_was_tested_stays_a_challenger_when_a_newer_one_was_promoted():
    moves = (*CHALLENGER.promotions, move(8, date(2017, 11, 8), 4))
    card = write_model_card(replace(CHAMPION, promotions=moves, promised_by=8))
    assert ("challenger", "provisional") == (card.role, card.status)
    assert "This fit of recipe 3 has not served. The recipe is champion since 2017-11-08." in card.headline


def test_daily_publications_count_once_a_week():
    served = serve(CHAMPION, 1).served[0]
    days = tuple(replace(served, as_of=PROMOTED_ON + timedelta(days=day)) for day in range(30))
    assert [date(2017, 11, 6), date(2017, 11, 13), date(2017, 11, 20), date(2017, 11, 27)] == [
        day.as_of for day in choose_served(MODEL, days, PROMOTED_ON)
    ]


def test_what_was_published_before_the_promotion_does_not_count():
    served = serve(CHAMPION, 1).served[0]
    assert () == choose_served(MODEL, (replace(served, as_of=date(2017, 10, 30)),), PROMOTED_ON)
