"""What the suites of now find on days that have passed, and which rules were not there then."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from perennial.homes.planning.plan import Item
from perennial.records import RuleResult, Validation

FACTS = "facts_are_complete"  # found in facts, not written in a suite
MOST_NAMED = 4


def explain_validation(as_of: object, former: Validation | None, now: Validation) -> Iterator[Item]:
    """Would a day that has passed its suites be stopped, and are other rows rejected?"""
    if not now.passed:
        sentences = " ".join(result.sentence for result in now.failures)
        passed = "which has passed," if former is not None and former.passed else "as built now,"
        yield Item("suites", "breaks", f"{as_of}, {passed} would be stopped: {sentences}")
    elif former is not None and former.quarantined != now.quarantined:
        said = f"{as_of}: {now.quarantined} rows are rejected, where {former.quarantined} were."
        yield Item("suites", "changes", said)


def explain_rules(former: Validation | None, now: Validation) -> Iterator[Item]:
    """Rules that came, and rules that went. A limit that moved shows where it stops a day or rejects rows."""
    if former is None:
        return
    before, after = _name_rules(former.results), _name_rules(now.results)
    for names, word in ((after - before, "new"), (before - after, "gone")):
        if names:
            shown = "; ".join(sorted(names)[:MOST_NAMED]) + (f" and {len(names) - MOST_NAMED} more" * (len(names) > MOST_NAMED))
            yield Item("suites", "changes", f"Rules that are {word}: {shown}.")


def _name_rules(results: Iterable[RuleResult]) -> set[str]:
    return {
        f"{result.suite}: {result.rule}"
        for result in results
        if result.suite in ("source", "snapshot") and not result.rule.startswith(FACTS)
    }
