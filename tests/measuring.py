"""What probes can read of a framework's objects, tried out on them: the tables of the documentation."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from types import FrameType
from typing import Any

import hogtrace
from hogtrace.exporters import MemoryExporter
from hogtrace.types import TrustEntry

ALWAYS, LATER, NEVER, ABSENT = "yes", "once read", "no", "-"
LONGEST = 1.0


def hold(request: object, response: object) -> None:
    """Be probed; probes write the names of the parameters as the application would."""


class Measurement:
    """Which expressions can be read of a request and a response, and why not of the others.

    ``found`` has one of the constants above for each expression, and ``refusals`` the messages of those that are not
    always read. Reading changes nothing and runs nothing, which is checked. After that the expressions are evaluated in
    Python, as the application would, and what the probe says must be what Python says.
    """

    def __init__(
        self, expressions: Sequence[str], trust: Iterable[TrustEntry], request: object, response: object
    ) -> None:
        self.trust = tuple(trust)
        self.names = {"request": request, "response": response}
        self.found: dict[str, str] = {}
        self.guesses: dict[str, str] = {}
        self.refusals: dict[str, str] = {}
        first = self.read(expressions)
        real = {expression: self.evaluated(expression) for expression in expressions}
        second = self.read(expressions)
        for expression in expressions:
            value, message = second[expression]
            if isinstance(real[expression], AttributeError):
                self.found[expression] = ABSENT
                continue
            if isinstance(real[expression], Exception):
                # It may be a request without what is asked for; another one may teach more.
                self.guesses[expression] = ALWAYS if message is None else NEVER
                continue
            if message is None:
                assert same(value, real[expression]), (expression, value, real[expression])
            if first[expression][1] is not None:
                self.refusals[expression] = message or first[expression][1]
                self.found[expression] = NEVER if message is not None else LATER
            else:
                assert message is None, (expression, message)
                assert same(first[expression][0], real[expression]), (expression, first[expression][0])
                self.found[expression] = ALWAYS

    def evaluated(self, expression: str) -> Any:
        """Give the value of an expression in Python, or the exception that it raises."""
        try:
            return eval(expression, dict(self.names))  # noqa: S307 - our own texts
        except Exception as error:
            return error

    def merged(self, other: Measurement) -> Measurement:
        """Add what another request has taught of expressions that this one does not have."""
        for expression in other.found:
            if self.found.get(expression, ABSENT) == ABSENT:
                self.found[expression] = other.found[expression]
                if expression in other.refusals:
                    self.refusals[expression] = other.refusals[expression]
        self.found = {**self.guesses, **self.found}
        return self

    def read(self, expressions: Sequence[str]) -> dict[str, tuple[Any, str | None]]:
        """Give what probes capture of each expression, and the message where they could not read it."""
        probes = (
            f"fn:{__name__}.hold:entry {{ capture(at={index}, value={expression}); }}"
            for index, expression in enumerate(expressions)
        )
        program = hogtrace.compile("\n".join(probes))
        exporter = MemoryExporter()
        with hogtrace.Tracer(exporter=exporter, max_overhead=None, trust=self.trust, copy_time=LONGEST) as tracer:
            tracer.install(program)
            before = [contents(value) for value in self.names.values()]
            ran = called(self.names)
            assert [contents(value) for value in self.names.values()] == before, "a probe changed something"
            assert ran == ["hold"], f"a probe ran {ran}"
            assert tracer.flush(60)
        assert len(exporter.events) == len(expressions)
        return {
            expressions[event.values["at"]]: (
                event.values["value"],
                event.errors[0]["message"] if event.errors else None,
            )
            for event in exporter.events
        }


def called(names: Mapping[str, Any]) -> list[str]:
    """Call the probed function, and give the names of all functions in Python that run meanwhile."""
    ran: list[str] = []

    def profile(frame: FrameType, event: str, _argument: object) -> None:
        if event == "call":
            ran.append(frame.f_code.co_name)

    before = sys.getprofile()
    sys.setprofile(profile)
    try:
        hold(**names)
    finally:
        sys.setprofile(before)
    return ran


def contents(value: Any) -> dict[str, Any]:
    """Give what an object has in its own dict and slots, and what its environ or scope holds, each by identity."""
    found: dict[str, Any] = {}
    for kind in type(value).__mro__:
        slots = kind.__dict__.get("__slots__", ())
        for name in (slots,) if isinstance(slots, str) else slots:
            descriptor = kind.__dict__.get(name)
            if hasattr(type(descriptor), "__objclass__"):
                try:
                    found[name] = id(descriptor.__get__(value))  # type: ignore[union-attr]
                except AttributeError:
                    found[name] = None
    own = getattr(value, "__dict__", {})
    found |= {name: id(held) for name, held in own.items()}
    for name in ("environ", "scope", "META", "env"):
        held = own.get(name)
        if isinstance(held, dict):
            found |= {f"{name} {key}": id(inner) for key, inner in held.items()}
    return found


def same(read: Any, real: Any) -> bool:
    """Say whether a captured value is what Python has; of objects and secrets only that there is something."""
    if read == "[redacted]":
        return True
    if real is None or isinstance(real, str | int | float | bytes):
        return type(read)(real) == read if isinstance(real, str) else bool(read == real)
    return read is not None


def table(expressions: Sequence[str], columns: Mapping[str, Measurement]) -> str:
    """Give a table in Markdown: expressions, and what comes of each in each framework."""
    rows = [["expression", *columns], ["---"] * (len(columns) + 1)]
    rows += [
        [f"`{expression}`", *(measured.found[expression] for measured in columns.values())]
        for expression in expressions
    ]
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)
