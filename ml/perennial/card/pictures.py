"""The pictures of a card: reliability with intervals, and promised against kept. The same evidence gives the same bytes."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from io import BytesIO
from typing import TYPE_CHECKING, TypeAlias

from perennial.card.document import Picture
from perennial.card.evidence import CardEvidence
from perennial.card.words import write_interval
from perennial.metrics import ReliabilityBin
from perennial.records import Interval
from perennial.records.cards import ServedDay

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SIZE_INCHES = (5.2, 4.0)
WIDE_INCHES = (10.4, 3.2)
PIXELS_PER_INCH = 150
INK, SOFT, FRAME = "#1d2420", "#5d6b63", "#dde2de"
PROMISED, KEPT = "#8a6d3b", "#1c7a45"
MOST_DAYS = 26
ROOM = 1.08
Side: TypeAlias = tuple[tuple[ReliabilityBin, ...], str, str]
"""Points, their colour and their name."""


def draw_calibrations(evidence: CardEvidence) -> tuple[Picture, ...]:
    """The reliability on unseen rows and of later outcomes, and beside it what the training drew out of fold."""
    says = f"{evidence.task.came_named} against mean score: unseen rows" + (
        " and what its recipe published since" if evidence.first_served else ""
    )
    drawn = Picture(
        "reliability",
        "Reliability",
        f"{says}, in tenths with intervals; the table below holds the points.",
        _draw_reliability(evidence.task.came_named.lower(), _list_sides(evidence)),
    )
    logged = evidence.logged.pictures.get("calibration")
    if logged is None:
        return (drawn,)
    return drawn, Picture(
        "calibration", "Calibration out of fold", f"{evidence.task.came_named} against mean score, out of fold.", logged
    )


def draw_course(evidence: CardEvidence) -> tuple[Picture, ...]:
    """Promised against kept over time, where there is a headline on both sides."""
    promised, version = evidence.promise.figure(evidence.metric), evidence.version.version
    days = [day for day in evidence.served if day.is_ranked][-MOST_DAYS:]
    if not days or promised is None:
        return ()
    says = (
        f"{evidence.title} of each as_of that fits of the recipe published since it became champion, those of this fit filled; "
        f"the band is what the unseen rows of version {evidence.promised_by} promised, "
        f"{write_interval(promised, metric=evidence.metric)}."
    )
    return (Picture("course", "Promised and kept", says, _draw_course(evidence.title, promised, days, version), is_wide=True),)


def list_drawn(evidence: CardEvidence) -> tuple[Picture, ...]:
    """The pictures of the training, as they were logged."""
    says = {
        "learning_curve": ("Learning curve", f"{evidence.title} on the last fold by the number of newest training as_ofs."),
        "folds": ("Folds", f"{evidence.title} by fold, oldest first, with the baselines on the same rows."),
    }
    logged = evidence.logged.pictures
    return tuple(Picture(name, title, said, logged[name]) for name, (title, said) in says.items() if name in logged)


def _list_sides(evidence: CardEvidence) -> tuple[Side, ...]:
    unseen = (evidence.measured.bins, PROMISED, "unseen rows")
    if not evidence.first_served:
        return (unseen,)
    return unseen, (evidence.first_served.bins, KEPT, f"first {len(evidence.first_served.as_ofs)} since the promotion")


@lru_cache(maxsize=64)
def _draw_reliability(came: str, sides: tuple[Side, ...]) -> bytes:
    """Kept for the next card of the version: drawing takes a tenth of a second, and the points change with an outcome only."""
    figure, axes = _open(SIZE_INCHES, "mean score", came)
    start, end = find_span([each for bins, _, _ in sides for each in bins])
    axes.plot([start, end], [start, end], color=SOFT, linewidth=1, linestyle=(0, (4, 3)), zorder=1)
    for bins, colour, label in sides:
        _draw_bins(axes, bins, colour, label)
    axes.set_xlim(start, end)
    axes.set_ylim(start, end)
    axes.legend(frameon=False, loc="upper left", fontsize=9, labelcolor=INK)
    return _save(figure)


def find_span(bins: Sequence[ReliabilityBin]) -> tuple[float, float]:
    """From where to where both axes go: all points with their intervals, and 0; amounts may lie below it, or all be 0."""
    start = ROOM * min(0.0, *(end for each in bins for end in (each.share.low, each.mean_score)))
    end = ROOM * max(0.0, *(end for each in bins for end in (each.share.high, each.mean_score)))
    return (start, end) if start < end else (0.0, 1.0)


def _draw_bins(axes: Axes, bins: Sequence[ReliabilityBin], colour: str, label: str) -> None:
    means, shares = [each.mean_score for each in bins], [each.share.estimate for each in bins]
    reach = ([each.share.estimate - each.share.low for each in bins], [each.share.high - each.share.estimate for each in bins])
    axes.errorbar(
        means, shares, yerr=reach, color=colour, marker="o", markersize=5, linewidth=1.2, elinewidth=1, capsize=2.5, label=label
    )


def _draw_course(title: str, promised: Interval, days: Sequence[ServedDay], version: int) -> bytes:
    figure, axes = _open(WIDE_INCHES, "as_of", title)
    places = range(len(days))
    axes.axhspan(promised.low, promised.high, color=PROMISED, alpha=0.12, linewidth=0)
    axes.axhline(promised.estimate, color=PROMISED, linewidth=1, linestyle=(0, (4, 3)), label="unseen rows, with its interval")
    reach = (
        [day.headline.estimate - day.headline.low for day in days],
        [day.headline.high - day.headline.estimate for day in days],
    )
    axes.errorbar(
        places,
        [day.headline.estimate for day in days],
        yerr=reach,
        color=KEPT,
        marker="o",
        markersize=6,
        markerfacecolor="white",
        linewidth=1.2,
        elinewidth=1,
        capsize=3,
        label="fits of the recipe",
    )
    mine = [place for place in places if days[place].version == version]
    if mine:
        axes.plot(mine, [days[place].headline.estimate for place in mine], "o", color=KEPT, markersize=6, label="this fit")
    step = max(1, len(days) // 9)
    axes.set_xticks(list(places)[::step], [str(day.as_of) for day in days][::step])
    axes.set_xlim(-0.6, len(days) - 0.4)
    axes.legend(frameon=False, loc="best", fontsize=9, labelcolor=INK)
    return _save(figure)


def _open(size: tuple[float, float], x: str, y: str) -> tuple[Figure, Axes]:
    from matplotlib.figure import Figure  # noqa: PLC0415 - half a second, for cards only

    figure = Figure(size, PIXELS_PER_INCH, facecolor="white", layout="constrained")
    axes = figure.add_subplot()
    axes.set_xlabel(x, color=SOFT, fontsize=9.5)
    axes.set_ylabel(y, color=SOFT, fontsize=9.5)
    axes.tick_params(length=0, labelsize=9, colors=SOFT)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(FRAME)
    axes.grid(color=FRAME, linewidth=0.6)
    axes.set_axisbelow(True)
    return figure, axes


def _save(figure: Figure) -> bytes:
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # noqa: PLC0415 - likewise

    target = BytesIO()
    # `Figure.savefig` draws twice, first for the layout alone, and comes to the same bytes.
    FigureCanvasAgg(figure).print_png(target, metadata={"Software": None})  # type: ignore[no-untyped-call] # it has no types
    return target.getvalue()
