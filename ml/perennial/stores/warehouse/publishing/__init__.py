"""The one publishing transaction: read `publication` first, then `attempts`, `streams`, `wire`, `pipes`."""

from perennial.stores.warehouse.publishing.attempts import ScoringJob
from perennial.stores.warehouse.publishing.publication import publish

__all__ = ["ScoringJob", "publish"]
