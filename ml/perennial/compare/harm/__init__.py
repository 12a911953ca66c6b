"""What would a promotion harm? Each guard asks one question, with an interval, and only evidence beyond chance is a veto.

A guard's null hypothesis is that the challenger loses no more than is tolerated. All guards and segments are one family:
Holm's procedure keeps the probability of any veto, at one comparison, against a challenger that stays within every
tolerated loss at `promotion.veto_level`. A loss whose point lies beyond, and by more than one standard error, is a doubt,
for a person to look at; equal challengers would otherwise have one of a dozen guards in doubt every week.

The AUC of a segment is a mean of gains within as_ofs, so that its error holds the shocks of as_ofs (shocks.py). The other
guards pool the rows of all as_ofs, in units of which nobody knows how much as_ofs vary: their error is that of entities
alone, which in a world with shocks refuses more often than the level says, and never lets more pass.

Reading order: evidence (one question, and all of them together), ranked, segments, costs (the questions), guards
(the answers in words), radius (what would change), assessing.
"""

from perennial.compare.harm.assessing import Harm, assess_harm
from perennial.compare.harm.costs import compare_times

__all__ = ["Harm", "assess_harm", "compare_times"]
