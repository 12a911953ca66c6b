"""The files of a first model: rendered, checked as the platform will check them, and written where nothing is yet."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from perennial.config import Declaration, load_declaration
from perennial.errors import WouldOverwrite
from perennial.homes.making import write_new
from perennial.homes.new.choosing import Plan
from perennial.homes.new.measuring import Seen
from perennial.homes.new.model_file import render_model
from perennial.homes.new.queries import render_features, render_labels
from perennial.homes.new.suites import render_suites
from perennial.validate import load_suite
from perennial.validate.suites import SuiteName

SUITES: tuple[SuiteName, ...] = ("source", "snapshot", "scores")


def list_paths(name: str) -> tuple[str, ...]:
    """Where the files of a model stand in its home."""
    queries = (f"sql/{name}/features.sql", f"sql/{name}/labels.sql")
    return (f"models/{name}.toml", *queries, *(f"expectations/{name}/{suite}.json" for suite in SUITES))


def render_files(plan: Plan, seen: Seen | None) -> Mapping[str, str]:
    """Path in the home -> text."""
    name = plan.wish.name
    return {
        f"models/{name}.toml": render_model(plan, seen),
        f"sql/{name}/features.sql": render_features(plan),
        f"sql/{name}/labels.sql": render_labels(plan, None if seen is None else seen.classes),
        **{f"expectations/{name}/{file}": text for file, text in render_suites(plan, seen).items()},
    }


def refuse_to_overwrite(home: Path, name: str) -> None:
    """A model of that name, or a part of one, is somebody's work.

    Raises:
        WouldOverwrite: names what is there.
    """
    found = [path for path in list_paths(name) if (home / path).exists()]
    if found:
        raise WouldOverwrite(
            f"{home} already holds {', '.join(found)}: nothing was written. Give the new model another name, or remove them."
        )


@contextmanager
def load_drafted(name: str, files: Mapping[str, str]) -> Iterator[Declaration]:
    """The model that files would make, loaded and checked in a folder of its own, which is gone after the block."""
    with tempfile.TemporaryDirectory(prefix="perennial-new-") as folder:
        for path, content in files.items():
            write_new(Path(folder) / path, content)
        declaration = load_declaration(Path(folder), name)
        for suite in SUITES:
            load_suite(declaration, suite)
        yield declaration


def write_files(home: Path, name: str, files: Mapping[str, str]) -> None:
    """Write all of them.

    Raises:
        WouldOverwrite: one of them is there; nothing was written.
    """
    refuse_to_overwrite(home, name)
    for path, content in files.items():
        write_new(home / path, content)
