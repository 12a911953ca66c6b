"""The compare stage: may the challenger replace the champion, judged on rows that neither has seen?

Reading order: contest (what is compared), rows (may these rows judge?), measures (the figures), guards (what speaks
against it), judgement (the verdict).
"""

from ml.compare.contest import ComparisonInput, Contestant
from ml.compare.judgement import compare
from ml.compare.rows import unseen_as_ofs

__all__ = ["ComparisonInput", "Contestant", "compare", "unseen_as_ofs"]
