"""Where in a code object a statement begins: the instructions before which a probe at its line fires."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import CodeType
from typing import Final

from hogtrace.errors import WeaveError
from hogtrace.lines.source import Source, SourceReader, changed
from hogtrace.lines.statements import Place, Statement, Statements, read_statements
from hogtrace.weave import Arrival
from hogtrace.weave.flow import Flow, Step, Way

# What ends a statement, where no source tells: nothing of it is left on the stack.
_LAST: Final = (
    "STORE_",
    "DELETE_",
    "POP_",
    "JUMP_",
    "RESUME",
    "NOP",
    "PUSH_EXC_INFO",
    "FOR_ITER",
    "END_FOR",
    "IMPORT_STAR",
)


@dataclass(frozen=True, slots=True)
class Spot:
    """One line of a function: where in its code the statement begins, with what is to be said of that."""

    line: int
    arrivals: tuple[Arrival, ...]
    note: str | None = None


def find_spot(code: CodeType, below: int, reader: SourceReader) -> Spot:
    """Find the statement that starts `below` lines below the line of a function's `def`.

    Takes the function's original code object. Without a source, lines are counted in the code's own table of lines,
    from its first one, and the note of the spot says so. Raises `WeaveError` where no statement starts, with the
    nearest lines on which one does, and where the source is not the one that the code was compiled from.
    """
    found = reader.function(code)
    if found is None:
        return _without_source(code, below)
    source, node = found
    search = _Search(code, read_statements(node), source)
    return search.spot(search.statements.line + below)


def every_spot(code: CodeType, reader: SourceReader) -> list[Spot]:
    """Give the spots of all lines of a function on which a statement starts; none without a source.

    Raises `WeaveError` where the source is not the one that the code was compiled from.
    """
    found = reader.function(code)
    if found is None:
        return []
    source, node = found
    search = _Search(code, read_statements(node), source)
    lines = {line: None for statement in search.statements.own for line in statement.lines[:1]}
    return [Spot(line, arrivals) for line in lines if (arrivals := search.arrivals_at(line))]


class _Search:
    """One function's statements, and the instructions that are theirs."""

    def __init__(self, code: CodeType, statements: Statements, source: Source) -> None:
        self.code = code
        self.statements = statements
        self.source = source
        self.flow = Flow.of(code)
        self.places = _places(code, self.flow)
        for line, column in self.places.values():
            if (line, column) not in statements.places and (
                column >= 0 or not code.co_firstlineno <= line <= statements.last
            ):
                raise changed(code, f"nothing begins at line {line}, column {column + 1}")

    def spot(self, line: int) -> Spot:
        """Give the spot of a line; raise `WeaveError` where there is none."""
        arrivals = self.arrivals_at(line)
        if not arrivals:
            raise WeaveError(self._why_not(line))
        return Spot(line, arrivals)

    def arrivals_at(self, line: int) -> tuple[Arrival, ...]:
        """Give where the first statement on a line that is compiled to anything begins; nothing if there is none."""
        for statement in self.statements.own:
            if line in statement.lines and (found := self._arrivals(statement)):
                return found
        return ()

    def _arrivals(self, statement: Statement) -> tuple[Arrival, ...]:
        inside = {first for first, place in self.places.items() if _is_in(place, statement)}
        if not inside:
            return ()
        inside = self._with_unplaced(inside)
        arrivals = _arrivals(self.flow, inside, lambda way: self._begins_anew(way, statement))
        if statement.computes:
            # 3.11 leaves a NOP behind some statements that is none of theirs.
            arrivals = tuple(one for one in arrivals if not self._is_idle(self.flow.steps[one.unit], inside))
        return arrivals

    def _is_idle(self, step: Step, inside: set[int]) -> bool:
        return step.name == "NOP" and step.following not in inside

    def _with_unplaced(self, inside: set[int]) -> set[int]:
        """Add the instructions without a place to which control comes from inside only."""
        flow = self.flow
        added = True
        known = set(inside)
        while added:
            added = False
            for first in flow.depths:
                if first not in known and first not in self.places:
                    sources = [way.source for way in flow.ways.get(first, ())] + list(flow.raising.get(first, ()))
                    if sources and known.issuperset(sources):
                        known.add(first)
                        added = True
        return known

    def _begins_anew(self, way: Way, statement: Statement) -> bool:
        """Whether a jump back from inside a statement to where it begins runs it once more.

        That is so where the statement is all that a loop around it is made of. The loop may be the statement itself,
        if it is a `while`; the way is then one of its own passes, unless it comes from its test or its `break`.
        """
        loop = statement.loop
        if loop is None:
            return True
        place = self.places.get(way.source)
        return place is not None and (place in loop.breaks or (place < loop.body and not loop.endless))

    def _why_not(self, line: int) -> str:
        below = line - self.statements.line
        inner = [one for one in self.statements.inner if one.first <= line <= one.last]
        if line > self.statements.last:
            what = f"it has no line entry+{below}, and ends at entry+{self.statements.last - self.statements.line}"
        elif inner:
            one = max(inner, key=lambda one: one.first)
            what = f"entry+{below} is a line of the {one.kind} {one.name!r} that is defined in it"
        elif any(line in statement.lines for statement in self.statements.own):
            what = f"the statement at entry+{below} is compiled to nothing ({self.source.text(line)})"
        else:
            what = f"no statement starts at entry+{below} ({self.source.text(line) or 'a blank line'})"
        nearest = [f"entry+{one - self.statements.line} ({self.source.text(one)})" for one in self._nearest(line)]
        if not nearest:
            return f"{what}; none of its statements is compiled to anything"
        return f"{what}; the nearest statement{'s start' if nearest[1:] else ' starts'} at {' and '.join(nearest)}"

    def _nearest(self, line: int) -> Iterator[int]:
        lines = sorted({one for statement in self.statements.own for one in statement.lines})
        place = bisect_left(lines, line)
        for side in (reversed(lines[:place]), iter(lines[place:])):
            yield from ([one] if (one := next((one for one in side if self.arrivals_at(one)), None)) else [])


def _places(code: CodeType, flow: Flow) -> Mapping[int, Place]:
    """Give where in the source each instruction of the body comes from, as far as known; without a column, it is -1."""
    places = {}
    table = list(code.co_positions())
    prologue = None
    for step in flow.steps.values():
        place = table[step.following - 1]
        if prologue is None:
            # What has no place of its own, such as a return that nobody wrote, may have that of the RESUME.
            prologue = place if step.name == "RESUME" else None
            continue
        line, _, column, _ = place
        unplaced = place == prologue and column is not None
        if line is not None and not unplaced and step.first in flow.depths:
            places[step.first] = (line, -1 if column is None else column)
    return places


def _is_in(place: Place, statement: Statement) -> bool:
    line, column = place
    if column < 0:
        return statement.begin[0] <= line <= statement.end[0]
    return statement.begin <= place < statement.end


def _arrivals(flow: Flow, inside: set[int], begins_anew: Callable[[Way], bool]) -> tuple[Arrival, ...]:
    """Give where control comes in from outside, and which ways to there are no arrivals."""
    found = []
    for first in sorted(inside):
        ways = flow.ways.get(first, ())
        if any(way.source not in inside for way in ways):
            past = [
                way.source
                for way in ways
                if way.source in inside and not (way.jumps and way.source >= first and begins_anew(way))
            ]
            found.append(Arrival(first, frozenset(past)))
    return tuple(found)


def _without_source(code: CodeType, below: int) -> Spot:
    line = code.co_firstlineno + below
    flow = Flow.of(code)
    inside = {first for first, place in _places(code, flow).items() if place[0] == line}
    arrivals = []
    for first in sorted(inside):
        ways = flow.ways.get(first, ())
        # A call that goes on over other lines comes back to this one in the middle of its statement.
        anew = [
            (way.source not in inside and flow.steps[way.source].name.startswith(_LAST))
            or (way.jumps and way.source >= first)
            for way in ways
        ]
        if any(anew):
            arrivals.append(
                Arrival(first, frozenset(way.source for way, is_new in zip(ways, anew, strict=True) if not is_new))
            )
    counted = "its source cannot be found, and lines are counted from the first one of its code"
    if not arrivals:
        known = sorted({place[0] - code.co_firstlineno for place in _places(code, flow).values()})
        raise WeaveError(
            f"nothing starts at entry+{below}; {counted}, which has "
            + (", ".join(f"entry+{one}" for one in known) or "none")
        )
    return Spot(line, tuple(arrivals), counted)
