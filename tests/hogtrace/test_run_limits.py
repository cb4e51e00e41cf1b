"""What the operations of one run may build and touch: at each limit it works, one past it an error names it."""

import decimal
from typing import Any

import pytest

from tests.hogtrace.evaluation import evaluate, fire


def kind(expression: str, **names: Any) -> str | None:
    """Give the kind of the failure of `expression`, if it fails."""
    return evaluate(f"bool({expression})", **names).kind


@pytest.mark.parametrize(
    ("expression", "at_limit", "beyond"),
    [
        ("v + v", "x" * 32_768, "x" * 32_769),
        ("v * 2", "x" * 32_768, "x" * 32_769),
        ("v + v", "é" * 32_768, "é" * 32_769),
        ("v + v", b"x" * 32_768, b"x" * 32_769),
        ("v + v", [None] * 4096, [None] * 4097),
        ("v * 2", (None,) * 4096, (None,) * 4097),
        ("v[:]", "x" * 65_536, "x" * 65_537),
        ("v[:]", [None] * 8192, [None] * 8193),
        ("lower(v)", "x" * 65_536, "x" * 65_537),
        ("v + 0", 2**4096 - 1, 2**4096),
        ("-v", 2**4096 - 1, 2**4096),
        ("str(v)", 2**4096 - 1, 2**4096),
        ("'y' in v", "x" * 65_536, "x" * 65_537),
        ("1 in v", [0] * 10_000, [0] * 10_001),
        ("1 in v", {0.5 + n for n in range(10_000)}, {0.5 + n for n in range(10_001)}),
        ("1 in v", dict.fromkeys(0.5 + n for n in range(10_000)), dict.fromkeys(0.5 + n for n in range(10_001))),
        ("v == w", [0] * 10_000, [0] * 10_001),
        ("v in {}", "x" * 65_536, "x" * 65_537),
        ("v in {}", 2 ** (8 * 65_536), 2 ** (8 * 65_536 + 8)),
        ("v in {}", decimal.Decimal("1" * 30_000), decimal.Decimal("1" * 50_000)),
        ("v == 1", decimal.Decimal("1" * 30_000), decimal.Decimal("1" * 50_000)),
        ("d == v", 2**4096 - 1, 2**4096),
    ],
    ids=lambda value: value if isinstance(value, str) and len(value) < 20 else type(value).__name__,
)
def test_one_operation(expression: str, at_limit: Any, beyond: Any) -> None:
    """It builds 64 KiB or 4,096 bits, and touches 64 KiB or 10,000 elements."""
    expression = expression.replace("{}", "empty")
    more: dict[str, Any] = {"empty": {}, "d": decimal.Decimal(1)}
    names = {name: value for name, value in more.items() if name in expression.split()}
    for value, expected in [(at_limit, None), (beyond, "limit")]:
        if "w" in expression.split():
            names["w"] = list(value)
        assert kind(expression, v=value, **names) == expected


def errors(test: str, count: int, **names: Any) -> list[str]:
    """Give the kinds of the failures when one run does `test` so often."""
    (event,) = fire(f"fn:app.f:entry {{ {f'$call.x = {test};' * count} capture(done=1); }}", **names)
    return [error["kind"] for error in event.errors]


class TestRun:
    """All operations of one run together touch 50,000 elements."""

    def test_elements(self) -> None:
        """Five times 10,000, and no more."""
        v = [0] * 10_000
        assert errors("1 in v", 5, v=v) == []
        assert errors("1 in v", 6, v=v) == ["limit"]
        (event,) = fire(f"fn:app.f:entry {{ {'$call.x = 1 in v;' * 6} capture(done=1); }}", v=v)
        assert event.errors[0]["message"] == "one run touches at most 50000 elements, of which 64 bytes count as one"

    def test_bytes(self) -> None:
        """64 of them count as one element."""
        v = "x" * 32_768
        most = 50_000 * 64 // 65_536
        assert errors("len(v + v)", most, v=v) == []
        assert errors("len(v + v)", most + 2, v=v) != []

    def test_inside_of_keys(self) -> None:
        """What one key holds counts for all of them together."""
        keys = {(*(0,) * 999, n) for n in range(100)}
        assert errors("1 in v", 1, v=keys) == ["limit"]

    def test_each_run_begins_anew(self) -> None:
        """What one run has touched does not count for the next."""
        for _ in range(3):
            assert errors("1 in v", 5, v=[0] * 10_000) == []

    def test_plain_reads_do_not_count(self) -> None:
        """Attributes, items and comparisons of small values go on."""
        source = f"fn:app.f:entry {{ {'$call.x = 1 in v;' * 10} capture(a=w.a[0] == 'x', b=w.a[0]); }}"
        w = type("W", (), {"a": ["x"]})()
        (event,) = fire(source, v=[0] * 10_000, w=w)
        assert event.values == {"a": True, "b": "x"}
