"""The documents of this repository, and what is in them: code, links, headings."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

from tests.paths import ROOT

DOCUMENTS = {
    path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8")
    for path in sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
}
FENCE = re.compile(r"^```(?P<language>\w*)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
INLINE = re.compile(r"`([^`\n]+)`")
LINK = re.compile(r"\]\((?!https?:|mailto:)([^)#\s]*)(#[^)\s]*)?\)")
FILE = re.compile(r"`((?:models|sql|expectations|tests/models)/[\w/.]+\.(?:toml|sql|json))`")
PROGRAM = re.compile(r"(?:^|/|\s)perennial$")


def read_blocks(document: str, language: str) -> list[str]:
    """The code blocks of one language."""
    return [match["text"] for match in FENCE.finditer(DOCUMENTS[document]) if match["language"] == language]


def read_typed_lines(document: str) -> list[str]:
    """What a reader types in a shell: the lines of console blocks after their prompt."""
    lines = (line for block in read_blocks(document, "console") for line in block.splitlines())
    return [line.removeprefix("$ ").split("  #")[0].rstrip() for line in lines if line.startswith("$ ")]


def read_calls(line: str) -> list[list[str]]:
    """The arguments of each `perennial` in a line: behind `docker compose exec`, a pipe or a variable as well."""
    words = shlex.split(line)
    starts = [number for number, word in enumerate(words) if PROGRAM.search(word)]
    ends = [next((n for n in range(start, len(words)) if words[n] in ("|", "&&", ";")), len(words)) for start in starts]
    return [words[start + 1 : end] for start, end in zip(starts, ends, strict=True)]


def read_inline_code(document: str) -> list[str]:
    """Code within sentences and tables."""
    return INLINE.findall(FENCE.sub("", DOCUMENTS[document]))


def read_slugs(document: str) -> set[str]:
    """The anchors that a code host gives to the headings."""
    headings = re.findall(r"^#+ (.+)$", FENCE.sub("", DOCUMENTS[document]), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def write_home(document: str, folder: Path) -> None:
    """Write the files that a page shows: a file is the first block of its language after its name."""
    text = DOCUMENTS[document]
    for block in FENCE.finditer(text):
        named = FILE.findall(text[: block.start()])
        path = folder / named[-1] if named else None
        if path is not None and path.suffix == f".{block['language']}" and not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(block["text"], encoding="utf-8")
