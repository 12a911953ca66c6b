"""Evidently's page: it stands on its own and survives odd columns."""

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from perennial.config import load_model
from perennial.monitor import SCORE, render_report
from perennial.records.pages import escape_data, join_page, list_parts, split_page
from tests.browsing import HOSTILE as ACTING
from tests.browsing import browse, needs_chromium

MODEL = load_model(Path(__file__).parents[2] / "models" / "lapse.toml")


HOSTILE = "</script><img src=x onerror=alert(1)>"


@pytest.fixture(scope="module")
def page():
    rng = np.random.default_rng(1)
    reference, current = (
        pd.DataFrame(
            {
                "recency_days": rng.integers(1, 50, 12_000),
                "spend_7d": rng.normal(size=12_000) + shift,
                "favourite": pd.Categorical(rng.choice(["milk", "bread", HOSTILE, ACTING], 12_000)),
                "postcode": [f"{shift} {row}" if row > 2000 else "02134" for row in range(12_000)],
                "always_null": np.nan,
            }
        )
        for shift in (0, 1)
    )
    scores = (pd.Series(rng.beta(1, 7, 12_000)), pd.Series(rng.beta(1, 7, 300)))
    limits = {SCORE: None, **dict.fromkeys(reference.columns, 0.1234)}
    return render_report(reference, current.assign(income="low"), scores=scores, limits=limits, model=MODEL)


def test_the_page_shows_every_column_that_has_values(page):
    assert all(column in page for column in (SCORE, "recency_days", "spend_7d", "favourite"))
    assert "always_null" not in page


def test_an_id_in_thousands_of_values_is_drawn_by_its_commonest(page):
    assert "(others)" in page
    assert '"02134"' in page
    assert page.count('"0 ') + page.count('"1 ') < 500


def test_what_is_not_asked_for_is_not_drawn(page):
    assert "income" not in page


def test_the_limits_of_the_check_are_those_of_the_page(page):
    assert "0.123" in page


def test_the_page_loads_nothing_from_elsewhere(page):
    loaded = re.findall(r"<(?:script|link|img|iframe)[^>]*?(?:src|href)\s*=\s*[\"']?([^\"'\s>]+)", page)
    assert [address for address in loaded if address.startswith(("http", "//"))] == []
    assert re.findall(r"@import\s[^;]{0,80}|url\(\s*[\"']?https?:[^)]{0,80}", page) == []


def test_the_page_forbids_the_browser_to_load_anything(page):
    assert "Content-Security-Policy\" content=\"default-src 'none'" in page[:1000]


@pytest.mark.attack("words of the data act in a page or a mail")
def test_what_the_data_say_cannot_act(page):
    assert HOSTILE not in page
    assert HOSTILE.replace("<", "\\u003c") in page


@pytest.mark.attack("words of the data act in a page or a mail")
def test_a_page_that_was_kept_before_is_escaped_when_it_is_shown(page):
    before = page.replace(HOSTILE.replace("<", "\\u003c"), HOSTILE)
    assert HOSTILE in before
    assert page == escape_data(before) == escape_data(page)


@needs_chromium
@pytest.mark.attack("words of the data act in a page or a mail")
def test_what_the_data_say_does_not_act_in_a_browser(page, tmp_path):
    shown, asked = browse(page, tmp_path)
    assert 'class="main-svg"' in shown
    assert "<title>acted</title>" not in shown
    assert asked == []
    assert "<title>acted</title>" in browse(page.replace("\\u003c", "<"), tmp_path)[0]


def test_of_a_page_little_is_of_one_day_and_the_rest_is_kept_once(page):
    own, parts = split_page(page)
    assert len(own) < 100_000 < sum(map(len, parts.values()))
    assert tuple(parts) == list_parts(own)
    assert page == join_page(own, parts)
    assert parts == split_page(page.replace("0.123", "0.321"))[1]


def test_a_page_of_which_a_part_is_lost_says_which(page):
    own, parts = split_page(page)
    with pytest.raises(KeyError, match=list_parts(own)[0]):
        join_page(own, dict(list(parts.items())[1:]))
