"""A collector of OpenTelemetry on 127.0.0.1: takes OTLP over HTTP, and keeps what it is sent."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest


@dataclass(frozen=True)
class ReceivedSpan:
    """One span, with what stands on it and on the resource that sent it."""

    name: str
    service: str
    is_error: bool
    attributes: dict[str, Any]
    parent: bytes
    span_id: bytes


@dataclass
class Collector:
    """What came to an address."""

    url: str
    spans: list[ReceivedSpan] = field(default_factory=list)
    metrics: set[str] = field(default_factory=set)

    @property
    def variables(self) -> dict[str, str]:
        """The standard variables that send a process here."""
        return {
            "OTEL_EXPORTER_OTLP_ENDPOINT": self.url,
            "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
            "OTEL_EXPORTER_OTLP_TIMEOUT": "300",  # seconds; of the whole batch milliseconds
            "OTEL_BSP_EXPORT_TIMEOUT": "300000",
        }

    def of_stages(self) -> list[ReceivedSpan]:
        return [span for span in self.spans if span.name.startswith("perennial.")]

    def take(self, path: str, body: bytes) -> None:
        if path == "/v1/traces":
            self.spans += _read_spans(body)
        elif path == "/v1/metrics":
            request = ExportMetricsServiceRequest.FromString(body)
            scopes = (scope for sent in request.resource_metrics for scope in sent.scope_metrics)
            self.metrics |= {metric.name for scope in scopes for metric in scope.metrics}


def _read_spans(body: bytes) -> Iterator[ReceivedSpan]:
    for sent in ExportTraceServiceRequest.FromString(body).resource_spans:
        service = str(_read(sent.resource.attributes).get("service.name", ""))
        for scope in sent.scope_spans:
            for span in scope.spans:
                is_error = span.status.code == span.status.STATUS_CODE_ERROR
                assert [] == list(span.events)  # texts of errors may hold rows
                yield ReceivedSpan(span.name, service, is_error, _read(span.attributes), span.parent_span_id, span.span_id)


def _read(attributes: Any) -> dict[str, Any]:
    return {each.key: getattr(each.value, each.value.WhichOneof("value")) for each in attributes}


@contextmanager
def collect() -> Iterator[Collector]:
    """A collector that listens within the block."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            collector.take(self.path, gzip.decompress(body) if self.headers.get("Content-Encoding") == "gzip" else body)
            self.send_response(200)
            self.end_headers()

        def log_message(self, *said: object) -> None:
            """Not to the terminal of the tests."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    collector = Collector(f"http://127.0.0.1:{server.server_port}")
    thread = Thread(target=server.serve_forever)
    thread.start()
    try:
        yield collector
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
