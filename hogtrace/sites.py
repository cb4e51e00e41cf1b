"""The functions that carry probes, each once per process.

Several tracers may probe one function; its code is woven once for all of them. The table remembers the original code
object of each function; the code is woven anew when the set of its probes changes, and the identical original is put
back when the last probe goes. One lock guards it, which is never taken while a probe runs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from types import CodeType, FunctionType
from typing import TYPE_CHECKING

from hogtrace import _state
from hogtrace._engine import Site, swap_code
from hogtrace.binding import bind
from hogtrace.errors import WeaveError
from hogtrace.weave import weave

if TYPE_CHECKING:
    from hogtrace._engine import LinkedProbe

_Probes = tuple["LinkedProbe", ...]


@dataclass(frozen=True, slots=True)
class WovenFunction:
    """One probed function: what its code was, what it is now, and which probes are in it.

    ``kept_names`` are the parameters that live until the call ends because an exit probe reads them.
    """

    name: str
    original: CodeType
    code: CodeType
    probes: _Probes
    kept_names: tuple[str, ...]


def attach(function: FunctionType, name: str, probes: Sequence[LinkedProbe]) -> WovenFunction:
    """Add ``probes`` to ``function``, which events then call ``name``; those that it carries already stay single.

    They fire after the probes that are there, in the order given. Raises :class:`~hogtrace.errors.WeaveError` when
    the function's code cannot be woven; the function is then as it was.
    """
    woven = _change(function, name, lambda old: (*old, *(probe for probe in probes if probe not in old)))
    assert woven is not None  # noqa: S101 - `attach` never leaves a function without probes
    return woven


def detach(function: FunctionType, probes: Sequence[LinkedProbe]) -> None:
    """Take ``probes`` out of ``function``; without any left, its original code object is put back.

    Raises :class:`~hogtrace.errors.WeaveError` when another tool has replaced the woven code: what it put there is
    left alone.
    """
    _change(function, "", lambda old: tuple(probe for probe in old if probe not in probes))


def carries(function: FunctionType, probe: LinkedProbe) -> bool:
    """Whether the code that ``function`` has now carries ``probe``."""
    with _state.lock:
        woven = _state.woven.get(function)
        return woven is not None and function.__code__ is woven.code and probe in woven.probes


def _change(function: FunctionType, name: str, change: Callable[[_Probes], _Probes]) -> WovenFunction | None:
    with _state.lock:
        woven = _state.woven.get(function)
        current = function.__code__
        if woven is not None and current is not woven.code:
            # Another tool replaced the code. If our hooks are still in it, weaving again would run them twice; they
            # fall silent with their probes. If they are not, the function starts afresh.
            if any(type(constant) is Site for constant in current.co_consts):
                raise WeaveError("another tool has replaced the function's code while it was probed")
            del _state.woven[function]
            woven = None
        old = woven.probes if woven else ()
        probes = change(old)
        if probes == old:
            return woven
        original = woven.original if woven else current
        if not probes:
            swap_code(function, original)
            del _state.woven[function]
            return None
        binding = bind(original, probes)
        name = woven.name if woven else name
        site = Site(
            name,
            binding.entry,
            binding.exit,
            parameters=binding.parameters,
            star=binding.star,
            keep=binding.keep,
            loads=(len(binding.plan.entry), len(binding.plan.exit)),
        )
        # Without a probe at the entry or something to remember, the site itself is every call's token.
        code = weave(original, site, replace(binding.plan, enters=site.enters))
        swap_code(function, code)
        woven = WovenFunction(name, original, code, probes, binding.kept_names)
        _state.woven[function] = woven
        return woven
