"""What Prometheus is told of an installation: figures of the ledger and limits of the model files, in its text format.

Reading order: metrics (every metric, and where it comes from), declared (what model files say), deriving (what follows from these
and the ledger), exporting (rows into metrics), serving (the page /metrics). Nothing here reads the time: what has an age is told
as the instant at which it began, and Prometheus subtracts.
"""

from perennial.watch.declared import Declared, read_models
from perennial.watch.exporting import Exporter
from perennial.watch.metrics import LABELS, METRICS, PREFIX, Metric
from perennial.watch.serving import make_server

__all__ = ["LABELS", "METRICS", "PREFIX", "Declared", "Exporter", "Metric", "make_server", "read_models"]
