"""Coroutines, generators and async generators: each call of theirs begins once and ends once, however it ends."""

import asyncio
import contextlib
import functools
import gc
import types
import weakref
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator
from typing import Any

from tests.hogtrace.callables import Call, Rows, row

_seen: list[str] = []


async def returns(a):
    await asyncio.sleep(0)
    return a


async def raises(a):
    await asyncio.sleep(0)
    raise ValueError(a)


async def waits(a):
    await asyncio.Event().wait()


async def shields(a):
    try:
        await asyncio.Event().wait()
    except asyncio.CancelledError:
        return a


async def nests(a):
    return await returns(a) + await returns(a + 1)


def numbers(n):
    for number in range(n):
        received = yield number
        if received:
            n = received
    return n


def insists(n):
    try:
        yield n
    except GeneratorExit:
        raise KeyError(n) from None


def swallows(n):
    try:
        yield n
    except ValueError:
        yield -n


def delegates(n):
    return (yield from numbers(n))


def lazily(n):
    return (number + n for number in range(2))


def with_finally():
    try:
        yield 1
    finally:
        _seen.append("end")


@types.coroutine
def old_style(a):
    yield
    return a


async def pages(n):
    for page in range(n):
        await asyncio.sleep(0)
        yield page


async def pages_that_fail(n):
    yield n
    raise ValueError(n)


class Awaited:
    def __await__(self):
        yield
        return 1

    async def __aenter__(self):
        return 2

    async def __aexit__(self, *details):
        return True

    def __aiter__(self):
        self.left = 2
        return self

    async def __anext__(self):
        if not self.left:
            raise StopAsyncIteration
        self.left -= 1
        return self.left

    @classmethod
    async def make(cls, a):
        return a

    @staticmethod
    async def static(a):
        return a

    @property
    async def later(self):
        return 1

    async def pages(self, n):
        yield n


def wrapped_async(function):
    @functools.wraps(function)
    async def wrapper(*args):
        return await function(*args)

    return wrapper


@wrapped_async
async def decorated(a):
    return a


bound_async = functools.partial(decorated, 1)


@contextlib.asynccontextmanager
async def managed(a):
    await asyncio.sleep(0)
    yield a


# Uses


def drive(coroutine: Coroutine[Any, Any, Any]) -> object:
    try:
        while True:
            coroutine.send(None)
    except StopIteration as stop:
        return stop.value


def _run(make: Callable[[], Awaitable[Any]]) -> object:
    async def main() -> object:
        try:
            return await make()
        except BaseException as error:
            return type(error).__name__, str(error)

    return asyncio.run(main())


def _cancel(make: Callable[[], Coroutine[Any, Any, Any]]) -> object:
    async def main() -> object:
        task = asyncio.create_task(make())
        await asyncio.sleep(0)
        task.cancel()
        try:
            return await task
        except asyncio.CancelledError:
            return "cancelled"

    return asyncio.run(main())


async def _gather() -> object:
    return await asyncio.gather(returns(1), returns(2))


async def _time_out() -> object:
    async with asyncio.timeout(0.001):
        await waits(1)


def _never_awaited() -> None:
    returns(1).close()


def _close_suspended() -> None:
    coroutine = returns(1)
    coroutine.send(None)
    coroutine.close()


def _throw() -> object:
    coroutine = returns(1)
    coroutine.send(None)
    try:
        coroutine.throw(KeyError(2))
    except KeyError as error:
        return str(error)


def _dropped_coroutine() -> object:
    coroutine = returns(1)
    coroutine.send(None)
    del coroutine
    return gc.collect() >= 0


def _started(n: int = 3) -> Iterator[Any]:
    generator = numbers(n)
    next(generator)
    return generator


def _close() -> None:
    _started().close()  # type: ignore[attr-defined]


def _drop() -> None:
    _started()


def _in_a_cycle() -> bool:
    generator = _started()
    cycle = [generator]
    cycle.append(cycle)
    reference = weakref.ref(generator)
    del generator, cycle
    gc.collect()
    return reference() is None


def _insist() -> object:
    generator = insists(1)
    next(generator)
    try:
        generator.close()
    except KeyError as error:
        return str(error)


def _swallow() -> object:
    generator = swallows(1)
    return next(generator), generator.throw(ValueError()), list(generator)


def _send() -> object:
    generator = numbers(1)
    found = [next(generator)]
    try:
        generator.send(5)
    except StopIteration as stop:
        found.append(stop.value)
    return found


def _interleaved() -> object:
    first, second = numbers(2), numbers(3)
    return [next(first), next(second), next(second), next(first), *second, *first]


def _with_finally() -> object:
    _seen.clear()
    generator = with_finally()
    next(generator)
    del generator
    return [*_seen]


async def _collect(pages: AsyncIterator[Any]) -> object:
    return [page async for page in pages]


async def _break() -> object:
    async for _ in pages(3):
        break
    # The event loop closes what was dropped.
    for _ in range(5):
        await asyncio.sleep(0)


async def _aclose() -> object:
    made = pages(3)
    found = await anext(made)
    await made.aclose()
    return found


async def _athrow() -> object:
    made = pages(3)
    await anext(made)
    try:
        await made.athrow(KeyError(1))
    except KeyError as error:
        return str(error)


async def _never_iterated() -> None:
    pages(3)


async def _awaited() -> object:
    async with Awaited() as entered:
        found = [page async for page in Awaited()]
        return await Awaited(), entered, found


async def _managed() -> object:
    async with managed(1) as value:
        return value


ROWS: Rows = [
    row("returns", lambda: _run(lambda: returns(1)), Call((1,), 1)),
    row("returns", lambda: drive(returns(1)), Call((1,), 1)),
    row("returns", lambda: _run(_gather), Call((1,), 1), Call((2,), 2)),
    row("returns", lambda: _run(lambda: nests(1)), Call((1,), 1), Call((2,), 2)),
    row("returns", _never_awaited),
    row("returns", _close_suspended, Call((1,), error="GeneratorExit")),
    row("returns", _throw, Call((1,), error="KeyError")),
    row("returns", _dropped_coroutine, Call((1,), error="GeneratorExit")),
    row("raises", lambda: _run(lambda: raises(1)), Call((1,), error="ValueError")),
    row("waits", lambda: _cancel(lambda: waits(1)), Call((1,), error="CancelledError")),
    row("waits", lambda: _run(_time_out), Call((1,), error="CancelledError")),
    row("shields", lambda: _cancel(lambda: shields(1)), Call((1,), 1)),
    row("nests", lambda: _run(lambda: nests(1)), Call((1,), 3)),
    row("numbers", lambda: list(numbers(2)), Call((2,), 2)),
    row("numbers", lambda: list(delegates(2)), Call((2,), 2)),
    row("numbers", _send, Call((1,), 5)),
    row("numbers", _interleaved, Call((2,), 2), Call((3,), 3)),
    row("numbers", lambda: numbers(1).close()),  # type: ignore[attr-defined]
    row("numbers", _close, Call((3,), error="GeneratorExit")),
    row("numbers", _drop, Call((3,), error="GeneratorExit")),
    row("numbers", _in_a_cycle, Call((3,), error="GeneratorExit")),
    row("insists", _insist, Call((1,), error="KeyError")),
    row("swallows", _swallow, Call((1,))),
    row("delegates", lambda: list(delegates(2)), Call((2,), 2)),
    row("lazily", lambda: list(lazily(1)), Call((1,), "<<genexpr>>")),
    row("with_finally", _with_finally, Call(error="GeneratorExit")),
    row("old_style", lambda: _run(lambda: old_style(1)), Call((1,), 1)),
    row("pages", lambda: _run(lambda: _collect(pages(2))), Call((2,))),
    row("pages", lambda: _run(_break), Call((3,), error="GeneratorExit")),
    row("pages", lambda: _run(_aclose), Call((3,), error="GeneratorExit")),
    row("pages", lambda: _run(_athrow), Call((3,), error="KeyError")),
    row("pages", lambda: _run(_never_iterated)),
    row("pages_that_fail", lambda: _run(lambda: _collect(pages_that_fail(1))), Call((1,), error="ValueError")),
    row("Awaited.__await__", lambda: _run(_awaited), Call(("<Awaited>",), 1)),
    row("Awaited.__aenter__", lambda: _run(_awaited), Call(("<Awaited>",), 2)),
    row("Awaited.__aexit__", lambda: _run(_awaited), Call(("<Awaited>", None, None, None), True)),
    row("Awaited.__aiter__", lambda: _run(_awaited), Call(("<Awaited>",), "<Awaited>")),
    row(
        "Awaited.__anext__",
        lambda: _run(_awaited),
        Call(("<Awaited>",), 1),
        Call(("<Awaited>",), 0),
        Call(("<Awaited>",), error="StopAsyncIteration"),
    ),
    row("Awaited.make", lambda: _run(lambda: Awaited.make(1)), Call(("<Awaited>", 1), 1)),
    row("Awaited.static", lambda: _run(lambda: Awaited.static(1)), Call((1,), 1)),
    row("Awaited.later", lambda: _run(lambda: Awaited().later), Call(("<Awaited>",), 1)),
    row("Awaited.pages", lambda: _run(lambda: _collect(Awaited().pages(1))), Call(("<Awaited>", 1))),
    row("decorated", lambda: _run(lambda: decorated(1)), Call((1,), 1)),
    row("bound_async", lambda: _run(bound_async), Call((1,), 1)),
    row("managed", lambda: _run(_managed), Call((1,))),
]
