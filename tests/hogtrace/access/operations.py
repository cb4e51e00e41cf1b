"""Every operation of the language, on everything in which an object can stand, through both hosts."""

import datetime
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from types import FrameType, SimpleNamespace
from typing import Any, Self

import hogtrace
from hogtrace import Program, RequestLocalStore, Tracer, compile, execute_probe
from hogtrace.exporters import MemoryExporter
from tests.hogtrace.hostile import touches

EXPRESSIONS = [
    "o", "o.name", "o.data", "o.function", "o.computed", "o.real", "o.args", "o.tzinfo", "o.year", "o.value", "o.x.y",
    "o[0]", 'o["a"]', "o[o]", "o[1:]", "o[o:]", "bool(o)", "!o", "not o", "o && 1", "o || 0", "o == o", "o == 1",
    "1 == o", "o != o", "o < 1", "1 < o", "o <= 1.5", 'o < "a"', 'o == "text"', "o == None", "o is None", "o is True",
    "o < o < o", "o in l", "1 in o", '"a" in o', "o in s", "o in d", 'o in "abc"', "o in r", "o in k", "k in o",
    'o in ["a", 1]', "o in o", "o not in l", "l == m", "d == e", "s == q", "s < q", "s - q", "q - s", "-o", "+o",
    "o + o", "o + 1", "1 + o", 'o + "a"', '"a" + o', "o + l", "l + o", "o + k", "k + o", "o - 1", "o - o", "o - s",
    "s - o", "o * 2", "2 * o", "l * o", "o * w", "w * o", "o / 2", "w / o", "o // 2", "w // o", "o % 2", "w % o",
    "2 % o", "o - u", "u - o", "o == u", "u < o", "o == k", "k == o", "o == c", "c == o", "o - w", "o + w", "w + o",
    "len(o)", "str(o)", "int(o)", "float(o)", "type(o)", "lower(o)", 'startswith(o, "a")', 'endswith("a", o)',
    "abs(o)", "min(o, 1)", "max(1, o)", "round(o)", "round(o, 1)", "round(1.5, o)", "d[o]", "l", "d", "x", "z",
    'matches(o, "a")', "stack(o)", "t.name", "v.name", "d.a", "f[o]", "o in f", "f", "f == e",
]  # fmt: skip


class Holder:
    """A class that stores something."""

    name: Any = None


def around(o: Any) -> dict[str, Any]:
    """Give the object and everything that it stands in, by the names that the expressions use."""
    try:
        keyed: dict[Any, Any] = {o: 1, "a": 2, 7: 3}
        members = {o, 1, 2}
    except Exception:  # it has no hash, or not without the name that is overridden
        keyed, members = {7: 3}, {1, 2}
    Holder.name = o
    return {
        "o": o,
        "l": [o, 1],
        "m": [o, 2],
        "d": {"a": o},
        "e": {"a": [o]},
        "f": keyed,
        "s": {1, 2},
        "q": members,
        "r": range(9),
        "k": b"text",
        "c": bytearray(b"text"),
        "w": datetime.timedelta(1),
        "u": datetime.datetime(2024, 10, 27, tzinfo=datetime.UTC),
        "x": ValueError(o),
        "z": [("name", o), {"k": (o, [o])}],
        "t": SimpleNamespace(name=o),
        "v": Holder,
    }


def visit(
    act: Callable[[FrameType], None],
    o: Any,
    l: Any,  # noqa: E741 - the operands go by the alphabet
    m: Any,
    d: Any,
    e: Any,
    f: Any,
    s: Any,
    q: Any,
    r: Any,
    k: Any,
    c: Any,
    w: Any,
    u: Any,
    x: Any,
    z: Any,
    t: Any,
    v: Any,
) -> Any:
    """Hold all of it in a frame while `act` looks at that."""
    act(sys._getframe())
    return o


_TARGET = f"fn:{visit.__module__}.visit"
# Few probes with many fields, each of which fails alone.
CAPTURES = [
    f"{_TARGET}:entry {{ capture({', '.join(f'v{n}={x}' for n, x in enumerate(EXPRESSIONS[start : start + 20]))}); }}"
    for start in range(0, len(EXPRESSIONS), 20)
]
PREDICATES = [f"{_TARGET}:entry / {expression} / {{ capture(); }}" for expression in EXPRESSIONS]
ASSIGNMENTS = [
    f"{_TARGET}:entry {{ $req.v = {expression}; $call.v = {expression}; capture($req.v == $call.v); }}"
    for expression in EXPRESSIONS
]
EXITS = [
    f"{_TARGET}:exit / $call.v / {{ capture($req.v, $call.v); }}",
    f"{_TARGET}:exit {{ capture(retval, exception, args, kwargs, locals); }}",
]


class Woven:
    """The operations as probes in `visit`; a context manager."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.tracer = Tracer(exporter=MemoryExporter(), max_overhead=None, queue_events=1)

    def __enter__(self) -> Self:
        self.tracer.install(self.program)
        return self

    def __exit__(self, *_: object) -> None:
        self.tracer.stop()

    def touched(self, o: Any) -> list[str]:
        """Do them all with `o`, in a request; give what was called meanwhile."""
        given = around(o)
        store = RequestLocalStore()
        with hogtrace.request_scope(store):
            touches.clear()
            visit(lambda frame: None, **given)
            # Before anything is let go of that the application would have let go of, too.
            return list(touches)

    def did(self) -> set[str]:
        """Give the states of the probes, and whether each was hit."""
        return {f"{probe.state} {probe.hits > 0}" for probe in self.tracer.status().probes}


class Executed:
    """The operations by `execute_probe` over a frame of `visit`; a context manager."""

    def __init__(self, program: Program) -> None:
        self.program = program

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def touched(self, o: Any) -> list[str]:
        """Do them all with `o`; give what was called meanwhile."""
        given = around(o)
        store = RequestLocalStore()

        def act(frame: FrameType) -> None:
            for probe in self.program.probes:
                execute_probe(self.program, probe, frame, store, o, None)

        touches.clear()
        visit(act, **given)
        return list(touches)

    def did(self) -> set[str]:
        """Give what `Woven` would give."""
        return {"installed True"}


ALL: Program = compile("\n".join(CAPTURES + PREDICATES + ASSIGNMENTS + EXITS))
BRIEF: Program = compile("\n".join(CAPTURES + EXITS))
HOSTS: dict[str, Callable[[Program], AbstractContextManager[Any]]] = {"woven": Woven, "execute_probe": Executed}
