"""What the trust list adds to the rules."""

import types

import pytest

from tests.hogtrace.access.samples import Plain, refused
from tests.hogtrace.evaluation import Outcome, evaluate

pytestmark = pytest.mark.usefixtures("each_host")


class TestTrust:
    """What the trust list adds."""

    def test_call_does_the_real_access(self) -> None:
        """An entry with the reader `call` runs the property."""

        class Order:
            @property
            def total(self) -> int:
                return 42

        name = f"{Order.__module__}.{Order.__qualname__}"
        assert evaluate("o.total", o=Order(), trust=[(name, "total", "call", "")]).value == 42
        assert evaluate("o.total", o=Order(), trust=[(name, "other", "call", "")]).kind == "refused"

    def test_stored_reads_another_attribute(self) -> None:
        """An entry with the reader `stored` reads where the framework keeps the value."""

        class Response:
            def __init__(self) -> None:
                self._status = types.SimpleNamespace(code=404)

            @property
            def status_code(self) -> int:
                raise AssertionError("a property ran")

        name = f"{Response.__module__}.{Response.__qualname__}"
        trust = [(name, "status_code", "stored", "_status.code")]
        assert evaluate("o.status_code", o=Response(), trust=trust).value == 404

        class Special(Response):
            pass

        class Own(Response):
            @property
            def status_code(self) -> int:
                raise AssertionError("a property ran")

        assert evaluate("o.status_code", o=Special(), trust=trust).value == 404
        refused(evaluate("o.status_code", o=Own(), trust=trust), "Own.status_code")

    def test_what_is_stored_wins(self) -> None:
        """The list is consulted only where the plain rules give nothing."""
        name = f"{Plain.__module__}.Plain"
        assert evaluate("o.name", o=Plain(), trust=[(name, "name", "stored", "table")]).value == "stored"

    @pytest.mark.parametrize(
        ("reader", "stored"),
        [
            ("wsgi_headers", {"HTTP_X_ID": "7", "CONTENT_TYPE": "text/html", "wsgi.input": None}),
            ("asgi_headers", {"headers": [(b"x-id", b"7"), (b"content-type", b"text/html"), (b"x-id", b"8")]}),
            ("header_list", [("X-Id", "7"), ("Content-Type", "text/html")]),
            ("header_store", {"x-id": ("X-Id", "7"), "content-type": ("Content-Type", "text/html")}),
        ],
    )
    def test_headers(self, reader: str, stored: object) -> None:
        """Headers are a mapping that ignores case, read where the framework keeps them."""

        class Request:
            def __init__(self) -> None:
                self.kept = stored

            @property
            def headers(self) -> object:
                raise AssertionError("a property ran")

        name = f"{Request.__module__}.{Request.__qualname__}"
        trust = [(name, "headers", reader, "kept")]

        def outcome(expression: str) -> Outcome:
            return evaluate(expression, o=Request(), trust=trust)

        assert outcome('o.headers["X-ID"]').value == "7"
        assert outcome('o.headers["content-type"]').value == "text/html"
        assert outcome('"x-Id" in o.headers').value is True
        assert outcome('"x-other" in o.headers').value is False
        assert outcome('o.headers["X-Other"]') == Outcome(None, "lookup", "no key 'X-Other'")
        assert outcome("bool(o.headers)").value is True
        assert outcome("len(o.headers)").value == (3 if reader == "asgi_headers" else 2)
        captured = outcome("o.headers").value
        assert {key.lower(): value for key, value in captured.items()}["content-type"] == "text/html"

    def test_items_of_an_object(self) -> None:
        """An entry for "[]" lets items, length and membership act on what its reader gives."""

        class Bag:
            def __init__(self) -> None:
                self._data = {"a": 1}

            def __getitem__(self, key: str) -> int:
                raise AssertionError("__getitem__ ran")

            __len__ = __contains__ = __getitem__

        name = f"{Bag.__module__}.{Bag.__qualname__}"
        trust = [(name, "[]", "stored", "_data")]
        refused(evaluate('o["a"]', o=Bag()), "`Bag.__getitem__`" if "." not in Bag.__qualname__ else "__getitem__")
        assert evaluate('o["a"]', o=Bag(), trust=trust).value == 1
        assert evaluate("len(o)", o=Bag(), trust=trust).value == 1
        assert evaluate('"b" in o', o=Bag(), trust=trust).value is False

    @pytest.mark.parametrize(
        "entry",
        [
            ("app.User", "name", "nothing", ""),
            ("User", "name", "call", ""),
            ("app.User", "", "call", ""),
            ("app.User", "name", "stored", ""),
        ],
    )
    def test_wrong_entries(self, entry: tuple[str, str, str, str]) -> None:
        """An entry that could never work is an error at once."""
        with pytest.raises(ValueError, match=r".+"):
            evaluate("1", trust=[entry])
