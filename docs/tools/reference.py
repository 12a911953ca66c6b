"""The generated pages of docs/reference: `make reference` writes them, and a test fails when they are not what it would write.

Each is made from what the program itself says: the keys of a model file, the commands, the COMMENTs of the views, the
docstrings of the errors, the list of variables.
"""

from __future__ import annotations

import inspect
import re
import typing
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from types import NoneType, UnionType

from prometheus_client import Metric
from typer.core import TyperArgument, TyperCommand
from typer.main import get_command

from docs.tools import openings
from docs.tools.trust import render_trust
from docs.tools.writing import code, join, open_page, show, write_table
from perennial import errors
from perennial.cli import load_commands
from perennial.config import PLATFORM_SQL
from perennial.config.keys import Key, list_keys, list_tables
from perennial.config.variables import DEMONSTRATIONS, EMBEDDED_STACK, MAIL, WHERE_THINGS_ARE, Variable
from perennial.invariants import describe_invariants
from perennial.serve.gauges import Gauges
from perennial.tasks import list_tasks
from perennial.watch import LABELS, METRICS
from perennial.watch.metrics import OWN, PREFIX

FOLDER = Path(__file__).parents[1] / "reference"
PANELS = ("Home", "Embedded stack", "Operations", "Stages", "Serving", "People", "History")
KINDS = {
    errors.NothingToDo: "nothing to do",
    errors.Refused: "refused",
    errors.UnavailableError: "unavailable",
    errors.PermanentError: "permanent",
}
PLACEHOLDERS: Mapping[object, str] = {datetime: "YYYY-MM-DD", int: "N", float: "N", Path: "FILE", str: "TEXT", list[str]: "TEXT"}


def write_pages(folder: Path = FOLDER) -> None:
    """Write every page anew."""
    for name, render in PAGES.items():
        (folder / name).write_text(render(), encoding="utf-8")


# The keys of a model file
def render_keys() -> str:
    keys = list_keys()
    parts = [
        open_page("The model file", "ml/perennial/config"),
        openings.MODEL_FILE,
        "## The top of the file",
        _write_keys(key for key in keys if not key.table),
    ]
    for table in list_tables():
        within = [key for key in keys if key.table == table.name]
        parts += [f"## [{table.name.replace('<', '').replace('>', '')}]", f"{table.description}.", _write_keys(within)]
    return join(parts)


def _write_keys(keys: Iterable[Key]) -> str:
    rows = [(f"`{key.name}`", key.description, key.type, "required" if key.is_required else code(key.default)) for key in keys]
    return write_table(("key", "meaning", "type", "default"), rows)


# The commands
def render_commands() -> str:
    commands = list_commands()
    parts = [
        open_page("Commands", "ml/perennial/cli"),
        openings.COMMANDS,
    ]
    for panel in PANELS:
        within = {name: command for name, command in commands.items() if command.rich_help_panel == panel}
        parts += [f"## {panel}"] if within else []
        for name, command in within.items():
            parts += [f"### perennial {name}", *_describe_command(name, command)]
    return join(parts)


def list_commands() -> dict[str, TyperCommand]:
    """Every command by its words; those of a group follow each other, and stand in its panel."""
    found: dict[str, TyperCommand] = {}
    for name, command in typing.cast("typing.Any", get_command(load_commands())).commands.items():
        for word, within in getattr(command, "commands", {"": command}).items():
            within.rich_help_panel = command.rich_help_panel
            found[f"{name} {word}".strip()] = within
    return found


def _describe_command(name: str, command: TyperCommand) -> Iterator[str]:
    yield inspect.cleandoc(command.help or "")
    assert command.callback is not None
    types = typing.get_type_hints(command.callback)
    spelt = [_spell(parameter, types[str(parameter.name)]) for parameter in command.params]
    usage = [text if parameter.required else f"[{text}]" for parameter, text in zip(command.params, spelt, strict=True)]
    yield f"```console\n$ {' '.join(['perennial', name, *usage])}\n```"
    if spelt:
        rows = [(f"`{text}`", _help(parameter)) for parameter, text in zip(command.params, spelt, strict=True)]
        yield write_table(("argument or option", "meaning"), rows)


def _spell(parameter: typing.Any, annotation: object) -> str:
    """How a parameter is typed in a shell: MODEL, --simulate, --as-of YYYY-MM-DD."""
    if isinstance(parameter, TyperArgument):
        return str(parameter.name).upper()
    flags = "/".join([*parameter.opts, *parameter.secondary_opts])
    kinds = [kind for kind in _list_kinds(annotation) if kind is not NoneType]
    if typing.get_origin(kinds[0]) is typing.Literal:
        return f"{flags} {'|'.join(map(str, typing.get_args(kinds[0])))}"
    return flags if kinds == [bool] else f"{flags} {PLACEHOLDERS[kinds[0]]}"


def _list_kinds(annotation: object) -> tuple[object, ...]:
    """What an annotation allows: a union's members, or itself."""
    return typing.get_args(annotation) if typing.get_origin(annotation) in (typing.Union, UnionType) else (annotation,)


def _help(parameter: typing.Any) -> str:
    variable = f" The variable `{parameter.envvar}` says the same." if parameter.envvar else ""
    return f"{parameter.help}{variable}"


# The views
def render_views() -> str:
    comments = read_comments()
    views = [name for kind, name in comments if kind == "view"]
    parts = [
        open_page("Views", "the COMMENTs in ml/perennial/sql"),
        openings.VIEWS,
    ]
    for view in [*sorted(view for view in views if "<model>" in view), *sorted(view for view in views if "<model>" not in view)]:
        columns = [
            (f"`{name.rpartition('.')[2]}`", text)
            for (kind, name), text in comments.items()
            if kind == "column" and name.rpartition(".")[0] == view
        ]
        title = view.replace("<model>", "model")
        parts += [
            f"## {title}",
            f"`analytics.{view}`: {show(comments['view', view])}.",
            write_table(("column", "meaning"), columns),
        ]
    parts += ["## Functions", write_table(("function", "meaning"), _list_functions(comments))]
    return join(parts)


def _list_functions(comments: Mapping[tuple[str, str], str]) -> list[tuple[str, str]]:
    return [(f"`analytics.{name}(model, instant)`", text) for (kind, name), text in comments.items() if kind == "function"]


def read_comments() -> dict[tuple[str, str], str]:
    """(view, column or function; its name without the schema) -> its COMMENT, for everything in analytics.

    What has other columns for other tasks is listed with the columns of each.
    """
    tasks = list_tasks()
    published = [(name, {"{meaning}": column.meaning}) for task in tasks.values() for name, column in task.published.items()]
    shown = _gather({name: {key: column.meaning for key, column in task.outcomes.items()} for name, task in tasks.items()})
    repeated = {"{published}": published, "{outcome}": [(name, {"{outcome_meaning}": said}) for name, said in shown.items()]}
    score = _gather({name: {"score": task.score_meaning} for name, task in tasks.items()})["score"]
    pattern = re.compile(r"comment on (view|column|function) analytics\.(\S+) is '((?:[^']|'')*)'")
    sql = "\n".join(path.read_text(encoding="utf-8") for path in sorted(PLATFORM_SQL.rglob("*.sql")))
    found = {}
    for kind, name, text in pattern.findall(sql):
        mark = next((known for known in repeated if known in name), "")
        for column, said in repeated.get(mark, [("", {})]):
            full = name.replace(mark, column) if mark else name
            found[kind, _fill(full, {"{model}": "<model>", "{key}": "<key>"})] = _fill(
                text.replace("''", "'"), {"{model}": "<model>", "{score}": score, **said}
            )
    return found


def _fill(text: str, values: Mapping[str, str]) -> str:
    for mark, value in values.items():
        text = text.replace(mark, value)
    return text


def _gather(said: Mapping[str, Mapping[str, str]]) -> dict[str, str]:
    """Task -> name -> meaning, as name -> meaning: where tasks say it in other words, those of each."""
    gathered: dict[str, dict[str, list[str]]] = {}
    for task, meanings in said.items():
        for name, meaning in meanings.items():
            gathered.setdefault(name, {}).setdefault(meaning, []).append(task)
    return {
        name: next(iter(words))
        if len(words) == 1
        else "; ".join(f"{', '.join(tasks)}: {meaning}" for meaning, tasks in words.items())
        for name, words in gathered.items()
    }


# The errors
def render_errors() -> str:
    found = [one for one in vars(errors).values() if inspect.isclass(one) and issubclass(one, errors.PerennialError)]
    kinds = {one for error in found for one in error.__mro__[1:]}
    roots = [error for error in found if error in kinds and error is not errors.ConfigError]
    parts = [
        open_page("Errors", "the docstrings of ml/perennial/errors/"),
        openings.ERRORS,
        "## Kinds",
        openings.ERROR_KINDS,
        write_table(("kind", "means", "what to do"), [_describe_error(error) for error in roots]),
        "## Every error",
        write_table(
            ("error", "means", "what to do", "kind"),
            [(*_describe_error(error), _name_kind(error)) for error in found if error not in roots],
        ),
    ]
    return join(parts)


def _describe_error(error: type) -> tuple[str, str, str]:
    situation, _, remedy = (inspect.getdoc(error) or "").partition("\nTo do: ")
    return f"`{error.__name__}`", situation, remedy[:1].upper() + remedy[1:]


def _name_kind(error: type) -> str:
    names = {
        "NothingToDo": "nothing to do",
        "Refused": "refused",
        "UnavailableError": "unavailable",
        "PermanentError": "permanent",
    }
    return next((names[one.__name__] for one in error.__mro__ if one.__name__ in names), "fault")


# The variables
def render_variables() -> str:
    groups = {
        "Where things are": WHERE_THINGS_ARE,
        "Mail": MAIL,
        "The embedded stack": EMBEDDED_STACK,
        "Demonstrations and tests": DEMONSTRATIONS,
    }
    parts = [
        open_page("Environment variables", "ml/perennial/config/variables.py"),
        openings.VARIABLES,
    ]
    for title, variables in groups.items():
        parts += [
            f"## {title}",
            write_table(("variable", "meaning", "without it"), [_describe_variable(one) for one in variables]),
        ]
    return join(parts)


def _describe_variable(variable: Variable) -> tuple[str, str, str]:
    return f"`{variable.name}`", variable.description, variable.default


# The invariants
def render_invariants() -> str:
    rows = [(f"`{name}`", sentence) for name, sentence in describe_invariants().items()]
    return join(
        [open_page("Invariants", "ml/perennial/invariants"), openings.INVARIANTS, write_table(("invariant", "what holds"), rows)]
    )


# The metrics
def render_metrics() -> str:
    rows = [
        (f"`{metric.full_name}`", metric.kind, ", ".join(f"`{label}`" for label in metric.labels), metric.help)
        for metric in METRICS
    ]
    return join(
        [
            open_page("Metrics", "ml/perennial/watch/metrics.py"),
            openings.METRICS,
            write_table(("metric", "type", "labels beside `model`", "meaning"), rows),
            "## About the exporter",
            write_table(("metric", "meaning"), [(f"`{PREFIX}{name}`", said) for name, said in OWN.items()]),
            "## Labels",
            write_table(("label", "meaning"), [(f"`{name}`", said) for name, said in LABELS.items()]),
            "## Of `perennial serve`",
            openings.SERVE_METRICS,
            write_table(("metric", "type", "meaning"), [*map(_describe_family, Gauges().describe())]),
        ]
    )


def _describe_family(family: Metric) -> tuple[str, str, str]:
    suffix = "_total" if family.type == "counter" else ""
    return f"`{family.name}{suffix}`", family.type, f"{family.documentation}."


PAGES: Mapping[str, Callable[[], str]] = {
    "model-file.md": render_keys,
    "commands.md": render_commands,
    "views.md": render_views,
    "errors.md": render_errors,
    "environment.md": render_variables,
    "invariants.md": render_invariants,
    "metrics.md": render_metrics,
    "../trust.md": render_trust,
}

if __name__ == "__main__":
    write_pages()
