"""Provisional or final: a card says how much its figures can bear."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pytest

from perennial.card import choose_served, write_model_card
from tests.cards import CHALLENGER, CHAMPION, MODEL, PROMOTED_ON, promote, serve


def test_a_version_that_never_served_is_a_candidate():
    card = write_model_card(CHALLENGER)
    assert ("challenger", "candidate") == (card.role, card.status)
    assert "Never champion; its newest verdict, of 2017-11-01, is PROMOTE." in card.headline


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
    assert f"its AUC was {evidence.first_served.auc.estimate:.3f}" in write_model_card(evidence).headline
    assert "its holdout had promised 0.861" in write_model_card(evidence).headline


def test_a_champion_that_was_replaced_says_from_when_to_when():
    replaced = replace(CHAMPION, promotions=(*CHAMPION.promotions, promote(9, date(2017, 11, 22), 7, number=3)))
    card = write_model_card(serve(replaced, 2))
    assert ("former champion", "provisional") == (card.role, card.status)
    assert card.headline.startswith("Champion from 2017-11-01 to 2017-11-22.")
    assert "at the earliest" not in card.headline


def test_a_champion_that_came_back_by_rollback_is_champion_since_its_first_promotion():
    moves = (promote(9, date(2017, 11, 22), 7, number=3), promote(7, date(2017, 11, 29), 9, "rollback", number=4))
    card = write_model_card(replace(CHAMPION, promotions=(*CHAMPION.promotions, *moves)))
    assert card.headline.startswith("Champion since 2017-11-01.")


def test_daily_publications_count_once_a_week():
    served = serve(CHAMPION, 1).served[0]
    days = tuple(replace(served, as_of=PROMOTED_ON + timedelta(days=day)) for day in range(30))
    assert [date(2017, 11, 6), date(2017, 11, 13), date(2017, 11, 20), date(2017, 11, 27)] == [
        day.as_of for day in choose_served(MODEL, days, PROMOTED_ON)
    ]


def test_what_was_published_before_the_promotion_does_not_count():
    served = serve(CHAMPION, 1).served[0]
    assert () == choose_served(MODEL, (replace(served, as_of=date(2017, 10, 30)),), PROMOTED_ON)
