"""The site is built without a warning, reads nothing from other hosts, and its links are those of the pages."""

import os
import re
import subprocess
import sys

import pytest

from docs.tools.site import fit_links
from tests.paths import ROOT

# What a browser would fetch by itself: scripts, styles, pictures, fonts; a link that somebody clicks is none.
FETCHED = re.compile(r"""<(?:script|img|iframe|source)[^>]+src=["']?(https?:[^"' >]+)|<link[^>]+href=["']?(https?:[^"' >]+)""")


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", folder]  # --quiet would not count warnings
    done = subprocess.run(
        command, cwd=ROOT, env=os.environ | {"NO_MKDOCS_2_WARNING": "1"}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


def test_a_strict_build_has_no_warning(site):
    assert (site / "index.html").is_file()


def test_a_page_fetches_nothing_from_another_host(site):
    pages = [path.read_text(encoding="utf-8") for path in site.rglob("*.html")]
    assert set() == {address for page in pages for found in FETCHED.findall(page) for address in found if address}


def test_what_makes_the_pages_is_no_part_of_the_site(site):
    assert not (site / "tools").exists()
    assert not (site / "examples").exists()


def test_the_documents_at_the_root_are_pages(site):
    assert [True, True, True] == [(site / f"{name}.html").is_file() for name in ("architecture", "CONTRIBUTING", "CHANGELOG")]


@pytest.mark.parametrize(
    ("page", "written", "fitted"),
    [
        ("how-to/rollback.md", "[x](../reference/errors.md#kinds)", "[x](../reference/errors.md#kinds)"),
        ("how-to/rollback.md", "[x](../../architecture.md#the-gate)", "[x](../architecture.md#the-gate)"),
        ("how-to/rollback.md", "[x](../../models/lapse.toml)", "x"),
        ("how-to/event-entities.md", "[x](../examples/bookings/)", "x"),
        ("how-to/rollback.md", "[x](https://example.com/a.md)", "[x](https://example.com/a.md)"),
        ("how-to/rollback.md", "[x](#look)", "[x](#look)"),
        ("architecture.md", "[x](docs/index.md)", "[x](index.md)"),
        ("architecture.md", "[x](README.md)", "[x](index.md)"),
        ("index.md", "![x](pictures/mail.png)", "![x](pictures/mail.png)"),
    ],
)
def test_a_link_of_the_repository_becomes_one_of_the_site(page, written, fitted):
    assert fitted == fit_links(written, page)
