"""What hostile values and hostile programs cost: time and memory of one run of a probe, measured.

    python -m tests.suites.bounds [NAME …]

Each case runs in a fresh process, which makes the value, runs the probe once to warm up and then a few times, and tells
the best time of a run and by how much its memory grew at most. The table has the bound beside it; a case over its bound
is marked, and the exit status says so. Linux only: the peak of a process's memory is reset through `/proc`.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

RUNS = 5
"""How many runs are timed; the best one counts, since the machine may be busy."""


class Case(NamedTuple):
    """One hostile value or program."""

    source: str
    """The probe, which reads the names of `values`."""
    values: Callable[[], dict[str, Any]]
    """Makes them."""
    milliseconds: float = 10.0
    """How long one run may take."""
    megabytes: float = 4.0
    """By how much the process may grow meanwhile."""


class Measured(NamedTuple):
    """What one case took."""

    milliseconds: float
    megabytes: float
    error: str | None
    """The last of the errors that the probe met."""


CAPTURE = "fn:app.f:entry { capture(v); }"


class Record:
    """An object with fields."""

    def __init__(self, **fields: object) -> None:
        self.__dict__.update(fields)


def nested(depth: int) -> object:
    """Give a list in a list in a list."""
    inner: object = 1
    for _ in range(depth):
        inner = [inner]
    return inner


def chain(length: int) -> BaseException:
    """Give an exception that came from another, and so on."""
    error = ValueError("first")
    for number in range(length):
        outer = ValueError(f"number {number}")
        outer.__cause__ = error
        error = outer
    return error


def deep_traceback(depth: int) -> BaseException:
    """Give an exception that was raised so many frames down."""

    def dive(left: int) -> None:
        if left == 0:
            raise ValueError("deep")
        dive(left - 1)

    sys.setrecursionlimit(depth + 1000)
    try:
        dive(depth)
    except ValueError as error:
        return error
    raise AssertionError("nothing was raised")


def cyclic() -> object:
    """Give a hundred objects that all hold each other."""
    nodes: list[Record] = [Record() for _ in range(100)]
    for node in nodes:
        node.others = nodes
        node.first = nodes[0]
    return nodes


def statements(statement: str, count: int) -> str:
    """Give a probe that does the same many times."""
    return f"fn:app.f:entry {{ {statement * count} }}"


def condition(test: str, count: int) -> str:
    """Give a probe whose predicate asks the same many times, and is false in the end."""
    return f"fn:app.f:entry / {' or '.join([test] * count)} / {{ }}"


def decimal_of(digits: int) -> object:
    """Give a long decimal."""
    import decimal

    return decimal.Decimal("7" * digits)


VALUES: dict[str, Case] = {
    "a list, a million deep": Case(CAPTURE, lambda: {"v": nested(1_000_000)}),
    "a hundred objects that hold each other": Case(CAPTURE, lambda: {"v": cyclic()}),
    "a string of 1 GB": Case(CAPTURE, lambda: {"v": "x" * 10**9}),
    "bytes, 1 GB": Case(CAPTURE, lambda: {"v": b"x" * 10**9}),
    "a view of 1 GB": Case(CAPTURE, lambda: {"v": memoryview(b"x" * 10**9)}),
    "a dict of ten million keys": Case(CAPTURE, lambda: {"v": dict.fromkeys(range(10_000_000))}),
    "a set of a million": Case(CAPTURE, lambda: {"v": set(range(1_000_000))}),
    "lists of lists of lists, 100 each": Case(CAPTURE, lambda: {"v": [[["x" * 5000] * 100] * 100] * 100}),
    "different lists of lists, 100 each": Case(
        CAPTURE, lambda: {"v": [[[f"{a} {b} {c}" for a in range(100)] for b in range(100)] for c in range(100)]}
    ),
    "dicts with long secret keys": Case(
        CAPTURE, lambda: {"v": [{f"{n} {'a_b' * 400}": {"password": "x"} for n in range(100)} for _ in range(10)]}
    ),
    "strings full of beginnings of secrets": Case(
        CAPTURE, lambda: {"v": [f"{n}" + "://a:b -----BEGIN eyJ Bearer " * 70 for n in range(100)]}
    ),
    "an integer of ten million bits": Case(CAPTURE, lambda: {"v": 1 << 10_000_000}),
    "a thousand integers of 4,096 bits": Case(CAPTURE, lambda: {"v": [[3**2580 + n for n in range(100)]] * 10}),
    "a decimal of a million digits": Case(CAPTURE, lambda: {"v": decimal_of(1_000_000)}),
    "a hundred decimals of 30,000 digits": Case(CAPTURE, lambda: {"v": [decimal_of(30_000)] * 100}),
    "a hundred thousand exceptions in a chain": Case(CAPTURE, lambda: {"v": chain(100_000)}),
    "a traceback of a hundred thousand frames": Case(CAPTURE, lambda: {"v": deep_traceback(100_000)}),
    "an exception that says 1 GB": Case(CAPTURE, lambda: {"v": ValueError("x" * 10**9)}),
    "an object of a million fields": Case(CAPTURE, lambda: {"v": Record(**{f"f{n}": n for n in range(1_000_000)})}),
    "a class with a name of 100 MB": Case(CAPTURE, lambda: {"v": type("x" * 10**8, (), {})()}),
    "a key of 1 GB": Case(CAPTURE, lambda: {"v": {"x" * 10**9: 1}}),
    "a path of 100 MB": Case(CAPTURE, lambda: {"v": Path("x" * 10**8)}),
}

PROGRAMS: dict[str, Case] = {
    "concatenations of 32 KiB": Case(statements("$call.x = v + v;", 800), lambda: {"v": "x" * 32_768}),
    "repetitions to 64 KiB": Case(statements("$call.x = v * 65536;", 800), lambda: {"v": "x"}),
    "lists of 8,192 items, joined": Case(statements("$call.x = v + v;", 800), lambda: {"v": [None] * 4096}),
    "slices of 64 KiB": Case(statements("$call.x = v[1:];", 600), lambda: {"v": "x" * 65_536}),
    "lower() of 64 KiB": Case(statements("$call.x = lower(v);", 800), lambda: {"v": "X" * 65_536}),
    "products of 2,048 bits": Case(statements("$call.x = v * v;", 800), lambda: {"v": 3**1290}),
    "quotients of 4,096 bits": Case(statements("$call.x = v // w;", 800), lambda: {"v": 3**2580, "w": 3**1290}),
    "text of 4,096 bits": Case(statements("$call.x = str(v);", 1000), lambda: {"v": 3**2580}),
    "int() of 1,200 digits": Case(statements("$call.x = int(v);", 1000), lambda: {"v": "9" * 1200}),
    "int() of 4,300 digits": Case(statements("$call.x = int(v);", 1000), lambda: {"v": "9" * 4300}),
    "decimals of 30,000 digits": Case(statements("$call.x = v * v;", 800), lambda: {"v": decimal_of(30_000)}),
    "quotients of decimals": Case(
        statements("$call.x = v / w;", 800), lambda: {"v": decimal_of(30_000), "w": decimal_of(15_000)}
    ),
    "a decimal against ten million bits": Case(
        condition("v == w", 300), lambda: {"v": decimal_of(5), "w": 1 << 10_000_000}
    ),
    "in a list of 10,000": Case(condition("-1 in v", 600), lambda: {"v": list(range(9_999))}),
    "in a list of 10,000 long strings": Case(
        condition("w in v", 600),
        lambda: {"v": ["x" * 65_535 + chr(n) for n in range(255)] * 39, "w": "x" * 65_535 + "\xff"},
    ),
    "in a list of 10,000 lists": Case(
        condition("w in v", 600), lambda: {"v": [[0] * 9_999 + [n] for n in range(100)] * 99, "w": [0] * 9_999 + [-1]}
    ),
    "in a set of 10,000 tuples": Case(
        condition("w in v", 600), lambda: {"v": {(0,) * 9_999 + (n,) for n in range(9_999)}, "w": -1}
    ),
    "in a text of 64 KiB": Case(
        condition("w in v", 600), lambda: {"v": "a" * 65_535 + "b", "w": "a" * 300 + "c" + "a" * 300}
    ),
    "a pattern in a text of 64 KiB": Case(
        condition(r'matches(v, "(x+x+)+y|\\bx.*[^x]$")', 300), lambda: {"v": "x" * 65_536}, milliseconds=100.0
    ),
    "dicts of 9,999 equal keys": Case(
        condition("v != w", 600), lambda: {"v": dict.fromkeys(range(9_999), 1), "w": dict.fromkeys(range(9_999), 1)}
    ),
    "a key of 1 GB": Case(statements("$call.x = v[w];", 600), lambda: {"v": {"a": 1}, "w": "x" * 10**9}),
    "a key of a million digits": Case(
        statements("$call.x = v[w];", 600), lambda: {"v": {1: 1}, "w": decimal_of(1_000_000)}
    ),
    "64 deep, of the largest": Case(
        f"fn:app.f:entry {{ {('capture(x=' + '(' * 60 + 'v + v' + ')' * 60 + ');') * 400} }}",
        lambda: {"v": "x" * 32_768},
    ),
    "all of it, captured": Case(statements("capture(locals, v);", 500), lambda: {"v": [["x" * 1024] * 100] * 100}),
}

CASES = VALUES | {f"program: {name}": case for name, case in PROGRAMS.items()}


def measure_here(case: Case) -> Measured:
    """Run a case in this process."""
    import hogtrace
    from hogtrace._engine import EventQueue, LinkedProbe, Redaction, Site, TrustList

    given = case.values()
    program = hogtrace.compile(case.source)
    queue = EventQueue(on_first=lambda: None)
    linked = LinkedProbe(program, program.probes[0], queue, access="safe", trust=TrustList(), redaction=Redaction())
    names = [name for _, name in linked.inputs]
    places: list[tuple[Any, ...]] = [("load", index) for index in range(len(names))]
    if None in names:  # `locals`
        places, names = [("locals", [("v", ("load", 0))]), ("load", 0)], ["v"]
    site = Site("app.f", [(linked, places)], [], parameters=names, keep=[], loads=(len(names), 0))
    values = tuple(given[name] for name in names)
    handed = values[0] if len(values) == 1 else values
    before = _reset_peak()
    times = []
    for _ in range(RUNS + 1):
        start = time.perf_counter()
        site[handed]
        times.append(time.perf_counter() - start)
        queue.settle(dropped=len(queue.take(100_000)))
    return Measured(
        milliseconds=min(times[1:]) * 1000,
        megabytes=(_peak() - before) / 1024,
        error=linked.last_error,
    )


def measure(name: str) -> Measured:
    """Run a case in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.suites.bounds", "--here", name],
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    if done.returncode:
        raise SystemExit(f"{name}: {done.stderr[-2000:] or done.returncode}")
    return Measured(*json.loads(done.stdout))


def _reset_peak() -> int:
    """Forget the peak of this process's memory, and give what it takes now, in KiB."""
    Path("/proc/self/clear_refs").write_text("5")
    return _status("VmRSS")


def _peak() -> int:
    return _status("VmHWM")


def _status(name: str) -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1])
    raise LookupError(name)


def row(name: str, case: Case, found: Measured) -> str:
    """Give one line of the table."""
    over = found.milliseconds > case.milliseconds or found.megabytes > case.megabytes
    return (
        f"{name:52} {found.milliseconds:9.3f} ms  {found.megabytes:6.1f} MB{'  OVER ITS BOUND' if over else ''}"
        f"{f'   {found.error[:90]}' if found.error else ''}"
    )


def main() -> None:
    """Measure the cases that are named, or all, and print the table."""
    if sys.argv[1:2] == ["--here"]:
        found = measure_here(CASES[sys.argv[2]])
        print(json.dumps(found))
        sys.stdout.flush()
        # Values a million deep are not taken apart: the interpreter would do that by recursion.
        import os

        os._exit(0)
    wanted = [name for name in CASES if not sys.argv[1:] or any(part in name for part in sys.argv[1:])]
    over = 0
    for name in wanted:
        found = measure(name)
        over += found.milliseconds > CASES[name].milliseconds or found.megabytes > CASES[name].megabytes
        print(row(name, CASES[name], found), flush=True)
    sys.exit(1 if over else 0)


if __name__ == "__main__":
    main()
