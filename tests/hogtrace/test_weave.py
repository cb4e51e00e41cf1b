"""What the hooks are told, what the woven code object keeps, and what cannot be woven."""

# The functions to be woven are there for their shapes.
# ruff: noqa: B007, F821, RET504, SIM105

import asyncio
import gc
import pickle
import sys
from collections.abc import Callable, Iterator
from types import FrameType, FunctionType
from typing import Any

import pytest

from hogtrace.weave import Plan, WeaveError, rebinds, weave
from tests.hogtrace.weaving.hooks import Quiet, Recorder

NOTHING = Plan((), ())


def probe(function: Callable[..., Any], entry: tuple[int, ...] = (), exit: tuple[int, ...] = ()) -> Recorder:  # noqa: A002
    """Weave a recording hook into a function."""
    assert isinstance(function, FunctionType)
    hook = Recorder()
    function.__code__ = weave(function.__code__, hook, Plan(entry, exit))
    return hook


def test_without_loads_the_hook_gets_none_and_the_result() -> None:
    """An empty plan passes None, and at return the result."""

    def f(a: int) -> int:
        return a + 1

    hook = probe(f)
    assert f(1) == 2
    assert hook.events == [("enter", None), ("return", None, 2)]


def test_without_loads_an_unwind_gets_the_exception() -> None:
    """An empty plan passes the exception alone."""

    def f() -> None:
        raise ValueError("x")

    hook = probe(f)
    with pytest.raises(ValueError, match="x") as caught:
        f()
    assert hook.events == [("enter", None), ("unwind", (), caught.value)]


def test_one_load_is_passed_itself() -> None:
    """One value needs no tuple, but while an exception passes."""

    def f(a: int) -> int:
        if a < 0:
            raise ValueError(a)
        return a + 1

    hook = probe(f, (0,), (0,))
    f(1)
    with pytest.raises(ValueError, match="-1"):
        f(-1)
    assert hook.events[:3] == [("enter", 1), ("return", 1, 2), ("enter", -1)]
    assert hook.events[3][:2] == ("unwind", (-1,))


def test_many_loads_come_in_the_order_of_the_plan() -> None:
    """Every kind of parameter, in any order, and twice."""

    def f(a: int, /, b: int, *args: int, c: int, **kwargs: int) -> str:
        return "r"

    hook = probe(f, (4, 0, 3, 1, 2, 0), (2, 3))
    f(1, 2, 3, 4, c=5, d=6)
    assert hook.events == [("enter", ({"d": 6}, 1, (3, 4), 2, 5, 1)), ("return", (5, (3, 4)), "r")]


def test_locals_are_read_as_they_are_at_the_exit() -> None:
    """A parameter that was bound anew and a local have their last values."""

    def f(a: int) -> int:
        a = a * 10
        b = a + 1
        return b

    hook = probe(f, (0,), (0, 1))
    f(1)
    assert hook.events == [("enter", 1), ("return", (10, 11), 11)]


def test_an_unbound_local_is_the_hook() -> None:
    """A local that has no value, or no longer, is passed as the hook object."""

    def f(a: int) -> None:
        del a
        if False:
            b = 1  # noqa: F841 - never bound

    hook = probe(f, (0, 1), (0, 1))
    f(1)
    assert hook.events == [("enter", (1, hook)), ("return", (hook, hook), None)]


def test_an_unbound_local_disturbs_nothing_while_an_exception_passes() -> None:
    """The failing load leaves no trace in the exception that is on its way."""

    def f() -> None:
        raise ValueError("x")
        b = 1  # noqa: F841 - never bound

    def g() -> None:
        try:
            raise KeyError("outer")
        except KeyError:
            f()

    hook = probe(f, (0,), (0,))
    with pytest.raises(ValueError, match="x") as caught:
        g()
    assert hook.events == [("enter", hook), ("unwind", (hook,), caught.value)]
    assert isinstance(caught.value.__context__, KeyError)
    assert caught.value.__context__.__context__ is None
    assert sys.exc_info() == (None, None, None)


def test_an_unbound_local_is_an_exception_event_to_a_tracer() -> None:
    """That is all that a trace function sees of a load that fails; the call goes on."""

    def f(a: int) -> int:
        del a
        return 1

    events = []

    def tracer(frame: FrameType, event: str, arg: Any) -> Any:
        if frame.f_code.co_name == "f":
            events.append((event, arg[0] if event == "exception" else arg))
        return tracer

    hook = probe(f, (), (0,))
    old = sys.gettrace()
    sys.settrace(tracer)
    try:
        assert f(1) == 1
    finally:
        sys.settrace(old)
    assert hook.events[-1] == ("return", hook, 1)
    assert events == [
        ("call", None),
        ("line", None),
        ("line", None),
        ("exception", UnboundLocalError),
        ("return", 1),
    ]


def test_cells_are_read_through() -> None:
    """A parameter and a local that inner functions share are passed by value."""

    def f(a: int) -> Callable[[], int]:
        b = a + 1

        def g() -> int:
            nonlocal a
            a += 1
            return a + b

        g()
        return g

    slots = (0, f.__code__.co_varnames.index("g"), len(f.__code__.co_varnames))
    hook = probe(f, (0, slots[2]), slots)
    g = f(1)
    assert hook.events == [("enter", (1, hook)), ("return", (2, g, 2), g)]


def test_closure_variables_are_read_through() -> None:
    """A closure variable is passed by value; an empty one is the hook."""
    y = 1

    def f() -> int:
        return y

    hook = probe(f, (0,), (0,))
    f()
    y = 2
    f()
    del y
    with pytest.raises(NameError):
        f()
    assert hook.events[:5] == [
        ("enter", 1),
        ("return", 1, 1),
        ("enter", 2),
        ("return", 2, 2),
        ("enter", hook),
    ]
    assert hook.events[5][:2] == ("unwind", (hook,))


def test_recursion_and_reentry_pair_up() -> None:
    """Calls inside calls end in the reverse order."""

    def f(n: int) -> int:
        return n and f(n - 1)

    hook = probe(f, (0,), (0,))
    f(2)
    assert [event[1:] for event in hook.events] == [(2,), (1,), (0,), (0, 0), (1, 0), (2, 0)]


def test_each_call_keeps_the_token_that_it_was_given() -> None:
    """What the hook returns at entry is what is told of that call's end."""
    ended = []

    class Token:
        def __init__(self, number: int) -> None:
            self.number = number

        def __setitem__(self, values: object, returned: object) -> None:
            ended.append((self.number, returned))

        def __delitem__(self, raised: tuple[BaseException]) -> None:
            ended.append((self.number, type(raised[0])))

    class Hook:
        count = 0

        def __getitem__(self, values: object) -> Token:
            self.count += 1
            return Token(self.count)

    def g(a: int) -> Iterator[int]:
        yield a
        if a == 2:
            raise KeyError(a)

    g.__code__ = weave(g.__code__, Hook(), NOTHING)
    one, two, three = g(1), g(2), g(3)
    assert [next(three), next(one), next(two)] == [3, 1, 2]
    assert list(one) == []
    with pytest.raises(KeyError):
        next(two)
    three.close()  # type: ignore[attr-defined]
    assert ended == [(2, None), (3, KeyError), (1, GeneratorExit)]


def test_a_hook_that_is_given_none_as_a_constant_already() -> None:
    """The constants keep their places; the hook follows them, and None where it is missing."""

    def with_none() -> None:
        return None

    def without() -> str:
        return "x"

    hook = Quiet()
    for function in (with_none, without):
        code = function.__code__
        woven = weave(code, hook, NOTHING)
        assert woven.co_consts[: len(code.co_consts)] == code.co_consts
        assert woven.co_consts[len(code.co_consts)] is hook
        assert None in woven.co_consts


def drive(generator: Any, steps: str) -> None:
    """Take a generator through steps, then drop it."""
    for step in steps.split():
        match step:
            case "next":
                next(generator, None)
            case "list":
                list(generator)
            case "close":
                generator.close()
            case "fail":
                with pytest.raises(KeyError):
                    generator.throw(KeyError())
            case "handle":
                generator.throw(ValueError())


@pytest.mark.parametrize(
    ("steps", "story"),
    [
        ("", []),
        ("close", []),
        ("fail", []),
        ("list", ["enter", "return"]),
        ("next next next", ["enter", "return"]),
        ("next next next next close", ["enter", "return"]),
        ("next", ["enter", "GeneratorExit"]),
        ("next close", ["enter", "GeneratorExit"]),
        ("next close close", ["enter", "GeneratorExit"]),
        ("next next close", ["enter", "GeneratorExit"]),
        ("next fail", ["enter", "KeyError"]),
        ("next fail next close", ["enter", "KeyError"]),
    ],
)
def test_generators_begin_and_end_once(steps: str, story: list[str]) -> None:
    """Finished, closed, thrown into or dropped; one that never began has no events."""

    def plain() -> Iterator[int]:
        yield 1
        yield 2

    hook = probe(plain)
    drive(plain(), steps)
    gc.collect()
    assert hook.story == story


@pytest.mark.parametrize(
    ("steps", "story"),
    [
        ("next handle list", ["enter", "return"]),
        ("next handle close", ["enter", "GeneratorExit"]),
        ("next handle fail", ["enter", "KeyError"]),
        ("next close", ["enter", "GeneratorExit"]),
        ("next", ["enter", "GeneratorExit"]),
    ],
)
def test_generators_with_handlers_begin_and_end_once(steps: str, story: list[str]) -> None:
    """What a generator handles itself is no end of it."""

    def g() -> Iterator[int]:
        try:
            yield 1
        except ValueError:
            yield 2
        yield 3

    hook = probe(g)
    drive(g(), steps)
    gc.collect()
    assert hook.story == story


def test_stop_iteration_that_leaves_a_generator() -> None:
    """The exit tells of the RuntimeError that callers get; 3.11 makes that only after the exit."""

    def g() -> Iterator[int]:
        yield 1
        raise StopIteration("s")

    hook = probe(g)
    with pytest.raises(RuntimeError) as caught:
        list(g())
    assert isinstance(caught.value.__cause__, StopIteration)
    if sys.version_info >= (3, 12):
        assert hook.events[1] == ("unwind", (), caught.value)
    else:
        assert hook.events[1] == ("unwind", (), caught.value.__cause__)


def test_coroutines_begin_and_end_once() -> None:
    """Whatever they wait for in between; cancelled ones end by CancelledError."""

    async def f(n: int) -> int:
        for _ in range(n):
            await asyncio.sleep(0)
        if n == 9:
            await asyncio.sleep(60)
        return n

    async def main() -> None:
        await asyncio.gather(f(0), f(3))
        task = asyncio.create_task(f(9))
        for _ in range(15):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    hook = probe(f, (0,), (0,))
    asyncio.run(main())
    assert [event[:2] for event in hook.events] == [
        ("enter", 0),
        ("return", 0),
        ("enter", 3),
        ("return", 3),
        ("enter", 9),
        ("unwind", (9,)),
    ]
    assert isinstance(hook.events[-1][2], asyncio.CancelledError)


def test_a_coroutine_that_never_ran_has_no_events() -> None:
    """Closing an unstarted one is no call."""

    async def f() -> None:
        pass

    hook = probe(f)
    f().close()
    assert hook.events == []


def test_asynchronous_generators_begin_and_end_once() -> None:
    """Finished, closed, broken off."""

    async def g() -> Any:
        yield 1
        await asyncio.sleep(0)
        yield 2

    async def main() -> None:
        assert [x async for x in g()] == [1, 2]
        it = g()
        await anext(it)
        await it.aclose()
        async for _ in g():
            break
        gc.collect()

    hook = probe(g)
    asyncio.run(main())
    assert hook.story[:4] == ["enter", "return", "enter", "GeneratorExit"]
    # Which exception ends the one that was broken off depends on who finds it first: the loop or the
    # collector.
    assert hook.story[4] == "enter"
    assert hook.story[5] in ("GeneratorExit", "CancelledError")
    assert len(hook.story) == 6


def test_the_hook_runs_in_the_frame_of_the_call() -> None:
    """There is no frame between the hook and the function, and at exit the line is that of the return."""
    seen: list[object] = []

    class Looker(Recorder):
        def __getitem__(self, values: object) -> "Looker":
            seen.append(sys._getframe(1))
            return self

        def __setitem__(self, values: object, returned: object) -> None:
            seen.append((sys._getframe(1), sys._getframe(1).f_lineno))

    def f() -> Any:
        frame = sys._getframe()
        return frame

    f.__code__ = weave(f.__code__, Looker(), NOTHING)
    frame = f()
    assert seen == [frame, (frame, f.__code__.co_firstlineno + 2)]


def test_weaving_twice_nests() -> None:
    """A second hook begins before the first and ends after it."""
    events = []

    class Named(Recorder):
        def __init__(self, name: str) -> None:
            super().__init__()
            self.name = name

        def __getitem__(self, values: object) -> "Named":
            events.append(("enter", self.name, values))
            return self

        def __setitem__(self, values: object, returned: object) -> None:
            events.append(("return", self.name, values, returned))

        def __delitem__(self, raised: tuple[Any, ...]) -> None:
            events.append(("unwind", self.name, raised[1:]))

    def f(a: int) -> float:
        try:
            return 1 / a
        finally:
            a = -1

    for name in ("inner", "outer"):
        f.__code__ = weave(f.__code__, Named(name), Plan((0,), (0,)))
    assert f(2) == 0.5
    with pytest.raises(ZeroDivisionError):
        f(0)
    assert events == [
        ("enter", "outer", 2),
        ("enter", "inner", 2),
        ("return", "inner", -1, 0.5),
        ("return", "outer", -1, 0.5),
        ("enter", "outer", 0),
        ("enter", "inner", 0),
        ("unwind", "inner", (-1,)),
        ("unwind", "outer", (-1,)),
    ]


def test_weaving_leaves_the_original_alone() -> None:
    """The code given is unchanged, and putting it back restores the function."""

    def f(a: int) -> int:
        return a

    original = f.__code__
    before = (original.co_code, original.co_consts, original.co_exceptiontable, original.co_linetable)
    hook = probe(f)
    f(1)
    f.__code__ = original
    f(2)
    assert f.__code__ is original
    assert before == (original.co_code, original.co_consts, original.co_exceptiontable, original.co_linetable)
    assert len(hook.events) == 2


def test_frames_that_run_keep_their_code() -> None:
    """A suspended generator goes on with the code that it began with, woven or not."""

    def g() -> Iterator[int]:
        yield 1
        yield 2

    original = g.__code__
    bare = g()
    next(bare)
    hook = probe(g)
    woven = g()
    next(woven)
    g.__code__ = original
    assert list(bare) == [2]
    assert hook.story == ["enter"]
    assert list(woven) == [2]
    assert hook.story == ["enter", "return"]
    assert list(g()) == [1, 2]
    assert hook.story == ["enter", "return"]


def test_code_that_has_run_hot_is_woven_from_its_plain_form() -> None:
    """Specialised instructions of a running program do not get into the woven code."""

    def f(values: list[int]) -> int:
        total = 0
        for index in range(len(values)):
            total += values[index] + 1 if values[index] else len("abc")
        return total

    cold = weave(f.__code__, Quiet(), NOTHING)
    for _ in range(200):
        f([1, 0, 2])
    warm = weave(f.__code__, Quiet(), NOTHING)
    assert warm.co_code == cold.co_code
    f.__code__ = warm
    for _ in range(200):
        assert f([1, 0, 2]) == 8
    assert weave(warm, Quiet(), NOTHING).co_code == weave(cold, Quiet(), NOTHING).co_code


def test_code_under_monitoring_is_woven_from_its_plain_form() -> None:
    """Instructions that a tracer has put in place do not get into the woven code."""

    def f(a: int) -> int:
        b = a
        return b

    cold = weave(f.__code__, Quiet(), NOTHING)
    old = sys.gettrace()
    sys.settrace(lambda *_: None)
    try:
        f(1)
        traced = weave(f.__code__, Quiet(), NOTHING)
    finally:
        sys.settrace(old)
    assert traced.co_code == cold.co_code


def test_a_woven_function_is_pickled_by_its_name() -> None:
    """Pickling looks at names, not at code."""
    original = some_function.__code__
    some_function.__code__ = weave(original, Quiet(), NOTHING)
    try:
        assert pickle.loads(pickle.dumps(some_function)) is some_function  # noqa: S301
    finally:
        some_function.__code__ = original


def some_function() -> None:
    """Be pickled."""


def test_code_objects_hash_and_compare() -> None:
    """Woven code can be hashed, and equals itself woven again with the same hook."""

    def f(a: int) -> int:
        return a

    hook = Quiet()
    one, two = weave(f.__code__, hook, NOTHING), weave(f.__code__, hook, NOTHING)
    assert hash(one) == hash(two)
    assert one == two
    assert one != f.__code__


@pytest.mark.parametrize("source", ["x = 1", "class A:\n    x = 1"])
def test_module_and_class_bodies_are_refused(source: str) -> None:
    """Only functions can be woven, and the error says so."""
    code = compile(source, "<test>", "exec")
    code = next((const for const in code.co_consts if hasattr(const, "co_code")), code)
    with pytest.raises(WeaveError, match="not a function's"):
        weave(code, Quiet(), NOTHING)


def test_code_of_another_shape_is_refused() -> None:
    """Bytes that no compiler made are refused with a reason, not guessed at."""

    def f() -> None:
        pass

    code = f.__code__
    with pytest.raises(WeaveError, match="does not begin") as caught:
        weave(code.replace(co_code=code.co_code[2:]), Quiet(), NOTHING)
    assert caught.value.reason == str(caught.value)


def test_an_unknown_version_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a CPython that nobody has checked, nothing is woven."""
    monkeypatch.setattr("hogtrace.weave.splice.VERSION", None)
    with pytest.raises(WeaveError, match="cannot be probed on cpython"):
        weave(test_an_unknown_version_is_refused.__code__, Quiet(), NOTHING)


@pytest.mark.parametrize("plan", [Plan((2,), ()), Plan((), (2,)), Plan((-1,), ())])
def test_a_slot_that_is_not_there_is_an_error(plan: Plan) -> None:
    """A plan for other code is a mistake of the caller."""

    def f(a: int, b: int) -> None:
        pass

    with pytest.raises(ValueError, match="no slot"):
        weave(f.__code__, Quiet(), plan)


def test_loads_at_an_entry_that_is_not_made_are_an_error() -> None:
    """A plan that enters nothing has nobody to hand values to."""
    with pytest.raises(ValueError, match="enters nothing"):
        weave((lambda a: a).__code__, Quiet(), Plan((0,), (), enters=False))


def test_without_an_entry_the_hook_is_the_token() -> None:
    """Nothing is called when the body begins; the end is still told, by return and by exception."""
    hook = Recorder()

    def f(fails: bool) -> int:
        return 1 // (not fails)

    f.__code__ = weave(f.__code__, hook, Plan((), (0,), enters=False))
    assert f(False) == 1
    with pytest.raises(ZeroDivisionError):
        f(True)
    assert [event[:2] for event in hook.events] == [("return", False), ("unwind", (True,))]


def test_loads_at_an_exit_that_is_not_made_are_an_error() -> None:
    """A plan that leaves nothing has nobody to hand values to."""
    with pytest.raises(ValueError, match="needs a token"):
        weave((lambda a: a).__code__, Quiet(), Plan((), (0,), leaves=False))


def test_without_an_exit_there_is_no_token() -> None:
    """What the hook gives at the entry is dropped at once, and nothing is told of the end."""
    events = []

    class Token:
        def __del__(self) -> None:
            events.append("dropped")

    class Hook:
        def __getitem__(self, values: object) -> Token:
            events.append(values)
            return Token()

    def f(fails: bool) -> int:
        events.append("body")
        return 1 // (not fails)

    f.__code__ = weave(f.__code__, Hook(), Plan((0,), (), leaves=False))
    assert f(False) == 1
    with pytest.raises(ZeroDivisionError):
        f(True)
    assert events == [False, "dropped", "body", True, "dropped", "body"]


def test_generators_without_an_exit_suspend_as_they_did() -> None:
    """Values, thrown exceptions and close() pass as in the bare generator."""

    def g(first: int) -> Iterator[int]:
        try:
            yield first
            yield 2
        except KeyError:
            yield 3
        raise StopIteration

    def outcomes() -> list[object]:
        seen: list[object] = []
        with pytest.raises(RuntimeError):
            list(g(1))
        thrown: Any = g(1)
        seen += [next(thrown), thrown.throw(KeyError), thrown.close()]
        fresh: Any = g(1)
        # What comes out of a generator that has not begun differs between versions.
        with pytest.raises((StopIteration, RuntimeError)) as caught:
            fresh.throw(StopIteration)
        return [*seen, caught.type]

    bare = outcomes()
    hook = Recorder()
    g.__code__ = weave(g.__code__, hook, Plan((0,), (), leaves=False))
    assert outcomes() == bare
    assert hook.events == [("enter", 1), ("enter", 1)]


def test_rebinds_names_parameters_that_the_body_changes() -> None:
    """Assigned, augmented, deleted, loop targets, from inside; and not those that are only read."""

    def f(read, assigned, deleted, looped, inner, inner_read, caught, *args, keyword, **kwargs):  # type: ignore[no-untyped-def]
        assigned = 1
        args += (read,)
        del deleted
        for looped in kwargs:
            pass
        try:
            pass
        except ValueError as caught:  # noqa: F841
            pass

        def change():  # type: ignore[no-untyped-def]
            def deeper():  # type: ignore[no-untyped-def]
                nonlocal inner
                inner += 1

            return deeper, inner_read

        return change, assigned, keyword

    names = f.__code__.co_varnames
    assert {names[slot] for slot in rebinds(f.__code__)} == {
        "assigned",
        "deleted",
        "looped",
        "inner",
        "caught",
        "args",
    }


def test_rebinds_sees_pairs_of_stores() -> None:
    """Two parameters bound at once are both seen."""

    def f(a: int, b: int, c: int) -> tuple[int, int, int]:
        a, b = c, a
        return a, b, c

    assert rebinds(f.__code__) == {0, 1}


def test_rebinds_is_not_misled_by_inner_variables_of_the_same_name() -> None:
    """A variable of an inner function, with cells of its own, is another one."""

    def f(a: int) -> Any:
        def g() -> Any:
            a = 1

            def h() -> int:
                nonlocal a
                a = 2
                return a

            return h

        return g, lambda: a

    assert rebinds(f.__code__) == frozenset()
