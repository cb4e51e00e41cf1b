"""The request scope: which store is current where, and when it ends."""

from __future__ import annotations

import asyncio
import contextvars
import logging
import subprocess
import sys
import threading
from collections.abc import Callable, Generator
from http import HTTPStatus
from types import MappingProxyType
from typing import Any

import pytest
from asgiref.sync import async_to_sync, iscoroutinefunction

from hogtrace import RequestLocalStore, current_store, request_scope
from hogtrace.request_store import (
    CARRIER_KEY,
    RequestScope,
    clean_request_id,
    new_request_id,
    scope_for,
    trace_id_of,
)
from hogtrace.testing import CapturedEvents


def open_for(carrier: Any, request_id: str | None = None) -> RequestScope:
    """Open a scope as a framework package does."""
    scope = scope_for(carrier, request_id=request_id, method="GET", path="/", framework="test")
    assert scope is not None
    return scope


def test_outside_any_request_nothing_is_current() -> None:
    """There is no store where no request is."""
    assert current_store() is None


def test_a_scope_makes_its_store_current_and_closes_it() -> None:
    """The store is current inside, and closed and gone after."""
    with request_scope() as store:
        assert current_store() is store
        assert not store.closed
    assert current_store() is None
    assert store.closed


def test_a_scope_is_closed_by_an_exception_too() -> None:
    """The exception goes on, and the store is closed."""
    opened: list[RequestLocalStore] = []

    def fail() -> None:
        with request_scope() as store:
            opened.append(store)
            raise LookupError("the application's own")

    with pytest.raises(LookupError, match="the application's own"):
        fail()
    assert opened[0].closed
    assert current_store() is None


def test_a_scope_in_a_scope_is_a_request_of_its_own() -> None:
    """The inner store is another one, and the outer one comes back."""
    with request_scope() as outer:
        outer.set("x", 1)
        with request_scope() as inner:
            assert current_store() is inner
            assert inner.get("x") is None
        assert current_store() is outer
        assert not outer.closed


def test_a_store_that_is_passed_in_stays_open() -> None:
    """Who made the store closes it, and it can serve again."""
    store = RequestLocalStore()
    for value in range(2):
        with request_scope(store) as current:
            assert current is store
            current.set("x", value)
    assert not store.closed
    assert store.get("x") == 1


def test_a_store_and_a_description_do_not_go_together() -> None:
    """A description is for new stores, so that it is never silently lost."""
    with pytest.raises(TypeError, match="describe a new store"):
        request_scope(RequestLocalStore(), request_id="x")
    with pytest.raises(TypeError, match="describe a new store"):
        request_scope(RequestLocalStore(), path="/")


def test_a_scope_describes_its_request() -> None:
    """Id and info are the store's, and an id is made where none is given."""
    with request_scope(request_id="job-7", framework="celery", attempt=2) as store:
        assert store.request_id == "job-7"
        assert store.info == {"framework": "celery", "attempt": 2}
    with request_scope() as first, request_scope() as second:
        assert first.request_id
        assert first.request_id != second.request_id


def test_new_ids_are_sane() -> None:
    """An id of ours passes our own test."""
    made = new_request_id()
    assert clean_request_id(made) == made


FORKING = """
import os
from hogtrace.request_store import new_request_id

drawn = [new_request_id()]
child = os.fork()
drawn += [new_request_id() for _ in range(200)]
if child:
    os.waitpid(child, 0)
print(*drawn[0 if child else 1 :], sep="\\n", flush=True)
"""


def test_a_forked_child_draws_ids_of_its_own() -> None:
    """Whatever its parent had drawn before: of all ids that both make no two are the same."""
    run = subprocess.run([sys.executable, "-c", FORKING], capture_output=True, text=True, timeout=60, check=True)
    made = run.stdout.split()
    assert len(made) == len(set(made)) == 401
    assert all(len(one) == 32 for one in made)


@pytest.mark.parametrize("candidate", ["a", "4bf92f35-77b3", "job:1/2", "a.b_c+d=e@f", "x" * 128])
def test_sane_ids_are_kept(candidate: str) -> None:
    """Ids as proxies and task queues make them are used."""
    assert clean_request_id(candidate) == candidate


@pytest.mark.parametrize("candidate", [None, "", "x" * 129, "a b", "a\n", "a\r\nSet-Cookie: x", "é", "<script>", '"'])
def test_other_ids_are_not(candidate: str | None) -> None:
    """What could break a log line, a query or a page is not used."""
    assert clean_request_id(candidate) is None


def test_a_scope_may_be_active_for_parts_of_the_time() -> None:
    """The store is current in each part and not in between, and its variables last."""
    scope = request_scope()
    for value in range(3):
        with scope.active() as store:
            assert current_store() is store
            assert store.get("x", value - 1) == value - 1
            store.set("x", value)
        assert current_store() is None
    assert not scope.store.closed
    scope.close()
    scope.close()
    assert scope.store.closed


def test_after_the_end_variables_are_read_only() -> None:
    """What outlives its request reads what was there, and its writes are dropped and counted."""
    with request_scope() as store:
        store.set("user", 7)
    store.set("user", 8)
    store.set("other", 1)
    assert store.get("user") == 7
    assert store.get("other") is None
    assert store.dropped_writes == 2


def test_a_scope_may_be_left_in_another_context() -> None:
    """A generator that is closed elsewhere neither raises nor leaves its store current there."""

    def body() -> Generator[None]:
        with request_scope():
            yield

    def begin(parts: Generator[None]) -> RequestLocalStore:
        next(parts)
        store = current_store()
        assert store is not None
        return store

    # A generator has no context of its own: the store becomes current in that of whoever asks for the first part.
    elsewhere = contextvars.copy_context()
    parts = body()
    store = contextvars.copy_context().run(begin, parts)
    elsewhere.run(parts.close)
    assert elsewhere.run(current_store) is None
    assert store.closed

    # A copy of the context that has the store current gets back what was current before.
    with request_scope() as outer:
        began = contextvars.copy_context()
        parts = body()
        began.run(begin, parts)
        copied = began.copy()
        copied.run(parts.close)
        assert copied.run(current_store) is outer


def test_threads_do_not_see_each_others_requests() -> None:
    """Two requests in two threads at one time keep their variables apart."""
    together = threading.Barrier(2, timeout=60)
    seen: dict[int, Any] = {}

    def serve(number: int) -> None:
        with request_scope() as store:
            store.set("number", number)
            together.wait()
            current = current_store()
            assert current is not None
            seen[number] = current.get("number")
            together.wait()

    threads = [threading.Thread(target=serve, args=(number,)) for number in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert seen == {0: 0, 1: 1}


def test_tasks_do_not_see_each_others_requests() -> None:
    """Two requests in two tasks of one loop keep their variables apart."""

    async def serve(number: int, mine: asyncio.Event, others: asyncio.Event) -> Any:
        with request_scope() as store:
            store.set("number", number)
            mine.set()
            await others.wait()
            current = current_store()
            assert current is not None
            return current.get("number")

    async def main() -> list[Any]:
        first, second = asyncio.Event(), asyncio.Event()
        return await asyncio.gather(serve(0, first, second), serve(1, second, first))

    assert asyncio.run(main()) == [0, 1]


def test_what_a_request_starts_shares_its_store() -> None:
    """Tasks and threads with a copied context see the request's variables, and each other's writes."""

    def write(name: str) -> None:
        store = current_store()
        assert store is not None
        store.set(name, store.get("user"))

    async def write_in_task(name: str) -> None:
        write(name)

    async def main() -> dict[str, Any]:
        with request_scope() as store:
            store.set("user", 7)
            await asyncio.gather(asyncio.to_thread(write, "thread"), asyncio.create_task(write_in_task("task")))
            return store.all()

    assert asyncio.run(main()) == {"user": 7, "thread": 7, "task": 7}


def test_a_nested_application_joins_the_outer_request() -> None:
    """The store travels in the carrier, and ends with the outer scope, not the inner one."""
    carrier: dict[str, Any] = {}
    outer = open_for(carrier)
    inner = open_for(carrier)
    assert inner.store is outer.store
    with inner as store:
        assert current_store() is store
    assert not store.closed
    outer.close()
    assert store.closed


@pytest.mark.parametrize("key", ["asgi.scope", "wsgi_environ"])
def test_an_adapter_hands_the_outer_carrier_on(key: str) -> None:
    """As a2wsgi does, which puts the one's carrier into the other's."""
    carrier: dict[str, Any] = {}
    with open_for(carrier) as outer:
        assert open_for({key: carrier}).store is outer
    assert open_for({key: carrier}).store is not outer
    assert open_for({key: None}).store is not outer


def test_a_wsgi_application_joins_the_request_that_it_answers() -> None:
    """An adapter that hands nothing on runs it in the context of the same request; another one is another one."""
    with open_for({}) as outer:
        assert open_for({"wsgi.input": None}).store is outer
        outer.describe(path="/b")
        assert open_for({"wsgi.input": None}).store is not outer


def test_another_request_does_not_join() -> None:
    """A request that a server begins inside another one's context, as with pipelining, has its own store."""
    with open_for({}) as first:
        second = open_for({})
        assert second.store is not first


def test_a_carrier_that_is_used_again_gets_a_new_scope() -> None:
    """A store that has been closed is nobody's request any more."""
    carrier: dict[str, Any] = {}
    with open_for(carrier) as first:
        pass
    second = open_for(carrier)
    assert second.store is not first
    assert carrier[CARRIER_KEY] is second.store


@pytest.mark.parametrize(("sent", "used"), [("abc-1", True), ("not sane", False), (None, False)])
def test_a_request_id_from_the_client_is_used_if_sane(sent: str | None, used: bool) -> None:
    """Otherwise the request has a new one."""
    made = open_for({}, sent).store.request_id
    assert made
    assert (made == sent) is used


TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


@pytest.mark.parametrize(
    ("traceparent", "trace_id"),
    [
        (f"00-{TRACE}-00f067aa0ba902b7-01", TRACE),
        (f"cc-{TRACE}-00f067aa0ba902b7-01-what-a-later-version-adds", TRACE),
        (f"00-{TRACE}-00f067aa0ba902b7-01-more", None),
        (f"ff-{TRACE}-00f067aa0ba902b7-01", None),
        (f"00-{'0' * 32}-00f067aa0ba902b7-01", None),
        (f"00-{TRACE}-{'0' * 16}-01", None),
        (f"00-{TRACE.upper()}-00f067aa0ba902b7-01", None),
        (f"00-{TRACE}-00f067aa0ba902b7-01\n", None),
        ("x", None),
        ("", None),
        (None, None),
    ],
)
def test_the_trace_id_is_taken_from_a_sound_traceparent(traceparent: str | None, trace_id: str | None) -> None:
    """As the W3C's trace context has it; a header that is not sound says nothing."""
    assert trace_id_of(traceparent) == trace_id


@pytest.mark.parametrize(("sent", "used"), [("abc-1", "abc-1"), ("not sane", TRACE), (None, TRACE)])
def test_a_trace_id_serves_where_no_request_id_does(sent: str | None, used: str) -> None:
    """The client's own request id comes first."""
    traceparent = f"00-{TRACE}-00f067aa0ba902b7-01"
    scope = scope_for({}, request_id=sent, traceparent=traceparent, method="GET", path="/", framework="test")
    assert scope is not None
    assert scope.store.request_id == used


def test_a_scope_for_a_request_describes_it() -> None:
    """Events will say what the request was."""
    scope = scope_for({}, request_id=None, method="PUT", path="/a/b", framework="flask")
    assert scope is not None
    assert scope.store.info == {"method": "PUT", "path": "/a/b", "framework": "flask"}


def test_no_scope_is_better_than_no_request(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    """Where a scope cannot be opened the request goes on without one, and the log says so once."""
    monkeypatch.setattr("hogtrace.request_store._failure_told", False)
    unwritable: Any = MappingProxyType({})
    with caplog.at_level(logging.ERROR, "hogtrace"):
        for _ in range(2):
            assert scope_for(unwritable, request_id=None, method="GET", path="/", framework="test") is None
    assert [record.message for record in caplog.records] == [
        "no request scope could be opened; requests go on without one"
    ]


def test_a_scope_prints_what_it_is() -> None:
    """Its repr has the id and whether it is open."""
    scope = request_scope(request_id="r-1")
    assert repr(scope) == "<RequestScope r-1 open>"
    scope.close()
    assert repr(scope) == "<RequestScope r-1 closed>"


def test_leaving_in_a_foreign_context_changes_nothing_there() -> None:
    """A context that has another request current keeps it."""
    leave: list[Callable[..., object]] = []

    def enter() -> None:
        activation = request_scope().active()
        activation.__enter__()
        leave.append(activation.__exit__)

    contextvars.copy_context().run(enter)
    with request_scope() as mine:
        leave[0](None, None, None)
        assert current_store() is mine


def test_what_is_described_goes_with_the_events_after(hogtrace: CapturedEvents) -> None:
    """Those before keep what they had."""
    hogtrace.probe(f"fn:{__name__}.step:entry {{ capture(1); }}")
    with request_scope(path="/x") as store:
        step()
        store.describe(user_kind="staff", api_key="k-1")
        step()
        assert store.info["api_key"] == "k-1"
    step()
    assert [event.request for event in hogtrace] == [
        {"path": "/x"},
        {"path": "/x", "user_kind": "staff", "api_key": "[redacted]"},
        {},
    ]


def step() -> None:
    """Do nothing; a place for a probe."""


def answered(*calls: tuple[Any, ...], **named: Any) -> int | None:
    """Give the status that is noted of these calls, and check that they are passed on as they are."""
    passed: list[tuple[tuple[Any, ...], dict[str, Any]]] = []

    def call(*given: Any, **options: Any) -> object:
        passed.append((given, options))
        return passed

    scope = request_scope()
    note = scope.answering(call)
    for given in calls:
        assert note(*given, **named) is passed
    assert passed == [(given, named) for given in calls]
    return scope.store.status


def test_the_status_of_an_answer_is_noted() -> None:
    """What WSGI's `start_response` and ASGI's `send` are called with; the last answer counts."""
    assert answered(("404 Not Found", [])) == 404
    assert answered(("200 OK", []), ("500 Oh no", [], (None, None, None))) == 500
    assert answered((), status="204 No Content", headers=[]) == 204
    assert answered(({"type": "http.response.start", "status": 201},), ({"type": "http.response.body"},)) == 201
    assert answered(({"type": "http.response.start", "status": HTTPStatus.IM_A_TEAPOT},)) == 418
    assert answered(({"type": "websocket.accept"},)) is None
    assert answered(({"type": "websocket.close"},)) == 1000
    assert answered(({"type": "websocket.accept"},), ({"type": "websocket.close", "code": 4001},)) == 4001
    assert answered(({"type": "websocket.http.response.start", "status": 403},)) == 403


def test_what_is_no_answer_is_passed_on_too() -> None:
    """Whatever the application may have called it with; the server is to complain."""
    assert (
        answered(("OK", []), ("", []), (None,), ({},), ({"type": 1},), ({"type": "http.response.start"},), ()) is None
    )
    assert answered(({"type": "http.response.start", "status": "200"},)) is None
    assert answered(({"type": "http.response.start", "status": 1 << 80},)) is None
    with pytest.raises(LookupError):
        request_scope().answering(lambda *_: {}["x"])("200 OK", [])


def test_the_servers_own_awaitable_is_what_send_gives() -> None:
    """No frame of ours is between the application and the server."""

    async def send(_message: Any) -> None:
        await asyncio.sleep(0)

    sent = request_scope().answering(send)({"type": "http.response.start", "status": 200})
    assert sent.cr_code is send.__code__
    sent.close()


def test_what_notes_answers_is_what_it_stands_for() -> None:
    """Channels asks whether `send` is a coroutine function, and warns if it does not look like one."""

    async def send(_message: Any) -> None:
        """Send."""

    class Server:
        async def send(self, _message: Any) -> None:
            """Send."""

    for call in (send, Server().send):
        note: Any = request_scope().answering(call)
        assert iscoroutinefunction(note)
        assert async_to_sync(note)({"type": "http.response.start", "status": 200}) is None
        assert note.__name__ == "send"
    note = request_scope().answering(step)
    assert not iscoroutinefunction(note)
    with pytest.raises(AttributeError):
        _ = note.nothing


def test_an_inner_scope_notes_no_answer() -> None:
    """The answer of the outermost application is what the client gets."""
    carrier: dict[str, Any] = {}
    outer, inner = open_for(carrier), open_for(carrier)
    assert inner.answering(step) is step
    inner.answered(404)
    inner.failed(LookupError())
    assert outer.store.status is None
    outer.answered("200")
    outer.answered(None)
    assert outer.store.status is None
    outer.failed(asyncio.CancelledError())
    assert outer.store.status is None
    outer.failed(LookupError())
    assert outer.store.status == 500
    outer.answered(200)
    outer.failed(LookupError())
    assert outer.store.status == 200
