"""The errors that HogTrace raises."""

from __future__ import annotations

import pickle
import re
from pathlib import Path

import pytest

import hogtrace
from hogtrace import errors
from hogtrace._engine import ERROR_CODES
from hogtrace.errors import (
    CompileError,
    ConfigError,
    Diagnostic,
    HogTraceError,
    PartialExportError,
    ProgramError,
    RetryError,
    WeaveError,
)
from tests.hogtrace.exporters.samples import make_events

ERRORS = Path(__file__).resolve().parents[2] / "docs" / "errors"


def test_each_error_is_a_hogtrace_error_and_wrong_input_is_a_value_error() -> None:
    """Callers may catch all of them by one name, and wrong input as the `ValueError` that it is."""
    for kind in (CompileError, ConfigError, ProgramError, WeaveError):
        assert issubclass(kind, HogTraceError)
    for kind in (CompileError, ConfigError, ProgramError):
        assert issubclass(kind, ValueError)


def test_the_codes_are_the_compilers() -> None:
    """`CODES` has a title for every code that the engine knows, and no other."""
    assert dict(errors.CODES) == dict(ERROR_CODES)
    assert all(code.startswith("HT") and title for code, title in errors.CODES.items())


def test_the_pages_of_the_codes_are_those_of_the_documentation() -> None:
    """One list: the numbers and titles of `CODES`, of the pages' headings, and of the table in `docs/errors`."""
    pages = {path.stem: path.read_text(encoding="utf-8") for path in ERRORS.glob("HT*.md")}
    headings = {code: page.splitlines()[0] for code, page in pages.items()}
    assert headings == {code: f"# {code}: {title}" for code, title in errors.CODES.items()}
    table = re.findall(
        r"^\| \[(HT\d+)\]\(\1\.md\) \| (.*) \|$", (ERRORS / "README.md").read_text("utf-8"), re.MULTILINE
    )
    assert table == list(errors.CODES.items())


def test_explain_gives_the_page_of_a_code() -> None:
    """Word for word what stands in the documentation; another code is a `KeyError`."""
    for code in errors.CODES:
        assert errors.explain(code) == (ERRORS / f"{code}.md").read_text(encoding="utf-8")
    with pytest.raises(KeyError, match="HT999"):
        errors.explain("HT999")


def test_an_unknown_name_of_the_module_is_an_attribute_error() -> None:
    """Only `CODES` is made on demand."""
    with pytest.raises(AttributeError, match="no attribute 'CODEZ'"):
        errors.CODEZ  # noqa: B018


def test_a_program_that_does_not_compile_has_diagnostics_with_places() -> None:
    """Each finding of a failed compilation says where it is; the report shows the source line."""
    with pytest.raises(CompileError) as caught:
        hogtrace.compile("fn:app.f:entry { capture(a=nothing(1)); }", name="probe.hogtrace")
    (error,) = caught.value.errors
    assert isinstance(error, Diagnostic)
    assert error.code in errors.CODES
    assert (error.line, error.column, error.end_line) == (1, 28, 1)
    assert "nothing" in error.message
    assert "probe.hogtrace" in str(caught.value)
    assert "capture(a=nothing(1))" in str(caught.value)


@pytest.mark.parametrize(
    "error",
    [
        CompileError("report", [Diagnostic("HT001", "wrong", 1, 2, 3, 4, "do this")]),
        ConfigError("one", "two"),
        ProgramError("jumps nowhere", 7),
        WeaveError("no code"),
        RetryError("busy", 2.5, taken=make_events(1), lost=make_events(2)),
        PartialExportError("some", make_events(2), cause="unknown"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_errors_cross_processes(error: HogTraceError) -> None:
    """Pickling keeps the text and the attributes: process pools send errors that way."""
    copy = pickle.loads(pickle.dumps(error))  # noqa: S301
    assert type(copy) is type(error)
    assert str(copy) == str(error)
    assert vars(copy) == vars(error)


def test_a_config_error_gives_each_problem_a_line() -> None:
    """Whoever shows problems one by one finds them apart."""
    error = ConfigError("one is wrong", "two is wrong")
    assert error.problems == ("one is wrong", "two is wrong")
    assert str(error) == "one is wrong\ntwo is wrong"
