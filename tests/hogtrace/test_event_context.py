"""What events tell of where they happened: thread, task and span, read without running anybody's code."""

from __future__ import annotations

import asyncio
import concurrent.futures
import json
import os
import subprocess
import sys
import textwrap
import threading
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import opentelemetry.context
import pytest
from opentelemetry import trace
from opentelemetry.context import contextvars_context
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags

from hogtrace._engine import CaptureEvent, Site
from tests.hogtrace.evaluation import fire, site_of

NAMES = ("thread_name", "task", "trace_id", "span_id")


def event() -> CaptureEvent:
    """Give the event of a capture that happens here."""
    (made,) = fire("fn:app.f:entry { capture(x); }", x=1)
    return made


def in_thread(function: Callable[[], CaptureEvent], name: str | None = None) -> CaptureEvent:
    """Give what `function` gives in a thread of its own."""
    made: list[CaptureEvent] = []
    thread = threading.Thread(target=lambda: made.append(function()), name=name)
    thread.start()
    thread.join()
    return made[0]


def run(program: str) -> str:
    """Run `program` in a process of its own; give what it prints."""
    command = [sys.executable, "-W", "ignore", "-c", textwrap.dedent(program)]
    made = subprocess.run(command, capture_output=True, text=True, check=False, timeout=100)
    assert made.stderr == ""
    return made.stdout.strip()


class TestThreads:
    """The names of threads."""

    def test_the_name_of_a_thread(self) -> None:
        """Each thread's events have its name."""
        assert event().thread_name == threading.current_thread().name
        assert in_thread(event, "cook").thread_name == "cook"
        with concurrent.futures.ThreadPoolExecutor(1, "pool") as pool:
            assert pool.submit(event).result().thread_name == "pool_0"

    def test_the_name_at_its_first_capture(self) -> None:
        """A thread is asked once."""

        def rename() -> tuple[str | None, str | None]:
            first = event().thread_name
            threading.current_thread().name = "waiter"
            return first, event().thread_name

        with concurrent.futures.ThreadPoolExecutor(1, "pool") as pool:
            assert pool.submit(rename).result() == ("pool_0", "pool_0")

    def test_a_name_that_is_code(self) -> None:
        """A property that a subclass has in place of the name is not asked."""

        class Odd(threading.Thread):
            asked = False

            @property
            def name(self) -> str:  # type: ignore[override]  # as odd ones do
                type(self).asked = True
                return "computed"

            @name.setter
            def name(self, value: str) -> None:
                raise AssertionError(value)

        made: list[str | None] = []
        thread = Odd(target=lambda: made.append(event().thread_name), name="stored")
        thread.start()
        Odd.asked = False
        thread.join()
        assert made == ["stored"]

    def test_a_thread_that_threading_does_not_know(self) -> None:
        """It has no name, and being looked at gives it none."""
        import _thread

        made: list[Any] = []
        done = threading.Event()

        def run() -> None:
            made.append((event().thread_name, _thread.get_ident() in threading._active))  # type: ignore[attr-defined]
            done.set()

        _thread.start_new_thread(run, ())
        assert done.wait(30)
        assert made == [(None, False)]

    def test_a_long_name_and_a_secret_one(self) -> None:
        """Names are cut, and hide what is secret by its form."""
        assert in_thread(event, "n" * 1000).thread_name == "n" * 200 + "…"
        assert in_thread(event, "ключ 🗝 \ud800").thread_name == "ключ 🗝 \ufffd\ufffd\ufffd"
        hidden = in_thread(event, "for Bearer abcdefghijklmnop").thread_name
        assert hidden is not None
        assert "abcdefghijklmnop" not in hidden

    @pytest.mark.parametrize(("patch", "expected"), [("", "MainThread MainThread T"), ("patch_all", "None None None")])
    def test_greenlets(self, patch: str, expected: str) -> None:
        """They share the system's thread; where `threading` knows them in its place, its name is not to be had."""
        program = f"""
            import gevent.monkey, threading
            getattr(gevent.monkey, {patch!r}, int)()
            from tests.hogtrace.evaluation import site_of
            site, value, queue, _ = site_of("fn:app.f:entry {{ capture(x); }}", x=1)
            site[value]
            gevent.spawn(site.__getitem__, value).join()
            thread = threading.Thread(target=site.__getitem__, args=(value,), name="T")
            thread.start()
            thread.join()
            print(*[event.thread_name for event in queue.take(9)])
        """
        assert run(program) == expected

    @pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")
    def test_after_a_fork(self) -> None:
        """In a child the process, and the name that the thread has there, are the child's."""

        def forked() -> list[Any]:
            mine = event()
            threading.current_thread().name = "renamed"
            reading, writing = os.pipe()
            process = os.fork()
            if process == 0:
                theirs = event()
                os.write(writing, json.dumps([theirs.process, theirs.thread_name]).encode())
                os._exit(0)
            os.close(writing)
            with os.fdopen(reading) as pipe:
                told = json.loads(pipe.read())
            os.waitpid(process, 0)
            return [mine.process, mine.thread_name, told[0] == process, told[1]]

        with concurrent.futures.ThreadPoolExecutor(1, "pool") as pool:
            assert pool.submit(forked).result() == [os.getpid(), "pool_0", True, "renamed"]


class TestTasks:
    """The names of asyncio's tasks."""

    def test_tasks(self) -> None:
        """Each task's events have its name, whichever took turns with it."""

        async def work(times: int) -> list[str | None]:
            names = []
            for _ in range(times):
                names.append(event().task)
                await asyncio.sleep(0)
            return names

        async def main() -> None:
            me = asyncio.current_task()
            assert me is not None
            assert event().task == me.get_name()
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(work(3), name=f"job {number}") for number in range(3)]
            assert [task.result() for task in tasks] == [[f"job {number}"] * 3 for number in range(3)]
            unnamed = asyncio.create_task(work(1))
            assert await unnamed == [unnamed.get_name()]
            me.set_name("renamed")
            assert event().task == "renamed"
            assert await asyncio.to_thread(lambda: event().task) is None
            assert str(await asyncio.to_thread(lambda: event().thread_name)).startswith("asyncio_")

        asyncio.run(main())
        assert event().task is None

    def test_names_that_are_of_a_class_of_their_own(self) -> None:
        """A name that is no plain string is looked at each time."""

        class Name(str):
            __slots__ = ()

            def __str__(self) -> str:
                return self

        async def main() -> None:
            task = asyncio.current_task()
            assert task is not None
            for name in ("one", "two"):
                task.set_name(Name(name))
                assert event().task == event().task == name
            task.set_name("three")
            assert event().task == "three"

        asyncio.run(main())
        assert event().task is None

    def test_loops_one_after_the_other(self) -> None:
        """A loop and its task may lie where others lay before; between them there is none."""

        async def main(name: str) -> tuple[str | None, str | None]:
            task = asyncio.current_task()
            assert task is not None
            task.set_name(name)
            return event().task, event().task

        for number in range(50):
            with asyncio.Runner() as runner:
                assert runner.run(main(str(number))) == (str(number), str(number))
            assert event().task is event().task is None

    def test_a_loop_inside_a_callback(self) -> None:
        """One that a callback runs to its end, as some tools do, has tasks of its own; after it is none again."""
        made: list[str | None] = []

        async def inner() -> str | None:
            return event().task

        def nested() -> None:
            made.append(event().task)
            outer = asyncio.get_running_loop()
            asyncio._set_running_loop(None)
            loop = asyncio.new_event_loop()
            try:
                made.append(loop.run_until_complete(loop.create_task(inner(), name="inner")))
            finally:
                loop.close()
                asyncio._set_running_loop(outer)
            made.append(event().task)

        async def main() -> None:
            made.append(event().task)
            asyncio.get_running_loop().call_soon(nested)
            await asyncio.sleep(0)
            made.append(event().task)

        async def named() -> None:
            await asyncio.create_task(main(), name="outer")

        asyncio.run(named())
        assert made == ["outer", None, "inner", None, "outer"]

    def test_in_the_child_of_a_fork(self) -> None:
        """The loop that ran in the parent runs no more there."""
        program = """
            import asyncio, os
            from tests.hogtrace.test_event_context import event

            async def main():
                before = event().task
                child = os.fork()
                if child == 0:
                    print(before, event().task, event().task, flush=True)
                    os._exit(0)
                os.waitpid(child, 0)
                print(before, event().task, flush=True)

            async def named():
                await asyncio.create_task(main(), name="job")

            asyncio.run(named())
        """
        assert run(program).splitlines() == ["job None None", "job job"]

    def test_callbacks_are_in_no_task(self) -> None:
        """What the loop calls by itself happens in none."""
        made: list[str | None] = []

        async def main() -> None:
            asyncio.get_running_loop().call_soon(lambda: made.append(event().task))
            await asyncio.sleep(0)

        asyncio.run(main())
        assert made == [None]

    def test_another_loop(self) -> None:
        """A loop that keeps to asyncio's own tasks is as good."""
        uvloop = pytest.importorskip("uvloop")

        async def main() -> str | None:
            task = asyncio.current_task()
            assert task is not None
            task.set_name("fast")
            return event().task

        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            assert runner.run(main()) == "fast"

    def test_tasks_of_other_classes(self) -> None:
        """The name is read where the C task has it; a class in Python that is no such task has none."""
        ran: list[str] = []

        class Named(asyncio.Task[Any]):
            def get_name(self) -> str:
                ran.append("get_name")
                return "computed"

            def __getattribute__(self, name: str) -> Any:
                ran.append(name)
                return super().__getattribute__(name)

        async def main() -> str | None:
            task = asyncio.current_task()
            if task is not None:  # from 3.14 on C does not know of tasks in Python
                task.set_name("own")
            ran.clear()
            name = event().task
            assert ran == []
            return name

        with asyncio.Runner() as runner:
            runner.get_loop().set_task_factory(lambda loop, coro, **options: Named(coro, loop=loop))
            assert runner.run(main()) == "own"
            python_task: Any = asyncio.tasks._PyTask  # type: ignore[attr-defined]
            runner.get_loop().set_task_factory(lambda loop, coro, **options: python_task(coro, loop=loop))
            assert runner.run(main()) is None

    def test_a_loop_with_a_hash_of_its_own(self) -> None:
        """Its task is not looked up, for that would ask it."""
        hashed: list[object] = []

        class Loop(asyncio.SelectorEventLoop):
            def __hash__(self) -> int:
                hashed.append(self)
                return 5

        async def main() -> None:
            hashed.clear()
            assert event().task is None
            assert hashed == []

        with asyncio.Runner(loop_factory=Loop) as runner:
            runner.run(main())

    def test_patched_functions_are_not_called(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """What somebody puts in the place of asyncio's own functions is not run."""

        def fail(*_: object) -> None:
            raise AssertionError("it was called")

        async def main() -> str | None:
            task = asyncio.current_task()
            assert task is not None
            task.set_name("mine")
            event()  # asyncio is known from here on
            with monkeypatch.context() as patch:
                for module in (asyncio, asyncio.tasks, asyncio.events, sys.modules["_asyncio"]):
                    for name in ("current_task", "_get_running_loop", "get_running_loop"):
                        if hasattr(module, name):
                            patch.setattr(module, name, fail)
                return event().task

        assert asyncio.run(main()) == "mine"


@pytest.fixture
def tracer() -> Iterator[trace.Tracer]:
    """Give a tracer of OpenTelemetry's that records."""
    provider = TracerProvider()
    yield provider.get_tracer(__name__)
    provider.shutdown()


def ids(span: trace.Span) -> tuple[str, str]:
    """Give the ids of a span as events have them."""
    context = span.get_span_context()
    return f"{context.trace_id:032x}", f"{context.span_id:016x}"


def span_of(made: CaptureEvent) -> tuple[str | None, str | None]:
    """Give what an event tells of the span."""
    return made.trace_id, made.span_id


class TestSpans:
    """OpenTelemetry's current span."""

    def test_recording_spans(self, tracer: trace.Tracer) -> None:
        """Events are of the innermost span that is current."""
        assert span_of(event()) == (None, None)
        with tracer.start_as_current_span("outer") as outer:
            assert span_of(event()) == ids(outer)
            with tracer.start_as_current_span("inner") as inner:
                assert span_of(event()) == ids(inner)
                assert ids(inner)[0] == ids(outer)[0]
            assert span_of(event()) == ids(outer)
            assert span_of(in_thread(event)) == (None, None)
        assert span_of(event()) == (None, None)

    def test_in_tasks(self, tracer: trace.Tracer) -> None:
        """Tasks have spans of their own, and inherit that of their maker."""

        async def work(name: str) -> bool:
            with tracer.start_as_current_span(name) as span:
                await asyncio.sleep(0)
                return span_of(event()) == ids(span)

        async def main() -> None:
            with tracer.start_as_current_span("main") as span:
                assert all(await asyncio.gather(*[work(str(number)) for number in range(5)]))
                assert span_of(event()) == ids(span)
                assert span_of(await asyncio.to_thread(event)) == ids(span)

        asyncio.run(main())

    def test_many_spans(self) -> None:
        """One context after the other may lie where one before lay."""
        for number in range(1, 2000):
            with trace.use_span(NonRecordingSpan(SpanContext(number, number + 1, is_remote=False))):
                assert span_of(event()) == span_of(event()) == (f"{number:032x}", f"{number + 1:016x}")

    def test_nothing_is_kept_alive(self) -> None:
        """A context, and the span in it, end when they would without being looked at."""
        span = NonRecordingSpan(SpanContext(1, 2, is_remote=False))
        context = trace.set_span_in_context(span)
        gone = [weakref.ref(span), weakref.ref(context)]
        token = opentelemetry.context.attach(context)
        assert span_of(event()) == (f"{1:032x}", f"{2:016x}")
        opentelemetry.context.detach(token)
        del span, context, token
        assert [reference() for reference in gone] == [None, None]

    def test_spans_that_came_from_elsewhere(self) -> None:
        """A span that another process began is one; what is invalid is none."""
        parent = NonRecordingSpan(SpanContext(0xABC, 0xDEF, is_remote=True, trace_flags=TraceFlags(1)))
        with trace.use_span(parent):
            assert span_of(event()) == (f"{0xABC:032x}", f"{0xDEF:016x}")
        for invalid in (SpanContext(0, 5, is_remote=False), trace.INVALID_SPAN_CONTEXT):
            with trace.use_span(NonRecordingSpan(invalid)):
                assert span_of(event()) == (None, None)

    def test_spans_that_are_code(self) -> None:
        """A span of another class is not asked; where its context is stored as in OpenTelemetry's own, it is read."""
        ran: list[str] = []

        class Computed(trace.NonRecordingSpan):
            @property
            def _context(self) -> Any:
                ran.append("_context")
                return SpanContext(1, 2, is_remote=False)

            @_context.setter
            def _context(self, value: Any) -> None:
                pass

            def get_span_context(self) -> Any:
                ran.append("get_span_context")
                return SpanContext(1, 2, is_remote=False)

        with trace.use_span(Computed(SpanContext(1, 2, is_remote=False))):
            ran.clear()
            assert span_of(event()) == (None, None)
        foreign: Any = object()
        token = opentelemetry.context.attach(trace.set_span_in_context(foreign))
        assert span_of(event()) == (None, None)
        opentelemetry.context.detach(token)
        assert ran == []

    def test_another_keeper_of_contexts(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """What is no keeper of OpenTelemetry's own is not asked; one that is its own is."""

        class Keeper(contextvars_context.ContextVarsRuntimeContext):
            def get_current(self) -> Any:
                raise AssertionError("it was asked")

        span = NonRecordingSpan(SpanContext(1, 2, is_remote=False))
        with monkeypatch.context() as patch:
            patch.setattr(opentelemetry.context, "_RUNTIME_CONTEXT", Keeper())
            assert span_of(event()) == (None, None)
            patch.setattr(opentelemetry.context, "_RUNTIME_CONTEXT", contextvars_context.ContextVarsRuntimeContext())
            with trace.use_span(span):
                assert span_of(event()) == (f"{1:032x}", f"{2:016x}")
        with trace.use_span(span):
            assert span_of(event()) == (f"{1:032x}", f"{2:016x}")


class TestOfAll:
    """What holds for all of them."""

    def test_is_noted_when_it_happens(self, tracer: trace.Tracer) -> None:
        """Events that wait together keep what was theirs."""
        site, value, queue, _ = site_of("fn:app.f:entry { capture(x); }", x=1)
        expected = []

        def hit(site: Site) -> CaptureEvent:
            site[value]
            return event()

        def note(of: CaptureEvent) -> None:
            expected.append([getattr(of, name) for name in NAMES])

        async def main() -> None:
            for number in range(40):
                with tracer.start_as_current_span(str(number)):
                    task = asyncio.create_task(asyncio.to_thread(hit, site), name=f"task {number % 12}")
                    note(await task)
                    note(hit(site))

        asyncio.run(main())
        note(hit(site))
        note(in_thread(lambda: hit(site), "late"))
        assert [[getattr(taken, name) for name in NAMES] for taken in queue.take(1000)] == expected

    def test_counts_as_memory(self) -> None:
        """What an event keeps besides its values is in its size, and in what waits."""

        async def main() -> tuple[CaptureEvent, int]:
            task = asyncio.current_task()
            assert task is not None
            task.set_name("t" * 150)
            site, value, queue, _ = site_of("fn:app.f:entry { capture(x); }", x=1)
            site[value]
            waiting = queue.waiting_bytes
            (made,) = queue.take(1)
            assert queue.waiting_bytes == 0
            return made, waiting

        inside, waiting = asyncio.run(main())
        assert waiting - 20 < inside.size < waiting + 20
        assert 150 <= inside.size - event().size < 300

    def test_nothing_is_imported(self) -> None:
        """A process without asyncio and OpenTelemetry stays so, and learns of them when they come."""
        program = """
            import sys
            for name in list(sys.modules):
                if name.startswith("asyncio") or name == "_asyncio":
                    raise SystemExit(f"{name} is there already")
            from hogtrace._engine import EventQueue, LinkedProbe, Redaction, Site, TrustList, compile
            program = compile("fn:app.f:entry { capture(x); }")
            queue, secrets = EventQueue(on_first=lambda: None), Redaction()
            probe = LinkedProbe(program, program.probes[0], queue, access="safe", trust=TrustList(), redaction=secrets)
            site = Site("app.f", [(probe, [("load", 0)])], [], parameters=["x"], keep=[], loads=(1, 0))
            before = set(sys.modules)
            site[1]
            assert set(sys.modules) == before, set(sys.modules) - before
            import asyncio
            async def main():
                site[1]
            asyncio.run(main())
            from opentelemetry import trace
            with trace.use_span(trace.NonRecordingSpan(trace.SpanContext(1, 2, is_remote=False))):
                site[1]
            print([(event.task, event.span_id) for event in queue.take(9)])
        """
        assert run(program) == "[(None, None), ('Task-1', None), (None, '0000000000000002')]"
