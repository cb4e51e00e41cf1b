"""Functions: what parameters they take, and what their bodies do to these."""

import functools
import threading
from collections.abc import Callable
from typing import Any

from tests.hogtrace.callables import Call, Rows, row


def nothing():
    pass


def plain(a, b):
    return a + b


def defaults(a, b=2, c=(3,)):
    return a, b, c


def positional_only(a, b=2, /, c=3):
    return a, b, c


def keyword_only(*, a, b=2):
    return a, b


def star(a, *rest):
    return a, rest


def star_star(a=1, **named):
    return a, named


def everything(a, b=2, /, c=3, *rest, d, e=5, **named):
    return a, b, c, rest, d, e, named


def named_like_probes(args, kwargs, retval, duration, exception, locals, arg0):
    return args, kwargs, retval, duration, exception, locals, arg0


def deletes(a, b):
    del a
    return b


def deletes_all(a, *rest, b=1, **named):
    del a, rest, b, named


def deletes_a_cell(a):
    def inner():
        return a

    first = inner()
    del a
    return first


def rebinds(a, b):
    a, b = b, a
    return a


def rebinds_by_loop(n):
    for n in range(n):  # noqa: B020 - on purpose
        pass
    return n


def rebinds_by_except(error):
    try:
        raise KeyError
    except KeyError as error:
        return type(error).__name__


def rebinds_star(*rest, **named):
    rest, named = (), {}
    return rest, named


def cell(a, b):
    def inner():
        nonlocal a
        a += b
        return a

    return inner() + inner()


def raises(a):
    raise ValueError(a)


def raises_in_finally(a):
    try:
        return a
    finally:
        raise KeyError(a)


def returns_in_finally(a):
    try:
        raise KeyError(a)
    finally:
        return a  # noqa: B012 - on purpose


def raises_base():
    raise SystemExit(3)


def factorial(n):
    return 1 if n < 2 else n * factorial(n - 1)


def is_even(n):
    return n == 0 or is_odd(n - 1)


def is_odd(n):
    return n != 0 and is_even(n - 1)


def adder(a):
    def add(b):
        return a + b

    return add


add_one = adder(1)


def many(a0, a1, a2, a3, a4, a5, a6, a7, a8, a9, a10, a11, a12, a13, a14, a15, a16, a17, a18, a19):
    return a0 + a19


named_lambda = lambda a, b=2: (a, b)  # noqa: E731 - on purpose

_space: dict[str, Any] = {"__name__": __name__}
exec("def executed(a, /, *, b=1):\n    return a, b\n", _space)  # noqa: S102 - our own text
executed = _space["executed"]

evaluated = eval("lambda a: a * 2")  # noqa: S307 - our own text


def with_attributes(a):
    with_attributes.calls = getattr(with_attributes, "calls", 0) + 1
    return a


def generous(a=None, b=None):
    return a, b


generous.__defaults__ = (7, 8)


def annotated(a: "Nowhere", *, b: "int" = 1) -> "Nowhere":  # noqa: F821 - not evaluated
    return a


def with_global(a):
    global _last
    _last = a
    return _last


def with_import(a):
    import math

    return math.floor(a)


def with_class(a):
    class Local:
        b = a

    return Local.b


def with_match(a):
    match a:
        case {"kind": "point", "at": (x, y)}:
            return x + y
        case [first, *rest]:
            return first, rest
        case _:
            return None


def with_comprehensions(a):
    return [x + a for x in range(2)], {x: a for x in range(1)}, list(x for x in (a,))  # noqa: C400 - on purpose


def with_star_call(*a, **k):
    return plain(*a, **k)


def _attempt(function: Callable[..., Any], *args: Any) -> object:
    try:
        return function(*args)
    except BaseException as error:
        return type(error).__name__, str(error)


def _in_a_thread() -> object:
    found: list[object] = []
    thread = threading.Thread(target=lambda: found.append(plain(1, 2)))
    thread.start()
    thread.join()
    return found


ROWS: Rows = [
    row("nothing", nothing, Call()),
    row("plain", lambda: plain(1, 2), Call((1, 2), 3)),
    row("plain", lambda: plain(b=1, a=2), Call((2, 1), 3)),
    row("plain", lambda: [*map(plain, [1, 2], [3, 4])], Call((1, 3), 4), Call((2, 4), 6)),
    row("plain", lambda: functools.reduce(plain, [1, 2, 3]), Call((1, 2), 3), Call((3, 3), 6)),
    row("plain", _in_a_thread, Call((1, 2), 3)),
    row("plain", lambda: _attempt(plain, 1)),
    row("defaults", lambda: defaults(1), Call((1, 2, (3,)), (1, 2, (3,)))),
    row("positional_only", lambda: positional_only(1, c=4), Call((1, 2, 4), (1, 2, 4))),
    row("keyword_only", lambda: keyword_only(a=1), Call((), (1, 2), {"a": 1, "b": 2})),
    row("star", lambda: star(1, 2, 3), Call((1, 2, 3), (1, (2, 3)))),
    row("star_star", lambda: star_star(x=1), Call((1,), (1, {"x": 1}), {"x": 1})),
    row(
        "everything",
        lambda: everything(1, 2, 3, 4, d=5, f=6),
        Call((1, 2, 3, 4), (1, 2, 3, (4,), 5, 5, {"f": 6}), {"d": 5, "e": 5, "f": 6}),
    ),
    row(
        "named_like_probes",
        lambda: named_like_probes(1, 2, 3, 4, 5, 6, 7),
        Call((1, 2, 3, 4, 5, 6, 7), (1, 2, 3, 4, 5, 6, 7)),
    ),
    row("deletes", lambda: deletes(1, 2), Call((1, 2), 2)),
    row("deletes_all", lambda: deletes_all(1, 2, b=3, c=4), Call((1, 2), None, {"b": 3, "c": 4})),
    row("deletes_a_cell", lambda: deletes_a_cell(1), Call((1,), 1)),
    row("rebinds", lambda: rebinds(1, 2), Call((1, 2), 2)),
    row("rebinds_by_loop", lambda: rebinds_by_loop(3), Call((3,), 2)),
    row("rebinds_by_except", lambda: rebinds_by_except(1), Call((1,), "KeyError")),
    row("rebinds_star", lambda: rebinds_star(1, a=2), Call((1,), ((), {}), {"a": 2})),
    row("cell", lambda: cell(1, 2), Call((1, 2), 8)),
    row("raises", lambda: _attempt(raises, 1), Call((1,), error="ValueError")),
    row("raises_in_finally", lambda: _attempt(raises_in_finally, 1), Call((1,), error="KeyError")),
    row("returns_in_finally", lambda: returns_in_finally(1), Call((1,), 1)),
    row("raises_base", lambda: _attempt(raises_base), Call(error="SystemExit")),
    row("factorial", lambda: factorial(3), Call((3,), 6), Call((2,), 2), Call((1,), 1)),
    row("is_even", lambda: is_even(3), Call((3,), False), Call((1,), False)),
    row("adder", lambda: adder(1)(2), Call((1,), "<add>")),
    row("adder.<locals>.add", lambda: (adder(1)(2), add_one(4)), Call((2,), 3), Call((4,), 5)),
    row("add_one", lambda: (adder(1)(2), add_one(4)), Call((4,), 5)),
    row("many", lambda: many(*range(20)), Call(tuple(range(20)), 19)),
    row("named_lambda", lambda: named_lambda(1), Call((1, 2), (1, 2))),
    row("executed", lambda: executed(1), Call((1,), (1, 1), {"b": 1})),
    row("evaluated", lambda: evaluated(1), Call((1,), 2)),
    row("with_attributes", lambda: with_attributes(1), Call((1,), 1)),
    row("generous", lambda: generous(), Call((7, 8), (7, 8))),
    row("annotated", lambda: annotated(1), Call((1,), 1, {"b": 1})),
    row("with_global", lambda: with_global(1), Call((1,), 1)),
    row("with_import", lambda: with_import(1.5), Call((1.5,), 1)),
    row("with_class", lambda: with_class(1), Call((1,), 1)),
    row(
        "with_match",
        lambda: (with_match({"kind": "point", "at": (1, 2)}), with_match([1, 2]), with_match(1)),
        Call(({"kind": "point", "at": (1, 2)},), 3),
        Call(([1, 2],), (1, [2])),
        Call((1,), None),
    ),
    row("with_comprehensions", lambda: with_comprehensions(1), Call((1,), ([1, 2], {0: 1}, [1]))),
    row("with_star_call", lambda: with_star_call(1, b=2), Call((1,), 3, {"b": 2})),
]
