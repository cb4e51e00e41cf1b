"""One expression of a probe, evaluated over given values by the engine alone: no weaving, no exporter.

There are two hosts: the values of a call, as the hook of a woven function hands them over, and a Python frame.
"""

import contextlib
import functools
import sys
from collections.abc import Callable, Iterator, Sequence
from types import FrameType
from typing import Any, NamedTuple

from hogtrace import ProbeExecutor, RequestLocalStore, compile
from hogtrace._engine import CaptureEvent, EventQueue, LinkedProbe, Redaction, Site, TrustList

_host = "call"


class Outcome(NamedTuple):
    """What a capture of one expression gave: its value, and why it has none."""

    value: Any
    kind: str | None
    message: str | None


def site_of(source: str, /, **settings_and_names: Any) -> tuple[Site, Any, EventQueue, LinkedProbe]:
    """Make the hook object of the first probe of `source`, what its entry is handed, its queue, and the probe.

    Names other than the settings are the values that it reads.
    """
    access = settings_and_names.pop("access", "safe")
    trust: Sequence[tuple[str, str, str, str]] = settings_and_names.pop("trust", ())
    redaction = settings_and_names.pop("redaction", None) or Redaction(enabled=False)
    limits = settings_and_names.pop("limits", None)
    program = compile(source)
    queue = EventQueue(on_first=settings_and_names.pop("on_first", lambda: None))
    linked = LinkedProbe(
        program,
        program.probes[0],
        queue,
        access=access,
        trust=TrustList(trust),
        redaction=redaction,
        limits=limits,
    )
    names = [name for _, name in linked.inputs]
    places = [("load", index) for index in range(len(names))]
    site = Site("app.f", [(linked, places)], [], parameters=names, keep=[], loads=(len(names), 0))
    values = tuple(settings_and_names[name] for name in names)
    return site, values[0] if len(values) == 1 else values or None, queue, linked


def fire(source: str, /, **settings_and_names: Any) -> list[CaptureEvent]:
    """Run the first probe of `source` once; names other than the settings are the values that it reads."""
    site, values, queue, _ = site_of(source, **settings_and_names)
    site[values]
    return queue.take(10)


@functools.cache
def _framed(names: tuple[str, ...]) -> Callable[..., FrameType]:
    """Make a function with these parameters, which gives its own frame."""
    namespace: dict[str, Any] = {"sys": sys}
    exec(f"def f({', '.join(names)}):\n    return sys._getframe()\n", namespace)  # noqa: S102 - our own text
    made: Callable[..., FrameType] = namespace["f"]
    return made


def _evaluate_in_a_frame(source: str, access: str, names: dict[str, Any]) -> Outcome:
    program = compile(source)
    executor = ProbeExecutor(program, program.probes[0], RequestLocalStore(), access=access)
    captured = executor.execute(_framed(tuple(names))(**names))
    assert captured is not None
    return _outcome(captured["result"], executor.errors)


def _outcome(value: Any, errors: Sequence[dict[str, Any]]) -> Outcome:
    for error in errors:
        return Outcome(value, error["kind"], error["message"])
    return Outcome(value, None, None)


def evaluate(expression: str, /, **settings_and_names: Any) -> Outcome:
    """Give the value of `expression`, or the kind and message of its failure, in the host of the test.

    That is a call, or what `host` says. A trust list, redaction and other bounds of copies are there in a call only.
    """
    source = f"fn:app.f:entry {{ capture(result={expression}); }}"
    if _host == "frame" and not settings_and_names.keys() & {"trust", "redaction", "limits"}:
        return _evaluate_in_a_frame(source, settings_and_names.pop("access", "safe"), settings_and_names)
    (event,) = fire(source, **settings_and_names)
    return _outcome(event.values["result"], event.errors)


@contextlib.contextmanager
def host(name: str) -> Iterator[None]:
    """Let `evaluate` read the values of a "call" or of a "frame"."""
    global _host
    before, _host = _host, name
    try:
        yield
    finally:
        _host = before
