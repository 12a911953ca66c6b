"""The assets that wake one DAG after another: `<kind>/<model>`, always with an as_of as partition key."""

from __future__ import annotations

from typing import Literal

from airflow.sdk import Asset

Kind = Literal["features", "scores", "drift", "weekly", "challenger", "champion"]


def asset(kind: Kind, model: str) -> Asset:
    """The asset of this kind for one model."""
    return Asset(name=f"{kind}/{model}", uri=f"perennial://{kind}/{model}")
