"""Who may score, what may be published, and who ranks where."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import numpy as np
import pytest

from perennial.config import load_model
from perennial.errors import ChampionTooNew, NoChampionYet, SnapshotStale
from perennial.records import ApprovalQuestion, Run, Tally, Version
from perennial.score import check_champion, check_freshness, check_publication, cut_deciles, rank_scores
from perennial.stores.warehouse.publishing.streams import count_scores
from perennial.tasks import task_of
from tests.paths import ROOT
from tests.training_sets import SPEND

MODEL = load_model(ROOT / "models" / "lapse.toml")
AS_OF, MATURES_ON = date(2017, 11, 6), date(2017, 12, 6)
RUN = Run(model="lapse", as_of=AS_OF, clock=MODEL.known_until(AS_OF), purpose="backfill")
CHAMPION = Version(
    model="lapse",
    version=3,
    algorithm="xgboost",
    mlflow_run_id="m",
    manifest={},
    data_hash="d",
    training_as_ofs=(date(2017, 8, 7),),
    holdout_as_ofs=(date(2017, 9, 4),),
    trained_for=date(2017, 10, 30),
    effective_at=datetime(2017, 10, 30, 12, tzinfo=UTC),
)
GOOD = Tally(rows=100, expected_rows=100, doubles=0, missing=0, outside=0, mean=0.14, former_mean=0.12)


def test_without_a_champion_nothing_is_scored():
    with pytest.raises(NoChampionYet, match=r"The first labels mature on 2017-12-06.*perennial bootstrap lapse"):
        check_champion(RUN, None, MATURES_ON)


def ask(**changes):
    """The question about a first champion."""
    given = {"question_id": 1, "model": "lapse", "as_of": AS_OF, "version": 2, "champion_version": None, "evaluation_id": 1}
    known = {"because": (), "status": "open", "deadline": RUN.clock, "purpose": "live", "effective_at": RUN.clock}
    return ApprovalQuestion(**{**given, **known, **changes})


@pytest.mark.parametrize(
    ("status", "says"),
    [
        ("open", r"waits for a person since 2017-11-06.*`perennial approve lapse 2` or `perennial reject lapse 2`\.$"),
        ("approved", r"was approved and not promoted since 2017-11-06 \(as_of 2017-11-06\): `perennial approve lapse 2` does it"),
    ],
)
def test_without_a_champion_the_question_that_waits_is_named(status, says):
    with pytest.raises(NoChampionYet, match=says):
        check_champion(RUN, None, MATURES_ON, ask(status=status))


def test_the_champion_of_the_day_scores():
    assert check_champion(RUN, CHAMPION, MATURES_ON) is CHAMPION


@pytest.mark.parametrize("purpose", ["backfill", "simulation"])
def test_a_past_day_is_not_scored_by_a_champion_trained_later(purpose):
    later = replace(CHAMPION, effective_at=RUN.clock + timedelta(hours=1))
    with pytest.raises(ChampionTooNew, match="version 3"):
        check_champion(replace(RUN, purpose=purpose), later, MATURES_ON)


def test_a_snapshot_at_its_limit_is_fresh():
    check_freshness(MODEL, replace(RUN, clock=RUN.clock + timedelta(hours=26)))


def test_a_snapshot_beyond_its_limit_is_stale():
    with pytest.raises(SnapshotStale, match=r"features\.freshness_hours"):
        check_freshness(MODEL, replace(RUN, clock=RUN.clock + timedelta(hours=26, seconds=1)))


def test_good_scores_may_be_published():
    assert check_publication(GOOD, max_shift=0.5) == ()


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"rows": 99}, "99 rows were scored, the snapshot holds 100"),
        ({"rows": 0, "expected_rows": 0}, "the snapshot holds no row"),
        ({"doubles": 1}, "1 entities stand twice"),
        ({"missing": 2}, "2 scores are missing"),
        ({"outside": 3}, "3 scores lie outside [0, 1]"),
        ({"mean": 0.19}, "the mean score is 0.1900 after 0.1200: more than 50% away (scoring.publish_max_shift)"),
        ({"mean": 0.05}, "the mean score is 0.0500 after 0.1200: more than 50% away (scoring.publish_max_shift)"),
        ({"mean": float("nan")}, "the mean score is nan after 0.1200: more than 50% away (scoring.publish_max_shift)"),
    ],
)
def test_each_fault_blocks_with_its_sentence(change, sentence):
    assert check_publication(replace(GOOD, **change), max_shift=0.5) == (sentence,)


@pytest.mark.parametrize(
    ("band", "mean", "passes"),
    [
        ("off", 0.9, True),
        ("off", float("nan"), False),
        ((0.1, 2.0), 0.36, True),
        ((0.1, 2.0), 0.10, False),
        (3.0, 0.47, True),
    ],
)
def test_a_shift_may_be_of_any_size_asymmetric_or_off(band, mean, passes):
    assert (check_publication(replace(GOOD, mean=mean), max_shift=band) == ()) is passes


def test_what_is_off_stops_nothing_after_a_mean_of_exactly_0():
    assert check_publication(replace(GOOD, mean=0.2, former_mean=0.0), max_shift="off", levels={"the reference": 0.0}) == ()


def test_a_day_may_be_near_the_reference_or_an_accepted_level_instead():
    known = {"the reference of version 3": 0.3, "the level accepted for 2017-10-30": 0.7}
    for mean, passes in ((0.31, True), (0.69, True), (0.13, True), (0.0, False)):
        assert (check_publication(replace(GOOD, mean=mean), max_shift=0.1, levels=known) == ()) is passes
    (sentence,) = check_publication(replace(GOOD, mean=0.0), max_shift=0.1, levels=known)
    assert sentence == (
        "the mean score is 0.0000 after 0.1200, the reference of version 3 is 0.3000, the level accepted for 2017-10-30 is "
        "0.7000: more than 10% away (scoring.publish_max_shift)"
    )


@pytest.mark.parametrize(
    ("change", "passes"),
    [
        ({"mean": 0.19, "error": 0.02, "former_error": 0.02}, True),
        ({"mean": 0.05, "error": 0.02, "former_error": 0.02}, True),
        ({"mean": 0.19, "error": 0.015}, False),
        ({"mean": 0.23, "error": 0.02, "former_error": 0.02}, False),
        ({"mean": float("nan"), "error": float("nan"), "former_error": 0.02}, False),
    ],
    ids=["up", "down", "the former is sure", "beyond both", "unknown"],
)
def test_of_few_rows_the_mean_may_move_as_far_as_chance_takes_it(change, passes):
    found = check_publication(replace(GOOD, **change), max_shift=0.5)
    assert (found == ()) is passes


def test_a_level_rests_on_as_many_rows_as_today():
    found = [check_publication(replace(GOOD, mean=0.26, error=e), max_shift=0.1, levels={"x": 0.3}) for e in (0.007, 0.008)]
    assert [found[0][0].partition(": ")[2], found[1]] == [
        "more than 10% away (scoring.publish_max_shift), and more than chance gives 100 rows (0.0255)",
        (),
    ]


def test_sixty_customers_of_a_stable_world_are_hardly_ever_stopped_and_a_broken_day_is():
    """Scores of 60 rows around .2: a thousand pairs of days by chance, others every day, and days whose features went missing."""
    rng = np.random.default_rng(7)
    days = rng.beta(1, 4, size=(1000, 2, 60))

    def check(before, after):
        errors = [float(each.std()) / 60**0.5 for each in (after, before)]
        tally = Tally(60, 60, 0, 0, 0, float(after.mean()), float(before.mean()), *errors)
        return check_publication(tally, max_shift=0.1) == ()

    assert sum(check(before, after) for before, after in days) >= 995
    assert not any(check(before, np.full(60, 0.02)) for before, _ in days)


def test_the_first_publication_has_no_mean_to_shift_from():
    assert check_publication(replace(GOOD, mean=0.9, former_mean=None), max_shift=0.5) == ()


def test_the_highest_score_ranks_first_and_ties_keep_their_order():
    assert rank_scores(np.array([0.2, 0.9, 0.2, 0.5])).tolist() == [3, 1, 4, 2]


def test_the_first_decile_holds_the_highest_tenth():
    assert cut_deciles(np.array([1, 2, 3, 10, 11, 20, *range(30, 44)])).tolist()[:6] == [1, 1, 2, 5, 6, 10]


def test_a_handful_of_rows_has_deciles_too():
    assert cut_deciles(np.array([1, 2, 3])).tolist() == [1, 4, 7]


@pytest.mark.parametrize(("mean", "passes"), [(0.4, True), (2.0, True), (7.0, False)])
def test_a_mean_of_amounts_that_lies_near_0_moves_in_spreads(mean, passes):
    tally = replace(GOOD, rows=10_000, expected_rows=10_000, mean=mean, former_mean=0.0, error=0.1, former_error=0.1)
    find_scale = task_of(SPEND).find_scale
    assert (check_publication(tally, max_shift=0.5, find_scale=find_scale) == ()) is passes


@pytest.mark.parametrize(("model", "outside"), [(MODEL, 3), (SPEND, 1)], ids=["probabilities", "amounts"])
def test_what_lies_outside_is_a_question_of_the_task(model, outside):
    scores = np.array([0.5, 30.0, -2.0, np.nan, np.inf])
    tally = count_scores(scores, 0, task=task_of(model), expected_rows=5, former=None)
    assert (tally.missing, tally.outside) == (1, outside)


def test_infinite_amounts_are_not_published():
    found = check_publication(replace(GOOD, outside=2), max_shift=0.5, wrong_score=task_of(SPEND).wrong_score)
    assert found == ("2 scores are infinite",)
