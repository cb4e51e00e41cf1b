"""What the probes of a function read, bound to where that function's code keeps it.

The compiler says which names a probe reads; this module decides, once per function, which of the function's local
slots the woven code loads at entry, at exit and at lines, and where in those values each name is found. The result is a
:class:`Binding`: a :class:`~hogtrace.weave.Plan` for the weaver and, per probe, a list of *places* for the engine's
``Site``, one per input of the probe:

==================================  ==================================================================
place                               the input's value
==================================  ==================================================================
``("load", i)``                     value ``i`` that the hook is handed
``("kept", i)``                     value ``i`` that was kept from the entry of the same call
``("item", place, i)``              item ``i`` of the tuple at a place (an argument taken by ``*args``)
``("args", [place, …], place?)``    a tuple of the places, and the ``*args`` tuple at the last one
``("kwargs", [(name, place)], p?)`` a dict of the places, and the ``**kwargs`` dict at the last one
``("locals", [(name, place), …])``  a dict of the places that are bound now
``("global", name)``                that global of the running frame
``("globals",)``                    the module's globals
``("retval",)``, ``("exception",)`` how the call ended
``("duration",)``                   seconds since the body began
``("missing", why)``                no value; ``why`` is the message of the fault
==================================  ==================================================================
"""

from __future__ import annotations

import builtins
import difflib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from inspect import CO_VARARGS, CO_VARKEYWORDS
from types import CodeType, MappingProxyType
from typing import TYPE_CHECKING, Any

from hogtrace.weave import Plan, rebinds
from hogtrace.weave.layout import parameter_count, slot_names

if TYPE_CHECKING:
    from hogtrace._engine import LinkedProbe
    from hogtrace.lines import Spot

Place = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class LineBinding:
    """What one line's hook is handed (slots to load), where it is called, and the places of its probes' inputs."""

    spot: Spot
    loads: tuple[int, ...]
    probes: tuple[tuple[LinkedProbe, tuple[Place, ...]], ...]


@dataclass(frozen=True, slots=True)
class Binding:
    """What to load, and where each probe finds its inputs.

    ``plan`` goes to the weaver. ``entry`` and ``exit`` pair each probe with the places of its inputs, and ``lines``
    has the same for each line with probes, in the order of the lines. ``keep`` lists
    the values of the entry hook (by position) that live until the call ends, and ``kept_names`` the parameters that
    they are. ``parameters`` are the names of the positional parameters, and ``star`` that of ``*args`` if
    there is one, for redaction.
    """

    plan: Plan
    entry: tuple[tuple[LinkedProbe, tuple[Place, ...]], ...]
    exit: tuple[tuple[LinkedProbe, tuple[Place, ...]], ...]
    lines: tuple[LineBinding, ...]
    keep: tuple[int, ...]
    kept_names: tuple[str, ...]
    parameters: tuple[str, ...]
    star: str | None


def bind(
    code: CodeType, probes: Sequence[LinkedProbe], spots: Mapping[LinkedProbe, Spot] = MappingProxyType({})
) -> Binding:
    """Bind the inputs of ``probes`` to the local slots of ``code``.

    Takes the function's original code object, the probes in their order of firing, and the spots of those at lines;
    gives the :class:`Binding`. An input that the code does not have is bound to a ``("missing", why)`` place, so that
    only the expression that reads it fails.
    """
    binder = _Binder(code)
    entry = tuple((probe, binder.places(probe, binder.entry)) for probe in probes if probe.point == "entry")
    exit_ = tuple((probe, binder.places(probe, binder.exit)) for probe in probes if probe.point == "exit")
    by_line: dict[int, list[LinkedProbe]] = {}
    for probe in probes:
        if probe in spots:
            by_line.setdefault(spots[probe].line, []).append(probe)
    lines = []
    for _, chosen in sorted(by_line.items()):
        loads: list[int] = []
        placed = tuple((probe, binder.places(probe, loads)) for probe in chosen)
        lines.append(LineBinding(spots[chosen[0]], tuple(loads), placed))
    return Binding(
        plan=Plan(entry=tuple(binder.entry), exit=tuple(binder.exit)),
        entry=entry,
        exit=exit_,
        lines=tuple(lines),
        keep=tuple(binder.keep),
        kept_names=tuple(binder.names[binder.entry[index]] for index in binder.keep),
        parameters=binder.positional,
        star=None if binder.star is None else binder.names[binder.star],
    )


def check(code: CodeType, probe: LinkedProbe, namespace: Mapping[str, object]) -> tuple[str, ...]:
    """Say which inputs of ``probe`` a function does not have, as far as that can be known before it is called.

    Takes the function's original code object and the globals of its module, as they are now; gives one sentence for
    each such input, with what may have been meant. Expressions that read them fail; the probe fires all the same.
    """
    binder = _Binder(code)
    loads = binder.entry if probe.point == "entry" else binder.exit
    inputs = list(probe.inputs)
    problems = []
    for (_, argument), place in zip(inputs, binder.places(probe, loads), strict=True):
        if place[0] == "missing":
            problems.append(place[1])
        elif place[0] == "global" and argument not in namespace:
            problems.append(binder.unknown(str(argument), namespace, loads))
    if len(problems) == len(inputs) > 1:
        problems.append(f"nothing that the probe reads is there in {code.co_qualname}")
    return tuple(problems)


class _Binder:
    """The slots of one code object, and the loads that its probes need so far.

    Where a place is asked for, `loads` is the list of what the hook in question loads.
    """

    def __init__(self, code: CodeType) -> None:
        self.code = code
        self.names = slot_names(code)
        self.parameter_count = parameter_count(code)
        self.positional = code.co_varnames[: code.co_argcount]
        named = code.co_argcount + code.co_kwonlyargcount
        self.keyword_only = code.co_varnames[code.co_argcount : named]
        # `*args` and `**kwargs` come after the named parameters, in this order.
        self.star = named if code.co_flags & CO_VARARGS else None
        self.star_star = self.parameter_count - 1 if code.co_flags & CO_VARKEYWORDS else None
        self.rebound = rebinds(code)
        self.entry: list[int] = []
        self.exit: list[int] = []
        self.keep: list[int] = []

    def places(self, probe: LinkedProbe, loads: list[int]) -> tuple[Place, ...]:
        """Give the place of each input of ``probe``."""
        return tuple(self._place(kind, argument, loads) for kind, argument in probe.inputs)

    def unknown(self, name: str, namespace: Iterable[object], loads: list[int]) -> str:
        """Say that a name is none of the function's variables and no global, and what may have been meant."""
        if name in vars(builtins):
            return f"{name!r} is a built-in name, which probes do not read, and no variable of {self.code.co_qualname}"
        slots = (
            [*range(self.parameter_count), *self._closure_slots()] if loads is self.entry else range(len(self.names))
        )
        known = [self.names[slot] for slot in slots] + [one for one in tuple(namespace) if type(one) is str]
        hint = difflib.get_close_matches(name, known, 1)
        also = f"; did you mean {hint[0]!r}?" if hint else ""
        return f"{self.code.co_qualname} has no variable {name!r}, and its module has none either{also}"

    def _place(self, kind: str, argument: str | int | None, loads: list[int]) -> Place:
        match kind:
            case "args":
                places = [self._parameter(slot, loads) for slot in range(len(self.positional))]
                return ("args", places, None if self.star is None else self._parameter(self.star, loads))
            case "arg":
                return self._argument(int(argument or 0), loads)
            case "kwargs":
                first = len(self.positional)
                pairs = [(name, self._parameter(first + index, loads)) for index, name in enumerate(self.keyword_only)]
                rest = None if self.star_star is None else self._parameter(self.star_star, loads)
                return ("kwargs", pairs, rest)
            case "self":
                if self.positional[:1] == ("self",):
                    return self._parameter(0, loads)
                also = f"; arg0 is {self.positional[0]!r}" if self.positional else ""
                return ("missing", f"{self.code.co_qualname} has no first parameter named 'self'{also}")
            case "name":
                return self._name(str(argument), loads)
            case "locals":
                # At entry only parameters and closure variables are bound; a local's slot would be empty.
                bound = [*range(self.parameter_count), *self._closure_slots()]
                slots = bound if loads is self.entry else range(len(self.names))
                return ("locals", [(self.names[slot], self._load(slot, loads)) for slot in slots])
            case _:
                return (kind,)

    def _argument(self, position: int, loads: list[int]) -> Place:
        if position < len(self.positional):
            return self._parameter(position, loads)
        if self.star is not None:
            return ("item", self._parameter(self.star, loads), position - len(self.positional))
        count = len(self.positional)
        takes = f"{count} positional parameter{'' if count == 1 else 's'}"
        last = f", the last is arg{count - 1} ({self.positional[-1]!r})" if count else ""
        names = ", ".join(map(repr, self.keyword_only))
        keywords = f"; those by keyword are read by name: {names}" if names else ""
        return ("missing", f"{self.code.co_qualname} has no arg{position}: it takes {takes}{last}{keywords}")

    def _name(self, name: str, loads: list[int]) -> Place:
        if name not in self.names:
            return ("global", name)
        slot = self.names.index(name)
        if loads is not self.entry or slot < self.parameter_count or slot in self._closure_slots():
            return self._load(slot, loads)
        hint = difflib.get_close_matches(name, self.code.co_varnames[: self.parameter_count], 1)
        also = f"; did you mean {hint[0]!r}?" if hint else ""
        return ("missing", f"the local {name!r} has no value yet at entry; read it at exit{also}")

    def _closure_slots(self) -> range:
        return range(len(self.names) - len(self.code.co_freevars), len(self.names))

    def _parameter(self, slot: int, loads: list[int]) -> Place:
        """Give the call's own value of a parameter, which the body may have rebound since the entry."""
        if loads is self.entry or slot not in self.rebound:
            return self._load(slot, loads)
        position = _position(self.entry, slot)
        return ("kept", _position(self.keep, position))

    def _load(self, slot: int, loads: list[int]) -> Place:
        return ("load", _position(loads, slot))


def _position(items: list[int], item: int) -> int:
    """Give the position of ``item`` in ``items``, appending it where it is new."""
    if item not in items:
        items.append(item)
    return items.index(item)
