"""The pattern of a request's route, read by the engine where a framework keeps it."""

from __future__ import annotations

import gc
import weakref
from typing import Any

import pytest

from hogtrace import RequestLocalStore, request_scope
from hogtrace.request_store import RouteWays, scope_for
from hogtrace.testing import CapturedEvents

WAYS = RouteWays(("request", "rule", "pattern"), ("path_template",))
MOUNTED = RouteWays(("route", "?endpoint", "path"), mounts=("root_path", "app_root_path"))


class Thing:
    """Something with attributes of its own."""

    def __init__(self, **attributes: Any) -> None:
        self.__dict__.update(attributes)


class Slotted:
    """The same without a dict."""

    __slots__ = ("pattern",)

    def __init__(self, pattern: str) -> None:
        self.pattern = pattern


class Lazy:
    """Runs code when it is asked."""

    touched = 0

    @property
    def pattern(self) -> str:
        """Say that it was asked."""
        Lazy.touched += 1
        return "/lazy"


class Asked:
    """Answers for every name."""

    touched = 0

    def __getattribute__(self, name: str) -> Any:
        Asked.touched += 1
        return "/asked"


class Fallback:
    """Answers for every name that it does not have."""

    touched = 0

    def __getattr__(self, name: str) -> Any:
        Fallback.touched += 1
        return "/fallback"


class Dict(dict[str, Any]):
    """A dict whose items are made."""

    touched = 0

    def __getitem__(self, name: str) -> Any:
        Dict.touched += 1
        return "/made"

    __getattr__ = __getitem__


class Text(str):
    """A text that is none of the interpreter's own."""


class Key(str):
    """A key that has to be compared by code."""

    touched = 0

    def __eq__(self, other: object) -> bool:
        Key.touched += 1
        return True

    __hash__ = str.__hash__


def work() -> None:
    """Do nothing; a place for a probe."""


@pytest.fixture
def captured(hogtrace: CapturedEvents) -> CapturedEvents:
    """Capture each call of `work`."""
    hogtrace.probe(f"fn:{__name__}.work:entry {{ capture(1); }}")
    return hogtrace


def routes(captured: CapturedEvents) -> list[Any]:
    """Give the route of each event."""
    return [event.request.get("route") for event in captured]


def route_of(captured: CapturedEvents, carrier: object, ways: RouteWays = WAYS) -> Any:
    """Give the route that an event has, if it is looked for there."""
    captured.clear()
    with request_scope(framework="test") as store:
        store.find_route(carrier, ways)
        work()
    (route,) = routes(captured)
    assert captured.requests[0].values["route"] == route
    return route


def test_events_have_the_route_from_then_on(captured: CapturedEvents) -> None:
    """What was captured before it was resolved keeps what it had; the record has it."""
    carrier: dict[str, Any] = {}
    with request_scope(path="/a/1") as store:
        store.find_route(carrier, WAYS)
        work()
        carrier["request"] = Thing(rule=None)
        work()
        carrier["request"].rule = Slotted("/a/<n>")
        work()
        assert store.info == {"path": "/a/1", "route": "/a/<n>"}
    assert routes(captured) == [None, None, "/a/<n>"]
    assert captured.requests[0].request == {"path": "/a/1", "route": "/a/<n>"}
    assert captured.requests[0].values["route"] == "/a/<n>"


def test_the_ways_are_tried_in_order(captured: CapturedEvents) -> None:
    """Dicts by item, objects by what they store."""
    rule = Slotted("/first")
    assert route_of(captured, {"path_template": "/second"}) == "/second"
    assert route_of(captured, {"path_template": "/second", "request": Thing(rule=rule)}) == "/first"
    assert route_of(captured, Thing(request={"rule": {"pattern": "/items"}})) == "/items"
    assert route_of(captured, {"request": {"rule": {"pattern": ""}}}) == ""
    assert route_of(captured, {"request": {"rule": {"pattern": "é"}}}) == "é"


@pytest.mark.parametrize("pattern", [None, 7, b"/x", ["/x"], Text("/x"), "x" * 1025])
def test_anything_but_a_short_text_is_none(captured: CapturedEvents, pattern: object) -> None:
    """What is no pattern is not taken for one."""
    assert route_of(captured, {"path_template": pattern}) is None


@pytest.mark.parametrize("hostile", [Lazy, Asked, Fallback, Dict], ids=lambda kind: kind.__name__)
def test_no_code_of_the_application_runs(captured: CapturedEvents, hostile: Any) -> None:
    """Not even where the way leads to a property, or to an accessor of the object's own."""
    assert route_of(captured, {"request": {"rule": hostile()}}) is None
    assert route_of(captured, hostile()) is None
    assert hostile.touched == 0


def test_no_key_is_compared_by_code(captured: CapturedEvents) -> None:
    """A dict with a key of the application's own class is not looked into."""
    carrier = {Key("path_template"): "/x"}
    Key.touched = 0
    assert route_of(captured, carrier) is None
    assert Key.touched == 0


def test_what_is_mounted_has_its_place_before_it(captured: CapturedEvents) -> None:
    """As far as it is below where the outermost application is; what has no endpoint is no route yet."""
    mount, route = Thing(path="/m"), Thing(path="/a/{n}", endpoint=work)
    scope: dict[str, Any] = {"root_path": "/proxy"}
    with request_scope(framework="test") as store:
        store.find_route(scope, MOUNTED)
        scope.update(route=mount, app_root_path="/proxy", root_path="/proxy/m")
        work()
        scope["route"] = route
        work()
        work()
        # A route may be found again, by an application further in.
        scope.update(route=Thing(path="/b", endpoint=work), root_path="/proxy/m/n")
        work()
    assert routes(captured) == [None, "/m/a/{n}", "/m/a/{n}", "/m/n/b"]
    assert captured.requests[0].values["route"] == "/m/n/b"
    assert route_of(captured, {"route": route, "root_path": "/proxy"}, MOUNTED) == "/a/{n}"
    assert route_of(captured, {"route": Thing(path="/x", endpoint=None)}, MOUNTED) is None


def test_of_nested_applications_the_innermost_is_asked_first(captured: CapturedEvents) -> None:
    """A scope that joins says where its application keeps its route; the outer one's counts if there is none."""
    carrier: dict[str, Any] = {"path_template": "/outer"}
    outer = scope_for(carrier, request_id=None, method="GET", path="/", framework="a", routes=WAYS)
    request = Thing(path_template=None)
    inner = scope_for(carrier, request_id=None, method="GET", path="/", framework="b", routes=WAYS, routed=request)
    assert outer is not None
    assert inner is not None
    assert inner.store is outer.store
    request.path_template = "/inner"
    with outer, inner:
        work()
    assert routes(captured) == ["/inner"]
    (record,) = captured.requests
    assert (record.values["route"], record.values["captured"]) == ("/inner", 1)


def test_what_the_application_says_counts(captured: CapturedEvents) -> None:
    """Where the engine finds none, or another one."""
    with request_scope(framework="test") as store:
        store.find_route({"path_template": "/found"}, WAYS)
        store.describe(route="/said")
        work()
        store.find_route({"path_template": "/found later"}, WAYS)
        work()
    assert routes(captured) == ["/said", "/said"]
    with request_scope(framework="test") as store:
        store.find_route({"path_template": "/found"}, WAYS)
        work()
        store.describe(route="/said")
        work()
    assert routes(captured)[2:] == ["/found", "/said"]
    assert [record.values["route"] for record in captured.requests] == ["/said", "/said"]


def test_a_secret_in_a_route_is_hidden(captured: CapturedEvents) -> None:
    """As it is in the path."""
    key = "AKIA" + "IOSFODNN7EXAMPLE"
    assert route_of(captured, {"path_template": f"/x/{key}"}) == "/x/[redacted]"


def test_a_late_event_has_the_route(captured: CapturedEvents) -> None:
    """It is looked for once more at the end, for work that outlives the request."""
    carrier = {"path_template": "/x"}
    scope = request_scope(framework="test")
    scope.store.find_route(carrier, WAYS)
    with scope:
        pass
    carrier["path_template"] = "/other"
    with scope.active():
        work()
    assert routes(captured) == ["/x"]


@pytest.mark.parametrize("captures", [True, False])
def test_a_request_leaves_no_cycle(captured: CapturedEvents, captures: bool) -> None:
    """What carries the request knows the store, and the store knows it until the end: both are freed by counting."""
    gc.disable()
    try:
        request = Thing(path_template=None)
        scope = scope_for(
            request.__dict__, request_id=None, method="GET", path="/", framework="t", routes=WAYS, routed=request
        )
        assert scope is not None
        store, watched = weakref.ref(scope.store), weakref.ref(request)
        with scope:
            if captures:
                work()
        del scope, request
        assert watched() is None
        assert store() is None
    finally:
        gc.enable()


def test_the_collector_sees_what_a_store_holds() -> None:
    """A request that never ends can still be collected."""
    store = RequestLocalStore()
    request = Thing(store=store)
    store.find_route(request, WAYS)
    watched = weakref.ref(request)
    del store, request
    gc.collect()
    assert watched() is None


def test_a_way_has_steps() -> None:
    """An empty one is refused."""
    with pytest.raises(ValueError, match="at least one step"):
        RouteWays(())
