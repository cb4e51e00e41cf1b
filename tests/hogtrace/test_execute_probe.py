"""`execute_probe` and `ProbeExecutor`: one run over a frame in hand."""

import math
import sys
import types
from typing import Any

import pytest

from hogtrace import ProbeExecutor, Program, RequestLocalStore, compile, execute_probe


def frame() -> types.FrameType:
    """Give a frame with parameters and locals of several kinds."""

    def called(a: int, b: str = "two", *rest: object, flag: bool = True, **more: object) -> types.FrameType:
        total = a + len(rest)  # noqa: F841 - read by probes
        return sys._getframe()

    return called(1, "zwei", 3.0, flag=False, extra="yes")


def captured(expression: str, **options: Any) -> Any:
    """Give the value of an expression at the exit of `frame`."""
    program = compile(f"fn:m.f:exit {{ capture(value={expression}); }}")
    result = execute_probe(program, program.probes[0], frame(), RequestLocalStore(), **options)
    assert result is not None
    return result["value"]


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("arg0", 1),
        ("arg1", "zwei"),
        ("arg2", 3.0),
        ("args", (1, "zwei", 3.0)),
        ("kwargs", {"flag": False, "extra": "yes"}),
        ("a", 1),
        ("total", 2),
        ("rest", (3.0,)),
        ('more["extra"]', "yes"),
        ('locals["b"]', "zwei"),
        ('globals["__name__"]', __name__),
        ("math.pi", math.pi),
        ("duration", None),
        ("exception", None),
        ("args[1:]", ("zwei", 3.0)),
        ("args[-1]", 3.0),
        ("$req.never_set", None),
        ("$request.never_set", None),
        ("$call.never_set", None),
    ],
)
def test_names(expression: str, value: object) -> None:
    """Every name of the language has the frame's current value."""
    assert captured(expression) == value


def test_return_value_and_exception_are_those_handed_in() -> None:
    """`retval` and `exception` are the arguments of the call."""
    assert captured("retval", retval=[1]) == [1]
    assert captured("exception.args[0]", exception=ValueError("no")) == "no"


@pytest.mark.parametrize("predicate", ["1", '"yes"', "None", "arg0", "missing_name", "arg0.nothing > 1", "1 / 0 == 1"])
def test_only_true_passes(predicate: str) -> None:
    """A predicate that gives anything but `True`, or fails, does not fire."""
    program = compile(f"fn:m.f:entry / {predicate} / {{ capture(a); }}")
    assert execute_probe(program, program.probes[0], frame(), RequestLocalStore()) is None


def test_first_capture_is_the_result() -> None:
    """Of several captures the first is given; none gives `None`, an empty one an empty dictionary."""
    store = RequestLocalStore()
    two = compile("fn:m.f:entry { capture(x=1); capture(x=2); }")
    assert execute_probe(two, two.probes[0], frame(), store) == {"x": 1}
    none = compile("fn:m.f:entry { $req.x = 3; }")
    assert execute_probe(none, none.probes[0], frame(), store) is None
    empty = compile("fn:m.f:entry { capture(); }")
    assert execute_probe(empty, empty.probes[0], frame(), store) == {}


def test_positional_fields_are_named_by_their_text() -> None:
    """A field without a name is called as it is written."""
    program = compile('fn:m.f:entry { send(arg0, $req.user_id, more["extra"], last=b); }')
    result = execute_probe(program, program.probes[0], frame(), RequestLocalStore())
    assert result == {"arg0": 1, "$req.user_id": None, 'more["extra"]': "yes", "last": "zwei"}


def test_a_field_that_fails_is_none_and_the_others_are_kept() -> None:
    """One failing expression spoils its own field alone."""
    program = compile("fn:m.f:entry { capture(bad=arg0.nothing, good=arg0); }")
    result = execute_probe(program, program.probes[0], frame(), RequestLocalStore())
    assert result == {"bad": None, "good": 1}


def test_both_spellings_name_one_variable() -> None:
    """`$req.x` and `$request.x` are the same."""
    program = compile("fn:m.f:entry { $request.x = arg0; capture(x=$req.x); }")
    store = RequestLocalStore()
    assert execute_probe(program, program.probes[0], frame(), store) == {"x": 1}
    assert store["x"] == 1


def test_a_variable_holds_the_object_itself() -> None:
    """`$req` keeps the value, not a copy."""
    program = compile("fn:m.f:exit { $req.x = retval; }")
    store, value = RequestLocalStore(), object()
    execute_probe(program, program.probes[0], frame(), store, retval=value)
    assert store["x"] is value


def test_results_keep_python_types() -> None:
    """Tuples, sets, bytes, big integers and infinities come back as what they are."""
    value = {"t": (1,), "s": {1, 2}, "b": b"x", "i": 1 << 70, "f": math.inf}
    assert captured("retval", retval=value) == value


def test_redaction_is_asked_for() -> None:
    """Without `redact=True` the caller in this process sees everything; with it secrets are hidden."""
    program = compile("fn:m.f:exit { capture(password=retval); }")
    given = (program, program.probes[0], frame(), RequestLocalStore())
    assert execute_probe(*given, retval="s3cret") == {"password": "s3cret"}
    assert execute_probe(*given, retval="s3cret", redact=True) == {"password": "[redacted]"}


class WithProperty:
    """A class whose property counts how often it runs."""

    runs = 0

    @property
    def name(self) -> str:
        """Count, and give a name."""
        type(self).runs += 1
        return "computed"


def test_safe_access_does_not_run_a_property_and_python_access_does() -> None:
    """In mode `safe` a property is refused; `access="python"` reads it."""
    thing, before = WithProperty(), WithProperty.runs
    assert captured("retval.name", retval=thing) is None
    assert WithProperty.runs == before
    assert captured("retval.name", retval=thing, access="python") == "computed"
    assert WithProperty.runs == before + 1


def test_unknown_access_mode_is_an_error() -> None:
    """A mode that does not exist is named in the error."""
    with pytest.raises(ValueError, match="'safe' or 'python'"):
        captured("retval", access="wild")


def test_a_probe_of_another_program_is_refused() -> None:
    """A probe runs with its own program only."""
    one, other = compile("fn:m.f:entry { }"), compile("fn:m.f:entry { }")
    with pytest.raises(ValueError, match="not one of this program's"):
        execute_probe(one, other.probes[0], frame(), RequestLocalStore())


def test_executor_runs_over_many_frames() -> None:
    """A `ProbeExecutor` is bound to its store and runs as often as it is asked."""
    program = compile("fn:m.f:exit / retval > 1 / { $req.last = retval; capture(retval); }")
    store = RequestLocalStore()
    executor = ProbeExecutor(program, program.probes[0], store)
    assert [executor.execute(frame(), number) for number in (1, 2, 3)] == [None, {"retval": 2}, {"retval": 3}]
    assert store["last"] == 3


def test_a_probe_at_a_line_runs_over_the_frame_as_it_is() -> None:
    """`entry+N` names its point everywhere; over a frame in hand it is run like any other."""
    program = compile("fn:m.f:entry+3 / total == 2 / { capture(total, a); } fn:m.f:entry+3 { sample 100%; }")
    probe, second = program.probes
    assert (probe.id, second.id) == ("m.f:entry+3", "m.f:entry+3#2")
    assert (probe.spec.point, probe.spec.target, probe.spec.specifier) == ("entry+3", "entry+3", "m.f")
    assert repr(probe.spec) == "<hogtrace.ProbeSpec fn:m.f:entry+3>"
    store = RequestLocalStore()
    assert execute_probe(program, probe, frame(), store) == {"total": 2, "a": 1}
    assert ProbeExecutor(program, probe, store).execute(frame()) == {"total": 2, "a": 1}
    again = Program.from_bytes(program.to_bytes())
    assert [found.spec.point for found in again.probes] == ["entry+3", "entry+3"]
    assert "sample 1.0" in again.disassemble()


def test_executor_tells_the_errors_of_its_last_run() -> None:
    """`errors` has what had no value, in the form of an event's errors; a run without errors empties it."""
    program = compile(
        "fn:m.f:exit {\n $req.x = retval / 2;\n capture(half=retval / 2, whole=1);\n $req.y = retval[0];\n}"
    )
    executor = ProbeExecutor(program, program.probes[0], RequestLocalStore())
    assert executor.errors == []
    assert executor.execute(frame(), None) == {"half": None, "whole": 1}
    told = [(error["field"], error["kind"], error["line"]) for error in executor.errors]
    assert told == [(None, "type", 2), ("half", "type", 3), (None, "type", 4)]
    assert "NoneType" in executor.errors[0]["message"]
    executor.execute(frame(), 4)
    assert [error["line"] for error in executor.errors] == [4]


def test_executor_takes_the_settings_of_a_run() -> None:
    """`redact` and `access` mean what they mean for `execute_probe`."""
    program = compile("fn:m.f:exit { capture(password=retval.name); }")
    given = (program, program.probes[0], RequestLocalStore())
    assert ProbeExecutor(*given).execute(frame(), WithProperty()) == {"password": None}
    assert ProbeExecutor(*given, access="python").execute(frame(), WithProperty()) == {"password": "computed"}
    hiding = ProbeExecutor(*given, access="python", redact=True)
    assert hiding.execute(frame(), WithProperty()) == {"password": "[redacted]"}
