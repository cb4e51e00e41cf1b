"""The `hogtrace` command."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import pty
import re
import struct
import subprocess
import sys
import termios
import time
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

import hogtrace
from hogtrace import errors
from hogtrace.cli import main
from hogtrace.cli.commands import hogtrace as command
from hogtrace.exporters import SQLiteExporter
from hogtrace.types import ProbeStatus, Report, Status
from tests.hogtrace.exporters.samples import make_event, without_clock

ROOT = Path(__file__).resolve().parents[2]
GOOD = "fn:app.f:entry { capture(a=arg0); }\nfn:app.f:exit { }\n"
BAD = "fn:app.f:entry { capture(a=); }\n"


def call(*arguments: object) -> Result:
    """Run the command."""
    return CliRunner().invoke(command, [str(argument) for argument in arguments])


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """Give a file with the events of two requests, and one of none."""
    path = tmp_path / "events.sqlite"
    exporter = SQLiteExporter(path)
    exporter.export(
        [
            make_event(0, request_id="aaa111", request={"method": "GET", "path": "/a"}, values={"user": "ann"}),
            make_event(1, request_id="bbb222", request={"method": "GET", "path": "/b"}, values={"user": "bob"}),
            make_event(
                5,
                request_id="aaa111",
                request={"method": "GET", "path": "/a"},
                function="shop.pay",
                point="exit",
                values={},
            ),
            make_event(9, values={}),
        ]
    )
    exporter.close()
    return path


def test_check_says_what_compiles(tmp_path: Path) -> None:
    """Code 0, and how many probes there are."""
    path = tmp_path / "good.hogtrace"
    path.write_text(GOOD)
    result = call("check", path)
    assert (result.exit_code, result.output) == (0, f"{path}: 2 probes, no errors\n")


def test_check_shows_everything_that_is_wrong_with_every_file(tmp_path: Path) -> None:
    """Code 1, the source line with what is underlined, and the files that are sound as well."""
    good, bad, odd = (tmp_path / f"{name}.hogtrace" for name in ("good", "bad", "odd"))
    good.write_text(GOOD)
    bad.write_text(BAD)
    odd.write_bytes(b"\xff")
    result = call("check", bad, good, odd, tmp_path / "none.hogtrace")
    assert result.exit_code == 1
    assert "capture(a=);" in result.stderr
    assert "HT" in result.stderr
    assert str(bad) in result.stderr
    assert f"{odd} is not UTF-8" in result.stderr
    assert f"{tmp_path / 'none.hogtrace'}: there is no such file" in result.stderr
    assert "good.hogtrace: 2 probes, no errors" in result.stdout


def test_disasm_shows_the_bytecode_with_the_source(tmp_path: Path) -> None:
    """What `Program.disassemble` gives with the source: its lines between the instructions."""
    path = tmp_path / "good.hogtrace"
    path.write_text(GOOD)
    output = call("disasm", path).output
    assert output == hogtrace.compile_file(path).disassemble(GOOD).rstrip("\n") + "\n"
    assert "1 | fn:app.f:entry { capture(a=arg0); }" in output
    assert "1 | fn" not in hogtrace.compile_file(path).disassemble()
    path.write_text(BAD)
    assert call("disasm", path).exit_code == 1


CANONICAL = "fn:app.f:entry { capture(a=arg0); }\n"
CROOKED = "fn:app.f:entry{send(a=arg0,)  ;}"


def test_fmt_changes_what_is_not_canonical_and_nothing_else(tmp_path: Path) -> None:
    """A file of another form is written anew, with its mode; one in canonical form is not touched."""
    good, crooked = tmp_path / "good.hogtrace", tmp_path / "crooked.hogtrace"
    good.write_text(CANONICAL)
    crooked.write_text(CROOKED)
    crooked.chmod(0o640)
    untouched = good.stat()
    result = call("fmt", good, crooked)
    assert (result.exit_code, result.stdout, result.stderr) == (0, "", f"{crooked}: changed\n")
    assert crooked.read_text() == CANONICAL
    assert crooked.stat().st_mode & 0o777 == 0o640
    assert (good.stat().st_ino, good.stat().st_mtime_ns) == (untouched.st_ino, untouched.st_mtime_ns)
    assert sorted(tmp_path.iterdir()) == [crooked, good]
    assert call("fmt", good, crooked).output == ""


def test_fmt_follows_a_link_and_makes_one_kind_of_line(tmp_path: Path) -> None:
    """The file that a link leads to is changed, and the link stays; Windows' lines and a BOM go."""
    real, link = tmp_path / "real.hogtrace", tmp_path / "link.hogtrace"
    real.write_bytes(b"\xef\xbb\xbf" + CANONICAL.replace("\n", "\r\n").encode())
    link.symlink_to(real)
    assert call("fmt", link).exit_code == 0
    assert link.is_symlink()
    assert real.read_bytes() == CANONICAL.encode()


def test_fmt_check_and_diff_change_nothing(tmp_path: Path) -> None:
    """`--check` ends with 1 where a file would change; `--diff` shows how."""
    path = tmp_path / "crooked.hogtrace"
    path.write_text(CROOKED)
    checked = call("fmt", "--check", path)
    assert (checked.exit_code, checked.stdout, checked.stderr) == (1, "", f"{path}: would change\n")
    shown = call("fmt", "--diff", path)
    assert shown.exit_code == 0
    assert shown.stdout.splitlines() == [
        f"--- {path}",
        f"+++ {path} (formatted)",
        "@@ -1 +1 @@",
        f"-{CROOKED}",
        "\\ No newline at end of file",
        f"+{CANONICAL.rstrip()}",
    ]
    assert path.read_text() == CROOKED
    path.write_text(CANONICAL)
    assert call("fmt", "--check", "--diff", path).exit_code == 0


def test_fmt_reports_errors_and_leaves_such_files_alone(tmp_path: Path) -> None:
    """Code 2, and the other files are formatted all the same."""
    bad, odd, crooked = (tmp_path / f"{name}.hogtrace" for name in ("bad", "odd", "crooked"))
    bad.write_text(BAD)
    odd.write_bytes(b"\xff")
    crooked.write_text(CROOKED)
    result = call("fmt", bad, odd, crooked, tmp_path / "none.hogtrace")
    assert result.exit_code == 2
    assert "error[HT010]" in result.stderr
    assert f"{odd} is not UTF-8" in result.stderr
    assert f"{tmp_path / 'none.hogtrace'}: there is no such file" in result.stderr
    assert (bad.read_text(), crooked.read_text()) == (BAD, CANONICAL)


def test_fmt_reads_standard_input(tmp_path: Path) -> None:
    """`-` is standard input, and the canonical text goes to standard output; with errors nothing does."""
    runner = CliRunner()
    done = runner.invoke(command, ["fmt", "-"], input=CROOKED)
    assert (done.exit_code, done.stdout, done.stderr) == (0, CANONICAL, "")
    checked = runner.invoke(command, ["fmt", "--check", "-"], input=CROOKED)
    assert (checked.exit_code, checked.stdout, checked.stderr) == (1, "", "<stdin>: would change\n")
    failed = runner.invoke(command, ["fmt", "-"], input=BAD)
    assert (failed.exit_code, failed.stdout) == (2, "")
    assert "<stdin>:1:" in failed.stderr


def test_fmt_leaves_the_file_where_writing_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A full disk costs nothing: the old content stays, and no temporary file does."""
    path = tmp_path / "crooked.hogtrace"
    path.write_text(CROOKED)

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    result = call("fmt", path)
    assert (result.exit_code, result.stderr) == (2, f"{path}: No space left on device\n")
    assert path.read_text() == CROOKED
    assert list(tmp_path.iterdir()) == [path]


def test_explain_prints_the_page_of_a_code() -> None:
    """In letters of either case; an unknown code ends with 1; without a code all are listed."""
    page = (ROOT / "docs" / "errors" / "HT030.md").read_text(encoding="utf-8")
    assert call("explain", "HT030").output == call("explain", "ht030").output == page
    unknown = call("explain", "HT999")
    assert (unknown.exit_code, unknown.stdout) == (1, "")
    assert "HT999" in unknown.stderr
    listed = call("explain").output.splitlines()
    assert listed == [f"{code}  {title}" for code, title in errors.CODES.items()]


def test_show_tells_requests_one_after_the_other(store: Path) -> None:
    """Each with its method, its path, how long it took and its events in order."""
    result = call("show", store)
    assert result.exit_code == 0
    assert without_clock(result.output) == (
        "TT:TT:TT.TTT  GET /a  aaa111\n"
        "├─ +0.0 ms  entry  shop.orders.place\n"
        '│                  user  "ann"\n'
        "└─ +5.0 ms   exit  shop.pay\n\n"
        "TT:TT:TT.TTT  GET /b  bbb222\n"
        "└─ +0.0 ms  entry  shop.orders.place\n"
        '                   user  "bob"\n\n'
        "TT:TT:TT.TTT  entry  shop.orders.place\n\n"
        "4 events of 2 requests\n"
    )
    lines = without_clock(call("show", store, "--layout", "line").output).splitlines()
    assert lines[1:3] == ['  +0.0 ms  entry  shop.orders.place  user="ann"', "  +5.0 ms   exit  shop.pay"]
    assert lines[-1] == "4 events of 2 requests"


def test_show_takes_only_what_is_asked_for(store: Path) -> None:
    """By request, by probe, and the newest so many, with a word on what is left out."""
    assert call("show", store, "--request", "bbb").output.endswith("\n1 event of 1 request\n")
    assert "shop.orders.place" not in call("show", store, "--probe", "pay").output
    limited = call("show", store, "--limit", "2").output
    assert limited.endswith("2 events of 1 request; there are older ones: --limit 20\n")
    assert call("show", store, "--request", "zzz").output == "Nothing was captured that fits.\n"


def test_show_says_what_is_wrong_with_the_file(tmp_path: Path) -> None:
    """No traceback for a slip of the keyboard."""
    result = call("show", tmp_path / "none.sqlite")
    assert result.exit_code == 1
    assert result.stderr == f"{tmp_path / 'none.sqlite'}: there is no such file\n"


def test_status_tells_what_processes_said_last(tmp_path: Path) -> None:
    """Of another process, in words and as JSON; each alone if asked for; those that have ended, too."""
    path = tmp_path / "events.sqlite"
    exporter = SQLiteExporter(path)
    assert call("status", path).output.startswith("no process has said anything yet")
    probe = ProbeStatus(program="p", probe="q", target="m.f", point="exit", state="refused", reason="it is a class")
    for number in (1, 2):
        exporter.report(
            Report(
                status=Status(probes=(probe,), captured=number, exported=number),
                id=str(number),
                process=number,
                host="elsewhere",
                started=1.0,
                time=time.time(),
                ended=number == 2,
            )
        )
    exporter.close()
    output = call("status", path).output
    assert "refused in 1 of 1" in output
    assert "q: note: it is a class" in output
    assert "1 more has ended (--all)" in output
    told = call("status", "-v", path).output
    assert re.search(r"\nprocess 1 on elsewhere: not to be seen from here, said \d+ s ago\n", told)
    assert "3 captured" in call("status", "--all", path).output
    values = json.loads(call("status", path, "--json").output)
    assert [one["process"] for one in values["processes"]] == [1]


def test_status_keeps_within_the_terminal(tmp_path: Path) -> None:
    """On a narrow one its lines are folded by words; nothing is left out."""
    path = tmp_path / "events.sqlite"
    exporter = SQLiteExporter(path)
    probe = ProbeStatus(program="p.hogtrace", probe="q", target="m.f", point="exit", state="refused", reason="no " * 30)
    status = Status(probes=(probe,))
    exporter.report(Report(status=status, id="1", process=1, host="elsewhere", started=1.0, time=time.time()))
    exporter.close()
    ours, theirs = pty.openpty()
    # Rows and columns.
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 50, 0, 0))
    environment = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "LINES")}
    with subprocess.Popen(
        [sys.executable, "-m", "hogtrace", "status", path], stdout=theirs, env=environment
    ) as process:
        os.close(theirs)
        shown = b""
        with contextlib.suppress(OSError):  # so the system says that nobody writes any more
            while data := os.read(ours, 65536):
                shown += data
    os.close(ours)
    assert process.returncode == 0
    lines = shown.decode().splitlines()
    assert max(map(len, lines)) <= 50
    assert any(line.endswith("m.f:exit  p.hogtrace") for line in lines)
    assert shown.count(b"no ") + shown.count(b"no\r") >= 30


def test_status_says_what_is_wrong_with_the_file(tmp_path: Path) -> None:
    """Code 1, and one line."""
    result = call("status", tmp_path / "absent")
    assert (result.exit_code, result.output) == (1, f"{tmp_path / 'absent'}: there is no such file\n")
    (tmp_path / "events.jsonl").write_text("{}\n")
    result = call("status", tmp_path / "events.jsonl")
    assert result.exit_code == 1
    assert "what processes do is kept in SQLite files, where EXPORTER is 'sqlite'" in result.output


def test_version_names_the_parts() -> None:
    """What a bug report needs."""
    output = call("version").output
    assert output.startswith(f"hogtrace {hogtrace.__version__} (bytecode ")
    assert ".".join(map(str, sys.version_info[:3])) in output
    assert call("--version").output == output


def test_help_tells_each_command_in_a_whole_sentence() -> None:
    """Nothing is cut off in a terminal of the usual width."""
    output = call("--help").output
    assert "  tail     Show events as they come.\n" in output
    assert "..." not in output.partition("Commands:")[2]


def test_without_click_the_command_says_how_to_get_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A friendly line and code 1, not a traceback."""
    monkeypatch.setitem(sys.modules, "click", None)
    with pytest.raises(SystemExit) as caught:
        main()
    assert caught.value.code == 1
    assert 'pip install "hogtrace[cli]"' in capsys.readouterr().err


def test_the_command_is_installed(store: Path) -> None:
    """As users start it."""
    shown = subprocess.run(
        [sys.executable, "-c", "from hogtrace.cli import main; main()", "show", store, "--request", "aaa"],
        capture_output=True,
        text=True,
        check=True,
        timeout=100,
    )
    assert "2 events of 1 request" in shown.stdout
