"""Where probes sit: they are put into what their targets select, again whenever that may have changed.

A placement is looked over when its program is installed, at imports and reloads that concern it, and whenever
somebody asks for a status. What it has once found stays: a function that was replaced under its name may still be
called by those who hold it. It goes when it is collected.
"""

from __future__ import annotations

import gc
import sys
import weakref
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from types import CodeType, FunctionType
from typing import Final, TypeAlias

from hogtrace import _state, sites
from hogtrace._engine import LinkedProbe
from hogtrace.binding import check
from hogtrace.errors import WeaveError
from hogtrace.lines import SourceReader, Spot, find_spot
from hogtrace.sites import Inside, NestedCode
from hogtrace.targets import Found, Match, Target
from hogtrace.types import ProbeState

__all__ = ["Placement", "place", "put_back", "remove", "take_out"]

_SENTENCES: Final = 10
"""How many sentences about single functions a status has."""
_IMMORTALS_COUNT: Final = sys.version_info[:2] == (3, 12)
"""Whether the collector moves immortal objects to where `gc.freeze()` puts all of them, and counts them there."""


@dataclass(slots=True)
class _Place:
    """One function, or one code object inside of a function, that a probe sits in, and what to say of it."""

    name: str
    description: str
    kept_names: tuple[str, ...]
    problems: tuple[str, ...]
    spot: Spot | None
    original: CodeType
    found: bool = True


@dataclass(slots=True)
class _Within(_Place):
    """A place inside of a function; it is there as long as the function, or one that was made by it."""

    owner: weakref.ref[FunctionType] = field(kw_only=True)
    path: tuple[CodeType, ...] = field(kw_only=True)
    nested: NestedCode = field(kw_only=True)

    @property
    def is_alive(self) -> bool:
        return self.owner() is not None or len(self.nested.functions) > 0


@dataclass(eq=False, slots=True)
class Placement:
    """One probe, what it is aimed at, and where it sits."""

    linked: LinkedProbe
    target: Target
    _found: Found = field(default_factory=lambda: Found([]))
    _selects: bool = False
    _functions: weakref.WeakKeyDictionary[FunctionType, _Place] = field(default_factory=weakref.WeakKeyDictionary)
    _inside: dict[int, _Within] = field(default_factory=dict)
    _failures: list[str] = field(default_factory=list)

    def look(self, limit: int | None, module: str | None) -> Found:
        """Look for what it is aimed at, and note what is to be said of that; give what it may sit in."""
        is_whole = module is None or not self.target.is_wildcard
        if not is_whole and self._found.too_many:
            return Found([])
        found = self.target.find(limit if is_whole else None, module=module)
        keys = {id(match.path[-1]) if match.path else id(match.function) for match in found.functions}
        if is_whole:
            self._failures.clear()
            for function, at in list(self._functions.items()):
                at.found = id(function) in keys
            for key, within in self._inside.items():
                within.found = key in keys
        elif limit is not None:
            known = {id(function) for function in list(self._functions)} | set(self._inside)
            if len(keys | known) > limit:
                found = self.target.too_many(len(keys | known), limit)
        # Not the functions themselves: they live no longer for being probed.
        if is_whole or found.functions or found.too_many:
            self._found, self._selects = replace(found, functions=[]), bool(found.functions)
        if found.too_many:
            take_out([self])
            self._forget()
        return found

    @property
    def waits(self) -> bool:
        """Whether an import may bring what it is aimed at, or more of it."""
        return self._found.waiting is not None

    @property
    def state(self) -> ProbeState:
        """What has become of the probe."""
        if any(True for _ in self._places()):
            return "installed"
        return "refused" if self._found.refused or self._failures else "pending"

    @property
    def reason(self) -> str | None:
        """Why it is in that state, and what else there is to know of its places; None if there is nothing."""
        places = list(self._places())
        about = self._found.refused or self._found.waiting
        if about and places and not self._selects:
            about = f"not found any more: {about}"
        kept = []
        if self.linked.point != "entry":
            whom = "an exit probe" if self.linked.point == "exit" else "probes at its exit or its lines"
            kept = [
                f"{place.name}: {', '.join(place.kept_names)} kept alive until the call ends, for {whom}"
                for place in places
                if place.kept_names
            ]
        return "; ".join(([about] if about else []) + _shortened([*self._failures, *kept])) or None

    @property
    def functions(self) -> tuple[str, ...]:
        """The functions that it sits in, as people read them."""
        return tuple(_description(place) for place in self._places())

    @property
    def warnings(self) -> tuple[str, ...]:
        """What the probe reads that its functions do not have, and what else may surprise."""
        places = list(self._places())
        found = {
            f"{place.name}: {problem}" if len(places) > 1 else problem: None
            for place in places
            for problem in place.problems
        }
        found.update((f"{place.name}: {place.spot.note}", None) for place in places if place.spot and place.spot.note)
        if _is_frozen([owner for within in self._inside.values() if (owner := within.owner()) is not None]):
            found["what was frozen by gc.freeze() cannot be found: nested functions among it are not probed"] = None
        return tuple(_shortened(list(found)))

    def _forget(self) -> None:
        self._functions.clear()
        self._inside.clear()

    def _places(self) -> Iterator[_Place]:
        yield from list(self._functions.values())
        yield from (within for within in self._inside.values() if within.is_alive)


_Chosen: TypeAlias = tuple[Match, Placement]
"""A probe, and one of the functions that it is to sit in."""


def place(placements: Sequence[Placement], limit: int | None, *, module: str | None = None) -> None:
    """Look for what ``placements`` are aimed at, and put them where they are not yet.

    ``limit`` bounds how many functions one wildcard may select; above it, it sits in none. With ``module``, the one
    that has been imported, wildcards look into that one alone. To be called under the lock of the process's state.
    """
    functions: dict[FunctionType, list[_Chosen]] = {}
    inside: dict[int, list[_Chosen]] = {}
    reader = SourceReader()
    for placement in placements:
        found = placement.look(limit, module)
        for match in found.functions:
            if match.path:
                inside.setdefault(id(match.code), []).append((match, placement))
                known: _Place | None = placement._inside.get(id(match.code))
            else:
                functions.setdefault(match.function, []).append((match, placement))
                known = placement._functions.get(match.function)
            if known is not None and known.problems:
                # What its module did not have may have come.
                known.problems = check(match.code, placement.linked, match.function.__globals__)
    # One weave for all the probes of a function, in the order of the source.
    for function, chosen in functions.items():
        _put_into(function, [one for one in chosen if not sites.carries(function, one[1].linked)], reader)
    groups = [[one for one in chosen if not _sits_inside(*one)] for chosen in inside.values()]
    _put_inside(groups, reader)
    _leave_what_died(placements)


def remove(placements: Sequence[Placement]) -> None:
    """Take ``placements`` out of everything that they sit in, at once; what they were in is as it was before.

    To be called under the lock of the process's state.
    """
    # First of all silence them: frames that are running keep the woven code to their end.
    for placement in placements:
        placement.linked.enabled = False
    take_out(placements)
    for placement in placements:
        placement._forget()


def take_out(placements: Sequence[Placement]) -> None:
    """Take ``placements`` out of everything that they sit in, and remember what that was, for `put_back`.

    To be called under the lock of the process's state.
    """
    codes = {}
    for placement in placements:
        for function in list(placement._functions):
            try:
                sites.detach(function, [placement.linked])
            except WeaveError:
                # Somebody else's code stands in the function now; it is not ours to undo.
                continue
        codes.update({key: within.nested.original for key, within in placement._inside.items()})
    sites.detach_inside(codes.values(), [placement.linked for placement in placements])


def put_back(placement: Placement) -> None:
    """Put a placement that was taken out into what it sat in, as far as that is still there.

    To be called under the lock of the process's state; what its target selects now is up to `place`.
    """
    probe = placement.linked
    for function, at in list(placement._functions.items()):
        try:
            if _state.original_code(function) is at.original:
                sites.attach(function, at.name, [probe], _spots(probe, at))
                continue
        except WeaveError:
            pass
        # Somebody else's code came meanwhile; `place` looks at it if the target still selects the function.
        del placement._functions[function]
    inside = [(key, owner, within) for key, within in placement._inside.items() if (owner := within.owner())]
    places = [Inside(owner, within.path, within.name, [probe], _spots(probe, within)) for _, owner, within in inside]
    placement._inside.clear()
    if not places:
        return
    for (key, _, within), nested in zip(inside, sites.attach_inside(places), strict=True):
        if not isinstance(nested, WeaveError):
            placement._inside[key] = replace(within, nested=nested)


def _spots(probe: LinkedProbe, at: _Place) -> dict[LinkedProbe, Spot]:
    return {} if at.spot is None else {probe: at.spot}


def _with_spots(chosen: Sequence[_Chosen], reader: SourceReader) -> tuple[list[_Chosen], dict[LinkedProbe, Spot]]:
    """Find the lines of probes that are to sit at one; leave those out, with the reason, that have none."""
    able: list[_Chosen] = []
    spots: dict[LinkedProbe, Spot] = {}
    for match, placement in chosen:
        below = _below(placement.linked.point)
        try:
            if below is not None:
                spots[placement.linked] = find_spot(match.code, below, reader)
        except WeaveError as error:
            placement._failures.append(f"{match.name}: {error.reason}")
        else:
            able.append((match, placement))
    return able, spots


def _below(point: str) -> int | None:
    """Give N of a point `entry+N`."""
    _, plus, number = point.partition("+")
    return int(number) if plus else None


def _put_into(function: FunctionType, chosen: Sequence[_Chosen], reader: SourceReader) -> None:
    chosen, spots = _with_spots(chosen, reader)
    if not chosen:
        return
    name = chosen[0][0].name
    try:
        woven = sites.attach(function, name, [placement.linked for _, placement in chosen], spots)
    except WeaveError as error:
        for _, placement in chosen:
            placement._failures.append(f"{name}: {error.reason}")
        return
    for match, placement in chosen:
        problems = check(woven.original, placement.linked, function.__globals__)
        spot = spots.get(placement.linked)
        placement._functions[function] = _Place(
            match.name, match.place, woven.kept_names, problems, spot, woven.original
        )


def _put_inside(groups: Sequence[Sequence[_Chosen]], reader: SourceReader) -> None:
    ready = [(chosen, spots) for group in groups for chosen, spots in [_with_spots(group, reader)] if chosen]
    if not ready:
        return
    places = [
        Inside(match.function, match.path, match.name, [placement.linked for _, placement in chosen], spots)
        for chosen, spots in ready
        for match in [chosen[0][0]]
    ]
    for (chosen, spots), nested in zip(ready, sites.attach_inside(places), strict=True):
        for match, placement in chosen:
            if isinstance(nested, WeaveError):
                placement._failures.append(f"{match.name}: {nested.reason}")
                continue
            placement._inside[id(match.code)] = _Within(
                match.name,
                match.place,
                nested.kept_names,
                check(match.code, placement.linked, match.function.__globals__),
                spots.get(placement.linked),
                match.code,
                owner=weakref.ref(match.function),
                path=match.path,
                nested=nested,
            )


def _sits_inside(match: Match, placement: Placement) -> bool:
    within = placement._inside.get(id(match.code))
    if within is None or not sites.carries_inside(match.code, placement.linked):
        return False
    # The enclosing function's code may have been replaced and put back, or copied to another function.
    return within.owner() is match.function and sites.is_given(match.function)


def _leave_what_died(placements: Sequence[Placement]) -> None:
    """Forget the code of functions that are gone, and of which nothing is known that they made."""
    for placement in placements:
        dead = [key for key, within in placement._inside.items() if not within.is_alive]
        if dead:
            gone = [placement._inside.pop(key).nested.original for key in dead]
            sites.detach_inside(gone, [placement.linked])


def _is_frozen(owners: Sequence[FunctionType]) -> bool:
    """Whether `gc.freeze()` may have hidden functions that one of these has made."""
    if not owners or not gc.get_freeze_count():
        return False
    if not _IMMORTALS_COUNT:
        return True
    # What hides a function hides the one that made it, which is older.
    shown = gc.get_referrers(*{id(owner.__code__): owner.__code__ for owner in owners}.values())
    return not {id(owner) for owner in owners} <= {id(one) for one in shown}


def _description(at: _Place) -> str:
    notes = []
    if isinstance(at, _Within) and (count := len(at.nested.functions)):
        notes.append(f"seen in {count} function{'' if count == 1 else 's'}")
    if not at.found:
        notes.append("not under that name any more")
    return f"{at.description} ({', '.join(notes)})" if notes else at.description


def _shortened(sentences: list[str]) -> list[str]:
    rest = len(sentences) - _SENTENCES
    return sentences if rest <= 0 else [*sentences[:_SENTENCES], f"and {rest} more of the kind"]
