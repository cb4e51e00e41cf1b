"""What carries probes: functions, each once per process, and code inside of functions.

Several tracers may probe one function; its code is woven once for all of them. The table remembers the original code
object of each function; the code is woven anew when the set of its probes changes, and the identical original is put
back when the last probe goes. One lock guards it, which is never taken while a probe runs.

A nested function does not exist until the enclosing function runs. Its code does: it is a constant of the enclosing
function's code, perhaps several levels down. So the constant is exchanged for a woven copy, and so is each code object
up to the function that can be reached. The functions that exist already are found by looking, once for a whole change,
at what refers to the code objects; so are those that were made meanwhile, when the probes go.
"""

from __future__ import annotations

import builtins
import gc
import weakref
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from inspect import CO_ASYNC_GENERATOR, CO_COROUTINE, CO_GENERATOR
from types import CodeType, FunctionType, MappingProxyType
from typing import TYPE_CHECKING, Any, Final, NamedTuple, cast

from hogtrace import _state
from hogtrace._engine import LineHook, Site, swap_code
from hogtrace.binding import bind
from hogtrace.errors import WeaveError
from hogtrace.weave import LineCall, weave

if TYPE_CHECKING:
    from hogtrace._engine import LinkedProbe
    from hogtrace.lines import Spot


class Numbered(NamedTuple):
    """The number of a probe, and for one at a line, where that is."""

    number: int
    spot: Spot | None


_Probes = Mapping["LinkedProbe", Numbered]
"""Probes, which fire in the order of their numbers: that of installation, and of the source."""

# Calls of such code are suspended, and may be closed in another context than the one in which they began.
_SUSPENDS: Final = CO_GENERATOR | CO_COROUTINE | CO_ASYNC_GENERATOR

# Above this many code objects it is quicker to look at all functions than for each code object at all objects.
_MANY_CODES: Final = 16


@dataclass(frozen=True, slots=True)
class WovenFunction:
    """One probed function: what its code was, what it is now, and which probes are its own.

    ``kept_names`` are the parameters that live until the call ends because an exit probe reads them.
    """

    name: str
    original: CodeType
    code: CodeType
    probes: _Probes
    kept_names: tuple[str, ...]


@dataclass(eq=False, slots=True)
class NestedCode:
    """Code that carries probes, or encloses code that does, in whatever function it runs.

    ``functions`` are those that were found to be made of it, ``owners`` those by which it was reached.
    """

    original: CodeType
    code: CodeType
    name: str = ""
    probes: dict[LinkedProbe, Numbered] = field(default_factory=dict)
    kept_names: tuple[str, ...] = ()
    functions: weakref.WeakSet[FunctionType] = field(default_factory=weakref.WeakSet)
    owners: weakref.WeakSet[FunctionType] = field(default_factory=weakref.WeakSet)


class Inside(NamedTuple):
    """A place for probes inside of a function: the code objects that lead there, and what events call it."""

    function: FunctionType
    path: tuple[CodeType, ...]
    name: str
    probes: Sequence[LinkedProbe]
    spots: Mapping[LinkedProbe, Spot] = MappingProxyType({})


def attach(
    function: FunctionType,
    name: str,
    probes: Sequence[LinkedProbe],
    spots: Mapping[LinkedProbe, Spot] = MappingProxyType({}),
) -> WovenFunction:
    """Add ``probes`` to ``function``, which events then call ``name``; those that it carries already stay single.

    ``spots`` says where in the function's original code those at lines fire; they need one each.

    Probes fire in the order in which they were linked. Raises :class:`~hogtrace.errors.WeaveError` when
    the function's code cannot be woven; the function is then as it was.
    """
    with _state.lock:
        woven = _own(function)
        old = woven.probes if woven else {}
        new = [probe for probe in probes if probe not in old]
        if woven and not new and function.__code__ is woven.code:
            return woven
        original = woven.original if woven else _original(function)
        return _weave(function, woven.name if woven else name, original, {**old, **_numbered(new, spots)})


def detach(function: FunctionType, probes: Sequence[LinkedProbe]) -> None:
    """Take ``probes`` out of ``function``; without any left, its original code object is put back.

    Raises :class:`~hogtrace.errors.WeaveError` when another tool has replaced the woven code: what it put there is
    left alone. Should it undo that later, the probes do not come back.
    """
    with _state.lock:
        try:
            woven = _own(function)
        except WeaveError:
            _forget(function, probes)
            raise
        if woven is None:
            return
        left = {probe: numbered for probe, numbered in woven.probes.items() if probe not in probes}
        if len(left) == len(woven.probes):
            return
        if left:
            _weave(function, woven.name, woven.original, left)
        else:
            nested = _nested(woven.original)
            swap_code(function, nested.code if nested else woven.original)
            del _state.woven[function]


def carries(function: FunctionType, probe: LinkedProbe) -> bool:
    """Whether the code that ``function`` has now carries ``probe`` as one of its own."""
    with _state.lock:
        woven = _state.woven.get(function)
        return woven is not None and function.__code__ is woven.code and probe in woven.probes


def attach_inside(places: Iterable[Inside]) -> list[NestedCode | WeaveError]:
    """Add probes to code inside of functions, for all places with one look at the functions that exist.

    They fire in functions that are made from now on, and in those that were made before; a call of the enclosing
    function that is running makes one more of the old kind. Gives, for each place, what carries its probes now, or
    why it cannot; in that case nothing of that place is changed.
    """
    with _state.lock:
        wanted: list[NestedCode | WeaveError] = []
        changed: set[int] = set()
        for function, path, name, probes, spots in places:
            codes = (_state.original_code(function), *path)
            try:
                for code in codes:
                    _refuse_hooks(code)
            except WeaveError as error:
                # Its frames would keep the code alive.
                wanted.append(error.with_traceback(None))
                continue
            chain = [_enter(code) for code in codes]
            chain[0].owners.add(function)
            nested = chain[-1]
            new = [probe for probe in probes if probe not in nested.probes]
            nested.name = nested.name or name
            nested.probes.update(_numbered(new, spots))
            if new or not is_given(function):
                changed.add(id(nested.original))
            wanted.append(nested)
        failures = _settle(changed)
        return [one if isinstance(one, WeaveError) else failures.get(id(one.original), one) for one in wanted]


def detach_inside(codes: Iterable[CodeType], probes: Iterable[LinkedProbe]) -> None:
    """Take ``probes`` out of original code objects inside of functions, with one look at the functions that exist.

    What is left without any is as it was, in the enclosing functions too.
    """
    with _state.lock:
        gone = list(probes)
        changed: set[int] = set()
        for code in codes:
            nested = _nested(code)
            if nested is not None and any(nested.probes.pop(probe, None) is not None for probe in gone):
                for probe in gone:
                    nested.probes.pop(probe, None)
                changed.add(id(code))
        if changed:
            _settle(changed)


def carries_inside(code: CodeType, probe: LinkedProbe) -> bool:
    """Whether what is made of an original code object carries ``probe`` wherever it runs."""
    with _state.lock:
        nested = _nested(code)
        return nested is not None and probe in nested.probes


def is_given(function: FunctionType) -> bool:
    """Whether ``function`` has the code that was last made for it, so that what it encloses is probed too."""
    with _state.lock:
        code = function.__code__
        woven = _state.woven.get(function)
        if woven is not None and woven.code is code:
            return True
        nested = _nested(_state.original_code(function))
        return nested is not None and nested.code is code


def _numbered(probes: Iterable[LinkedProbe], spots: Mapping[LinkedProbe, Spot]) -> dict[LinkedProbe, Numbered]:
    return {probe: Numbered(probe.number, spots.get(probe)) for probe in probes}


# One function


def _own(function: FunctionType) -> WovenFunction | None:
    """Give what is known of a function's own probes, and forget it where the function starts afresh."""
    woven = _state.woven.get(function)
    current = function.__code__
    if woven is None or current is woven.code or _made_from(current) is woven.original:
        # In the last case another tool has put back what it found here: code of ours, of an earlier set of probes.
        return woven
    # Another tool replaced the code. If our hooks are still in it, weaving again would run them twice; they fall
    # silent with their probes. If they are not, the function starts afresh.
    _refuse_hooks(current)
    del _state.woven[function]
    return None


def _forget(function: FunctionType, probes: Sequence[LinkedProbe]) -> None:
    woven = _state.woven[function]
    left = {probe: arrival for probe, arrival in woven.probes.items() if probe not in probes}
    if left:
        _state.woven[function] = replace(woven, probes=left)
    else:
        del _state.woven[function]


def _made_from(code: CodeType) -> CodeType | None:
    """Give the original that a code object of ours was made from, or None for what is not ours."""
    made = _state.originals.get(id(code))
    return made[1] if made is not None and made[0]() is code else None


def _original(function: FunctionType) -> CodeType:
    original = _state.original_code(function)
    _refuse_hooks(original)
    return original


def _refuse_hooks(code: CodeType) -> None:
    if id(code) in _state.originals or any(type(constant) in (Site, LineHook) for constant in code.co_consts):
        raise WeaveError("another tool has replaced the function's code while it was probed")


def _weave(function: FunctionType, name: str, original: CodeType, probes: _Probes) -> WovenFunction:
    """Give ``function`` the code for its own probes and for those of its code."""
    nested = _nested(original)
    code, kept = _compose(original, name, {**probes, **nested.probes} if nested else probes)
    _remember(code, original)
    swap_code(function, code)
    woven = _state.woven[function] = WovenFunction(name, original, code, probes, kept)
    return woven


def _compose(original: CodeType, name: str, probes: _Probes) -> tuple[CodeType, tuple[str, ...]]:
    """Make the code with these probes, and with what its nested code carries; name the parameters that are kept."""
    code = _with_nested(original)
    if not probes:
        return code, ()
    spots = {probe: numbered.spot for probe, numbered in probes.items() if numbered.spot is not None}
    binding = bind(original, [probe for probe, _ in sorted(probes.items(), key=_number)], spots)
    site = Site(
        name,
        binding.entry,
        binding.exit,
        lines=[probe for line in binding.lines for probe, _ in line.probes],
        parameters=binding.parameters,
        star=binding.star,
        keep=binding.keep,
        loads=(len(binding.plan.entry), len(binding.plan.exit)),
        suspends=bool(original.co_flags & _SUSPENDS),
    )
    lines = []
    for line in binding.lines:
        hook = LineHook(
            site,
            name,
            line.probes,
            parameters=binding.parameters,
            star=binding.star,
            loads=len(line.loads),
        )
        lines.append(LineCall(hook, line.spot.arrivals, line.loads, token=site.remembers))
    # Without a probe at the entry or something to remember, the site itself is every call's token; without anything
    # that looks at it there is none.
    plan = replace(binding.plan, enters=site.enters, leaves=site.leaves, lines=tuple(lines))
    return weave(code, site, plan), binding.kept_names


def _number(item: tuple[LinkedProbe, Numbered]) -> int:
    return item[1].number


# Code inside of functions


def _nested(original: object) -> NestedCode | None:
    nested = _state.nested.get(id(original))
    return nested if nested is not None and nested.original is original else None


def _enter(original: CodeType) -> NestedCode:
    nested = _nested(original)
    if nested is None:
        nested = _state.nested[id(original)] = NestedCode(original, original)
    return nested


def _below(code: CodeType) -> list[NestedCode]:
    """Give what the constants of an original code object are, as far as they carry something."""
    return [nested for constant in code.co_consts if (nested := _nested(constant)) is not None]


def _with_nested(original: CodeType) -> CodeType:
    constants = tuple(nested.code if (nested := _nested(one)) is not None else one for one in original.co_consts)
    if all(new is old for new, old in zip(constants, original.co_consts, strict=True)):
        return original
    return original.replace(co_consts=constants)


def _settle(changed: set[int]) -> dict[int, WeaveError]:
    """Make the code of what has changed and of all that encloses it, and give it to the functions concerned.

    Gives the errors, by the id of the original code that cannot be woven; its probes are gone again.
    """
    failures: dict[int, WeaveError] = {}
    renewed: dict[int, NestedCode] = {}
    done: set[int] = set()

    def renew(nested: NestedCode) -> None:
        key = id(nested.original)
        if key in done:
            return
        done.add(key)
        below = _below(nested.original)
        for one in below:
            renew(one)
        if key in changed or any(id(one.original) in renewed for one in below):
            try:
                nested.code, nested.kept_names = _compose(nested.original, nested.name, nested.probes)
            except WeaveError as error:
                failures[key] = error.with_traceback(None)
                nested.probes.clear()
                nested.code, nested.kept_names = _with_nested(nested.original), ()
            if nested.code is not nested.original:
                _remember(nested.code, nested.original)
            renewed[key] = nested

    for nested in list(_state.nested.values()):
        renew(nested)
    _hand_out(renewed)
    # The innermost first: what encloses nothing any more goes in the next round.
    while idle := [key for key, nested in _state.nested.items() if not nested.probes and not _below(nested.original)]:
        for key in idle:
            del _state.nested[key]
    return failures


def _remember(code: CodeType, original: CodeType) -> None:
    key = id(code)
    forget = _state.originals.pop
    _state.originals[key] = (weakref.ref(code, lambda _: forget(key, None)), original)


def _hand_out(renewed: Mapping[int, NestedCode]) -> None:
    """Give the functions that are made of renewed code, or of what it was before, the code that it is now."""
    codes = {key: nested.original for key, nested in renewed.items()}
    for reference, original in list(_state.originals.values()):
        made = reference()
        if made is not None and id(original) in renewed:
            codes[id(made)] = made
    for nested in renewed.values():
        # The collector does not show what was frozen, and those by which the code was reached must not be missed.
        for function in list(nested.owners):
            _give(function, renewed)
    for function, woven in list(_state.woven.items()):
        if id(woven.original) in renewed and function.__code__ is woven.code:
            _give(function, renewed)
    for function in _made_of(codes, renewed.values()):
        _give(function, renewed)


def _give(function: FunctionType, renewed: Mapping[int, NestedCode]) -> None:
    original = _state.original_code(function)
    nested = renewed.get(id(original))
    if nested is None:
        return
    nested.functions.add(function)
    woven = _state.woven.get(function)
    if woven is not None and function.__code__ is woven.code:
        _weave(function, woven.name, original, woven.probes)
    elif function.__code__ is not nested.code:
        swap_code(function, nested.code)


def _made_of(codes: Mapping[int, CodeType], renewed: Iterable[NestedCode]) -> list[FunctionType]:
    """Give the functions whose code is one of ``codes``, by a look at everything that the collector knows.

    It runs no code of the application and, unlike a list of all objects, keeps nothing alive but what it gives.
    """
    if not codes:
        return []
    if len(codes) <= _MANY_CODES:
        referrers = gc.get_referrers(*codes.values())
    else:
        # Every function refers to the namespace of the built-in names.
        spaces = [vars(builtins), *(cast(Any, owner).__builtins__ for nested in renewed for owner in nested.owners)]
        referrers = gc.get_referrers(*{id(space): space for space in spaces}.values())
    return [one for one in referrers if type(one) is FunctionType and id(one.__code__) in codes]
