"""The language's own functions."""

import datetime
import decimal
import pathlib
import uuid

import pytest

from tests.hogtrace.access.samples import Color, Level, Money, Name, Plain
from tests.hogtrace.evaluation import Outcome, evaluate

pytestmark = pytest.mark.usefixtures("each_host")


class TestFunctions:
    """The language's own functions."""

    @pytest.mark.parametrize(
        ("expression", "o", "value"),
        [
            ("str(o)", Name("abc"), "abc"),
            ("str(o)", datetime.datetime.fromisoformat("2024-01-02T03:04:05.000006"), "2024-01-02 03:04:05.000006"),
            ("str(o)", datetime.date(2024, 1, 2), "2024-01-02"),
            ("str(o)", datetime.time(1, 2, tzinfo=datetime.UTC), "01:02:00+00:00"),
            ("str(o)", datetime.timedelta(-1, 5), "-1 day, 0:00:05"),
            ("str(o)", uuid.UUID(int=5), str(uuid.UUID(int=5))),
            ("str(o)", pathlib.PurePosixPath("/a//b/./c"), "/a/b/c"),
            ("str(o)", pathlib.PurePosixPath("a") / "b" / "../c", "a/b/../c"),
            ("str(o)", pathlib.PurePosixPath(), "."),
            ("str(o)", Color.RED, "Color.RED"),
            ("str(o)", KeyError("k"), "'k'"),
            ("str(o)", ValueError("a", 1), "('a', 1)"),
            ("str(o)", FileNotFoundError(2, "No such file", "x"), "[Errno 2] No such file: 'x'"),
            ("int(o)", Level.HIGH, 3),
            ("type(o)", Color.RED, f"{Color.__module__}.Color"),
            ("type(o)", decimal.Decimal(1), "decimal.Decimal"),
            ("abs(o)", 3 + 4j, 5.0),
        ],
    )
    def test_values(self, expression: str, o: object, value: object) -> None:
        """Each function gives what Python gives for built-in values."""
        assert evaluate(expression, o=o) == Outcome(value, None, None)

    @pytest.mark.parametrize(
        ("expression", "o", "kind"),
        [
            ("str(o)", Plain(), "type"),
            ("str(o)", Money(1), "refused"),
            ("str(o)", KeyError(Plain()), "refused"),
        ],
    )
    def test_failures(self, expression: str, o: object, kind: str) -> None:
        """Each function fails where Python fails, or where only the application knows."""
        assert evaluate(expression, o=o).kind == kind
