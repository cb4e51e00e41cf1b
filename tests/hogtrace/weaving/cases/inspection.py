"""What inspect, dis and the frames tell of a function."""

import inspect
import linecache
import logging
import sys
import traceback

from tests.hogtrace.weaving.cases import case


@case
def signatures() -> object:
    """Signatures, annotations and argument specifications."""

    def f(a, /, b: int = 1, *args: str, c, d=2, **kwargs) -> None:
        """Text."""

    class A:
        def m(self, x):
            pass

    return (
        str(inspect.signature(f)),
        inspect.getfullargspec(f),
        inspect.get_annotations(f),
        str(inspect.signature(A().m)),
        inspect.getcallargs(f, 1, c=2),
        inspect.getdoc(f),
    )


@case
def kinds() -> object:
    """Which functions are coroutines and generators."""

    def f():
        pass

    def g():
        yield

    async def c():
        pass

    async def a():
        yield

    checks = (
        inspect.isfunction,
        inspect.isgeneratorfunction,
        inspect.iscoroutinefunction,
        inspect.isasyncgenfunction,
        inspect.isroutine,
    )
    return [[check(function) for check in checks] for function in (f, g, c, a)]


@case
def sources() -> object:
    """Source text and lines."""

    def f(
        a,
    ):
        return a

    return inspect.getsource(f), inspect.getsourcelines(f)[1], inspect.getfile(f), f.__code__.co_firstlineno


@case
def closures_seen() -> object:
    """Getclosurevars and cells."""

    def outer(x):
        def f(y):
            return x, y, len, sys

        return f

    seen = inspect.getclosurevars(outer(1))
    return seen.nonlocals, sorted(seen.globals), sorted(seen.builtins), outer(2).__closure__[0].cell_contents


@case
def code_attributes() -> object:
    """Names, counts and flags of code objects."""

    def f(a, /, b, *args, c, **kwargs):
        x = [a for _ in b]

        def g():
            return x, c

        return g

    code = f.__code__
    names = [name for name in dir(code) if name.startswith("co_")]
    changed = {
        "co_code", "co_consts", "co_stacksize", "co_exceptiontable", "co_linetable", "co_lnotab", "co_lines",
        "co_positions", "co_branches",
    }  # fmt: skip
    return [(name, getattr(code, name)) for name in names if name not in changed]


@case
def line_starts() -> object:
    """The lines that a code object has, in their order."""

    def f(x):
        try:
            for i in x:
                if i:
                    return [
                        i,
                        x,
                    ]
        finally:
            x = None
        return x

    def g():
        yield 1
        yield 2

    lines = []
    for function in (f, g):
        seen = [line for _, _, line in function.__code__.co_lines() if line is not None]
        lines.append([line for at, line in enumerate(seen) if at == 0 or seen[at - 1] != line])
    return lines


@case
def stacks() -> object:
    """inspect.stack and traceback.extract_stack from inside."""

    def f():
        return g()

    def g():
        stack = inspect.stack(0)[:2]
        extracted = traceback.extract_stack()[-2:]
        return (
            [(info.function, info.lineno) for info in stack],
            [(summary.name, summary.lineno, summary.line, summary.colno) for summary in extracted],
        )

    return f()


@case
def logging_callers() -> object:
    """The logging module finds the line and the function of the call."""

    def f():
        logger.warning("message")
        try:
            1 / 0
        except ZeroDivisionError:
            logger.exception("failed")

    records = []

    class Keep(logging.Handler):
        def emit(self, record):
            records.append((record.funcName, record.lineno, record.getMessage(), self.format(record)))

    logger = logging.Logger("case")
    logger.addHandler(Keep())
    f()
    return records


@case
def frames_of_running_calls() -> object:
    """f_back chains and lines, seen from a callback in C."""

    def key(x):
        frame = sys._getframe()
        seen.append((frame.f_back.f_code.co_name, frame.f_back.f_lineno))
        return x

    def f():
        return sorted(
            [2, 1],
            key=key,
        )

    seen = []
    return f(), seen


@case
def last_instructions() -> object:
    """The positions of all frames of a traceback."""

    def f(x):
        return (
            x.a
            + g(x)
        )  # fmt: skip

    def g(x):
        return x.b.c

    class X:
        a = 1
        b = None

    try:
        f(X())
    except AttributeError as error:
        positions = []
        for frame, _ in traceback.walk_tb(error.__traceback__):
            tb = error.__traceback__
            while tb.tb_frame is not frame:
                tb = tb.tb_next
            positions.append(list(frame.f_code.co_positions())[tb.tb_lasti // 2])
        return positions, linecache.getline(__file__, positions[-1][0])
    return None
