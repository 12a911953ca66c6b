"""What the looks of `perennial check` at real tables say: sentences for people, each with what to do."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, timedelta

import pandas as pd

from perennial.config import Model
from perennial.homes.checked import Finding
from perennial.records import Validation
from perennial.stores.warehouse.arrivals import Arrivals
from perennial.stores.warehouse.costing import Scan
from perennial.stores.warehouse.relations import Relation, name_times
from perennial.stores.warehouse.sampling import Sample
from perennial.tasks import task_of

OFTEN_LATE = 0.05
MOST_SETTLE_HOURS = 48  # as config.inputs.Schedule
SLOW_SECONDS = 60
LARGEST_SCANS = 3
HOUR = timedelta(hours=1)


def describe(rule: Callable[..., object]) -> str:
    """The name of a rule as a sentence."""
    return getattr(rule, "__name__", "").replace("_", " ").replace("as of", "as_of")


def describe_source(relation: Relation, since: object) -> Finding:
    """The table behind a source, and how it tells the time."""
    times = ", ".join(f"{column} {relation.columns[column]}" for column in name_times(relation.source))
    found = f"{relation}: {len(relation.columns)} columns" + (f"; {times}" if times else "")
    if since:
        found += f"; captured since {since}"
    if _names_events(relation):
        found += "; each entity is a fact of it: does features.sql keep only those that are open? docs/how-to/event-entities.md"
    if relation.source.times == "current_state":
        return Finding(
            found, advice='updated in place: a leak through it cannot be seen here; `times = "captured"` keeps its history'
        )
    return Finding(found)


def _names_events(relation: Relation) -> bool:
    """Is the one table of facts keyed by the entity, as one of bookings is?"""
    key = tuple(column.name for column in relation.model.entity.columns)
    dated = [source for source in relation.model.sources.values() if source.is_dated]
    return relation.source.times == "versioned" and relation.source.key == key and len(dated) == 1


def describe_history(model: Model, covered: date, newest: date) -> Finding:
    """How many training days there are, against those that a training wants."""
    wanted = model.training.min_as_ofs + model.training.holdout_as_ofs
    horizon = model.horizon + timedelta(days=model.label.grace_days)
    if covered > newest:
        return Finding(
            fault=f"the first day whose windows lie within history is {covered}, and labels have matured up to {newest}: load "
            f"older history, shorten lookback_days, or wait until {covered + horizon}"
        )
    days = 0 if covered == date.min else len(model.training_as_ofs(covered, newest))
    if covered == date.min:
        return Finding(f"no source has lookback_days; labels have matured up to {newest}")
    found = f"{days} training days from {covered} to {newest}; training wants {wanted} (min_as_ofs and holdout_as_ofs)"
    if days < wanted:
        return Finding(found, advice="too few to choose a recipe: the single-feature rule serves until there are more")
    return Finding(found)


def describe_arrivals(
    model: Model, name: str, arrivals: Arrivals | None, *, silence: timedelta | None = None, wait_days: int = 1, past: str = ""
) -> Finding:
    """Whether facts are there when the schedule looks for them, and when labels do.

    Args:
        silence: how long nothing was learned, where that is longer than usual.
        wait_days: the most days from one load to the next.
        past: of tables at rest, what a command takes that lives a day of theirs; else empty.
    """
    advice, fault = [_ask_about_silence(silence, past)] if silence is not None else [], ""
    if arrivals is None:
        return Finding("no delay to measure: one time serves as both, or no fact lies around the day", advice=" ".join(advice))
    found = (
        f"half of {arrivals.facts} facts were known within {_say(arrivals.typical_hours * HOUR)}, 95 % within "
        f"{_say(arrivals.most_hours * HOUR)}; settle_hours = {model.schedule.settle_hours}"
    )
    is_next_load = MOST_SETTLE_HOURS < arrivals.settle_hours <= (wait_days + 1) * 24
    if arrivals.late_share > OFTEN_LATE and is_next_load:
        found += f"; loads lie up to {wait_days} days apart: until the next one features know nothing newer, in training as well"
    elif arrivals.late_share > OFTEN_LATE:
        advice.append(_explain_late(arrivals))
    limit = model.quality.max_quarantined_share
    if arrivals.unlabelled_share > limit:
        sentence = (
            f"{arrivals.unlabelled} of the {arrivals.outcomes} facts of the horizon were learned after the grace, and labels "
            f"miss them: grace_days = {arrivals.grace_days} under [label] would count all but {limit:.0%}"
        )
        if name == model.label.absence_of:
            fault = sentence
        else:
            advice.append(f"{sentence}, if labels.sql reads {name}.")
    return Finding(found, advice=" ".join(advice), fault=fault)


def _ask_about_silence(silence: timedelta, past: str) -> str:
    """A table that is silent for a little may be late; one at rest is looked at as it was."""
    learned = f"its newest fact was learned {_say(silence)} ago"
    if not past:
        return f"{learned}: is it still delivered?"
    return (
        f"the table is at rest: {learned}, and nothing newer can be scored. Where it ought to be delivered still, mend its load; "
        f"where it is history, live days of the past, each command with the day and --simulate: `perennial bootstrap {past}`."
    )


def _explain_late(arrivals: Arrivals) -> str:
    said = f"{arrivals.late} of {arrivals.facts} facts ({arrivals.late_share:.0%}) are learned after their day has settled:"
    if arrivals.settle_hours <= MOST_SETTLE_HOURS:
        return f"{said} settle_hours = {arrivals.settle_hours} would count 95 % on their day; the refresh must then fire later."
    return f"{said} features lag behind; settle_hours goes to {MOST_SETTLE_HOURS}, and 95 % need {arrivals.settle_hours}."


def describe_cost(rows: int, seconds: float, scans: Sequence[Scan], days: int) -> Finding:
    """What the day took, what PostgreSQL reads for it, and what the days of a bootstrap will take."""
    found = f"{rows} entities in {seconds:.2f} s; PostgreSQL reads {'; '.join(map(str, scans[:LARGEST_SCANS])) or 'no table'}. "
    found += f"bootstrap builds {days} such days: about {_say(timedelta(seconds=seconds * days))}"
    if seconds > SLOW_SECONDS:
        return Finding(found, advice="an index on the times of the largest table, or a shorter lookback_days, makes days cheaper")
    return Finding(found)


def describe_labels(model: Model, labels: pd.Series) -> Finding:
    """How the outcome lies."""
    task = task_of(model)
    found = task.describe_labels(labels)
    if not task.can_learn(labels):
        asked = f"nothing can be learned from such a day: does sql/{model.name}/labels.sql read the right facts?"
        return Finding(found, advice=" ".join(filter(None, (asked, task.advise_on_labels(labels)))))
    if wrong := task.find_wrong_labels(labels):
        return Finding(found, advice=f"a training on such days is refused: {wrong}")
    return Finding(found, advice=task.advise_on_labels(labels))


def describe_suite(name: str, which: str, validation: Validation) -> Finding:
    """Which rules fail and how many rows; a few rows that are set aside stop nothing."""
    failing = [f"{result.rule}: {result.sentence}" for result in validation.failures]
    if not validation.passed:
        return Finding(fault=f"{' '.join(failing)} Correct the data, or the limit in expectations/{name}/{which}.json.")
    found = f"{len(validation.results) - 1} rules"
    return Finding(found, advice=f"set aside: {' '.join(failing)}" if failing else "")


def describe_samples(model: Model, samples: Sequence[Sample]) -> Finding:
    """What the law is tried on."""
    found = "; ".join(map(str, samples))
    if not samples:
        return Finding(
            "no source can be changed on purpose: what was captured, or keeps its current state, is read where it stands. "
            f"`perennial check {model.name} --tables drawn` tries the law on photographs of tables that tests/models/ draws"
        )
    read = [name for name in model.sources if name not in {sample.source for sample in samples}]
    return Finding(found + (f"; read where it stands, unchanged: {', '.join(read)}" if read else ""))


def say_where_to_look(name: str, fault: str) -> str:
    """A broken law with what breaks it; nothing where it is kept."""
    files = f"sql/{name}/features.sql or labels.sql"
    end = "" if fault.endswith("?") else "."
    return f"{fault}{end} Look in {files} for rows without a bound, or an order that is not total." if fault else ""


def explain_static(name: str, columns: Sequence[str], as_of: date) -> str:
    """How a table without declared times shows the future."""
    return (
        f'[sources.{name}] says times = "static", and it has rows whose {" or ".join(columns)} is of {as_of} '
        f"or later: without them the snapshot is another, so features.sql reads the future. Declare its event_at and known_at."
    )


def name_next(name: str, day: date, *, has_champion: bool, is_simulated: bool) -> str:
    """The command that follows."""
    if has_champion:
        return "a champion serves; the next refresh goes on"
    return f"next: perennial bootstrap {name_day(name, day, is_simulated=is_simulated)}"


def name_day(name: str, day: date, *, is_simulated: bool) -> str:
    """The model and the day, as every command to a first score takes them."""
    return f"{name} --as-of {day}" + (" --simulate" if is_simulated else "")


def _say(length: timedelta) -> str:
    """A length of time in the unit that suits it."""
    seconds = length.total_seconds()
    for unit, name in ((86400, "days"), (3600, "hours"), (60, "min")):
        if abs(seconds) >= 2 * unit:
            return f"{seconds / unit:.1f} {name}"
    return f"{seconds:.0f} s"
