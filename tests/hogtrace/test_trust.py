"""Trust lists: what an entry may be, what it must name, and what the status says of it."""

import sys
import types
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pytest

from hogtrace import ConfigError, Settings, Tracer, TrustEntry, compile
from hogtrace.exporters import MemoryExporter
from hogtrace.trust import check_names, read_entries


class Order:
    """An object with a property."""

    class Line:
        """A class in a class."""

    @property
    def total(self) -> int:
        """Give a number."""
        return 42


Alias = Order


def look(subject: object) -> object:
    """Be probed."""
    return subject


@pytest.fixture
def late() -> Iterator[str]:
    """Give the name of a module that is not imported yet, and forget it afterwards."""
    yield "module_that_comes_late"
    sys.modules.pop("module_that_comes_late", None)


@pytest.mark.parametrize(
    ("entry", "says"),
    [
        (3, "holds an int; an entry is"),
        ("Order.total", "holds 'Order.total'; an entry is"),
        (("app.Order",), "holds a tuple; an entry is"),
        (("app.Order", 3), "something else than text"),
        (("app.Order", "total()"), "an entry is"),
        (("app.Order", "__class__"), "can never hold"),
        (("app.Order", "total", "cal"), "names the reader 'cal'; it must be one of 'stored'"),
        (("app.Order", "total", "stored"), "needs an argument"),
        (("app.Order", "total", "stored", "a..b"), "must be a dotted path"),
        (("app.Order", "total", "call", "total"), "takes none"),
        (("app.Order", "total", "item"), "needs an argument"),
        (("app.Order", "*", "context_proxy", "total"), "takes none"),
        (("app.Order", "*", "call"), "goes together"),
        (("app.Order", "total", "context_proxy"), "goes together"),
        (("app.Order", "total", "lazy_object", "_wrapped"), "goes together"),
        (("app.Order", "*", "lazy_object"), "needs an argument: the dotted path"),
        (("app.Order", "total", "instead"), "needs an argument: what can be read"),
        (("app.Order", "total", "thread_local"), "needs an argument: the name"),
    ],
)
def test_wrong_entries(entry: Any, says: str) -> None:
    """An entry that could never hold is an error at the start, of settings and of a tracer alike."""
    with pytest.raises(ConfigError, match="TRUST") as caught:
        Settings.load({"TRUST": [entry]}, environ={})
    assert says in str(caught.value)
    with pytest.raises(ConfigError, match="trust") as caught:
        Tracer(exporter=MemoryExporter(), max_overhead=None, trust=[entry])
    assert says in str(caught.value)


def test_what_is_no_list() -> None:
    """A text alone is no list of entries."""
    for wrong in ("app.Order.total", 3, None):
        with pytest.raises(ConfigError, match="list of"):
            read_entries(wrong, "trust")


@pytest.mark.parametrize(
    ("name", "says"),
    [
        (f"{__name__}.Odrer", f"but the module {__name__} has no 'Odrer'"),
        (f"{__name__}.Order.Lines", "but the class Order has no 'Lines'"),
        (f"{__name__}.look", "which is no class"),
        (f"{__name__}.Alias", f"only another name of the class {__name__}.Order"),
        (f"{__name__}.types.SimpleNamespace", "which is no class"),
    ],
)
def test_names_of_no_class(name: str, says: str) -> None:
    """A name that no class bears, in a module that is imported, is an error at the start."""
    for start in (
        lambda: Tracer(exporter=MemoryExporter(), max_overhead=None, trust=[(name, "total")]),
        lambda: Tracer.shared(Settings(exporter=None, trust=(TrustEntry(name, "total"),))),
    ):
        with pytest.raises(ConfigError) as caught:
            start()
        assert says in str(caught.value)
        assert name in str(caught.value)


def test_names_that_may_come_yet(late: str) -> None:
    """A module that is not imported, is not complete, or makes its names when asked, is not held to anything."""
    entries = [
        TrustEntry(f"{late}.Order", "total"),
        TrustEntry("hogtrace.no_such.Order", "total"),
        TrustEntry("make.<locals>.Order", "total"),
    ]
    check_names(entries, "trust")
    module = ModuleType(late)
    sys.modules[late] = module
    with pytest.raises(ConfigError, match="has no 'Order'"):
        check_names(entries, "trust")
    module.__spec__ = types.SimpleNamespace(_initializing=True)  # type: ignore[assignment]
    check_names(entries, "trust")
    module.__spec__ = None
    asked: list[str] = []
    vars(module)["__getattr__"] = asked.append
    check_names(entries, "trust")
    assert asked == []
    del sys.modules[late]
    check_names([TrustEntry(f"{__name__}.Order.Line", "total"), TrustEntry("builtins.dict", "[]")], "trust")


def test_an_entry_for_a_type_that_comes_late(late: str) -> None:
    """An entry holds for a type that is made after the tracer, and not for another of the same name elsewhere."""
    exporter = MemoryExporter()
    with Tracer(exporter=exporter, max_overhead=None, trust=[f"{late}.Order.total"]) as tracer:
        tracer.install(compile(f"fn:{__name__}.look:entry {{ capture(total=subject.total); }}"))
        body = {"__module__": late, "total": property(lambda self: 42)}
        look(type("Order", (), body)())
        look(Order())
        assert tracer.flush(60)
        assert [event.values["total"] for event in exporter.events] == [42, None]


def test_the_users_entries_come_first() -> None:
    """What a user says of a type wins over what a package says of it."""
    name = f"{__name__}.Order"
    settings = Settings.load(
        {
            "TRUST": [(name, "total")],
            "EXPORTER": "memory",
            "PROBES": [f"fn:{__name__}.look:entry {{ capture(total=subject.total); }}"],
        },
        environ={},
    )
    tracer = Tracer.shared(settings, trust=[TrustEntry(name, "total", "stored", "_total")])
    try:
        look(Order())
        assert tracer.status().probes[0].errors == 0
    finally:
        tracer.stop()


def test_the_status_names_what_is_called() -> None:
    """Entries that run code of the application are in the status; readers of what is stored are not."""
    name = f"{__name__}.Order"
    trust = [(name, "total"), (name, "other", "stored", "_other")]
    with Tracer(exporter=MemoryExporter(), max_overhead=None, trust=trust) as tracer:
        assert tracer.status().trusted_calls == (TrustEntry(name, "total"),)
        assert f"trusted: probes may run {name}.total" in str(tracer.status())
    with Tracer(exporter=MemoryExporter(), max_overhead=None, trust=trust[1:]) as tracer:
        assert tracer.status().trusted_calls == ()
        assert "trusted" not in str(tracer.status())


def test_the_lists_of_framework_packages_are_not_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    """They name classes of several releases of a framework, of which only one is there."""
    entry = TrustEntry(f"{__name__}.Gone", "total", "stored", "_total")
    with pytest.raises(ConfigError, match="has no 'Gone'"):
        Tracer(exporter="memory", trust=[entry])
    package = ModuleType("hogtrace_asgi.trust")
    vars(package)["TRUST"] = (entry,)
    monkeypatch.setitem(sys.modules, package.__name__, package)
    Tracer(exporter="memory", trust=[entry]).stop()
