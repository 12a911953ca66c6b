"""A card laid out: Markdown for terminals and repositories, HTML that needs nothing beside itself."""

from __future__ import annotations

import re
from base64 import b64encode
from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from perennial.card.document import ModelCard
from perennial.card.words import TONES
from perennial.records.markdown import escape_markdown

SHORTEST_SENTENCE = 280
"""Characters of the headline that the list of versions shows at most."""


def render_markdown(card: ModelCard) -> str:
    """The card as Markdown; pictures are files beside it."""
    page = _markdown().get_template("model_card.md").render(card=card)
    return re.sub(r"\n{3,}", "\n\n", page).strip() + "\n"


def render_html(card: ModelCard) -> str:
    """The card as one HTML page: styles and pictures inside, no script, nothing from elsewhere."""
    return _html().get_template("model_card.html").render(card=card) + "\n"


def describe_version(card: ModelCard, address: str) -> str:
    """A few lines of Markdown for a list of versions, with the way to the whole card."""
    tiles = " · ".join(f"{escape_markdown(tile.label)} {escape_markdown(tile.figure)}" for tile in card.tiles)
    return f"**{card.role}, {card.status}.** {escape_markdown(_shorten(card.headline))}\n\n{tiles}\n\n[Model card]({address})"


def _shorten(text: str) -> str:
    return text if len(text) <= SHORTEST_SENTENCE else text[: SHORTEST_SENTENCE - 1].rsplit(" ", 1)[0] + "\N{HORIZONTAL ELLIPSIS}"


@cache
def _markdown() -> Environment:
    environment = _open_environment(autoescape=False)
    environment.filters["said"] = escape_markdown
    return environment


@cache
def _html() -> Environment:
    environment = _open_environment(autoescape=True)
    environment.filters |= {"tone": lambda text: TONES.get(str(text), "calm"), "inline": _write_inline}
    return environment


def _open_environment(*, autoescape: bool) -> Environment:
    return Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=autoescape,  # noqa: S701 - off for Markdown only, whose filter `said` escapes what that language gives a meaning
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _write_inline(png: bytes) -> str:
    """A picture as an address that holds it."""
    return f"data:image/png;base64,{b64encode(png).decode()}"
