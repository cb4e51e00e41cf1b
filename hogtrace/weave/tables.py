"""The two side tables of a code object: which handler covers what, and which line an instruction is of.

Positions are counted in code units everywhere in `hogtrace.weave`, not in bytes.
"""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from itertools import accumulate
from typing import NamedTuple

_NO_LOCATION = 15  # the location code of an instruction that belongs to no line
_LONG = 14
_NO_COLUMNS = 13
_ONE_LINE = range(10, 13)  # these add 0, 1 or 2 to the line
_LONGEST = 8  # units that one entry of the line table can cover


class Handler(NamedTuple):
    """One entry of an exception table: an exception in `start` … `end` (exclusive) goes on at `target`.

    The stack is cut down to `depth` values first; then, if `lasti`, the raising instruction's offset is
    pushed, then the exception.
    """

    start: int
    end: int
    target: int
    depth: int
    lasti: bool


def read_handlers(table: bytes) -> list[Handler]:
    """Decode `co_exceptiontable`, in its own order."""
    numbers = []
    number = 0
    for byte in table:
        number = number << 6 | byte & 63
        if not byte & 64:
            numbers.append(number)
            number = 0
    entries = zip(*[iter(numbers)] * 4, strict=True)
    return [
        Handler(start, start + length, target, depth_lasti >> 1, bool(depth_lasti & 1))
        for start, length, target, depth_lasti in entries
    ]


def write_handlers(handlers: Iterable[Handler]) -> bytes:
    """Encode a `co_exceptiontable`; the handlers must be sorted and must not overlap."""
    table = bytearray()
    for start, end, target, depth, lasti in handlers:
        first = len(table)
        for number in (start, end - start, target, depth << 1 | lasti):
            _append_number(table, number)
        table[first] |= 128
    return bytes(table)


def _append_number(table: bytearray, number: int) -> None:
    if number >= 64:
        shift = (number.bit_length() - 1) // 6 * 6
        while shift:
            table.append(number >> shift & 63 | 64)
            shift -= 6
    table.append(number & 63)


def carve(handlers: Iterable[Handler], holes: Sequence[tuple[int, int]]) -> list[Handler]:
    """Take the ranges `holes`, which are sorted and apart, out of what the sorted `handlers` cover."""
    carved = []
    index = 0
    for handler in handlers:
        start = handler.start
        while index and holes[index - 1][1] > start:
            index -= 1
        while index < len(holes) and holes[index][0] < handler.end:
            hole, hole_end = holes[index]
            if hole > start:
                carved.append(handler._replace(start=start, end=hole))
            start = max(start, hole_end)
            index += 1
        if start < handler.end:
            carved.append(handler._replace(start=start))
    return carved


def stretch_lines(
    table: bytes, size: int, grown: Iterable[tuple[int, int]], blank: tuple[int, int], tail: int
) -> bytes:
    """Make a `co_linetable` fit code that has grown.

    `size` is how many units the code had. Each of `grown`, in order, is a unit and how many new units take
    its location; `blank` is a unit, none behind any of those, and how many units without a location were put
    before it; `tail` units without one follow at the end.
    """
    starts = [index for index, byte in enumerate(table) if byte & 128]
    ends = list(accumulate((table[index] & 7) + 1 for index in starts))
    covered = ends[-1] if ends else 0
    if covered < size:
        # A code object made by hand may end in units that its table does not name.
        return stretch_lines(table + _blank(size - covered), size, grown, blank, tail)
    more: dict[int, int] = {}
    for unit, units in grown:
        entry = bisect_right(ends, unit)
        more[entry] = more.get(entry, 0) + units
    split = bisect_right(ends, blank[0])
    more.setdefault(split, 0)
    starts.append(len(table))
    stretched = bytearray()
    copied = 0
    for entry, units in sorted(more.items()):
        stretched += table[copied : starts[entry]]
        copied = starts[entry]
        if entry == len(ends):
            stretched += _blank(units)
            continue
        header = table[copied]
        payload = table[copied + 1 : starts[entry + 1]]
        copied = starts[entry + 1]
        length = (header & 7) + 1
        if entry == split:
            before = blank[0] - (ends[entry] - length)
            stretched += _entry(header, payload, before)
            stretched += _blank(blank[1])
            if before:
                header, payload = _same_location(header, payload)
            length -= before
        stretched += _entry(header, payload, length + units)
    stretched += table[copied:]
    stretched += _blank(tail)
    return bytes(stretched)


def _entry(header: int, payload: bytes, units: int) -> bytes:
    """Give the entries that put `units` units at the location which `header` and `payload` tell."""
    entries = b""
    while units:
        length = min(units, _LONGEST)
        entries += bytes((header & ~7 | length - 1,)) + payload
        header, payload = _same_location(header, payload)
        units -= length
    return entries


def _blank(units: int) -> bytes:
    return _entry(128 | _NO_LOCATION << 3, b"", units)


def _same_location(header: int, payload: bytes) -> tuple[int, bytes]:
    """Give header and payload for the location that the entry before had: its line, nothing added."""
    code = header >> 3 & 15
    if code in _ONE_LINE:
        return 128 | _ONE_LINE[0] << 3, payload
    if code == _NO_COLUMNS:
        return header, b"\0"
    if code == _LONG:
        first = 0
        while payload[first] & 64:
            first += 1
        return header, b"\0" + payload[first + 1 :]
    return header, payload
