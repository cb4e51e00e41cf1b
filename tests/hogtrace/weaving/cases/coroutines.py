"""Coroutines and asynchronous generators, by hand and under asyncio."""

import asyncio
import contextlib
import contextvars
import gc
import inspect
import sys
import types
import warnings

from tests.hogtrace.weaving.cases import case, describe, outcome


@types.coroutine
def _pause(value):
    return (yield value)


@case
def driven_by_hand() -> object:
    """send, throw and close of a coroutine."""

    async def f(x):
        try:
            y = await _pause(x)
            z = await _pause(y)
            return x, y, z
        except ValueError as error:
            return await _pause(repr(error))
        finally:
            log.append("finally")

    log = []
    one, two, three, four = f(1), f(2), f(3), f(4)
    results = [one.send(None), one.send("y"), outcome(one.send, "z"), outcome(one.send, None)]
    results += [two.send(None), outcome(two.throw, ValueError("v")), outcome(two.send, "r")]
    results += [three.send(None), outcome(three.close), outcome(three.send, None)]
    results += [outcome(four.throw, KeyError("fresh"))]
    return results, log


@case
def never_awaited() -> object:
    """A coroutine that is dropped unstarted warns as ever."""

    async def f():
        pass

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        f()
        gc.collect()
    closed = f()
    closed.close()
    return [str(w.message) for w in caught], outcome(closed.send, None)


@case
def stop_iteration_in_a_coroutine() -> object:
    """StopIteration that leaves a coroutine becomes RuntimeError."""

    async def f():
        raise StopIteration("s")

    async def g():
        raise StopAsyncIteration("s")

    return outcome(f().send, None), outcome(g().send, None)


@case
def awaiting_chains() -> object:
    """Awaits through several coroutines, with the traceback of a failure in the last."""

    async def a():
        return await b(1)

    async def b(x):
        try:
            return await c(x)
        finally:
            log.append("b")

    async def c(x):
        await asyncio.sleep(0)
        raise ValueError(x)

    log = []
    return outcome(lambda: asyncio.run(a()))[1][:2], log


@case
def gathered() -> object:
    """Many tasks in one function at once."""

    async def worker(n):
        total = 0
        for i in range(n):
            await asyncio.sleep(0)
            total += i
        return n, total

    async def main():
        return await asyncio.gather(*(worker(n) for n in range(10)))

    return asyncio.run(main())


@case
def cancelled() -> object:
    """Cancellation: passed on, handled, refused, before the start."""

    async def f(how):
        log.append("begin")
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            log.append("cancelled")
            if how == "handle":
                return "handled"
            if how == "replace":
                raise ValueError("instead")
            raise
        finally:
            log.append("finally")

    async def main():
        results = []
        for how in ("pass", "handle", "replace"):
            task = asyncio.create_task(f(how))
            await asyncio.sleep(0)
            task.cancel("because")
            results.append((await asyncio.gather(task, return_exceptions=True), task.cancelled()))
        early = asyncio.create_task(f("pass"))
        early.cancel()
        results.append((repr(await asyncio.gather(early, return_exceptions=True)), early.cancelled()))
        return repr(results)

    log = []
    return asyncio.run(main()), log


@case
def time_outs_and_groups() -> object:
    """timeout, TaskGroup, wait_for."""

    async def slow():
        await asyncio.sleep(60)

    async def failing():
        await asyncio.sleep(0)
        raise ValueError("f")

    async def main():
        results = []
        try:
            async with asyncio.timeout(0.001):
                await slow()
        except TimeoutError as error:
            results.append(repr(error))
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(slow())
                group.create_task(failing())
        except* ValueError as errors:
            results.append(repr(errors))
        try:
            await asyncio.wait_for(slow(), 0.001)
        except TimeoutError as error:
            results.append(repr(error))
        return results

    return asyncio.run(main())


@case
def asynchronous_generators() -> object:
    """Async for over a generator: values, asend, athrow, aclose, early break."""

    async def g(n):
        try:
            for i in range(n):
                await asyncio.sleep(0)
                got = yield i
                log.append(got)
        except ValueError as error:
            yield repr(error)
        finally:
            await asyncio.sleep(0)
            log.append("finally")

    async def main():
        results = [[x async for x in g(3)]]
        it = g(3)
        results += [await anext(it), await it.asend("s"), await it.athrow(ValueError("v"))]
        results.append(await anext(it, "default"))
        it = g(3)
        results += [await anext(it), await it.aclose(), await anext(it, "closed")]
        it = g(3)
        results.append(await it.aclose())
        async for x in g(5):
            if x == 2:
                break
        async with contextlib.aclosing(g(2)) as it:
            async for x in it:
                results.append(x)
        return results

    log = []
    return asyncio.run(main()), sorted(map(repr, log))


@case
def asynchronous_generators_by_hand() -> object:
    """The protocol underneath."""

    async def g():
        x = await _pause("p")
        y = yield x
        yield y

    it = g()
    first = it.asend(None)
    results = [first.send(None), outcome(first.send, "x")]
    results.append(outcome(it.asend("y").send, None))
    results.append(outcome(it.__anext__().send, None))
    results.append(outcome(it.__anext__().send, None))
    return results


@case
def dropped_asynchronous_generator() -> object:
    """One that is left half-way is closed by the loop."""

    async def g():
        try:
            yield 1
            yield 2
        finally:
            log.append("finally")

    async def main():
        async for _ in g():
            break
        await asyncio.sleep(0)
        gc.collect()
        await asyncio.sleep(0.01)

    log = []
    asyncio.run(main())
    return log


@case
def async_with() -> object:
    """Asynchronous context managers that pass, swallow and fail."""

    class Manager:
        def __init__(self, how):
            self.how = how

        async def __aenter__(self):
            await asyncio.sleep(0)
            return self.how

        async def __aexit__(self, kind, value, tb):
            await asyncio.sleep(0)
            log.append((self.how, kind and kind.__name__))
            if self.how == "fail":
                raise OSError("exit")
            return self.how == "swallow"

    @contextlib.asynccontextmanager
    async def managed():
        try:
            yield "m"
        finally:
            log.append("managed")

    async def f(how, error):
        async with Manager(how) as entered, managed() as m:
            if error:
                raise ValueError("body")
            return entered, m
        return "after"

    async def main():
        results = []
        for how in ("pass", "swallow", "fail"):
            for error in (True, False):
                results.append(repr(await asyncio.gather(f(how, error), return_exceptions=True)))
        return results

    log = []
    return asyncio.run(main()), log


@case
def asynchronous_comprehensions() -> object:
    """Async for and await inside comprehensions."""

    async def g(n):
        for i in range(n):
            yield i
            await asyncio.sleep(0)

    async def double(x):
        await asyncio.sleep(0)
        return x * 2

    async def main(x):
        a = [await double(x) for x in range(3)]
        b = {x: y async for x in g(3) for y in [await double(x)] if x}
        c = [[y async for y in g(x)] async for x in g(3)]
        d = [y async for y in (await double(z) async for z in g(2))]
        try:
            [1 / (await double(x)) for x in range(2, -1, -1)]
        except ZeroDivisionError as error:
            e = error.__traceback__.tb_lineno
        return a, b, c, d, e, x

    return asyncio.run(main("x"))


@case
def coroutine_views() -> object:
    """Inspect's views of a coroutine and of an asynchronous generator."""

    async def f(a):
        b = await _pause(a)
        return b

    async def g(a):
        yield a

    c = f(1)
    views = [(inspect.getcoroutinestate(c), dict(inspect.getcoroutinelocals(c)), c.cr_await, c.cr_frame.f_lineno)]
    c.send(None)
    views.append(
        (
            inspect.getcoroutinestate(c),
            dict(inspect.getcoroutinelocals(c)),
            c.cr_await.__name__,
            c.cr_frame.f_lineno,
        )
    )
    outcome(c.send, 2)
    views.append((inspect.getcoroutinestate(c), c.cr_frame))
    return (
        views,
        inspect.iscoroutinefunction(f),
        inspect.isasyncgenfunction(g),
        asyncio.iscoroutinefunction(f) if sys.version_info < (3, 14) else None,
        f.__code__.co_flags,
        g.__code__.co_flags,
    )


@case
def context_variables() -> object:
    """Each task has its own context."""
    variable = contextvars.ContextVar("variable", default=0)

    async def f(n):
        variable.set(n)
        await asyncio.sleep(0)
        return variable.get()

    async def main():
        return await asyncio.gather(*(f(n) for n in range(5))), variable.get()

    return asyncio.run(main())


@case
def exceptions_across_await() -> object:
    """The exception being handled is kept across suspensions."""

    async def f():
        try:
            raise ValueError("outer")
        except ValueError:
            await _pause(1)
            during = sys.exc_info()[0]
            try:
                await _pause(2)
            except KeyError as error:
                return during, describe(error)

    c = f()
    c.send(None)
    c.send(None)
    return outcome(c.throw, KeyError("k"))


@case
def awaiting_in_finally() -> object:
    """Suspensions in every clause."""

    async def f(n):
        log = []
        try:
            log.append(await _pause("try"))
            if n == 0:
                return log
            raise ValueError(n)
        except ValueError:
            log.append(await _pause("except"))
            if n == 1:
                raise
        else:
            log.append("else")
        finally:
            log.append(await _pause("finally"))
        return log

    def drive(coroutine):
        steps = []
        try:
            value = None
            while True:
                value = coroutine.send(value)
                steps.append(value)
        except StopIteration as stop:
            return steps, stop.value
        except ValueError as error:
            return steps, describe(error)

    return [drive(f(n)) for n in range(4)]


@case
def awaitable_objects() -> object:
    """__await__ written in Python."""

    class Awaitable:
        def __init__(self, fail):
            self.fail = fail

        def __await__(self):
            got = yield from _pause("w").__iter__() if False else iter(["w"])
            if self.fail:
                raise ValueError("await")
            return "result"

    async def f(fail):
        return await Awaitable(fail)

    results = []
    for fail in (False, True):
        c = f(fail)
        results.append((c.send(None), outcome(c.send, None)))
    return results, outcome(lambda: asyncio.run(_bad()))[1][:2]


async def _bad():
    await 1


@case
def to_thread_and_executors() -> object:
    """Functions that run in other threads."""

    def work(n):
        return sum(range(n))

    async def main():
        return await asyncio.gather(*(asyncio.to_thread(work, n) for n in range(5)))

    return asyncio.run(main())
