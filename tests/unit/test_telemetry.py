"""Spans of stages: what stands on them, and when anybody listens."""

from datetime import UTC, date, datetime

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode

from perennial.errors import ConfigError, NotPromoted, ValidationFailed
from perennial.records import Run
from perennial.stores import telemetry

RUN = Run("lapse", date(2017, 6, 12), datetime(2017, 6, 12, 10, tzinfo=UTC), "simulation", dag_run_id="manual__1")
KNOWN = {
    "perennial.model": "lapse",
    "perennial.as_of": "2017-06-12",
    "perennial.stage": "validate",
    "perennial.purpose": "simulation",
    "perennial.clock": "2017-06-12T10:00:00+00:00",
    "perennial.dag_run_id": "manual__1",
}


@pytest.fixture
def listener(monkeypatch):
    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setattr(telemetry, "TRACER", provider.get_tracer("test"))
    return exporter


def live(error=None):
    with telemetry.open_span(RUN, "validate") as write_attempt:
        write_attempt(7)
        if error is not None:
            raise error


def test_a_span_says_which_attempt_of_which_stage_of_which_day(listener):
    live()
    (span,) = listener.get_finished_spans()
    assert ("perennial.validate", StatusCode.UNSET) == (span.name, span.status.status_code)
    assert {**KNOWN, "perennial.attempt": 7, "perennial.ending": "ok"} == dict(span.attributes)


def test_a_failure_is_told_by_its_kind_and_never_by_its_text(listener):
    with pytest.raises(ValidationFailed):
        live(ValidationFailed("Somebody's row"))
    (span,) = listener.get_finished_spans()
    assert (StatusCode.ERROR, None, ()) == (span.status.status_code, span.status.description, span.events)
    assert ("failed", "ValidationFailed") == (span.attributes["perennial.ending"], span.attributes["error.type"])


def test_what_a_gate_refused_is_no_error(listener):
    with pytest.raises(NotPromoted):
        live(NotPromoted("no challenger"))
    (span,) = listener.get_finished_spans()
    assert (StatusCode.UNSET, "refused") == (span.status.status_code, span.attributes["perennial.ending"])


@pytest.mark.parametrize(
    ("environment", "wanted"),
    [
        ({}, False),
        ({"OTEL_SERVICE_NAME": "x"}, False),
        ({"OTEL_TRACES_EXPORTER": "otlp"}, True),
        ({"OTEL_TRACES_EXPORTER": "none", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318"}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318"}, True),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://127.0.0.1:4318/v1/traces"}, True),
        ({"OTEL_TRACES_EXPORTER": "otlp", "OTEL_SDK_DISABLED": "true"}, False),
    ],
)
def test_the_standard_variables_switch_it_on(environment, wanted):
    assert wanted == telemetry.is_wanted(environment)


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        (
            {"OTEL_TRACES_EXPORTER": "smoke"},
            "OTEL_TRACES_EXPORTER names smoke, which is not installed: write one of .*otlp_proto_http",
        ),
        (
            {"OTEL_TRACES_EXPORTER": "otlp", "OTEL_EXPORTER_OTLP_PROTOCOL": "drums"},
            "OTEL_EXPORTER_OTLP_PROTOCOL is drums: write grpc",
        ),
    ],
)
def test_an_exporter_that_is_none_is_a_clear_error(monkeypatch, variables, said):
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(ConfigError, match=said):
        telemetry.begin_exporting()
