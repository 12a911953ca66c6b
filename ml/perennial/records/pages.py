"""A page that Evidently drew, made safe and small: what the data say cannot act, and what every page repeats is kept once.

Evidently writes the data of a page into a script as they are: a category called `</script><img ...>` would stand in the page as
markup. Nearly all of a page, 3.6 of 3.9 MB, are a library and its fonts, the same every day.
"""

from __future__ import annotations

import gzip
import hashlib
import re
from collections.abc import Mapping

DATA = re.compile(r"(<script>\n\s*var metric_\w+ = )(.*?)(\n\s*</script>)", re.DOTALL)
"""The script that holds the data, whose texts hold no line ends of their own: the first line of `</script>` ends it."""
PART = re.compile(r"(?<=<style>).{50000,}?(?=</style>)|(?<=<script>)(?!\n\s*var metric_).{50000,}(?=\n</script>)", re.DOTALL)
"""What pages share: a large style, and the library, which holds `</script>` in its own texts, to the last line that ends it."""
PLACE = re.compile(r"<!--part ([0-9a-f]{64})-->")


def escape_data(page: str) -> str:
    """The page with every `<` of its data as JavaScript writes it in a text; that of a page which was escaped before stays."""
    return DATA.sub(lambda script: script[1] + script[2].replace("<", "\\u003c") + script[3], page, count=1)


def split_page(page: str) -> tuple[bytes, dict[str, bytes]]:
    """What is of this page alone, and the parts that others share by their SHA-256; all compressed."""
    parts: dict[str, bytes] = {}

    def take(part: re.Match[str]) -> str:
        content = part[0].encode()
        digest = hashlib.sha256(content).hexdigest()
        parts[digest] = gzip.compress(content, mtime=0)
        return f"<!--part {digest}-->"

    return gzip.compress(PART.sub(take, page).encode(), mtime=0), parts


def list_parts(own: bytes) -> tuple[str, ...]:
    """The parts that a page wants back."""
    return tuple(PLACE.findall(gzip.decompress(own).decode()))


def join_page(own: bytes, parts: Mapping[str, bytes]) -> str:
    """The page as it was before `split_page`.

    Raises:
        KeyError: a part is missing.
    """
    return PLACE.sub(lambda place: gzip.decompress(parts[place[1]]).decode(), gzip.decompress(own).decode())
