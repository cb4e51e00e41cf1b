"""The canonical form of programs, from Python; its laws are tested in the language's core."""

from __future__ import annotations

from pathlib import Path

import pytest

import hogtrace

ROOT = Path(__file__).resolve().parents[2]
PROBE_FILES = sorted([*ROOT.glob("examples/*/*.hogtrace"), *ROOT.glob("tests/hogtrace_*/*.hogtrace")])


def test_comments_stay_and_the_form_is_canonical() -> None:
    """The text that comes back means the same and is its own canonical form."""
    source = "# why\nfn:app.f:exit/retval&&arg0>1/ # then\n{send(retval , \n total = 'x')}"
    with pytest.raises(hogtrace.CompileError):
        hogtrace.format(source)
    text = hogtrace.format(source.replace(")}", ");}"))
    assert text == ('# why\nfn:app.f:exit / retval and arg0 > 1 / {  # then\n    capture(retval, total="x");\n}\n')
    assert hogtrace.format(text) == text


def test_a_program_with_errors_has_no_canonical_form() -> None:
    """All its errors are raised, under the name that was given."""
    with pytest.raises(hogtrace.CompileError) as caught:
        hogtrace.format("fn:app.f:entry { capture(retval) }", name="my.hogtrace")
    assert [error.code for error in caught.value.errors] == ["HT033", "HT017"]
    assert "my.hogtrace:1:" in str(caught.value)


@pytest.mark.parametrize("path", PROBE_FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_the_projects_own_probe_files_are_canonical(path: Path) -> None:
    """What the project shows is what `hogtrace fmt` would make of it."""
    source = path.read_text(encoding="utf-8")
    assert hogtrace.format(source, name=str(path)) == source
