"""Small pictures of a training, for the registry: no global state of the plotting library is touched."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from perennial.metrics import average
from perennial.tasks import Headline, Task
from perennial.train.candidates import Candidate

SIZE_INCHES = (6.0, 3.6)
DOTS_PER_INCH = 90
MOST_BARS = 15
BINS = 10


def draw_pictures(
    folder: Path,
    challenger: Candidate,
    *,
    folds: Sequence[Mapping[str, float]],
    importances: Mapping[str, float],
    curve: Mapping[int, float],
) -> dict[str, Path]:
    """Write the PNG files of a training into `folder`: name -> file."""
    folder.mkdir(parents=True, exist_ok=True)
    figures = {
        "learning_curve": _draw_learning_curve(challenger.task.headline, curve),
        "calibration": _draw_calibration(challenger),
        "importances": _draw_importances(importances),
        "folds": _draw_folds(challenger.task, folds),
    }
    return {name: _save(figure, folder / f"{name}.png") for name, figure in figures.items()}


def _open(title: str, x: str, y: str) -> tuple[Figure, Axes]:
    figure = Figure(figsize=SIZE_INCHES, dpi=DOTS_PER_INCH, layout="constrained")
    axes = figure.subplots()
    axes.set_title(title, loc="left")
    axes.set_xlabel(x)
    axes.set_ylabel(y)
    axes.spines[["top", "right"]].set_visible(False)
    return figure, axes


def _save(figure: Figure, path: Path) -> Path:
    # `Figure.savefig` draws twice, first for the layout alone, and comes to the same bytes.
    FigureCanvasAgg(figure).print_png(path)  # type: ignore[no-untyped-call] # it has no types
    return path


def _draw_learning_curve(headline: Headline, curve: Mapping[int, float]) -> Figure:
    better = {"ranked": "ranking", "predicted": "prediction"}[headline.verb]
    figure, axes = _open(f"More history, better {better}?", "newest training as_ofs", f"{headline.title} on the last fold")
    axes.plot(list(curve), list(curve.values()), marker="o")
    axes.set_xticks(list(curve))
    return figure


def _draw_calibration(challenger: Candidate) -> Figure:
    """Tenths of the rows by score: the mean of each, and that of its labels."""
    figure, axes = _open("Calibration, out of fold", *challenger.task.calibration_named)
    means, realised = average_tenths(*challenger.task.pair_rows(challenger.scores, challenger.labels))
    start, end = min(0.0, *means, *realised), max(*means, *realised)
    axes.plot([start, end], [start, end], color="grey", linewidth=1, linestyle="--")
    axes.plot(means, realised, marker="o")
    return figure


def average_tenths(scores: pd.Series, labels: pd.Series) -> tuple[list[float], list[float]]:
    """Of each tenth of the rows by score, lowest first: its mean score and label, weighted where rows weigh."""
    parts = np.array_split(np.argsort(scores.to_numpy(), kind="stable"), BINS)
    means, realised = ([average(each.iloc[part]) for part in parts if len(part)] for each in (scores, labels))
    return means, realised


def _draw_importances(importances: Mapping[str, float]) -> Figure:
    figure, axes = _open("What the model looks at", "share of the gain", "")
    shown = list(importances.items())[:MOST_BARS][::-1]
    named = [name.replace("$", r"\$") for name, _ in shown]  # between two of them the library reads a formula
    axes.barh(named, [share for _, share in shown])
    axes.tick_params(axis="y", labelsize=7)
    return figure


def _draw_folds(task: Task, folds: Sequence[Mapping[str, float]]) -> Figure:
    headline = task.headline
    title = headline.title[0].upper() + headline.title[1:]
    figure, axes = _open(f"{title} by fold", "fold, oldest first", headline.title)
    places = [int(fold["fold"]) for fold in folds]
    for name in ("challenger", task.fitting.linear, "recency"):
        axes.plot(places, [fold[f"{name}_{headline.name}"] for fold in folds], marker="o", label=name)
    axes.set_xticks(places)
    axes.legend(frameon=False)
    return figure
