"""Rows of the ledger and model files -> metrics of Prometheus."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime
from importlib.metadata import version
from pathlib import Path
from time import monotonic

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, SummaryMetricFamily
from prometheus_client.core import Metric as Family
from prometheus_client.exposition import generate_latest
from prometheus_client.registry import Collector, CollectorRegistry

from perennial.config import Model
from perennial.errors import WarehouseUnavailable
from perennial.stores.watching import NOTHING, LedgerWatch, Reading
from perennial.watch.declared import read_models
from perennial.watch.deriving import Row, derive
from perennial.watch.metrics import METRICS, OWN, PREFIX, Metric

logger = logging.getLogger(__name__)


class Exporter(Collector):
    """Collects everything anew for each scrape: model files, then the ledger as of one moment."""

    def __init__(self, home: Path, ledger: LedgerWatch) -> None:
        self._home, self._ledger = home, ledger
        self._registry = CollectorRegistry(auto_describe=False)
        self._registry.register(self)

    def write(self) -> bytes:
        """The text format of Prometheus."""
        return generate_latest(self._registry)

    def describe(self) -> Iterable[Family]:
        """Names are not asked for beforehand: registering reads nothing."""
        return ()

    def collect(self) -> Iterator[Family]:
        """Never raises for a warehouse that is down, nor for a broken model file: a metric says so."""
        declared = read_models(self._home)
        for broken in (each for each in declared if each.model is None):
            logger.warning("%s", broken.fault)
        begun = monotonic()
        reading, is_up = self._read([each.name for each in declared])
        yield _tell("warehouse_up", float(is_up))
        yield _tell("exporter_read_duration_seconds", monotonic() - begun)
        yield _tell("ledger_migration", *(row["number"] for row in reading.get("migration", ()) if row["number"] is not None))
        built = GaugeMetricFamily(f"{PREFIX}build_info", OWN["build_info"], labels=("version",))
        built.add_metric((version("perennial"),), 1)
        yield built
        known = {**reading, **derive(declared, reading)}
        models = {each.name: each.model for each in declared}
        yield from (_show(metric, known.get(metric.query), models) for metric in METRICS)

    def _read(self, names: Sequence[str]) -> tuple[Reading, bool]:
        try:
            return self._ledger.read(names), True
        except WarehouseUnavailable as error:
            logger.warning("%s", error)
            return NOTHING, False


def _tell(name: str, *values: float) -> Family:
    family = GaugeMetricFamily(f"{PREFIX}{name}", OWN[name])
    for value in values:
        family.add_metric((), value)
    return family


def _show(metric: Metric, rows: Sequence[Row] | None, models: Mapping[str, Model | None]) -> Family:
    """One family; without rows to read (None: the warehouse is down) there is no series, not even a default."""
    name, labels = metric.full_name.removesuffix("_total"), ("model", *metric.labels)
    found = [] if rows is None else list(_read_values(metric, rows, models))
    if metric.kind == "summary":
        summary = SummaryMetricFamily(name, metric.help, labels=labels)
        for row, value in found:
            summary.add_metric(_name(row, labels), count_value=int(row[metric.count]), sum_value=value)
        return summary
    kind = CounterMetricFamily if metric.kind == "counter" else GaugeMetricFamily
    family = kind(name, metric.help, labels=labels)
    for row, value in found:
        family.add_metric(_name(row, labels), value)
    return family


def _read_values(metric: Metric, rows: Sequence[Row], models: Mapping[str, Model | None]) -> Iterator[tuple[Row, float]]:
    """Rows with their values, and the default for models without a row."""
    for row in rows:
        value = _to_number(row.get(metric.column), models[row["model"]]) if metric.column else 1.0
        if value is not None:
            yield row, value
    if metric.default is not None:
        yield from (({"model": model}, metric.default) for model in sorted(models.keys() - {row["model"] for row in rows}))


def _name(row: Row, labels: Sequence[str]) -> tuple[str, ...]:
    return tuple("" if row[label] is None else str(row[label]) for label in labels)


def _to_number(value: object, model: Model | None) -> float | None:
    """Seconds since 1970 of an instant, or of the start of an as_of, which only a model with a timezone has."""
    match value:
        case None:
            return None
        case datetime():
            return value.timestamp()
        case date():
            return None if model is None else model.start(value).timestamp()
        case other:
            return float(other)  # type: ignore[arg-type]  # a number or truth value of PostgreSQL
