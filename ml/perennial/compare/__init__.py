"""The compare stage: may the challenger replace the champion, assessed on rows that neither has seen?

Reading order: contest (what is compared), rows (may these rows be used?), measures (the figures), harm (what
speaks against it), shocks (as_ofs are a sample too), clusters (copies are one piece of evidence), spending, boundaries,
looks (the sequential test), account (its error), superiority (the question), first (who begins), shadows (who stays under
test), assessment (the verdict).
"""

from perennial.compare.contest import ComparisonInput, Contestant
from perennial.compare.looks import TestPlan
from perennial.compare.rows import unseen_as_ofs
from perennial.compare.shadows import choose_shadows
from perennial.compare.verdict import compare

__all__ = ["ComparisonInput", "Contestant", "TestPlan", "choose_shadows", "compare", "unseen_as_ofs"]
