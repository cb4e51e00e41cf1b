"""Weaving every function of a process: those that are loaded, and those of every import to come."""

import gc
import importlib
from collections.abc import Callable
from types import CodeType, FunctionType
from typing import Any

from hogtrace.lines import SourceReader, every_spot
from hogtrace.weave import LineCall, Plan, WeaveError, weave

SPARED = ("hogtrace", "tests.suites", "tests.hogtrace")
"""Packages whose functions stay bare: those that do the weaving, and those that judge it."""

# An import machinery's frames are cut off the tracebacks of failing imports by the name of their file.
_GET_CODE = """
def get_code(self, fullname):
    return change(original(self, fullname))
"""


class Weaver:
    """Weaves whole trees of code objects, each once, with one hook, and counts.

    `loads` says which values the hooks are handed: "none", "parameters" or "all" (every local). With "lines" there is
    a hook before every statement that starts a line, too, which is handed the parameters and the token; with "lines
    alone" there are no others, and nothing is handed.
    """

    def __init__(self, hook: object, loads: str) -> None:
        self.woven = 0
        self.lines = 0
        self.refused: list[str] = []
        self._hook = hook
        self._loads = loads
        self._reader = SourceReader()
        self._done: dict[int, tuple[CodeType, CodeType]] = {}

    def tree(self, code: CodeType) -> CodeType:
        """Give `code` with every function in it woven, itself included if it is one's."""
        known = self._done.get(id(code))
        if known is not None:
            return known[1]
        consts = tuple(self.tree(const) if isinstance(const, CodeType) else const for const in code.co_consts)
        changed = any(new is not old for new, old in zip(consts, code.co_consts, strict=True))
        result = code.replace(co_consts=consts) if changed else code
        if code.co_flags & 3 == 3:  # CO_OPTIMIZED and CO_NEWLOCALS: a function's, not a class's or a module's
            try:
                result = weave(result, self._hook, self._plan(result))
                self.woven += 1
            except WeaveError as error:
                self.refused.append(f"{code.co_filename}:{code.co_firstlineno} {code.co_qualname}: {error.reason}")
        # The original is kept, so that its id is not given to another.
        self._done[id(code)] = code, result
        self._done[id(result)] = result, result
        return result

    def loaded(self) -> None:
        """Weave the functions that exist now."""
        for function in gc.get_objects():
            if type(function) is FunctionType and not str(function.__module__).startswith(SPARED):
                function.__code__ = self.tree(function.__code__)

    def _plan(self, code: CodeType) -> Plan:
        parameters = code.co_argcount + code.co_kwonlyargcount + bool(code.co_flags & 4) + bool(code.co_flags & 8)
        cells = [name for name in code.co_cellvars if name not in code.co_varnames]
        slots = len(code.co_varnames) + len(cells) + len(code.co_freevars)
        lines = self._lines(code, tuple(range(parameters))) if self._loads.startswith("lines") else ()
        match self._loads:
            case "lines":
                return Plan((), (), lines=lines)
            case "lines alone":
                return Plan((), (), enters=False, leaves=False, lines=lines)
            case "none":
                return Plan((), ())
            case "token":
                return Plan((), (), enters=False)
            case "entry":
                return Plan(tuple(range(parameters)), (), leaves=False)
            case "parameters":
                return Plan(tuple(range(parameters)), tuple(range(parameters)))
            case "all":
                return Plan(tuple(range(slots)), tuple(range(slots)))
        raise ValueError(self._loads)

    def _lines(self, code: CodeType, parameters: tuple[int, ...]) -> tuple[LineCall, ...]:
        alone = self._loads == "lines alone"
        try:
            spots = every_spot(code, self._reader)
        except WeaveError:
            return ()  # code without statements, or without a file that it was made of
        self.lines += len(spots)
        return tuple(
            LineCall(self._hook, spot.arrivals, () if alone else parameters, token=not alone) for spot in spots
        )


def make_hook(kind: str) -> object:
    """Make a hook that does nothing: "quiet", made of parts of CPython, or "engine", a site without probes."""
    if kind == "engine":
        from hogtrace._engine import Site

        return Site("everywhere", [], [], parameters=(), keep=(), loads=(0, 0))
    from tests.hogtrace.weaving.hooks import Quiet

    return Quiet()


def change_imports(change: Callable[[CodeType], CodeType]) -> None:
    """Pass the code of every module that is imported from its source from now on through `change`."""
    external: Any = importlib._bootstrap_external  # type: ignore[attr-defined]
    original = external.SourceLoader.get_code

    def spare(code: CodeType | None) -> CodeType | None:
        package = code.co_filename.replace("/", ".") if code else ""
        return code if code is None or any(f".{name}." in package for name in SPARED) else change(code)

    namespace: dict[str, Any] = {"original": original, "change": spare}
    exec(compile(_GET_CODE, "<frozen importlib._bootstrap_external>", "exec"), namespace)  # noqa: S102
    external.SourceLoader.get_code = namespace["get_code"]
