"""Comparison, membership, truth and arithmetic."""

import collections
import datetime
import decimal
import itertools
import operator
import zoneinfo
from collections.abc import Callable
from typing import Any, ClassVar

import pytest

from tests.hogtrace.access.samples import (
    Color,
    Items,
    Level,
    Members,
    Money,
    Name,
    Pair,
    Plain,
    refused,
)
from tests.hogtrace.evaluation import Outcome, evaluate

pytestmark = pytest.mark.usefixtures("each_host")


class TestOperators:
    """Comparison, membership, truth, arithmetic."""

    # What the random expressions of test_arithmetic.py do not have.
    OTHERS: ClassVar[list[Any]] = [
        Name("abc"), Level.HIGH, Items([1]), Members({1}), Pair((1, "a")), datetime.date(2024, 1, 1),
        datetime.datetime.fromisoformat("2024-01-01"), datetime.timedelta(hours=1),
        datetime.datetime(2024, 1, 1, tzinfo=datetime.UTC), collections.deque([1]), 1 + 2j, bytearray(b"ab"),
    ]  # fmt: skip
    BUILT_IN: ClassVar[list[Any]] = [None, True, 7, 2**70, 2.5, "abc", b"ab", (1, "a"), [1], {"a": 1}, {1}, range(3)]
    OPERATORS: ClassVar[dict[str, Callable[[Any, Any], Any]]] = {
        "==": operator.eq,
        "!=": operator.ne,
        "<": operator.lt,
        "<=": operator.le,
        ">": operator.gt,
        ">=": operator.ge,
        "+": operator.add,
        "-": operator.sub,
        "*": operator.mul,
        "/": operator.truediv,
        "//": operator.floordiv,
        "%": operator.mod,
    }

    @pytest.mark.parametrize("sign", OPERATORS)
    def test_pairs_with_other_values(self, sign: str) -> None:
        """Subclasses, moments and the like give with each operator what CPython gives, or fail where CPython fails."""
        expression = f"a {sign} b"
        pairs = itertools.product(self.OTHERS, self.OTHERS + self.BUILT_IN)
        for a, b in (pair for one, other in pairs for pair in [(one, other), (other, one)]):
            case = f"{a!r} {sign} {b!r}"
            outcome = evaluate(expression, a=a, b=b)
            if sign == "%" and isinstance(a, str | bytes | bytearray):
                assert outcome.kind == "type", case
                continue
            try:
                expected = self.OPERATORS[sign](a, b)
            except (TypeError, ValueError, ArithmeticError):
                # Which of the two stands in the way first is not the same everywhere.
                assert outcome.kind in {"type", "value", "arithmetic", "limit", "refused"}, case
                continue
            if collections.deque in {type(a), type(b)} and sign in "+-*":
                assert outcome.kind == "refused", case
                continue
            assert outcome.kind is None, (case, outcome)
            assert evaluate(f"type({expression})", a=a, b=b).value.split(".")[-1] == type(expected).__name__, case
            if isinstance(expected, datetime.date | datetime.timedelta):
                assert evaluate(f"str({expression})", a=a, b=b).value == str(expected), case
            elif isinstance(expected, complex):
                assert outcome.value["$value"] == repr(expected), case
            elif isinstance(expected, bytearray):
                assert outcome.value == expected, case
            else:
                assert repr(outcome.value) == repr(expected), case

    @pytest.mark.parametrize("value", OTHERS, ids=repr)
    def test_truth(self, value: object) -> None:
        """The truth of such a value is Python's."""
        assert evaluate("bool(a)", a=value).value is bool(value)

    @pytest.mark.parametrize(
        ("item", "container", "found"),
        [
            ("a", {"a": 1}.keys(), True),
            (1, {"a": 1}.values(), True),
            (2, collections.deque([1, 2]), True),
            (Color.RED, [Color.RED], True),
        ],
    )
    def test_membership(self, item: object, container: object, found: bool) -> None:
        """Membership in the built-in containers is Python's."""
        assert evaluate("a in b", a=item, b=container).value is found
        assert evaluate("a not in b", a=item, b=container).value is not found

    def test_comparisons_by_identity(self) -> None:
        """Objects without a comparison of their own are equal to themselves alone."""
        o = Plain()
        assert evaluate("a == b", a=o, b=o).value is True
        assert evaluate("a == b", a=o, b=Plain()).value is False
        assert evaluate("a == 1", a=o).value is False
        assert evaluate("a == b", a=Color.RED, b=Color.RED).value is True
        assert evaluate("a == b", a=int, b=int).value is True
        assert evaluate("a < b", a=o, b=o) == Outcome(
            None, "type", "'<' not supported between instances of 'Plain' and 'Plain'"
        )

    def test_comparisons_in_python_are_refused(self) -> None:
        """A comparison that the application defines is refused, on either side, and deep inside."""
        for expression, given in [
            ("a == b", {"a": Money(1), "b": 1}),
            ("b == a", {"a": Money(1), "b": 1}),
            ("a == b", {"a": [Money(1)], "b": [Money(1)]}),
            ("a == b", {"a": {"x": Money(1)}, "b": {"x": Money(1)}}),
            ("b in a", {"a": [Money(1)], "b": 1}),
        ]:
            refused(evaluate(expression, **given), "`Money.__eq__`")
        assert evaluate("a == b", a=Money(1), b=Money(1), access="python").value is True

    def test_decimals(self) -> None:
        """Decimals are compared exactly, and the application's decimal context is left alone."""
        with decimal.localcontext() as context:
            context.clear_flags()
            price = decimal.Decimal("9.90")
            assert evaluate("a > 9", a=price).value is True
            assert evaluate("a == 9.5", a=decimal.Decimal("9.5")).value is True
            assert evaluate("a < 9.900000001", a=price).value is True
            assert evaluate("a < b", a=decimal.Decimal("nan"), b=price).value is False
            assert evaluate('a == "9.90"', a=price).value is False
            assert evaluate("float(a)", a=price).value == 9.9
            assert evaluate("int(a)", a=price).value == 9
            assert evaluate("str(a)", a=price).value == "9.90"
            refused(evaluate("a + 1", a=price), "decimal context")
            assert not any(context.flags.values())

    def test_moments_in_zones(self) -> None:
        """Aware datetimes are compared where the zone is C code, and refused where it is not."""

        class Own(datetime.tzinfo):
            def utcoffset(self, moment: object) -> datetime.timedelta:
                raise AssertionError("utcoffset ran")

        utc = datetime.datetime(2024, 7, 1, 12, tzinfo=datetime.UTC)
        berlin = datetime.datetime(2024, 7, 1, 14, tzinfo=zoneinfo.ZoneInfo("Europe/Berlin"))
        own = datetime.datetime(2024, 7, 1, tzinfo=Own())
        assert evaluate("a == b", a=utc, b=berlin).value is True
        assert evaluate("str(a - b)", a=utc, b=berlin).value == "0:00:00"
        refused(evaluate("a == b", a=utc, b=own), "utcoffset")
        refused(evaluate("a - b", a=utc, b=own), "utcoffset")

    def test_percent_does_not_format(self) -> None:
        """`%` on a string or bytes is an error, not formatting."""
        for text in ["%s", b"%s", Name("%s")]:
            assert evaluate("a % b", a=text, b=Plain()).kind == "type"
