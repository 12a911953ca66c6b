"""All invariants, one after the other, within one moment of the database."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime

from perennial.config import Declaration, load_declaration, model_names
from perennial.errors import ConfigError
from perennial.invariants.champions import check_champions, check_holders
from perennial.invariants.deliveries import check_deliveries
from perennial.invariants.leftovers import check_leftovers
from perennial.invariants.looking import Answer, Finding, Look, Looking, Places
from perennial.invariants.publications import check_lineage, check_publications
from perennial.invariants.reruns import check_leaks, check_reruns
from perennial.invariants.retention import check_retention
from perennial.invariants.rights import check_logs, check_rights
from perennial.pipeline import Stores
from perennial.stores import queries

INVARIANTS: dict[str, Looking] = {
    "publications": check_publications,
    "champions": check_champions,
    "lineage": check_lineage,
    "holders": check_holders,
    "leaks": check_leaks,
    "deliveries": check_deliveries,
    "reruns": check_reruns,
    "leftovers": check_leftovers,
    "retention": check_retention,
    "rights": check_rights,
    "secrets": check_logs,
}
"""Name -> what looks, in the order of the report. A new rule about the whole installation is a function from a Look to an Answer
and a line here: command, DAG, mail and documentation follow."""


@dataclass(frozen=True)
class Checked:
    """One line of the report."""

    invariant: str
    question: str
    answer: Answer

    @property
    def sign(self) -> str:
        """Ok, broken, or not looked at: what was left out, where nothing was found."""
        if self.answer.findings:
            return "BROKEN"
        return "ok" if not self.answer.left_out else "partly"

    def write(self) -> str:
        """For people: a line, below it what was not looked at, and what does not hold with its remedy."""
        lines = [f"{self.sign:<8}{self.invariant}: {self.answer.counted}"]
        lines += [f"        not looked at: {self.answer.left_out}"] if self.answer.left_out else []
        for found in self.answer.findings:
            lines += [f"        {found.said}", f"        -> {found.remedy}"]
        return "\n".join(lines)

    def facts(self) -> dict[str, object]:
        """For programs."""
        findings = [{"model": found.model, "found": found.said, "remedy": found.remedy} for found in self.answer.findings]
        return {
            "invariant": self.invariant,
            "question": self.question,
            "state": self.sign.lower(),
            "counted": self.answer.counted,
            "not_looked_at": self.answer.left_out,
            "findings": findings,
        }


def describe_invariants() -> dict[str, str]:
    """Name -> what holds, in one sentence."""
    return {name: (look.__doc__ or "").strip() for name, look in INVARIANTS.items()}


def check_installation(
    stores: Stores, clock: datetime, places: Places, *, everything: bool = False, only: Collection[str] = ()
) -> Iterator[Checked]:
    """Look at every invariant of an installation, in turn; nothing is changed.

    The database is read as of one moment, so that a publication under way is no finding.

    Args:
        clock: the wall's time.
        everything: look at all publications, snapshots and logs instead of the newest and a share of the others.
        only: names of invariants; else all.

    Raises:
        WarehouseUnavailable: PostgreSQL does not answer.
    """
    declarations, broken = _read_home(stores)
    questions = describe_invariants()
    yield Checked("models", "Every model file of the home can be read.", Answer(f"{len(declarations)} models", broken))
    with stores.warehouse.transaction() as session:
        session.execute(queries.load("publishing")["read_isolated"])
        session.exec_driver_sql("set local idle_in_transaction_session_timeout = 0")  # while days are built in others
        look = Look(stores, session, clock, declarations, places, everything)
        for name in only or INVARIANTS:
            yield Checked(name, questions[name], INVARIANTS[name](look))


def _read_home(stores: Stores) -> tuple[dict[str, Declaration], tuple[Finding, ...]]:
    home = stores.settings.home
    declarations, broken = {}, []
    for name in model_names(home):
        try:
            declarations[name] = load_declaration(home, name)
        except ConfigError as error:
            broken.append(Finding(str(error), f"perennial check {name}"))
    return declarations, tuple(broken)
