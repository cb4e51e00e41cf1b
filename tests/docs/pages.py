"""The Markdown of the documentation, taken apart: fenced blocks, links, headings and tables.

A block's info string says what it is: the language, then marks. What the marks mean stands in
`test_examples.py`. Indented code has no info string; where it holds a probe, it counts as a program.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
"""The repository."""

_FENCE = re.compile(r"(?P<indent> *)```(?P<info>.*)")
_PROBE = re.compile(r"^fn:", re.MULTILINE)
_HEADING = re.compile(r"#{1,6} +(?P<text>.*?) *#*")
_LINK = re.compile(r"(?<!!)\[[^\]]*\]\((?P<to>[^)\s]+)\)")
_CODE = re.compile(r"`([^`]+)`")


@dataclass(frozen=True)
class Block:
    """One fenced block: where it stands, what its info string says, and its text."""

    page: Path
    line: int
    language: str
    marks: tuple[str, ...]
    text: str

    @property
    def place(self) -> str:
        """Its page and line, as in a compiler's message."""
        return f"{self.page.relative_to(ROOT)}:{self.line}"

    @property
    def file(self) -> str | None:
        """The file that the reader is told to save it as, if any."""
        names = [mark.removeprefix("file=") for mark in self.marks if mark.startswith("file=")]
        return names[0] if names else None


def pages() -> list[Path]:
    """Give the pages whose examples are run: the front page and those of `docs/` itself."""
    return [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def all_pages() -> list[Path]:
    """Give every page that may hold links, down to the pages of the error codes."""
    own = [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")]
    return [*own, *sorted((ROOT / "docs").rglob("*.md"))]


def blocks(page: Path) -> list[Block]:
    """Give the fenced blocks of a page, in order. Raises `ValueError` for a fence that is not closed."""
    return [part for part in _parts(page) if isinstance(part, Block)]


def prose(page: Path) -> str:
    """Give the text of a page without its fenced blocks."""
    return "\n".join(part for part in _parts(page) if isinstance(part, str))


def code_spans(page: Path) -> list[str]:
    """Give what stands in backticks in the prose of a page."""
    return _CODE.findall(prose(page))


def links(page: Path) -> list[str]:
    """Give what the links of a page point to, as written."""
    return [match["to"] for match in _LINK.finditer(prose(page))]


def anchors(page: Path) -> set[str]:
    """Give the anchors of a page's headings, as GitHub makes them."""
    found: set[str] = set()
    for line in prose(page).splitlines():
        match = _HEADING.fullmatch(line)
        if match:
            plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", match["text"]).lower()
            slug = re.sub(r"[^\w\- ]", "", plain).replace(" ", "-")
            count = sum(1 for known in found if re.fullmatch(rf"{re.escape(slug)}(-\d+)?", known))
            found.add(f"{slug}-{count}" if count else slug)
    return found


def table_rows(page: Path, heading: str) -> list[list[str]]:
    """Give the rows, cell by cell, of the first table under a heading, without its head."""
    lines = prose(page).splitlines()
    headings = [line.lstrip("# ") if line.startswith("#") else None for line in lines]
    if heading not in headings:
        raise LookupError(f"{page.name} has no heading {heading!r}")
    start = headings.index(heading)
    rows: list[list[str]] = []
    for line in lines[start + 1 :]:
        if line.startswith("|"):
            rows.append([cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]])
        elif rows or line.startswith("#"):
            break
    return rows[2:]


def _parts(page: Path) -> Iterator[Block | str]:
    lines = page.read_text(encoding="utf-8").splitlines()
    index = 0
    while index < len(lines):
        fence = _FENCE.fullmatch(lines[index])
        if lines[index].startswith("    ") and not (index and lines[index - 1].strip()):
            start = index
            while index < len(lines) and (lines[index].startswith("    ") or not lines[index].strip()):
                index += 1
            text = textwrap.dedent("\n".join(lines[start:index])).strip() + "\n"
            yield Block(page, start + 1, "hogtrace" if _PROBE.search(text) else "", (), text)
            continue
        if fence is None:
            yield lines[index]
            index += 1
            continue
        start = index
        while True:
            index += 1
            if index == len(lines):
                raise ValueError(f"{page.name}:{start + 1}: the fence is not closed")
            if lines[index].strip() == "```":
                break
        language, *marks = fence["info"].split() or [""]
        text = textwrap.dedent("\n".join(lines[start + 1 : index]) + "\n")
        yield Block(page, start + 1, language, tuple(marks), text)
        index += 1
