"""Random expressions and the values that they are evaluated over, weighted towards the edges."""

import math
import random
import struct
from collections.abc import Callable
from typing import Any

from tests.hogtrace.oracle.trees import Tree, literal, name

NAMES = [f"v{index}" for index in range(24)]
"""The names of the operands: the parameters of `hosts.subject`."""

NAN = float("nan")
OTHER_NAN = -float("nan")

CYCLIC: list[Any] = [1]
CYCLIC.append(CYCLIC)

COMPARISONS = ["==", "==", "==", "!=", "<", "<=", ">", ">=", "in", "in", "not in", "is", "is not"]


def nested(depth: int) -> list[Any]:
    """Give a list in a list in a list."""
    made: list[Any] = [1]
    for _ in range(depth):
        made = [made]
    return made


INTS = [
    0, 1, -1, 2, -2, 3, 7, -7, 10, 97, 255, 256, 2**31, -(2**31) - 1, 2**53, 2**53 + 1, 2**62, 2**63 - 1, 2**63,
    -(2**63), -(2**63) - 1, 2**64 - 1, 2**64, -(2**64), 10**30, 10**308, 10**400, 10**1200, -(10**1200), 2**2048,
    2**4095, 2**4096 - 1, 1 - 2**4096, 2**4096, 2**70 + 1,
]  # fmt: skip
FLOATS = [
    0.0, -0.0, 0.5, -0.5, 1.0, -1.0, 1.5, 2.5, 3.0, -7.0, 0.1, 0.3, 1e16, 1e22, 1e-7, 9007199254740993.0, 2.0**63,
    -(2.0**63), 2.0**64, 1e308, -1.7976931348623157e308, 5e-324, 2.2250738585072014e-308, math.inf, -math.inf, NAN, NAN,
    OTHER_NAN, 2.675, 12345.6789,
]  # fmt: skip
TEXTS = [
    "", "a", "b", "abc", "ABC", "ab" * 20, "é", "Straße", "İ", "ΑΣ", "\U0001f600", "x\U0001f600y", "\ud800", "a\udfffb",
    "a\x00b", "'", '"', "'\"\\\n", "\x7f\xad", "0x10", " 12 ", "1_0", "1__0", "_1", "-7", "+7", "- 7", "nan", "-inf",
    "infinity", "1e5", "1e400", ".5", "1.5", "1.", "\uff19", "\u0661\u0662", "\xa03\u2003", "True", "None", "9" * 19,
    "1" * 1233, "9" * 1234, "9" * 4000, "9" * 4301, "0" * 4000 + "5", "x" * 1000, "x" * 65_536, "x" * 65_537,
    "\u0416" * 32_768,
]  # fmt: skip
BYTES = [b"", b"a", b"abc", b"ABC", b"\x00\xff'", b'"', b" 12 ", b"1_0", b"0x10", b"1.5", b"nan", b"x" * 65_536]
SEQUENCES: list[Any] = [
    [], [1], [1.0], [True], [0, -0.0], [None], [NAN], [OTHER_NAN], [1, 2, 3], [3, 2, 1], [1, "a"], ["a", "b"], [[], ()],
    [[1], [1, 2]], [[NAN]], [1, [2, [3, [4]]]], ["\ud800", "\U0001f600", "é'"], [b"a", "a"], [2**64, -(2**63)],
    [1e300, NAN], [0] * 300, [0] * 8192, [0] * 8193, ["x" * 1000] * 50, nested(20), nested(40), CYCLIC, [range(3)],
    [{1: [1]}], (), (1,), (1.0,), (NAN,), (1, 2), ("a", "b"), ("a", 1), (None, True), ((1, 2), [3]), ("",),
    (1, 2, 3, 4, 5, 6, 7, 8), ([],), (OTHER_NAN, NAN), (0,) * 5000,
]  # fmt: skip
DICTS: list[dict[Any, Any]] = [
    {}, {"a": 1}, {"a": 1.0}, {"a": True, "b": None}, {1: "int"}, {1.0: "float"}, {True: "bool"}, {False: 0, "": 1},
    {NAN: 1}, {NAN: NAN}, {OTHER_NAN: 1}, {None: 1, (): 2, (1, 2): 3}, {"a": [1, {"b": 2}]}, {"a": {}}, {b"a": 1},
    {b"a": 1, "a": 2}, {frozenset({1}): 1}, {-1: "a", -2: "b"}, {2**64: 1, 2.0**64: 2}, {"é": 1, "\ud800": 2},
    {1: 1, "a": "a", None: []}, {str(index): index for index in range(200)}, {index: index for index in range(200)},
]  # fmt: skip
SETS: list[Any] = [
    set(), frozenset(), {1}, {1.0}, {True, None}, frozenset({1}), frozenset({1.0, "a"}), {NAN}, frozenset({NAN}),
    {OTHER_NAN, NAN}, {1, "a", None, 2.5, b"a", (1, 2)}, {frozenset({1})}, {frozenset()}, {"a", "b"}, {1, 2, 3},
    frozenset({1, 2, 3, 4}), {-1, -2}, {"\ud800"}, {(NAN,)}, set(range(300)), {2**64},
]  # fmt: skip
OTHERS: list[Any] = [
    range(0), range(5), range(-3, 3), range(0, 10, 3), range(10, 0, -2), range(2**64, 2**64 + 5),
    range(2**62, 2**66, 2**64), bytearray(), bytearray(b"abc"), bytearray(b" 7 "), 1j, complex(2, 0), complex(NAN, 1),
]  # fmt: skip
LITERALS: list[Any] = [
    value
    for value in [None, True, False, *INTS, *FLOATS, *TEXTS]
    if not (isinstance(value, float) and math.isnan(value))
    and not (isinstance(value, int) and abs(value) >= 2**4096)
    and not (isinstance(value, str) and (len(value) > 1300 or any("\ud800" <= c <= "\udfff" for c in value)))
]


class Generator:
    """Expressions and operands from one seed."""

    operands: dict[str, Any]
    """A value for each of the names, of every kind."""

    def __init__(self, seed: object) -> None:
        self._random = random.Random(str(seed))  # noqa: S311 - no secret is made of it
        made: list[Any] = [None, self._random.random() < 0.5]
        for pool, count in [(INTS, 5), (FLOATS, 4), (TEXTS, 4), (BYTES, 1), (SEQUENCES, 5), (DICTS, 1), (SETS, 2)]:
            made += [self._drawn(pool) for _ in range(count)]
        self.operands = dict(zip(NAMES, made, strict=True))
        if self._random.random() < 0.3:
            self.operands[self._random.choice(NAMES)] = self._drawn(OTHERS)

    def _drawn(self, pool: Any) -> Any:
        """Give one of the pool, or something new like it."""
        draw = self._random
        if draw.random() < 0.6:
            return draw.choice(pool)
        if pool is INTS:
            return draw.choice([draw.randint(-9, 9), draw.randint(-9, 9), draw.getrandbits(63), draw.getrandbits(4090)])
        if pool is FLOATS:
            made = struct.unpack(">d", draw.randbytes(8))[0]
            return draw.choice([made, draw.uniform(-100, 100), float(draw.randint(-(2**63), 2**63))])
        if pool is TEXTS:
            return "".join(draw.choices("abAB 01.e-_\xe9\u0130\U0001f600", k=draw.randint(0, 8)))
        if pool is SEQUENCES:
            made = [draw.choice(draw.choice([INTS, FLOATS, TEXTS, SEQUENCES])[:30]) for _ in range(draw.randint(0, 6))]
            return made if draw.random() < 0.6 else tuple(made)
        if pool is DICTS:
            return {draw.choice([*FLOATS, *TEXTS[:20], *INTS[:20]]): draw.choice(SEQUENCES[:20]) for _ in range(5)}
        if pool is SETS:
            made = {draw.choice([*FLOATS, *TEXTS[:20], *INTS[:20], None, ()]) for _ in range(draw.randint(0, 6))}
            return made if draw.random() < 0.6 else frozenset(made)
        return draw.choice(pool)

    def expression(self, depth: int = 5) -> Tree:
        """Give an expression nested at most that deep."""
        return self._any(self._random.choice([1, 1, 2, 2, 3, 4, depth]))

    def _chance(self, probability: float) -> bool:
        return self._random.random() < probability

    def _leaf(self, *types: type, literals: float = 0.4) -> Tree:
        """Give an operand of one of the types: a literal, or a name."""
        if self._chance(literals):
            for _ in range(20):
                value = self._random.choice(LITERALS)
                if isinstance(value, types):
                    return literal(value)
        fitting = [key for key, value in self.operands.items() if isinstance(value, types)]
        return name(self._random.choice(fitting or NAMES))

    def _any(self, depth: int) -> Tree:
        makers = [self._number, self._number, self._text, self._container, self._truth, self._truth, self._item]
        return self._random.choice(makers)(depth)

    def _stray(self) -> bool:
        """Tell, rarely, to put something of the wrong type here."""
        return self._chance(0.03)

    def _number(self, depth: int) -> Tree:
        if self._stray():
            return self._any(depth)
        if depth <= 0:
            return self._leaf(int, float)
        down = depth - 1
        draw = self._random.random()
        if draw < 0.5:
            word = self._random.choice(["+", "-", "*", "/", "//", "%"])
            left, right = self._number(down), self._number(down)
            if word == "%" and left.word[:1] in {"'", '"'}:
                word = "+"  # a compile error, which others test
            return Tree("binary", word, (left, right))
        if draw < 0.6:
            return Tree("unary", self._random.choice("-+"), (self._number(down),))
        function = self._random.choice(["len", "int", "int", "float", "float", "abs", "min", "max", "round", "round"])
        match function:
            case "len":
                parts = [self._random.choice([self._text, self._container])(down)]
            case "int" | "float":
                parts = [self._random.choice([self._text, self._number])(down)]
            case "min" | "max":
                parts = [self._number(down) for _ in range(self._random.choice([2, 2, 3, 4]))]
            case "round":
                parts = [self._number(down)]
                if self._chance(0.7):
                    parts.append(self._small(down))
            case _:
                parts = [self._number(down)]
        return Tree("call", function, tuple(parts))

    def _small(self, depth: int) -> Tree:
        """Give a number of times, of digits, a place: a small integer most of the time."""
        if self._chance(0.15):
            return self._number(depth)
        return literal(self._random.choice([0, 0, 1, 1, 2, 3, -1, -1, -2, 5, 17, -5, 400, -400, True, False]))

    def _text(self, depth: int) -> Tree:
        if self._stray():
            return self._any(depth)
        if depth <= 0:
            return self._leaf(str)
        down = depth - 1
        match self._random.randrange(8):
            case 0 | 1:
                return Tree("call", "str", (self._any(down),))
            case 2:
                return Tree("call", "lower", (self._text(down),))
            case 3:
                return Tree("binary", "+", (self._text(down), self._text(down)))
            case 4:
                return self._repeated(self._text(down), down)
            case 5:
                return self._sliced(self._text(down), down)
            case 6:
                return Tree("item", "", (self._text(down), self._small(down)))
            case _:
                return Tree("call", "type", (self._any(down),))

    def _repeated(self, base: Tree, depth: int) -> Tree:
        parts = (base, self._small(depth))
        return Tree("binary", "*", parts if self._chance(0.7) else parts[::-1])

    def _sliced(self, base: Tree, depth: int) -> Tree:
        words = tuple(self._random.choice(["open", "given", "given"]) for _ in range(2))
        ends = [literal(None) if self._chance(0.05) else self._small(depth - 1) for word in words if word == "given"]
        return Tree("slice", "", (base, *ends), words)

    def _container(self, depth: int, *types: type) -> Tree:
        if self._stray():
            return self._any(depth)
        if not types:
            types = self._random.choice(
                [(list,), (list,), (tuple,), (set, frozenset), (dict,), (bytes, bytearray), (range,)]
            )
        if depth <= 0:
            return self._leaf(*types, literals=0)
        down = depth - 1
        draw = self._random.randrange(4)
        if set in types:
            return (
                self._leaf(*types, literals=0)
                if draw < 2
                else (Tree("binary", "-", (self._container(down, *types), self._container(down, *types))))
            )
        if dict in types or draw == 0:
            return self._leaf(*types, literals=0)
        if range in types or draw == 1:
            return self._sliced(self._container(down, *types), down)
        if draw == 2:
            return Tree("binary", "+", (self._container(down, *types), self._container(down, *types)))
        return self._repeated(self._container(down, *types), down)

    def _item(self, depth: int) -> Tree:
        if depth <= 0:
            return self._leaf(object)
        down = depth - 1
        if self._chance(0.4):
            base = self._leaf(dict, literals=0)
            known = self.operands.get(base.word)
            keys = [key for key in known if key in LITERALS] if isinstance(known, dict) else []
            key = literal(self._random.choice(keys)) if keys and self._chance(0.7) else self._any(down)
            return Tree("item", "", (base, key))
        return Tree("item", "", (self._container(down, list, tuple), self._small(down)))

    def _truth(self, depth: int) -> Tree:
        if depth <= 0:
            return self._leaf(bool) if self._chance(0.5) else self._leaf(object)
        down = depth - 1
        draw = self._random.random()
        if draw < 0.5:
            kind = self._random.choice([self._number, self._number, self._text, self._container, self._container])
            parts, words = [kind(down)], []
            for _ in range(self._random.choice([1, 1, 1, 2, 3])):
                words.append(self._random.choice(COMPARISONS))
                parts.append(self._compared(words[-1], kind, down))
            return Tree("compare", "", tuple(parts), tuple(words))
        if draw < 0.62:
            return Tree("not", self._random.choice(["!", "not"]), (self._any(down),))
        if draw < 0.82:
            word = self._random.choice(["and", "&&", "or", "||"])
            return Tree("logic", word, tuple(self._any(down) for _ in range(self._random.choice([2, 2, 3]))))
        if draw < 0.9:
            function = self._random.choice(["startswith", "endswith"])
            second = self._leaf(tuple, literals=0) if self._chance(0.1) else self._text(down)
            return Tree("call", function, (self._text(down), second))
        return Tree("call", "bool", (self._any(down),))

    def _compared(self, word: str, kind: Callable[[int], Tree], depth: int) -> Tree:
        """Give what stands to the right of a comparison's sign."""
        if word in {"is", "is not"}:
            return literal(self._random.choice([None, True, False]))
        if word in {"in", "not in"}:
            if self._chance(0.3):
                items = (literal(self._random.choice(LITERALS)) for _ in range(self._random.randrange(5)))
                return Tree("members", "", tuple(items))
            return (self._text if self._chance(0.3) else self._container)(depth)
        if self._chance(0.06):
            return literal(None)
        return kind(depth)
