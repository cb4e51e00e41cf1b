"""Generators: every way to resume, end and drop them."""

import gc
import inspect
import itertools
import sys
import types
import weakref

from tests.hogtrace.weaving.cases import case, describe, outcome


@case
def iterated() -> object:
    """Plain iteration, and the value behind the end."""

    def g(n):
        for i in range(n):
            yield i
        return "end"

    it = g(2)
    return list(g(3)), next(it), next(it), outcome(next, it), outcome(next, it), list(g(0))


@case
def sent_to() -> object:
    """Send with values, to a fresh and to a finished one."""

    def g():
        got = []
        while True:
            x = yield got[-1:]
            if x is None:
                return got
            got.append(x)

    it = g()
    fresh = outcome(it.send, 1)
    results = [
        next(it),
        it.send(1),
        it.send(2),
        outcome(it.send, None),
        outcome(it.send, 3),
        outcome(next, it),
    ]
    return fresh, results


@case
def thrown_into() -> object:
    """throw: caught, passed, replaced, by class and instance, fresh and finished."""

    def g():
        try:
            yield 1
        except ValueError as error:
            yield repr(error)
        except KeyError:
            raise RuntimeError("instead")
        finally:
            log.append("finally")
        yield "after"

    log = []
    results = []
    for error in (ValueError("v"), KeyError("k"), OSError("o"), ValueError):
        it = g()
        next(it)
        results.append(outcome(it.throw, error))
        results.append(outcome(next, it))
        results.append(outcome(it.throw, error))
    fresh = g()
    results.append(outcome(fresh.throw, ValueError("fresh")))
    results.append(outcome(next, fresh))
    return results, log


@case
def closed() -> object:
    """close: fresh, suspended, in handlers, refused, with a value, finished."""

    def g(how):
        try:
            yield 1
            yield 2
        except GeneratorExit:
            log.append("exit")
            if how == "refuse":
                yield 3
            if how == "return":
                return "value"
            if how == "raise":
                raise ValueError("while closing")
            raise
        finally:
            log.append("finally")

    def plain():
        yield 1
        yield 2

    log = []
    results = []
    for how in ("pass", "refuse", "return", "raise"):
        it = g(how)
        next(it)
        results.append(outcome(it.close))
        results.append(outcome(it.close))
        results.append(outcome(next, it))
    fresh = g("pass")
    results.append(outcome(fresh.close))
    results.append(outcome(next, fresh))
    it = plain()
    next(it)
    results.append(outcome(it.close))
    results.append((inspect.getgeneratorstate(it), it.gi_frame, list(it)))
    return results, log


@case
def collected() -> object:
    """Dropped half-way, fresh and finished; alone and in a cycle."""

    def g(thing):
        try:
            yield thing
            yield 2
        except GeneratorExit:
            log.append("exit")
            raise
        finally:
            log.append("finally")

    def plain(thing):
        yield thing
        yield 2

    class Thing:
        pass

    log = []
    alive = []
    for function in (g, plain):
        for steps in range(3):
            thing = Thing()
            watch = weakref.ref(thing)
            it = function(thing)
            outcomes = [next(it) is not None for _ in range(steps)]
            del thing
            alive.append((watch() is not None, outcomes))
            del it
            alive.append(watch() is not None)
        thing = Thing()
        it = thing.it = function(thing)
        next(it)
        watch = weakref.ref(thing)
        del thing, it
        gc.collect()
        alive.append(watch() is not None)
    return alive, log


@case
def delegated() -> object:
    """Yield from: values, send, throw, close, results, over generators and over plain iterators."""

    def inner():
        try:
            x = yield "i1"
            log.append(x)
            y = yield "i2"
            log.append(y)
        except ValueError as error:
            log.append(repr(error))
            yield "handled"
        finally:
            log.append("inner finally")
        return "inner result"

    def outer():
        log.append((yield from inner()))
        yield from [1, 2]
        return (yield from iter(()))

    def run(*steps):
        it = outer()
        return [outcome(step, it) for step in steps]

    log = []
    return (
        run(next, lambda it: it.send("a"), lambda it: it.send("b"), next, next, next),
        run(next, lambda it: it.throw(ValueError("v")), next, next, next),
        run(next, lambda it: it.throw(KeyError("k"))),
        run(next, lambda it: it.close(), next),
        run(next, lambda it: it.gi_yieldfrom.__name__),
        log,
    )


@case
def delegated_to_odd_iterators() -> object:
    """Yield from an object with and without send, throw and close."""

    class Odd:
        def __init__(self):
            self.n = 0

        def __iter__(self):
            return self

        def __next__(self):
            self.n += 1
            if self.n > 3:
                raise StopIteration("odd result")
            return self.n

    class Throwing(Odd):
        def throw(self, *error):
            return "thrown"

        def close(self):
            log.append("closing")

    def g(it):
        result = yield from it
        return result, "end"

    log = []
    results = []
    for kind in (Odd, Throwing):
        it = g(kind())
        results.append([next(it), outcome(it.throw, KeyError("k")), outcome(next, it)])
        it = g(kind())
        results.append([next(it), outcome(it.send, 1), outcome(it.close)])
        results.append(outcome(lambda: list(g(kind()))))
    return results, log


@case
def stop_iteration_inside() -> object:
    """StopIteration that leaves a generator becomes RuntimeError, with its cause."""

    def g():
        yield 1
        raise StopIteration("s")

    def h():
        yield next(iter(()))

    it = g()
    next(it)
    return outcome(next, it), outcome(list, h()), outcome(list, g())


@case
def lambda_generators() -> object:
    """A generator that is a lambda, which has no handler for StopIteration."""
    g = lambda: (yield (yield 1))
    it = g()
    return (
        list(g()),
        next(it),
        it.send(2),
        outcome(it.throw, KeyError("k")),
        outcome(g().throw, KeyError("k")),
    )


@case
def generator_expressions() -> object:
    """Generator expressions, nested, closing over variables, failing."""

    def f(n):
        return list(x + y for x in range(n) for y in (x * z for z in range(x)) if y != 2)

    def failing(n):
        return list(1 / x for x in range(n, -1, -1))

    def half():
        it = (x for x in range(10))
        return next(it), next(it), it.close(), list(it)

    return f(4), outcome(failing, 2), half()


@case
def running_generator() -> object:
    """A generator that resumes itself."""

    def g():
        yield outcome(next, it)
        yield outcome(it.close)

    it = g()
    return next(it), next(it)


@case
def state_and_frame() -> object:
    """Inspect's views of a generator between its steps."""

    def g(a):
        b = yield a
        c = yield b

    it = g(1)
    views = []
    for step in (None, None, 5, 6):
        frame = it.gi_frame
        views.append(
            (
                inspect.getgeneratorstate(it),
                dict(inspect.getgeneratorlocals(it)),
                frame and frame.f_lineno,
                it.gi_running,
                it.gi_suspended if hasattr(it, "gi_suspended") else None,
            )
        )
        try:
            it.send(step)
        except StopIteration:
            pass
    views.append((inspect.getgeneratorstate(it), it.gi_frame))
    return views, it.gi_code.co_name, it.__name__, it.__qualname__


@case
def frames_cleared() -> object:
    """frame.clear on suspended and finished generators."""

    def g(log):
        try:
            yield 1
        finally:
            log.append("finally")

    log = []
    it = g(log)
    next(it)
    frame = it.gi_frame
    return outcome(frame.clear), log, outcome(next, it), dict(frame.f_locals)


@case
def exception_state_in_generators() -> object:
    """sys.exc_info is a generator's own while it runs."""

    def g():
        yield sys.exc_info()[0]
        try:
            raise KeyError("inner")
        except KeyError:
            yield sys.exc_info()[0]
            yield sys.exc_info()[0]
        yield sys.exc_info()[0]

    def f():
        it = g()
        results = [next(it)]
        try:
            raise ValueError("outer")
        except ValueError:
            results += [next(it), sys.exc_info()[0]]
        results += [next(it), sys.exc_info()[0], next(it)]
        return results

    return f()


@case
def context_of_thrown_exceptions() -> object:
    """__context__ of what is thrown into a generator that handles something."""

    def g():
        try:
            1 / 0
        except ZeroDivisionError:
            yield 1

    it = g()
    next(it)
    try:
        it.throw(ValueError("thrown"))
    except ValueError as error:
        return describe(error)
    return None


@case
def many_yields_in_try() -> object:
    """Yields at every depth of nested handlers and loops."""

    def g(n):
        yield "a"
        try:
            yield "b"
            for i in range(2):
                yield "c", i
                try:
                    yield "d", i
                    with_list = [(yield "e"), (yield "f")]
                    log.append(with_list)
                except KeyError:
                    yield "g"
                finally:
                    yield "h"
        finally:
            yield "i"
        return n

    log = []
    results = []
    for cut in range(14):
        it = g(cut)
        steps = list(itertools.islice(it, cut))
        results.append((steps, outcome(it.throw, KeyError("k")), outcome(list, it)))
    return results, log


@case
def types_coroutine() -> object:
    """Generators made awaitable."""

    @types.coroutine
    def pause():
        got = yield "paused"
        return got

    async def main():
        return await pause()

    coroutine = main()
    return (
        coroutine.send(None),
        outcome(coroutine.send, "x"),
        inspect.iscoroutinefunction(pause),
        pause.__code__.co_flags,
    )


@case
def generator_methods_in_classes() -> object:
    """Generators as methods, with super and self."""

    class A:
        def items(self):
            yield from self.data

    class B(A):
        def __init__(self):
            self.data = [1, 2]

        def items(self):
            yield 0
            yield from super().items()
            yield __class__.__name__

    return list(B().items())


@case
def suspended_with_values_on_the_stack() -> object:
    """A yield in the middle of an expression keeps what lies below it."""

    def g():
        return [1, (yield 2), {"a": (yield 3), "b": (yield 4)}, f"{(yield 5)}-{(yield 6)}"]

    it = g()
    steps = [next(it)]
    for n in range(4):
        steps.append(it.send(n * 10))
    closed = g()
    next(closed)
    return steps, outcome(it.send, 40), closed.close()


@case
def cells_in_generators() -> object:
    """Closures made by a generator see its variables change."""

    def g():
        x = 0
        get = lambda: x
        while x < 3:
            x += 1
            yield get

    return [get() for get in g()]
