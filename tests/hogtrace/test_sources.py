"""Where programs come from."""

from __future__ import annotations

from pathlib import Path

import pytest

from hogtrace import CompileError, ConfigError
from hogtrace.sources import compile_file, load_programs, read_file, read_source

PROBE = "fn:app.f:entry { capture(a=1); }\n"


def write(path: Path, content: str | bytes = PROBE) -> Path:
    """Make a file, and the directories on the way to it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def test_a_file_is_read_under_its_name(tmp_path: Path) -> None:
    """The program is called what the settings call it, so that diagnostics lead there."""
    path = write(tmp_path / "a.hogtrace")
    assert read_source(str(path)) == [(str(path), PROBE)]
    assert compile_file(path).name == str(path)


def test_a_directory_gives_its_probe_files_in_order(tmp_path: Path) -> None:
    """Sorted by name, other files and directories below left out."""
    for name in ("b.hogtrace", "a.hogtrace", "notes.txt", "deeper/c.hogtrace"):
        write(tmp_path / name)
    assert [Path(source.name).name for source in read_source(str(tmp_path))] == ["a.hogtrace", "b.hogtrace"]


def test_a_pattern_gives_what_it_matches_in_order(tmp_path: Path) -> None:
    """`*` and `**` as in a shell."""
    for name in ("x/b.hogtrace", "x/a.hogtrace", "y/z/c.hogtrace"):
        write(tmp_path / name)
    found = [Path(source.name).name for source in read_source(f"{tmp_path}/**/*.hogtrace")]
    assert found == ["a.hogtrace", "b.hogtrace", "c.hogtrace"]


def test_a_file_whose_name_looks_like_a_pattern_is_that_file(tmp_path: Path) -> None:
    """A name that is there is never taken for a pattern."""
    path = write(tmp_path / "[a].hogtrace")
    assert [source.name for source in read_source(str(path))] == [str(path)]


def test_text_with_a_brace_is_a_program() -> None:
    """Small programs may stand in the settings themselves; they are named after their place."""
    (source,) = read_source(PROBE, where="PROBES[0]")
    assert source == ("<PROBES[0]>", PROBE)


def test_a_home_directory_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`~` is what it is in a shell."""
    monkeypatch.setenv("HOME", str(tmp_path))
    write(tmp_path / "a.hogtrace")
    assert len(read_source("~/a.hogtrace")) == 1


def test_a_byte_order_mark_is_no_part_of_the_program(tmp_path: Path) -> None:
    """Editors that write one do no harm."""
    assert read_file(write(tmp_path / "a.hogtrace", b"\xef\xbb\xbf" + PROBE.encode())).text == PROBE


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"# one\n# \xff\n", "is not UTF-8: see line 2, byte 8"),
        ("# one\n".encode("utf-16"), "is not UTF-8"),
        (b"# one\n\x00", "holds a NUL character in line 2"),
        (b"#" * (1 << 20) + b"\n", "is larger than 1 MiB"),
    ],
)
def test_what_is_no_text_is_refused_with_the_place(tmp_path: Path, content: bytes, problem: str) -> None:
    """A file in another encoding, with NULs, or too large is named together with what is wrong."""
    path = write(tmp_path / "a.hogtrace", content)
    with pytest.raises(ConfigError, match=problem) as caught:
        read_source(str(path), where="PROBES[3]")
    assert "PROBES[3]" in str(caught.value)
    assert str(path) in str(caught.value)


def test_every_missing_file_is_named_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A relative path is shown with the directory that it was looked for in."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError) as caught:
        load_programs(["no.hogtrace", "/nor/this.hogtrace"])
    assert caught.value.problems == (
        f"PROBES[0]: there is no file no.hogtrace in {tmp_path}",
        "PROBES[1]: there is no file /nor/this.hogtrace",
    )


@pytest.mark.parametrize("entry", ["", "  ", "a\0b"])
def test_an_entry_that_names_nothing_is_refused(entry: str) -> None:
    """An empty name is a slip, not the current directory."""
    with pytest.raises(ConfigError, match="PROBES"):
        read_source(entry)


def test_a_directory_or_pattern_without_probe_files_is_refused(tmp_path: Path) -> None:
    """A setting that has no effect would be a silent default."""
    with pytest.raises(ConfigError, match="has no probe file"):
        read_source(str(tmp_path))
    with pytest.raises(ConfigError, match="the pattern"):
        read_source(f"{tmp_path}/*.hogtrace")


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    """Whatever the system says is passed on."""
    loop = tmp_path / "loop.hogtrace"
    loop.symlink_to(loop)
    with pytest.raises(ConfigError, match=r"cannot read .*loop\.hogtrace"):
        read_source(str(loop))
    with pytest.raises(OSError, match=r"loop\.hogtrace"):
        compile_file(loop)


def test_programs_come_in_the_order_of_the_settings(tmp_path: Path) -> None:
    """Probes on one point run in order of installation, so the order matters."""
    paths = [str(write(tmp_path / name)) for name in ("b.hogtrace", "a.hogtrace")]
    assert [program.name for program in load_programs([*paths, PROBE])] == [*paths, "<PROBES[2]>"]


def test_all_programs_that_do_not_compile_are_reported_together(tmp_path: Path) -> None:
    """One start shows all there is to mend, with the names of the files."""
    paths = [str(write(tmp_path / name, "fn:app.f:entry { capture(a=); }\n")) for name in ("a.hogtrace", "b.hogtrace")]
    with pytest.raises(CompileError) as caught:
        load_programs(paths)
    assert len(caught.value.errors) == 2
    assert all(path in str(caught.value) for path in paths)


def test_a_half_written_file_is_a_compile_error(tmp_path: Path) -> None:
    """A file that is read while it is written gives a diagnostic, nothing worse."""
    for length in range(1, len(PROBE) - 3):
        path = write(tmp_path / "a.hogtrace", PROBE[:length])
        with pytest.raises(CompileError):
            load_programs([str(path)])
