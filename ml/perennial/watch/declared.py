"""What the model files of a home say about what is due and how much is borne."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

from perennial.config import Model, load_model, model_names
from perennial.config.cron import find_first_firing
from perennial.errors import ConfigError

DAY_SECONDS = 86_400.0


@dataclass(frozen=True)
class Declared:
    """A file of models/; `model` is None where it cannot be read, and `fault` says why."""

    name: str
    model: Model | None
    fault: str = ""


def read_models(home: Path) -> tuple[Declared, ...]:
    """Every model of a home, sorted by name; a broken file is no error."""
    return tuple(_read_model(home, name) for name in model_names(home))


def _read_model(home: Path, name: str) -> Declared:
    try:
        return Declared(name, load_model(home / "models" / f"{name}.toml"))
    except ConfigError as error:
        return Declared(name, None, str(error))
    except OSError as error:
        return Declared(name, None, f"models/{name}.toml cannot be read: {error.strerror}.")


def find_due(model: Model, newest: date) -> datetime:
    """When the next as_of after `newest` is built at the earliest: from then on its scores are on their way, or late.

    Worked example (daily, `30 7 * * *` in New York): scored on 2026-11-27, the scores of 11-28 are due from 12:30 UTC on.
    """
    following = model.grid.nearest(newest)[-1]
    return datetime.combine(following, find_first_firing(model.schedule.refresh), model.zone).astimezone(UTC)


def list_limits(model: Model) -> Mapping[str, float | None]:
    """What is borne, by column of the query `declared`; None where the model file wants no such limit."""
    limits = model.monitoring
    return {
        "drifted_share": limits.drifted_share,
        "loss_points": limits.max_auc_loss,
        "loss_share": limits.max_loss_rise,
        "fit_age": None if model.refreshes == "never" else limits.max_fit_age_days * DAY_SECONDS,
        "budget": model.promotion.false_promotions_per_year,
    }
