"""The blast radius: what a promotion would change for those who act on the scores."""

from __future__ import annotations

import math

import numpy as np

from perennial.compare.harm.pair import ScoredPair
from perennial.compare.measures import MIN_ENTITIES
from perennial.metrics.rates import Mask
from perennial.records import BlastRadius

DECILES = 10
WARNED_OVERLAP, WARNED_FLIPS = 0.6, 0.15  # beyond these the verdict warns; a person is asked beyond limits of the model file only


def measure_blast_radius(pair: ScoredPair) -> BlastRadius:
    """On the newest as_of assessed: who stays in the top tenth, who comes onto and drops off the action list."""
    as_of, rows = pair.newest
    was, is_now = pair.theirs.is_selected[rows], pair.ours.is_selected[rows]
    entities, entering, leaving = int(rows.sum()), int((is_now & ~was).sum()), int((was & ~is_now).sum())
    overlap = _overlap(pair, rows)
    sentence = (
        f"On {as_of} {overlap:.0%} of the champion's top tenth would stay, and of {entities} entities {entering} would come "
        f"onto the action list of {int(was.sum())} and {leaving} drop off it."
    )
    return BlastRadius(as_of, entities, overlap, entering, leaving, _flips(pair, rows), sentence)


def doubt_blast_radius(pair: ScoredPair, radius: BlastRadius) -> tuple[str, ...]:
    """What is too large to happen without a person, by the limits that the model file sets; without any it is nothing."""
    rules = pair.model.promotion
    return _object(pair, radius, (rules.min_top_decile_overlap, rules.max_flips), "that may pass without a person")


def warn_of_blast_radius(pair: ScoredPair, radius: BlastRadius) -> tuple[str, ...]:
    """What people should know of beforehand: a better challenger may well rank others first, so that nobody is asked."""
    return _object(pair, radius, (WARNED_OVERLAP, WARNED_FLIPS), "that pass without a warning")


def _object(pair: ScoredPair, radius: BlastRadius, limits: tuple[float | None, float | None], which: str) -> tuple[str, ...]:
    """Sentences about what lies beyond the limits: the fewest of the top tenth, and the most flips."""
    fewest, most = limits
    found = []
    if fewest is not None and radius.top_decile_overlap < fewest:
        found.append(
            f"{radius.top_decile_overlap:.0%} of the champion's top tenth would stay, fewer than the {fewest:.0%} {which}."
        )
    wide = [f"{flip:.0%} of {name}" for name, flip in _assessed_flips(pair, radius).items() if most is not None and flip > most]
    if wide:
        found.append(f"More than the {most:.0%} {which} would come onto or drop off the action list: {', '.join(wide)}.")
    return tuple(found)


def _assessed_flips(pair: ScoredPair, radius: BlastRadius) -> dict[str, float]:
    """Of all entities, and of each segment that is not so small that a few of them make its share."""
    sizes = _sizes(pair, pair.newest[1])
    moved = {"all entities": (radius.entering + radius.leaving) / radius.entities}
    return moved | {name: flip for name, flip in radius.flips.items() if sizes[name] >= MIN_ENTITIES}


def _overlap(pair: ScoredPair, rows: Mask) -> float:
    """Share of the champion's top tenth, rounded up to whole entities, that is the challenger's too."""
    tenth = math.ceil(int(rows.sum()) / DECILES)
    return int(((pair.ours.rank < tenth) & (pair.theirs.rank < tenth) & rows).sum()) / tenth


def _flips(pair: ScoredPair, rows: Mask) -> dict[str, float]:
    flipped = (pair.ours.is_selected != pair.theirs.is_selected)[rows]
    newest = pair.segments[rows]
    return {
        f"{column} = {value}": float(np.mean(flipped[(newest[column] == value).to_numpy()]))
        for column in newest.columns
        for value in sorted(newest[column].unique())
    }


def _sizes(pair: ScoredPair, rows: Mask) -> dict[str, int]:
    newest = pair.segments[rows]
    return {
        f"{column} = {value}": int(count) for column in newest.columns for value, count in newest[column].value_counts().items()
    }
