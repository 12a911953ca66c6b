"""The monitor stage: what the champion sees now against what it was trained on, and how good its scores turned out.

Effect sizes decide, never p-values: on a large batch every harmless difference is significant.
Reading order: psi (one column), profile (the reference, counted), drift (the whole check), outcomes (matured labels),
watch (calibration), report (Evidently, for people).
"""

from perennial.monitor.drift import ScoredDay, measure_drift
from perennial.monitor.outcomes import realise
from perennial.monitor.profile import ReferenceProfile, load_profile, profile_reference
from perennial.monitor.psi import compare_categories, compare_numbers
from perennial.monitor.report import MOST_ROWS, PAGE_COLUMNS, SCORE, render_report
from perennial.monitor.watch import watch_calibration

__all__ = [
    "MOST_ROWS",
    "PAGE_COLUMNS",
    "SCORE",
    "ReferenceProfile",
    "ScoredDay",
    "compare_categories",
    "compare_numbers",
    "load_profile",
    "measure_drift",
    "profile_reference",
    "realise",
    "render_report",
    "watch_calibration",
]
