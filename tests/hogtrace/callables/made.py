"""Methods that nobody wrote: those that class makers generate; and those that they call."""

import collections
import dataclasses
import functools
import typing

import attrs
import pydantic
from tests.hogtrace.callables import Call, Rows, row


@dataclasses.dataclass(order=True)
class Point:
    x: int
    y: int = 2

    def __post_init__(self):
        self.x += 0

    def norm(self):
        return self.x + self.y


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Frozen:
    x: int


@attrs.define
class Attrs:
    x: int
    y: int = attrs.field()

    @y.validator
    def check(self, attribute, value):
        assert value

    @y.default
    def start(self):
        return 4

    def __attrs_post_init__(self):
        pass

    def norm(self):
        return self.x + self.y


@attrs.frozen
class FrozenAttrs:
    x: int


class Pair(typing.NamedTuple):
    a: int
    b: int = 2

    def both(self):
        return self.a + self.b


class Named(collections.namedtuple("Named", "a b")):
    __slots__ = ()

    def __new__(cls, a, b=3):
        return super().__new__(cls, a, b)


@functools.total_ordering
class Ordered:
    def __eq__(self, other):
        return False

    def __lt__(self, other):
        return True

    __hash__ = None


class Model(pydantic.BaseModel):
    a: int
    b: int = 2

    @pydantic.field_validator("a")
    @classmethod
    def positive(cls, value):
        return abs(value)

    @pydantic.model_validator(mode="after")
    def whole(self):
        return self

    @pydantic.computed_field
    @property
    def total(self) -> int:
        return self.a + self.b

    @pydantic.field_serializer("b")
    def shown_b(self, value):
        return str(value)

    def model_post_init(self, context):
        pass

    def method(self, c):
        return self.a + c


ROWS: Rows = [
    row("Point.__init__", lambda: Point(1).x, Call(("<Point>", 1, 2))),
    row("Point.__post_init__", lambda: Point(1).x, Call(("<Point>",))),
    row("Point.__eq__", lambda: Point(1) == Point(1), Call(("<Point>", "<Point>"), True)),
    row("Point.__lt__", lambda: Point(1) < Point(1), Call(("<Point>", "<Point>"), False)),
    row("Point.__repr__", lambda: repr(Point(1)), Call(("<Point>",), "Point(x=1, y=2)")),
    row("Point.norm", lambda: Point(1).norm(), Call(("<Point>",), 3)),
    row("Frozen.__init__", lambda: Frozen(x=1).x, Call(("<Frozen>",), None, {"x": 1})),
    row("Frozen.__hash__", lambda: hash(Frozen(x=1)) == hash((1,)), Call(("<Frozen>",), hash((1,)))),
    row("Attrs.__init__", lambda: Attrs(1).x, Call(("<Attrs>", 1, "<_Nothing>"))),
    row("Attrs.__eq__", lambda: Attrs(1) == Attrs(1), Call(("<Attrs>", "<Attrs>"), True)),
    row("Attrs.__repr__", lambda: repr(Attrs(1)), Call(("<Attrs>",), "Attrs(x=1, y=4)")),
    row("Attrs.check", lambda: Attrs(1).x, Call(("<Attrs>", "<Attribute>", 4))),
    row("Attrs.start", lambda: Attrs(1).x, Call(("<Attrs>",), 4)),
    row("Attrs.__attrs_post_init__", lambda: Attrs(1).x, Call(("<Attrs>",))),
    row("Attrs.norm", lambda: Attrs(1).norm(), Call(("<Attrs>",), 5)),
    row("FrozenAttrs.__init__", lambda: FrozenAttrs(1).x, Call(("<FrozenAttrs>", 1))),
    row("Pair.both", lambda: Pair(1).both(), Call(("<Pair>",), 3)),
    row("Pair._asdict", lambda: Pair(1)._asdict(), Call(("<Pair>",), {"a": 1, "b": 2})),
    row("Named.__new__", lambda: Named(1), Call(("<Named>", 1, 3), "<Named>")),
    row("Ordered.__lt__", lambda: Ordered() < Ordered(), Call(("<Ordered>", "<Ordered>"), True)),
    row("Ordered.__ge__", lambda: Ordered() >= Ordered(), Call(("<Ordered>", "<Ordered>"), False)),
    row("Model.positive", lambda: Model(a=-1).a, Call(("<Model>", -1), 1)),
    row("Model.whole", lambda: Model(a=-1).a, Call(("<Model>",), "<Model>")),
    row("Model.total", lambda: Model(a=1).total, Call(("<Model>",), 3)),
    row("Model.shown_b", lambda: Model(a=1).model_dump(), Call(("<Model>", 2), "2")),
    row("Model.model_post_init", lambda: Model(a=1).a, Call(("<Model>", None))),
    row("Model.method", lambda: Model(a=1).method(2), Call(("<Model>", 2), 3)),
]
