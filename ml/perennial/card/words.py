"""How figures and findings are written on a card."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date

from perennial.card.document import Cell, Tone
from perennial.card.evidence import CardEvidence
from perennial.config import name_figure, write_difference, write_figure
from perennial.records import Interval, write_amount

ONE_CLASS = "one class came true"
ALL_EQUAL = "all labels are equal"

TONES: dict[str, Tone] = {
    **dict.fromkeys(("PROMOTE", "promoted", "champion", "final", "approved"), "good"),
    **dict.fromkeys(
        ("INCONCLUSIVE", "doubtful", "open", "provisional", "held fit", "by construction", "outside", "asked", "TRAIN"), "warm"
    ),
    **dict.fromkeys(("REJECT", "rejected", "veto", "drifted"), "bad"),
}
QUIET = {"held", "steady", "inside", "not checked"}


def word(text: str) -> Cell:
    """A word that stands out, unless it says that all is as it should be."""
    return Cell(text, tone=None if text in QUIET else TONES.get(text, "calm"))


def write_metric(metric: str) -> str:
    """A metric as people name it, also before `, segment = value`; one that is new here keeps its own name."""
    name, comma, where = metric.partition(", ")
    return name_figure(name) + comma + where


def write_interval(value: Interval | None, absent: str = "", metric: str = "auc") -> str:
    """`0.862 [0.842, 0.881]`; of amounts four digits."""
    return absent if value is None else f"{write_figure(metric, value.estimate)} {write_ends(value, metric)}"


def write_ends(value: Interval, metric: str = "auc") -> str:
    """`[0.842, 0.881]`."""
    return f"[{write_figure(metric, value.low)}, {write_figure(metric, value.high)}]"


def write_labels(positives: int | None, rows: int, mean: float | None) -> str:
    """`12.8%` of 0 and 1, the mean of amounts."""
    return write_share(positives, rows) if positives is not None else "" if mean is None else write_amount(mean)


def say_labels(positives: int | None, rows: int, mean: float | None, named: str) -> str:
    """`12.8% positive`, `mean label 31.2`; `named` is what the mean is of."""
    said = write_labels(positives, rows, mean)
    return f"{said} positive" if positives is not None else f"{named} {said}" if said else ""


def head_labels(evidence: CardEvidence) -> str:
    """The heading over that, of unseen rows."""
    return "Positive" if evidence.measured.positives is not None else capitalise(evidence.task.mean_named[1])


def write_second(metric: str, found: Mapping[str, Interval] | None) -> str:
    """The figure beside the headline, without its ends."""
    return "" if not found or metric not in found else write_figure(metric, found[metric].estimate)


def capitalise(said: str) -> str:
    """`Log-loss`."""
    return said[:1].upper() + said[1:]


def write_mean(value: float, positives: int | None) -> str:
    """A mean score, or mean label: a share, or an amount."""
    return f"{value:.3f}" if positives is not None else write_amount(value)


def say_equal(positives: int | None) -> str:
    """Why there is no headline."""
    return ONE_CLASS if positives is not None else ALL_EQUAL


def write_gain(value: Interval | None, metric: str) -> str:
    """`+0.0050 [-0.0010, +0.0110]`; of amounts four digits."""
    return "" if value is None else write_difference(metric, value)


def write_number(value: float | None) -> str:
    """Four significant digits."""
    return "" if value is None else write_amount(value)


def write_share(part: float, whole: float) -> str:
    """`12.8%`; empty of nothing."""
    return f"{part / whole:.1%}" if whole else ""


def count(number: int, one: str, many: str = "") -> str:
    """`1 as_of`, `4 as_ofs`."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def write_days(days: Iterable[date]) -> str:
    """`2017-03-27 to 2017-05-15 (8 as_ofs)`."""
    ordered = sorted(days)
    if not ordered:
        return "none"
    span = str(ordered[0]) if len(ordered) == 1 else f"{ordered[0]} to {ordered[-1]}"
    return f"{span} ({count(len(ordered), 'as_of')})"


def join(names: Iterable[str]) -> str:
    """`a, b and c`."""
    listed = list(names)
    return " and ".join([", ".join(listed[:-1]), listed[-1]]) if len(listed) > 1 else "".join(listed)
