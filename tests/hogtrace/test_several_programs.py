"""Several programs of several tracers on one function: their order, and their removal in any order."""

import itertools
from collections.abc import Iterator, Sequence
from types import CodeType
from typing import Any

import pytest

import hogtrace
from hogtrace import CaptureEvent, Tracer, _state
from tests.hogtrace.leftovers import made_code


def sell(item: str, count: int = 1) -> str:
    """Be probed by everybody."""
    if count < 0:
        raise ValueError(count)
    return item * count


class Shop:
    """Have a method that is probed by everybody."""

    def sell(self, item: str) -> str:
        """Sell one."""
        return sell(item)


def opening() -> Any:
    """Make a function that is probed by everybody."""

    def sell_inside(item: str) -> str:
        return item

    return sell_inside


class Story:
    """Keep the names of the probes that fired, of all tracers together, in their order."""

    def __init__(self) -> None:
        self.told: list[CaptureEvent] = []

    def export(self, events: Sequence[CaptureEvent]) -> None:
        """Keep them."""
        self.told += events

    def close(self) -> None:
        """Keep them all the same."""

    def take(self, tracers: Sequence[Tracer]) -> list[str]:
        """Give what was told since, by the times of the events."""
        for tracer in tracers:
            assert tracer.flush(60)
        told, self.told = self.told, []
        told.sort(key=lambda event: event.values["at"])
        return [event.values["name"] for event in told]


@pytest.fixture
def story() -> Story:
    """Give the exporter that all tracers share."""
    return Story()


@pytest.fixture
def tracers(story: Story) -> Iterator[list[Tracer]]:
    """Give three tracers."""
    made = [Tracer(exporter=story, max_overhead=None) for _ in range(3)]
    yield made
    for tracer in made:
        tracer.stop()
    assert not _state.woven
    assert not _state.nested
    assert made_code(__file__) == []


def program(name: str, target: str = "sell") -> hogtrace.Program:
    """Make a program with two probes at each end, which keep state of their own in the call."""
    place = f"fn:{__name__}.{target}"
    return hogtrace.compile(
        f"{place}:exit {{ capture(name='{name} leaves', at=timestamp(), mine=$call.mine); }}"
        f"{place}:entry {{ $call.mine = '{name}'; capture(name='{name} enters', at=timestamp()); }}"
        f"{place}:exit / $call.mine == '{name}' / {{ capture(name='{name} leaves again', at=timestamp()); }}"
        f"{place}:entry {{ capture(name='{name} enters again', at=timestamp()); }}",
        name=name,
    )


def expected(names: Sequence[str]) -> list[str]:
    """Give the story of one call: in order of installation, then of the source, at both ends."""
    return [f"{name} {what}{again}" for what in ("enters", "leaves") for name in names for again in ("", " again")]


def code(function: Any) -> CodeType:
    """Give a function's code object."""
    made = function.__code__
    assert isinstance(made, CodeType)
    return made


@pytest.mark.parametrize("removal", list(itertools.permutations("abc")), ids="".join)
def test_order_and_removal(removal: Sequence[str], story: Story, tracers: list[Tracer]) -> None:
    """They fire in the order of installation, whoever's they are, and each goes without the others."""
    original = code(sell)
    installed = {name: tracer.install(program(name)) for name, tracer in zip("abc", tracers, strict=True)}
    owners = dict(zip("abc", tracers, strict=True))
    left = ["a", "b", "c"]
    for gone in removal:
        assert sell("x", 2) == "xx"
        with pytest.raises(ValueError, match="-1"):
            sell("x", -1)
        # `$call` is one store for all programs: the last to set it is the one whose second exit probe passes.
        story_of_a_call = [
            line for line in expected(left) if not line.endswith("leaves again") or line.startswith(left[-1])
        ]
        assert story.take(tracers) == story_of_a_call * 2
        owners[gone].uninstall(installed[gone])
        left.remove(gone)
    assert code(sell) is original
    assert sell("x") == "x"
    assert story.take(tracers) == []


def test_one_that_comes_again_is_the_last(story: Story, tracers: list[Tracer]) -> None:
    """The order is that of the latest installation."""
    place = f"fn:{__name__}.sell:entry"
    programs = {name: hogtrace.compile(f"{place} {{ capture(name='{name}', at=timestamp()); }}") for name in "abc"}
    first = tracers[0].install(programs["a"])
    tracers[1].install(programs["b"])
    tracers[0].install(programs["c"])
    sell("x")
    tracers[0].uninstall(first)
    tracers[2].install(programs["a"])
    sell("x")
    tracers[1].uninstall()
    sell("x")
    assert story.take(tracers) == [*"abc", *"bca", *"ca"]


def test_one_program_many_times(story: Story, tracers: list[Tracer]) -> None:
    """Each installation is one of its own, of one tracer or of several."""
    same = hogtrace.compile(f"fn:{__name__}.sell:entry {{ capture(name=item, at=timestamp()); }}")
    installed = [tracer.install(same) for tracer in (tracers[0], *tracers)]
    for left in range(4, 0, -1):
        sell("x")
        assert story.take(tracers) == ["x"] * left
        owner = tracers[0] if left > 2 else tracers[4 - left - 1]
        owner.uninstall(installed[4 - left])
    assert story.take(tracers) == []


def test_a_tracer_that_stops_leaves_the_others(story: Story, tracers: list[Tracer]) -> None:
    """Its probes go, theirs stay, and so does what calls that are running have remembered."""
    for name, tracer in zip("abc", tracers, strict=True):
        tracer.install(
            hogtrace.compile(
                f"fn:{__name__}.sell:entry {{ $call.{name} = item; }}"
                f"fn:{__name__}.sell:exit {{ capture(name='{name}', at=timestamp(), kept=$call.{name}); }}"
            )
        )
    sell("x")
    tracers[1].stop()
    sell("x")
    assert story.take([tracers[0], tracers[2]]) == ["a", "b", "c", "a", "c"]


def test_wildcards_names_and_code_meet_in_one_function(story: Story, tracers: list[Tracer]) -> None:
    """By whatever way a program found the function, it fires in its turn and goes alone."""
    original = code(Shop.sell), code(sell)
    texts = {
        "wild": f"fn:{__name__}.**:entry",
        "star": f"fn:{__name__}.*.sell:entry",
        "name": f"fn:{__name__}.Shop.sell:entry",
    }
    for (name, place), tracer in zip(texts.items(), tracers, strict=True):
        tracer.install(hogtrace.compile(f"{place} / arg1 == 'x' / {{ capture(name='{name}', at=timestamp()); }}"))
    shop = Shop()
    for left in (["wild", "star", "name"], ["star", "name"], ["name"]):
        assert shop.sell("x") == "x"
        assert story.take(tracers) == left
        tracers[3 - len(left)].uninstall()
    assert (code(Shop.sell), code(sell)) == original
    assert code(Shop.sell) is original[0]


@pytest.mark.parametrize("removal", list(itertools.permutations(range(3))), ids=str)
def test_nested_code_of_several(removal: Sequence[int], story: Story, tracers: list[Tracer]) -> None:
    """The same inside of a function, for closures that were made at any time."""
    originals = code(opening), code(opening())
    made = [opening()]
    for name, tracer in zip("abc", tracers, strict=True):
        tracer.install(
            hogtrace.compile(
                f"fn:{__name__}.opening.<locals>.sell_inside:exit {{ capture(name='{name}', at=timestamp()); }}"
            )
        )
        made.append(opening())
    left = [*"abc"]
    for gone in removal:
        for function in made:
            assert function("x") == "x"
        assert story.take(tracers) == left * len(made)
        tracers[gone].uninstall()
        left.remove("abc"[gone])
    assert (code(opening), code(opening())) == originals
    assert [code(function) is originals[1] for function in made] == [True] * 4
