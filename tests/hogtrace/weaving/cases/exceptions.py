"""Exceptions: which, from where, with what behind them, and what is left of them."""

import contextlib
import gc
import sys
import weakref

from tests.hogtrace.weaving.cases import case, describe, outcome


@case
def raised_and_propagated() -> object:
    """An exception through three frames."""

    def a():
        b(1)

    def b(x):
        return c(
            x,
            2,
        )

    def c(*args):
        raise ValueError(args)

    return outcome(a)


@case
def caught_inside() -> object:
    """except, else, finally, in every combination that ends a function."""

    def f(n):
        log = []
        try:
            log.append("try")
            if n == 1:
                raise ValueError(n)
            if n == 2:
                raise KeyError(n)
            if n == 3:
                return log
        except ValueError as error:
            log.append(repr(error))
            return log
        except KeyError:
            raise
        else:
            log.append("else")
        finally:
            log.append("finally")
        return log

    return [outcome(f, n) for n in range(5)]


@case
def nested_try_and_return() -> object:
    """Returns out of nested handlers."""

    def f(n):
        try:
            try:
                if n == 0:
                    return "inner"
                raise KeyError(n)
            except KeyError:
                try:
                    if n == 1:
                        return "handler"
                    raise ValueError(n)
                except ValueError as error:
                    if n == 2:
                        return repr(error), repr(error.__context__)
                    raise
                finally:
                    n += 0
            finally:
                n = -n
        except ValueError:
            return "outer", n
        return "end"

    return [outcome(f, n) for n in range(5)]


@case
def loops_with_try() -> object:
    """break, continue and return through finally, with iterators on the stack."""

    def f(stop):
        log = []
        for a in range(3):
            for b in range(3):
                try:
                    if (a, b) == stop:
                        return log
                    if b == 1:
                        continue
                    if a == 2:
                        break
                    log.append((a, b))
                finally:
                    log.append("f")
            else:
                log.append("else")
        return log, "end"

    return [f(stop) for stop in [(0, 0), (1, 2), (2, 1), None]]


@case
def context_chain() -> object:
    """__context__ and __cause__ of exceptions raised while handling others."""

    def f():
        try:
            try:
                1 / 0
            except ZeroDivisionError:
                {}["missing"]
        except KeyError as error:
            raise RuntimeError("outer") from error

    def g():
        try:
            1 / 0
        except ZeroDivisionError:
            raise ValueError from None

    def h():
        try:
            raise_it()
        except ValueError:
            raise_it()

    def raise_it():
        raise ValueError("it")

    return outcome(f), outcome(g), outcome(h)


@case
def exception_info_while_calling() -> object:
    """sys.exc_info and sys.exception inside functions called from handlers."""

    def look():
        return sys.exc_info()[0], repr(sys.exception())

    def fail():
        raise KeyError("inner")

    def f():
        before = look()
        try:
            raise ValueError("outer")
        except ValueError:
            during = look()
            with contextlib.suppress(KeyError):
                fail()
            again = look()
        return before, during, again, look()

    return f(), sys.exc_info()


@case
def exception_variable_is_deleted() -> object:
    """The name of an except clause is gone after it."""

    def f():
        error = "before"
        try:
            raise ValueError("x")
        except ValueError as error:
            kept = repr(error)
        return kept, error

    return outcome(f)


@case
def reraise_keeps_the_traceback() -> object:
    """Raise without an argument, and of the same object, add their lines."""

    def f():
        try:
            g()
        except ValueError:
            raise

    def g():
        try:
            h()
        except ValueError as error:
            raise error

    def h():
        raise ValueError("deep")

    return outcome(f)


@case
def one_exception_twice() -> object:
    """An exception object that is raised again later grows its traceback the same way."""

    def fail():
        raise error

    error = ValueError("shared")
    first = outcome(fail)
    second = outcome(fail)
    return first, second


@case
def no_cycle_is_left() -> object:
    """A frame and its exception are freed as soon as they would be."""

    class Thing:
        pass

    def f(thing):
        local = thing
        raise ValueError("x")

    gc.collect()
    gc.disable()
    try:
        thing = Thing()
        watch = weakref.ref(thing)
        try:
            f(thing)
        except ValueError:
            alive_inside = watch() is not None
        del thing
        return alive_inside, watch() is None
    finally:
        gc.enable()


@case
def traceback_frames_keep_locals() -> object:
    """The frames of a traceback show the locals of the moment."""

    def f(x):
        y = x + 1
        raise ValueError(y)

    try:
        f(1)
    except ValueError as error:
        frame = error.__traceback__.tb_next.tb_frame
        return dict(frame.f_locals), frame.f_lineno, error.__traceback__.tb_next.tb_lineno
    return None


@case
def clearing_frames() -> object:
    """traceback.clear_frames empties frames that ended by an exception."""
    import traceback

    def f(x):
        raise ValueError

    try:
        f(object())
    except ValueError as error:
        traceback.clear_frames(error.__traceback__)
        return dict(error.__traceback__.tb_next.tb_frame.f_locals)
    return None


@case
def with_statements() -> object:
    """Context managers that pass, swallow, replace and fail."""

    class Manager:
        def __init__(self, how):
            self.how = how

        def __enter__(self):
            log.append(("enter", self.how))
            if self.how == "fail enter":
                raise OSError("enter")
            return self

        def __exit__(self, kind, value, tb):
            log.append(("exit", self.how, kind and kind.__name__))
            if self.how == "fail exit":
                raise OSError("exit")
            return self.how == "swallow"

    def f(how, what):
        with Manager("outer"), Manager(how) as inner:
            log.append(inner.how)
            if what == "raise":
                raise ValueError(what)
            if what == "return":
                return what
            for _ in range(2):
                with Manager("loop"):
                    if what == "break":
                        break
        return "end"

    log = []
    results = [
        outcome(f, how, what)
        for how in ("pass", "swallow", "fail enter", "fail exit")
        for what in ("raise", "return", "break", "end")
    ]
    return results, log


@case
def contextlib_managers() -> object:
    """Generators as context managers."""

    @contextlib.contextmanager
    def managed(swallow):
        log.append("in")
        try:
            yield "value"
        except ValueError as error:
            log.append(repr(error))
            if not swallow:
                raise
        finally:
            log.append("out")

    def f(swallow, error):
        with managed(swallow) as value:
            if error is not None:
                raise error
            return value

    log = []
    return (
        [
            outcome(f, swallow, error)
            for swallow in (True, False)
            for error in (None, ValueError("v"), KeyError("k"), StopIteration("s"))
        ],
        log,
    )


@case
def exit_stacks() -> object:
    """ExitStack with callbacks that raise."""

    def f():
        with contextlib.ExitStack() as stack:
            stack.callback(log.append, 1)
            stack.callback(bad)
            stack.push(lambda *error: log.append(error[0].__name__))
            raise ValueError("body")

    def bad():
        raise KeyError("callback")

    log = []
    return outcome(f), log


@case
def exception_groups() -> object:
    """except*, with groups split, re-raised and joined."""

    def f(*errors):
        log = []
        try:
            raise ExceptionGroup("g", list(errors))
        except* ValueError as group:
            log.append(("v", repr(group)))
        except* KeyError as group:
            log.append(("k", repr(group)))
            raise TypeError("from k")
        finally:
            log.append("f")
        return log

    def g():
        try:
            raise ValueError("naked")
        except* ValueError as group:
            return_value = repr(group)
        return return_value

    return (
        outcome(f, ValueError(1)),
        outcome(f, ValueError(1), KeyError(2)),
        outcome(f, KeyError(2), OSError(3)),
        outcome(f, OSError(3)),
        g(),
    )


@case
def assertion_and_syntax() -> object:
    """Exceptions that the interpreter and the compiler raise."""

    def f(n):
        if n == 0:
            assert n, "zero"
        if n == 1:
            compile("a b", "<x>", "exec")
        if n == 2:
            pass
        if n == 3:
            undefined_name
        if n == 4:
            n.attribute
        if n == 5:
            (1).__index__(2)
        if n == 6:
            a, b = [1, 2, 3]
        if n == 7:
            "a" + 1
        if n == 8:
            del n
            n

    return [outcome(f, n) for n in range(9)]


@case
def exceptions_in_comprehensions() -> object:
    """Lines and variables of comprehensions that fail."""

    def f(x):
        return [
            10 / y
            for y in range(x, -1, -1)
            if y != 1
        ]  # fmt: skip

    def g(x):
        return {x: [x for x in range(x)] for x in range(x)}, x

    def h(x):
        return [lambda: x for x in range(x)], x

    def i(x):
        return sum(1 / y for y in range(x, -1, -1))

    functions, x = h(3)
    return outcome(f, 3), g(3), [function() for function in functions], x, outcome(i, 2)


@case
def base_exceptions() -> object:
    """SystemExit, KeyboardInterrupt and GeneratorExit pass like others."""

    def f(kind):
        try:
            raise kind("x")
        except Exception:
            return "caught"

    return [outcome(f, kind) for kind in (SystemExit, KeyboardInterrupt, GeneratorExit, StopIteration, Exception)]


@case
def stop_iteration_from_a_function() -> object:
    """StopIteration leaves a plain function as it is."""

    def f():
        return next(iter([]))

    return outcome(f), list(iter(f, None)) if False else None


@case
def exceptions_with_state() -> object:
    """Notes, arguments and attributes stay."""

    class Trouble(Exception):
        def __init__(self, code, *, extra=None):
            super().__init__(code)
            self.extra = extra

        def __str__(self):
            return f"trouble {self.args[0]} {self.extra}"

    def f():
        try:
            raise Trouble(1, extra="more")
        except Trouble as error:
            error.add_note("a note")
            raise

    try:
        f()
    except Trouble as error:
        return describe(error), error.extra, error.__notes__
    return None


@case
def errors_on_long_lines() -> object:
    """The marks under the failing part of a line."""

    def f(a, b, c):
        return a.x.y.z + b["k"]["l"] * c(1)(2) if a else (b[0] + b[1] + b[2] + b[3])

    def g():
        return f(0, [1, 2], None), f(0, [1, 2, 3, 4], None)

    return outcome(f, 1, {}, None), outcome(g)


@case
def deep_nesting() -> object:
    """Twenty handlers inside each other."""

    def f(n):
        log = []
        try:
            try:
                try:
                    try:
                        try:
                            with contextlib.suppress(IndexError):
                                for i in range(3):
                                    try:
                                        if i == n:
                                            raise [ValueError, KeyError, IndexError][n](n)
                                    finally:
                                        log.append(i)
                                return log, "normal"
                            return log, "suppressed"
                        except KeyError:
                            log.append("key")
                            raise
                        finally:
                            log.append(1)
                    finally:
                        log.append(2)
                except KeyError as error:
                    raise ValueError("again") from error
                finally:
                    log.append(3)
            finally:
                log.append(4)
        except ValueError as error:
            return log, repr(error), repr(error.__cause__)
        finally:
            log.append(5)

    return [f(n) for n in range(4)]


@case
def raising_in_finalisers() -> object:
    """__del__ that raises goes to the unraisable hook, not to the caller."""

    class Bad:
        def __del__(self):
            raise ValueError("in del")

    def f():
        Bad()
        return "fine"

    caught = []
    old, sys.unraisablehook = (
        sys.unraisablehook,
        lambda args: caught.append((repr(args.exc_value), args.exc_traceback.tb_lineno)),
    )
    try:
        return f(), caught
    finally:
        sys.unraisablehook = old
