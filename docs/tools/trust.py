"""The page docs/trust.md: who may do what, what was attacked, and the ML Test Score, from what the program and its tests say."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping

from docs.tools.counted import count_marked
from docs.tools.rubric import ITEMS, NOT_DONE, SECTIONS
from docs.tools.trust_words import ATTACKED, OPENING, REPORTING, RIGHTS, SCORE, THREATS, WAYS_IN, WHO
from docs.tools.writing import join, open_page, write_table
from perennial.stores.warehouse.rights import DATABASE, FACTS, FUNCTIONS, LEDGER, ROLES, SCHEMAS, WATCHED

NOTHING = "no"


def render_trust() -> str:
    marked = count_marked()
    attacks = Counter(kind for case in marked for kind in case.attacks)
    tests = {kind: len({case.test for case in marked if kind in case.attacks}) for kind in attacks}
    rows = [(kind[:1].upper() + kind[1:], str(tests[kind]), str(attacks[kind])) for kind in sorted(attacks)]
    return join(
        [
            open_page("What can be trusted", "docs/tools/trust.py, the declared rights and the marks of the tests"),
            OPENING,
            "## Who may do what",
            RIGHTS,
            write_table(("in the warehouse", *ROLES, "stopped for everybody"), _list_rights()),
            "## What was attacked",
            ATTACKED,
            write_table(
                ("somebody tries that", "tests", "attempts"), [*rows, ("All", str(sum(tests.values())), str(attacks.total()))]
            ),
            "## The ML Test Score",
            SCORE.format(**_score()),
            *_write_sections(),
            "## Threats",
            THREATS,
            write_table(("who", "may", "is kept from"), WHO),
            WAYS_IN,
            "## A hole",
            REPORTING,
        ]
    )


# Rights
def _list_rights() -> Iterator[tuple[str, ...]]:
    yield ("the database", *_write_row(DATABASE, "all"), "")
    for name, schema in SCHEMAS.items():
        yield (f"schema `{name}`", *_write_row(schema.given, "all"), "")
    for name, schema in SCHEMAS.items():
        if name == "ledger":
            continue
        own = {schema.belongs_to or "loader": "all"}
        yield (f"`{name}`: {schema.holds}", *_write_row({**schema.each, **own}, "as " + next(iter(own))), "")
    for name, given in LEDGER.items():
        yield (f"`ledger.{name}`", *_write_row({"pipeline": given, "watcher": WATCHED.get(name, "")}, "all"), FACTS.get(name, ""))
    for name in WATCHED.keys() - LEDGER:
        yield (f"`ledger.{name}`", *_write_row({"watcher": WATCHED[name]}, "all"), "")
    yield ("the numbers of the ledger's rows", *_write_row({}, "all"), "")
    for name, callers in FUNCTIONS.items():
        enter = {role for role in ROLES if role in SCHEMAS[name.partition(".")[0]].given}
        allowed = {role: "execute" for role in enter if callers == "public" or role in callers.split(", ")}
        yield (f"`{name}()`", *_write_row(allowed, "execute"), "")


def _write_row(given: Mapping[str, str], of_owner: str) -> list[str]:
    return [of_owner if role == "owner" else given.get(role) or NOTHING for role in ROLES]


# The rubric
def _score() -> dict[str, object]:
    points = {section: sum(item not in NOT_DONE for item in ITEMS if item[0] == section) for section in SECTIONS}
    said = ", ".join(f"{SECTIONS[section]} {number}" for section, number in points.items())
    return {"done": sum(points.values()), "all": len(ITEMS), "sections": said, "score": min(points.values())}


def _write_sections() -> Iterator[str]:
    cases = count_marked()
    for section, title in SECTIONS.items():
        yield f"### {title}"
        yield write_table(
            ("", "item", "shown by"),
            [
                (item, said, NOT_DONE.get(item) or _name_tests(item, (case.test for case in cases if item in case.items)))
                for item, said in ITEMS.items()
                if item[0] == section
            ],
        )


def _name_tests(item: str, tests: Iterable[str]) -> str:
    named = sorted(set(tests))
    if not named:
        raise LookupError(f"{item}: no test bears the mark mltest({item!r}), nor does docs/tools/rubric.py say why not.")
    return ", ".join(f"`{test.replace('tests/', '', 1)}`" for test in named)
