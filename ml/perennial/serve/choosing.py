"""Which version answers a request: the one place that decides it."""

from __future__ import annotations

from perennial.serve.champions import Serving
from perennial.serve.versions import LoadedVersion


def choose_version(serving: Serving) -> LoadedVersion | None:
    """The champion that is loaded, None before the first; all rows of a request are answered by the same version."""
    return serving.champion
