"""What trace and profile functions, debuggers and monitoring tools see."""

import asyncio
import bdb
import sys
import trace as trace_module
import warnings

from tests.hogtrace.weaving.cases import outcome, traced


def _events(function, *args, profile=False):
    """Run a call under a trace or a profile function; give its events in this file."""
    events = []

    def tracer(frame, event, arg):
        if frame.f_code.co_filename == __file__ and frame.f_code.co_name != "outcome":
            shown = repr(arg) if event in ("return", "c_call") else arg[0].__name__ if event == "exception" else None
            if event.startswith("c_"):
                shown = arg.__name__
            events.append((event, frame.f_code.co_name, frame.f_lineno, shown))
        return tracer

    if profile:
        sys.setprofile(tracer)
    else:
        sys.settrace(tracer)
    try:
        function(*args)
    except Exception as error:
        events.append(repr(error))
    finally:
        sys.settrace(None)
        sys.setprofile(None)
    return [event for event in events if event[1] not in ("_events", "settrace", "setprofile")]


def _every_shape():
    def plain(a):
        b = a
        if b:
            return b
        return None

    def empty():
        pass

    def loops(n):
        for i in range(n):
            if i == 1:
                continue
            while i:
                i -= 1
        else:
            n = 0
        return [
            n,
            i,
        ]

    def handlers(n):
        try:
            if n:
                raise ValueError(n)
        except ValueError:
            n = 0
        finally:
            n = 1
        return n

    def failing():
        try:
            plain(1)
        finally:
            plain(0)
        raise KeyError("k")

    def constant():
        return 1

    def conditional(a):
        return (
            a or None
        )  # fmt: skip

    def withs():
        with open(__file__) as file:
            pass
        return file.closed

    one_line = lambda: 1

    def one_line_def(): return 1  # fmt: skip

    def generator(n):
        for i in range(n):
            yield i
        return n

    def drives():
        it = generator(2)
        next(it)
        it.close()
        return list(generator(1))

    def comprehension(n):
        return [
            x
            for x in range(n)
        ]  # fmt: skip

    def matches(x):
        match x:
            case 1:
                return 1
            case [a, b]:
                pass
            case _:
                return 0

    async def coroutine(n):
        for _ in range(n):
            await asyncio.sleep(0)
        return n

    def runs():
        c = coroutine(1)
        c.send(None)
        c.close()
        d = coroutine(0)
        return outcome(d.send, None)

    def nested(n):
        try:
            try:
                return n
            finally:
                n += 1
        finally:
            n += 1

    return [
        (plain, 0), (plain, 1), (empty,), (loops, 3), (handlers, 0), (handlers, 1), (failing,), (constant,),
        (conditional, 0), (conditional, 1), (withs,), (one_line,), (one_line_def,), (drives,), (comprehension, 2),
        (matches, 1), (matches, [1, 2]), (matches, 3), (runs,), (nested, 1),
    ]  # fmt: skip


@traced
def traced_events() -> object:
    """sys.settrace sees the same events on the same lines."""
    return [_events(*call) for call in _every_shape()]


@traced
def profiled_events() -> object:
    """sys.setprofile sees the same calls and returns, and no call in C more."""
    return [_events(*call, profile=True) for call in _every_shape()]


@traced
def traced_opcodes_do_not_disturb() -> object:
    """Opcode events come, more of them, and the results stay."""

    def f(n):
        total = 0
        for i in range(n):
            total += i
        return total

    def tracer(frame, event, arg):
        frame.f_trace_opcodes = True
        return tracer

    sys.settrace(tracer)
    try:
        result = f(5)
    finally:
        sys.settrace(None)
    return result


@traced
def trace_function_that_raises() -> object:
    """An exception from a trace function at each event leaves the function as it would."""

    def f(a):
        try:
            b = a
            return b
        except KeyError:
            return "caught"
        finally:
            a = 1

    def g(a):
        try:
            yield a
            yield 2
        except KeyError:
            yield "caught"

    def run(call, which):
        count = 0

        def tracer(frame, event, arg):
            nonlocal count
            if frame.f_code.co_name in ("f", "g"):
                count += 1
                if count == which:
                    raise KeyError(event, frame.f_lineno)
            return tracer

        sys.settrace(tracer)
        try:
            return repr(call())
        except BaseException as error:
            return repr(error), [frame_line(error)]
        finally:
            sys.settrace(None)

    def frame_line(error):
        tb = error.__traceback__
        while tb.tb_next:
            tb = tb.tb_next
        return tb.tb_frame.f_code.co_name, tb.tb_lineno

    return [run(lambda: f(1), n) for n in range(1, 9)], [run(lambda: list(g(1)), n) for n in range(1, 12)]


@traced
def coverage_by_the_trace_module() -> object:
    """The trace module counts the same lines."""

    def f(n):
        if n:
            return 1
        return 2

    tracer = trace_module.Trace(count=True, trace=False)
    tracer.runfunc(f, 1)
    return sorted(line for (file, line), _ in tracer.results().counts.items() if file == __file__)


@traced
def debugger_steps() -> object:
    """A debugger that steps stops at the same lines."""

    def f(n):
        total = 0
        for i in range(n):
            total += g(i)
        return total

    def g(i):
        x = i * 2
        return x

    stops = []

    class Stepper(bdb.Bdb):
        def user_line(self, frame):
            stops.append(("line", frame.f_code.co_name, frame.f_lineno))
            self.set_step()

        def user_return(self, frame, value):
            stops.append(("return", frame.f_code.co_name, repr(value)))
            self.set_step()

        def user_exception(self, frame, info):
            stops.append(("exception", frame.f_code.co_name))

    debugger = Stepper()
    result = debugger.runcall(f, 2)
    return result, [stop for stop in stops if stop[1] in ("f", "g")]


@traced
def debugger_jumps() -> object:
    """A trace function sets the next line, forwards, backwards and out of blocks."""

    def f(log):
        log.append(1)
        log.append(2)
        for i in range(2):
            log.append(("loop", i))
        log.append(3)
        return log

    def jump(first, second):
        log = []
        done = False

        def tracer(frame, event, arg):
            nonlocal done
            if frame.f_code.co_name == "f" and event == "line" and not done:
                if frame.f_lineno == frame.f_code.co_firstlineno + first:
                    done = True
                    frame.f_lineno = frame.f_code.co_firstlineno + second
            return tracer

        sys.settrace(tracer)
        try:
            return outcome(f, log)[0], log
        finally:
            sys.settrace(None)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # locals that a jump leaves unbound become None
        return [jump(*pair) for pair in [(1, 2), (1, 5), (5, 1), (4, 5), (5, 2), (2, 6), (1, 4), (4, 1)]]


@traced
def monitored_events() -> object:
    """sys.monitoring sees the same starts, returns, yields, unwinds, lines."""
    if sys.version_info < (3, 12):
        return None
    monitoring = sys.monitoring
    kinds = ("PY_START", "PY_RESUME", "PY_RETURN", "PY_YIELD", "PY_UNWIND", "PY_THROW", "LINE", "CALL")
    tool = 4
    results = []
    for call in _every_shape():
        events = []
        monitoring.use_tool_id(tool, "case")
        for kind in kinds:

            def note(code, *args, kind=kind):
                if code.co_filename == __file__ and code.co_name not in ("monitored_events", "outcome"):
                    shown = args[0] if kind == "LINE" else repr(args[1]) if kind == "PY_RETURN" else None
                    events.append((kind, code.co_name, shown))

            monitoring.register_callback(tool, getattr(monitoring.events, kind), note)
        everything = 0
        for kind in kinds:
            everything |= getattr(monitoring.events, kind)
        monitoring.set_events(tool, everything)
        try:
            call[0](*call[1:])
        except KeyError as error:
            events.append(repr(error))
        finally:
            monitoring.set_events(tool, 0)
            for kind in kinds:
                monitoring.register_callback(tool, getattr(monitoring.events, kind), None)
            monitoring.free_tool_id(tool)
        results.append(events)
    return results
