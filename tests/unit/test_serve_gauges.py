"""What a server tells Prometheus: names and kinds by its conventions."""

from __future__ import annotations

import shutil
import subprocess

import pytest

from perennial.serve.counts import ArmKey, Sums
from perennial.serve.gauges import Gauges

FAMILIES = tuple(Gauges().describe())


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
def test_a_family_has_the_prefix_a_sentence_and_no_ending_that_belongs_to_others(family):
    assert family.name.startswith("perennial_serve_")
    assert family.documentation[0].isupper() or family.documentation[0] == "1"
    assert not family.name.endswith(("_sum", "_count", "_bucket", "_total"))  # the library adds these where they belong


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool (Debian: the package prometheus) is not installed")
def test_promtool_finds_nothing_in_what_requests_and_arms_come_to():
    gauges = Gauges()
    gauges.requests.labels("predict", "churn", "200").inc()
    gauges.seconds.labels("predict").observe(0.002)
    gauges.rows.labels("churn").inc(3)
    gauges.arms.note(ArmKey("churn", "canary", 8, 1, 0.1), Sums(requests=1, rows=3, inputs=12, score_sum=0.6, seconds=0.001))
    text = gauges.render()
    assert b'perennial_serve_arm_scores{arm="canary",model="churn"} 0.6' in text
    done = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True, check=False)
    assert (done.stdout.decode(), done.stderr.decode(), done.returncode) == ("", "", 0)
