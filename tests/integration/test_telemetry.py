"""Stages of a shell, seen by a collector on this machine."""

import os
import subprocess
import sys

from perennial.cli.edge import REFUSED
from tests.otlp import collect
from tests.world import FIRST_DAY, MODEL

SCRIPT = """
import sys
from perennial import cli
for stage, as_of in (("validate", "2017-06-12"), ("monitor", "2017-06-19")):
    sys.argv = ["perennial", stage, "lapse", "--as-of", as_of, "--simulate"]
    try:
        cli.main()
    except SystemExit as ended:
        code = ended.code
sys.exit(code)
"""
"""Two commands in one process; of the second day nothing was published. Its end sends the spans that wait."""


def test_a_stage_of_a_shell_sends_its_span_to_a_collector(inside):
    with collect() as collector:
        environment = {**os.environ, **collector.variables}
        done = subprocess.run([sys.executable, "-c", SCRIPT], env=environment, capture_output=True, text=True, check=False)
    found = {span.attributes["perennial.stage"]: span.attributes for span in collector.of_stages()}
    assert REFUSED == done.returncode, done.stderr
    assert {"validate": "ok", "monitor": "refused"} == {stage: each["perennial.ending"] for stage, each in found.items()}
    of_span = tuple(found["validate"][f"perennial.{name}"] for name in ("model", "as_of", "purpose"))
    assert (MODEL, FIRST_DAY.isoformat(), "simulation") == of_span
    attempt = inside.world.ask_one("select max(run_id) from ledger.runs where stage = 'validate' and status = 'ok'")
    assert attempt == found["validate"]["perennial.attempt"]
    assert {"perennial"} == {span.service for span in collector.of_stages()}
