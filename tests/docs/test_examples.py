"""What the documentation says works, works: its examples are run, its links and names are looked up.

A fenced block is checked by its language and its marks:

| block | check |
| --- | --- |
| `hogtrace` | it compiles, and is in canonical form |
| `hogtrace refused HT033` | it does not, with that code |
| `hogtrace crooked` | it compiles, and need not be in canonical form, as the others are |
| `hogtrace from=FILE`, `python from=FILE` | its probes, or its text, stand in that file of the repository |
| `python` | it is Python, and what it imports from HogTrace exists |
| `python run` | it runs, in a process and the page's directory, with the files that the page has named |
| any, `file=NAME` | it is saved in that directory |
| `console run` | its commands run there and print what stands below each |
| `text output` | the block before it printed this |
| `text values` | each line is an expression and what it gives, for `SAMPLE_ARGUMENTS` |
| `json event` | it is an event, and as JSON it is these very values |
| `sql` | SQLite runs it on a file that the exporter has made |

Printed times, other fractions and long hexadecimal ids are not compared; a line `…` stands for any lines.
"""

from __future__ import annotations

import ast
import dataclasses
import importlib
import inspect
import json
import os
import re
import shlex
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

import hogtrace
from hogtrace.exporters import MemoryExporter, SQLiteExporter
from tests.docs.pages import (
    ROOT,
    Block,
    all_pages,
    anchors,
    blocks,
    code_spans,
    links,
    pages,
    table_rows,
)

SETTINGS = {field.name.upper() for field in dataclasses.fields(hogtrace.Settings)}
INDEX = ROOT / "docs" / "index.md"
EVENTS = ROOT / "docs" / "events.md"


def every(language: str, *marks: str) -> list[Any]:
    """Give the blocks of a language that have all these marks, as parameters of a test."""
    found = [block for page in pages() for block in blocks(page)]
    return [
        pytest.param(block, id=block.place)
        for block in found
        if block.language == language and set(marks) <= set(block.marks)
    ]


def page_params(all_of_them: bool = False) -> list[Any]:
    """Give the pages as parameters of a test."""
    chosen = all_pages() if all_of_them else pages()
    return [pytest.param(page, id=str(page.relative_to(ROOT))) for page in chosen]


@pytest.mark.parametrize("block", every("hogtrace"))
def test_programs_compile_or_are_refused_as_told(block: Block) -> None:
    """Every program in the documentation compiles, unless its mark says with which code it is refused."""
    if "refused" not in block.marks:
        assert hogtrace.compile(block.text, name=block.place).probes
        return
    with pytest.raises(hogtrace.CompileError) as caught:
        hogtrace.compile(block.text, name=block.place)
    wanted = {mark for mark in block.marks if mark.startswith("HT")}
    assert {error.code for error in caught.value.errors} == wanted


@pytest.mark.parametrize("block", every("hogtrace"))
def test_programs_are_in_canonical_form(block: Block) -> None:
    """Every program in the documentation that compiles is as `hogtrace fmt` would write it."""
    if not {"refused", "crooked"} & set(block.marks):
        assert hogtrace.format(block.text, name=block.place) == block.text


@pytest.mark.parametrize("block", every("hogtrace") + every("python"))
def test_what_is_quoted_stands_in_its_file(block: Block) -> None:
    """A program or a piece of Python that a page takes from a file is still what the file says."""
    for mark in block.marks:
        if mark.startswith("from="):
            source = (ROOT / mark.removeprefix("from=")).read_text(encoding="utf-8")
            for probe in re.split(r"^(?=fn:)", block.text, flags=re.MULTILINE):
                assert probe.strip() in source


@pytest.mark.parametrize("block", every("python"))
def test_python_is_sound_and_its_names_exist(block: Block) -> None:
    """Every Python block parses; what it imports from HogTrace, and the settings that it gives, exist."""
    for node in ast.walk(ast.parse(block.text, block.place)):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("hogtrace"):
            module = importlib.import_module(node.module or "")
            for name in node.names:
                assert hasattr(module, name.name), f"{node.module} has no {name.name}"
        if isinstance(node, ast.Assign) and [ast.unparse(target) for target in node.targets] == ["HOGTRACE"]:
            assert isinstance(node.value, ast.Dict)
            keys = {ast.literal_eval(key) for key in node.value.keys if key is not None}
            assert keys <= SETTINGS
        if isinstance(node, ast.Call):
            unknown = {keyword.arg for keyword in node.keywords if keyword.arg} - keywords_of(node)
            assert not unknown, f"{ast.unparse(node.func)} takes no {', '.join(sorted(unknown))}"


def keywords_of(call: ast.Call) -> set[str | None]:
    """Give the keyword arguments that a call may have, if it is one of HogTrace's that takes settings."""
    name = ast.unparse(call.func).rpartition(".")[2]
    if name == "add_middleware" and ast.unparse(call.args[0]).endswith("HogTraceMiddleware"):
        name = "HogTraceMiddleware"
    settings: set[str | None] = {setting.lower() for setting in SETTINGS}
    if name == "Tracer":
        return set(inspect.signature(hogtrace.Tracer).parameters)
    if name == "HogTrace":
        return settings
    if name == "HogTraceMiddleware":
        return settings | {"settings", "framework", "trust"}
    return {keyword.arg for keyword in call.keywords}


@pytest.mark.timeout(600)  # many processes, one after the other
@pytest.mark.parametrize("page", page_params())
def test_runnable_blocks_print_what_is_told(page: Path, tmp_path: Path) -> None:
    """The page's scripts and commands, in order, end well and print what the page shows."""
    printed: str | None = None
    for block in blocks(page):
        if block.file is not None:
            (tmp_path / block.file).write_text(block.text, encoding="utf-8")
        if "output" in block.marks:
            assert printed is not None, f"{block.place}: nothing ran before this output"
            assert_printed(printed, block.text, block.place)
        elif block.language == "python" and "run" in block.marks:
            printed = run([sys.executable, "-c", block.text], tmp_path, block.place)
        elif block.language == "console" and "run" in block.marks:
            for command, expected in commands(block.text):
                assert_printed(run(command, tmp_path, block.place), expected, block.place)


def commands(text: str) -> Iterator[tuple[list[str], str]]:
    """Give the commands of a console block, as they are run here, each with what it should print."""
    programs = {
        "python": [sys.executable],
        "hogtrace": [sys.executable, "-c", "from hogtrace.cli import main; main()"],
    }
    for part in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
        line, _, expected = part.partition("\n")
        program, *arguments = shlex.split(line, comments=True)
        yield [*programs[program], *arguments], expected


def run(command: list[str], directory: Path, place: str) -> str:
    """Run a command in a directory, as a reader would; give all that it printed."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("HOGTRACE_", "PYTEST_"))}
    environ |= {"PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1", "NO_COLOR": "1"}
    done = subprocess.run(
        command,
        cwd=directory,
        env=environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, f"{place}: exit code {done.returncode}\n{done.stdout}"
    return done.stdout


def assert_printed(printed: str, expected: str, place: str) -> None:
    """Check what was printed against what a page shows."""
    pattern = "".join(
        r"(?:.*\n)*?" if line == "…" else re.escape(f"{line}\n") for line in steady(expected).splitlines()
    )
    assert re.fullmatch(pattern, steady(printed)), f"{place}: it printed\n{printed}"


def steady(text: str) -> str:
    """Give a text without what differs from run to run."""
    text = re.sub(r"\b\d+:\d+:\d+\.\d+|\b\d[\d,]*(\.\d+(e-?\d+)?|e-\d+)", "#", text)
    text = re.sub(r"(#|\b\d[\d,]*) (ms|s|min)\b", "# s", text)
    text = re.sub(r"\b[0-9a-f]{8}(?:[0-9a-f]{24})?\b", "#", text)
    lines = [re.sub(r" {2,}", "  ", line).rstrip() for line in text.strip("\n").splitlines()]
    return "".join(f"{line}\n" for line in lines)


def sample(*args: object) -> object:
    """Stand for a function that the expressions of the documentation are evaluated in."""
    return args


SAMPLE_ARGUMENTS = ("text", 7, [1, 2, 3], {"a": 1, "b": None}, float("nan"))


def values() -> list[Any]:
    """Give each line of each block of values: the expression, and what the page says it gives."""
    lines = [line for param in every("text", "values") for line in param.values[0].text.splitlines()]
    pairs = [[side.strip() for side in line.split(" → ")] for line in lines]
    return [pytest.param(expression, given, id=expression) for expression, given in pairs]


@pytest.mark.parametrize(("expression", "given"), values())
def test_expressions_give_what_is_told(expression: str, given: str) -> None:
    """Each expression has the value, or the error, that the page gives for it."""
    exporter = MemoryExporter()
    with hogtrace.Tracer(exporter=exporter, max_overhead=None) as tracer:
        tracer.install(hogtrace.compile(f"fn:{__name__}.sample:exit {{ capture(value={expression}); }}"))
        sample(*SAMPLE_ARGUMENTS)
        assert tracer.flush(60)
    (event,) = exporter.events
    if given.startswith("error:"):
        assert [error["message"] for error in event.errors] == [given.removeprefix("error:").strip()]
    else:
        assert not event.errors
        assert repr(event.values["value"]) == given


@pytest.mark.parametrize("block", every("json", "event"))
def test_events_as_json_are_as_told(block: Block) -> None:
    """An event that a page shows can be read, and is written as the page shows it."""
    shown = json.loads(block.text)
    assert hogtrace.CaptureEvent.from_json(block.text).to_dict() == shown
    assert list(json.loads(hogtrace.CaptureEvent.from_json(block.text).to_json())) == list(shown)


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a SQLite file with the events that the pages show."""
    path = tmp_path_factory.mktemp("docs") / "hogtrace.sqlite"
    exporter = SQLiteExporter(path)
    shown = [param.values[0].text for param in every("json", "event")]
    exporter.export([hogtrace.CaptureEvent.from_json(text) for text in shown])
    exporter.close()
    return path


@pytest.mark.parametrize("block", every("sql"))
def test_queries_run(block: Block, database: Path) -> None:
    """Every SQL statement of the documentation runs on what the exporter writes, and finds something."""
    with closing(sqlite3.connect(database)) as connection:
        for statement in filter(str.strip, block.text.split(";\n")):
            assert connection.execute(statement).fetchall(), statement


@pytest.mark.parametrize("name", ["events", "captures", "requests"])
def test_columns_are_those_of_the_file(name: str, database: Path) -> None:
    """The page lists the columns of each table and view of the SQLite file, in their order."""
    with closing(sqlite3.connect(database)) as connection:
        columns = [row[1] for row in connection.execute(f"PRAGMA table_xinfo({name})")]
    told = [span.strip("`") for row in table_rows(EVENTS, f"`{name}`") for span in row[0].split(", ")]
    assert told == columns


def test_event_fields_are_those_of_the_class() -> None:
    """The page of events lists every field of an event, as its JSON form has them."""
    event = hogtrace.CaptureEvent(timestamp=0.0, program="p", probe="m.f:entry", target="m.f", point="entry")
    assert [row[0].strip("`") for row in table_rows(EVENTS, "Fields")] == list(event.to_dict())


def test_settings_and_their_defaults_are_as_told() -> None:
    """The table of settings has every setting, in order, with its default."""
    rows = table_rows(INDEX, "All settings")
    defaults = {row[0].strip("`"): ast.literal_eval(row[1].strip("`")) for row in rows}
    fields = dataclasses.fields(hogtrace.Settings)
    assert list(defaults) == [field.name.upper() for field in fields]
    made = hogtrace.Settings()
    for name, default in defaults.items():
        value = getattr(made, name.lower())
        assert value == (tuple(default) if isinstance(default, list) else default), name


@pytest.mark.parametrize("page", page_params())
def test_settings_that_are_named_exist(page: Path) -> None:
    """Every `HOGTRACE_…` name on a page is a setting."""
    named = set(re.findall(r"\bHOGTRACE_([A-Z][A-Z_]*)\b", page.read_text(encoding="utf-8")))
    assert named <= SETTINGS


@pytest.mark.parametrize("page", page_params(all_of_them=True))
def test_links_resolve(page: Path) -> None:
    """Every link inside the repository leads to a file, and to a heading where it names one."""
    for link in links(page):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), f"{link}: there is no such file"
        if anchor:
            assert anchor in anchors(target), f"{link}: there is no such heading"


_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
_ROOMS = ("rust/", "hogtrace/", "hogtrace_", "tests/", "examples/", "benchmarks/", "docs/")


@pytest.mark.parametrize("page", page_params(all_of_them=True))
def test_files_and_tests_that_are_named_exist(page: Path) -> None:
    """What stands in backticks and reads as a path of the repository is there; so is a test that is named."""
    for span in code_spans(page):
        if "/" not in span or not span.startswith(_ROOMS) or re.search(r"[ *…<{]", span):
            continue
        path, _, test = span.partition("::")
        assert (ROOT / path).exists(), f"{span}: there is no such file"
        if test:
            tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
            names = [node.name for node in ast.walk(tree) if isinstance(node, _FUNCTIONS)]
            assert test in names, f"{span}: there is no such test"


@pytest.mark.parametrize("page", page_params(all_of_them=True))
def test_verbs_that_are_named_exist(page: Path) -> None:
    """Every `make` verb that a page names is one of the Makefile's."""
    code = "\n".join([*code_spans(page), *(block.text for block in blocks(page))])
    named = set(re.findall(r"^\s*make (?:[A-Z]+=\S+ )*([a-z][a-z-]*)", code, re.MULTILINE))
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    assert named <= set(targets)


def test_front_page_names_the_commands() -> None:
    """The README has the commands of a newcomer and those of a developer."""
    text = "\n".join(block.text for block in blocks(ROOT / "README.md"))
    for command in (
        "make demo",
        "make test",
        "pip install -e .",
        "maturin develop",
        "maturin develop --release",
        "cargo test",
        "pytest tests/",
        "pytest tests/test_request_store.py -v",
    ):
        assert re.search(rf"^\s*{re.escape(command)}(?:\s|$)", text, re.MULTILINE), command
