"""Evidently's page: it stands on its own and survives odd columns."""

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from perennial.config import load_model
from perennial.monitor import render_report

MODEL = load_model(Path(__file__).parents[2] / "models" / "lapse.toml")


@pytest.fixture(scope="module")
def page():
    rng = np.random.default_rng(1)
    reference, current = (
        pd.DataFrame(
            {
                "recency_days": rng.integers(1, 50, 12_000),
                "spend_7d": rng.normal(size=12_000) + shift,
                "favourite": pd.Categorical(rng.choice(["milk", "bread"], 12_000)),
                "always_null": np.nan,
                "left_out": rng.normal(size=12_000),
            }
        )
        for shift in (0, 1)
    )
    training = MODEL.training.model_copy(update={"exclude": ("left_out",)})
    return render_report(reference, current.assign(income="low"), MODEL.model_copy(update={"training": training}))


def test_the_page_shows_every_column_that_has_values(page):
    assert all(column in page for column in ("recency_days", "spend_7d", "favourite"))
    assert "always_null" not in page


def test_excluded_features_are_not_drawn(page):
    assert "left_out" not in page


def test_the_page_loads_nothing_from_elsewhere(page):
    loaded = re.findall(r"<(?:script|link|img|iframe)[^>]*?(?:src|href)\s*=\s*[\"']?([^\"'\s>]+)", page)
    assert [address for address in loaded if address.startswith(("http", "//"))] == []
    assert re.findall(r"@import\s[^;]{0,80}|url\(\s*[\"']?https?:[^)]{0,80}", page) == []


def test_the_page_forbids_the_browser_to_load_anything(page):
    assert "Content-Security-Policy\" content=\"default-src 'none'" in page[:1000]
