"""The one picture of a mail: a bar for each entry of the chart, and the limit as a line."""

from __future__ import annotations

from collections.abc import Mapping
from io import BytesIO
from textwrap import fill
from typing import TYPE_CHECKING

from perennial.records import Notice

if TYPE_CHECKING:
    from matplotlib.axes import Axes

WIDTH_INCHES = 4.8
BAR_INCHES = 0.34
MARGIN_INCHES = 0.9
PIXELS_PER_INCH = 230
"""Twice what the mail shows, for sharp screens."""

TITLE_CHARACTERS = 50
"""A line of the title."""

INK, SOFT, FRAME = "#1f2933", "#6b7785", "#e4e8ec"
CALM, ALARM = "#4f7d64", "#c2571a"


def describe_chart(notice: Notice) -> str:
    """The picture in words: its alternative text, and what the text part says instead."""
    entries = ", ".join(f"{name} {value:g}" for name, value in _rank(notice.chart).items())
    title = f"{notice.chart_title}: " if notice.chart_title else ""
    limit = f" (limit {notice.chart_limit:g})" if notice.chart_limit is not None else ""
    return f"{title}{entries}{limit}" if notice.chart else ""


def draw_chart(notice: Notice) -> bytes:
    """A PNG with the entries of `notice.chart`, the largest on top; bars past the limit, or below zero, stand out."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # noqa: PLC0415 - half a second, for mails only
    from matplotlib.figure import Figure  # noqa: PLC0415 - half a second, for mails only

    size = (WIDTH_INCHES, MARGIN_INCHES + BAR_INCHES * len(notice.chart))
    figure = Figure(size, PIXELS_PER_INCH, facecolor="white", layout="constrained")
    _draw_bars(figure.add_subplot(), notice)
    figure.suptitle(fill(notice.chart_title, TITLE_CHARACTERS), x=0.02, ha="left", fontsize=9.5, fontweight="bold", color=INK)
    target = BytesIO()
    # `Figure.savefig` draws twice, first for the layout alone, and comes to the same bytes.
    FigureCanvasAgg(figure).print_png(target, metadata={"Software": None})  # type: ignore[no-untyped-call] # it has no types
    return target.getvalue()


def _draw_bars(axes: Axes, notice: Notice) -> None:
    ranked = _rank(notice.chart)
    names, values = [name.replace("$", r"\$") for name in ranked], list(ranked.values())  # two would begin a formula
    colours = [ALARM if _stands_out(value, notice.chart_limit) else CALM for value in values]
    axes.barh(names, values, height=0.62, color=colours)
    _write_figures(axes, values)
    axes.invert_yaxis()
    axes.set_xlim(*_find_range([*values, notice.chart_limit or 0.0]))
    axes.tick_params(length=0, labelsize=8.5, colors=INK)
    axes.set_xticks([])
    axes.spines[["top", "right", "bottom"]].set_visible(False)
    axes.spines["left"].set_color(FRAME)
    if min(values) < 0:
        axes.axvline(0, color=FRAME, linewidth=1)
    if notice.chart_limit is not None:
        _draw_limit(axes, notice.chart_limit)


def _write_figures(axes: Axes, values: list[float]) -> None:
    """To the right of each bar, where nothing else stands: left of one that is below zero are the names."""
    box = {"facecolor": "white", "edgecolor": "none", "pad": 1}
    for row, value in enumerate(values):
        end = (max(0.0, value), row)
        axes.annotate(f"{value:g}", end, xytext=(4, 0), textcoords="offset points", va="center", fontsize=8, color=INK, bbox=box)


def _find_range(values: list[float]) -> tuple[float, float]:
    """From the smallest to the largest figure, zero among them, with room on the right for what is written there."""
    low, high = min(0.0, *values), max(0.0, *values)
    room = 0.2 * (high - low) or 1.0
    return low, high + room


def _draw_limit(axes: Axes, limit: float) -> None:
    axes.axvline(limit, color=SOFT, linewidth=1, linestyle=(0, (4, 3)))
    axes.annotate(
        f"limit {limit:g}",
        (limit, 1),
        xycoords=("data", "axes fraction"),
        xytext=(0, 3),
        textcoords="offset points",
        ha="center",
        va="bottom",
        fontsize=8,
        color=SOFT,
    )


def _rank(chart: Mapping[str, float]) -> dict[str, float]:
    """The largest first: a notice that waited in the ledger has lost the order of its entries."""
    return dict(sorted(chart.items(), key=lambda entry: (-entry[1], entry[0])))


def _stands_out(value: float, limit: float | None) -> bool:
    return value < 0 if limit is None else value > limit
