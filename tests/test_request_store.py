"""The variables of one request: `RequestLocalStore`, and the one that is current."""

import contextvars
import gc
import sys
import threading
import weakref
from collections import OrderedDict
from typing import Any

import pytest

from hogtrace import RequestLocalStore, compile, execute_probe
from hogtrace._engine import CURRENT_STORE


class Value:
    """Something that can be watched."""


class Name(str):
    """A string of a class of its own."""

    def __eq__(self, other: object) -> bool:
        raise AssertionError("a name was asked")

    __hash__ = str.__hash__


@pytest.fixture
def store() -> RequestLocalStore:
    """Make an empty store."""
    return RequestLocalStore()


class TestVariables:
    """Reading and writing variables."""

    def test_get_and_set(self, store: RequestLocalStore) -> None:
        """A variable gives back the very object that was set, and the default where none was."""
        value = Value()
        store.set("user", value)
        assert store.get("user") is value
        assert store["user"] is value
        assert store.get("other") is None
        assert store.get("other", 5) == 5

    def test_set_again(self, store: RequestLocalStore) -> None:
        """Setting a variable again replaces its value and keeps its place."""
        store["a"], store["b"], store["a"] = 1, 2, 3
        assert store.all() == {"a": 3, "b": 2}
        assert list(store) == ["a", "b"]

    def test_an_unset_variable_is_a_key_error(self, store: RequestLocalStore) -> None:
        """`store[name]` and `del store[name]` raise KeyError for what was never set."""
        with pytest.raises(KeyError, match="user"):
            store["user"]
        with pytest.raises(KeyError, match="user"):
            del store["user"]

    def test_has_and_in(self, store: RequestLocalStore) -> None:
        """`has` and `in` tell whether a variable was set; None is a value like any other."""
        store["user"] = None
        assert store.has("user")
        assert "user" in store
        assert "other" not in store
        assert 5 not in store

    def test_delete_and_clear(self, store: RequestLocalStore) -> None:
        """`delete` tells whether the variable was there; `clear` removes all."""
        store["a"], store["b"] = 1, 2
        assert store.delete("a") is True
        assert store.delete("a") is False
        assert len(store) == 1
        store.clear()
        assert len(store) == 0
        assert store.all() == {}

    def test_all_is_a_copy(self, store: RequestLocalStore) -> None:
        """Changing what `all` gave changes nothing in the store."""
        store["a"] = 1
        store.all()["a"] = 2
        assert store["a"] == 1

    def test_names_are_taken_by_their_characters(self, store: RequestLocalStore) -> None:
        """Equal names are one variable, however they were made, and no method of a name is asked."""
        store["user_id"] = 1
        assert store["_".join(["user", "id"])] == 1
        store[Name("user_id")] = 2
        assert store["user_id"] == 2
        assert len(store) == 1

    def test_other_names_are_type_errors(self, store: RequestLocalStore) -> None:
        """A name is a string."""
        with pytest.raises(TypeError):
            store.set(5, 1)  # type: ignore[arg-type]

    def test_at_most_256_variables(self, store: RequestLocalStore) -> None:
        """The 257th variable is a ValueError; those that are there can still be set."""
        for number in range(256):
            store[f"v{number}"] = number
        with pytest.raises(ValueError, match="at most 256 variables"):
            store["one_more"] = 1
        store["v255"] = "new"
        assert store["v255"] == "new"
        store.delete("v0")
        store["one_more"] = 1


class TestEnd:
    """What happens after `close`."""

    def test_reads_stay_and_writes_are_dropped(self, store: RequestLocalStore) -> None:
        """A closed store gives what was there; writes to it are dropped and counted."""
        store["user"] = 1
        assert not store.closed
        store.close()
        store.close()
        assert store.closed
        store["user"] = 2
        store.set("late", 3)
        assert store.delete("user") is True
        store.clear()
        assert store.all() == {"user": 1}
        assert store.dropped_writes == 4

    def test_a_probe_writes_to_a_closed_store(self, store: RequestLocalStore) -> None:
        """A probe that runs after the end of its request changes nothing and does not fail."""
        store.close()
        program = compile("fn:a.b:entry { $req.late = 1; capture(late=$req.late); }")
        assert execute_probe(program, program.probes[0], Frame.here(), store) == {"late": None}
        assert store.dropped_writes == 1


class Frame:
    """Where probes of this file run."""

    @staticmethod
    def here() -> Any:
        """Give the frame of the caller."""
        return sys._getframe(1)


class TestProbes:
    """Variables as probes see them."""

    def test_both_spellings(self, store: RequestLocalStore) -> None:
        """`$req.x` and `$request.x` are one variable, and the one that Python code sees."""
        program = compile("fn:a.b:entry { $req.x = 5; $request.y = $req.x; capture(x=$request.x); }")
        assert execute_probe(program, program.probes[0], Frame.here(), store) == {"x": 5}
        assert store.all() == {"x": 5, "y": 5}

    def test_the_value_itself_is_kept(self, store: RequestLocalStore) -> None:
        """A variable holds the object, not a copy."""
        value = Value()
        program = compile("fn:a.b:entry { $req.x = value; }")
        execute_probe(program, program.probes[0], Frame.here(), store)
        assert store["x"] is value

    def test_too_many_variables(self, store: RequestLocalStore) -> None:
        """A probe that sets one variable too many goes on with its next statement."""
        for number in range(256):
            store[f"v{number}"] = number
        program = compile("fn:a.b:entry { $req.more = 1; capture(more=$req.more, v0=$req.v0); }")
        assert execute_probe(program, program.probes[0], Frame.here(), store) == {"more": None, "v0": 0}


class TestDescription:
    """What events say of the request."""

    def test_id_and_info(self) -> None:
        """The id and the scalars that describe the request are kept as they were given."""
        info = {"method": "GET", "path": "/é\ud800", "port": 80, "big": 2**70, "tls": True, "none": None, "t": 0.5}
        store = RequestLocalStore("id-1", OrderedDict(info))
        assert store.request_id == "id-1"
        assert store.info == info
        store.info["method"] = "POST"
        assert store.info["method"] == "GET"

    def test_defaults(self, store: RequestLocalStore) -> None:
        """Without a description there is no id and nothing to say."""
        assert store.request_id is None
        assert store.info == {}

    @pytest.mark.parametrize("info", [{"path": ["/"]}, {"user": Value()}, {5: "x"}])
    def test_only_scalars(self, info: dict[Any, Any]) -> None:
        """Anything but scalars under names is a TypeError."""
        with pytest.raises(TypeError):
            RequestLocalStore("id", info)

    def test_repr(self) -> None:
        """The representation tells the id and how much there is, not the values."""
        store = RequestLocalStore("id-1")
        store["name"] = "ann"
        assert repr(store) == "<RequestLocalStore id-1, 1 variables>"


class TestMemory:
    """What a store keeps alive."""

    def test_a_cycle_is_collected(self) -> None:
        """A value that leads back to its store does not live for ever."""
        store, value = RequestLocalStore(), Value()
        value.store = store  # type: ignore[attr-defined]
        store["value"] = value
        gone = weakref.ref(value)
        del store, value
        gc.collect()
        assert gone() is None

    def test_a_finaliser_may_use_the_store(self, store: RequestLocalStore) -> None:
        """A value whose end uses the store, as it is replaced, deleted or cleared, finds it in order."""
        seen = []

        class Last:
            def __del__(self) -> None:
                seen.append((store.get("x"), len(store)))
                store["after"] = len(seen)

        store["x"] = Last()
        store["x"] = 1
        store["x"] = Last()
        store.delete("x")
        store["x"] = Last()
        store.clear()
        assert seen == [(1, 1), (None, 1), (None, 0)]
        assert store.all() == {"after": 3}

    def test_threads(self, store: RequestLocalStore) -> None:
        """Threads that write at the same time lose nothing."""

        def write(name: str) -> None:
            for number in range(2000):
                store[name] = number
                store.delete(name)
                store[name] = number

        threads = [threading.Thread(target=write, args=(f"v{number}",)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert store.all() == {f"v{number}": 1999 for number in range(8)}


class TestCurrent:
    """The context variable."""

    def test_is_none_at_first(self) -> None:
        """Outside any request there is no store."""
        assert contextvars.Context().run(CURRENT_STORE.get) is None
        assert CURRENT_STORE.name == "hogtrace_current_store"

    def test_belongs_to_its_context(self, store: RequestLocalStore) -> None:
        """A store that one context sets is not seen in another."""
        context = contextvars.copy_context()
        context.run(CURRENT_STORE.set, store)
        assert context.run(CURRENT_STORE.get) is store
        assert CURRENT_STORE.get() is None


class TestDescribing:
    """What describes the request, and how it ended."""

    def test_describe_adds_and_changes(self) -> None:
        """What is there keeps its place; the mapping that was given to begin with stays as it was."""
        info: dict[str, object] = {"method": "GET", "path": "/x"}
        store = RequestLocalStore("r", info)
        store.describe(user_kind="staff", path="/y", retried=True, share=0.5, nothing=None)
        store.describe(user_kind="guest")
        store.describe()
        assert list(store.info.items()) == [
            ("method", "GET"),
            ("path", "/y"),
            ("user_kind", "guest"),
            ("retried", True),
            ("share", 0.5),
            ("nothing", None),
        ]
        assert info == {"method": "GET", "path": "/x"}
        assert store.request_id == "r"

    def test_only_scalars_describe(self, store: RequestLocalStore) -> None:
        """Anything else is an error, and changes nothing."""
        store.describe(a=1)
        with pytest.raises(TypeError, match="'b': None, bool, int, float or str, not list"):
            store.describe(a=2, b=[])  # type: ignore[arg-type]
        assert store.info == {"a": 1}

    def test_not_too_much_describes(self, store: RequestLocalStore) -> None:
        """It goes with each event."""
        store.describe(**{f"n{number}": number for number in range(64)})
        with pytest.raises(ValueError, match="at most 64 names"):
            store.describe(one_more=1)
        store.describe(n0=1)
        assert len(store.info) == 64

    def test_after_the_end_nothing_is_described(self, store: RequestLocalStore) -> None:
        """As with variables; it is no dropped write, since no variable was written."""
        store.describe(a=1)
        store.status = 200
        store.close()
        store.describe(a=2)
        store.status = 500
        assert store.info == {"a": 1}
        assert store.status == 200
        assert store.dropped_writes == 0

    def test_threads_describe_together(self) -> None:
        """What several of them say at a time is all there."""
        store = RequestLocalStore()
        together = threading.Barrier(4, timeout=60)

        def describe(number: int) -> None:
            together.wait()
            for index in range(8):
                store.describe(**{f"t{number}_{index}": index})

        threads = [threading.Thread(target=describe, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(store.info) == 32

    def test_the_status_is_a_number(self, store: RequestLocalStore) -> None:
        """Unknown at first; a text is none."""
        assert store.status is None
        store.status = 404
        assert store.status == 404
        with pytest.raises(TypeError):
            store.status = "404"  # type: ignore[assignment]
        store.status = None
        assert store.status is None
