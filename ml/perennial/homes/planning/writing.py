"""A plan as people read it: rows of a terminal's table, and Markdown for a pull request."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from perennial.homes.planning.plan import ColumnChange, Effect, Item, Plan
from perennial.records import write_amount

ORDER: tuple[Effect, ...] = ("breaks", "to do", "changes", "note", "same")
MARKS = {"new": "new column", "gone": "gone"}
MOST_COLUMNS = 40  # rows of the table of values
MOST_CHARACTERS = 60_000  # a comment on GitHub has room for 65,536
CUT = "The rest is cut off: `perennial plan` in a shell shows all of it."
MARKUP = re.compile(r"([\[\]*_])")


def list_items(plan: Plan) -> list[dict[str, object]]:
    """What breaks first, then what a person has to do."""
    return [{"effect": item.effect, "what": item.subject, "found": item.found} for item in _sort(plan)]


def _sort(plan: Plan) -> list[Item]:
    return sorted(plan.items, key=lambda item: ORDER.index(item.effect))


def list_columns(plan: Plan) -> list[dict[str, object]]:
    """Every column, label and score that differs on a day that was compared."""
    return [row for day in plan.days for row in _list_day(plan, day.as_of)][:MOST_COLUMNS]


def _list_day(plan: Plan, as_of: object) -> Iterator[dict[str, object]]:
    (day,) = (day for day in plan.days if day.as_of == as_of)
    if day.entering or day.leaving:
        found = f"{day.entering} entering, {day.leaving} leaving"
        yield _row(as_of, "entities", f"{day.rows_before} before, {day.rows_after} after", found)
    for column in day.columns:
        yield _row(as_of, column.name, *_say(column))
    if day.labels is not None:
        yield _row(as_of, "label", *_say(day.labels))
    scores = day.scores
    if scores is not None and (scores.share or scores.entering or scores.leaving):
        means = f"mean {scores.mean_before:.4g} to {scores.mean_after:.4g}, ranks agree by {scores.rank_correlation:.3f}"
        yield _row(as_of, "score", f"{scores.share:.1%} of rows; {means}", write_amount(scores.largest))
        yield _row(as_of, "top tenth", f"{scores.top} entities", f"{scores.entering} entering, {scores.leaving} leaving")


def _row(as_of: object, what: str, differs: str, largest: str) -> dict[str, object]:
    return {"as_of": str(as_of), "what": what, "differs": differs, "largest change": largest}


def _say(column: ColumnChange) -> tuple[str, str]:
    largest = "" if column.largest is None else write_amount(column.largest)
    return MARKS.get(column.kind, f"{column.share:.1%} of rows"), largest


def write_markdown(plans: Sequence[Plan]) -> str:
    """For a comment of a pull request or a summary of a workflow; a text of others is no markup in it.

    What is longer than a comment may be is cut at the end of a line, and says so.
    """
    lines = [line for plan in plans for line in (*_write_plan(plan), "")]
    kept, room = list[str](), MOST_CHARACTERS
    for line in lines:
        room -= len(line) + 1
        if room < 0:
            kept += ["", CUT]
            break
        kept.append(line)
    return "\n".join(kept).rstrip("\n")


def _write_plan(plan: Plan) -> Iterator[str]:
    yield f"### {plan.model}: {plan.verdict}"
    yield ""
    yield from _write_table(list_items(plan))
    columns = list_columns(plan)
    if columns:
        yield from ("", "<details><summary>Values on the days that were compared</summary>", "")
        yield from _write_table(columns)
        yield from ("", "</details>")


def _write_table(rows: Sequence[Mapping[str, object]]) -> Iterator[str]:
    yield f"| {' | '.join(rows[0])} |"
    yield f"|{' --- |' * len(rows[0])}"
    for row in rows:
        yield f"| {' | '.join(_escape(str(value)) for value in row.values())} |"


def _escape(text: str) -> str:
    """Nothing of it opens a tag, a link, a mention or another cell; what stands in backquotes stays code."""
    line = " ".join(text.split()).replace("|", "\\|")
    if line.count("`") % 2:
        line = line.replace("`", "'")
    pieces = line.split("`")
    pieces[::2] = [MARKUP.sub(r"\\\1", piece.replace("<", "&lt;").replace("@", "@\u200b")) for piece in pieces[::2]]
    return "`".join(pieces)
