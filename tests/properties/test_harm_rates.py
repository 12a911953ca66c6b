"""How often guards err: simulated comparisons in which no loss exceeds what is borne, or all of them are exactly borne."""

import numpy as np
import pytest
from scipy import stats

from perennial.compare.harm import assess_harm
from perennial.compare.harm.costs import compare_times
from perennial.compare.harm.evidence import answer_all
from tests.harm_worlds import NOTHING_BORNE, declare, draw_contest

LEVEL = 0.10
WORLDS = 60


def most_by_chance(draws):
    """A true share of LEVEL gives more than this once in a thousand runs."""
    return stats.binom.ppf(0.999, draws, LEVEL) / draws


@pytest.mark.parametrize("correlation", [0.0, 0.5, 0.95])
def test_losses_exactly_as_borne_are_called_harm_no_more_often_than_the_level_allows(correlation):
    """Twenty guards on the edge of their null hypotheses, whose errors are more or less the same."""
    rng = np.random.default_rng(7)
    shared, own = rng.normal(size=(4000, 1)), rng.normal(size=(4000, 20))
    p_values = stats.norm.cdf(np.sqrt(correlation) * shared + np.sqrt(1 - correlation) * own)
    vetoed = np.mean([any(answer.is_harm for answer in answer_all(list(each), LEVEL)) for each in p_values])
    assert vetoed <= most_by_chance(4000)


def test_an_equal_challenger_is_vetoed_no_more_often_than_the_level_allows_when_no_loss_is_borne():
    """Two models that see the risk through equal, separate noise: every true loss is 0, which is all that is borne.

    Seventeen questions over segments of 90 to 420 entities, by influence values and by bootstrap, in one family.
    """
    model = declare(tolerated=NOTHING_BORNE)
    harms = [assess_harm(draw_contest(seed, entities=600, model=model)) for seed in range(WORLDS)]
    assert np.mean([bool(harm.vetoes) for harm in harms]) <= most_by_chance(WORLDS)
    assert min(sum(guard.gain is not None for guard in harm.guards) for harm in harms) > 10


def test_an_equal_challenger_is_hardly_ever_vetoed_under_the_default_limits():
    harms = [assess_harm(draw_contest(seed, entities=600)) for seed in range(1000, 1020)]
    assert sum(bool(harm.vetoes) for harm in harms) <= 1


@pytest.mark.mltest("M6")
def test_clear_harm_is_vetoed_every_time():
    assert all(assess_harm(draw_contest(seed, champion=0.4, challenger=1.2)).vetoes for seed in range(10))


def draw_timings(rng, *, ratio, repetitions=11):
    """A shared machine: phases in which everything is slower, and now and then a pause in one timing of ten."""

    def time(seconds):
        pauses = 20 * rng.random(repetitions) * (rng.random(repetitions) < 0.1)
        return seconds * phases * np.exp(0.2 * rng.normal(size=repetitions)) + pauses

    phases = np.exp(rng.normal(size=repetitions))
    return time(ratio), time(1.0)


@pytest.mark.parametrize(("ratio", "most"), [(1.0, 0.0), (4.0, LEVEL)])
def test_the_noise_of_a_shared_machine_vetoes_nothing(ratio, most):
    rng = np.random.default_rng(3)
    p_values = [compare_times(*draw_timings(rng, ratio=ratio), tolerated=3).p_value for _ in range(1000)]
    assert np.mean([p_value <= LEVEL / 20 for p_value in p_values]) <= most / 20 + 0.01
