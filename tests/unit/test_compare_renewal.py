"""The champion's own recipe on newer rows: when it is as good, when that is not shown, and that losses do not add up."""

from dataclasses import replace

import numpy as np

from perennial.compare.renewal import assess_renewal
from perennial.metrics import paired_auc_by_day, paired_loss_difference
from perennial.records import Outcome
from tests.unit.test_compare_verdict import make_renewal

MARGIN, BORNE = 0.004, 0.003  # of models/lapse.toml
WORLD = make_renewal(challenger=1.0, champion=1.0, logistic=2.0)
TRUE = WORLD.challenger.scores


def blur(scores, by, *, seed=5):
    """The same scores seen less clearly: a little worse, and uncertain by how much."""
    return scores * (1 + by * np.random.default_rng(seed).normal(size=len(scores)))


def sharpen(scores, by):
    """The same ranking, said with more confidence: the log-loss rises and the AUC stays."""
    odds = (scores / (1 - scores)) ** by
    return odds / (1 + odds)


def renew(ours, champion, anchor=None):
    """What is said of a refit with these scores."""
    contest = replace(
        WORLD,
        challenger=replace(WORLD.challenger, scores=ours),
        champion=replace(WORLD.champion, scores=champion),
        anchor=None if anchor is None else replace(WORLD.champion, version=7, scores=anchor),
    )
    return assess_renewal(contest)


def test_a_refit_as_good_as_the_champion_may_renew_it():
    found = renew(TRUE, blur(TRUE, 0.01))
    look = found.looks[-1]
    assert found.outcome is Outcome.PROMOTE
    assert found.reasons[0] == (
        f"The champion's own recipe on newer rows differs by {look.estimate:+.4f} AUC, at worst {look.lower:+.4f}: it is not "
        "worse than the margin of -0.0040 and may renew the champion."
    )


def test_a_refit_that_is_probably_as_good_but_not_surely_waits():
    found = renew(blur(TRUE, 0.1), TRUE)
    look = found.looks[-1]
    assert look.estimate > -MARGIN > look.lower
    assert found.outcome is Outcome.INCONCLUSIVE
    assert found.reasons[0] == (
        f"The champion's own recipe on newer rows differs by {look.estimate:+.4f} AUC, at worst {look.lower:+.4f}: that it is "
        "not worse than -0.0040 is not shown."
    )


def test_a_refit_that_is_probably_worse_but_not_surely_waits_too():
    found = renew(blur(TRUE, 0.17), TRUE)
    look = found.looks[-1]
    assert look.estimate < -MARGIN < look.estimate + look.boundary * look.standard_error
    assert found.outcome is Outcome.INCONCLUSIVE


def test_a_refit_that_is_surely_worse_is_rejected():
    found = renew(blur(TRUE, 0.6), TRUE)
    look = found.looks[-1]
    assert look.estimate + look.boundary * look.standard_error < -MARGIN
    assert found.outcome is Outcome.REJECT
    assert found.reasons[0] == (
        f"The champion's own recipe on newer rows differs by {look.estimate:+.4f} AUC: it is worse by more than the margin of "
        "0.0040."
    )
    assert len(found.looks) == 1


def test_a_refit_that_ranks_alike_and_is_overconfident_does_not_enter():
    found = renew(sharpen(TRUE, 1.5), TRUE)
    loss = paired_loss_difference(sharpen(TRUE, 1.5), TRUE, WORLD.labels)
    worst = loss.estimate + found.looks[-1].boundary * loss.standard_error
    assert loss.estimate > BORNE
    assert found.outcome is Outcome.INCONCLUSIVE
    assert found.reasons == (f"Its log-loss changes by {loss.estimate:+.4f}, at worst {worst:+.4f}: 0.0030 is borne.",)


def test_the_log_loss_is_assessed_at_its_worst_and_not_at_its_estimate():
    ours = sharpen(TRUE, 1.04)
    found = renew(ours, TRUE)
    loss = paired_loss_difference(ours, TRUE, WORLD.labels)
    assert loss.estimate < BORNE < loss.estimate + found.looks[-1].boundary * loss.standard_error
    assert found.outcome is Outcome.INCONCLUSIVE


def test_a_small_loss_that_is_well_known_is_borne():
    ours = sharpen(TRUE, 1.005)
    loss = paired_loss_difference(ours, TRUE, WORLD.labels)
    assert 0 < loss.estimate + 3 * loss.standard_error < BORNE
    assert renew(ours, TRUE).outcome is Outcome.PROMOTE


def test_many_small_losses_are_assessed_at_their_worst_against_the_last_that_entered_by_being_better():
    """Against the champion nothing is lost; against version 7 little, and it may be more than the margin."""
    ours = blur(TRUE, 0.1)
    found = renew(ours, blur(ours, 0.01, seed=6), anchor=TRUE)
    daily = paired_auc_by_day(ours, TRUE, WORLD.labels)
    worst = daily.estimate - found.looks[-1].boundary * daily.standard_error
    assert daily.estimate > -MARGIN > worst
    assert found.outcome is Outcome.INCONCLUSIVE
    assert found.reasons[0] == (
        f"Against version 7, the last to enter by being better, it differs by {daily.estimate:+.4f} AUC, at worst {worst:+.4f}: "
        "renewals may not add up to 0.0040."
    )


def test_an_anchor_that_is_as_good_stands_in_nobodys_way():
    assert renew(TRUE, blur(TRUE, 0.01), anchor=blur(TRUE, 0.02, seed=6)).outcome is Outcome.PROMOTE


def test_everything_that_speaks_against_a_renewal_is_said():
    ours = sharpen(blur(TRUE, 0.1).clip(0.001, 0.999), 1.5)
    found = renew(ours, sharpen(ours, 0.6), anchor=TRUE)
    assert [reason.split(" ", 2)[:2] for reason in found.reasons] == [["Its", "log-loss"], ["Against", "version"]]
    assert len(found.looks) == 1


def test_a_renewal_that_may_not_be_looked_at_says_why():
    found = assess_renewal(replace(WORLD, test=None))
    assert (found.outcome, found.looks) == (Outcome.INCONCLUSIVE, ())
    assert found.reasons == ("The account of false promotions is empty: the budget of the last 365 days is drawn.",)


def test_the_margins_of_these_worlds_are_those_of_the_model_file():
    rules = WORLD.model.promotion
    assert (rules.renewal_margin, rules.tolerated.log_loss) == (MARGIN, BORNE)
