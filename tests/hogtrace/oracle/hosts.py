"""Many expressions in one probe, run over a Python frame and over a call of a woven function."""

import sys
from collections.abc import Callable, Mapping, Sequence
from types import FrameType
from typing import Any

import hogtrace
from hogtrace import ProbeExecutor, Program, RequestLocalStore, Tracer, request_scope
from hogtrace.exporters import MemoryExporter
from tests.hogtrace.oracle.generator import NAMES
from tests.hogtrace.oracle.reference import Outcome

_MISSING = object()


def _make_subject() -> Callable[..., FrameType]:
    """Make the function whose arguments are the operands; it gives its own frame."""
    namespace: dict[str, Any] = {"sys": sys, "__name__": __name__}
    exec(f"def subject({', '.join(NAMES)}):\n    return sys._getframe()\n", namespace)  # noqa: S102 - our own text
    made: Callable[..., FrameType] = namespace["subject"]
    return made


subject = _make_subject()


def program_of(texts: Sequence[str]) -> Program:
    """Compile a probe that stores the value of each text in a variable of its own, and captures the errors."""
    lines = [f"$req.r{index} = {text};" for index, text in enumerate(texts)]
    return hogtrace.compile("\n".join([f"fn:{__name__}.subject:entry {{", *lines, "capture(); }"]))


def _outcomes(count: int, values: Mapping[str, Any], errors: Sequence[Mapping[str, Any]]) -> list[Outcome]:
    failed = {error["line"]: error for error in errors}
    made = []
    for index in range(count):
        value, error = values.get(f"r{index}", _MISSING), failed.get(index + 2)
        assert (value is _MISSING) == (error is not None), (
            f"statement {index} has both a value and an error, or neither"
        )
        made.append(Outcome(value) if error is None else Outcome(None, error["kind"], error["message"]))
    return made


def in_a_frame(program: Program, count: int, operands: Mapping[str, Any]) -> list[Outcome]:
    """Run the program over a frame that holds the operands."""
    store = RequestLocalStore()
    executor = ProbeExecutor(program, program.probes[0], store)
    assert executor.execute(subject(**operands)) == {}
    return _outcomes(count, store.all(), executor.errors)


class WovenCalls:
    """A tracer that runs programs over calls of the woven function."""

    def __init__(self) -> None:
        self.exporter = MemoryExporter()
        self.tracer = Tracer(exporter=self.exporter, max_overhead=None)

    def run(self, program: Program, count: int, operands: Mapping[str, Any]) -> list[Outcome]:
        """Run the program over a call with the operands."""
        store = RequestLocalStore()
        installation = self.tracer.install(program)
        try:
            with request_scope(store):
                subject(**operands)
        finally:
            self.tracer.uninstall(installation)
        assert self.tracer.flush(60)
        (event,) = self.exporter.events
        self.exporter.clear()
        return _outcomes(count, store.all(), event.errors)
