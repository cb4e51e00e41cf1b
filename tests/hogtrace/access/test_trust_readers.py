"""What the readers of a trust list make of what they find: queries, addresses, bodies, lazy objects and so on."""

import threading
import types
from typing import Any, ClassVar

import pytest

from tests.hogtrace.access.samples import refused
from tests.hogtrace.evaluation import Outcome, evaluate

pytestmark = pytest.mark.usefixtures("each_host")


def ran(_self: Any, *_given: Any) -> Any:
    """Stand in for code of an application that must not run."""
    raise AssertionError("code of the application ran")


class Thing:
    """Something with accessors in front of all that it keeps."""

    def __init__(self, **kept: Any) -> None:
        self.__dict__ |= kept

    query = header = content_type = phrase = url = client = state = body = path = property(ran)


class Lazy:
    """Something that stands for what it finds when it is asked."""

    def __init__(self, found: object) -> None:
        object.__setattr__(self, "_wrapped", found)

    __getattribute__ = __getitem__ = __len__ = ran


def reading(attribute: str, reader: str, argument: str, expression: str = "", **kept: Any) -> Outcome:
    """Evaluate `o.attribute`, or another expression, for a thing that keeps these attributes."""
    trust = [(f"{__name__}.Thing", attribute, reader, argument)]
    return evaluate(expression or f"o.{attribute}", o=Thing(**kept), trust=trust)


QUERY = "q=caf%C3%A9+1&q=b%2bc&empty=&flag&&=none&a%3Db=%zz&bad=%E4%"


class TestQueries:
    """`first_of_query` and `last_of_query`."""

    @pytest.mark.parametrize("query", [QUERY, QUERY.encode(), {"QUERY_STRING": QUERY}])
    @pytest.mark.parametrize(("reader", "value"), [("first_of_query", "caf\u00e9 1"), ("last_of_query", "b+c")])
    def test_the_parameters(self, query: object, reader: str, value: str) -> None:
        """They are parsed as browsers write them; one of the values is asked for, and all are captured."""
        path = "kept.QUERY_STRING" if isinstance(query, dict) else "kept"
        assert reading("query", reader, path, 'o.query["q"]', kept=query).value == value
        assert reading("query", reader, path, '"flag" in o.query', kept=query).value is True
        assert reading("query", reader, path, '"x" in o.query', kept=query).value is False
        assert reading("query", reader, path, "len(o.query)", kept=query).value == 6
        assert reading("query", reader, path, 'o.query["x"]', kept=query) == Outcome(None, "lookup", "no key 'x'")
        assert reading("query", reader, path, kept=query).value == {
            "q": ["caf\u00e9 1", "b+c"],
            "empty": [""],
            "flag": [""],
            "": ["none"],
            "a=b": ["%zz"],
            "bad": ["\ufffd%"],
        }

    def test_characters_that_stand_for_bytes(self) -> None:
        """A server that has unescaped the query has a character for each byte of it, as WSGI demands."""
        raw = "q=caf\u00e9".encode().decode("latin-1")
        assert reading("query", "last_of_query", "kept", 'o.query["q"]', kept=raw).value == "caf\u00e9"
        assert reading("query", "last_of_query", "kept", 'o.query["q"]', kept="q=\u20ac").value == "\u20ac"

    def test_what_is_no_query_or_too_much_of_one(self) -> None:
        """It is refused, and the limits of one operation hold."""
        refused(reading("query", "last_of_query", "kept", kept=7), "neither a string nor bytes")
        assert reading("query", "last_of_query", "kept", "len(o.query)", kept="&" * 65_536).value == 0
        assert reading("query", "last_of_query", "kept", kept="q" * 65_537).kind == "limit"
        assert reading("query", "last_of_query", "kept", kept="q&" * 10_001).kind == "limit"


class TestHeaders:
    """`header`, `header_dict` and `wsgi_text`."""

    @pytest.mark.parametrize(
        "kept",
        [
            {"CONTENT_TYPE": "text/html"},
            [("Content-Type", "text/html"), ("X", "y")],
            ((b"content-type", b"text/html"),),
        ],
    )
    def test_the_header_that_the_attribute_is_named_after(self, kept: object) -> None:
        """It is looked for where the framework keeps its headers, and `None` where there is none."""
        assert reading("content_type", "header", "kept", kept=kept).value == "text/html"
        assert reading("content_type", "header", "kept", kept=type(kept)()) == Outcome(None, None, None)  # type: ignore[call-arg]

    def test_a_dict_of_headers(self) -> None:
        """Names in any spelling; of a list of values the last one."""
        kept = {"X-Made": "here", "Via": ["a", "b"], "None": []}
        assert reading("header", "header_dict", "kept", 'o.header["x-made"]', kept=kept).value == "here"
        assert reading("header", "header_dict", "kept", 'o.header["VIA"]', kept=kept).value == "b"
        assert reading("header", "header_dict", "kept", '"none" in o.header', kept=kept).value is False
        assert reading("header", "header_dict", "kept", kept=kept).value == {"X-Made": "here", "Via": "b"}

    def test_a_text_of_an_environ(self) -> None:
        """The characters stand for bytes of UTF-8."""
        raw = "/caf\u00e9".encode().decode("latin-1")
        assert reading("path", "wsgi_text", "environ.PATH_INFO", environ={"PATH_INFO": raw}).value == "/caf\u00e9"

    def test_a_phrase(self) -> None:
        """The one that is stored, or else what Python's table has for the status."""
        import http.client

        def phrase(stored: str | None, status: object) -> Outcome:
            return reading("phrase", "status_phrase", "kept", kept=stored, status_code=status)

        assert phrase("Fine", 404).value == "Fine"
        assert phrase(None, 404).value == http.client.responses[404]
        assert phrase(None, 999).value == "Unknown Status Code"


class TestStandIns:
    """`asgi_url`, `address`, `namespace` and `joined`."""

    def test_a_url(self) -> None:
        """Scheme, path and query, from the scope."""
        scope = {"path": "/x", "query_string": b"a=%20", "headers": []}
        assert reading("url", "asgi_url", "scope", "o.url.path", scope=scope).value == "/x"
        assert reading("url", "asgi_url", "scope", "o.url.query", scope=scope).value == "a=%20"
        assert reading("url", "asgi_url", "scope", "o.url.scheme", scope=scope).value == "http"
        assert reading("url", "asgi_url", "scope", "o.url.port", scope=scope).kind == "attribute"
        refused(reading("url", "asgi_url", "scope", scope={}), "with a path")
        refused(reading("url", "asgi_url", "scope", scope=3), "no ASGI scope")

    @pytest.mark.parametrize("pair", [("::1", 80), ["::1", 80]])
    def test_an_address(self, pair: object) -> None:
        """Host and port of a pair; `None` for none."""
        assert reading("client", "address", "scope.client", "o.client.host", scope={"client": pair}).value == "::1"
        assert reading("client", "address", "scope.client", "o.client.port", scope={"client": pair}).value == 80
        assert reading("client", "address", "scope.client", scope={"client": None}) == Outcome(None, None, None)
        refused(reading("client", "address", "scope.client", scope={"client": (1, 2, 3)}), "no pair")
        refused(reading("client", "address", "scope.client", scope={}), "has no value yet")

    def test_a_namespace(self) -> None:
        """What a dict holds, as attributes; it is a copy."""
        state = {"user_id": 7}
        assert reading("state", "namespace", "scope.state", "o.state.user_id", scope={"state": state}).value == 7
        assert reading("state", "namespace", "scope.state", "o.state.x", scope={"state": state}).kind == "attribute"
        refused(reading("state", "namespace", "kept", kept={3: 4}), "no dict of names")

    def test_a_namespace_that_is_the_object_itself(self) -> None:
        """For the attribute `*` each attribute is looked for in the dict, past `__getattr__`."""

        class State:
            def __init__(self) -> None:
                object.__setattr__(self, "_state", {"user_id": 7})

            __getattr__ = ran

        trust = [(f"{State.__module__}.{State.__qualname__}", "*", "namespace", "_state")]
        assert evaluate("o.user_id", o=State(), trust=trust).value == 7
        assert evaluate("o.other", o=State(), trust=trust).kind == "attribute"
        refused(evaluate("o.user_id", o=State()), "__getattr__")

    def test_a_body(self) -> None:
        """Byte strings are put together, up to the bytes of one operation."""
        assert reading("body", "joined", "kept", kept=[b"a", b"", b"b"]).value == b"ab"
        assert reading("body", "joined", "kept", kept=(b"a",)).value == b"a"
        assert reading("body", "joined", "kept", kept=[]).value == b""
        refused(reading("body", "joined", "kept", kept=["a"]), "no list of byte strings")
        refused(reading("body", "joined", "kept", kept=iter([b"a"])), "no list of byte strings")
        assert reading("body", "joined", "kept", kept=[b"a" * 40_000] * 2).kind == "limit"


class TestUnset:
    """Values by which frameworks say that there is none yet."""

    Empty = type("Empty", (), {})

    @pytest.mark.parametrize("unset", [..., object(), Empty], ids=["dots", "object", "Empty"])
    def test_no_value_yet(self, unset: object) -> None:
        """They are not shown as if they were values, and the accessor is named."""
        refused(
            reading("body", "stored", "kept", kept=unset), "`Thing.body` has no value yet (nothing is stored as `kept`)"
        )
        refused(reading("body", "stored", "kept.0", kept=(unset,)), "`Thing.body` has no value yet")
        refused(reading("body", "stored", "kept.1", kept=(unset,)), "`Thing.body` has no value yet")
        refused(reading("body", "stored", "other"), '"body", "call") to TRUST')

    def test_a_value_of_no_importance(self) -> None:
        """`None` and what else is false are values."""
        assert reading("body", "stored", "kept.0", kept=(None,)) == Outcome(None, None, None)
        assert reading("body", "stored", "kept.x.y", kept={"x.y": b""}).value == b""


class TestLazyObjects:
    """`lazy_object`."""

    TRUST: ClassVar = [(f"{__name__}.Lazy", "*", "lazy_object", "_wrapped")]

    def test_what_was_found(self) -> None:
        """Attributes and items are those of the object that was found."""
        found = types.SimpleNamespace(name="ada")
        assert evaluate("o.name", o=Lazy(found), trust=self.TRUST).value == "ada"
        assert evaluate("o.other", o=Lazy(found), trust=self.TRUST).kind == "attribute"
        assert evaluate('o["a"]', o=Lazy({"a": 1}), trust=self.TRUST).value == 1
        assert evaluate("len(o)", o=Lazy({"a": 1}), trust=self.TRUST).value == 1

    def test_what_was_not_found_yet(self) -> None:
        """Nothing looks for it."""
        refused(evaluate("o.name", o=Lazy(object()), trust=self.TRUST), "has not been looked up yet")
        refused(evaluate("len(o)", o=Lazy(object()), trust=self.TRUST), "has not been looked up yet")

    def test_a_lazy_object_in_a_lazy_object(self) -> None:
        """It is not followed."""
        refused(
            evaluate("o.name", o=Lazy(Lazy(types.SimpleNamespace(name="ada"))), trust=self.TRUST), "__getattribute__"
        )


def local_property(local: threading.local) -> Any:
    """Make a property as Bottle does."""
    return property(lambda _: ran(local.value))


class Special(threading.local):
    """One with code of its own."""

    __getattribute__ = ran


class Local:
    """An object whose environ is each thread's own."""

    plain, special = threading.local(), Special()
    environ, other, none = local_property(plain), local_property(special), property(ran)
    method = property(ran)


class TestThreadLocal:
    """`thread_local`."""

    TRUST: ClassVar = [
        (f"{__name__}.Local", "environ", "thread_local", "value"),
        (f"{__name__}.Local", "other", "thread_local", "value"),
        (f"{__name__}.Local", "none", "thread_local", "value"),
        (f"{__name__}.Local", "method", "stored", "environ.METHOD"),
    ]

    def test_what_this_thread_has(self) -> None:
        """It is read without the property, and other entries may lead through it."""
        Local.plain.value = {"METHOD": "PUT"}
        assert evaluate('o.environ["METHOD"]', o=Local(), trust=self.TRUST).value == "PUT"
        assert evaluate("o.method", o=Local(), trust=self.TRUST).value == "PUT"
        outcomes: list[Outcome] = []
        thread = threading.Thread(target=lambda: outcomes.append(evaluate("o.method", o=Local(), trust=self.TRUST)))
        thread.start()
        thread.join()
        assert outcomes == [Outcome(None, "lookup", "'Local' stands for nothing here: no such context")]

    def test_what_may_have_code_of_its_own(self) -> None:
        """A subclass of `threading.local`, and a property over something else, are left alone."""
        for name in ("other", "none"):
            refused(evaluate(f"o.{name}", o=Local(), trust=self.TRUST), "no property over a thread's own variable")


def test_what_to_read_instead() -> None:
    """The reader `instead` allows nothing, and is heard in the refusal; mode `python` does not mind it."""

    class Bag:
        name = property(lambda _: "ada")

        def __getitem__(self, key: str) -> str:
            return key

    kind = f"{Bag.__module__}.{Bag.__qualname__}"
    trust = [(kind, "name", "instead", ".id"), (kind, "[]", "instead", ".first and .second")]
    refused(
        evaluate("o.name", o=Bag(), trust=trust), "code of the application; .id can be read instead; to allow it add"
    )
    refused(evaluate('o["a"]', o=Bag(), trust=trust), "; .first and .second can be read instead; to allow it add")


def test_paths_lead_through_one_more_entry_at_most() -> None:
    """Entries that lead to each other end in a refusal."""
    trust = [
        (f"{__name__}.Thing", "body", "stored", "path"),
        (f"{__name__}.Thing", "path", "stored", "body"),
        (f"{__name__}.Thing", "url", "stored", "path"),
        (f"{__name__}.Thing", "state", "stored", "kept.content_type"),
        (f"{__name__}.Thing", "content_type", "stored", "real"),
    ]
    refused(evaluate("o.body", o=Thing(), trust=trust), "Thing.")
    refused(evaluate("o.url", o=Thing(), trust=trust), "Thing.")
    assert evaluate("o.state", o=Thing(kept=Thing(real=3)), trust=trust).value == 3
