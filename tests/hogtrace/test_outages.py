"""What HogTrace says in the log, from threads of its own, while the process forks."""

from __future__ import annotations

import os

import pytest

from tests.hogtrace.pipelines import run

# A file of logging that is slow for as long as the process forks: whoever writes holds the lock of its buffer.
SLOW_FILE = """
import io, logging
forking, entered = threading.Event(), threading.Event()
os.register_at_fork(before=forking.set)
_state.TELL_TIMEOUT = 60

class Slow(io.RawIOBase):
    def writable(self):
        return True

    def write(self, data):
        if threading.current_thread() is not threading.main_thread():
            entered.set()
            forking.wait(60)
            time.sleep(0.3)
        return len(data)

logging.basicConfig(stream=io.TextIOWrapper(io.BufferedWriter(Slow()), write_through=True))
"""

THEN = """
put(pipeline, [1])
assert entered.wait(60)
child = os.fork()
if not child:
    logging.getLogger("application").warning("it goes on")
    os._exit(0)
deadline = time.monotonic() + 30
while os.waitpid(child, os.WNOHANG) == (0, 0):
    if time.monotonic() > deadline:
        os.kill(child, 9)
        sys.exit("the child waits for a lock that nobody will let go")
    time.sleep(0.01)
assert pipeline.stop(60)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the system cannot fork")
def test_a_fork_waits_for_a_warning() -> None:
    """The child can write to the log: no thread was in the midst of that, which would have locked its file for ever."""
    run(
        SLOW_FILE + "_state.FORK_TIMEOUT = 0.05\n"
        "class Broken(MemoryExporter):\n"
        "    def export(self, events): raise OSError('no')\n"
        "pipeline = Pipeline(Broken(), batch_delay=0.01)\n" + THEN,
        options=(),
    )


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the system cannot fork")
def test_a_fork_waits_for_events_that_are_logged() -> None:
    """The same while it is an event that is written."""
    run(
        "from hogtrace.exporters import LoggingExporter\n" + SLOW_FILE + "_state.FORK_TIMEOUT = 0.05\n"
        "LoggingExporter.fork_timeout *= 60\n"
        "pipeline = Pipeline(LoggingExporter(level='ERROR'), batch_delay=0.01)\n" + THEN,
        options=(),
    )
