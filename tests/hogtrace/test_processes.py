"""Whether a process still runs, told from its number and from what the system says of its beginning."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from hogtrace.processes import birth_of, host_name, is_running


@pytest.fixture
def sleeper() -> Iterator[subprocess.Popen[bytes]]:
    """Give a process that does nothing."""
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"]) as process:
        yield process
        process.kill()


def runs(process: int, birth: str | None) -> bool | None:
    """Ask for a process of this host."""
    return is_running(process, host=host_name(), birth=birth)


def test_a_process_runs_until_it_is_killed(sleeper: subprocess.Popen[bytes]) -> None:
    """Also when its parent has not taken note of that yet."""
    birth = birth_of(sleeper.pid)
    assert birth is not None
    assert runs(sleeper.pid, birth) is True
    sleeper.send_signal(signal.SIGKILL)
    # It is not waited for: it stays in the system's table.
    os.waitid(os.P_PID, sleeper.pid, os.WEXITED | os.WNOWAIT)
    assert runs(sleeper.pid, birth) is False
    sleeper.wait()
    assert birth_of(sleeper.pid) is None
    assert runs(sleeper.pid, birth) is False


def test_another_process_of_the_same_number_is_another(sleeper: subprocess.Popen[bytes]) -> None:
    """Its beginning tells them apart."""
    birth = birth_of(sleeper.pid)
    assert birth is not None
    before, _, ticks = birth.rpartition(" ")
    assert runs(sleeper.pid, f"{before} {int(ticks) - 1}") is False


def test_what_runs_elsewhere_is_not_known() -> None:
    """Another host, or a container or machine of the same name; also if the number exists here."""
    own = os.getpid()
    birth = birth_of(own)
    assert birth is not None
    assert runs(own, birth) is True
    assert is_running(own, host="elsewhere", birth=birth) is None
    assert is_running(own, host=None, birth=birth) is None
    boot, namespace, ticks = birth.split(" ")
    assert runs(own, f"{boot} pid:[1] {ticks}") is None
    assert runs(own, f"0-0 {namespace} {ticks}") is None


def test_without_a_beginning_only_what_does_not_exist_is_known(sleeper: subprocess.Popen[bytes]) -> None:
    """A number alone may have been given again."""
    assert runs(sleeper.pid, None) is None
    sleeper.kill()
    sleeper.wait()
    assert runs(sleeper.pid, None) is False
    assert runs(2**40, None) is None


def test_a_name_with_brackets_and_spaces_confuses_nothing() -> None:
    """The system puts the name of the process before what is read."""
    code = "from pathlib import Path; Path('/proc/self/comm').write_text('a ) Z (b'); input()"
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE) as process:
        birth = birth_of(process.pid)
        while "a ) Z (b" not in (text := Path(f"/proc/{process.pid}/stat").read_text()):
            assert process.poll() is None
        assert birth is not None
        assert text.split(")")[-1].split()[19] == birth.split()[-1]
        assert runs(process.pid, birth) is True
        process.communicate(b"\n")
