"""What MkDocs calls while it builds the site: pages that lie outside docs/, and links that must lead somewhere in both worlds.

On a code host `../architecture.md` is a file and so is `../models/lapse.toml`. In the site the first is a page of its own, and
the second is nowhere, as the example homes are: its text stays, its link goes.
"""

from __future__ import annotations

import posixpath
import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).parents[2]
DOCS = "docs/"
NO_PAGES = ("docs/examples", "docs/dashboards")  # homes to copy, and what Grafana imports
FROM_THE_ROOT = ("architecture.md", "CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md")
SAME_AS = {"README.md": "index.md"}
LINK = re.compile(r"\[(?P<text>[^\]]*)\]\((?!https?:|mailto:|#)(?P<path>[^)#\s]+)(?P<anchor>#[^)\s]*)?\)")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the documents at the root of the repository."""
    for name in FROM_THE_ROOT:
        files.append(File.generated(config, name, content=(ROOT / name).read_text(encoding="utf-8")))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:  # noqa: ARG001 - called by name
    """Turn the links of a page into those of the site."""
    return fit_links(markdown, page.file.src_uri)


def fit_links(markdown: str, page: str) -> str:
    """The text of a page of the site, its links as the site has them.

    Args:
        page: its path in the site, such as how-to/rollback.md.
    """
    folder = posixpath.dirname(find_source(page))

    def fit(link: re.Match[str]) -> str:
        target = find_page(posixpath.normpath(posixpath.join(folder, link["path"])))
        if target is None:
            return link["text"]
        return f"[{link['text']}]({posixpath.relpath(target, posixpath.dirname(page) or '.')}{link['anchor'] or ''})"

    return LINK.sub(fit, markdown)


def find_source(page: str) -> str:
    """Where a page of the site lies in the repository."""
    return page if page in FROM_THE_ROOT else DOCS + page


def find_page(source: str) -> str | None:
    """Where a file of the repository lies in the site; None when it does not."""
    if source in SAME_AS:
        return SAME_AS[source]
    if source in FROM_THE_ROOT:
        return source
    if source.startswith(NO_PAGES):
        return None
    return source.removeprefix(DOCS) if source.startswith(DOCS) else None
