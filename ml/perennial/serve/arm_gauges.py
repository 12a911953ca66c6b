"""What a server counts of the arms of canaries, for Prometheus, beside what it writes down."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge

from perennial.serve.canaries import Canaries
from perennial.serve.counts import ArmKey, Counts, Sums

LABELS = ("model", "arm")


class ArmGauges:
    """Of rows that name an entity, while a canary answers: `arm` is champion or canary."""

    def __init__(self, registry: CollectorRegistry, prefix: str) -> None:
        def count(name: str, said: str) -> Counter:
            return Counter(f"{prefix}arm_{name}", said, LABELS, registry=registry)

        self._requests = count("requests", "Requests with rows of an arm")
        self._rows = count("rows", "Rows of an arm")
        self._errors = count("errors", "Rows of an arm that got no score by it; the champion answered those of the canary")
        self._inputs = count("inputs", "Values that the version of an arm has read")
        self._missing = count("missing_inputs", "Values among them that were not known")
        self._seconds = count("scoring_seconds", "Seconds in which rows of an arm were scored")
        self._scores = Gauge(
            f"{prefix}arm_scores",
            "The scores of an arm added up, of rows less errors",
            LABELS,
            registry=registry,
            multiprocess_mode="sum",
        )
        self._version = Gauge(
            f"{prefix}canary_version",
            "Version that answers for the entities of the canary; 0: the champion answers everybody",
            ["model"],
            registry=registry,
            multiprocess_mode="livemin",
        )
        self._lost = Gauge(
            f"{prefix}canary_lost_rows",
            "Rows of either arm that were answered, and whose counts could not be written down",
            registry=registry,
            multiprocess_mode="sum",
        )

    def note(self, key: ArmKey, sums: Sums) -> None:
        """Add what a request came to."""
        of = key.model, key.arm
        self._requests.labels(*of).inc(sums.requests)
        self._rows.labels(*of).inc(sums.rows)
        self._errors.labels(*of).inc(sums.errors)
        self._inputs.labels(*of).inc(sums.inputs)
        self._missing.labels(*of).inc(sums.missing)
        self._seconds.labels(*of).inc(sums.seconds)
        self._scores.labels(*of).inc(sums.score_sum)

    def show(self, canaries: Canaries) -> None:
        """Take over the state of this process."""
        for model in canaries.shares:
            by = canaries.find(model)
            self._version.labels(model).set(by.loaded.version.version if by else 0)
        self._lost.set(canaries.lost_rows)


def note_arm(counts: Counts, gauges: ArmGauges, key: ArmKey, sums: Sums) -> None:
    """Add what a request came to, to what is written down and to what Prometheus is told."""
    counts.add(key, sums)
    gauges.note(key, sums)
