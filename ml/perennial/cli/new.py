"""`perennial new`: asks on a terminal, takes flags elsewhere, and writes the files of a first model."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Annotated
from zoneinfo import ZoneInfo

import typer

from perennial.cli.edge import app, find_settings, read_clock
from perennial.cli.homes import PANEL
from perennial.config import find_home
from perennial.config.addresses import check_address
from perennial.config.section import check_timezone
from perennial.errors import ConfigError

if TYPE_CHECKING:
    from perennial.homes.new import Draft, Wish
    from perennial.records.profiles import FoundTable

NAME = re.compile(r"^[a-z][a-z0-9_]{0,39}$")
MOST_DAYS = 730
NOBODY = "none"
SHOWN = 5


@dataclass(frozen=True)
class Question:
    """One thing that a first model needs.

    Attributes:
        proposed: shown to whoever is asked; the first is what Enter takes on a terminal.
        default: taken where nobody can be asked; None: the option is needed there.
    """

    option: str
    words: str
    given: str | None
    proposed: Sequence[str] = field(default=())
    default: str | None = None

    def ask(self) -> str:
        """The answer of whoever sits at the terminal."""
        choices = f" [{', '.join(self.proposed[:SHOWN])}]" if len(self.proposed) > 1 else ""
        answer: str = typer.prompt(f"{self.words}{choices}", default=(*self.proposed, self.default)[0], prompt_suffix=" ")
        return answer.strip()

    def complain(self) -> str:
        """What to give where nobody can be asked."""
        choices = f" Here perhaps: {', '.join(self.proposed[:SHOWN])}." if self.proposed else ""
        return f"{self.option} is missing: {self.words}{choices}"


def settle(*questions: Question) -> list[str]:
    """What was given, else what somebody answers on a terminal, else the default.

    Raises:
        ConfigError: there is none of the three; the message names every option that is missing.
    """
    if sys.stdin.isatty():
        return [question.ask() if question.given is None else question.given for question in questions]
    answers = [question.default if question.given is None else question.given for question in questions]
    missing = [question.complain() for question, answer in zip(questions, answers, strict=True) if answer is None]
    if missing:
        raise ConfigError("\n".join(missing))
    return [answer or "" for answer in answers]


Table = Annotated[str | None, typer.Option(help="The table that holds the facts, as SQL writes it: source.invoices.")]
Entity = Annotated[str | None, typer.Option(help="Its column that says whom a row is about.")]
EventAt = Annotated[str | None, typer.Option(help="Its column that says when it happened.")]
KnownAt = Annotated[str | None, typer.Option(help="Its column that says when a row was learned; without it, at once.")]
Key = Annotated[list[str] | None, typer.Option(help="A column that identifies a fact, once for each; else the primary key.")]
Predict = Annotated[
    str | None,
    typer.Option(
        help="absence or presence of rows, a condition such as 'amount > 100', a numeric column to sum up, or one of texts, "
        "whose commonest is the class."
    ),
]
Task = Annotated[
    str | None,
    typer.Option(help="What labels are, where more than one kind is drafted from such an outcome; as label.task says it."),
]
Days = Annotated[int | None, typer.Option(min=1, max=MOST_DAYS, help="The horizon.")]
Timezone = Annotated[str | None, typer.Option(help="Where a day begins at midnight; else as the server has it.")]
Zone = Annotated[str | None, typer.Option(help="What the clock showed that wrote times without a zone, such as UTC.")]
Owner = Annotated[str | None, typer.Option(help="The address that gets the mail.")]


@app.command(rich_help_panel=PANEL)
def new(  # noqa: PLR0917 - typer gives every option by name
    name: Annotated[str, typer.Argument(help="What the model will be called, such as churn.", show_default=False)],
    table: Table = None,
    entity: Entity = None,
    event_at: EventAt = None,
    known_at: KnownAt = None,
    key: Key = None,
    predict: Predict = None,
    task: Task = None,
    days: Days = None,
    timezone: Timezone = None,
    zone: Zone = None,
    owner: Owner = None,
) -> None:
    """Draft a model from a table: its TOML, its queries and its suites, with limits that the data give, and yours to change."""
    from perennial.homes import new as drafts  # noqa: PLC0415 - keeps `perennial --help` quick

    home, url = find_home(), find_settings().warehouse_url
    if not NAME.match(name):
        raise ConfigError(f"'{name}' cannot be the name of a model: write small letters, digits and _, such as churn.")
    drafts.refuse_to_overwrite(home, name)
    proposed = drafts.list_tables(url) if table is None else ()
    found = drafts.open_table(url, *settle(Question("--table", "Which table holds the facts?", table, proposed)))
    given = {"entity": entity, "event_at": event_at, "known_at": known_at, "zone": zone}
    columns = _settle_columns(url, found, given, tuple(key or ()))
    outcome = _settle_outcome(url, {"predict": predict, "days": days, "timezone": timezone, "owner": owner})
    wish = replace(_make_wish(name, found, columns, outcome, tuple(key or ())), asked_for=task)
    drafts.check_task(wish)
    draft = drafts.draft_model(url, wish)
    drafts.write_files(home, name, draft.files)
    _report(draft)


def _settle_columns(
    url: str, table: FoundTable, given: Mapping[str, str | None], key: tuple[str, ...]
) -> Mapping[str, str | None]:
    """Who, when, and when known; the columns exist and fit."""
    from perennial.homes import new as drafts  # noqa: PLC0415 - as above

    entity, event_at = settle(
        Question("--entity", "Which column says whom a row is about?", given["entity"], drafts.propose_entities(table)),
        Question("--event-at", "Which column says when it happened?", given["event_at"], drafts.propose_times(table)),
    )
    drafts.check_columns(table, entity=entity, event_at=event_at, known_at=given["known_at"], key=key)
    later = drafts.propose_learned(url, table, event_at) if given["known_at"] is None else ()
    words = "Which column says when the warehouse learned of a row?"
    (known_at,) = settle(Question("--known-at", words, given["known_at"], (*later, NOBODY), NOBODY))
    if later and known_at == NOBODY:
        typer.echo(f"{', '.join(later)} never lies before {event_at}: if it says when a row was learned, give it as --known-at.")
    known = None if known_at == NOBODY else known_at
    drafts.check_columns(table, entity=entity, event_at=event_at, known_at=known, key=key)
    clocks = drafts.needs_zone(table, event_at, known)
    words = f"Which clock does {' and '.join(clocks)} show, a timestamp without a zone?"
    zone = _check_zone("--zone", *settle(Question("--zone", words, given["zone"], ("UTC",)))) if clocks else None
    return {"entity": entity, "event_at": event_at, "known_at": known, "zone": zone}


def _settle_outcome(url: str, given: Mapping[str, str | int | None]) -> Mapping[str, str]:
    """What is foretold, how far ahead, where, and for whom."""
    from perennial.homes import new as drafts  # noqa: PLC0415 - as above

    named = {name: None if value is None else str(value) for name, value in given.items()}
    zone = named["timezone"] or drafts.read_server_timezone(url)
    predict, days, timezone, owner = settle(
        Question(
            "--predict",
            "What is foretold: absence or presence of rows, a condition that one meets, a column to sum up, or one of texts?",
            named["predict"],
            ("absence",),
            "absence",
        ),
        Question("--days", "Within how many days?", named["days"], ("30",), "30"),
        Question("--timezone", "In which timezone does a day begin?", named["timezone"], (zone,), zone),
        Question("--owner", "Which address gets the mail?", named["owner"]),
    )
    if not days.isdigit() or not 1 <= int(days) <= MOST_DAYS:
        raise ConfigError(f"--days {days}: give a number of days from 1 to {MOST_DAYS}.")
    owner = _check_owner(owner)
    timezone = _check_zone("--timezone", timezone)
    return {"predict": predict.strip(), "days": days, "timezone": timezone, "owner": owner}


def _check_owner(owner: str) -> str:
    try:
        return check_address(owner)
    except ValueError as error:
        raise ConfigError(f"--owner: {error}.") from error


def _check_zone(option: str, name: str) -> str:
    try:
        return check_timezone(name)
    except ValueError as error:
        raise ConfigError(f"{option}: {error}.") from error


def _make_wish(
    name: str, table: FoundTable, columns: Mapping[str, str | None], outcome: Mapping[str, str], key: tuple[str, ...]
) -> Wish:
    from perennial.homes import new as drafts  # noqa: PLC0415 - as above

    return drafts.Wish(
        name=name,
        table=table,
        entity=columns["entity"] or "",
        event_at=columns["event_at"] or "",
        known_at=columns["known_at"],
        key=key,
        predict=outcome["predict"],
        days=int(outcome["days"]),
        timezone=outcome["timezone"],
        zone=columns["zone"],
        owner=outcome["owner"],
        today=read_clock().astimezone(ZoneInfo(outcome["timezone"])).date(),
    )


def _report(draft: Draft) -> None:
    """What was written, what it rests on, and what to do next."""
    from perennial.homes import new as drafts  # noqa: PLC0415 - as above

    typer.echo("\n".join(f"wrote {path}" for path in draft.files) + "\n")
    typer.echo("\n".join(drafts.say_found(draft)))
    typer.echo("\nNext, once you have read them:\n")
    typer.echo("\n".join(f"  {command}" for command in drafts.list_next(draft)))
    typer.echo("\nWhere a person decides, bootstrap ends with the command that answers: read why before you type it.")
