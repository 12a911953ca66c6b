"""The compare stage: may the challenger replace the champion, judged on rows that neither has seen?

Reading order: contest (what is compared), rows (may these rows judge?), measures (the figures), baselines, harm (what
speaks against it), spending, boundaries, looks (the sequential test), account (its error), superiority, renewal (the two
questions), shadows (who stays under test), judgement (the verdict).
"""

from perennial.compare.contest import ComparisonInput, Contestant
from perennial.compare.judgement import compare
from perennial.compare.looks import TestPlan
from perennial.compare.rows import unseen_as_ofs
from perennial.compare.shadows import choose_shadows

__all__ = ["ComparisonInput", "Contestant", "TestPlan", "choose_shadows", "compare", "unseen_as_ofs"]
