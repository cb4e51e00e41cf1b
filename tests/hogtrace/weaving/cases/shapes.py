"""Shapes of bytecode: long jumps, long arguments, match, many returns, odd sizes."""

from collections.abc import Callable
from typing import Any

from tests.hogtrace.weaving.cases import case, describe, outcome

Load = Callable[[str], dict[str, Any]]


def _body(size: int, indent: str = "        ") -> str:
    return "".join(f"{indent}x = x + {n} - {n}\n" for n in range(size))


@case
def long_loops(load: Load) -> object:
    """Loops whose jumps need one and two prefixes, and just do or do not without the hooks."""
    results = []
    for size in [*range(8, 40, 1), 250, 5000]:
        space = load(f"def f(x):\n    for i in range(3):\n{_body(size)}    return x, i\n")
        results.append(space["f"](1))
    return results


@case
def long_conditions(load: Load) -> object:
    """Branches across long bodies with returns in them, which grow."""
    results = []
    for size in [*range(8, 34, 1), 300]:
        source = (
            f"def f(x, n):\n    while n:\n        n -= 1\n        if n == 3:\n{_body(size, '            ')}"
            f"            return x\n        elif n == 2:\n            return n\n{_body(size)}"
            f"        try:\n            if n == x:\n                return n, x\n        finally:\n            x += 1\n"
            f"    return 'end'\n"
        )
        space = load(source)
        results.append([space["f"](x, n) for x in range(3) for n in range(6)])
    return results


@case
def very_many_returns(load: Load) -> object:
    """A thousand returns."""
    source = "def f(n):\n" + "".join(f"    if n == {n}: return {n + 1000}\n" for n in range(1000))
    space = load(source)
    return [space["f"](n) for n in (0, 1, 500, 999, 1000)]


@case
def very_many_constants(load: Load) -> object:
    """Constants beyond one byte, the hook behind them, with returns of constants that need a prefix."""
    source = (
        "def f(n):\n    values = ["
        + ", ".join(f"n + {n}.5" for n in range(400))
        + "]\n    if n:\n        return 'long'\n    return values[-1]\n"
        + "def g(n):\n    if n == 1: raise ValueError('x')\n"
        + "".join(f"    if n == {n}.25: return {n}.75\n" for n in range(400))
    )
    space = load(source)
    return (
        space["f"](0),
        space["f"](1),
        [space["g"](n + 0.25) for n in (0, 255, 256, 399)],
        outcome(space["g"], 1),
    )


@case
def long_generator(load: Load) -> object:
    """A generator with many yields in nested handlers and long jumps."""
    source = (
        "def g(x):\n    try:\n        for i in range(2):\n"
        + "".join(f"            x += yield x + {n}\n" for n in range(100))
        + "    except ValueError:\n        yield 'caught'\n    finally:\n        yield 'finally'\n    return x\n"
    )
    space = load(source)
    it = space["g"](1)
    values = [next(it)] + [it.send(n) for n in range(150)]
    values += [it.throw(ValueError), next(it), outcome(next, it)]
    it = space["g"](1)
    next(it)
    return values, it.throw(KeyError, KeyError("k")) if False else outcome(it.throw, KeyError("k"))


@case
def long_coroutine(load: Load) -> object:
    """An async function with long async loops."""
    source = (
        "import asyncio\nasync def g(n):\n    for i in range(n):\n        yield i\n"
        "async def f(x):\n    async for i in g(3):\n"
        + _body(300)
        + "        await asyncio.sleep(0)\n        if i == x: return 'early', i\n    return x, i\n"
    )
    import asyncio

    space = load(source)
    return [asyncio.run(space["f"](x)) for x in (0, 1, 2, 3)]


@case
def one_liners(load: Load) -> object:
    """Everything on the line of the def."""
    space = load("def f(x): return x\ndef g(x): yield x\ndef h(): pass\ndef i(x): raise ValueError(x)\nl = lambda: 1\n")
    return space["f"](1), list(space["g"](2)), space["h"](), outcome(space["i"], 3), space["l"]()


@case
def infinite_loop(load: Load) -> object:
    """A body whose first instruction is a jump's target, and that has no end but an exception."""
    space = load(
        "def f(it):\n    while True:\n        next(it)\ndef g(x):\n    while x: pass\ndef h():\n    while 1: yield 1\n"
    )
    it = space["h"]()
    return outcome(space["f"], iter([1, 2])), space["g"](0), next(it), next(it), it.close()


@case
def matching() -> object:
    """Match in all its forms."""

    class Point:
        __match_args__ = ("x", "y")

        def __init__(self, x, y):
            self.x, self.y = x, y

    def f(value):
        match value:
            case None | True | False:
                return "constant"
            case 0 | -1 | 1.5:
                return "number"
            case "a" | b"b":
                return "text"
            case []:
                return "empty"
            case [x]:
                return "one", x
            case [x, *rest, y] if len(rest) > 2:
                return "long", x, rest, y
            case (x, y):
                return "pair", x, y
            case {"k": [k], **more}:
                return "mapping", k, more
            case Point(0, y=yy):
                return "on axis", yy
            case Point(x=xx) as point if xx > 5:
                return "far", point.x
            case Point():
                return "point"
            case int(n):
                return "int", n
            case _:
                return "other"

    values = [
        None, 0, -1, 1.5, "a", b"b", [], [1], [1, 2], [1, 2, 3], [1, 2, 3, 4, 5], {"k": [1], "l": 2}, {"k": 1},
        Point(0, 1), Point(6, 1), Point(1, 1), 42, 3.5,
    ]  # fmt: skip
    return [f(value) for value in values]


@case
def no_line_table(load: Load) -> object:
    """Code whose line table was cut away."""
    space = load("def f(x):\n    return 1 / x\n")
    f = space["f"]
    f.__code__ = f.__code__.replace(co_linetable=b"")
    try:
        f(0)
    except ZeroDivisionError as error:
        return f(1), error.__traceback__.tb_next.tb_frame.f_code.co_name
    return None


@case
def distant_lines(load: Load) -> object:
    """Lines far apart, going back, and columns beyond what short entries hold."""
    source = (
        "def f(x):\n    a = x\n"
        + "\n" * 5000
        + "    b = (a +\n"
        + "\n" * 300
        + "      1 / x)\n"
        + "    return "
        + " " * 200
        + "(a, b)\n"
    )
    space = load(source)
    return space["f"](1), outcome(space["f"], 0)


@case
def expressions() -> object:
    """Chained comparisons, conditional expressions, boolean operators, f-strings, slices, starred calls."""

    def f(a, b, c):
        return (
            a < b < c,
            a if b else c,
            (a and b) or c,
            not a,
            f"{a!r:>{5}} {b=} {{}}",
            [a, b, c][a:c],
            max(*[a, b], *(c,)),
            dict(a=a, b=b),
            {"a": a, "c": c},
            (lambda *args: args)(*[a], b, *[c]),
            a is b,
            a not in [b],
            a @ b if hasattr(a, "__matmul__") else ~a,
        )

    return f(1, 2, 3), f(0, 0, 1)


@case
def nested_functions_raise() -> object:
    """Exceptions through nested functions, class bodies and module-level code."""

    def f():
        class A:
            def g(self):
                def h():
                    raise ValueError("h")

                return [h() for _ in "x"]

            x = 1

        class B(A):
            def g(self):
                try:
                    return super().g()
                except ValueError as error:
                    raise KeyError("B") from error

        return B().g()

    try:
        f()
    except KeyError as error:
        return describe(error)
    return None


@case
def statements(load: Load) -> object:
    """Augmented assignments, deletions, asserts, star imports, type statements."""
    space = load(
        "def f(d, l):\n"
        "    d['a'] = 1; d['a'] += 2; l[0] -= 1; l[1:2] = [5, 6]\n"
        "    del d['b'], l[-1]\n"
        "    x: int = 3\n"
        "    assert x, 'no'\n"
        "    x **= 2; x //= 2; x @= 1 if False else M()\n"
        "    return d, l, x\n"
        "class M:\n"
        "    def __rmatmul__(self, other): return other, 'mat'\n"
    )
    return space["f"]({"b": 1}, [1, 2, 3])


@case
def returns_in_finally(load: Load) -> object:
    """A return, a break or a continue in finally swallows what was on its way."""
    space = load(
        "import sys\n"
        "def f(n):\n"
        "    try:\n"
        "        if n == 0: return 'try'\n"
        "        if n == 1: 1 / 0\n"
        "    finally:\n"
        "        if n < 3: return 'finally', sys.exc_info()[0], sys.exception() is None\n"
        "    return 'end'\n"
        "def g():\n"
        "    for i in range(3):\n"
        "        try: 1 / i\n"
        "        finally:\n"
        "            if i == 0: continue\n"
        "            break\n"
        "    return i, sys.exc_info()\n"
        "def h():\n"
        "    try: yield 1\n"
        "    finally: return 'swallowed'\n"
        "async def a():\n"
        "    try:\n"
        "        try: 1 / 0\n"
        "        finally: return 'inner'\n"
        "    finally: return 'outer'\n"
    )
    it = space["h"]()
    next(it)
    closing = space["h"]()
    next(closing)
    return (
        [space["f"](n) for n in range(4)],
        space["g"](),
        outcome(it.throw, KeyError("k")),
        outcome(closing.close),
        outcome(space["a"]().send, None),
    )
