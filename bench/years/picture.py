"""The gate in one picture: one challenger's way to promotion, and how often each rule errs in a year."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from perennial.compare import TestPlan
from perennial.compare.looks import is_lost, is_won, take_look
from perennial.records import Look
from years.decisions import GIVE_UP, Stream, Years
from years.rivals import RULES, rate_rivals
from years.worlds import ALPHA, BUDGET, FINAL, FIRST, FLOOR, MODEL, OVERLAP, World, draw_noise, make_gain, plan_test

TRUE_GAIN, EQUAL = 0.016, 0.0
INK, SOFT, OURS, THEIRS, GOOD, BAD = "#22303c", "#8a98a5", "#1f6feb", "#d9822b", "#1a7f4b", "#b3261e"
NAMES = {
    "stored metric": "better than the stored metric",
    "point": "better on the same rows",
    "weekly test": "a 95 % test every week",
    "13 looks": "a 95 % test at 13 looks",
}


def draw_gate(world: World, path: Path, *, years: int, seed: int) -> None:
    figure = Figure(figsize=(12, 4.8), dpi=150, layout="constrained")
    FigureCanvasAgg(figure)
    left, right = figure.subplots(1, 2, width_ratios=(1.25, 1))
    _draw_ways(left, take_looks(world, TRUE_GAIN, seed=seed), take_looks(world, EQUAL, seed=seed + 5))
    _draw_rates(right, rate_all(world, years=years, seed=seed))
    figure.savefig(path, metadata={"Software": None})


def take_looks(world: World, true_gain: float, *, seed: int) -> list[Look]:
    """Of one challenger, as the gate takes them, until it is promoted, rejected or exhausted."""
    rng = np.random.default_rng(seed)
    entities = make_gain(FINAL)
    gains = true_gain + world.error * draw_noise(rng, (FINAL,))
    gain = replace(entities, gains=gains, influence=world.error * entities.influence)
    plan = TestPlan(ALPHA, FINAL, len(OVERLAP), MODEL.training.seed)
    looks: list[Look] = []
    for count in range(FIRST, FINAL + 1):
        looks.append(take_look(gain.first(count), looks, plan))
        if is_won(looks[-1].lower, looks[-1].estimate, FLOOR) or is_lost(find_upper(looks[-1]), FLOOR):
            break
    return looks


def find_upper(look: Look) -> float:
    return look.estimate + GIVE_UP * look.standard_error


def rate_all(world: World, *, years: int, seed: int) -> dict[str, float]:
    """Share of years with a false promotion, by what a bar is called."""
    rivals = rate_rivals(world, 0.0, years=years, seed=seed)
    lived = Years(world, plan_test(), Stream(0.0, with_drift=True, run_in=FINAL - FIRST + 1), years=years, seed=seed).live()
    return {NAMES[rule]: rivals[rule] for rule in RULES} | {"this gate": float((lived.false > 0).mean())}


def _draw_ways(axes: Axes, better: list[Look], equal: list[Look]) -> None:
    _draw_way(axes, equal, SOFT)
    _draw_way(axes, better, OURS)
    axes.axhline(0, color=INK, linewidth=0.8)
    axes.axhline(FLOOR, color=THEIRS, linewidth=1, linestyle=":")
    axes.annotate("floor", (1, FLOOR), xycoords=("axes fraction", "data"), color=THEIRS, ha="left", va="center")
    axes.annotate(f"truly gains {TRUE_GAIN:.3f}", (9.6, 0.0162), color=OURS, fontsize=9)
    axes.annotate("truly equal", (9.6, 0.0038), color=INK, fontsize=9)
    promoted, rejected = (len(better[-1].as_ofs), better[-1].lower), (len(equal[-1].as_ofs), find_upper(equal[-1]))
    _mark(axes, promoted, "PROMOTE: the lower\nbound is above 0", GOOD, (10, -32))
    _mark(axes, rejected, "REJECT: the upper\nbound is below the floor", BAD, (-14, 14))
    axes.set(
        xlim=(FIRST - 0.4, FINAL + 0.6), xticks=range(FIRST, FINAL + 1), xlabel="as_ofs that have matured, one more each week"
    )
    axes.set_ylabel("gain in AUC, with its bounds", color=INK)
    axes.yaxis.set_major_formatter("{x:+.2f}")
    axes.set_title("A challenger stays under test until the evidence decides", loc="left", color=INK, fontsize=11)
    _tidy(axes)


def _draw_way(axes: Axes, looks: list[Look], colour: str) -> None:
    counts = [len(look.as_ofs) for look in looks]
    lower, upper = [look.lower for look in looks], [find_upper(look) for look in looks]
    axes.fill_between(counts, lower, upper, color=colour, alpha=0.13, linewidth=0)
    axes.plot(counts, lower, color=colour, linewidth=1)
    axes.plot(counts, upper, color=colour, linewidth=1)
    axes.plot(counts, [look.estimate for look in looks], color=colour, marker="o", markersize=5, linewidth=1.6)


def _mark(axes: Axes, place: tuple[int, float], words: str, colour: str, offset: tuple[int, int]) -> None:
    axes.plot(*place, color=colour, marker="o", markersize=9, zorder=3)
    axes.annotate(words, place, xytext=offset, textcoords="offset points", color=colour, weight="bold", fontsize=9)


def _draw_rates(axes: Axes, rates: dict[str, float]) -> None:
    colours = [THEIRS] * (len(rates) - 1) + [OURS]
    axes.axvline(BUDGET, color=INK, linewidth=1, linestyle=":", zorder=0)
    axes.barh(list(rates), list(rates.values()), color=colours, height=0.62)
    for place, rate in enumerate(rates.values()):
        axes.text(max(rate, BUDGET) + 0.015, place, f"{rate:.0%}" if rate > 0.1 else f"{rate:.1%}", color=INK, va="center")
    axes.text(BUDGET, len(rates) - 0.45, f"budget {BUDGET:.0%}", color=INK, fontsize=9, va="top", ha="left")
    axes.invert_yaxis()
    axes.set(xlim=(0, 1.12), ylim=(len(rates) - 0.4, -0.6), xticks=[])
    axes.set_title("Years in which an equal model is promoted", loc="left", color=INK, fontsize=11)
    _tidy(axes)
    axes.spines["bottom"].set_visible(False)


def _tidy(axes: Axes) -> None:
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(colors=INK, length=0)
