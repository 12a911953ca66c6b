"""`perennial` as its user sees it: exit code, stdout and stderr."""

from __future__ import annotations

import json
from dataclasses import dataclass

import pytest

from perennial import cli
from tests.world import World


@dataclass
class Shell:
    """`perennial` with the world's addresses in its environment."""

    world: World
    capture: pytest.CaptureFixture
    patch: pytest.MonkeyPatch

    def perennial(self, *words: str) -> tuple[int, str, str]:
        """Exit code, stdout and stderr of a command."""
        self.patch.setattr("sys.argv", ["perennial", *words])
        self.capture.readouterr()
        with pytest.raises(SystemExit) as end:
            cli.main()
        said = self.capture.readouterr()
        return end.value.code or 0, said.out, said.err

    def ask(self, *words: str) -> list[dict]:
        """The data that a command prints with --json; it must end well."""
        code, out, err = self.perennial(*words, "--json")
        assert (0, "") == (code, err)
        return self.read(out)

    @staticmethod
    def read(out: str) -> list[dict]:
        """What --json printed."""
        return [json.loads(line) for line in out.splitlines()]
