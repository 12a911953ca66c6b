"""What would a promotion harm? Each guard asks one question, with an interval, and only evidence beyond chance is a veto.

A guard's null hypothesis is that the challenger loses no more than is tolerated. All guards and segments are one family:
Holm's procedure keeps the probability of any veto, at one comparison, against a challenger that stays within every
tolerated loss at `promotion.veto_level`. A loss whose point alone lies beyond is a doubt, for a person to look at.

Reading order: evidence (one question, and all of them together), ranked, segments, costs (the questions), guards
(the answers in words), radius (what would change), assessing.
"""

from perennial.compare.harm.assessing import Harm, assess_harm
from perennial.compare.harm.costs import compare_times

__all__ = ["Harm", "assess_harm", "compare_times"]
