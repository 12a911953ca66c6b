"""Which matured as_ofs have labels. Which of these may teach stands in `admitting`, whom training and comparing ask."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from perennial.config import Declaration, Model
from perennial.errors import LabelsIncomplete, PermanentError
from perennial.records import Labelled, Run
from perennial.stores import ledger, warehouse
from perennial.stores.sessions import Session

AT_ONCE = 16  # as_ofs on which a recipe that a person wrote is compared at once


def build_matured_labels(session: Session, declaration: Declaration, run: Run) -> Labelled:
    """Label every matured day that has none yet; one that cannot be labelled is left out, and no other with it.

    Labels that a former definition built are built anew. Snapshots are not: rows of two definitions in one training would
    differ by their age, so those of a former one are left out until somebody builds them anew.

    Raises:
        PermanentError: none can be labelled, though sources have delivered: then it is labels.sql that is at fault, not a day.
    """
    standing = find_standing(session, declaration, run.clock)
    failures = label_days(session, declaration, run, standing.unlabelled)
    days = [day for day in standing.current if day not in failures]
    faults = [failure for failure in failures.values() if not isinstance(failure, LabelsIncomplete)]
    if faults and not days:
        raise faults[-1]
    outdated = standing.outdated
    return Labelled(tuple(days), outdated, (*_name_outdated(run.model, outdated), *map(str, failures.values())))


@dataclass(frozen=True)
class Standing:
    """The matured days that training looks at, oldest first, by what the files of the model make of them; nothing was built.

    Attributes:
        current: those whose snapshots the definition of now built; `outdated`: the others, which training leaves out.
        unlabelled: of the current ones, those without labels by the definition of now, from the snapshot as it stands.
    """

    current: tuple[date, ...]
    outdated: tuple[date, ...]
    unlabelled: tuple[date, ...]


def find_standing(session: Session, declaration: Declaration, clock: datetime) -> Standing:
    """Whose snapshots and labels hold under the files of now: training builds what it says, and `perennial plan` tells it."""
    model = declaration.model
    built_by, definition = matured_days(session, model, clock), declaration.definition_hash("features")
    outdated = tuple(day for day in built_by if built_by[day] != definition)
    current = tuple(day for day in built_by if built_by[day] == definition)
    labelled = ledger.labelled_days(session, model.name, current, declaration.definition_hash("labels"))
    return Standing(current, outdated, tuple(day for day in current if day not in labelled))


def name_rebuild(model: str, days: Sequence[date]) -> str:
    """The command that builds outdated snapshots anew."""
    return f"perennial backfill {model} --from {days[0]} --to {days[-1]}"


def _name_outdated(model: str, days: Sequence[date]) -> tuple[str, ...]:
    if not days:
        return ()
    sentence = (
        f"{model}: the definition of the features has changed since {len(days)} snapshots from {days[0]} to {days[-1]} were "
        f"built: run `{name_rebuild(model, days)}`."
    )
    return (sentence,)


def label_days(session: Session, declaration: Declaration, run: Run, days: Sequence[date]) -> dict[date, PermanentError]:
    """Build the labels of matured days; those that have none now stand, oldest first, with what stood in the way.

    It is `LabelsIncomplete` where the source has not delivered (an outage must not look like an outcome), else as
    `warehouse.build_labels` raises it.
    """
    missing = warehouse.find_undelivered(session, declaration, days, run.clock)
    built = warehouse.build_labels_of_days(session, declaration, run, [day for day in days if day not in missing])
    failures: dict[date, PermanentError] = {day: LabelsIncomplete(why) for day, why in missing.items()}
    failures |= {day: failure for day, failure in built.items() if isinstance(failure, PermanentError)}
    return dict(sorted(failures.items()))


def label_day(session: Session, declaration: Declaration, run: Run, day: date) -> None:
    """Build the labels of one matured day.

    Raises:
        LabelsIncomplete: its source has not delivered.
        Those of `warehouse.build_labels`.
    """
    for failure in label_days(session, declaration, run, [day]).values():
        raise failure


def matured_days(session: Session, model: Model, clock: datetime) -> dict[date, str]:
    """The newest training as_ofs with a valid snapshot whose labels have matured on this clock, oldest first, with what built it.

    Empty ones are none: where a cohort may be empty, those before a season off are looked for however long it was.
    """
    cutoff = model.latest_matured(clock)
    training, overlapping = model.training, model.horizon // model.grid.shortest_step
    most = training.as_ofs + max(training.holdout_as_ofs, AT_ONCE) + overlapping + 2
    first = date.min if model.entity.may_be_empty else model.grid.count_back(model.grid.next_teaching(cutoff), most)[0]
    valid = ledger.valid_days(session, model.name, first=first, last=cutoff)
    teaching = [day for day in valid if model.grid.newest_teaching(day) == day]
    return {day: valid[day] for day in teaching[-most:]}
