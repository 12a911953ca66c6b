"""Spans of OpenTelemetry: one for each attempt of a stage, with model and as_of. The only place that knows OpenTelemetry.

Nobody listens unless somebody asks: without a provider the interface makes spans that record nothing. In Airflow's tasks the
provider is Airflow's own (`[traces] otel_on`), and a stage's span lies below that of its task; a shell has one as soon as a
standard variable asks for it (`OTEL_TRACES_EXPORTER`, or the endpoint of a collector).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import entry_points
from typing import TYPE_CHECKING

from opentelemetry import trace
from opentelemetry.trace import Span, Status, StatusCode

from perennial.errors import ConfigError, Refused
from perennial.records import Run

if TYPE_CHECKING:
    from opentelemetry.sdk.trace.export import SpanExporter

TRACER = trace.get_tracer("perennial")
GROUP = "opentelemetry_traces_exporter"
ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
PROTOCOLS = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
EXPORTERS = {"grpc": "otlp_proto_grpc", "http/protobuf": "otlp_proto_http"}
"""What `otlp` means, by the protocol that is asked for; grpc where none is."""


@contextmanager
def open_span(run: Run, stage: str) -> Iterator[Callable[[int], None]]:
    """A span that lasts as long as the block; gives what writes the number of the attempt in `ledger.runs` on it.

    An error is told by its kind alone: its text may hold what the warehouse holds. What a gate refused is no error.
    """
    with TRACER.start_as_current_span(
        f"perennial.{stage}", attributes=_describe(run, stage), record_exception=False, set_status_on_exception=False
    ) as span:
        try:
            yield lambda attempt: span.set_attribute("perennial.attempt", attempt)
        except BaseException as error:
            _end(span, "refused" if isinstance(error, Refused) else "failed", error)
            raise
        _end(span, "ok")


def _describe(run: Run, stage: str) -> dict[str, str]:
    known = {
        "perennial.model": run.model,
        "perennial.as_of": run.as_of.isoformat(),
        "perennial.stage": stage,
        "perennial.purpose": run.purpose,
        "perennial.clock": run.clock.isoformat(),
        "perennial.dag_run_id": run.dag_run_id,
    }
    return {name: value for name, value in known.items() if value is not None}


def _end(span: Span, ending: str, error: BaseException | None = None) -> None:
    span.set_attribute("perennial.ending", ending)
    if error is not None:
        span.set_attribute("error.type", type(error).__name__)
    if ending == "failed":
        span.set_status(Status(StatusCode.ERROR))


def is_wanted(environment: Mapping[str, str]) -> bool:
    """Do the standard variables ask for spans?"""
    if environment.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        return False
    exporters = environment.get("OTEL_TRACES_EXPORTER", "").strip()
    return exporters != "none" if exporters else any(environment.get(name) for name in ENDPOINTS)


def begin_exporting() -> None:
    """Let this process send its spans to where the standard variables say, until it ends; nothing where they say nothing.

    A provider that is there already stays.

    Raises:
        ConfigError: an exporter or a protocol that is not installed.
    """
    if not is_wanted(os.environ) or not isinstance(trace.get_tracer_provider(), trace.ProxyTracerProvider):
        return
    from opentelemetry.sdk.resources import Resource  # noqa: PLC0415 - whoever asks for no span loads nothing of it
    from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415 - as above
    from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415 - as above

    os.environ.setdefault("OTEL_SERVICE_NAME", "perennial")
    provider = TracerProvider(resource=Resource.create())
    for name in os.environ.get("OTEL_TRACES_EXPORTER", "otlp").split(","):
        provider.add_span_processor(BatchSpanProcessor(_load_exporter(name.strip() or "otlp")))
    trace.set_tracer_provider(provider)


def _load_exporter(name: str) -> SpanExporter:
    chosen = _choose_otlp() if name == "otlp" else name
    found = next(iter(entry_points(group=GROUP, name=chosen)), None)
    if found is None:
        there = ", ".join(sorted({each.name for each in entry_points(group=GROUP)}))
        raise ConfigError(f"OTEL_TRACES_EXPORTER names {name}, which is not installed: write one of {there}, or none.")
    exporter: SpanExporter = found.load()()
    return exporter


def _choose_otlp() -> str:
    protocol = next((os.environ[name].strip() for name in PROTOCOLS if os.environ.get(name)), "grpc")
    if protocol not in EXPORTERS:
        raise ConfigError(f"OTEL_EXPORTER_OTLP_PROTOCOL is {protocol}: write {' or '.join(EXPORTERS)}.")
    return EXPORTERS[protocol]
