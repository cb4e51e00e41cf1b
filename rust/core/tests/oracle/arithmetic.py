"""Prints what CPython computes on scalars, one line per case; `arithmetic.tsv` is its output.

Usage: python arithmetic.py [number of random cases] > arithmetic.tsv

A value is `N` (None), `T`, `F`, `i` with decimal digits, or `f` with the 16 hexadecimal digits of a float's bits; NaN
is `fnan`. A result is a value, `!` with the name of the exception, or `?` for an integer beyond 64 bits.
"""

import operator
import random
import struct
import sys

BINARY = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    "//": operator.floordiv,
    "%": operator.mod,
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "min": min,
    "max": max,
}
UNARY = {
    "neg": operator.neg,
    "pos": operator.pos,
    "abs": abs,
    "int": int,
    "float": float,
    "bool": bool,
}
SPECIAL = [
    None, True, False, 0, 1, -1, 2, -2, 3, -3, 7, -7, 10, 2**31, 2**53, 2**53 + 1, -(2**53) - 1,
    2**62, 2**63 - 1, -(2**63), 2**63 - 512, 0.0, -0.0, 1.0, -1.0, 0.5, -0.5, 2.5, 0.1, 3.0, -3.0,
    1e-308, 5e-324, 1e308, -1e308, 1e16, 9007199254740993.0, 9.223372036854775e18,
    9.223372036854775807e18, -9.223372036854775808e18, 1e19, float("inf"), float("-inf"), float("nan"),
]  # fmt: skip


def text(value: object) -> str:
    """Encodes a value."""
    if value is None:
        return "N"
    if value is True:
        return "T"
    if value is False:
        return "F"
    if isinstance(value, int):
        return f"i{value}" if -(2**63) <= value < 2**63 else "?"
    if value != value:
        return "fnan"
    return "f" + struct.pack(">d", value).hex()


def result(function: object, *operands: object) -> str:
    """Encodes what a function gives or raises."""
    try:
        return text(function(*operands))
    except (TypeError, ValueError, ArithmeticError) as error:
        return f"!{type(error).__name__}"


def draw() -> object:
    """A random scalar, often a special one, often a great or a close one."""
    kind = random.random()
    if kind < 0.4:
        return random.choice(SPECIAL)
    if kind < 0.6:
        return random.randint(-(2**63), 2**63 - 1)
    if kind < 0.7:
        return random.randint(-1000, 1000)
    if kind < 0.8:
        return float(random.randint(-(2**63), 2**63 - 1))
    if kind < 0.9:
        return random.uniform(-1000.0, 1000.0)
    return struct.unpack(">d", random.randbytes(8))[0]


def main() -> None:
    """Prints every unary case on special values, and random binary ones."""
    random.seed(20)
    for name, function in UNARY.items():
        for operand in SPECIAL:
            print(name, text(operand), "-", result(function, operand), sep="\t")
    names = list(BINARY)
    for number in range(int(sys.argv[1]) if len(sys.argv) > 1 else 3000):
        name = names[number % len(names)]
        left, right = draw(), draw()
        if random.random() < 0.1:
            right = left
        print(name, text(left), text(right), result(BINARY[name], left, right), sep="\t")


main()
