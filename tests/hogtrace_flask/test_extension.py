"""The Flask extension: its settings, its registration, and the scope of a request."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Blueprint, Flask
from flask.views import MethodView
from werkzeug.middleware.dispatcher import DispatcherMiddleware
from werkzeug.test import Client

from hogtrace import CaptureEvent, CompileError, ConfigError, RequestLocalStore, current_store
from hogtrace.exporters import MemoryExporter
from hogtrace_flask import HogTrace, Registration
from tests.looking import captures


@pytest.fixture
def app() -> Iterator[Flask]:
    """Give an application whose events stay in memory, and stop its tracer in the end."""
    app = Flask(__name__)
    app.config["HOGTRACE_EXPORTER"] = MemoryExporter()
    # On a busy machine a probe may be over its budget; it stays in.
    app.config["HOGTRACE_MAX_OVERHEAD"] = None
    yield app
    registration = app.extensions.get("hogtrace")
    if registration is not None and registration.tracer is not None:
        registration.tracer.stop()


def captured(app: Flask) -> list[CaptureEvent]:
    """Give what was captured so far."""
    assert app.extensions["hogtrace"].tracer.flush(60)
    return captures(app.config["HOGTRACE_EXPORTER"])


def store_now() -> RequestLocalStore:
    """Give the current store, which must be there."""
    store = current_store()
    assert store is not None
    return store


def test_a_request_has_a_scope(app: Flask) -> None:
    """It is current in the view, describes the request, and ends with the response."""
    HogTrace(app)
    stores: list[RequestLocalStore] = []

    @app.get("/items/<int:number>")
    def item(number: int) -> str:
        stores.append(store_now())
        return str(number)

    answer = app.test_client().get("/items/7?token=1", headers={"X-Request-ID": "r-7"})
    assert answer.text == "7"
    answer.close()
    (store,) = stores
    assert store.info == {
        "method": "GET",
        "path": "/items/7",
        "framework": "flask",
        "route": "/items/<int:number>",
    }
    assert store.request_id == "r-7"
    assert store.closed
    assert current_store() is None


def test_a_stream_and_its_end_are_inside(app: Flask) -> None:
    """The body is made inside the scope, and what is called when it closes runs there too."""
    HogTrace(app)
    stores: list[RequestLocalStore] = []

    @app.get("/")
    def stream() -> Any:
        def parts() -> Iterator[bytes]:
            for _ in range(3):
                stores.append(store_now())
                yield b"x"

        response = app.response_class(parts())
        response.call_on_close(lambda: stores.append(store_now()))
        return response

    answer = app.test_client().get("/", buffered=False)
    assert answer.data == b"xxx"
    answer.close()
    assert stores == [stores[0]] * 4
    assert stores[0].closed


def test_an_async_view_is_inside(app: Flask) -> None:
    """Flask runs it in a loop of its own, in a copied context."""
    HogTrace(app)

    @app.get("/")
    async def view() -> str:
        await asyncio.sleep(0)
        store_now().set("x", 1)
        return "x"

    @app.after_request
    def after(response: Any) -> Any:
        response.headers["X-Seen"] = str(store_now().get("x"))
        return response

    with app.test_client().get("/") as answer:
        assert answer.headers["X-Seen"] == "1"


def test_probes_of_the_configuration_fire(app: Flask) -> None:
    """What `app.config` names is installed, and its events have the request's id."""
    app.config["HOGTRACE_PROBES"] = ["fn:flask.app.Flask.finalize_request:exit { capture(status=retval.status_code); }"]
    HogTrace(app)

    with app.test_client().get("/nowhere", headers={"X-Request-ID": "r-404"}):
        pass
    (event,) = captured(app)
    assert event.values == {"status": 404}
    assert event.request_id == "r-404"


def test_the_extension_is_registered(app: Flask) -> None:
    """`app.extensions` has the extension, the settings and the tracer."""
    extension = HogTrace()
    extension.init_app(app)
    registration = app.extensions["hogtrace"]
    assert isinstance(registration, Registration)
    assert registration.extension is extension
    assert registration.tracer is not None
    assert registration.settings.probes == ()


def test_one_extension_serves_several_applications(app: Flask) -> None:
    """Applications with equal settings share a tracer."""
    extension = HogTrace(app)
    other = Flask("other")
    other.config.from_mapping({name: value for name, value in app.config.items() if name.startswith("HOGTRACE_")})
    extension.init_app(other)
    assert other.extensions["hogtrace"].tracer is app.extensions["hogtrace"].tracer


def test_a_second_registration_is_refused(app: Flask) -> None:
    """It would double every scope; the message says what to do."""
    extension = HogTrace(app)
    with pytest.raises(RuntimeError, match=r"already registered.*only once"):
        extension.init_app(app)


def test_defaults_of_the_extension_give_way_to_the_configuration(app: Flask) -> None:
    """Arguments are for what `app.config` does not name."""
    HogTrace(app, exporter={"BACKEND": "no.such.Exporter"}, batch_size=7)
    settings = app.extensions["hogtrace"].settings
    assert settings.batch_size == 7
    assert settings.exporter.instance is app.config["HOGTRACE_EXPORTER"]


def test_disabled_means_out_of_the_way(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    """The application's WSGI callable is not wrapped."""
    monkeypatch.setenv("HOGTRACE_DISABLED", "1")
    before = app.wsgi_app
    HogTrace(app)
    assert app.wsgi_app == before
    assert app.extensions["hogtrace"].tracer is None


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("HOGTRACE_PROBS", [], r"(?s)PROBS.*app\.config.*PROBES"),
        ("HOGTRACE_PROBES", 7, r"PROBES.*app\.config"),
        ("HOGTRACE_PROBES", ["no/such/file.hogtrace"], "no/such/file.hogtrace"),
        ("HOGTRACE_EXPORTER", {"BACKEND": "jsonl", "OPTIONS": {"path": "/no/such/x"}}, "cannot write to /no/such/x"),
        ("HOGTRACE_EXPORTER", ["memory", {"BACKEND": "http"}], r"EXPORTER\[1\].*'url'"),
    ],
)
def test_a_wrong_setting_is_an_error_at_init(app: Flask, name: str, value: Any, message: str) -> None:
    """The application does not come up with a setting that would be ignored."""
    app.config[name] = value
    with pytest.raises(ConfigError, match=message):
        HogTrace(app)
    assert "hogtrace" not in app.extensions


def test_a_wrong_setting_is_told_where_it_stands(app: Flask) -> None:
    """Among the arguments, in the configuration, or in letters that Flask's configuration never has."""
    wrong: dict[str, Any] = {"probs": []}
    with pytest.raises(ConfigError, match=r"unknown setting 'PROBS' in HogTrace\(…\); did you mean 'PROBES'\?"):
        HogTrace(app, **wrong)
    app.config["hogtrace_probes"] = []
    with pytest.raises(ConfigError, match=r"'hogtrace_probes' in app\.config is not read; write 'HOGTRACE_PROBES'"):
        HogTrace(app)


def test_a_program_that_does_not_compile_is_an_error_at_init(app: Flask, tmp_path: Path) -> None:
    """The compiler's report names the file."""
    file = tmp_path / "broken.hogtrace"
    file.write_text("fn:a.b:entry { capture(x=retval); }")
    app.config["HOGTRACE_PROBES"] = [str(file)]
    with pytest.raises(CompileError, match=r"broken\.hogtrace"):
        HogTrace(app)


def test_probe_files_of_an_application_and_its_blueprints_are_found_if_asked_for(tmp_path: Path) -> None:
    """With AUTODISCOVER, after those of PROBES; those of blueprints that are registered before the extension."""
    for name in ("app", "shop"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "probes.hogtrace").write_text(f"fn:{name}.f:entry {{ }}")
    app = Flask("discovered", root_path=str(tmp_path / "app"))
    app.register_blueprint(Blueprint("shop", __name__, root_path=str(tmp_path / "shop")))
    app.register_blueprint(Blueprint("cart", __name__, root_path=str(tmp_path)))
    app.config.update(
        HOGTRACE_PROBES=["fn:a.b:exit { }"], HOGTRACE_AUTODISCOVER=True, HOGTRACE_EXPORTER=MemoryExporter()
    )
    HogTrace(app)
    tracer = app.extensions["hogtrace"].tracer
    assert [probe.target for probe in tracer.status().probes] == ["a.b", "app.f", "shop.f"]
    tracer.stop()


def test_blueprints_and_class_based_views_are_inside(app: Flask) -> None:
    """Nested blueprints, with hooks of their own, and a `MethodView`, whose methods can be probed."""
    app.config["HOGTRACE_PROBES"] = [
        f"fn:{__name__}.Items.get:entry {{ $req.number = number; }}",
        f"fn:{__name__}.look:entry {{ capture(place, number=$req.number); }}",
    ]
    HogTrace(app)
    items, shop = Blueprint("items", __name__), Blueprint("shop", __name__)
    items.add_url_rule("/<int:number>", view_func=Items.as_view("item"))
    items.after_request(lambda response: look("after_request") or response)
    shop.register_blueprint(items, url_prefix="/items")
    app.register_blueprint(shop, url_prefix="/shop")

    with app.test_client().get("/shop/items/7") as answer:
        assert answer.text == "7"
    assert [event.values for event in captured(app)] == [
        {"number": 7, "place": "view"},
        {"number": 7, "place": "after_request"},
    ]


def look(place: str) -> None:
    """Do nothing; a place for a probe."""


class Items(MethodView):
    """A class-based view."""

    def get(self, number: int) -> str:
        """Answer."""
        look("view")
        return str(number)


def test_a_dispatched_application_joins(app: Flask) -> None:
    """Applications put together by Werkzeug: the inner one is in the outer one's request."""
    inner = Flask("inner")
    inner.config["HOGTRACE_EXPORTER"] = app.config["HOGTRACE_EXPORTER"]
    stores: list[RequestLocalStore] = []

    @inner.get("/item")
    def item() -> str:
        stores.append(store_now())
        return "inner"

    HogTrace(inner)
    # The outer application's middleware stands around the dispatcher, so what it mounts is inside.
    app.wsgi_app = DispatcherMiddleware(app.wsgi_app, {"/inner": inner.wsgi_app})  # type: ignore[method-assign]
    HogTrace(app)

    with Client(app).get("/inner/item", headers={"X-Request-ID": "r-1"}) as answer:
        assert answer.text == "inner"
        assert not stores[0].closed
    assert stores[0].request_id == "r-1"
    assert stores[0].info == {
        "method": "GET",
        "path": "/inner/item",
        "framework": "flask",
        "route": "/item",
    }
    assert stores[0].closed


def test_a_failing_view_and_its_handlers_are_inside(app: Flask) -> None:
    """Error handler and teardown see the request's store, and it ends."""
    HogTrace(app)
    stores: list[RequestLocalStore] = []

    @app.get("/")
    def view() -> str:
        stores.append(store_now())
        raise LookupError("the application's own")

    @app.errorhandler(LookupError)
    def handle(_error: LookupError) -> tuple[str, int]:
        stores.append(store_now())
        return "handled", 418

    @app.teardown_request
    def tear_down(_error: BaseException | None) -> None:
        stores.append(store_now())

    with app.test_client().get("/") as answer:
        assert answer.status_code == 418
    assert stores == [stores[0]] * 3
    assert stores[0].closed


def test_an_error_in_teardown_goes_through_unchanged(app: Flask) -> None:
    """The server sees it as it would without HogTrace, and the request is over."""
    HogTrace(app)
    stores: list[RequestLocalStore] = []
    failure = RuntimeError("in the teardown")

    @app.teardown_request
    def tear_down(_error: BaseException | None) -> None:
        stores.append(store_now())
        raise failure

    app.testing = True
    with pytest.raises(RuntimeError) as caught:
        app.test_client().get("/nowhere")
    assert caught.value is failure
    assert stores[0].closed
    assert current_store() is None


def test_a_client_that_leaves_a_stream(app: Flask) -> None:
    """The server closes the body: the generator ends inside the request, and the request with it."""
    HogTrace(app)
    stores: list[RequestLocalStore] = []

    @app.get("/")
    def stream() -> Any:
        def parts() -> Iterator[bytes]:
            try:
                while True:
                    yield b"x"
            finally:
                stores.append(store_now())

        return app.response_class(parts())

    answer = app.test_client().get("/", buffered=False)
    assert next(answer.iter_encoded()) == b"x"
    assert stores == []
    answer.close()
    assert stores[0].closed


def test_request_ids_come_from_the_client(app: Flask) -> None:
    """`X-Request-ID` if it is sane, else the trace id, else a new one."""
    HogTrace(app)
    ids: list[str | None] = []

    @app.before_request
    def look_up() -> None:
        ids.append(store_now().request_id)

    trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    for headers in (
        {"X-Request-ID": "r-1", "traceparent": f"00-{trace}-00f067aa0ba902b7-01"},
        {"X-Request-ID": "not sane", "traceparent": f"00-{trace}-00f067aa0ba902b7-01"},
        {"traceparent": "not sane"},
    ):
        app.test_client().get("/nowhere", headers=headers).close()
    assert ids[:2] == ["r-1", trace]
    assert ids[2] not in (None, *ids[:2])
