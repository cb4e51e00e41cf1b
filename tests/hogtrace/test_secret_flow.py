"""Secrets stay secret on their way: through variables, keys made at run time, parts of values, and messages."""

import sys
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest

import hogtrace
from hogtrace import RequestLocalStore, Tracer, execute_probe, request_scope
from hogtrace.exporters import MemoryExporter

HIDDEN = "hunter2-is-the-secret"
REDACTED = "[redacted]"
HERE = __name__


class Account:
    """An object with a secret."""

    def __init__(self) -> None:
        self.name = "ann"
        self.password = HIDDEN
        self.pin = 4711


class Login(NamedTuple):
    """A tuple with a secret."""

    user: str
    password: str


class Card:
    """An object of a type that a setting makes secret."""

    def __init__(self) -> None:
        self.number = HIDDEN


def first(value: object, key: object = None, password: str = "") -> object:
    """Be probed first."""
    return value


def second(value: object) -> object:
    """Be probed second."""
    return value


def rest(value: object, *tokens: str) -> object:
    """Take secrets as `*args`."""
    return value


class Bench:
    """A tracer with its exporter."""

    def __init__(self, **settings: Any) -> None:
        self.exporter = MemoryExporter()
        self.tracer = Tracer(exporter=self.exporter, max_overhead=None, **settings)

    def probe(self, text: str) -> None:
        """Install a program; `HERE.` in it stands for this module."""
        self.tracer.install(hogtrace.compile(text.replace("HERE.", f"{HERE}.")))

    def events(self) -> list[hogtrace.CaptureEvent]:
        """Give all events so far; none shows the secret, in whatever form it is looked at."""
        assert self.tracer.flush(60)
        events = list(self.exporter.events)
        for event in events:
            assert HIDDEN not in event.to_json()
            assert HIDDEN not in repr(event)
        assert HIDDEN not in str(self.tracer.status())
        return events

    def values(self) -> list[dict[str, Any]]:
        """Give the fields of all events so far."""
        return [event.values for event in self.events()]


@pytest.fixture
def bench() -> Iterator[Bench]:
    """Give a tracer that is stopped after the test."""
    made = Bench()
    with made.tracer:
        yield made


class TestVariables:
    """What is stored in a variable is as secret as where it came from."""

    @pytest.mark.parametrize(
        "statements",
        [
            "$req.x = arg0.password;",
            '$req.x = "p:" + arg0.password;',
            "$req.x = arg0.password[0:50];",
            "$req.y = arg0.password; $req.x = $req.y;",
            "$call.y = arg0.password; $req.x = str($call.y);",
            "$req.password = arg0.name; $req.x = $req.password;",
            "$req.x = arg2;",
            "$req.x = args;",
            "$req.x = args[0:3];",
            "$req.x = password;",
            '$req.x = locals["password"];',
            '$req.k = "pass" + "word"; $req.x = locals[$req.k];',
            "$req.x = lower(arg0.password); $req.x = $req.x;",
            "$req.x = max(arg0.password, arg0.name);",
        ],
    )
    def test_in_all_probes_of_the_request(self, bench: Bench, statements: str) -> None:
        """The variable is hidden in the same probe, in another one, in another program and in what is made of it."""
        bench.probe(f"fn:HERE.first:entry {{ {statements} capture($req.x); }}")
        bench.probe('fn:HERE.second:exit { capture($req.x, made="<" + str($req.x) + ">", size=1, known=$req.x != 1); }')
        with request_scope():
            first(Account(), None, HIDDEN)
            second(1)
        made, here = bench.values()
        assert made == {"$req.x": REDACTED}
        assert here == {"$req.x": REDACTED, "made": here["made"], "size": 1, "known": True}
        assert here["made"] in (REDACTED, None)

    @pytest.mark.parametrize(
        "holder",
        [
            {"password": HIDDEN},
            [{"a": ({"db_password": HIDDEN},)}],
            [("password", HIDDEN)],
            ({"a": [("x-api-key", HIDDEN)]},),
            {"a": {b"Cookie": HIDDEN}},
        ],
    )
    def test_in_the_text_of_a_container(self, bench: Bench, holder: object) -> None:
        """The text of a container that holds a secret at any depth is hidden, and what is made of it."""
        bench.probe("fn:HERE.first:entry { $req.x = str(arg0); capture($req.x, text=str(arg0), cut=str(arg0)[1:]); }")
        bench.probe("fn:HERE.first:exit { capture(text=str(arg1)); }")
        with request_scope():
            first(holder, [{"name": "ada"}])
        hidden, shown = bench.values()
        assert hidden == {"$req.x": REDACTED, "text": REDACTED, "cut": REDACTED}
        assert shown == {"text": "[{'name': 'ada'}]"}

    def test_of_a_call(self, bench: Bench) -> None:
        """`$call` variables carry it from the entry to the exit."""
        bench.probe(
            "fn:HERE.first:entry { $call.x = arg0.password; $call.open = arg0.name; }"
            "fn:HERE.first:exit { capture($call.x, $call.open, twice=$call.x + $call.x, size=len($call.x)); }"
        )
        first(Account())
        assert bench.values() == [{"$call.x": REDACTED, "$call.open": "ann", "twice": REDACTED, "size": len(HIDDEN)}]

    def test_what_is_not_secret_is_shown(self, bench: Bench) -> None:
        """Answers about secrets are not secret, nor are other variables."""
        bench.probe(
            "fn:HERE.first:entry { $req.a = arg0.name; $req.b = len(arg0.password); $req.c = arg0.password == arg1;"
            "$req.d = arg0.password and arg0.name; $req.n = ($req.n or 0) + 1; $req.e = arg0; }"
            "fn:HERE.second:entry { capture($req.a, $req.b, $req.c, $req.d, $req.n, e=$req.e.name); }"
        )
        with request_scope():
            first(Account())
            second(1)
        assert bench.values() == [
            {"$req.a": "ann", "$req.b": len(HIDDEN), "$req.c": False, "$req.d": True, "$req.n": 1, "e": "ann"}
        ]

    def test_a_new_value_decides_anew(self, bench: Bench) -> None:
        """A variable that another probe, or Python, sets to something else is no longer secret."""
        bench.probe("fn:HERE.first:entry { $req.x = arg0.password; } fn:HERE.second:entry { capture($req.x); }")
        bench.probe("fn:HERE.rest:entry { $req.x = arg0; }")
        with request_scope() as scope:
            first(Account())
            second(1)
            rest("open")
            second(1)
            first(Account())
            scope["x"] = "set by the application"
            second(1)
            first(Account())
            assert scope["x"] == HIDDEN
            assert scope.all() == {"x": HIDDEN}
            assert scope.delete("x")
            scope.set("x", "again")
            second(1)
        shown = [values["$req.x"] for values in bench.values()]
        assert shown == [REDACTED, "open", "set by the application", "again"]

    def test_what_python_set_is_judged_by_its_name(self, bench: Bench) -> None:
        """A value of the application's is hidden where the variable's name says so, in copies of it too."""
        bench.probe("fn:HERE.first:entry { $req.y = $req.token; capture($req.token, $req.y, $req.z); }")
        with request_scope() as scope:
            scope["token"] = HIDDEN
            scope["z"] = "open"
            first(1)
        assert bench.values() == [{"$req.token": REDACTED, "$req.y": REDACTED, "$req.z": "open"}]

    def test_the_predicate_does_not_spoil_the_body(self, bench: Bench) -> None:
        """A secret variable may be asked for in a predicate, and what the body captures besides is shown."""
        bench.probe(
            "fn:HERE.first:entry { $req.x = arg0.password; }"
            "fn:HERE.second:entry / $req.x != None / { capture(arg0, $req.x); }"
        )
        with request_scope():
            first(Account())
            second("open")
        assert bench.values() == [{"arg0": "open", "$req.x": REDACTED}]

    def test_settings_of_the_program_that_stores(self) -> None:
        """A name that a setting makes secret, or takes off, counts where the value is read."""
        made = Bench(redact=["pin"], redact_except=["password"])
        with made.tracer:
            made.probe(
                "fn:HERE.first:entry { $req.x = arg0.pin; $req.y = arg0.name; $req.z = arg1.password; }"
                "fn:HERE.second:entry { capture($req.x, $req.y, $req.z); }"
            )
            account = Account()
            account.password = "".join(["sho", "wn"])
            with request_scope():
                first(account, account)
                second(1)
            assert made.values() == [{"$req.x": REDACTED, "$req.y": "ann", "$req.z": "shown"}]

    def test_what_execute_probe_stores(self, bench: Bench) -> None:
        """A program that shows everything in its own process still marks what it stores for the others."""
        bench.probe("fn:HERE.second:entry { capture($req.x, $req.y); }")
        program = hogtrace.compile("fn:m.f:entry { $req.x = password; $req.y = name; capture($req.x); }")

        def called(name: str, password: str) -> dict[str, Any] | None:
            return execute_probe(program, program.probes[0], sys._getframe(), current)

        with request_scope() as scope:
            current = scope
            assert called("ann", HIDDEN) == {"$req.x": HIDDEN}
            second(1)
        assert bench.values() == [{"$req.x": REDACTED, "$req.y": "ann"}]


class TestKeys:
    """Keys that are made when the probe runs."""

    @pytest.mark.parametrize("key", ["password", b"password", "API-Key", ("user", "password")])
    def test_computed(self, bench: Bench, key: object) -> None:
        """An item under a secret key is hidden, wherever the key comes from."""
        bench.probe("fn:HERE.first:entry { $req.k = arg1; capture(x=arg0[arg1], y=arg0[$req.k], n=len(arg0[arg1])); }")
        with request_scope():
            first({key: HIDDEN}, key)
        assert bench.values() == [{"x": REDACTED, "y": REDACTED, "n": len(HIDDEN)}]

    def test_other_items_are_shown(self, bench: Bench) -> None:
        """An item under another key is shown, and one whose key stands in the program is judged by that alone."""
        bench.probe(
            "fn:HERE.first:entry { capture(x=arg0[arg1]); }"
            'fn:HERE.second:entry { capture(x=arg0["a"]["password"], y=arg0["a"]["name"]); }'
            'fn:HERE.second:exit { capture(z=arg0[lower("NAME")]); }'
        )
        first({"name": "ann", "password": HIDDEN}, "name")
        second({"a": {"name": "ann", "password": HIDDEN}, "name": "bob"})
        assert bench.values() == [{"x": "ann"}, {"x": REDACTED, "y": "ann"}, {"z": "bob"}]

    @pytest.mark.parametrize(
        ("value", "expression"),
        [
            (Login("ann", HIDDEN), "arg0[1]"),
            (Login("ann", HIDDEN), "arg0[-1]"),
            (Login("ann", HIDDEN), "arg0[0:]"),
            (Login("ann", HIDDEN), 'arg0 + arg0'),
            (("Authorization", HIDDEN), "arg0[1]"),
            ((b"cookie", HIDDEN), "arg0[-1]"),
            (["api_key", HIDDEN], "arg0[1:]"),
            ([("a", "b"), ("token", HIDDEN)], "arg0[1][1]"),
            ([("a", "b"), ("token", HIDDEN)], "arg0[1] * 2"),
        ],
    )  # fmt: skip
    def test_parts_of_pairs_and_named_tuples(self, bench: Bench, value: object, expression: str) -> None:
        """What is secret for its place stays it when it is taken out, at once or on the way through a variable."""
        bench.probe(f"fn:HERE.first:entry {{ capture(x={expression}); }}")
        bench.probe(f"fn:HERE.second:entry {{ $req.x = {expression}; }}")
        bench.probe("fn:HERE.rest:entry { capture(x=$req.x); }")
        with request_scope():
            first(value)
            second(value)
            rest(1)
        assert bench.values() == [{"x": REDACTED}, {"x": REDACTED}]

    def test_other_parts(self, bench: Bench) -> None:
        """The name of a pair, and pairs without a secret's name, are shown."""
        bench.probe("fn:HERE.first:entry { capture(a=arg0[0], b=arg1[1], c=arg1[0:1]); }")
        first(("token", HIDDEN), ("name", "ann"))
        assert bench.values() == [{"a": "token", "b": "ann", "c": ("name",)}]

    def test_types(self) -> None:
        """Of an object of a secret type no part is shown."""
        made = Bench(redact=[f"{HERE}.Card"])
        with made.tracer:
            made.probe("fn:HERE.first:entry { $req.n = arg0.number; capture(arg0, n=arg0.number, kind=type(arg0)); }")
            made.probe("fn:HERE.second:entry { capture($req.n, arg0.name); }")
            with request_scope():
                first(Card())
                second(Account())
            assert made.values() == [
                {"arg0": REDACTED, "n": REDACTED, "kind": f"{HERE}.Card"},
                {"$req.n": REDACTED, "arg0.name": "ann"},
            ]


class TestParameters:
    """Parameters with secret names."""

    def test_star(self, bench: Bench) -> None:
        """What `*args` takes is hidden where its name is secret."""
        bench.probe("fn:HERE.rest:entry { capture(arg0, arg1, args, part=args[1:]); }")
        rest("open", HIDDEN)
        assert bench.values() == [{"arg0": "open", "arg1": REDACTED, "args": ("open", REDACTED), "part": REDACTED}]

    def test_execute_probe(self) -> None:
        """`execute_probe` hides the same when it is asked to."""
        source = (
            "fn:m.f:entry { $req.x = arg1; $call.y = args; capture(arg0, arg1, arg2, args, locals, $req.x, $call.y,"
            " z=locals[$req.k]); }"
        )
        program = hogtrace.compile(source)

        def called(name: str, password: str, *tokens: str) -> dict[str, Any] | None:
            store = RequestLocalStore()
            store["k"] = "password"
            return execute_probe(program, program.probes[0], sys._getframe(), store, redact=True)

        result = called("ann", HIDDEN, HIDDEN)
        assert result is not None
        program_and_locals = result.pop("locals")
        assert HIDDEN not in str(program_and_locals)
        assert result == {
            "arg0": "ann",
            "arg1": REDACTED,
            "arg2": REDACTED,
            "args": ("ann", REDACTED, REDACTED),
            "$req.x": REDACTED,
            "$call.y": REDACTED,
            "z": REDACTED,
        }


class TestMessages:
    """Messages do not repeat values."""

    @pytest.mark.parametrize(
        "expression",
        [
            "arg1[arg0.password]",
            "arg1[arg0.pin]",
            "arg1[$req.x]",
            "int(arg0.password)",
            "float(arg0.password)",
            "arg0.password.nothing",
            "arg0.password[arg0.password]",
            "arg0.password[99]",
            "-arg0.password",
            "arg0.password - 1",
            "arg0.password % 1",
            "arg0.password < 1",
            "arg0.password in 5",
            "5 in arg0.password",
            "abs(arg0.password)",
            "round(arg0.password, 1)",
            "min(arg0.password, 1)",
            "startswith(arg0.password, 1)",
            "lower(arg0.pin)",
            "arg0.pin / 0",
            "str(arg0)",
            "arg0.password * arg0.pin * 100000",
        ],
    )
    def test_of_faults(self, bench: Bench, expression: str, caplog: pytest.LogCaptureFixture) -> None:
        """No fault tells the value that it is about, in the event, in the status or in the log."""
        bench.probe(f"fn:HERE.first:entry {{ $req.x = arg0.password; capture(x={expression}); }}")
        bench.probe(f"fn:HERE.first:entry / {expression} == 1 / {{ capture(); }}")
        with request_scope():
            first(Account(), {"a": 1})
        (event,) = bench.events()
        (error,) = event.errors
        for text in (str(error), str(bench.tracer.status()), caplog.text):
            assert HIDDEN not in text
            assert "4711" not in text

    def test_a_key_of_the_program_is_told(self, bench: Bench) -> None:
        """A key that stands in the program is named; another one is not."""
        bench.probe('fn:HERE.first:entry { capture(a=arg0["coupon"], b=arg0[7], c=arg0[arg1]); }')
        first({}, "computed")
        (event,) = bench.events()
        assert [error["message"] for error in event.errors] == ["no key 'coupon'", "no key 7", "no such key"]

    def test_of_the_applications_exceptions(self) -> None:
        """Where code of the application is run on request, its exceptions are told by their types alone."""

        class Talkative:
            @property
            def loud(self) -> str:
                raise KeyError(HIDDEN)

            def __getitem__(self, key: str) -> str:
                raise ValueError(f"bad password {HIDDEN}")

        made = Bench(access="python")
        with made.tracer:
            made.probe('fn:HERE.first:entry { capture(a=arg0.loud, b=arg0["x"]); }')
            first(Talkative())
            (event,) = made.events()
        assert [(error["kind"], error["message"]) for error in event.errors] == [
            ("lookup", "KeyError was raised"),
            ("value", "ValueError was raised"),
        ]


def test_descriptions_of_requests(bench: Bench) -> None:
    """What describes a request is shown without secrets; Python code gets it as it is."""
    bench.probe("fn:HERE.first:entry { capture(arg0); }")
    path = f"/reset/Bearer {HIDDEN}"
    with request_scope(method="GET", path=path, api_key=HIDDEN, attempts=3) as scope:
        first(1)
        assert scope.info == {"method": "GET", "path": path, "api_key": HIDDEN, "attempts": 3}
    event, record = bench.events()
    shown = {"method": "GET", "path": "/reset/Bearer [redacted]", "api_key": REDACTED, "attempts": 3}
    assert event.request == record.request == shown
    assert record.values["path"] == shown["path"]


def test_bytes_cannot_claim_otherwise(bench: Bench) -> None:
    """A program that came as bytes hides the same: what its values are read through is derived from its code."""
    source = "fn:HERE.first:entry { $req.x = arg0.password; $req.y = locals[arg1]; capture($req.x, $req.y); }"
    program = hogtrace.compile(source.replace("HERE.", f"{HERE}."))
    bench.tracer.install(hogtrace.Program.from_bytes(program.to_bytes()))
    with request_scope():
        first(Account(), "password", HIDDEN)
    assert bench.values() == [{"$req.x": REDACTED, "$req.y": REDACTED}]
