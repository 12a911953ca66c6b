"""What was published of an entity, as it is answered."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from functools import cache
from pathlib import Path

from perennial.config import Model, load_model
from perennial.serve.wall import read_wall
from perennial.stores.serving import find_score
from perennial.stores.sessions import Database


@cache
def read_model(home: Path, model: str) -> Model:
    """What its file said when it was first asked for: a server that is to read it anew is started anew."""
    return load_model(home / "models" / f"{model}.toml")


def find_shares(home: Path, models: Sequence[str]) -> dict[str, float]:
    """`[serving] canary` of the models that give a canary a share."""
    return {model: share for model in models if (share := read_model(home, model).serving.canary)}


def find_published(database: Database, home: Path, model: str, entity: str) -> dict[str, object] | None:
    """Its score in the newest live publication; None where it has none.

    `age_hours` counts from the last instant at which facts of the as_of were learned, as `features.freshness_hours` does.

    Raises:
        WarehouseUnavailable, WarehouseBusy, ConfigError: it cannot be read now.
    """
    declared = read_model(home, model)
    found = find_score(database, model, entity)
    if found is None:
        return None
    age = read_wall() - declared.known_until(found.as_of)
    return {
        "model": model,
        "entity_id": entity,
        "as_of": found.as_of.isoformat(),
        "age_hours": round(age / timedelta(hours=1), 2),
        "is_stale": age > declared.freshness,
        "score": found.score,
        **found.beside,
        "rank": found.rank,
        "decile": found.decile,
        "reasons": list(found.reasons),
        "version": found.version,
        "scored_at": found.scored_at.isoformat(),
    }
