"""A model card as a document: sections of blocks, which Markdown and HTML only lay out, so that both say the same."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import ClassVar, Literal

Tone = Literal["good", "warm", "bad", "calm"]


@dataclass(frozen=True)
class Cell:
    """One field of a table.

    Attributes:
        tone: the text is a word that stands out.
        share: in [0, 1]; drawn as a bar beside the text.
    """

    text: str
    tone: Tone | None = None
    share: float | None = None


@dataclass(frozen=True)
class Table:
    """Rows under headings.

    Attributes:
        numbers: places of the columns that hold figures.
        sums: so many of the last rows sum up those above.
        empty: what to say when there are no rows.
    """

    kind: ClassVar[str] = "table"
    headings: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    numbers: frozenset[int] = frozenset()
    sums: int = 0
    title: str = ""
    empty: str = ""


@dataclass(frozen=True)
class Facts:
    """Names with what is to be said of them."""

    kind: ClassVar[str] = "facts"
    entries: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Sentences:
    """A paragraph, or a list when there are several things to say."""

    kind: ClassVar[str] = "sentences"
    said: tuple[str, ...]
    is_list: bool = False
    title: str = ""


@dataclass(frozen=True)
class Verbatim:
    """Words of somebody else, line by line: the head of a query."""

    kind: ClassVar[str] = "verbatim"
    title: str
    text: str


@dataclass(frozen=True)
class Picture:
    """A PNG; `says` is the same in words, for whoever cannot see it."""

    name: str
    title: str
    says: str
    png: bytes
    is_wide: bool = False

    @property
    def file(self) -> str:
        return f"{self.name}.png"


@dataclass(frozen=True)
class Gallery:
    kind: ClassVar[str] = "gallery"
    pictures: tuple[Picture, ...]


Block = Table | Facts | Sentences | Verbatim | Gallery


@dataclass(frozen=True)
class Section:
    title: str
    blocks: tuple[Block, ...]

    @property
    def anchor(self) -> str:
        return self.title.lower().replace(" ", "-")


@dataclass(frozen=True)
class Tile:
    """A figure that people look for first."""

    label: str
    figure: str
    remark: str = ""


@dataclass(frozen=True)
class ModelCard:
    """What can be said of one version.

    Attributes:
        role: of this fit: champion, earlier fit (another of its recipe serves), former champion, held fit, warm fit, challenger.
        status: of the recipe: `provisional` until enough as_ofs that its fits published as champion have matured, then `final`;
            `candidate` before it became champion.
        matured, needed: as_ofs that its fits published and whose labels have matured; how many make it final.
        headline: the status in words.
        known_on: the day of the newest fact that the card tells.
        links: (text, address).
    """

    model: str
    version: int
    description: str
    role: str
    status: Literal["candidate", "provisional", "final"]
    matured: int
    needed: int
    headline: str
    known_on: date
    tiles: tuple[Tile, ...]
    sections: tuple[Section, ...]
    links: tuple[tuple[str, str], ...] = ()

    @property
    def pictures(self) -> Mapping[str, bytes]:
        """File name -> PNG of every picture."""
        galleries = [block for section in self.sections for block in section.blocks if isinstance(block, Gallery)]
        return {picture.file: picture.png for gallery in galleries for picture in gallery.pictures}

    def section(self, title: str) -> Section:
        return next(section for section in self.sections if section.title == title)
