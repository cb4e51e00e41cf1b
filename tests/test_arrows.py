"""The arrows of the architecture: which room of `hogtrace` may import which."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "hogtrace"


def imported(tree: ast.AST) -> Iterator[str]:
    """Give the full names of what is imported from `hogtrace` as the program runs, not for type checkers alone."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            continue
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "hogtrace":
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        yield from imported(node)


def rooms() -> dict[str, set[str]]:
    """Give each room, a module or a package below `hogtrace`, with those that it imports, also within a function."""
    names = {path.stem for path in PACKAGE.iterdir() if path.suffix == ".py" or (path / "__init__.py").is_file()}
    names -= {"__init__", "__main__"}
    found: dict[str, set[str]] = {name: set() for name in names}
    for path in PACKAGE.rglob("*.py"):
        room = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
        if room in names:
            found[room] |= {name.split(".")[1] for name in imported(ast.parse(path.read_text()))} & (names - {room})
    return found


def documented() -> dict[str, int]:
    """Give the rooms that docs/architecture.md names along its arrows, each with its place from the left."""
    text = (ROOT / "docs" / "architecture.md").read_text()
    match = re.search(r"^- In Python: (.+?)\.$", text, re.DOTALL | re.MULTILINE)
    assert match is not None
    groups = [re.findall(r"`(\w+)`", group) for group in match[1].split("←")]
    return {name: place for place, group in enumerate(groups) for name in group}


def test_no_rooms_import_each_other_in_a_circle() -> None:
    """There is an order in which each of them could be read before those that need it."""
    found = rooms()
    assert {"events", "pipeline", "tracer"} < found.keys()
    assert set(TopologicalSorter(found).static_order()) == found.keys()


def test_rooms_import_what_the_architecture_says() -> None:
    """Of those along the documented arrows each imports only what stands further left."""
    found, place = rooms(), documented()
    assert place.keys() <= found.keys()
    assert len(place) > 20
    wrong = [
        f"{room} imports {other}"
        for room in place
        for other in found[room] & place.keys()
        if place[other] >= place[room]
    ]
    assert wrong == []


@pytest.mark.parametrize("package", ["hogtrace_django", "hogtrace_flask", "hogtrace_asgi"])
def test_framework_packages_do_not_know_each_other(package: str) -> None:
    """And `hogtrace` knows none of them."""
    others = {"hogtrace_django", "hogtrace_flask", "hogtrace_asgi"} - {package}
    forbidden = re.compile(rf"^\s*(from|import) ({'|'.join(others)})\b", re.MULTILINE)
    for path in (ROOT / package).rglob("*.py"):
        assert not forbidden.search(path.read_text()), path
    for path in PACKAGE.rglob("*.py"):
        assert not re.search(rf"^\s*(from|import) {package}\b", path.read_text(), re.MULTILINE), path
