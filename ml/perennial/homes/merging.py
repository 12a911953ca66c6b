"""A three-way merge of lines: what we changed and what a user changed since a common text, joined, or shown as a conflict.

Source: Khanna, Kunal and Pierce 2007, "A formal investigation of diff3": regions that all three share are stable; between two
of them one side alone has changed (it is taken), both have changed alike (taken once), or they disagree (a conflict).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher


@dataclass(frozen=True)
class Merge:
    """The joined text; where both sides disagree it holds both, between marks, and `conflicts` counts these places."""

    text: str
    conflicts: int


def merge(base: str, yours: str, ours: str, *, label: str) -> Merge:
    """Join two changes of `base`; `label` names our side in a mark of conflict."""
    texts = [text.splitlines(keepends=True) for text in (base, yours, ours)]
    lines: list[str] = []
    conflicts = 0
    for original, your_part, our_part in _split_regions(*texts):
        taken = _choose(original, your_part, our_part)
        if taken is None:
            conflicts += 1
            taken = _mark(your_part, our_part, label)
        lines += taken
    return Merge("".join(lines), conflicts)


Region = tuple[Sequence[str], Sequence[str], Sequence[str]]


def _choose(original: Sequence[str], yours: Sequence[str], ours: Sequence[str]) -> Sequence[str] | None:
    """The side that changed; None where both did, and differently."""
    if ours in (yours, original):
        return yours
    return ours if yours == original else None


def _split_regions(base: Sequence[str], yours: Sequence[str], ours: Sequence[str]) -> Iterator[Region]:
    """Cut all three at the lines that they share, so that each region is stable or lies between two stable ones."""
    done, in_yours, in_ours = (0, 0, 0), _match(base, yours), _match(base, ours)
    for start, size in _find_stable(in_yours, in_ours, len(base)):
        at = (start, in_yours[start], in_ours[start])
        yield base[done[0] : at[0]], yours[done[1] : at[1]], ours[done[2] : at[2]]
        yield (base[start : start + size],) * 3
        done = (at[0] + size, at[1] + size, at[2] + size)
    yield base[done[0] :], yours[done[1] :], ours[done[2] :]


def _match(base: Sequence[str], other: Sequence[str]) -> dict[int, int]:
    """Line of the base -> the same line in the other text."""
    blocks = SequenceMatcher(None, base, other, autojunk=False).get_matching_blocks()
    return {block.a + number: block.b + number for block in blocks for number in range(block.size)}


def _find_stable(yours: dict[int, int], ours: dict[int, int], length: int) -> Iterator[tuple[int, int]]:
    """Runs of base lines that both sides keep, without a line of theirs in between: (first line, number of lines)."""
    start = None
    for line in range(length + 1):
        is_kept = line in yours and line in ours
        goes_on = start is not None and is_kept and _follows(yours, line) and _follows(ours, line)
        if start is not None and not goes_on:
            yield start, line - start
            start = None
        if is_kept and start is None:
            start = line


def _follows(matched: dict[int, int], line: int) -> bool:
    return matched[line] == matched.get(line - 1, -2) + 1


def _mark(yours: Sequence[str], ours: Sequence[str], label: str) -> list[str]:
    return ["<<<<<<< yours\n", *_end_line(yours), "=======\n", *_end_line(ours), f">>>>>>> {label}\n"]


def _end_line(lines: Sequence[str]) -> list[str]:
    """The last line of a file may lack its end; a mark must not be glued to it."""
    return [line if line.endswith("\n") else f"{line}\n" for line in lines]
