"""Targets that change hands: reloads, new functions under old names, and functions that are gone."""

import gc
import importlib
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import Any, cast
from unittest import mock

import pytest

import hogtrace
from hogtrace import Tracer, imports
from hogtrace.exporters import MemoryExporter

SOURCE = """
def place(order):
    return order


class Basket:
    def add(self, item):
        return item
"""
RELOAD = cast(FunctionType, importlib.reload)
IMPORT = cast(Any, importlib)._bootstrap._ModuleLockManager.__exit__


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """Make a module `rebound`."""
    (tmp_path / "rebound.py").write_text(SOURCE)
    monkeypatch.syspath_prepend(tmp_path)
    yield importlib.import_module("rebound")
    sys.modules.pop("rebound", None)


@pytest.fixture
def exporter() -> MemoryExporter:
    """Give what events go to."""
    return MemoryExporter()


@pytest.fixture
def tracer(exporter: MemoryExporter) -> Iterator[Tracer]:
    """Give a tracer that is stopped after the test."""
    with Tracer(exporter=exporter, max_overhead=None) as made:
        yield made


def install(tracer: Tracer, text: str) -> hogtrace.Installation:
    """Install a program."""
    return tracer.install(hogtrace.compile(text))


def orders(tracer: Tracer, exporter: MemoryExporter) -> list[Any]:
    """Give the one field of each event so far."""
    assert tracer.flush(60)
    return [value for event in exporter.events for value in event.values.values()]


def status(tracer: Tracer) -> hogtrace.ProbeStatus:
    """Give the status of the first probe."""
    return tracer.status().probes[0]


@pytest.mark.parametrize("target", ["rebound.place", "rebound.pl*", "re*nd.place"])
def test_a_reload_is_followed_at_once(
    module: ModuleType, tracer: Tracer, exporter: MemoryExporter, target: str
) -> None:
    """Nobody need ask for a status; the function that was there is gone, and so is its site."""
    install(tracer, f"fn:{target}:entry {{ capture(order); }}")
    importlib.reload(module)
    module.place("tea")
    assert orders(tracer, exporter) == ["tea"]
    gc.collect()
    assert (status(tracer).state, status(tracer).sites) == ("installed", 1)


def test_a_function_that_others_hold_stays_probed_after_a_reload(
    module: ModuleType, tracer: Tracer, exporter: MemoryExporter
) -> None:
    """Who imported it before goes on calling it; the status tells it from the new one."""
    held = module.place
    original = held.__code__
    install(tracer, "fn:rebound.place:entry { capture(order); }")
    importlib.reload(module)
    held("old")
    module.place("new")
    assert orders(tracer, exporter) == ["old", "new"]
    assert status(tracer).functions == ("rebound.place (not under that name any more)", "rebound.place")
    tracer.uninstall()
    assert held.__code__ is original
    del held
    gc.collect()


def test_a_reload_that_loses_the_function(
    module: ModuleType, tmp_path: Path, tracer: Tracer, exporter: MemoryExporter
) -> None:
    """The probe waits again, and binds when the function comes back."""
    install(tracer, "fn:rebound.place:entry { capture(order); }")
    del module.place
    gc.collect()
    (tmp_path / "rebound.py").write_text("def plaice(order):\n    return order\n")
    importlib.invalidate_caches()
    importlib.reload(module)
    gc.collect()
    assert (status(tracer).state, status(tracer).sites) == ("pending", 0)
    assert "did you mean 'plaice'?" in str(status(tracer).reason)
    (tmp_path / "rebound.py").write_text(SOURCE + "\n")
    importlib.reload(module)
    module.place("tea")
    assert orders(tracer, exporter) == ["tea"]


def test_a_module_that_is_deleted_and_imported_again(
    module: ModuleType, tracer: Tracer, exporter: MemoryExporter
) -> None:
    """Once the status has seen that it is gone, its next import is waited for."""
    assert module
    install(tracer, "fn:rebound.Basket.add:entry { capture(item); }")
    del sys.modules["rebound"]
    assert "not found any more: module rebound is not imported yet" in str(status(tracer).reason)
    again = importlib.import_module("rebound")
    again.Basket().add("tea")
    assert orders(tracer, exporter) == ["tea"]


def test_a_new_function_under_the_name(module: ModuleType, tracer: Tracer, exporter: MemoryExporter) -> None:
    """It is probed once somebody looks, by `rebind` or a status."""
    install(tracer, "fn:rebound.place:entry { capture(order); }")
    for number, look in enumerate((tracer.rebind, tracer.status)):
        exec("def place(order):\n    return [order]", vars(module))  # noqa: S102 - our own text
        module.place("unseen")
        look()
        module.place(number)
    assert orders(tracer, exporter) == [0, 1]


def test_a_decorator_that_comes_later(module: ModuleType, tracer: Tracer, exporter: MemoryExporter) -> None:
    """The function itself stays the one that is probed, once."""
    install(tracer, "fn:rebound.place:entry { capture(order); }")
    inner = module.place

    def decorated(function: Callable[[object], object]) -> Callable[[object], object]:
        def wrapper(order: object) -> object:
            return function(order)

        return wrapper

    module.place = decorated(module.place)  # type: ignore[attr-defined]
    assert status(tracer).sites == 1
    module.place("tea")
    assert orders(tracer, exporter) == ["tea"]
    tracer.uninstall()
    module.place("milk")
    assert orders(tracer, exporter) == ["tea"]
    del inner


def test_a_patch_for_a_while(module: ModuleType, tracer: Tracer, exporter: MemoryExporter) -> None:
    """What cannot be probed does not drive the probe out of where it sits."""
    install(tracer, "fn:rebound.place:entry { capture(order); }")
    with mock.patch.object(module, "place"):
        assert status(tracer).state == "installed"
        assert "not found any more" in str(status(tracer).reason)
        module.place("unseen")
    assert status(tracer).reason is None
    module.place("tea")
    assert orders(tracer, exporter) == ["tea"]


def test_code_that_another_tool_has_replaced_is_probed_again(
    module: ModuleType, tracer: Tracer, exporter: MemoryExporter
) -> None:
    """As reloaders of notebooks do, which give the old function the new code."""
    install(tracer, "fn:rebound.place:entry { capture(order); }")
    namespace: dict[str, Any] = {}
    exec("def place(order):\n    return [order]", namespace)  # noqa: S102 - our own text
    theirs: CodeType = namespace["place"].__code__
    module.place.__code__ = theirs
    tracer.rebind()
    module.place("tea")
    assert orders(tracer, exporter) == ["tea"]
    tracer.uninstall()
    assert module.place.__code__ is theirs


def test_a_wildcard_that_an_import_leads_above_its_limit(
    module: ModuleType, tmp_path: Path, exporter: MemoryExporter
) -> None:
    """Nothing of it stays installed, and the status says how many there would be."""
    (tmp_path / "rebound_more.py").write_text("".join(f"def place{number}():\n    pass\n" for number in range(5)))
    original = module.place.__code__
    with Tracer(exporter=exporter, max_overhead=None, wildcard_limit=4) as tracer:
        install(tracer, "fn:reb*.pl*:entry { capture(x=1); }")
        module.place(1)
        assert (status(tracer).state, status(tracer).sites) == ("installed", 1)
        more = importlib.import_module("rebound_more")
        del sys.modules["rebound_more"]
        more.place0()
        module.place(2)
        assert (status(tracer).state, status(tracer).sites) == ("refused", 0)
        assert status(tracer).reason == "reb*.pl* selects 6 functions, above the limit of 4"
        assert module.place.__code__ is original
        assert orders(tracer, exporter) == [1]
        # With fewer of them it may try again.
        tracer.rebind()
        assert (status(tracer).state, status(tracer).sites) == ("installed", 1)


def test_threads_that_call_while_probes_come_and_go(
    module: ModuleType, tracer: Tracer, exporter: MemoryExporter
) -> None:
    """Functions and closures give what they give, whatever code they have at the moment."""
    source = "def make(n):\n    def inner(x):\n        return lambda y: (n, x, y)\n    return inner\n"
    exec(source, vars(module))  # noqa: S102 - our own text
    originals = module.make.__code__, module.make(0).__code__
    done = threading.Event()
    wrong: list[object] = []

    def work(n: int) -> None:
        while not done.is_set():
            inner = module.make(n)
            if inner(1)(2) != (n, 1, 2):
                wrong.append(n)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(15):
            for probe in ("make:exit", "make.<locals>.inner:exit", "make.<locals>.inner.<locals>.<lambda>:entry"):
                install(tracer, f"fn:rebound.{probe} {{ }}")
            time.sleep(0.005)
            tracer.uninstall()
    finally:
        done.set()
        for thread in threads:
            thread.join()
    assert wrong == []
    assert (module.make.__code__, module.make(0).__code__) == originals
    assert module.make(0).__code__ is originals[1]


def test_imports_pass_no_hook_while_nothing_waits(module: ModuleType, tracer: Tracer) -> None:
    """An exact target that is installed needs word of reloads alone; without probes there is no hook at all."""
    assert module
    bare = RELOAD.__code__, IMPORT.__code__

    def hooked() -> tuple[bool, bool]:
        return RELOAD.__code__ is not bare[0], IMPORT.__code__ is not bare[1]

    exact = install(tracer, "fn:rebound.place:entry { }")
    assert hooked() == (True, False)
    waiting = install(tracer, "fn:rebound.nothing:entry { }")
    assert hooked()[1]
    tracer.uninstall(waiting)
    assert hooked() == (True, False)
    wildcard = install(tracer, "fn:rebound.*:entry { }")
    assert hooked()[1]
    tracer.uninstall(exact)
    tracer.uninstall(wildcard)
    assert hooked() == (False, False)
    assert (RELOAD.__code__, IMPORT.__code__) == bare


def test_a_reload_watcher_hears_of_reloads_alone(module: ModuleType, tmp_path: Path) -> None:
    """Not of imports, and not of reloads that fail."""
    heard: list[str] = []
    hear = heard.append
    imports.watch_reloads(hear)
    try:
        (tmp_path / "rebound_other.py").write_text("")
        importlib.import_module("rebound_other")
        assert importlib.reload(module) is module
        (tmp_path / "rebound.py").write_text("1 / 0\n\n")
        with pytest.raises(ZeroDivisionError):
            importlib.reload(module)
    finally:
        imports.unwatch(hear)
        sys.modules.pop("rebound_other", None)
    assert heard == ["rebound"]
