"""Score: may this champion score this snapshot, may these scores be published, and who ranks where."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, timedelta
from functools import partial
from math import hypot, inf, sqrt
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm

from perennial.config import Band, Model, read_band, say_band
from perennial.errors import ChampionTooNew, NoChampionYet, SnapshotStale
from perennial.records import Acceptance, ApprovalQuestion, Run, ScoringRules, Tally, Version, say_how_to_accept
from perennial.tasks import task_of

DECILES = 10
Scale = Callable[[float, float], float]
FALSE_STOP = 1 / 3650
"""Share of days of a stable world that chance alone may stop: one in ten years of daily scoring."""
FEW_ERRORS = float(norm.isf(FALSE_STOP / 2))
"""So many standard errors of a difference, at most, lie between two means of one population on all other days. Of 60 skewed
scores, others every day, it is once in six years."""


def check_champion(run: Run, champion: Version | None, first_maturity: date, waiting: ApprovalQuestion | None = None) -> Version:
    """The version that scores the day.

    Args:
        first_maturity: the day on which the first labels mature.
        waiting: the question about a first champion that nobody has answered, or carried out.

    Raises:
        NoChampionYet: there is none.
        ChampionTooNew: a past day would be scored with a champion that was trained later, which knows that day's future.
    """
    if champion is None:
        raise NoChampionYet(f"{run}: nothing was scored. {explain_nobody(run, first_maturity, waiting)}")
    if run.purpose != "live" and champion.effective_at > run.clock:
        raise ChampionTooNew(
            f"{run}: version {champion.version} was trained at {champion.effective_at:%Y-%m-%d %H:%M} UTC, after the run's clock "
            f"({run.clock:%Y-%m-%d %H:%M} UTC). The scores of that day stay as they are."
        )
    return champion


def explain_nobody(run: Run, first_maturity: date, waiting: ApprovalQuestion | None) -> str:
    """Why no version serves, and what changes that."""
    if waiting is None:
        return f"No version has been promoted yet. {_say_when(run, first_maturity)}"
    since = f"since {waiting.effective_at:%Y-%m-%d} (as_of {waiting.as_of})"
    if waiting.status == "approved":
        return f"Version {waiting.version} was approved and not promoted {since}: {waiting.commands} does it."
    return (
        f"No version serves: whether version {waiting.version} may, waits for a person {since}. Read why (its mail and its card, "
        f"`perennial card {waiting.model} {waiting.version}`), then answer: {waiting.commands}."
    )


def _say_when(run: Run, first_maturity: date) -> str:
    bootstrap = f"`perennial bootstrap {run.model} --as-of {run.as_of}{' --simulate' if run.purpose == 'simulation' else ''}`"
    if first_maturity <= run.as_of:
        return (
            f"Labels have matured since {first_maturity}: the next training makes the first champion, unless its mail "
            f"says what stops it. {bootstrap} trains now."
        )
    return (
        f"The first labels mature on {first_maturity}; the next training after that makes the first champion, and "
        f"{bootstrap} does it from history, where there is some: `perennial check {run.model}` says so."
    )


def check_freshness(model: Model, run: Run) -> None:
    """Refuse a snapshot that nobody should act on any more.

    Raises:
        SnapshotStale: it is.
    """
    if is_stale(model, run):
        age = run.clock - model.known_until(run.as_of)
        raise SnapshotStale(
            f"{run}: the snapshot knows nothing of the last {age / timedelta(hours=1):.0f} h; allowed are "
            f"{model.freshness / timedelta(hours=1):.0f} h (features.freshness_hours). The former scores stay; refresh a newer "
            "as_of."
        )


def is_stale(model: Model, run: Run) -> bool:
    """Is the run's clock more than the model's freshness after the last instant at which the facts of its as_of were learned?"""
    return run.clock - model.known_until(run.as_of) > model.freshness


def scoring_rules(model: Model, run: Run, champion: Version, accepted: Acceptance | None) -> ScoringRules:
    """What the store must ask while it publishes the scores of a model.

    Args:
        accepted: a mean score that a person has accepted for this day or one before it.
    """
    known = {f"the reference of version {champion.version}": champion.holdout_mean_score}
    known |= {f"the level accepted for {accepted.as_of}": accepted.level} if accepted else {}
    levels = {name: level for name, level in known.items() if level is not None}
    remedy = f". {say_how_to_accept(run, 'shift')}".rstrip(".")
    check = partial(
        check_publication,
        max_shift=model.scoring.publish_max_shift,
        levels=levels,
        remedy=remedy,
        wrong_score=task_of(model).wrong_score,
        find_scale=task_of(model).find_scale,
    )
    alone = partial(check, levels={}, remedy="")
    return ScoringRules(check=check, rank=rank_scores, cut=cut_deciles, check_canary=alone)


def check_publication(
    tally: Tally,
    *,
    max_shift: Band,
    levels: Mapping[str, float] = MappingProxyType({}),
    remedy: str = "",
    wrong_score: str = "lie outside [0, 1]",
    find_scale: Scale = lambda _, level: level,
) -> tuple[str, ...]:
    """Why these scores must not be published, in sentences; none when they may.

    Args:
        tally: what was counted while scoring.
        max_shift: largest relative change of the mean score against the former publication; a limit for a broken
            pipeline, far above what drift does. Of few rows the mean moves further by chance alone: the larger of both counts.
        levels: further mean scores, by name, one of which is near enough: a day that comes back from a former level to that of
            the reference is none that broke.
        remedy: what to do where the new level is right.
        wrong_score: what is said of scores that the task does not give.
        find_scale: of what a shift is a share, from the spread of today's scores and a level.
    """
    shifts = (sentence + remedy for sentence in _check_mean(tally, max_shift, levels, find_scale))
    return tuple(sentence for sentence in (*_check_rows(tally), *_check_scores(tally, wrong_score), *shifts) if sentence)


def rank_scores(scores: NDArray[np.float64]) -> NDArray[np.int64]:
    """Ranks from 1, the highest score first; of equal scores the one that stands first (by entity_id ascending) leads."""
    ranks = np.empty(len(scores), dtype=np.int64)
    ranks[np.argsort(-scores, kind="stable")] = np.arange(1, len(scores) + 1)
    return ranks


def cut_deciles(ranks: NDArray[np.int64]) -> NDArray[np.int64]:
    """Tenths by rank: 1 holds the highest scores. Sizes differ by one row at most."""
    return (ranks - 1) * DECILES // max(len(ranks), 1) + 1


def _check_rows(tally: Tally) -> tuple[str, ...]:
    return (
        "the snapshot holds no row" if tally.expected_rows == 0 else "",
        f"{tally.rows} rows were scored, the snapshot holds {tally.expected_rows}" if tally.rows != tally.expected_rows else "",
        f"{tally.doubles} entities stand twice" if tally.doubles else "",
    )


def _check_scores(tally: Tally, wrong_score: str) -> tuple[str, ...]:
    return (
        f"{tally.missing} scores are missing" if tally.missing else "",
        f"{tally.outside} scores {wrong_score}" if tally.outside else "",
    )


def _check_mean(tally: Tally, max_shift: Band, levels: Mapping[str, float], find_scale: Scale) -> tuple[str, ...]:
    """Near enough is what the limit allows, or chance.

    The entities of two days are mostly the same, so that their means differ by less than two samples of such sizes would, and
    what chance is given is on the safe side. A level that is only a number counts as the mean of as many rows as today's.
    """
    if tally.former_mean is None:
        return ()
    by_chance = FEW_ERRORS * hypot(tally.error, tally.former_error)
    near = {tally.former_mean: by_chance, **dict.fromkeys(levels.values(), FEW_ERRORS * hypot(tally.error, tally.error))}
    spread = tally.error * sqrt(tally.rows)
    if any(_is_near(tally.mean - level, find_scale(spread, level), max_shift, chance) for level, chance in near.items()):
        return ()
    others = "".join(f", {name} is {level:.4f}" for name, level in levels.items())
    found = f"the mean score is {tally.mean:.4f} after {tally.former_mean:.4f}{others}"
    limit = f"more than {say_band(max_shift)} away (scoring.publish_max_shift)"
    chance = f", and more than chance gives {tally.rows} rows ({by_chance:.4f})" if by_chance > 0 else ""
    return (f"{found}: {limit}{chance}",)


def _is_near(move: float, scale: float, max_shift: Band, by_chance: float) -> bool:
    """Written so that NaN does not pass."""
    below, above = (max(_reach(share, scale), by_chance) for share in read_band(max_shift))
    return -below <= move <= above


def _reach(share: float, scale: float) -> float:
    """How far a mean may lie from a level; where the check is off anywhere, from a level of 0 too."""
    return inf if share == inf else share * abs(scale)
