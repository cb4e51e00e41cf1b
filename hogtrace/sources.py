"""Where programs come from: files, directories, glob patterns, and text that is written in the settings."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from hogtrace import _engine
from hogtrace._engine import Program
from hogtrace.errors import CompileError, ConfigError

__all__ = ["Source", "compile_file", "load_programs", "read_file", "read_source"]

SUFFIX = ".hogtrace"
"""What the names of probe files end in."""

DISCOVERED = f"probes{SUFFIX}"
"""The probe file that the setting AUTODISCOVER looks for in each application."""

_LARGEST = 1 << 20  # bytes; the language's own limit for one program


class Source(NamedTuple):
    """The text of one program."""

    name: str
    """What diagnostics and events call it: its path as it was named, or `<probes>` and the like."""
    text: str
    """The program."""


def compile_file(path: str | os.PathLike[str]) -> Program:
    """Compile the probe file at `path`.

    Raises `OSError` for a file that cannot be read, `ConfigError` for one that is not UTF-8 text, and
    `CompileError` for a program that does not compile.
    """
    source = read_file(path)
    return _engine.compile(source.text, name=source.name)


def load_programs(probes: Iterable[str], *, where: str = "PROBES") -> list[Program]:
    """Compile all that `probes` name, in that order; each entry is what `read_source` takes.

    A file that is named more than once counts once, where it is named first.

    Raises `ConfigError` for sources that cannot be read, all of them in one, and `CompileError` for programs
    that do not compile, with the diagnostics of all.
    """
    sources: list[Source] = []
    problems: list[str] = []
    for position, entry in enumerate(probes):
        try:
            sources += read_source(entry, where=f"{where}[{position}]")
        except ConfigError as error:
            problems += error.problems
    if problems:
        raise ConfigError(*problems)
    programs: list[Program] = []
    failures: list[CompileError] = []
    for source in _each_once(sources):
        try:
            programs.append(_engine.compile(source.text, name=source.name))
        except CompileError as failure:
            failures.append(failure)
    if len(failures) == 1:
        raise failures[0]
    if failures:
        raise CompileError("\n\n".join(map(str, failures)), [error for failure in failures for error in failure.errors])
    return programs


def read_source(entry: str, *, where: str = "PROBES") -> list[Source]:
    """Read what one entry of the setting PROBES names.

    That is the path of a file; a directory, of which every `*.hogtrace` file is read in order of their names;
    a glob pattern; or the text of a program, which is told from the others by its `{`. Raises `ConfigError`,
    which begins with `where`, for an entry that names nothing that can be read.
    """
    if "{" in entry:
        _check_text(entry, where)
        return [Source(f"<{where}>", entry)]
    if not entry.strip():
        raise ConfigError(f"{where} is empty; name a probe file, a directory or a pattern")
    if "\0" in entry:
        raise ConfigError(f"{where} holds a NUL character; name a probe file, a directory or a pattern")
    path = Path(entry).expanduser()
    if path.is_dir():
        return _read_all(sorted(path.glob(f"*{SUFFIX}")), f"{where}: the directory {entry}")
    if not path.exists() and glob.has_magic(entry):
        found = sorted(glob.glob(str(path), recursive=True))  # noqa: PTH207 - a pattern may be absolute
        files = [name for match in found if (name := Path(match)).is_file()]
        return _read_all(files, f"{where}: the pattern {entry}")
    return _read_all([path], where)


def read_file(path: str | os.PathLike[str]) -> Source:
    """Read a probe file. Raises `OSError` if that fails, and `ConfigError` for what is not UTF-8 text."""
    name = os.fspath(path)
    with Path(path).open("rb") as file:
        data = file.read(_LARGEST + 1)
    if len(data) > _LARGEST:
        raise ConfigError(f"{name} is larger than 1 MiB, the most that one program may have; split it")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ConfigError(f"{name} is not UTF-8: see line {line}, byte {error.start}; save it as UTF-8") from None
    _check_text(text, name)
    return Source(name, text)


def _read_all(paths: list[Path], where: str) -> list[Source]:
    if not paths:
        raise ConfigError(f"{where} has no probe file (*{SUFFIX}); put one there, or take the entry out")
    sources: list[Source] = []
    problems: list[str] = []
    for path in paths:
        try:
            sources.append(read_file(path))
        except FileNotFoundError:
            problems.append(f"{where}: there is no file {path}{_seen_from(path)}")
        except OSError as error:
            problems.append(f"{where}: cannot read {path}: {error.strerror}")
        except ConfigError as error:
            problems += (f"{where}: {problem}" for problem in error.problems)
    if problems:
        raise ConfigError(*problems)
    return sources


def _each_once(sources: list[Source]) -> Iterator[Source]:
    seen: set[str] = set()
    for source in sources:
        if not source.name.startswith("<"):
            place = os.path.realpath(source.name)
            if place in seen:
                continue
            seen.add(place)
        yield source


def _seen_from(path: Path) -> str:
    return "" if path.is_absolute() else f" in {Path.cwd()}"


def _check_text(text: str, where: str) -> None:
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise ConfigError(f"{where} holds a NUL character in line {line}; it is not a text file")
