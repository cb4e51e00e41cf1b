"""Calls: arguments, results, recursion, methods, and what a function is besides its code."""

import copy
import functools
import pickle
import sys
import warnings
from typing import Any

from tests.hogtrace.weaving.cases import case, outcome


@case
def returns_nothing() -> object:
    """A body without a return."""

    def f():
        pass

    return f()


@case
def returns_constants() -> object:
    """Constants of each kind of load."""

    def f(n):
        if n == 0:
            return None
        if n == 1:
            return True
        if n == 2:
            return 1
        if n == 3:
            return "text"
        if n == 4:
            return (1, 2)
        return ...

    return [f(n) for n in range(6)]


@case
def arguments_of_every_kind() -> object:
    """Positional-only, plain, keyword-only, variadic, defaults."""

    def f(a, /, b, c=3, *args, d, e=5, **kwargs):
        return a, b, c, args, d, e, kwargs

    return [
        f(1, 2, d=4),
        f(1, 2, 3, 4, 5, d=6, e=7, x=8),
        f(1, b=2, d=3),
        outcome(f),
        outcome(f, 1, 2),
        outcome(f, 1, 2, d=1, a=2),
        outcome(f, a=1, b=2, d=3),
    ]


@case
def too_many_arguments() -> object:
    """The error of a call that never begins."""

    def f(a):
        return a

    return outcome(f, 1, 2), outcome(f, b=1), outcome(f)


@case
def lambdas() -> object:
    """Functions of one expression."""
    f = lambda x, *rest, k=1: (x, rest, k)
    g = lambda: 1 / 0
    return f(1), f(1, 2, k=3), outcome(g), sorted([3, 1, 2], key=lambda n: -n)


@case
def recursion() -> object:
    """Calls of a function inside itself."""

    def factorial(n):
        return 1 if n < 2 else n * factorial(n - 1)

    def ackermann(m, n):
        if m == 0:
            return n + 1
        if n == 0:
            return ackermann(m - 1, 1)
        return ackermann(m - 1, ackermann(m, n - 1))

    return factorial(50), ackermann(2, 3)


@case
def recursion_limit() -> object:
    """The depth at which RecursionError comes."""

    def dive():
        nonlocal depth
        depth += 1
        dive()

    def dive_with_locals(a, b=2, *args, **kwargs):
        nonlocal depth
        depth += 1
        try:
            dive_with_locals(a, b, *args, **kwargs)
        finally:
            a = b = None

    depths = []
    for call in (dive, lambda: dive_with_locals(1, 2, 3, x=4)):
        depth = 0
        try:
            call()
        except RecursionError as error:
            depths.append((depth, str(error)))
    return depths


@case
def recursion_limit_in_generators() -> object:
    """The depth at which RecursionError comes in nested generators."""

    def dive(n):
        nonlocal depth
        depth = max(depth, n)
        yield from dive(n + 1)

    depth = 0
    try:
        list(dive(0))
    except RecursionError as error:
        return depth, str(error)
    return None


@case
def caught_recursion_error() -> object:
    """The application goes on after the limit."""

    def dive(n):
        try:
            return dive(n + 1)
        except RecursionError:
            return n

    return dive(0) > 100, dive(0) == dive(0)


@case
def methods() -> object:
    """Plain, static and class methods, properties, dunders."""

    class Base:
        def __init__(self, x):
            self.x = x

        def plain(self, y):
            return self.x + y

        @staticmethod
        def static(a):
            return a * 2

        @classmethod
        def make(cls, x):
            return cls(x)

        @property
        def double(self):
            return self.x * 2

        @double.setter
        def double(self, value):
            self.x = value / 2

        def __eq__(self, other):
            return isinstance(other, Base) and self.x == other.x

        def __hash__(self):
            return hash(self.x)

        def __getattr__(self, name):
            raise AttributeError(f"no {name}")

        def __enter__(self):
            return self

        def __exit__(self, *error):
            return bool(error[0])

        def __iter__(self):
            yield self.x

        def __len__(self):
            return self.x

        def __call__(self, *args):
            return args

        def __contains__(self, item):
            return item == self.x

    made = Base.make(4)
    made.double = 20
    with made as inside:
        raise ValueError
    return (
        inside is made,
        made.plain(1),
        Base.static(3),
        made.double,
        made == Base(10.0),
        {made: 1}[Base(10.0)],
        list(made),
        made(1, 2),
        10 in made,
        outcome(getattr, made, "nothing"),
        outcome(len, made),
    )


@case
def zero_argument_super() -> object:
    """super() finds its class and its first argument."""

    class A:
        def __init__(self, log):
            self.log = log
            self.log.append("A")

        def name(self):
            return "A"

        @classmethod
        def kind(cls):
            return cls.__name__

    class B(A):
        def __init__(self, log):
            log.append("B")
            super().__init__(log)
            self.cls = __class__

        def name(self):
            return "B" + super().name()

        @classmethod
        def kind(cls):
            return "sub" + super().kind()

    class C(B):
        def name(self):
            def inner():
                return super(C, self).name()

            return "C" + inner() + "".join([super(C, self).name() for _ in "x"])

    log = []
    c = C(log)
    return log, c.name(), C.kind(), c.cls is B


@case
def super_with_changed_self() -> object:
    """super() reads the first argument as it is at that moment."""

    class A:
        def f(self):
            return type(self).__name__

    class B(A):
        def f(self):
            self = C()
            return super().f()

        def g(self):
            del self
            return super().f()

    class C(B):
        pass

    return B().f(), outcome(B().g)


@case
def slots_and_init() -> object:
    """__slots__, __new__, __init__, __del__, __init_subclass__, __set_name__."""
    log = []

    class Field:
        def __set_name__(self, owner, name):
            log.append((owner.__name__, name))

    class A:
        __slots__ = ("__weakref__", "a")
        field = Field()

        def __new__(cls, *args):
            log.append("new")
            return super().__new__(cls)

        def __init__(self, a):
            self.a = a

        def __init_subclass__(cls, **kwargs):
            log.append(kwargs)

        def __del__(self):
            log.append("del")

    class B(A, key=1):
        pass

    b = B(1)
    value = b.a
    del b
    return log, value


@case
def stacked_decorators() -> object:
    """Wrappers around wrappers."""

    def twice(function):
        @functools.wraps(function)
        def wrapper(*args, **kwargs):
            return function(*args, **kwargs), function(*args, **kwargs)

        return wrapper

    @twice
    @functools.lru_cache
    @twice
    def f(x, *, y=2):
        calls.append(x)
        return x + y

    calls = []
    return f(1), f(1, y=2), f(2), calls, f.__wrapped__.cache_info(), f.__name__


@case
def one_code_object_many_closures() -> object:
    """Functions of one factory keep their own variables."""

    def make(n):
        def add(x):
            nonlocal n
            n += x
            return n

        return add

    adders = [make(n) for n in range(5)]
    return [add(10) for add in adders], [add(1) for add in adders]


@case
def function_attributes() -> object:
    """What a function carries besides its code."""

    def f(a: int, b: str = "x", *, c: float = 1.0) -> bytes:
        """Text."""

    f.extra = 1
    return (
        f.__name__,
        f.__qualname__,
        f.__doc__,
        f.__defaults__,
        f.__kwdefaults__,
        f.__annotations__,
        f.__dict__,
        f.__module__,
        f.__closure__,
    )


@case
def copies() -> object:
    """Copy and deepcopy take functions as they are."""

    def f():
        return 1

    return copy.copy(f) is f, copy.deepcopy(f) is f, copy.deepcopy({"f": f})["f"] is f


class _Pickled:
    def __init__(self, x: int) -> None:
        self.x = x

    def __getstate__(self) -> dict[str, Any]:
        return {"x": self.x}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.x = state["x"] + 1


@case
def pickling_by_name() -> object:
    """Functions and objects are pickled by their names."""

    def f():
        return pickle.loads(pickle.dumps(describe_me)) is describe_me, pickle.loads(pickle.dumps(_Pickled(1))).x

    return f()


def describe_me() -> str:
    """Be pickled."""
    return "me"


@case
def warnings_stacklevel() -> object:
    """A warning is attributed to the caller's line."""

    def old():
        warnings.warn("old", DeprecationWarning, stacklevel=2)

    def user():
        old()
        return 1

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        user()
    return [(str(w.message), w.lineno, w.filename) for w in caught]


@case
def callers_seen_from_inside() -> object:
    """sys._getframe finds the frames, lines and names that it would find."""

    def look():
        frame = sys._getframe()
        found = []
        for _ in range(3):
            found.append((frame.f_code.co_name, frame.f_lineno, sorted(frame.f_locals)))
            frame = frame.f_back
        return found[:2]

    def caller():
        x = 1
        return look()

    return caller()


@case
def many_parameters() -> object:
    """More than 255 parameters need long arguments in the hook's loads."""
    names = [f"p{n}" for n in range(300)]
    space: dict[str, Any] = {}
    exec(f"def f({', '.join(names)}): return ({', '.join(names)})", space)
    return space["f"](*range(300))


@case
def partials_and_maps() -> object:
    """Calls from C."""

    def f(a, b=0):
        return a * 10 + b

    return (
        functools.partial(f, b=3)(1),
        list(map(f, [1, 2], [3, 4])),
        functools.reduce(f, [1, 2, 3]),
        sorted([1, 2, 3], key=f, reverse=True),
        max([1, 5, 3], key=lambda n: f(n)),
    )


@case
def assigning_code() -> object:
    """A function may be given the code of another."""

    def f():
        return 1

    def g():
        return 2

    f.__code__ = g.__code__
    return f()


@case
def walrus_and_conditions() -> object:
    """Returns in the middle of conditions."""

    def f(n):
        if (half := n // 2) > 3 and (n % 2 or half == 5):
            return half
        return -half if n else None

    return [f(n) for n in range(15)]
