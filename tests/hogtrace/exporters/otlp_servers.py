"""Receivers of OTLP on loopback, over HTTP and gRPC, that decode what they get."""

from __future__ import annotations

import gzip
import sys
import threading
import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import Message
from typing import Any

import grpc
from google.protobuf.any_pb2 import Any as AnyMessage
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.logs.v1 import logs_service_pb2_grpc
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import (
    ExportLogsPartialSuccess,
    ExportLogsServiceRequest,
    ExportLogsServiceResponse,
)
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2_grpc
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
    ExportMetricsServiceResponse,
)

from hogtrace.events import CaptureEvent, read_otlp
from tests.loopback import PostHandler, PostServer, serving

PROTOBUF = {"Content-Type": "application/x-protobuf"}


@dataclass
class Answer:
    """What a receiver answers: a status, headers or the seconds of `RetryInfo`, a body; silence until `held` is set.

    The body of a refusal over gRPC is the text that goes with the code.
    """

    status: Any = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    retry: float | None = None
    length: int | None = None
    held: threading.Event | None = None


@dataclass
class Kept:
    """What a receiver has got, oldest first; `answers` are what it answers next, and then it takes everything."""

    url: str = ""
    answers: list[Answer] = field(default_factory=list)
    logs: list[ExportLogsServiceRequest] = field(default_factory=list)
    metrics: list[ExportMetricsServiceRequest] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    sizes: list[int] = field(default_factory=list)

    def events(self) -> list[CaptureEvent]:
        """Give the events in all that came, in order."""
        return [event for request in self.logs for event in read_otlp(request.SerializeToString())]


class _Server(PostServer):
    def __init__(self) -> None:
        super().__init__(_Handler)
        self.kept = Kept(self.url)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of one who went in the middle, as a collector does that is killed."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class _Handler(PostHandler):
    def take(self, raw: bytes) -> None:
        """Keep what came, and answer as told."""
        server = self.server
        assert isinstance(server, _Server)
        kept = server.kept
        data = _unpacked(raw, self.headers)
        answer = kept.answers.pop(0) if kept.answers else Answer(headers=PROTOBUF)
        kept.headers.append({name.lower(): value for name, value in self.headers.items()} | {"path": self.path})
        kept.sizes.append(len(raw))
        if self.path.endswith("/v1/metrics"):
            kept.metrics.append(ExportMetricsServiceRequest.FromString(data))
        else:
            kept.logs.append(ExportLogsServiceRequest.FromString(data))
        if answer.held is not None:
            answer.held.wait(100)
        if answer.status == -1:  # what is no HTTP at all
            self.wfile.write(b"\x00\x01 what is this\r\n\r\n")
            self.close_connection = True
            return
        length = {} if answer.length is None else {"Content-Length": str(answer.length)}
        self.answer(answer.status, {**answer.headers, **length}, answer.body)


def _unpacked(raw: bytes, headers: Message) -> bytes:
    match headers.get("Content-Encoding"):
        case "gzip":
            return gzip.decompress(raw)
        case "deflate":
            return zlib.decompress(raw)
        case None:
            return raw
        case other:
            raise AssertionError(other)


@contextmanager
def http_receiver() -> Iterator[Kept]:
    """Serve OTLP over HTTP; `url` is the base address."""
    with serving(_Server()) as server:
        yield server.kept


class _Logs(logs_service_pb2_grpc.LogsServiceServicer):
    def __init__(self, kept: Kept) -> None:
        self.kept = kept

    def Export(self, request: Any, context: Any) -> Any:  # noqa: N802 - gRPC's name
        """Keep what came, and answer as told."""
        self.kept.logs.append(request)
        return _answered(self.kept, request, context) or ExportLogsServiceResponse()


class _Metrics(metrics_service_pb2_grpc.MetricsServiceServicer):
    def __init__(self, kept: Kept) -> None:
        self.kept = kept

    def Export(self, request: Any, context: Any) -> Any:  # noqa: N802 - gRPC's name
        """Keep what came, and answer as told."""
        self.kept.metrics.append(request)
        return _answered(self.kept, request, context) or ExportMetricsServiceResponse()


def _answered(kept: Kept, request: Any, context: Any) -> Any:
    kept.headers.append(dict(context.invocation_metadata()))
    kept.sizes.append(request.ByteSize())
    answer = kept.answers.pop(0) if kept.answers else Answer()
    if answer.held is not None:
        answer.held.wait(100)
    if isinstance(answer.status, grpc.StatusCode):
        if answer.retry is not None:
            info = RetryInfo()
            info.retry_delay.seconds = int(answer.retry)
            info.retry_delay.nanos = round(answer.retry % 1 * 10**9)
            detail = AnyMessage()
            detail.Pack(info)
            details = Status(code=answer.status.value[0], details=[detail]).SerializeToString()
            context.set_trailing_metadata((("grpc-status-details-bin", details),))
        context.abort(answer.status, answer.body.decode() or "no, k3y")
    return ExportLogsServiceResponse.FromString(answer.body) if answer.body else None


@contextmanager
def grpc_receiver(port: int = 0) -> Iterator[Kept]:
    """Serve OTLP over gRPC."""
    kept = Kept()
    with ThreadPoolExecutor(4) as pool:
        server = grpc.server(pool)
        logs_service_pb2_grpc.add_LogsServiceServicer_to_server(_Logs(kept), server)
        metrics_service_pb2_grpc.add_MetricsServiceServicer_to_server(_Metrics(kept), server)
        kept.url = f"http://127.0.0.1:{server.add_insecure_port(f'127.0.0.1:{port}')}"
        server.start()
        try:
            yield kept
        finally:
            server.stop(None).wait()


def refusing(count: int) -> bytes:
    """Give the body of an answer by which so many records were refused."""
    return ExportLogsServiceResponse(
        partial_success=ExportLogsPartialSuccess(rejected_log_records=count, error_message="no, k3y")
    ).SerializeToString()
