"""Names are looked up in the application's own dicts, whose keys may be its own objects too."""

import sys
from collections.abc import Iterator
from types import FunctionType, ModuleType, SimpleNamespace
from typing import Any

import pytest

import hogtrace
from hogtrace import RequestLocalStore, compile, execute_probe
from hogtrace.exporters import MemoryExporter
from tests.hogtrace.access.samples import refused
from tests.hogtrace.evaluation import Outcome, evaluate
from tests.hogtrace.hostile import Key, TextKey, touches


@pytest.fixture
def module() -> Iterator[Any]:
    """Give an importable module that no other test has."""
    made = ModuleType("module_of_odd_names")
    sys.modules[made.__name__] = made
    yield made
    del sys.modules[made.__name__]


def woven(module: Any, source: str, call: Any) -> Outcome:
    """Probe a function `f` of the module, call it, and give the one field that was captured; nothing may be touched."""
    exporter = MemoryExporter()
    with hogtrace.Tracer(exporter=exporter, max_overhead=None) as tracer:
        tracer.install(compile(source))
        touches.clear()
        call(module.f)
        assert touches == []
        assert tracer.flush(60)
    (event,) = exporter.events
    for error in event.errors:
        return Outcome(event.values["value"], error["kind"], error["message"])
    return Outcome(event.values["value"], None, None)


def in_frame(expression: str, frame: Any) -> Any:
    """Give what `execute_probe` finds in a frame; nothing may be touched."""
    program = compile(f"fn:m.f:entry {{ capture(value={expression}); }}")
    touches.clear()
    found = execute_probe(program, program.probes[0], frame, RequestLocalStore())
    assert touches == []
    assert found is not None
    return found["value"]


def function(module: Any, source: str) -> FunctionType:
    """Define `f` in the module."""
    exec(source, vars(module))  # noqa: S102 - our own text
    found: FunctionType = module.f
    return found


@pytest.mark.parametrize("key", [Key("name"), TextKey("name")], ids=["object", "string"])
def test_globals(module: Any, key: Any) -> None:
    """A global's name is not compared with such keys."""
    function(module, "def f(): pass")
    vars(module)[key] = 1
    source = "fn:module_of_odd_names.f:entry { capture(value=name); }"
    assert woven(module, source, lambda f: f()).kind == "name"
    source = 'fn:module_of_odd_names.f:entry { capture(value=globals["name"]); }'
    assert woven(module, source, lambda f: f()).kind == "refused"
    vars(module)["name"] = 2


def test_globals_of_a_frame(module: Any) -> None:
    """Nor are they by `execute_probe`."""
    function(module, "import sys\ndef f():\n    local = 1\n    return sys._getframe()")
    frame = module.f()
    vars(module)[Key("name")] = 1
    assert in_frame("name", frame) is None


def test_locals_of_a_frame() -> None:
    """What somebody put into a frame's locals is no local that a probe sees by comparing it."""
    name = "name"
    frame = sys._getframe()
    frame.f_locals[Key("other")] = 1  # type: ignore[index]
    assert in_frame("name", frame) == name
    assert in_frame("other", frame) is None
    assert in_frame("locals", frame)["name"] == name


def test_namespace_of_a_class_body() -> None:
    """A namespace that a metaclass prepared is not asked, whatever it is called."""
    asked = []

    class FrameLocalsProxy(dict[str, Any]):
        def __getitem__(self, key: str) -> Any:
            asked.append(key)
            return super().__getitem__(key)

        def __delitem__(self, key: str) -> None:
            asked.append(key)
            super().__delitem__(key)

    class Meta(type):
        @classmethod
        def __prepare__(cls, *_: Any) -> Any:
            return FrameLocalsProxy()

    class Body(metaclass=Meta):
        frame = sys._getframe()
        asked.clear()
        found = (in_frame("other", frame), in_frame("locals", frame), in_frame("arg0", frame))
        seen = {*asked} & {"other", "__class__"}

        def method(self) -> type:
            """Have the compiler make a cell for the class."""
            return __class__  # type: ignore[name-defined, no-any-return]

    assert vars(Body)["seen"] == set()
    assert vars(Body)["found"] == (None, None, None)


def test_keyword_arguments(module: Any) -> None:
    """Keys that the function has put into its own `**kwargs` are not compared with its parameters' names."""
    function(module, "def f(*, name=1, **rest):\n    rest[key] = 2\n    clear()")
    module.clear = touches.clear
    module.key = Key("name")
    source = "fn:module_of_odd_names.f:exit { capture(value=kwargs); }"
    assert woven(module, source, lambda f: f(name=3)).kind == "refused"
    module.key = "other"
    assert woven(module, source, lambda f: f(name=3)).value == {"name": 3, "other": 2}


def test_keyword_arguments_of_a_frame() -> None:
    """The same in a frame."""

    def f(*, name: int = 1, **rest: Any) -> Any:
        rest[Key("name")] = 2  # type: ignore[index]
        return in_frame("kwargs", sys._getframe())

    assert f() is None


def test_modules() -> None:
    """Reading or capturing a module does not compare such keys."""
    odd = ModuleType("odd")
    del vars(odd)["__name__"]
    vars(odd).update({Key("__name__"): 1, Key("name"): 1})  # type: ignore[dict-item]
    touches.clear()
    why = "what tells it is not stored as its class stores it"
    assert evaluate("o", o=odd).value == {"$type": "module", "$unread": why}
    refused(evaluate("o.name", o=odd), "not all names")
    assert touches == []


@pytest.mark.parametrize("key", [Key("name"), TextKey("name")], ids=["object", "string"])
def test_instances(key: Any) -> None:
    """An instance whose dict is another one, with such keys, or of a subclass of dict, is read by what is stored."""

    class Table(dict[Any, Any]):
        def __getitem__(self, key: Any) -> Any:
            touches.append("__getitem__")

        __contains__ = get = keys = items = __iter__ = __len__ = __getitem__  # type: ignore[assignment]

    o = SimpleNamespace()
    plain = type("Plain", (), {})()
    plain.__dict__ = Table(name=1, other=2)
    touches.clear()
    assert evaluate("o.name", o=plain).value == 1
    assert evaluate("o", o=plain).value == {"$type": f"{__name__}.Plain", "name": 1, "other": 2}
    assert touches == []
    plain.__dict__[key] = 3
    vars(o)[key] = 3
    for subject in (plain, o):
        touches.clear()
        evaluate("o.name", o=subject)
        evaluate("o.missing", o=subject)
        evaluate("o", o=subject)
        assert touches == []


def test_keys_that_are_equal_only_by_their_own_word() -> None:
    """A key is found by what it is, not by what it says of itself."""
    table = {Key("a"): 1, "b": 2}
    touches.clear()
    assert evaluate('d["b"]', d=table).value == 2
    refused(evaluate('d["a"]', d=table), "Key.__eq__")
    refused(evaluate('"a" in d', d=table), "Key.__eq__")
    assert touches == []
    texts = {TextKey("a"): 1}
    touches.clear()
    refused(evaluate('d["a"]', d=texts), "TextKey.__eq__")
    refused(evaluate("d[k]", d={"a": 1}, k=TextKey("a")), "TextKey.__hash__")
    assert touches == []
