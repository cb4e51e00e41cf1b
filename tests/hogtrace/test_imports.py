"""Word of imports: each one, once, when it is done, and no trace of the watch besides."""

import importlib
import importlib.util
import logging
import pickle
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from types import FunctionType
from typing import Any

import pytest

from hogtrace import imports

bootstrap: Any = importlib._bootstrap
external: Any = importlib._bootstrap_external
WATCHED: tuple[FunctionType, ...] = (
    bootstrap._ModuleLockManager.__exit__,
    external._LoaderBasics.exec_module,
)


@pytest.fixture
def modules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Give a directory for modules, whose names begin with `watched`; they are forgotten at the end."""
    monkeypatch.syspath_prepend(tmp_path)
    yield tmp_path
    for name in [name for name in sys.modules if name.startswith("watched")]:
        del sys.modules[name]


@pytest.fixture
def heard() -> Iterator[list[str]]:
    """Give the names that a watcher hears of, those of the test's modules alone."""
    names: list[str] = []

    def hear(name: str) -> None:
        if name.startswith("watched"):
            names.append(name)

    imports.watch(hear)
    yield names
    imports.unwatch(hear)


def test_an_import_is_told_once_when_it_is_done(modules: Path, heard: list[str]) -> None:
    """Not while the body runs, and not again for an import of what is there."""
    (modules / "watched_a.py").write_text("import sys\nsys.watched_heard(); x = 1\n")
    during: list[list[str]] = []
    sys.watched_heard = lambda: during.append(list(heard))  # type: ignore[attr-defined]
    try:
        importlib.import_module("watched_a")
        importlib.import_module("watched_a")
        exec("import watched_a")  # noqa: S102 - as an application does
    finally:
        del sys.watched_heard  # type: ignore[attr-defined]
    assert during == [[]]
    assert heard == ["watched_a"]


def test_packages_come_in_the_order_in_which_they_are_done(modules: Path, heard: list[str]) -> None:
    """A module that its package imports is done before the package is."""
    (modules / "watched_p").mkdir()
    (modules / "watched_p" / "__init__.py").write_text("from . import inner\n")
    (modules / "watched_p" / "inner.py").write_text("")
    (modules / "watched_p" / "outer.py").write_text("")
    importlib.import_module("watched_p.outer")
    assert heard == ["watched_p.inner", "watched_p", "watched_p.outer"]


def test_namespace_packages_are_told(modules: Path, heard: list[str]) -> None:
    """A package without a file of its own."""
    (modules / "watched_n").mkdir()
    (modules / "watched_n" / "m.py").write_text("")
    importlib.import_module("watched_n.m")
    assert heard == ["watched_n", "watched_n.m"]


def test_modules_that_import_each_other(modules: Path, heard: list[str]) -> None:
    """Neither is told before its own body has run."""
    (modules / "watched_x.py").write_text("import watched_y\n")
    (modules / "watched_y.py").write_text("import watched_x\n")
    importlib.import_module("watched_x")
    assert heard == ["watched_y", "watched_x"]


def test_a_failing_import_is_not_told_and_fails_as_ever(modules: Path, heard: list[str]) -> None:
    """The exception and the frames of its traceback are those of an import without a watch."""
    (modules / "watched_bad.py").write_text("1 / 0\n")

    def attempt() -> list[str]:
        with pytest.raises(ZeroDivisionError) as caught:
            importlib.import_module("watched_bad")
        return [entry.name for entry in caught.traceback]

    with_watch = attempt()
    for site in imports._IMPORT_SITES:
        site.restore()
    assert attempt() == with_watch
    assert heard == []
    with pytest.raises(ModuleNotFoundError):
        importlib.import_module("watched_nowhere")
    assert heard == []


def test_a_reload_is_told(modules: Path, heard: list[str]) -> None:
    """Once, when the body has run again."""
    (modules / "watched_r.py").write_text("")
    module = importlib.import_module("watched_r")
    importlib.reload(module)
    assert heard == ["watched_r", "watched_r"]


def test_a_module_that_is_run_by_hand_is_told(modules: Path, heard: list[str]) -> None:
    """As the documentation of importlib shows it, past the import statement."""
    (modules / "watched_h.py").write_text("x = 1\n")
    spec = importlib.util.spec_from_file_location("watched_h", modules / "watched_h.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert heard == []  # nobody can find it yet
    sys.modules["watched_h"] = module
    spec.loader.exec_module(module)
    assert heard == ["watched_h"]


def test_a_lazy_module_is_told_when_it_runs(modules: Path, heard: list[str]) -> None:
    """Not when it is made."""
    (modules / "watched_l.py").write_text("x = 1\n")
    spec = importlib.util.find_spec("watched_l")
    assert spec is not None
    assert spec.loader is not None
    spec.loader = importlib.util.LazyLoader(spec.loader)
    module = importlib.util.module_from_spec(spec)
    sys.modules["watched_l"] = module
    assert spec.loader is not None
    spec.loader.exec_module(module)
    assert heard == []
    assert module.x == 1
    assert heard == ["watched_l"]


def test_the_watch_does_not_run_a_lazily_imported_module(
    modules: Path, heard: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """An import statement that a lazy finder serves leaves the module as lazy as it would be."""

    class LazyFinder:
        @staticmethod
        def find_spec(name: str, path: object, target: object = None) -> object:
            if name != "watched_z":
                return None
            spec = importlib.util.spec_from_file_location(name, modules / "watched_z.py")
            assert spec is not None
            assert spec.loader is not None
            spec.loader = importlib.util.LazyLoader(spec.loader)
            return spec

    (modules / "watched_z.py").write_text("x = 1\n")
    monkeypatch.setattr(sys, "meta_path", [LazyFinder, *sys.meta_path])
    module = importlib.import_module("watched_z")
    assert type(module).__name__ == "_LazyModule"
    assert heard == []
    assert module.x == 1
    assert heard == ["watched_z"]


def test_an_import_that_is_under_way_is_told(modules: Path) -> None:
    """A module that begins the watch while its own body runs is told of at its end."""
    heard: list[str] = []
    (modules / "watched_self.py").write_text(
        "from hogtrace import imports\nimport sys\nimports.watch(sys.watched_hear)\nx = 1\n"
    )
    hear = heard.append
    sys.watched_hear = hear  # type: ignore[attr-defined]
    try:
        importlib.import_module("watched_self")
    finally:
        del sys.watched_hear  # type: ignore[attr-defined]
        imports.unwatch(hear)
    assert heard == ["watched_self"]


def test_the_watch_leaves_specs_and_finders_alone(modules: Path, heard: list[str]) -> None:
    """The module's loader is the one that it would have."""
    (modules / "watched_s.py").write_text("")
    finders = list(sys.meta_path), list(sys.path_hooks)
    module = importlib.import_module("watched_s")
    assert module.__spec__ is not None
    assert type(module.__spec__.loader) is importlib.machinery.SourceFileLoader
    assert (list(sys.meta_path), list(sys.path_hooks)) == finders
    assert heard == ["watched_s"]


def test_without_watchers_the_import_system_is_as_it_was() -> None:
    """The identical code objects stand there again, however many watched."""
    before = [function.__code__ for function in WATCHED]
    names: list[str] = []
    one, two = names.append, names.remove
    imports.watch(one)
    imports.watch(two)
    imports.watch(two)
    assert all(function.__code__ is not code for function, code in zip(WATCHED, before, strict=True))
    imports.unwatch(one)
    assert all(function.__code__ is not code for function, code in zip(WATCHED, before, strict=True))
    imports.unwatch(two)
    imports.unwatch(two)
    assert all(function.__code__ is code for function, code in zip(WATCHED, before, strict=True))


def test_code_that_another_tool_has_put_there_stays(modules: Path) -> None:
    """The end of the watch does not undo what others did meanwhile; our hook in it is silent."""
    heard: list[str] = []
    function = WATCHED[0]
    original = function.__code__
    imports.watch(heard.append)
    ours = function.__code__
    theirs = ours.replace(co_name=ours.co_name)
    function.__code__ = theirs
    try:
        imports.unwatch(heard.append)
        assert function.__code__ is theirs
        (modules / "watched_o.py").write_text("")
        importlib.import_module("watched_o")
        assert heard == []
    finally:
        function.__code__ = original


def test_a_failing_watcher_does_not_fail_the_import(
    modules: Path, heard: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    """It is logged, and the others are told."""

    def fail(name: str) -> None:
        raise ValueError(name)

    (modules / "watched_f.py").write_text("")
    imports.watch(fail)
    try:
        with caplog.at_level(logging.ERROR, "hogtrace"):
            importlib.import_module("watched_f")
    finally:
        imports.unwatch(fail)
    assert heard == ["watched_f"]
    assert "binding probes in module watched_f failed" in caplog.text


def test_imports_in_many_threads(modules: Path, heard: list[str]) -> None:
    """Each module is told of, also when several threads want it at once."""
    for n in range(10):
        (modules / f"watched_t{n}.py").write_text("import time\ntime.sleep(0.005)\n")

    def work() -> None:
        for n in range(10):
            importlib.import_module(f"watched_t{n}")

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(heard) == {f"watched_t{n}" for n in range(10)}


def test_the_hooks_are_pickled_as_inert_ones() -> None:
    """What is copied elsewhere with the code does nothing there."""
    hook = imports._IMPORT_SITES[0]._hook
    copy = pickle.loads(pickle.dumps(hook))  # noqa: S301
    assert copy[None] is copy
    del copy[None]
    copy[None] = ValueError()
