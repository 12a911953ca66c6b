"""The compare stage: may the challenger replace the champion, judged on rows that neither has seen?

Reading order: contest (what is compared), rows (may these rows judge?), measures (the figures), baselines, harm (what
speaks against it), spending, boundaries, looks (the sequential test), account (its error), superiority, renewal (the two
questions), shadows (who stays under test), judgement (the verdict).
"""

from ml.compare.contest import ComparisonInput, Contestant
from ml.compare.judgement import compare
from ml.compare.looks import TestPlan
from ml.compare.rows import unseen_as_ofs
from ml.compare.shadows import choose_shadows

__all__ = ["ComparisonInput", "Contestant", "TestPlan", "choose_shadows", "compare", "unseen_as_ofs"]
