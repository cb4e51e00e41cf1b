"""Probed functions that are copied, pickled and sent to other processes: the copies are as without probes."""

import copy
import pickle
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import cloudpickle
import pytest

import hogtrace
from hogtrace import Tracer
from hogtrace.exporters import MemoryExporter

SOURCE = """
import asyncio
import functools


def plain(a, b=2, *, c=3):
    return a, b, c


def factory(n):
    def inner(x):
        return n, x
    return inner


def numbers(n):
    yield from range(n)


async def fetch(a):
    await asyncio.sleep(0)
    return a


class Box:
    def __init__(self, a):
        self.a = a

    def method(self, b):
        return self.a, b

    @staticmethod
    def static(a):
        return a

    @property
    def size(self):
        return self.a


def fail(a):
    raise KeyError(a)


closure = factory(1)
partial = functools.partial(plain, 1)
lam = lambda a: a
"""
USES = {
    "plain": lambda f: f(1),
    "closure": lambda f: f(2),
    "factory": lambda f: f(1)(2),
    "numbers": lambda f: list(f(3)),
    "fetch": lambda f: __import__("asyncio").run(f(1)),
    "Box": lambda f: (f(1).method(2), f(1).size, f.static(3)),
    "partial": lambda f: f(),
    "lam": lambda f: f(1),
}


@pytest.fixture
def module(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """Make a module whose functions `cloudpickle` copies by value."""
    made = ModuleType("copied")
    exec(SOURCE, vars(made))  # noqa: S102 - our own text
    monkeypatch.setitem(sys.modules, "copied", made)
    cloudpickle.register_pickle_by_value(made)
    yield made
    cloudpickle.unregister_pickle_by_value(made)


@pytest.fixture
def exporter() -> MemoryExporter:
    """Keep what was captured."""
    return MemoryExporter()


@pytest.fixture
def tracer(module: ModuleType, exporter: MemoryExporter) -> Iterator[Tracer]:
    """Give a tracer with probes in every function of the module."""
    with Tracer(exporter=exporter, max_overhead=None) as made:
        for target in ("**", "lam", "closure", "factory.<locals>.inner"):
            made.install(
                hogtrace.compile(
                    f"fn:copied.{target}:entry {{ $call.a = args; capture(args, locals); }}"
                    f"fn:copied.{target}:exit {{ capture(args, retval, exception, duration, $call.a); }}"
                )
            )
        assert {probe.state for probe in made.status().probes} == {"installed"}
        yield made


@pytest.mark.parametrize("name", USES)
def test_cloudpickle_copies_work_and_are_silent(
    name: str, module: ModuleType, tracer: Tracer, exporter: MemoryExporter
) -> None:
    """A copy by value gives what the function gives, and no probe fires in it."""
    use = USES[name]
    original = getattr(module, name)
    data = cloudpickle.dumps(original)
    expected = use(original)
    captured = tracer.status().captured
    assert captured > 0
    del sys.modules["copied"]
    copied = cloudpickle.loads(data)
    assert use(copied) == expected
    assert tracer.status().captured == captured
    again = cloudpickle.loads(cloudpickle.dumps(copied))
    assert use(again) == expected
    tracer.uninstall()
    assert use(copied) == expected
    assert use(original) == expected
    assert tracer.status().captured == captured
    sys.modules["copied"] = module


@pytest.mark.parametrize("name", ["plain", "closure", "lam", "Box"])
def test_cloudpickle_copies_work_elsewhere(name: str, module: ModuleType, tracer: Tracer, tmp_path: Path) -> None:
    """Another process, which has never heard of the probes, calls the copy."""
    assert tracer
    (tmp_path / "data").write_bytes(cloudpickle.dumps(getattr(module, name)))
    call = {"plain": "f(1)", "closure": "f(2)", "lam": "f(1)", "Box": "f(1).method(2)"}[name]
    result = subprocess.run(
        [
            sys.executable,
            "-c",
            f"import cloudpickle\nwith open('data', 'rb') as file: f = cloudpickle.load(file)\nprint({call})",
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    expected = {"plain": (1, 2, 3), "closure": (1, 2), "lam": 1, "Box": (1, 2)}[name]
    assert (result.stdout, result.stderr) == (f"{expected}\n", "")


def test_copies_by_name_are_the_same_objects(module: ModuleType, tracer: Tracer) -> None:
    """`pickle`, `copy` and `deepcopy` give the function itself; instances and bound methods are as ever."""
    assert tracer
    for name in ("plain", "factory", "numbers", "fetch", "fail", "Box"):
        value = getattr(module, name)
        assert pickle.loads(pickle.dumps(value)) is value  # noqa: S301 - our own bytes
        assert copy.copy(value) is copy.deepcopy(value) is value
    box = module.Box([1])
    for other in (pickle.loads(pickle.dumps(box)), copy.deepcopy(box)):  # noqa: S301 - our own bytes
        assert other.a == [1]
        assert other.method(2) == ([1], 2)
    method = pickle.loads(pickle.dumps(box.method))  # noqa: S301 - our own bytes
    assert method(3) == ([1], 3)
    assert copy.deepcopy({"f": module.plain, "partial": module.partial})["f"] is module.plain


def test_an_exception_of_a_probed_function_is_pickled(module: ModuleType, tracer: Tracer) -> None:
    """With what it was raised with, as `concurrent.futures` does it."""
    assert tracer
    with pytest.raises(KeyError) as caught:
        module.fail(1)
    again = pickle.loads(pickle.dumps(caught.value))  # noqa: S301 - our own bytes
    assert (type(again), again.args) == (KeyError, (1,))


PROCESSES = """
import multiprocessing, os, sys
import concurrent.futures
import hogtrace
from hogtrace import Tracer
from hogtrace.exporters import MemoryExporter

def work(number):
    if number == 3:
        raise KeyError(number)
    return number * 2, os.getpid()

class Box:
    def __init__(self, a):
        self.a = a
    def method(self, b):
        return self.a + b

if __name__ == "__main__":
    method = sys.argv[1]
    context = multiprocessing.get_context(method)
    exporter = MemoryExporter()
    with Tracer(exporter=exporter, max_overhead=None, batch_delay=0.01) as tracer:
        tracer.install(hogtrace.compile(
            "fn:__main__.work:entry { $call.n = number; capture(number); }"
            "fn:__main__.work:exit { capture($call.n, retval); }"
            "fn:__main__.Box.**:exit { capture(args, retval); }"))
        original = work(1)
        with context.Pool(2) as pool:
            found = pool.map(work, [1, 2])
            assert [number for number, _ in found] == [2, 4]
            assert os.getpid() not in [pid for _, pid in found]
            assert pool.map(Box(1).method, [1, 2]) == [2, 3]
            try:
                pool.map(work, [3])
            except KeyError as error:
                assert error.args == (3,)
            else:
                raise AssertionError
        with concurrent.futures.ProcessPoolExecutor(2, mp_context=context) as pool:
            assert [number for number, _ in pool.map(work, [1, 2])] == [2, 4]
        process = context.Process(target=work, args=(1,))
        process.start()
        process.join()
        assert process.exitcode == 0
        assert tracer.flush(60)
        mine = [event for event in exporter.events if event.target.endswith("work")]
        assert len(mine) == 2 and tracer.status().captured == tracer.status().exported
    print("well")
"""


@pytest.mark.parametrize("method", ["spawn", "forkserver", "fork"])
def test_probed_functions_run_in_other_processes(method: str, tmp_path: Path) -> None:
    """Pools and processes of each kind take probed functions and bound methods, and give their results."""
    script = tmp_path / "program.py"
    script.write_text(PROCESSES)
    # Threads of the pools that were joined may be there yet when the next fork looks; ours have tests of their own.
    command = [sys.executable, "-W", "ignore:This process:DeprecationWarning", str(script), method]
    result: Any = subprocess.run(command, capture_output=True, text=True, timeout=100, check=False)
    assert (result.stdout, result.stderr) == ("well\n", "")
