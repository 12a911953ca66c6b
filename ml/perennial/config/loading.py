"""TOML, SQL and suites of a model -> one checked `Declaration`, or an error that names file, key, found and fix."""

from __future__ import annotations

import tomllib
from functools import lru_cache
from pathlib import Path

from pydantic import ValidationError

from perennial.config.declaration import Declaration
from perennial.config.entity import FORMS
from perennial.config.model import Model
from perennial.config.terms import list_terms
from perennial.errors import ConfigError, UnknownModel

SUITES = ("source", "snapshot", "scores")


def model_names(home: Path) -> tuple[str, ...]:
    """The declared models, sorted: one for each `models/*.toml`."""
    return tuple(sorted(path.stem for path in (home / "models").glob("*.toml")))


def load_declaration(home: Path, name: str) -> Declaration:
    """Read and check everything that belongs to the model `name`.

    Raises:
        UnknownModel: there is no such file; the message lists those that exist.
        ConfigError: a key, a type, an SQL file or a suite is wrong or missing.
    """
    path = home / "models" / f"{name}.toml"
    if not path.is_file():
        raise UnknownModel(f"There is no models/{name}.toml; found: {', '.join(model_names(home)) or 'none'}.")
    model = load_model(path)
    return Declaration(
        model=model,
        features_sql=_read_sql(home, name, "features.sql"),
        labels_sql=_read_sql(home, name, "labels.sql"),
        expectations=_find_suites(home, name),
    )


def load_model(path: Path) -> Model:
    """Parse one model file."""
    shown = f"{path.parent.name}/{path.name}"
    try:
        content = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise ConfigError(f"{shown} is not valid TOML: {error}.") from error
    model = _parse(shown, content, tuple(list_terms()))
    if model.name != path.stem:
        raise ConfigError(f"{shown}: name = '{model.name}', but the file is called {path.stem}.toml: make them equal.")
    return model


@lru_cache(maxsize=64)
def _parse(shown: str, content: str, tasks: tuple[str, ...]) -> Model:  # noqa: ARG001 - what may be said depends on the tasks
    """The model that a text declares; kept: a stage asks a dozen times, and each time a year is looked at."""
    try:
        document = tomllib.loads(content)
    except (tomllib.TOMLDecodeError, RecursionError) as error:  # the second of brackets in brackets
        raise ConfigError(f"{shown} is not valid TOML: {error}.") from error
    try:
        return Model.model_validate(document)
    except ValidationError as error:
        raise ConfigError("\n".join(_explain(shown, problem) for problem in error.errors())) from error


def _explain(shown: str, problem: object) -> str:
    assert isinstance(problem, dict)
    key = ".".join(str(part) for part in problem["loc"] if part not in FORMS) or "(whole file)"
    table = problem["loc"][:-1][:1]
    listing = " ".join(["perennial keys", *(str(part) for part in table)])
    match problem["type"]:
        case "extra_forbidden":
            fix = f"remove it or correct it (`{listing}` names those that exist)"
            return f"{shown}: unknown key '{key}' = {problem['input']!r}: {fix}."
        case "missing":
            return f"{shown}: key '{key}' is missing: add it (`{listing}` explains it)."
        case "string_pattern_mismatch" if problem["loc"][:1] == ("sources",) and problem["loc"][-1] == "[key]":
            name = problem["input"]
            return (
                f"{shown}: [sources.{name}] is no plain name: queries call a source in small letters, digits and underscores, "
                f"such as {to_plain(name)}. Write [sources.{to_plain(name)}] and below it table = '{name_table(name)}'."
            )
        case _ if not problem["loc"]:
            return f"{shown}: {problem['msg'].removeprefix('Value error, ')}."
        case _:
            return f"{shown}: key '{key}': {problem['msg'].removeprefix('Value error, ')}; found {problem['input']!r}."


def to_plain(name: str) -> str:
    """A name that SQL reads without quotes."""
    plain = "".join(letter if letter.isascii() and letter.isalnum() else "_" for letter in name.lower())
    return plain if plain and not plain[0].isdigit() else f"_{plain}"


def name_table(name: str) -> str:
    """A table of the schema `source` under this very name, as `table` takes it."""
    quoted = name.replace('"', '""')
    return f'source."{quoted}"'


def _read_sql(home: Path, name: str, file: str) -> str:
    path = home / "sql" / name / file
    if not path.is_file():
        raise ConfigError(
            f"models/{name}.toml needs sql/{name}/{file}, which does not exist: write it (documentation, 'Your own data')."
        )
    return path.read_text(encoding="utf-8")


def _find_suites(home: Path, name: str) -> Path:
    folder = home / "expectations" / name
    missing = [f"{suite}.json" for suite in SUITES if not (folder / f"{suite}.json").is_file()]
    if missing:
        raise ConfigError(
            f"models/{name}.toml needs expectations/{name}/{', '.join(missing)}: a missing suite would let everything pass."
        )
    return folder
