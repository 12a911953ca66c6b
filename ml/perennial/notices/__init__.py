"""What people are told: records in, a `Notice` out. Facts and advice only; the layout belongs to `stores.mail`."""

from perennial.notices.admissions import say_why_aside, write_release, write_rest
from perennial.notices.canaries import write_better, write_end, write_start
from perennial.notices.champions import (
    say_what_became,
    show_in_markdown,
    write_alias,
    write_answer,
    write_question,
    write_silence,
    write_verdict,
)
from perennial.notices.days import (
    HEADLINES,
    DayFindings,
    find_moved,
    find_rejected,
    link_report,
    list_drift,
    say_what_failed,
    say_what_is_served,
    write_block,
    write_decision,
    write_failure,
)
from perennial.notices.fits import say_distance, say_pin, write_distance, write_pin
from perennial.notices.nightly import write_broken

__all__ = [
    "HEADLINES",
    "DayFindings",
    "find_moved",
    "find_rejected",
    "link_report",
    "list_drift",
    "say_distance",
    "say_pin",
    "say_what_became",
    "say_what_failed",
    "say_what_is_served",
    "say_why_aside",
    "show_in_markdown",
    "write_alias",
    "write_answer",
    "write_better",
    "write_block",
    "write_broken",
    "write_decision",
    "write_distance",
    "write_end",
    "write_failure",
    "write_pin",
    "write_question",
    "write_release",
    "write_rest",
    "write_silence",
    "write_start",
    "write_verdict",
]
