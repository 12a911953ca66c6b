"""What a card must not leave out, and what it must not claim."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import numpy as np
import pytest

from perennial.card import render_markdown, write_model_card
from perennial.card.about import read_grain, read_head
from perennial.card.measured import Input
from perennial.config.inputs import Source
from perennial.records import AdmissionEntry, CurrentStateUse, CurrentStateWorth, Interval, RecipeChoice
from tests.cards import (
    CHALLENGER,
    CHAMPION,
    DECLARATION,
    MEASURED,
    REFITS,
    REFRESHED,
    TRAINED_FOR,
    TRAINING,
    VERSION,
    at,
    move,
    of_amounts,
    of_classes,
    serve,
)


def text_of(evidence):
    return render_markdown(write_model_card(evidence))


def section_of(evidence, title):
    return text_of(evidence).split(f"## {title}\n")[1].split("\n## ")[0]


@pytest.fixture(scope="module")
def champions_card():
    return text_of(CHAMPION)


def test_the_sizes_of_samples_stand_on_the_card():
    sizes = {"rows_of_alarms": 499_871, "rows_of_linear_recipe": 333_012, "rows_that_teach": 5_431, "rows_drawn_from": 9_000}
    drawn = replace(CHAMPION, version=replace(CHAMPION.version, parameters={**CHAMPION.version.parameters, **sizes}))
    said = section_of(drawn, "Making")
    assert [] == [name for name, rows in sizes.items() if f"- **{name}:** {rows}" not in said]


def declare(**updates):
    return DECLARATION.model_copy(update={"model": DECLARATION.model.model_copy(update=updates)})


@pytest.mark.parametrize(
    "said",
    [
        "37 days",
        "2017-05-22 to 2017-09-25 (19 as_ofs)",
        "one row per household with an order in the 56 days before :as_of",
        "| recency_days | 62.0% | number | increasing |",
        "drifted",
        "by construction",
        "0.861 | [0.841, 0.881]",
        "Unseen rows (chosen by it: flatters)",
        "| income | 250K+ | 36 | 1 (2.8%) | 0.020 | too few positives |",
        "How it ranks within 1 value of income is unknown",
        "Calibration may have become worse.",
        "The top decile keeps 81%.",
        "recipe 3 against 2",
        "| 2017-11-01 | approved | Seen. | ada |",
        "Promoted, in the place of version 4: on its verdict.",
        "The last search is 21 days old. Of 50 trials",
        "less than a year: it cannot know seasons",
        "- **Parameters:** learning_rate = 0.03, max_depth = 4",
        "- **rounds:** 212",
        "- **Chosen on:** as_ofs up to 2017-08-07",
        "It was compared as challenger 1 time (1 PROMOTE).",
        "- **Champion:** since 2017-11-01, first by version 7",
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


def test_the_limits_say_what_features_from_there_are_worth():
    sources = {**DECLARATION.model.sources, "prices": Source(times="current_state")}
    use = CurrentStateUse(("prices",), ("cheapest",))
    worth = CurrentStateWorth(use, 14, 0.811, 0.72, Interval(0.091, 0.085, 0.097, 0.003))
    chosen = replace(CHAMPION.version, choice=RecipeChoice({}, current_state=worth))
    said = text_of(replace(CHAMPION, declaration=declare(sources=sources), version=chosen))
    assert "all figures may flatter. 1 of the 14 features of its recipe come from there (cheapest)" in said


def test_history_that_was_loaded_in_bulk_is_an_assumption():
    rule = {"orders": {"rule": "every row is a fact", "known_from": "2025-01-01", "typical_delay_minutes": 60}}
    days = tuple(replace(day, known_rule=rule) for day in CHAMPION.training)
    assert "History of orders was loaded in bulk" in text_of(replace(CHAMPION, training=days))


def test_a_declaration_that_has_changed_since_the_training_is_said():
    changed = replace(CHAMPION, declaration=declare(owner="else@example.com"))
    assert "has changed since the training" in text_of(changed)
    assert "has changed since the training" not in text_of(CHAMPION)


def test_a_challengers_holdout_is_not_called_flattering():
    assert "Unseen rows (assessed by it)" in text_of(CHALLENGER)
    assert "It was never champion." in text_of(CHALLENGER)


def test_kept_is_compared_with_promised():
    evidence = serve(CHAMPION, 4)
    difference = evidence.first_served.headline.estimate - 0.861
    assert f"The AUC came out {difference:+.3f} from what the unseen rows of version 7 promised (0.861)" in text_of(evidence)
    assert f"which is {'better' if difference > 0 else 'worse'} and lies" in text_of(evidence)


def test_after_more_than_four_as_ofs_the_newest_four_stand_beside_the_first():
    assert "newest 4, pooled" in text_of(serve(CHAMPION, 6))
    assert "newest 4, pooled" not in text_of(serve(CHAMPION, 4))


def test_a_day_on_which_one_class_came_true_has_no_auc_and_spoils_nothing():
    evidence = serve(CHAMPION, 2)
    nothing = replace(evidence.served[0], metrics=evidence.served[0].metrics | {"auc": Interval(np.nan, np.nan, np.nan, np.nan)})
    assert "one class came true" in text_of(replace(evidence, served=(nothing, evidence.served[1])))


def test_a_version_without_figures_segments_checks_and_verdicts_has_a_card():
    bare = replace(MEASURED, figures=(), segments=())
    assert "names no segments" in text_of(replace(CHALLENGER, measured=bare, verdicts=(), contests=(), questions=()))


def test_before_the_first_check_no_column_tells_of_drift():
    said = text_of(CHALLENGER)
    assert "was checked for drift yet" in said
    assert "| Feature | Importance | Kind | Ruled |\n" in said


def test_rare_values_of_a_text_are_counted_with_the_others():
    inputs = (Input("street", "category", 3, None, 2500), Input("colour", "category", 3, None))
    said = section_of(replace(CHAMPION, measured=replace(MEASURED, inputs=inputs)), "Features")
    assert ("text of 2,503 values, 2,500 of them rare" in said, "| text of 3 values |" in said) == (True, True)


def test_the_head_of_a_query_ends_where_the_query_begins():
    query = "-- Purpose: why.\n-- Grain: one row per shop that sold (the cohort).\nselect 1 -- Grain: nothing\n"
    assert "Purpose: why.\nGrain: one row per shop that sold (the cohort)." == read_head(query)
    assert "one row per shop that sold" == read_grain(query)


def test_training_as_ofs_are_listed_one_by_one():
    assert ", ".join(str(day) for day in TRAINING) in text_of(CHALLENGER)


def test_a_refit_says_that_not_it_is_judged_but_its_recipe():
    said = section_of(REFRESHED, "This fit")
    assert "It is not itself judged: what is judged is recipe 3, by what its fits publish." in said
    assert "- **Fitted:** for 2017-11-15: its recipe fitted again on the newest rows" in said
    assert "from version 8, the fit before, on 2,210 rows of 2017-11-13: rank correlation 0.981; 87% of the top tenth" in said
    assert "mean score +1.3%" in said


def test_a_version_that_held_its_holdout_out_was_itself_judged():
    """It has learned up to 08-07, and the labels of that day end where its holdout begins, on 09-04."""
    older = replace(VERSION, training_as_ofs=TRAINING[:12])
    assert "it was itself judged, on its holdout" in section_of(replace(CHAMPION, version=older), "This fit")


def test_the_recipe_lists_its_fits_and_who_published_what():
    said = section_of(serve(REFRESHED, 4), "Recipe")
    assert "| version 7 | 2017-11-01 | 2017-09-25 | 2017-11-01 to 2017-11-08 | 1 |" in said
    assert "| version 8 | 2017-11-08 | 2017-09-25 | 2017-11-08 to 2017-11-15 | 1 |" in said
    assert "| version 9, this fit | 2017-11-15 | 2017-10-09 | since 2017-11-15 | 1 |" in said
    assert "| 2017-11-13 | 8 | 2,209 |" in said
    assert "(final: 4 of 4 as_ofs)" in said


def test_only_the_newest_dozen_of_many_fits_is_listed():
    fits = tuple(replace(REFRESHED.fits[0], version=20 + place) for place in range(15))
    said = section_of(replace(REFRESHED, fits=fits), "Recipe")
    assert "The newest 12 of its 15 fits" in said
    assert ("version 22 " in said, "version 23 " in said) == (False, True)


def test_what_a_refit_published_itself_waits_for_its_labels():
    said = section_of(serve(REFRESHED, 2), "This fit")
    assert "| 2017-11-20 | 2,210 | 0.128 |  | labels mature on 2017-12-20 |  |" in said
    assert "2017-11-13" not in said.split("What it published itself")[1]


def test_promised_is_what_the_holdout_of_the_first_champion_fit_said():
    """The refit's own holdout, .848, lies on as_ofs that its recipe has published: it promises nothing."""
    said = text_of(serve(REFRESHED, 4))
    assert "from what the unseen rows of version 7 promised (0.861)" in said
    assert "Unseen rows (the newest as_ofs that may teach)" in said
    assert "Unseen rows (chosen by it: flatters)" in text_of(serve(replace(REFRESHED, version=VERSION), 4))


def test_the_history_of_a_refit_tells_when_its_recipe_came_and_went():
    gone = (*REFRESHED.promotions, move(11, date(2017, 11, 22), 9))
    said = section_of(replace(REFRESHED, version=REFITS[0], promotions=gone), "History")
    assert "| 2017-11-01 | recipe came | By version 7. Promoted: on its verdict. | tester |" in said
    assert "| 2017-11-15 | replaced | By version 9. Refreshed: Because. | tester |" in said
    assert "| 2017-11-22 | recipe went | By version 11. Promoted: on its verdict. | tester |" in said


def test_what_rested_stands_with_the_fit():
    entry = AdmissionEntry(
        "lapse",
        date(2017, 9, 4),
        "rest",
        "Compared with the 4 as_ofs before, it is off.",
        "a",
        "b",
        date(2017, 11, 22),
        "tester",
        "live",
        at(TRAINED_FOR),
    )
    said = section_of(replace(REFRESHED, rested=(entry,)), "This fit")
    assert "- **Set aside when it was trained:** 2017-09-04 (Compared with the 4 as_ofs before, it is off)" in said


# Amounts
@pytest.fixture(scope="module")
def amounts_card():
    return text_of(of_amounts(serve(CHAMPION, 4)))


@pytest.mark.parametrize(
    "said",
    [
        "| as_of | Fit | Rows | Mean label | Mean score | normalised Gini | Total bias |",
        "0.612 [0.592, 0.632]",
        "| 41.5 |",
        "root mean squared error",
        "Mean that came",
        "Gain in normalised Gini",
        "too few rows",
        "mean label 39",
        "All figures are about the whole cohort",
    ],
)
def test_a_card_of_amounts_says_them_in_their_unit(amounts_card, said):
    assert said in amounts_card


@pytest.mark.parametrize("said", ["AUC on unseen", "Share that came true", "% positive", "Log-loss", "one class"])
def test_a_card_of_amounts_does_not_speak_of_classes(amounts_card, said):
    verdicts = amounts_card.index("## Verdict")
    assert said not in amounts_card[:verdicts]


# Classes
@pytest.fixture(scope="module")
def classes_card():
    return text_of(of_classes(serve(CHAMPION, 4)))


@pytest.mark.parametrize(
    "said",
    [
        "| as_of | Fit | Rows | Share that came true | Mean score | log-loss | Macro AUC |",
        "1.100 [1.080, 1.120]",
        "the likeliest class of its label within 28 days",
        "share of right classes",
        "share of the commonest class 0.8",
        "share that came true 0.58",
        "about those of whose class the model is surest",
    ],
)
def test_a_card_of_classes_says_what_its_probabilities_came_to(classes_card, said):
    assert said in classes_card


def test_a_card_of_classes_says_of_each_whether_its_probability_means_what_it_says(classes_card):
    told = classes_card.split("Unseen rows, by class")[1].split("\n\n")[1].splitlines()
    assert told[0] == "| Class | Rows | Mean probability | Share that came | Mean lies | Calibration error |"
    assert [row.split(" | ")[0] for row in told[2:]] == ["| fuel", "| deli", "| meat"]
    assert "| outside |" in told[-1], "meat is said of many, and never came"


def test_of_very_many_classes_a_card_shows_the_commonest():
    each = of_classes(CHAMPION).measured.classes[0]
    many = tuple(replace(each, name=f"class {number}") for number in range(200))
    said = section_of(replace(CHAMPION, measured=replace(CHAMPION.measured, classes=many)), "Calibration")
    assert "Unseen rows, the 20 commonest of 200 classes" in said
    assert ("class 19 " in said, "class 20 " in said) == (True, False)


@pytest.mark.parametrize("said", ["Mean label", "% positive", "Gini", "threshold of"])
def test_a_card_of_classes_does_not_speak_of_positives_or_amounts(classes_card, said):
    assert said not in classes_card[: classes_card.index("## Verdict")]
