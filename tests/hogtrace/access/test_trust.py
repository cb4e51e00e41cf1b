"""What the trust list adds to the rules."""

import types
from typing import Any

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

    def test_what_a_descriptor_has_kept_in_the_instance(self) -> None:
        """The reader `cached` reads the instance's own dict, past a descriptor that stands before it."""

        class Kept(property):
            pass

        class Request:
            @Kept
            def form(self) -> object:
                raise AssertionError("a property ran")

        trust = [(f"{Request.__module__}.{Request.__qualname__}", "form", "cached", "")]
        request = Request()
        refused(evaluate("o.form", o=request, trust=trust), "a cached property without a value yet")
        request.__dict__["form"] = {"a": 1}
        refused(evaluate("o.form", o=request), "property")
        assert evaluate('o.form["a"]', o=request, trust=trust).value == 1

    def test_a_key_at_the_end_of_a_path(self) -> None:
        """The reader `item` takes what a dict has under the last part of its argument."""

        class Request:
            def __init__(self, scope: object) -> None:
                self.scope = scope

            @property
            def method(self) -> str:
                raise AssertionError("a property ran")

        class Own(dict[str, str]):
            def __getitem__(self, key: str) -> str:
                raise AssertionError("__getitem__ ran")

        trust = [(f"{Request.__module__}.{Request.__qualname__}", "method", "item", "scope.method")]
        assert evaluate("o.method", o=Request({"method": "PUT"}), trust=trust).value == "PUT"
        refused(evaluate("o.method", o=Request({}), trust=trust), "nothing is stored as `scope.method`")
        refused(evaluate("o.method", o=Request(Own(method="PUT")), trust=trust), "__getitem__")

    @pytest.mark.parametrize(("reader", "given"), [("first_values", 1), ("last_values", 3)])
    def test_one_of_the_values_of_each_key(self, reader: str, given: int) -> None:
        """A dict of lists is read as the dict of one value a key that its framework shows."""

        class Form(dict[str, list[int]]):
            def __getitem__(self, key: str) -> Any:
                raise AssertionError("__getitem__ ran")

            __len__ = __contains__ = __getitem__  # type: ignore[assignment]

        trust = [(f"{Form.__module__}.{Form.__qualname__}", "[]", reader, "")]
        form = Form({"a": [1, 2, 3], "none": []})
        assert evaluate('o["a"]', o=form, trust=trust).value == given
        assert evaluate('"b" in o', o=form, trust=trust).value is False
        assert evaluate('o["none"]', o=form, trust=trust) == Outcome(None, "lookup", "no key 'none'")
        assert evaluate("len(o)", o=form, trust=trust).value == 1
        refused(evaluate('o["a"]', o=Form({"a": 7}), trust=trust), "lists")  # type: ignore[dict-item]

    @pytest.mark.parametrize(
        ("status", "code"),
        [("404 Gone Fishing", 404), ("200", 200), (418, 418), ("fine", None), (None, None), ("2" * 5000, None)],
    )
    def test_the_number_of_a_status_line(self, status: object, code: int | None) -> None:
        """The status code is what the line begins with."""

        class Response:
            def __init__(self) -> None:
                self._status = status

            @property
            def status_code(self) -> int:
                raise AssertionError("a property ran")

        trust = [(f"{Response.__module__}.{Response.__qualname__}", "status_code", "status_line", "_status")]
        outcome = evaluate("o.status_code", o=Response(), trust=trust)
        if code is None:
            refused(outcome, "no status line")
        else:
            assert outcome.value == code

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
