"""What a card must not leave out, and what it must not claim."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from perennial.card import render_markdown, write_model_card
from perennial.card.about import read_grain, read_head
from perennial.config.inputs import Source
from perennial.records import Interval
from tests.cards import CHALLENGER, CHAMPION, DECLARATION, MEASURED, TRAINING, serve


def text_of(evidence):
    return render_markdown(write_model_card(evidence))


@pytest.fixture(scope="module")
def champions_card():
    return text_of(CHAMPION)


def declare(**updates):
    return DECLARATION.model_copy(update={"model": DECLARATION.model.model_copy(update=updates)})


@pytest.mark.parametrize(
    "said",
    [
        "86 days",
        "2017-05-22 to 2017-08-07 (12 as_ofs)",
        "one row per household with an order in the 56 days before :as_of",
        "| recency_days | 62.0% | number | increasing |",
        "drifted",
        "by construction",
        "0.861 | [0.841, 0.881]",
        "Holdout (chosen by it: flatters)",
        "| income | 250K+ | 36 | 1 (2.8%) | 0.020 | too few positives |",
        "How it ranks within 1 value of income is unknown",
        "Calibration may have become worse.",
        "The top decile keeps 81%.",
        "recipe 3 against 2",
        "| 2017-11-01 | approved | Seen. | ada |",
        "Promoted, in the place of version 4: on its verdict.",
        "The last search is 21 days old. Of 50 trials",
        "less than a year: it cannot know seasons",
    ],
)
def test_a_champions_card_says(said, champions_card):
    assert said in champions_card


def test_a_source_that_is_updated_in_place_is_acknowledged_in_the_limits():
    sources = {**DECLARATION.model.sources, "prices": Source(times="current_state")}
    assert "prices: updated in place and acknowledged as current state" in text_of(
        replace(CHAMPION, declaration=declare(sources=sources))
    )
    assert "updated in place and acknowledged" not in text_of(CHAMPION)


def test_history_that_was_loaded_in_bulk_is_an_assumption():
    rule = {"orders": {"rule": "every row is a fact", "known_from": "2025-01-01", "typical_delay_minutes": 60}}
    days = tuple(replace(day, known_rule=rule) for day in CHAMPION.training)
    assert "History of orders was loaded in bulk" in text_of(replace(CHAMPION, training=days))


def test_a_declaration_that_has_changed_since_the_training_is_said():
    changed = replace(CHAMPION, declaration=declare(owner="else@example.com"))
    assert "has changed since the training" in text_of(changed)
    assert "has changed since the training" not in text_of(CHAMPION)


def test_a_challengers_holdout_is_not_called_flattering():
    assert "Holdout (assessed by it)" in text_of(CHALLENGER)
    assert "It was never champion." in text_of(CHALLENGER)


def test_kept_is_compared_with_promised():
    evidence = serve(CHAMPION, 4)
    difference = evidence.first_served.auc.estimate - 0.861
    assert f"The AUC came out {difference:+.3f} from what the holdout promised (0.861)" in text_of(evidence)


def test_after_more_than_four_as_ofs_the_newest_four_stand_beside_the_first():
    assert "newest 4, pooled" in text_of(serve(CHAMPION, 6))
    assert "newest 4, pooled" not in text_of(serve(CHAMPION, 4))


def test_a_day_on_which_one_class_came_true_has_no_auc_and_spoils_nothing():
    evidence = serve(CHAMPION, 2)
    nothing = replace(evidence.served[0], auc=Interval(np.nan, np.nan, np.nan, np.nan))
    assert "one class came true" in text_of(replace(evidence, served=(nothing, evidence.served[1])))


def test_a_version_without_figures_segments_checks_and_verdicts_has_a_card():
    bare = replace(MEASURED, figures=(), segments=())
    assert "names no segments" in text_of(replace(CHALLENGER, measured=bare, verdicts=(), contests=(), questions=()))


def test_before_the_first_check_no_column_tells_of_drift():
    said = text_of(CHALLENGER)
    assert "no drift was measured" in said
    assert "| Feature | Importance | Kind | Ruled |\n" in said


def test_the_head_of_a_query_ends_where_the_query_begins():
    query = "-- Purpose: why.\n-- Grain: one row per shop that sold (the cohort).\nselect 1 -- Grain: nothing\n"
    assert "Purpose: why.\nGrain: one row per shop that sold (the cohort)." == read_head(query)
    assert "one row per shop that sold" == read_grain(query)


def test_training_as_ofs_are_listed_one_by_one():
    assert ", ".join(str(day) for day in TRAINING) in text_of(CHALLENGER)
