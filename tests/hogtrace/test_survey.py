"""What would become of probes, before anything is installed for good."""

from __future__ import annotations

import sys
import textwrap

import pytest

from hogtrace import CompileError, ConfigError, Settings
from hogtrace.survey import Surveyed, report, survey


def surveyed(*targets: str, **settings: object) -> list[Surveyed]:
    """Survey probes at the entry of `targets`."""
    program = "\n".join(f"fn:{target}:entry {{ }}" for target in targets)
    return list(survey(Settings.load({"PROBES": [program], **settings}, environ={})))


@pytest.mark.parametrize(
    ("target", "verdict"),
    [
        ("textwrap.dedent", "installed"),
        ("textwrap.*", "installed"),
        ("textwrap.dedentt", "missing"),
        ("textwrap.dede*x", "missing"),
        ("textwrap.TextWrapper.wrapp", "missing"),
        ("textwrap.TextWrapper", "refused"),
        ("no_such_module.f", "missing"),
        ("no_such_package.*.f", "missing"),
        # These are there, and nothing imports them.
        ("wsgiref.no_such_module.f", "missing"),
        ("xml.dom.expatbuilder.parse", "waiting"),
        ("xml.dom.expatbuilder.Namespaces.install", "waiting"),
        ("xml.dom.expatbuilder.*", "waiting"),
        ("xml.dom.expatbuilder.**", "waiting"),
    ],
)
def test_what_would_become_of_a_probe(target: str, verdict: str) -> None:
    """Modules that could be imported are told from those that could not, and none is imported for it."""
    assert "xml.dom.expatbuilder" not in sys.modules
    (found,) = surveyed(target)
    assert found.verdict == verdict, found.status.reason
    assert found.is_wrong == (verdict in ("missing", "refused"))
    assert "xml.dom.expatbuilder" not in sys.modules


def test_nothing_stays() -> None:
    """The functions have their own code again, and no exporter was made."""
    original = textwrap.dedent.__code__
    (found,) = surveyed("textwrap.dedent", EXPORTER={"BACKEND": "jsonl", "OPTIONS": {"path": "/no/such/directory/x"}})
    assert found.status.functions == ("textwrap.dedent",)
    assert textwrap.dedent.__code__ is original


def test_the_settings_hold() -> None:
    """A limit that the application has is one here, too."""
    (found,) = surveyed("textwrap.*", WILDCARD_LIMIT=1)
    assert found.verdict == "refused"
    assert "above the limit of 1" in str(found.status.reason)


def test_what_is_wrong_is_raised() -> None:
    """As it would be at the start."""
    with pytest.raises(CompileError):
        survey(Settings(probes=("fn:a.b:entry {",)))
    with pytest.raises(ConfigError, match="no/such"):
        survey(Settings(probes=("no/such.hogtrace",)))


def test_the_report() -> None:
    """A line for each probe, aligned, under its program; and the numbers."""
    program = "fn:textwrap.dedent:entry { capture(txt); } fn:textwrap.indent:exit { } fn:textwrap.x:exit { }"
    probes = survey(Settings(probes=(program, "fn:textwrap.fill:entry { }")))
    assert [tuple(line) for line in report(probes)] == [
        ("heading", "<PROBES[0]>"),
        ("warning", "  installed  textwrap.dedent:entry"),
        (
            "warning",
            "             warning: dedent has no variable 'txt', and its module has none either; did you mean 'text'?",
        ),
        ("good", "  installed  textwrap.indent:exit"),
        ("bad", "  missing    textwrap.x:exit        textwrap has no 'x'"),
        ("heading", "<PROBES[1]>"),
        ("good", "  installed  textwrap.fill:entry"),
        ("heading", "4 probes: 3 installed, 1 missing"),
    ]
    detailed = [line.text for line in report(probes, detailed=True) if line.kind == "detail"]
    assert detailed == [f"             in textwrap.{name}" for name in ("dedent", "indent", "fill")]
    assert [line.text for line in report(())] == ["PROBES names no probe"]
