"""Word of each module that has been imported or reloaded, for targets that wait for theirs or may have lost it.

While someone watches, two functions of the interpreter's own import system carry a hook, woven like any
probe: the one that lets go of a module's import lock, which every import and reload passes at its end, and
the one that runs the body of a module from a file, which is all that a module loaded by hand or late passes.
Finders, loaders and specs stay as they are, nothing is imported, and an import that is under way when the
watch begins is reported too. While someone watches reloads alone, the hook is in `importlib.reload` and
imports pass none.
"""

from __future__ import annotations

import importlib
import logging
import sys
from collections.abc import Callable
from types import CodeType, FunctionType
from typing import Any, cast

from hogtrace import _state
from hogtrace.targets import is_executed, is_importing, module_names
from hogtrace.weave import Plan, weave

__all__ = ["Callback", "unwatch", "watch", "watch_reloads"]

_logger = logging.getLogger("hogtrace")

# Private, and alike in every version that is supported; there is no public place that sees each import.
_bootstrap: Any = importlib._bootstrap
_bootstrap_external: Any = importlib._bootstrap_external

Callback = Callable[[str], object]


def watch(callback: Callback) -> None:
    """Call `callback` with the name of each module, once its body has run without an exception.

    It runs in the thread that imports, which may hold the import locks of modules that import this one; so it
    must be quick, and wait for nothing that imports. What it raises is logged and goes no further. A module
    that is reloaded is named again. Watching twice with one callback is watching once. Raises
    `hogtrace.errors.WeaveError` on a Python whose functions cannot be probed.
    """
    with _state.lock:
        if callback not in _watchers:
            for site in _IMPORT_SITES:
                site.weave()
            _watchers.append(callback)


def watch_reloads(callback: Callback) -> None:
    """Call `callback` with the name of each module that `importlib.reload` has loaded anew, and of no other.

    All else is as with `watch`.
    """
    with _state.lock:
        if callback not in _reload_watchers:
            _RELOAD_SITE.weave()
            _reload_watchers.append(callback)


def unwatch(callback: Callback) -> None:
    """Call `callback` no more; with the last one gone, the import system is as it was.

    It is no error if it did not watch.
    """
    with _state.lock:
        for watchers, places in ((_watchers, _IMPORT_SITES), (_reload_watchers, (_RELOAD_SITE,))):
            if callback in watchers:
                watchers.remove(callback)
            if not watchers:
                for site in places:
                    site.restore()


def _announce(name: str, watchers: list[Callback]) -> None:
    module = sys.modules.get(name)
    if module is None or not is_executed(module):
        return
    for callback in tuple(watchers):
        try:
            callback(name)
        except Exception:
            _logger.exception("binding probes in module %s failed", name)


class _Inert:
    """A hook that does nothing: what a pickled one becomes elsewhere."""

    __slots__ = ()

    def __getitem__(self, values: object) -> _Inert:
        return self

    def __setitem__(self, values: object, returned: object) -> None:
        pass

    def __delitem__(self, raised: object) -> None:
        pass


class _Hook(_Inert):
    """What the code of a site calls; it passes on what `returned` makes of the values at the return."""

    __slots__ = ("_returned", "_watchers")

    def __init__(self, returned: Callable[[Any], str | None], watchers: list[Callback]) -> None:
        self._returned = returned
        self._watchers = watchers

    def __reduce__(self) -> tuple[type[_Inert], tuple[()]]:
        return _Inert, ()

    def __setitem__(self, values: object, returned: object) -> None:
        name = self._returned(values)
        if name is not None:
            _announce(name, self._watchers)


class _Site:
    """A function of the import system, and its code without and with the hook."""

    def __init__(
        self,
        function: FunctionType,
        loads: tuple[int, ...],
        returned: Callable[[Any], str | None],
        watchers: list[Callback],
    ) -> None:
        self._function = function
        self._plan = Plan(entry=(), exit=loads)
        self._hook = _Hook(returned, watchers)
        self._original: CodeType | None = None
        self._woven: CodeType | None = None

    def weave(self) -> None:
        if self._woven is not None and self._function.__code__ is self._woven:
            return
        self._original = self._function.__code__
        self._woven = weave(self._original, self._hook, self._plan)
        self._function.__code__ = self._woven

    def restore(self) -> None:
        # What another tool has put there since is not ours to undo; our hook in it finds no watcher.
        if self._original is not None and self._function.__code__ is self._woven:
            self._function.__code__ = self._original
        self._original = self._woven = None


def _unlocked(values: tuple[Any, tuple[object, ...]]) -> str | None:
    """Give the name of the module whose lock was let go, unless because its import failed or goes on."""
    manager, (failure, *_) = values
    name: str = manager._name
    return None if failure is not None or is_importing(sys.modules.get(name)) else name


def _run(module: Any) -> str | None:
    """Give the name of the module whose body was run, unless its lock is taken: then `_unlocked` will."""
    name = module_names(module).get("__name__")
    return name if type(name) is str and name not in _bootstrap._module_locks else None


def _reloaded(module: Any) -> str | None:
    """Give the name of the module that was reloaded; what is in its place now may be another."""
    name = module_names(module).get("__name__")
    return name if type(name) is str else None


_watchers: list[Callback] = []
_reload_watchers: list[Callback] = []
_IMPORT_SITES = (
    _Site(_bootstrap._ModuleLockManager.__exit__, (0, 1), _unlocked, _watchers),
    _Site(_bootstrap_external._LoaderBasics.exec_module, (1,), _run, _watchers),
)
_RELOAD_SITE = _Site(cast(FunctionType, importlib.reload), (0,), _reloaded, _reload_watchers)
