"""Events as records of the standard library's logging."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from hogtrace import display
from hogtrace._engine import CaptureEvent
from hogtrace.errors import ConfigError
from hogtrace.exporters.checks import is_whole

__all__ = ["LoggingExporter"]


class LoggingExporter:
    """Logs each event as one record of the logger `logger`, at `level` (a number or a name).

    The message is one line of text: point, function, request and values, secrets hidden as everywhere. For handlers
    that format for machines the record has the attribute `hogtrace`, the event as `CaptureEvent.to_dict()` gives it,
    and `created` is the time of the capture.

    Raises `ConfigError` for a level that logging does not know, and a `logger` that is no name.
    """

    # A child that is forked in the midst of a record would find the file of the handler locked for ever.
    fork_timeout = 1.0

    def __init__(self, logger: str = "hogtrace.events", level: int | str = logging.INFO) -> None:
        if not isinstance(logger, str):
            raise ConfigError("LoggingExporter: `logger` must be the name of a logger")
        names = logging.getLevelNamesMapping()
        number = level if is_whole(level) else names.get(level.upper()) if isinstance(level, str) else None
        if number is None:
            raise ConfigError(f"LoggingExporter: there is no level {level!r}; there are {', '.join(names)}")
        self._logger = logging.getLogger(logger)
        self._level = number

    def __repr__(self) -> str:
        return f"<hogtrace.LoggingExporter to {self._logger.name!r}>"

    def export(self, events: Sequence[CaptureEvent]) -> None:
        """Log `events`. Raises what the logger's handlers raise."""
        if not self._logger.isEnabledFor(self._level):
            return
        for event in events:
            record = self._logger.makeRecord(
                self._logger.name,
                self._level,
                event.function,
                0,
                "%s",
                (display.line_text(event),),
                None,
                event.point,
                {"hogtrace": event.to_dict()},
            )
            record.created = event.timestamp
            record.msecs = event.timestamp % 1 * 1000
            self._logger.handle(record)

    def close(self) -> None:
        """Do nothing: loggers and handlers belong to the application."""
