"""Which file is watched; what is printed of it is in the tests of `hogtrace tail` and of `manage.py hogtrace tail`."""

from __future__ import annotations

from pathlib import Path

import pytest

from hogtrace import ConfigError
from hogtrace.exporter_setting import ExporterSetting
from hogtrace.exporters import JSONLinesExporter, MemoryExporter, SQLiteExporter
from hogtrace.following import status_file, watched_file


class Own(SQLiteExporter):
    """An exporter of one's own that writes such a file."""

    def __init__(self, path: str = "own.sqlite") -> None:
        super().__init__(path)


def test_the_file_of_an_exporter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As a name, a path of a class with options, or an object; neither exporter nor file is made."""
    monkeypatch.chdir(tmp_path)
    assert watched_file(None) == tmp_path / "hogtrace.sqlite"
    assert watched_file(ExporterSetting.read("sqlite")) == tmp_path / "hogtrace.sqlite"
    assert watched_file(ExporterSetting.read(f"{__name__}.Own")) == tmp_path / "own.sqlite"
    options = {"BACKEND": "jsonl", "OPTIONS": {"path": "some/events"}}
    assert watched_file(ExporterSetting.read(options)) == tmp_path / "some" / "events"
    assert list(tmp_path.iterdir()) == []
    given = JSONLinesExporter(tmp_path / "given")
    assert watched_file(ExporterSetting.read(given)) == tmp_path / "given"
    given.close()


@pytest.mark.parametrize(
    "setting",
    [
        MemoryExporter(),
        "console",
        "hogtrace.exporters.Nothing",
        {"BACKEND": "jsonl"},
        {"BACKEND": "sqlite", "OPTIONS": {"x": 1}},
    ],
    ids=str,
)
def test_others_have_no_such_file(setting: object) -> None:
    """The message says what it is about."""
    for wanted in (watched_file, status_file):
        with pytest.raises(ConfigError, match="EXPORTER"):
            wanted(ExporterSetting.read(setting))


def test_the_file_with_the_status_of_processes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """SQLite keeps it; a file of JSON lines can be followed, and does not."""
    monkeypatch.chdir(tmp_path)
    assert status_file(None) == tmp_path / "hogtrace.sqlite"
    assert status_file(ExporterSetting.read(f"{__name__}.Own")) == tmp_path / "own.sqlite"
    with pytest.raises(ConfigError, match="JSONLinesExporter, which keeps no status of the processes"):
        status_file(ExporterSetting.read({"BACKEND": "jsonl", "OPTIONS": {"path": "events"}}))


def test_of_several_exporters_the_first_that_writes_such_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Which one that is depends on what is looked for."""
    monkeypatch.chdir(tmp_path)
    lines = {"BACKEND": "jsonl", "OPTIONS": {"path": "events"}}
    several = ExporterSetting.read(["console", lines, "sqlite"])
    assert watched_file(several) == tmp_path / "events"
    assert status_file(several) == tmp_path / "hogtrace.sqlite"
    with pytest.raises(ConfigError, match="JSONLinesExporter, which keeps no status"):
        status_file(ExporterSetting.read(["console", lines]))
