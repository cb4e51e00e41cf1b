"""The tracer: programs into real functions and out again, on every kind of function."""

import asyncio
import gc
import importlib
import inspect
import sys
import threading
import traceback
import weakref
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import FunctionType
from typing import Any

import pytest

import hogtrace
from hogtrace import RequestLocalStore, Tracer, request_scope
from hogtrace.exporters import MemoryExporter
from tests.hogtrace import shop
from tests.looking import captures

SHOP = "tests.hogtrace.shop"


class Bench:
    """A tracer with its exporter, and short ways to what was captured."""

    def __init__(self) -> None:
        self.exporter = MemoryExporter()
        self.tracer = Tracer(exporter=self.exporter, max_overhead=None)

    def probe(self, text: str, name: str = "test") -> hogtrace.Installation:
        """Install a program; `SHOP.` in it stands for the application's module."""
        return self.tracer.install(hogtrace.compile(text.replace("SHOP.", f"{SHOP}."), name=name))

    def events(self) -> list[hogtrace.CaptureEvent]:
        """Give all that was captured so far."""
        assert self.tracer.flush(60)
        return captures(self.exporter)

    def values(self) -> list[dict[str, Any]]:
        """Give the fields of all that was captured so far."""
        return [event.values for event in self.events()]

    def status(self, index: int = 0) -> hogtrace.ProbeStatus:
        """Give the status of one probe."""
        return self.tracer.status().probes[index]


@pytest.fixture
def bench() -> Iterator[Bench]:
    """Give a tracer that is stopped after the test."""
    made = Bench()
    with made.tracer:
        yield made


def code_of(function: Any) -> Any:
    """Give a function's code object."""
    assert isinstance(function, FunctionType)
    return function.__code__


def test_entry_and_exit_of_a_function(bench: Bench) -> None:
    """Both points fire once a call, with the arguments and the result."""
    bench.probe("fn:SHOP.place:entry { capture(arg0, count, gift); } fn:SHOP.place:exit { capture(retval, label); }")
    assert shop.place("tea", 2, gift=True) == "2xtea (gift)"
    assert bench.values() == [
        {"arg0": "tea", "count": 2, "gift": True},
        {"retval": "2xtea (gift)", "label": "2xtea"},
    ]


def test_exit_by_exception(bench: Bench) -> None:
    """An exception leaves the function as it would, and the exit probe sees it."""
    bench.probe("fn:SHOP.place:exit / exception != None / { capture(order, retval, why=exception.args[0]); }")
    with pytest.raises(shop.Refused):
        shop.place("tea", 0)
    assert shop.place("tea") == "1xtea"
    assert bench.values() == [{"order": "tea", "retval": None, "why": "tea"}]


def test_exit_of_a_function_that_returns_none(bench: Bench) -> None:
    """Returning nothing is an exit like any other."""
    bench.probe("fn:SHOP.nothing:exit { capture(retval, exception); }")
    shop.nothing()
    assert bench.values() == [{"retval": None, "exception": None}]


@pytest.mark.parametrize(
    ("target", "call", "fields", "values"),
    [
        (
            "Basket.add",
            lambda: shop.Basket("ada").add("tea"),
            "self.owner, arg1, retval",
            ["ada", "tea", "ada:tea"],
        ),
        ("Basket.price", lambda: shop.Basket.price(4), "arg0, retval, amount", [4, 8, 4]),
        ("Basket.empty", lambda: shop.Basket.empty("bob"), "arg1, retval.owner, cls.size", ["bob", "bob", 3]),
        ("Basket.label", lambda: shop.Basket("ada").label, "self.owner, retval, owner", ["ada", "Ada", None]),
        ("Basket.__init__", lambda: shop.Basket("ada"), "owner, self.owner, retval", ["ada", "ada", None]),
        ("decorated", lambda: shop.decorated(1), "a, retval, args", [1, 2, (1,)]),
    ],
)
def test_methods_and_decorated_functions(
    bench: Bench, target: str, call: Callable[[], object], fields: str, values: list[object]
) -> None:
    """Methods of each kind, a property's getter, and the function behind a decorator."""
    bench.probe(f"fn:SHOP.{target}:exit {{ capture({fields}); }}")
    call()
    assert [list(event.values()) for event in bench.values()] == [values]
    assert bench.status().state == "installed"


def test_coroutine(bench: Bench) -> None:
    """A coroutine's entry is when its body runs, its exit when it is done; it stays a coroutine function."""
    bench.probe("fn:SHOP.fetch:entry { capture(key); } fn:SHOP.fetch:exit { capture(retval); }")
    assert inspect.iscoroutinefunction(shop.fetch)
    waiting = shop.fetch("a")
    assert bench.values() == []
    assert asyncio.run(waiting) == "A"
    assert bench.values() == [{"key": "a"}, {"retval": "A"}]


def test_generator(bench: Bench) -> None:
    """A generator exits once: at its end, or closed half-way with `GeneratorExit`."""
    bench.probe("fn:SHOP.numbers:exit { capture(stop, ended=type(exception)); }")
    assert list(shop.numbers(3)) == [0, 1, 2]
    half = shop.numbers(4)
    next(half)
    half.close()
    collected = shop.numbers(5)
    next(collected)
    del collected
    never_started = shop.numbers(6)
    never_started.close()
    assert bench.values() == [
        {"stop": 3, "ended": "NoneType"},
        {"stop": 4, "ended": "GeneratorExit"},
        {"stop": 5, "ended": "GeneratorExit"},
    ]


def test_async_generator(bench: Bench) -> None:
    """An async generator exits once, at its end."""
    bench.probe("fn:SHOP.pages:exit { capture(stop, page); }")

    async def read() -> list[int]:
        return [page async for page in shop.pages(2)]

    assert asyncio.run(read()) == [0, 1]
    assert bench.values() == [{"stop": 2, "page": 1}]


def test_cancelled_coroutine(bench: Bench) -> None:
    """Cancellation is an exit with `CancelledError`."""
    namespace: dict[str, Any] = {"asyncio": asyncio, "__name__": f"{SHOP}.waiting"}
    exec("async def wait():\n    await asyncio.sleep(60)", namespace)  # noqa: S102 - our own text
    module = type(sys)(f"{SHOP}.waiting")
    module.__dict__.update(namespace)
    sys.modules[module.__name__] = module

    async def main() -> None:
        task = asyncio.create_task(module.wait())
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    try:
        bench.probe("fn:SHOP.waiting.wait:exit { capture(ended=type(exception)); }")
        asyncio.run(main())
    finally:
        del sys.modules[module.__name__]
    assert bench.values() == [{"ended": "asyncio.exceptions.CancelledError"}]


def test_arguments_at_exit_are_the_calls_own(bench: Bench) -> None:
    """A parameter that the body rebinds is `arg0` at exit too; its bare name is what it is now; status says so."""
    bench.probe("fn:SHOP.rebinds:exit { capture(arg0, args, value); }")
    shop.rebinds("given")
    assert bench.values() == [{"arg0": "given", "args": ("given",), "value": ["given", "rebound"]}]
    assert "value" in (bench.status().reason or "")


def test_call_variables_and_duration_under_recursion(bench: Bench) -> None:
    """`$call` and `duration` belong to one call, however deep it is nested."""
    bench.probe(
        "fn:SHOP.factorial:entry { $call.n = n; $req.n = n; }"
        "fn:SHOP.factorial:exit { capture(call=$call.n, n=n, request=$req.n, duration=duration); }"
    )
    with request_scope():
        assert shop.factorial(3) == 6
    values = bench.values()
    assert [(value["call"], value["n"]) for value in values] == [(1, 1), (2, 2), (3, 3)]
    assert {value["request"] for value in values} == {1}
    assert 0 < values[0]["duration"] <= values[1]["duration"] <= values[2]["duration"] < 60


def test_call_variables_of_gathered_tasks(bench: Bench) -> None:
    """Coroutines that run interleaved do not see each other's `$call`."""
    bench.probe("fn:SHOP.fetch:entry { $call.key = key; } fn:SHOP.fetch:exit { capture($call.key, key); }")

    async def main() -> None:
        await asyncio.gather(*(shop.fetch(str(number)) for number in range(20)))

    asyncio.run(main())
    assert all(value["$call.key"] == value["key"] for value in bench.values())
    assert len(bench.values()) == 20


def test_closures_bind_their_own_cells(bench: Bench) -> None:
    """A method of a closure's kind keeps its free variables."""
    step = shop.counter()
    before = code_of(step)
    bench.probe("fn:SHOP.counter:exit { capture(count); }")
    shop.counter()
    assert bench.values() == [{"count": 0}]
    assert code_of(step) is before
    assert (step(), step()) == (1, 2)


def test_removal_gives_the_identical_code_back(bench: Bench) -> None:
    """After `uninstall` the function has the very code object that it had before."""
    original = code_of(shop.place)
    first = bench.probe("fn:SHOP.place:entry { capture(order); }", "first")
    second = bench.probe("fn:SHOP.place:exit { capture(retval); }", "second")
    assert code_of(shop.place) is not original
    bench.tracer.uninstall(first)
    shop.place("a")
    bench.tracer.uninstall(second.program)
    assert code_of(shop.place) is original
    shop.place("b")
    assert bench.values() == [{"retval": "1xa"}]


def test_two_tracers_share_a_function(bench: Bench) -> None:
    """Two tracers on one function both fire; each one's removal leaves the other."""
    original = code_of(shop.place)
    other = Bench()
    with other.tracer:
        bench.probe("fn:SHOP.place:entry { capture(a=1); }")
        other.probe("fn:SHOP.place:entry { capture(a=2); }")
        shop.place("x")
        bench.tracer.uninstall()
        shop.place("y")
        assert (bench.values(), other.values()) == ([{"a": 1}], [{"a": 2}, {"a": 2}])
    assert code_of(shop.place) is original


def test_probes_fire_in_order_of_installation(bench: Bench) -> None:
    """Several probes on one point run in order of installation, then of the source."""
    bench.probe("fn:SHOP.nothing:entry { capture(n=1); } fn:SHOP.nothing:entry { capture(n=2); }", "one")
    bench.probe("fn:SHOP.nothing:entry { capture(n=3); }", "two")
    shop.nothing()
    assert [value["n"] for value in bench.values()] == [1, 2, 3]
    assert [event.probe for event in bench.events()] == [
        f"{SHOP}.nothing:entry",
        f"{SHOP}.nothing:entry#2",
        f"{SHOP}.nothing:entry",
    ]


def test_removal_takes_effect_in_calls_that_run(bench: Bench) -> None:
    """A suspended generator keeps its woven code to its end, and its probe is silent."""
    installation = bench.probe("fn:SHOP.numbers:exit { capture(stop); }")
    running = shop.numbers(2)
    next(running)
    bench.tracer.uninstall(installation)
    assert list(running) == [1]
    assert bench.values() == []


def test_events_carry_their_request(bench: Bench) -> None:
    """Within a request scope an event has its id and its description; outside it has none."""
    bench.probe("fn:SHOP.place:entry { $req.seen = order; capture(seen=$req.seen); }")
    with request_scope(request_id="r-1", method="GET", path="/x"):
        shop.place("tea")
    shop.place("milk")
    inside, outside = bench.events()
    assert (inside.request_id, inside.request["path"], inside.values) == ("r-1", "/x", {"seen": "tea"})
    assert (outside.request_id, outside.values) == (None, {"seen": None})
    assert inside.function == f"{SHOP}.place"
    assert bench.status().dropped_writes == 1


def test_a_given_store_is_the_current_one(bench: Bench) -> None:
    """A store that is handed to `request_scope` is the one that probes write to."""
    bench.probe("fn:SHOP.place:entry { $req.order = order; }")
    store = RequestLocalStore()
    with request_scope(store):
        shop.place("tea")
    assert store["order"] == "tea"


def test_secret_parameters_are_redacted(bench: Bench) -> None:
    """A parameter named as a secret is hidden however it is reached, and the others are shown."""
    bench.probe("fn:SHOP.log_in:entry { capture(arg0, arg1, password, args, locals, size=len(password)); }")
    shop.log_in("ada", "hunter22")
    hidden = "[redacted]"
    assert bench.values() == [
        {
            "arg0": "ada",
            "arg1": hidden,
            "password": hidden,
            "args": ("ada", hidden),
            "locals": {"name": "ada", "password": hidden},
            "size": 8,
        }
    ]


def test_errors_are_counted_and_shown(bench: Bench) -> None:
    """A field that fails is `None`, the event says why and where, and the status counts it."""
    bench.probe("fn:SHOP.place:entry { capture(bad=arg0.nothing, order=order); }")
    shop.place("tea")
    (event,) = bench.events()
    assert event.values == {"bad": None, "order": "tea"}
    (error,) = event.errors
    assert (error["field"], error["kind"], error["line"]) == ("bad", "attribute", 1)
    status = bench.status()
    assert (status.hits, status.fired, status.captured, status.errors) == (1, 1, 1, 1)
    assert "nothing" in (status.last_error or "")


def test_a_failing_predicate_is_not_fired(bench: Bench) -> None:
    """The accounts of a probe balance: hits are passed, not passed, failed, skipped or sampled out."""
    bench.probe("fn:SHOP.place:entry / count > 1 / { capture(order); } fn:SHOP.place:exit / arg0.x / { }")
    shop.place("a", 1)
    shop.place("b", 2)
    entry, leave = bench.status(0), bench.status(1)
    assert (entry.hits, entry.fired, entry.not_passed, entry.failed) == (2, 1, 1, 0)
    assert (leave.hits, leave.fired, leave.not_passed, leave.failed) == (2, 0, 0, 2)
    status = bench.tracer.status()
    assert status.captured == status.exported + status.queued + sum(status.dropped.values()) == 1


def test_probes_on_what_the_exporter_calls_do_not_feed_themselves() -> None:
    """Hits on the exporter's own thread are skipped and counted, and the probe's accounts balance."""

    class Selling:
        def export(self, events: Sequence[hogtrace.CaptureEvent]) -> None:
            shop.place("tea")

        def close(self) -> None:
            pass

    program = hogtrace.compile(f"fn:{SHOP}.place:entry / count > 0 / {{ capture(order); }}")
    with Tracer(exporter=Selling(), max_overhead=None) as tracer:
        tracer.install(program)
        shop.place("milk")
        assert tracer.flush(60)
        (probe,) = tracer.status().probes
        assert tracer.status().captured == 1
    assert (probe.hits, probe.fired, probe.skipped) == (2, 1, 1)
    assert probe.hits == probe.fired + probe.not_passed + probe.failed + probe.skipped


def test_missing_argument_is_named(bench: Bench) -> None:
    """An argument that the function does not take fails its field, in words."""
    bench.probe("fn:SHOP.place:entry { capture(arg7); }")
    shop.place("tea")
    assert "2 positional parameters" in (bench.status().last_error or "")


def test_what_a_function_does_not_have_is_said_at_once(bench: Bench) -> None:
    """Before any call, with what may have been meant; the probe sits there all the same."""
    bench.probe(
        "fn:SHOP.place:entry { capture(arg7, self, ordr, label, Refused, print); }"
        "fn:SHOP.place:exit { capture(label, lable); }"
        "fn:SHOP.nothing:entry { capture(arg0, order); }"
        "fn:SHOP.n*:entry { capture(stop); }"
    )
    first, second, third, several = (bench.status(index) for index in range(4))
    assert {status.state for status in (first, second, third, several)} == {"installed"}
    assert first.warnings == (
        "place has no arg7: it takes 2 positional parameters, the last is arg1 ('count'); "
        "those by keyword are read by name: 'gift'",
        "place has no first parameter named 'self'; arg0 is 'order'",
        "place has no variable 'ordr', and its module has none either; did you mean 'order'?",
        "the local 'label' has no value yet at entry; read it at exit",
        "'print' is a built-in name, which probes do not read, and no variable of place",
    )
    assert second.warnings == ("place has no variable 'lable', and its module has none either; did you mean 'label'?",)
    assert third.warnings[-1] == "nothing that the probe reads is there in nothing"
    # One site of several has it.
    assert several.functions == (f"{SHOP}.nothing", f"{SHOP}.numbers")
    (warning,) = several.warnings
    assert warning.startswith(f"{SHOP}.nothing: nothing has no variable 'stop'")
    assert bench.values() == []


def test_a_global_that_comes_later_is_no_warning_any_more(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is missing is looked for again with each status."""
    bench.probe("fn:SHOP.nothing:entry { capture(LATER); }")
    assert len(bench.status().warnings) == 1
    monkeypatch.setattr(shop, "LATER", 1, raising=False)
    assert bench.status().warnings == ()
    shop.nothing()
    assert bench.values() == [{"LATER": 1}]


def test_status_says_where_a_probe_sits(bench: Bench) -> None:
    """The way behind decorators, and the name where a function was defined."""
    bench.probe("fn:SHOP.decorated:entry { } fn:SHOP.functools.wraps:entry { } fn:SHOP.Basket.label:entry { }")
    assert [bench.status(index).functions for index in range(3)] == [
        (f"{SHOP}.decorated.__wrapped__",),
        (f"{SHOP}.functools.wraps (defined as functools.wraps)",),
        (f"{SHOP}.Basket.label",),
    ]
    assert f"{SHOP}.decorated:entry: in: {SHOP}.decorated.__wrapped__" in str(bench.tracer.status())


def test_target_that_is_not_imported_waits(bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A module that is imported after the probe gets it at the import, and is never imported for it."""
    (tmp_path / "late_shop.py").write_text("def sell(item):\n    return item\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    bench.probe("fn:late_shop.sell:entry { capture(item); }")
    status = bench.status()
    assert (status.state, status.sites) == ("pending", 0)
    assert "late_shop" in (status.reason or "")
    assert "late_shop" not in sys.modules
    late = importlib.import_module("late_shop")
    try:
        assert bench.status().state == "installed"
        late.sell("tea")
        assert bench.values() == [{"item": "tea"}]
    finally:
        del sys.modules["late_shop"]


@pytest.mark.parametrize(
    ("target", "says"),
    [("SHOP.Basket", "Basket.__init__"), ("math.sin", "C"), ("SHOP.Basket.size", "int")],
)
def test_refused_targets_say_why(bench: Bench, target: str, says: str) -> None:
    """A class, a C function and a value cannot be probed, and the status says what they are."""
    importlib.import_module("math")
    bench.probe(f"fn:{target}:entry {{ }}")
    status = bench.status()
    assert status.state == "refused"
    assert says in (status.reason or "")


def test_misspelt_target_gets_a_suggestion(bench: Bench) -> None:
    """A name that the module does not have waits, and the status suggests the nearest."""
    bench.probe("fn:SHOP.plase:entry { }")
    assert "place" in (bench.status().reason or "")


def test_traceback_is_unchanged(bench: Bench) -> None:
    """The traceback of an exception through a probed function reads as it did."""

    def text() -> str:
        try:
            shop.place("tea", 0)
        except shop.Refused:
            return traceback.format_exc()
        raise AssertionError

    bare = text()
    bench.probe("fn:SHOP.place:entry { capture(order); } fn:SHOP.place:exit { capture(exception, label); }")
    assert text() == bare
    assert bench.values()[1]["label"] is None


def test_a_dropped_function_is_collected(bench: Bench) -> None:
    """Probing keeps no function alive."""
    module = type(sys)(f"{SHOP}.gone")
    exec("def gone(x):\n    return x", module.__dict__)  # noqa: S102 - our own text
    sys.modules[module.__name__] = module
    bench.probe("fn:SHOP.gone.gone:exit { capture(x, duration); }")
    module.gone(1)
    reference = weakref.ref(module.gone)
    del sys.modules[module.__name__], module
    gc.collect()
    assert reference() is None
    assert bench.status().sites == 0


def test_threads_do_not_mix(bench: Bench) -> None:
    """Many threads in one function, each in its own request: every event has its own thread's values."""
    bench.probe(
        "fn:SHOP.place:entry { $req.o = order; $call.o = order; }"
        "fn:SHOP.place:exit { capture(order, $req.o, $call.o); }"
    )
    barrier = threading.Barrier(8)

    def work(name: str) -> None:
        barrier.wait(60)
        for number in range(200):
            with request_scope(request_id=f"{name}-{number}"):
                shop.place(f"{name}-{number}")

    threads = [threading.Thread(target=work, args=(f"t{index}",)) for index in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    events = bench.events()
    assert len(events) == 1600
    for event in events:
        assert set(event.values.values()) == {event.request_id}


def test_load_compiles_a_file(bench: Bench, tmp_path: Path) -> None:
    """`load` takes a probe file, and its path is the program's name."""
    path = tmp_path / "one.hogtrace"
    path.write_text(f"fn:{SHOP}.nothing:entry {{ capture(x=1); }}\n")
    installation = bench.tracer.load(path)
    shop.nothing()
    assert bench.values() == [{"x": 1}]
    assert installation.program.name == str(path)


def test_stopped_tracer_takes_everything_out() -> None:
    """Leaving the context removes the probes, exports what waits, and refuses new programs."""
    original = code_of(shop.place)
    bench = Bench()
    with bench.tracer:
        bench.probe("fn:SHOP.place:entry { capture(order); }")
        shop.place("tea")
    assert code_of(shop.place) is original
    assert [event.values for event in bench.exporter.events] == [{"order": "tea"}]
    with pytest.raises(RuntimeError, match="stopped"):
        bench.probe("fn:SHOP.place:entry { }")


@pytest.mark.parametrize(
    ("options", "says"), [({"access": "wild"}, "'safe' or 'python'"), ({"max_overhead": 2}, "share of time")]
)
def test_wrong_options_are_errors(options: dict[str, Any], says: str) -> None:
    """An option that cannot be followed is refused when the tracer is made."""
    with pytest.raises(hogtrace.ConfigError, match=says):
        Tracer(exporter=MemoryExporter(), **options)
