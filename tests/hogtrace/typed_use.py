"""What users write against the public names. Nothing runs this file: the type checker reads it.

A change that breaks it breaks users. Each function is one use; together they name every public interface that other
code builds on: programs and probes, the store, events, counters, exporters, trust, settings, the framework packages.
"""

import types
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, assert_type

import hogtrace
import hogtrace_asgi
import hogtrace_flask
from hogtrace import (
    CaptureEvent,
    Exporter,
    Installation,
    Probe,
    ProbeExecutor,
    ProbeSpec,
    ProbeStatus,
    Program,
    RequestLocalStore,
    RequestScope,
    Settings,
    Status,
    Tracer,
    TrustEntry,
    errors,
)
from hogtrace.events import Follower, Mark, read_jsonl
from hogtrace.exporters import ConsoleExporter, JSONLinesExporter, SQLiteExporter
from hogtrace.testing import CapturedEvents, capture_events
from hogtrace.types import Metric, ProbeState, Report
from hogtrace_django.conf import get_tracer
from hogtrace_django.middleware import HogTraceMiddleware


def programs(path: str, data: bytes) -> None:
    """Compile, store and read back."""
    program = hogtrace.compile("fn:a.b:entry { }", name="mine")
    assert_type(program, Program)
    assert_type(hogtrace.compile_file(path), Program)
    assert_type(hogtrace.format("fn:a.b:entry { }", name="mine"), str)
    assert_type(Program.from_bytes(data), Program)
    assert_type(program.to_bytes(), bytes)
    assert_type((program.name, program.version), tuple[str, int])
    (probe,) = program.probes
    assert_type(probe, Probe)
    assert_type((probe.id, probe.predicate, probe.body), tuple[str, bytes, bytes])
    assert_type(probe.spec, ProbeSpec)
    assert_type((probe.spec.specifier, probe.spec.point, probe.spec.target), tuple[str, str, str])


def diagnostics(error: hogtrace.CompileError) -> None:
    """Look at what does not compile."""
    assert_type(errors.CODES, Mapping[str, str])
    assert_type(errors.explain("HT030"), str)
    as_value_error: ValueError = error
    assert as_value_error
    for found in error.errors:
        assert_type((found.code, found.message, found.help), tuple[str, str, str | None])
        assert_type((found.line, found.column, found.end_line, found.end_column), tuple[int, int, int, int])


def running(program: Program, frame: types.FrameType, store: RequestLocalStore, error: ValueError) -> None:
    """Execute over a frame."""
    probe = program.probes[0]
    assert_type(hogtrace.execute_probe(program, probe, frame, store), dict[str, Any] | None)
    hogtrace.execute_probe(program, probe, frame, store, "retval", error, redact=True, access="python")
    assert_type(ProbeExecutor(program, probe, store).execute(frame, retval=1, exception=None), dict[str, Any] | None)
    assert_type(ProbeExecutor(program, probe, store, redact=True, access="python").errors, list[dict[str, Any]])


def stores() -> None:
    """Use a request's variables, and open its scope."""
    store = RequestLocalStore()
    store.set("a", 1)
    store["b"] = 2
    assert_type((store.has("a"), "a" in store, store.delete("a")), tuple[bool, bool, bool])
    store.get("a", default=None)
    assert_type(store.all(), dict[str, Any])
    store.clear()
    assert_type((store.request_id, store.closed, store.dropped_writes), tuple[str | None, bool, int])
    store.describe(route="/a/<n>", user_kind="staff", retries=2, share=0.5, cached=True, shop=None)
    assert_type(store.status, int | None)
    store.status = 200
    assert_type(store.info, dict[str, Any])
    scope = hogtrace.request_scope(request_id="x", method="GET", path="/")
    assert_type(scope, RequestScope)
    with scope as opened:
        assert_type(opened, RequestLocalStore)
    with hogtrace.request_scope(store):
        assert_type(hogtrace.current_store(), RequestLocalStore | None)


class Mine:
    """An exporter of one's own: two methods, no base class."""

    def export(self, events: Sequence[CaptureEvent]) -> None:
        """Take a batch."""
        for event in events:
            assert_type((event.id, event.timestamp, event.process, event.thread), tuple[str, float, int, int])
            assert_type((event.program, event.probe, event.target), tuple[str, str, str])
            assert_type((event.function, event.point, event.request_id), tuple[str, str, str | None])
            assert_type((event.values, event.request), tuple[dict[str, Any], dict[str, Any]])
            assert_type(event.errors, list[dict[str, Any]])
            assert_type((event.to_json(), event.to_dict()), tuple[str, dict[str, Any]])
            assert_type(CaptureEvent.from_json(event.to_json()), CaptureEvent)
            assert_type(event.replace(probe="other", values={}), CaptureEvent)
            assert_type((event.kind, event.service, event.trace_id), tuple[str, str | None, str | None])
            assert_type([value for value in event.values.values() if isinstance(value, Mark)], list[Mark])

    def close(self) -> None:
        """Let go."""


def tracing(program: Program, path: str) -> None:
    """Install, ask, remove."""
    exporter: Exporter = Mine()
    with Tracer(exporter=exporter, access="safe", max_overhead=None, wildcard_limit=1000) as tracer:
        installation = tracer.install(program)
        assert_type(installation, Installation)
        assert_type(tracer.load(path), Installation)
        assert_type(tracer.flush(1.0), bool)
        tracer.uninstall(installation)
        tracer.uninstall(program)
        tracer.uninstall()
        status = tracer.status()
        assert_type(status, Status)
        assert_type((status.captured, status.exported, status.queued), tuple[int, int, int])
        assert_type(status.dropped, Mapping[str, int])
        for probe in status.probes:
            assert_type(probe, ProbeStatus)
            assert_type((probe.program, probe.probe, probe.target, probe.point), tuple[str, str, str, str])
            report = Report.from_dict(Report(status=status, id="", process=1, started=0.0, time=0.0).to_dict())
            assert_type((report.status, report.birth, report.ended), tuple[Status, str | None, bool])
            assert_type(report.metrics(), list[Metric])
            assert_type((probe.state, probe.reason, probe.last_error), tuple[ProbeState, str | None, str | None])
            assert_type((probe.hits, probe.fired, probe.not_passed, probe.failed), tuple[int, int, int, int])
            assert_type((probe.skipped, probe.captured, probe.errors), tuple[int, int, int])
            assert_type((probe.sampled_out, probe.throttled, probe.trips), tuple[int, int, int])
            assert_type((probe.spent, probe.overhead, probe.back_in), tuple[float | None, float | None, float | None])
            assert_type((probe.first_error, probe.dropped), tuple[str | None, Mapping[str, int]])
            assert_type((probe.functions, probe.warnings), tuple[tuple[str, ...], tuple[str, ...]])
        assert_type(tracer.rebind(), None)
        tracer.stop(timeout=1.0)
    Tracer(exporter="console", trust=[TrustEntry("a.B", "c"), ("a.B", "d", "stored", "_d")])
    Tracer(max_overhead=0.05, max_total_overhead=None, overhead_pause=60)
    Tracer(copy_depth=5, copy_items=10, copy_characters=100, copy_fields=10, copy_values=100, copy_time=0.01)
    Tracer(exporter={"BACKEND": "jsonl", "OPTIONS": {"path": path}}, redact=["iban"], redact_except=["token"])


def testing(program: Program, path: Path, hogtrace: CapturedEvents) -> None:
    """Look inside in tests."""
    hogtrace.probe("fn:m.f:exit { capture(retval); }")
    with capture_events(
        program, path, "a.hogtrace", access="python", trust=[("a.B", "c")], redact=["iban"]
    ) as captured:
        assert_type(captured, CapturedEvents)
        assert_type((captured.events, captured.values), tuple[list[CaptureEvent], list[dict[str, Any]]])
        assert_type(captured.requests, list[CaptureEvent])
        assert_type(
            (captured.one(), captured[0], list(captured)), tuple[CaptureEvent, CaptureEvent, list[CaptureEvent]]
        )
        assert_type((len(captured), captured.status()), tuple[int, Status])
        captured.clear()


def frameworks(application: Any) -> None:
    """Put HogTrace into an application."""
    hogtrace_flask.HogTrace(application, probes=["a.hogtrace"])
    hogtrace_flask.HogTrace().init_app(application)
    hogtrace_asgi.HogTraceMiddleware(application, probes=["a.hogtrace"], exporter="memory")
    HogTraceMiddleware(application)
    assert_type(get_tracer(), Tracer | None)


def settings(folders: list[Path]) -> None:
    """Read settings, and have the probe files of applications found."""
    found = Settings.load({"PROBES": ["a.hogtrace"], "AUTODISCOVER": True}).discovered(folders)
    assert_type(found, Settings)
    assert_type((found.autodiscover, found.programs()), tuple[bool, list[Program]])


def exporters_of_files(path: Path) -> None:
    """Make the exporters that write here with all they take, and read their files back."""
    JSONLinesExporter(path, max_bytes=1 << 20, max_age=3600.0, keep=None, compress="gzip", fsync="batch")
    store = SQLiteExporter(path, timeout=1, max_age=None, max_bytes=1 << 30)
    assert_type((store.path, str(store.retention)), tuple[Path, str])
    ConsoleExporter(None, True, layout="line")
    assert_type(list(read_jsonl(path, rotated=False, skip_broken=True)), list[CaptureEvent])
    assert_type(Follower(path, newest=5).poll(), list[CaptureEvent])
