"""Functions in other things' hands: decorators, partials, caches, dispatchers, commands."""

import contextlib
import functools
import operator
import typing
from unittest import mock

import click
from click.testing import CliRunner
from tests.hogtrace.callables import Call, Rows, row


def well_behaved(function):
    @functools.wraps(function)
    def wrapper(*args, **kwargs):
        return function(*args, **kwargs)

    return wrapper


def forgetful(function):
    def wrapper(*args, **kwargs):
        return function(*args, **kwargs)

    return wrapper


def with_options(**options):
    def decorate(function):
        @functools.wraps(function)
        def wrapper(*args):
            return function(*args, **options)

        return wrapper

    return decorate


class Counting:
    def __init__(self, function):
        functools.update_wrapper(self, function)
        self.calls = 0
        self._function = function

    def __call__(self, *args):
        self.calls += 1
        return self._function(*args)

    def __get__(self, instance, owner=None):
        return self if instance is None else functools.partial(self, instance)


class Retry(contextlib.ContextDecorator):
    def __enter__(self):
        return self

    def __exit__(self, *details):
        return False


@well_behaved
def wrapped(a):
    return a


@forgetful
def forgotten(a):
    return a


@well_behaved
@forgetful
@functools.lru_cache
@with_options(b=2)
def stacked(a, b):
    return a, b


@Counting
def counted(a):
    return a


@Retry()
def retried(a):
    return a


@functools.cache
def cached(a):
    return a


@functools.lru_cache(maxsize=None)
def lru_cached(a):
    return a


@functools.singledispatch
def dispatched(a):
    return "any"


@dispatched.register
def dispatched_int(a: int):
    return "int"


@dispatched.register(list)
@well_behaved
def dispatched_list(a):
    return "list"


@contextlib.contextmanager
def managed(a):
    try:
        yield a
    finally:
        a = None


@contextlib.asynccontextmanager
async def managed_async(a):
    yield a


@typing.overload
def overloaded(a: int) -> int: ...


@typing.overload
def overloaded(a: str) -> str: ...


def overloaded(a):
    return a


@typing.no_type_check
def unchecked(a):
    return a


def target_of_patch(a):
    return a


@mock.patch(f"{__name__}.target_of_patch")
def patched(a, replaced):
    return a, isinstance(replaced, mock.MagicMock)


def for_partial(a, b, *, c=3):
    return a, b, c


half = functools.partial(for_partial, 1)
whole = functools.partial(half, 2, c=4)
reversed_key = functools.cmp_to_key(lambda a, b: b - a)


def compare(a, b):
    return b - a


by_compare = functools.cmp_to_key(compare)


class Service:
    @Counting
    def counted(self, a):
        return a

    @well_behaved
    def wrapped(self, a):
        return a

    @property
    @well_behaved
    def label(self):
        return "label"

    @staticmethod
    @forgetful
    def static(a):
        return a

    @classmethod
    @functools.lru_cache
    def cached_for_class(cls, a):
        return a

    @contextlib.contextmanager
    def managed(self, a):
        yield a

    bound_later = for_partial


service = Service()
bound = service.wrapped
getter = operator.attrgetter("label")


@click.command()
@click.option("--count", default=1)
def command(count):
    click.echo(count)


@click.group()
def group():
    pass


@group.command()
@click.argument("name")
@click.pass_context
def below(context, name):
    click.echo(name)


def _managed(manager: typing.Any) -> object:
    with manager as value:
        return value


def _managed_badly() -> object:
    try:
        with managed(1):
            raise KeyError(1)
    except KeyError as error:
        return str(error)


async def _async_with() -> object:
    async with managed_async(1) as value:
        return value


def _run(coroutine: typing.Any) -> object:
    try:
        while True:
            coroutine.send(None)
    except StopIteration as stop:
        return stop.value


def _invoke(what: click.Command, *args: str) -> object:
    result = CliRunner().invoke(what, args, catch_exceptions=False)
    return result.output, result.exit_code


def _fresh(function: typing.Any, *values: object) -> object:
    function.cache_clear()
    return [function(value) for value in values]


def _stack() -> object:
    stacked.__wrapped__.__closure__[0].cell_contents.cache_clear()
    return stacked(1)


def _cached_for_class() -> object:
    vars(Service)["cached_for_class"].__func__.cache_clear()
    return Service.cached_for_class(1), Service.cached_for_class(1)


ROWS: Rows = [
    row("wrapped", lambda: wrapped(1), Call((1,), 1)),
    row("well_behaved.<locals>.wrapper", lambda: wrapped(1), Call((1,), 1)),
    row("forgotten", lambda: forgotten(1), Call((1,), 1)),
    row("stacked", _stack, Call((1, 2), (1, 2))),
    row("counted", lambda: counted(1), Call((1,), 1)),
    row("Counting.__call__", lambda: counted(1), Call(("<Counting>", 1), 1)),
    row("retried", lambda: retried(1), Call((1,), 1)),
    row("Retry.__exit__", lambda: retried(1), Call(("<Retry>", None, None, None), False)),
    row("cached", lambda: _fresh(cached, 1, 1, 2), Call((1,), 1), Call((2,), 2)),
    row("lru_cached", lambda: _fresh(lru_cached, 1, 1), Call((1,), 1)),
    row("dispatched", lambda: [*map(dispatched, (1, "a", []))], Call(("a",), "any")),
    row("dispatched_int", lambda: [*map(dispatched, (1, "a", []))], Call((1,), "int")),
    row("dispatched_list", lambda: [*map(dispatched, (1, "a", []))], Call(([],), "list")),
    row("managed", lambda: _managed(managed(1)), Call((1,))),
    row("managed", _managed_badly, Call((1,), error="KeyError")),
    row("managed_async", lambda: _run(_async_with()), Call((1,))),
    row("overloaded", lambda: overloaded(1), Call((1,), 1)),
    row("unchecked", lambda: unchecked(1), Call((1,), 1)),
    row("patched", lambda: patched(1), Call((1, "<MagicMock>"), (1, True))),
    row("for_partial", lambda: whole(), Call((1, 2), (1, 2, 4), {"c": 4})),
    row("half", lambda: half(2), Call((1, 2), (1, 2, 3), {"c": 3})),
    row("whole", lambda: whole(), Call((1, 2), (1, 2, 4), {"c": 4})),
    row("compare", lambda: sorted([1, 2], key=by_compare), Call((2, 1), -1)),
    row("Service.counted", lambda: service.counted(1), Call(("<Service>", 1), 1)),
    row("Service.wrapped", lambda: service.wrapped(1), Call(("<Service>", 1), 1)),
    row("Service.label", lambda: getter(service), Call(("<Service>",), "label")),
    row("Service.static", lambda: Service.static(1), Call((1,), 1)),
    row("Service.cached_for_class", _cached_for_class, Call(("<Service>", 1), 1)),
    row("Service.managed", lambda: _managed(service.managed(1)), Call(("<Service>", 1))),
    row(
        "Service.bound_later", lambda: service.bound_later(1)[1:], Call(("<Service>", 1), ("<Service>", 1, 3), {"c": 3})
    ),
    row("bound", lambda: bound(1), Call(("<Service>", 1), 1)),
    row("command", lambda: _invoke(command, "--count", "2"), Call((2,))),
    row("group", lambda: _invoke(group, "below", "x"), Call()),
    row("below", lambda: _invoke(group, "below", "x"), Call(("<Context>", "x"))),
]
