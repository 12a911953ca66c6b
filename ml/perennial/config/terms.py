"""What each task declares of itself, read from its module without importing it.

A model file is checked where no pandas may be loaded, as in a DAG file, and below the tasks, which fit and measure. So the terms
of a task are literals in the body of its class, and are read from its text; the module `<name>.py` holds the task `<name>`.
"""

from __future__ import annotations

import ast
import importlib.util
import pkgutil
from collections.abc import Callable, Mapping
from functools import cache
from importlib.abc import InspectLoader
from typing import Literal

from pydantic import ConfigDict, ValidationError
from pydantic.dataclasses import dataclass

from perennial.errors import ConfigError

ROOM = "perennial.tasks"
STRICT = ConfigDict(strict=True, extra="forbid")
Form = Literal["condition", "sum", "commonest"]


@dataclass(frozen=True, config=STRICT)
class Figure:
    """A figure as people read it.

    Attributes:
        title: what it is called, such as `mean absolute error`.
        of_amounts: its values may have any size, and are written with four digits that count.
        best: the value that is neither too low nor too high, where there is one.
    """

    title: str
    is_lower_better: bool = False
    of_amounts: bool = False
    best: float | None = None


SHARED = {
    "log_loss": Figure("log-loss", is_lower_better=True),
    "calibration_error": Figure("calibration error", is_lower_better=True),
    "ndcg": Figure("NDCG of those acted on"),
    "value": Figure("value of those acted on", of_amounts=True),
}
"""More than one task has them, and none declares them."""


@dataclass(frozen=True, kw_only=True, config=STRICT)
class Terms:
    """What a model file may say of one kind of labels, and how people read its figures.

    Attributes:
        labels: what labels are, and scores with them, in a clause.
        metrics: what `training.metric` may be, the default first -> the figure that then decides. One with a share behind it
            stands with an example, such as `pinball:0.9`.
        figures: those that stand not in `SHARED`, by the names that the ledger writes.
        drafted_from: what `perennial new` drafts its labels from: whether a row meets a condition, the sum of a column of
            numbers, or the commonest text of a column.
        is_drafted_by_name: only where `--task` names it; of the others each is drafted from something else.
        about_default: what the default metric is, where its name does not say it.
        has_amounts: `label.cap` may bound labels, and a threshold is any number; else it is a probability.
        has_direction: a score as a whole rises or falls, so that `training.monotone` can bind it.
        unbound: metrics under which no library binds a score to a direction: leaves are set after the split.
    """

    labels: str
    metrics: Mapping[str, str]
    figures: Mapping[str, Figure]
    drafted_from: Form
    is_drafted_by_name: bool = False
    about_default: str = ""
    has_amounts: bool = False
    has_direction: bool = True
    unbound: tuple[str, ...] = ()

    @property
    def default(self) -> str:
        """What decides where a model file names no metric."""
        return next(iter(self.metrics))

    def find_example(self, metric: str) -> str | None:
        """The entry of `metrics` that a metric is, or is another share of; None: it is none of this task."""
        name, colon, share = metric.partition(":")
        found = next((known for known in self.metrics if known.partition(":")[:2] == (name, colon)), None)
        return found if not colon or _is_share(share) else None

    def name_headline(self, metric: str) -> str:
        """The figure that decides under a metric of this task."""
        found = self.find_example(metric)
        assert found is not None
        return self.metrics[found]


def list_terms() -> Mapping[str, Terms]:
    """Name of each task -> its terms, by name.

    Raises:
        ConfigError: a module does not declare them as literals, or two tasks contradict each other.
    """
    package = importlib.util.find_spec(ROOM)
    assert package is not None
    return _read_folders(tuple(package.submodule_search_locations or ()))


def find_drafted(form: Form) -> str:
    """The task that `perennial new` drafts from this where none is named."""
    return next(name for name, terms in list_terms().items() if terms.drafted_from == form and not terms.is_drafted_by_name)


@cache
def _read_folders(folders: tuple[str, ...]) -> Mapping[str, Terms]:
    found: dict[str, Terms] = {}
    for module in sorted(pkgutil.iter_modules(folders), key=lambda one: one.name):
        terms = _read_module(f"{ROOM}.{module.name}", module)
        if terms is not None:
            _refuse_contradiction(module.name, terms, found)
            found[module.name] = terms
    return found


def _read_module(name: str, module: pkgutil.ModuleInfo) -> Terms | None:
    """The terms of the task that a module holds; None where it holds none."""
    spec = module.module_finder.find_spec(name, None)
    loader = spec.loader if spec is not None else None
    source = loader.get_source(name) if isinstance(loader, InspectLoader) else None
    if source is None or "Terms(" not in source:
        return None
    classes = (node for node in ast.parse(source).body if isinstance(node, ast.ClassDef))
    calls = [call for each in classes for call in map(_find_call, each.body) if call is not None]
    if len(calls) > 1:
        raise ConfigError(f"{name}: two classes declare terms; a module holds one task: give the other a module of its own.")
    return _read_terms(name, calls[0]) if calls else None


def _find_call(statement: ast.stmt) -> ast.Call | None:
    """What stands behind `terms = ` or `terms: ClassVar[Terms] = `."""
    match statement:
        case ast.Assign(targets=[ast.Name(id="terms")], value=ast.Call() as call):
            return call
        case ast.AnnAssign(target=ast.Name(id="terms"), value=ast.Call() as call):
            return call
    return None


def _read_terms(name: str, call: ast.Call) -> Terms:
    try:
        terms = _read(call)
    except (ValueError, TypeError) as error:  # of pydantic, too
        raise ConfigError(
            f"{name}, line {call.lineno}: the terms of a task are read from its text, so that each is a literal of the kind that "
            f"perennial.config.terms.Terms describes: {_explain(error)}."
        ) from error
    assert isinstance(terms, Terms)
    if not terms.metrics:
        raise ConfigError(f"{name}, line {call.lineno}: a task is judged by something: name at least one in `metrics`.")
    return terms


def _explain(error: ValueError | TypeError) -> str:
    if not isinstance(error, ValidationError):
        return str(error)
    return "; ".join(f"{'.'.join(map(str, problem['loc']))}: {problem['msg']}" for problem in error.errors())


RECORDS: Mapping[str, Callable[..., object]] = {"Terms": Terms, "Figure": Figure}


def _read(node: ast.expr) -> object:
    """A literal, in which records may stand."""
    match node:
        case ast.Call(func=ast.Name(id=name)) if name in RECORDS:
            named = {each.arg: _read(each.value) for each in node.keywords if each.arg is not None}
            return RECORDS[name](*map(_read, node.args), **named)
        case ast.Dict(keys=keys, values=values):
            return {_read(key): _read(value) for key, value in zip(keys, values, strict=True) if key is not None}
    return ast.literal_eval(node)


def _refuse_contradiction(name: str, terms: Terms, found: Mapping[str, Terms]) -> None:
    """One figure has one title, and what is drafted from something unasked is one task."""
    for figure in terms.figures.keys() & SHARED.keys():
        raise ConfigError(
            f"Task {name} declares the figure {figure}, which is '{SHARED[figure].title}' to all: name its own otherwise."
        )
    for other, known in found.items():
        for figure in terms.figures.keys() & known.figures.keys():
            if terms.figures[figure] != known.figures[figure]:
                raise ConfigError(f"Tasks {other} and {name} declare the figure {figure} otherwise: give one another name.")
        unasked = (terms.drafted_from, terms.is_drafted_by_name) == (known.drafted_from, known.is_drafted_by_name)
        if unasked and not terms.is_drafted_by_name:
            raise ConfigError(
                f"Tasks {other} and {name} are both drafted from '{terms.drafted_from}' where none is named: write "
                "is_drafted_by_name = True in the terms of one."
            )


def _is_share(text: str) -> bool:
    try:
        return 0 < float(text) < 1
    except ValueError:
        return False
