"""Score: may this champion score this snapshot, may these scores be published, and who ranks where."""

from __future__ import annotations

from datetime import date, timedelta
from functools import partial

import numpy as np
from numpy.typing import NDArray

from perennial.config import Model
from perennial.errors import ChampionTooNew, NoChampionYet, SnapshotStale
from perennial.records import Run, ScoringRules, Tally, Version

DECILES = 10


def check_champion(run: Run, champion: Version | None, first_maturity: date) -> Version:
    """The version that scores the day.

    Args:
        first_maturity: the day on which the first labels mature.

    Raises:
        NoChampionYet: there is none.
        ChampionTooNew: a past day would be scored with a champion that was trained later, which knows that day's future.
    """
    if champion is None:
        raise NoChampionYet(
            f"{run}: no version has been promoted yet, so nothing was scored. The first labels mature on {first_maturity}; the "
            f"next training after that makes the first champion, and `perennial bootstrap {run.model}` does it from history."
        )
    if run.purpose != "live" and champion.effective_at > run.clock:
        raise ChampionTooNew(
            f"{run}: version {champion.version} was trained at {champion.effective_at:%Y-%m-%d %H:%M} UTC, after the run's clock "
            f"({run.clock:%Y-%m-%d %H:%M} UTC). The scores of that day stay as they are."
        )
    return champion


def check_freshness(model: Model, run: Run) -> None:
    """Refuse a snapshot that nobody should act on any more.

    Raises:
        SnapshotStale: it is.
    """
    if is_stale(model, run):
        age = run.clock - model.known_until(run.as_of)
        raise SnapshotStale(
            f"{run}: the snapshot knows nothing of the last {age / timedelta(hours=1):.0f} h; allowed are "
            f"{model.features.freshness_hours} h (features.freshness_hours). The former scores stay; refresh a newer as_of."
        )


def is_stale(model: Model, run: Run) -> bool:
    """Is the run's clock more than `freshness_hours` after the last instant at which the facts of its as_of were learned?"""
    return run.clock - model.known_until(run.as_of) > timedelta(hours=model.features.freshness_hours)


def scoring_rules(model: Model) -> ScoringRules:
    """What the store must ask while it publishes the scores of a model."""
    return ScoringRules(
        check=partial(check_publication, max_shift=model.scoring.publish_max_shift), rank=rank_scores, cut=cut_deciles
    )


def check_publication(tally: Tally, *, max_shift: float) -> tuple[str, ...]:
    """Why these scores must not be published, in sentences; none when they may.

    Args:
        tally: what was counted while scoring.
        max_shift: largest relative change of the mean score against the former publication; a limit for a broken
            pipeline, far above what drift does.
    """
    return tuple(
        sentence for sentence in (*_check_rows(tally), *_check_scores(tally), *_check_mean(tally, max_shift)) if sentence
    )


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


def _check_scores(tally: Tally) -> tuple[str, ...]:
    return (
        f"{tally.missing} scores are missing" if tally.missing else "",
        f"{tally.outside} scores lie outside [0, 1]" if tally.outside else "",
    )


def _check_mean(tally: Tally, max_shift: float) -> tuple[str, ...]:
    if tally.former_mean is None:
        return ()
    allowed = max_shift * abs(tally.former_mean)
    # Written so that NaN does not pass.
    if abs(tally.mean - tally.former_mean) <= allowed:
        return ()
    found = f"the mean score is {tally.mean:.4f} after {tally.former_mean:.4f}"
    return (f"{found}: more than {max_shift:.0%} away (scoring.publish_max_shift)",)
