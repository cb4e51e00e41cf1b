"""Probes on every function of a package, through a real tracer, and what became of them at the end.

Nothing of HogTrace is imported before `Probing.start`: a bare run does not have it in the process.
"""

import json
import logging
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

PROGRAM = """
fn:{pattern}:entry {{ capture(args); }}
fn:{pattern}:exit {{ capture(retval, exception); }}
"""


class Journal:
    """Outcomes of tests, written to a file line by line, so that they are there if the process dies."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("w", encoding="utf-8", buffering=1)

    def note(self, test: str, outcome: str, details: str = "") -> None:
        """Note one outcome of a test; a test may have several, in their order."""
        self._write(test=test, outcome=outcome, details=details[-6000:])

    def end(self, **facts: object) -> None:
        """Note that the run has come to its end, with what is known of it. Nothing can be noted after it."""
        self._write(end=facts)
        self._file.close()

    def _write(self, **line: object) -> None:
        self._file.write(json.dumps(line) + "\n")


class _Discarding:
    """An exporter that counts events, makes the JSON of one in each batch, and keeps nothing."""

    def __init__(self) -> None:
        self.events = 0
        self.bytes = 0
        self.functions: set[str] = set()

    def export(self, events: Sequence[Any]) -> None:
        self.events += len(events)
        self.bytes += sum(event.size for event in events)
        self.functions.add(events[0].function)
        events[0].to_json()

    def close(self) -> None:
        pass


class _Complaints(logging.Handler):
    """Keeps what HogTrace logs."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.messages: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.messages.append(self.format(record))


class Probing:
    """Probes at the entry and the exit of every function that `patterns` select, now and at imports to come."""

    def __init__(self, patterns: Sequence[str]) -> None:
        self._patterns = patterns
        self._exporter = _Discarding()
        self._complaints = _Complaints()
        self._tracer: Any = None

    def start(self) -> None:
        """Install the probes; without a pattern do nothing."""
        if not self._patterns:
            return
        import hogtrace

        # The application's logging sees none of it, as if its own handlers stood there.
        logger = logging.getLogger("hogtrace")
        logger.addHandler(self._complaints)
        logger.propagate = False
        # How long copies take depends on what else the machine does; a run is to be judged by what is in them.
        self._tracer = hogtrace.Tracer(exporter=self._exporter, wildcard_limit=None, max_overhead=None, copy_time=1.0)
        for pattern in self._patterns:
            self._tracer.install(hogtrace.compile(PROGRAM.format(pattern=pattern), name=pattern))

    def finish(self) -> dict[str, object]:
        """Export what waits, say what was done, and take everything out."""
        if self._tracer is None:
            return {}
        flushed = self._tracer.flush(60)
        status = self._tracer.status()
        facts = {
            "probes": [asdict(probe) for probe in status.probes],
            "captured": status.captured,
            "exported": status.exported,
            "queued": status.queued,
            "dropped": dict(status.dropped),
            "flushed": flushed,
            "received": self._exporter.events,
            "bytes": self._exporter.bytes,
            "seen": len(self._exporter.functions),
        }
        self._tracer.stop()
        from hogtrace import _state

        return {**facts, "left": len(_state.woven), "complaints": self._complaints.messages}
