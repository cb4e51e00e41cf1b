"""The request's variables follow it wherever FastAPI, Starlette and asyncio take it, and end with it."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import BackgroundTasks, Depends, FastAPI
from fastapi.responses import FileResponse, PlainTextResponse, StreamingResponse
from starlette.applications import Starlette
from starlette.routing import Mount

from hogtrace import RequestLocalStore, current_store
from hogtrace.exporters import MemoryExporter
from hogtrace.testing import CapturedEvents
from hogtrace_asgi import HogTraceMiddleware

PROBES = f"""
fn:{__name__}.begin:entry {{ $req.who = name; }}
fn:{__name__}.step:entry {{ capture(place, who=$req.who); }}
fn:{__name__}.*parts:exit {{ capture(place="end of the stream", who=$req.who, cut=exception != None); }}
"""


def begin(name: str) -> None:
    """Do nothing; here a probe sets the request's variable."""


def step(place: str) -> None:
    """Do nothing; here a probe reads it."""


@pytest.fixture
def app() -> Iterator[FastAPI]:
    """Give an application with HogTrace, whose tracer is stopped in the end."""
    app = FastAPI()
    exporter = MemoryExporter()
    app.add_middleware(HogTraceMiddleware, exporter=exporter)
    yield app
    HogTraceMiddleware(app, exporter=exporter).tracer.stop()  # type: ignore[union-attr]


def requests(app: Any, *paths: str, method: str = "GET") -> list[httpx.Response]:
    """Send requests that overlap, and give their answers."""

    async def main() -> list[httpx.Response]:
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as http:
            return await asyncio.gather(*(http.request(method, path) for path in paths))

    return asyncio.run(main())


def places(hogtrace: CapturedEvents) -> dict[str, set[str]]:
    """Give the places that each request's variable was seen at, and check that every event has a request."""
    seen: dict[str, set[str]] = {}
    for event in hogtrace.events:
        assert event.request_id is not None
        seen.setdefault(event.values["who"], set()).add(event.values["place"])
    return seen


def test_dependencies_and_endpoints(app: FastAPI, hogtrace: CapturedEvents) -> None:
    """Async and sync ones, which run in threads, and what a dependency does after the answer."""
    hogtrace.probe(PROBES)

    async def first(name: str) -> str:
        begin(name)
        return name

    def second(name: str = Depends(first)) -> Iterator[str]:
        step("a dependency in a thread")
        yield name
        step("its end")

    @app.get("/async")
    async def endpoint(name: str = Depends(second)) -> None:
        await asyncio.sleep(0)
        step("the endpoint")

    @app.get("/sync")
    def sync_endpoint(name: str = Depends(second)) -> None:
        step("the endpoint")

    answers = requests(app, *(f"/{kind}?name={kind}{number}" for kind in ("async", "sync") for number in range(5)))
    assert {answer.status_code for answer in answers} == {200}
    seen = places(hogtrace)
    assert len(seen) == 10
    assert set(map(frozenset, seen.values())) == {frozenset({"a dependency in a thread", "its end", "the endpoint"})}
    assert len({event.request_id for event in hogtrace.events}) == 10


def test_tasks_and_threads(app: FastAPI, hogtrace: CapturedEvents) -> None:
    """`create_task`, `TaskGroup`, `gather`, `to_thread` and a pool that is given the context: all see it."""
    hogtrace.probe(PROBES)
    pool = ThreadPoolExecutor(1)

    @app.get("/{name}")
    async def endpoint(name: str) -> dict[str, Any]:
        async def begin_in_task() -> None:
            begin(name)

        async def step_in_task(place: str) -> None:
            await asyncio.sleep(0)
            step(place)

        await asyncio.create_task(begin_in_task())
        async with asyncio.TaskGroup() as group:
            group.create_task(step_in_task("group"))
            group.create_task(step_in_task("group again"))
        await asyncio.gather(step_in_task("gather"), asyncio.to_thread(step, "to_thread"))
        await asyncio.wrap_future(pool.submit(contextvars.copy_context().run, step, "pool"))
        store = current_store()
        assert store is not None
        return store.all()

    names = [f"n{number}" for number in range(5)]
    assert [answer.json() for answer in requests(app, *(f"/{name}" for name in names))] == [
        {"who": name} for name in names
    ]
    every = {"group", "group again", "gather", "to_thread", "pool"}
    assert places(hogtrace) == {name: every for name in names}  # noqa: C420 - `fromkeys` is refused for a set
    pool.shutdown()


def test_a_pool_that_does_not_copy_the_context_is_outside(app: FastAPI) -> None:
    """Its thread has a context of its own, and another request's variables are never seen there."""
    with ThreadPoolExecutor(1) as pool:

        @app.get("/")
        async def endpoint() -> bool:
            assert current_store() is not None
            return await asyncio.wrap_future(pool.submit(current_store)) is None

        assert [answer.json() for answer in requests(app, "/", "/")] == [True, True]


def test_background_tasks_are_inside(app: FastAPI, hogtrace: CapturedEvents) -> None:
    """The response's own run in the application's call, so that they can write too."""
    hogtrace.probe(PROBES)
    closed: list[bool] = []

    def sync_task() -> None:
        step("sync")

    async def async_task() -> None:
        step("async")
        store = current_store()
        assert store is not None
        closed.append(store.closed)

    @app.get("/")
    async def endpoint(tasks: BackgroundTasks) -> None:
        begin("ada")
        tasks.add_task(sync_task)
        tasks.add_task(async_task)

    requests(app, "/")
    assert places(hogtrace) == {"ada": {"sync", "async"}}
    assert closed == [False]


def test_work_that_outlives_its_request(app: FastAPI, hogtrace: CapturedEvents) -> None:
    """It reads what was there; what it writes goes nowhere and is counted."""
    hogtrace.probe(PROBES)
    stores: list[RequestLocalStore] = []
    later: list[asyncio.Task[None]] = []

    async def main() -> None:
        over = asyncio.Event()

        @app.get("/")
        async def endpoint() -> None:
            begin("ada")
            store = current_store()
            assert store is not None
            stores.append(store)
            later.append(asyncio.create_task(go_on()))

        async def go_on() -> None:
            await over.wait()
            begin("somebody else")
            step("after the end")

        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as http:
            await http.get("/")
        assert stores[0].closed
        over.set()
        await later[0]

    asyncio.run(main())
    assert places(hogtrace) == {"ada": {"after the end"}}
    assert stores[0].all() == {"who": "ada"}
    assert stores[0].dropped_writes == 1
    counted = {probe.target: probe.dropped_writes for probe in hogtrace._tracer.status().probes}
    assert counted[f"{__name__}.begin"] == 1


async def async_parts(name: str) -> AsyncIterator[str]:
    """Give server-sent events."""
    for number in range(3):
        step(f"part {number}")
        yield f"data: {number}\n\n"
        await asyncio.sleep(0)


def parts(name: str) -> Iterator[str]:
    """Give the same from a thread."""
    for number in range(3):
        step(f"part {number}")
        yield f"data: {number}\n\n"


@pytest.mark.parametrize("body", [async_parts, parts])
def test_a_stream_is_inside_to_its_end(
    app: FastAPI, hogtrace: CapturedEvents, body: Callable[[str], AsyncIterator[str] | Iterator[str]]
) -> None:
    """Each part, and the exit of the generator, see the request's variable."""
    hogtrace.probe(PROBES)

    @app.get("/{name}")
    async def endpoint(name: str) -> StreamingResponse:
        begin(name)
        return StreamingResponse(body(name), media_type="text/event-stream")

    assert {answer.text for answer in requests(app, "/ada", "/bob")} == {"data: 0\n\ndata: 1\n\ndata: 2\n\n"}
    every = {"part 0", "part 1", "part 2", "end of the stream"}
    assert places(hogtrace) == {"ada": every, "bob": every}


async def endless_parts(name: str) -> AsyncIterator[str]:
    """Give a body without end."""
    while True:
        step("part")
        yield "x"
        await asyncio.sleep(0)


@pytest.mark.parametrize("spec_version", ["2.3", "2.4"])
def test_a_client_that_leaves_a_stream(app: FastAPI, hogtrace: CapturedEvents, spec_version: str) -> None:
    """A server that says so in `receive` has the generator closed in its request.

    One that lets `send` fail, as ASGI 2.4 allows, leaves the generator behind: Python closes it later, in no request.
    Its exit probe is told the request in which it began.
    """
    hogtrace.probe(PROBES)
    stores: list[RequestLocalStore] = []

    @app.get("/")
    async def endpoint() -> StreamingResponse:
        begin("ada")
        store = current_store()
        assert store is not None
        stores.append(store)
        return StreamingResponse(endless_parts("ada"))

    async def main() -> None:
        gone = asyncio.Event()
        sent = 0

        async def receive() -> dict[str, Any]:
            await gone.wait()
            return {"type": "http.disconnect"}

        async def send(_message: Any) -> None:
            nonlocal sent
            sent += 1
            if sent > 5:
                gone.set()
                if spec_version == "2.4":
                    raise OSError("the client is gone")

        scope = {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": spec_version},
            "method": "GET",
            "path": "/",
            "query_string": b"",
            "headers": [],
        }
        try:
            await app(scope, receive, send)
        except Exception as error:
            # Starlette's, for the server to take note of.
            assert type(error).__name__ in ("ClientDisconnect", "ExceptionGroup")  # noqa: PT017 - only some versions raise it
        # What nobody closes is closed by the event loop, in a task of its own.
        while all(event.values["place"] != "end of the stream" for event in hogtrace.events):
            await asyncio.sleep(0.01)

    asyncio.run(asyncio.wait_for(main(), 60))
    *steps, end = hogtrace.events
    assert {event.values["who"] for event in steps} == {"ada"}
    assert end.values == {"place": "end of the stream", "who": "ada", "cut": True}
    assert end.request_id == steps[0].request_id is not None
    assert stores[0].closed
    assert current_store() is None


def test_head_files_and_failures(app: FastAPI, hogtrace: CapturedEvents, tmp_path: Path) -> None:
    """Whatever the answer is, its request has a scope, which ends."""
    hogtrace.probe(PROBES)
    stores: list[RequestLocalStore] = []
    (tmp_path / "file").write_text("file" * 1000)

    def serve(name: str) -> None:
        begin(name)
        step(name)
        store = current_store()
        assert store is not None
        stores.append(store)

    @app.api_route("/head", methods=["HEAD", "GET"])
    async def head() -> PlainTextResponse:
        serve("head")
        return PlainTextResponse("x")

    @app.get("/file")
    async def file() -> FileResponse:
        serve("file")
        return FileResponse(tmp_path / "file")

    @app.get("/fail")
    async def failing() -> None:
        serve("fail")
        raise RuntimeError("the application's own failure")

    @app.get("/middle")
    async def failing_in_the_middle() -> StreamingResponse:
        serve("middle")

        async def parts() -> AsyncIterator[str]:
            yield "x"
            raise RuntimeError("in the middle")

        return StreamingResponse(parts())

    (answer,) = requests(app, "/head", method="HEAD")
    assert answer.status_code == 200
    whole, failed = requests(app, "/file", "/fail")
    assert (whole.text, failed.status_code) == ("file" * 1000, 500)
    requests(app, "/middle")
    assert places(hogtrace) == {name: {name} for name in ("head", "file", "fail", "middle")}
    assert [store.closed for store in stores] == [True] * 4
    assert {store.info["method"] for store in stores} == {"HEAD", "GET"}


def test_a_mounted_application_joins(hogtrace: CapturedEvents) -> None:
    """FastAPI in Starlette, both with the middleware: one request, the outer one's."""
    hogtrace.probe(PROBES)
    inner = FastAPI()
    options = {"exporter": MemoryExporter()}
    inner.add_middleware(HogTraceMiddleware, **options)  # type: ignore[arg-type]
    stores: list[RequestLocalStore] = []

    @inner.get("/{name}")
    async def endpoint(name: str) -> None:
        begin(name)
        step("inner")
        store = current_store()
        assert store is not None
        stores.append(store)

    outer = Starlette(routes=[Mount("/inner", inner)])
    outer.add_middleware(HogTraceMiddleware, **options)  # type: ignore[arg-type]
    requests(outer, "/inner/ada")
    assert places(hogtrace) == {"ada": {"inner"}}
    assert stores[0].info == {
        "method": "GET",
        "path": "/inner/ada",
        "framework": "starlette",
        "route": "/inner/{name}",
    }
    assert stores[0].closed
    HogTraceMiddleware(inner, **options).tracer.stop()  # type: ignore[arg-type,union-attr]
