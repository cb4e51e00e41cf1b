"""`object[key]`, slices and `len`."""

import collections

import pytest

from tests.hogtrace.access.samples import (
    Items,
    Members,
    Name,
    Pair,
    Plain,
    refused,
)
from tests.hogtrace.evaluation import Outcome, evaluate

pytestmark = pytest.mark.usefixtures("each_host")


class TestItems:
    """`object[key]`, slices and `len`."""

    @pytest.mark.parametrize(
        ("expression", "o", "value"),
        [
            ("o[1]", collections.deque([1, 2]), 2),
            ('o["a"]', {"a": 1}, 1),
            ('o["a"]', collections.OrderedDict(a=1), 1),
            ('o["a"]', collections.defaultdict(list, a=1), 1),
            ('o["a"]', collections.Counter("a"), 1),
            ('o["a"]', {Name("a"): 1}, 1),
            ("len(o)", {"a": 1}.keys(), 1),
            ("len(o)", collections.Counter("ab"), 2),
            ("len(o)", Name("abc"), 3),
            ("o[0]", Items([1]), 1),
            ("o[:1]", Items([1, 2]), [1]),
            ("1 in o", Items([1]), True),
            ('"a" in o', collections.Counter("a"), True),
            ("1 in o", Members({1}), True),
            ("o + o", Name("abc"), "abcabc"),
            ('"x" + o', Name("abc"), "xabc"),
            ("o * 2", Pair((1, 2)), (1, 2, 1, 2)),
            ("o[0]", Pair((1, 2)), 1),
            ("o[0]", Name("abc"), "a"),
        ],
    )
    def test_built_in_containers(self, expression: str, o: object, value: object) -> None:
        """Items, slices and lengths of the built-in types are those of Python."""
        assert evaluate(expression, o=o) == Outcome(value, None, None)

    @pytest.mark.parametrize(
        ("expression", "o", "kind", "message"),
        [
            ("o[9]", [1], "lookup", "list index out of range"),
            ('o["b"]', {"a": 1}, "lookup", "no key 'b'"),
            ("o[7]", {"a": 1}, "lookup", "no key 7"),
            ('o["a"]', [1], "type", "list indices must be integers or slices, not str"),
            ("o[0]", 5, "type", "'int' object is not subscriptable"),
            ("o[0]", Plain(), "type", "'Plain' object is not subscriptable"),
            ("len(o)", 5, "type", "object of type 'int' has no len()"),
            ('o["a":]', [1], "type", "slice indices must be integers or None or have an __index__ method"),
        ],
    )
    def test_failures_in_the_words_of_python(self, expression: str, o: object, kind: str, message: str) -> None:
        """What fails in Python fails here, in the same words."""
        assert evaluate(expression, o=o) == Outcome(None, kind, message)

    def test_missing_is_not_called(self) -> None:
        """A default that code of the application makes is refused."""
        o: collections.defaultdict[str, list[int]] = collections.defaultdict(list)
        refused(evaluate('o["a"]', o=o), "__missing__")
        assert dict(o) == {}

    def test_an_unhashable_key(self) -> None:
        """A list is no key."""
        assert evaluate("o[k]", o={}, k=[]) == Outcome(None, "type", "unhashable type: 'list'")

    def test_methods_in_python_are_refused(self) -> None:
        """A container written in Python is refused, with the line that would allow it."""
        outcome = evaluate('o["a"]', o=collections.UserDict(a=1))
        refused(outcome, '("collections.UserDict", "[]", "call")')
        assert evaluate("len(o)", o=collections.UserDict(a=1)).kind == "refused"

    def test_a_dict_with_odd_keys(self) -> None:
        """A dict with keys of the application is searched without asking them."""

        class Key:
            asked = 0

            def __eq__(self, other: object) -> bool:
                type(self).asked += 1
                return NotImplemented

            def __hash__(self) -> int:
                return hash("a")

        o = {"a": 1, Key(): 2}
        Key.asked = 0
        assert evaluate('o["a"]', o=o).value == 1
        refused(evaluate('o["b"]', o=o), "__eq__")
        refused(evaluate('"b" in o', o=o), "__eq__")
        assert evaluate("o[k]", o={Plain: 5}, k=Plain).value == 5
        assert Key.asked == 0

    def test_limits(self) -> None:
        """What is too large is refused before it is touched."""
        assert evaluate("o[:]", o=[0] * 10_000).kind == "limit"
        assert evaluate("o[:]", o="x" * 100_000).kind == "limit"
        assert evaluate("o[5]", o=dict.fromkeys(range(20_000))).kind == "limit"
        assert evaluate('o["7"]', o={str(n): n for n in range(20_000)}).value == 7
