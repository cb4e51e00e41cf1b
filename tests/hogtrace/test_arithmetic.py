"""What expressions over built-in values give is what CPython gives, over a frame and in a woven call alike."""

import decimal
import os
import random
import time
from collections.abc import Callable
from typing import Any

import pytest

from tests.hogtrace.evaluation import Outcome, evaluate
from tests.hogtrace.oracle import reference
from tests.hogtrace.oracle.generator import NAN, nested
from tests.hogtrace.oracle.search import Search


def search(count: int) -> Search:
    """Compare that many random expressions; the seed is pytest's own, or that of the environment."""
    seed = int(os.environ.get("HOGTRACE_SEED") or random.getrandbits(32))
    made = Search(seed)
    made.run(int(os.environ.get("HOGTRACE_EXPRESSIONS") or count))
    print(f"seed {seed}: {made.evaluated} expressions, {made.values} with a value, {made.limits} over a limit")
    return made


def test_random_expressions() -> None:
    """Thousands of expressions have CPython's value and type, or an error where CPython raises one of that kind."""
    made = search(5_000)
    # It is a test neither of errors alone nor of limits.
    assert made.values > made.evaluated / 2
    assert made.limits < made.evaluated / 10


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_many_random_expressions() -> None:
    """The same for a hundred thousand."""
    search(100_000)


def test_a_difference_is_found_and_made_small(monkeypatch: pytest.MonkeyPatch) -> None:
    """If CPython said otherwise in one point, the search would tell by a small expression and its operands."""
    monkeypatch.setitem(reference._FUNCTIONS, "abs", lambda value: -abs(value))
    with pytest.raises(AssertionError) as caught:
        Search(1).run(20_000)
    lines = str(caught.value).splitlines()
    assert lines[0].startswith("seed 1, batch ")
    assert "abs(" in lines[0]
    assert len(lines[0]) < 60, lines[0]
    assert lines[-1].startswith("  in a call:  ")


@pytest.mark.usefixtures("each_host")
class TestErrors:
    """The kinds of errors."""

    @pytest.mark.parametrize(
        ("expression", "given", "exception", "kind"),
        [
            ("a + b", {"a": 1, "b": "x"}, TypeError, "type"),
            ("a + b", {"a": [0], "b": "x" * 20_000}, TypeError, "type"),
            ("a[0]", {"a": 1}, TypeError, "type"),
            ("a[b]", {"a": {}, "b": []}, TypeError, "type"),
            ("a < b", {"a": 1, "b": None}, TypeError, "type"),
            ("int(a)", {"a": "x"}, ValueError, "value"),
            ("int(a)", {"a": NAN}, ValueError, "value"),
            ("300 in a", {"a": b"abc"}, ValueError, "value"),
            ("a / 0", {"a": 1}, ZeroDivisionError, "arithmetic"),
            ("a % 0.0", {"a": 1}, ZeroDivisionError, "arithmetic"),
            ("a / 0", {"a": 2**70}, ZeroDivisionError, "arithmetic"),
            ("a * 1.0", {"a": 10**400}, OverflowError, "arithmetic"),
            ("int(1e999)", {}, OverflowError, "arithmetic"),
            ("a * b", {"a": "x", "b": -(2**70)}, OverflowError, "arithmetic"),
            ("a[3]", {"a": [1]}, IndexError, "lookup"),
            ("a[b]", {"a": "x", "b": 2**70}, IndexError, "lookup"),
            ('a["x"]', {"a": {}}, KeyError, "lookup"),
        ],
    )
    def test_kind(self, expression: str, given: dict[str, Any], exception: type[Exception], kind: str) -> None:
        """Each exception of CPython's has one kind, which the random expressions go by too."""
        functions = {"int": int, **given}
        with pytest.raises(exception):
            eval(expression, functions)  # noqa: S307 - our own text
        assert (
            next(known for known_exception, known in reference.KINDS if issubclass(exception, known_exception)) == kind
        )
        outcome = evaluate(expression, **given)
        assert (outcome.value, outcome.kind) == (None, kind)

    def test_percent_does_not_format(self) -> None:
        """`%` on a string or bytes is an error, not formatting."""
        for text in ["%s", b"%s", bytearray(b"%s")]:
            assert evaluate("a % b", a=text, b=1).kind == "type"

    def test_strings_only(self) -> None:
        """`startswith`, `endswith` and `lower` take strings, and not byte strings."""
        for expression in ["startswith(a, a)", "endswith(a, a)", "lower(a)"]:
            assert evaluate(expression, a=b"abc").kind == "type"


class Counted:
    """An object whose one property counts how often it runs."""

    def __init__(self, value: object) -> None:
        self.value = value
        self.runs = 0

    @property
    def read(self) -> object:
        """Count, and give the value."""
        self.runs += 1
        return self.value


@pytest.mark.usefixtures("each_host")
class TestShortCircuit:
    """Operands that cannot matter are not evaluated, and the others are evaluated once."""

    @pytest.mark.parametrize(
        ("expression", "value", "runs"),
        [
            ("False and o.read", False, 0),
            ("a and o.read", False, 0),
            ("a && o.read && o.read", False, 0),
            ("True or o.read", True, 0),
            ("b or o.read", True, 0),
            ("b || o.read || o.read", True, 0),
            ("a and o.read or b", True, 0),
            ("b and (a or o.read)", True, 1),
            ("not (b or o.read)", False, 0),
            ("1 > 2 > o.read", False, 0),
            ("b > 9 == o.read", False, 0),
            ("1 < 2 > 3 < o.read", False, 0),
            ("b < o.read < 100", True, 1),
            ("b == b < o.read", True, 1),
            ("a in [1] in o.read", False, 0),
            ("o.read and o.read", True, 2),
            ("min(o.read, b)", 3, 1),
        ],
    )
    def test_by_effect(self, expression: str, value: object, runs: int) -> None:
        """A property that counts tells how often an operand was evaluated."""
        o = Counted(7)
        assert evaluate(expression, o=o, a=0, b=3, access="python") == Outcome(value, None, None)
        assert o.runs == runs

    @pytest.mark.parametrize("skipped", ["1 / 0", "a.nothing", "missing", 'a["x"]', "int(None)"])
    def test_an_error_that_is_not_reached(self, skipped: str) -> None:
        """What would fail does not, where it is not needed."""
        for expression, value in [("a > 5 and {}", False), ("a < 5 or {}", True), ("5 < a < {}", False)]:
            names = {"a": 3, "missing": 1} if "missing" in skipped else {"a": 3}
            assert evaluate(expression.format(skipped), **names) == Outcome(value, None, None)
            assert evaluate(expression.format(skipped).replace("5", "-5" if "5 <" in expression else "3"), **names)


@pytest.mark.usefixtures("each_host")
class TestIdentityOfNan:
    """A NaN is unequal to itself, but containers find it: they look at the object first."""

    @pytest.mark.parametrize(
        ("expression", "value"),
        [
            ("a == a", False),
            ("a in l", True),
            ("b in l", False),
            ("+a in l", True),
            ("float(a) in l", True),
            ("-a in l", False),
            ("max(a, 1) in l", True),
            ("l[0] in l", True),
            ("l == m", True),
            ("a in d", True),
            ("b in d", False),
            ("d[a]", "found"),
            ("a in s", True),
            ("l[0] == a", False),
            ("t < u", True),
        ],
    )
    def test_containers(self, expression: str, value: object) -> None:
        """The same object is found, another one is not."""
        other = float("nan")
        given = {"a": NAN, "b": other, "l": [NAN], "m": [NAN], "d": {NAN: "found"}, "s": {NAN}}
        given |= {"t": (NAN, 1), "u": (NAN, 2)}
        assert evaluate(expression, **given) == Outcome(value, None, None)

    def test_variables_hold_the_object(self) -> None:
        """A NaN that is kept in a variable is still that object."""
        assert evaluate("a is None", a=NAN).value is False
        assert repr(evaluate("a", a=NAN).value) == "nan"


def _doubled(depth: int, kind: Callable[[Any], Any]) -> Any:
    """Give a container that holds another one twice, and so on: few objects, but many to walk."""
    made = kind(())
    for _ in range(depth):
        made = kind((made, made))
    return made


def _listed(limit: int, past: bool) -> list[int]:
    """Give a list whose text has that many characters, or one more."""
    made = [10**9] * ((limit - 20) // 12)
    return [*made, 10 ** (limit - len(str(made)) - 3 + past)]


LONG = [str(n) * 1024 for n in range(10)] * 6 + [str(n) * 1024 for n in range(5)]
"""Strings of one kibibyte each, 65 in all."""

LIMITS: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("a + 1", {"a": 2**4096 - 2}, {"a": 2**4096 - 1}),
    ("a - 1", {"a": 2 - 2**4096}, {"a": 1 - 2**4096}),
    ("a + 0", {"a": 2**4096 - 1}, {"a": 2**4096}),
    ("-a", {"a": 2**4096 - 1}, {"a": 2**4096}),
    ("abs(a)", {"a": 1 - 2**4096}, {"a": -(2**4096)}),
    ("a * 2", {"a": 2**4095 - 1}, {"a": 2**4095}),
    ("a * b", {"a": 2**2048 - 1, "b": 2**2048}, {"a": 2**2048, "b": 2**2048}),
    ("a // 3", {"a": 2**4096 - 1}, {"a": 2**4096}),
    ("3 % a", {"a": 2**4096 - 1}, {"a": 2**4096}),
    ("a / b", {"a": 2**4096 - 1, "b": 2**4095}, {"a": 2**4096, "b": 2**4095}),
    ("round(a, -1)", {"a": 2**4096 - 10}, {"a": 2**4096}),
    ("str(a)", {"a": 2**4096 - 1}, {"a": 2**4096}),
    ("int(a)", {"a": str(2**4096 - 1)}, {"a": str(2**4096)}),
    ("int(a)", {"a": "0" * 4299 + "1"}, {"a": "0" * 4300 + "1"}),
    ("int(a)", {"a": b"0" * 4299 + b"1"}, {"a": b"0" * 4300 + b"1"}),
    ("int(a)", {"a": " " * 65_535 + "1"}, {"a": " " * 65_536 + "1"}),
    ("float(a)", {"a": "1" * 65_536}, {"a": "1" * 65_537}),
    ("float(a)", {"a": b"1" * 65_536}, {"a": b"1" * 65_537}),
    ("a * b", {"a": "x", "b": 65_536}, {"a": "x", "b": 65_537}),
    ("a * b", {"a": "Ж", "b": 32_768}, {"a": "Ж", "b": 32_769}),
    ("b * a", {"a": "\U0001f600", "b": 16_384}, {"a": "\U0001f600", "b": 16_385}),
    ("a * b", {"a": b"ab", "b": 32_768}, {"a": b"ab", "b": 32_769}),
    ("a * b", {"a": [0], "b": 8_192}, {"a": [0], "b": 8_193}),
    ("a * b", {"a": (0, 1), "b": 4_096}, {"a": (0, 1), "b": 4_097}),
    ("a * b", {"a": (), "b": 2**62}, {"a": (1,), "b": 2**62}),
    ("a + b", {"a": "x" * 65_535, "b": "x"}, {"a": "x" * 65_536, "b": "x"}),
    ("a + b", {"a": "x" * 32_767, "b": "Ж"}, {"a": "x" * 32_768, "b": "Ж"}),
    ("a + b", {"a": [0] * 8_191, "b": [0]}, {"a": [0] * 8_192, "b": [0]}),
    ("a[1:]", {"a": "x" * 65_537}, {"a": "x" * 65_538}),
    ("a[:-1]", {"a": b"x" * 65_537}, {"a": b"x" * 65_538}),
    ("a[1:]", {"a": [0] * 8_193}, {"a": [0] * 8_194}),
    ("a[:]", {"a": (0,) * 8_192}, {"a": (0,) * 8_193}),
    ("lower(a)", {"a": "X" * 65_536}, {"a": "X" * 65_537}),
    ("lower(a)", {"a": "\u0130" * 16_384}, {"a": "\u0130" * 16_385}),
    ("startswith(a, b)", {"a": "", "b": "x" * 65_536}, {"a": "", "b": "x" * 65_537}),
    ("str(a)", {"a": b"x" * 65_533}, {"a": b"x" * 65_534}),
    ("str(a)", {"a": _listed(65_536, False)}, {"a": _listed(65_536, True)}),
    ("str(a)", {"a": ["x" * 65_532]}, {"a": ["x" * 65_533]}),
    ("str(a)", {"a": nested(31)}, {"a": nested(32)}),
    ("a == b", {"a": "x" * 65_535 + "y", "b": "x" * 65_536}, {"a": "x" * 65_536 + "y", "b": "x" * 65_537}),
    ("a == b", {"a": LONG[:64], "b": list(map("".join, LONG[:64]))}, {"a": LONG, "b": list(map("".join, LONG))}),
    ("a == b", {"a": [0] * 10_000, "b": [0] * 10_000}, {"a": [0] * 10_001, "b": [0] * 10_001}),
    ("a < b", {"a": (0,) * 10_000, "b": (0,) * 10_000}, {"a": (0,) * 10_001, "b": (0,) * 10_001}),
    ("a == b", {"a": set(range(5_000)), "b": set(range(5_000))}, {"a": set(range(5_001)), "b": set(range(5_001))}),
    ("len(a - b)", {"a": set(range(9_999)), "b": {1}}, {"a": set(range(10_000)), "b": {1}}),
    ("a == b", {"a": nested(31), "b": nested(31)}, {"a": nested(32), "b": nested(32)}),
    ("a == b", {"a": nested(31), "b": nested(30)}, {"a": _doubled(40, list), "b": _doubled(40, list)}),
    ("1 in a", {"a": [0] * 10_000}, {"a": [0] * 10_001}),
    ("-1 in a", {"a": set(range(10_000))}, {"a": set(range(10_001))}),
    ("-1 in a", {"a": dict.fromkeys(range(9_999))}, {"a": dict.fromkeys(range(10_001))}),
    ('"y" in a', {"a": "x" * 65_536}, {"a": "x" * 65_537}),
    ("7 in a", {"a": b"x" * 65_536}, {"a": b"x" * 65_537}),
    ("a in b", {"a": "y" * 65_536, "b": {"x": 1}}, {"a": "y" * 65_537, "b": {"x": 1}}),
    ("a in b", {"a": _doubled(12, tuple), "b": {1}}, {"a": _doubled(14, tuple), "b": {1}}),
    ("b in a", {"a": range(2**4095), "b": -1}, {"a": range(2**4096), "b": -1}),
    ("a[0]", {"a": range(2**4095)}, {"a": range(2**4096)}),
    ("int(a)", {"a": decimal.Decimal("1e1232")}, {"a": decimal.Decimal("1e999999")}),
]  # fmt: skip


@pytest.mark.usefixtures("each_host")
class TestLimits:
    """What one operation may touch and build: as much as the limit, and not one more."""

    @pytest.mark.parametrize(("expression", "within", "past"), LIMITS, ids=[str(n) for n in range(len(LIMITS))])
    def test_at_the_limit_and_past_it(self, expression: str, within: dict[str, Any], past: dict[str, Any]) -> None:
        """At the limit there is a value; one past it there is an error, and it comes at once."""
        outcome = evaluate(expression, **within)
        assert outcome.kind is None, outcome
        started = time.perf_counter()
        outcome = evaluate(expression, **past)
        assert (outcome.value, outcome.kind) == (None, "limit"), outcome
        # A guard against hanging: what it takes stands in docs/safety.md.
        assert time.perf_counter() - started < 60

    def test_values_of_any_size_that_cost_nothing(self) -> None:
        """What CPython would count to for ever has its value at once."""
        assert evaluate("1.5 in a", a=range(10**30)) == Outcome(False, None, None)
        assert evaluate("round(a, b)", a=2**4095, b=-(10**12)) == Outcome(0, None, None)
        assert evaluate("round(a, b)", a=1.5, b=10**12) == Outcome(1.5, None, None)
        assert evaluate("len(a[5:])", a=range(10**30)).kind == "arithmetic"
