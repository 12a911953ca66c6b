"""`perennial upgrade`: what changed in the files that init wrote, since the version that wrote them; nothing is overwritten.

Three texts of each file meet: `base` as it was written then, `yours` as it lies in the home, `ours` as this version writes it.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from importlib.metadata import version
from pathlib import Path

from perennial.errors import WouldOverwrite
from perennial.homes.files import render_home
from perennial.homes.making import write_new
from perennial.homes.merging import merge
from perennial.homes.written import Written, recall, remember

BESIDE = ".new"


class State(StrEnum):
    """How a file stands to this version."""

    UNCHANGED = "unchanged"
    YOURS = "edited by you"
    UPDATED = "new version"
    ADDED = "new file"
    MERGED = "new version, edited by you"
    CONFLICT = "new version, edited by you in the same lines"
    IN_THE_WAY = "new file, where you have one"
    DELETED = "deleted by you"
    DROPPED = "no longer written"


REPLACED = (State.UPDATED, State.ADDED)
BESIDES = (State.MERGED, State.CONFLICT, State.IN_THE_WAY)
QUIET = (State.UNCHANGED, State.YOURS, State.DELETED)


@dataclass(frozen=True)
class Upgrade:
    """One file: its state, the text that this version proposes, and the places where that disagrees with the user's edits."""

    path: str
    state: State
    text: str = ""
    conflicts: int = 0

    @property
    def place(self) -> str:
        """Where the text is written: the file itself only where the user has not touched it."""
        return self.path + (BESIDE if self.state in BESIDES else "")

    @property
    def is_news(self) -> bool:
        return self.state not in QUIET

    def say(self) -> str:
        """What to do about it, in one sentence; empty where there is nothing to do."""
        match self.state:
            case State.UPDATED | State.ADDED:
                return "--write writes it"
            case State.MERGED:
                return f"--write puts the merge of both into {self.place}"
            case State.CONFLICT:
                places = "1 place" if self.conflicts == 1 else f"{self.conflicts} places"
                return f"--write puts the merge of both into {self.place}, with {places} for you to settle"
            case State.IN_THE_WAY:
                return f"--write puts ours into {self.place}"
            case State.DROPPED:
                return "delete it if you do not use it"
            case _:
                return ""


def plan_upgrade(home: Path) -> tuple[Upgrade, ...]:
    """Compare every file that this version writes, or a former one wrote, with what lies in the home.

    Raises:
        ConfigError: the home does not know what was written to it.
    """
    written = recall(home)
    ours = render_home(written.name)
    return tuple(_compare(home, path, written, ours.get(path)) for path in sorted({*ours, *written.files}))


def write_upgrade(home: Path, plan: tuple[Upgrade, ...]) -> tuple[str, ...]:
    """Write what was planned: files that the user never touched anew, everything else beside the user's; returns the paths.

    What this version writes is remembered, so that it is proposed once.

    Raises:
        WouldOverwrite: a `.new` file of a former upgrade is still there; nothing was written.
    """
    written = recall(home)
    touched = [upgrade for upgrade in plan if upgrade.state in (*REPLACED, *BESIDES)]
    left = [upgrade.place for upgrade in touched if upgrade.state in BESIDES and (home / upgrade.place).exists()]
    if left:
        raise WouldOverwrite(f"A former upgrade left {', '.join(left)}: take over what you want of it, delete it, and try again.")
    for upgrade in touched:
        if upgrade.state is State.UPDATED:
            (home / upgrade.place).unlink()
        write_new(home / upgrade.place, upgrade.text)
    remember(home, written.name, render_home(written.name))
    return tuple(upgrade.place for upgrade in touched)


def describe_versions(home: Path) -> str:
    """From which version to which."""
    return f"written by perennial {recall(home).version}, this is {version('perennial')}"


def _compare(home: Path, path: str, written: Written, ours: str | None) -> Upgrade:
    base, place = written.files.get(path), home / path
    yours = place.read_text(encoding="utf-8") if place.is_file() else None
    if ours is None:
        return Upgrade(path, State.DELETED if yours is None else State.DROPPED)
    if base is None:
        return _place_new(path, yours, ours)
    if yours is None:
        return Upgrade(path, State.DELETED)
    if ours in (base, yours):
        return Upgrade(path, State.UNCHANGED if yours == ours else State.YOURS)
    if yours == base:
        return Upgrade(path, State.UPDATED, ours)
    return _merge(path, base, yours, ours)


def _place_new(path: str, yours: str | None, ours: str) -> Upgrade:
    if yours is None:
        return Upgrade(path, State.ADDED, ours)
    return Upgrade(path, State.UNCHANGED) if yours == ours else Upgrade(path, State.IN_THE_WAY, ours)


def _merge(path: str, base: str, yours: str, ours: str) -> Upgrade:
    merged = merge(base, yours, ours, label=f"perennial {version('perennial')}")
    if merged.text == yours:
        return Upgrade(path, State.YOURS)  # our change is in it already
    return Upgrade(path, State.CONFLICT if merged.conflicts else State.MERGED, merged.text, merged.conflicts)
