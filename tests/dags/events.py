"""OpenLineage events as a reader of them would use them: who wrote a dataset, and from what."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator, FormatChecker

from tests.paths import ROOT

Event = dict[str, Any]
FACETS = json.loads((ROOT / "docs/reference/lineage-facets.json").read_text(encoding="utf-8"))


@dataclass(frozen=True)
class Told:
    """All events of a transport's file, in the order in which they were told."""

    events: tuple[Event, ...]

    @classmethod
    def read(cls, file: Path) -> Told:
        return cls(tuple(json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()))

    def of_task(self, name: str, kind: str = "COMPLETE") -> Event:
        """The one event of this kind about a task."""
        (event,) = (event for event in self.events if (event["job"]["name"], event["eventType"]) == (name, kind))
        return event

    def writer_of(self, name: str, **facets: Any) -> tuple[Event, Event]:
        """The last event that wrote a dataset, and the dataset as it wrote it; `facets` must be among its own."""
        found = [
            (event, output)
            for event in self.events
            for output in event["outputs"]
            if output["name"] == name and all(_covers(output["facets"].get(facet), value) for facet, value in facets.items())
        ]
        return found[-1]

    def sources_of(self, name: str) -> set[str]:
        """Every dataset that one came from, over as many events as it takes."""
        met: set[str] = set()
        waiting = {name}
        while waiting:
            one = waiting.pop()
            met.add(one)
            writers = [event for event in self.events if one in {output["name"] for output in event["outputs"]}]
            waiting |= {given["name"] for event in writers for given in event["inputs"]} - met
        return met

    def faults_of_facets(self) -> list[str]:
        """Where facets of our own are not as their schema has them."""
        return [fault for event in self.events for name, facet in _list_own(event) for fault in _find_faults(name, facet)]

    @property
    def own_facets(self) -> set[str]:
        return {facet["_schemaURL"].rpartition("/")[2] for event in self.events for _, facet in _list_own(event)}


def _covers(found: Event | None, wanted: Event) -> bool:
    return found is not None and {**found, **wanted} == found


def _list_own(event: Event) -> Iterator[tuple[str, Event]]:
    holders = [event["run"], event["job"], *event["inputs"], *event["outputs"]]
    for holder in holders:
        yield from ((name, facet) for name, facet in holder["facets"].items() if name.startswith("perennial_"))


def _find_faults(name: str, facet: Event) -> list[str]:
    identity, _, words = facet["_schemaURL"].partition("#/$defs/")
    if identity != FACETS["$id"] or words not in FACETS["$defs"]:
        return [f"{name}: {facet['_schemaURL']} is no schema of ours"]
    schema = {**FACETS["$defs"][words], "$schema": FACETS["$schema"]}
    return [
        f"{words}: {fault.message}" for fault in Draft202012Validator(schema, format_checker=FormatChecker()).iter_errors(facet)
    ]
