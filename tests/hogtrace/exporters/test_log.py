"""Events as records of logging."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator

import pytest

import hogtrace
from hogtrace import ConfigError, Tracer
from hogtrace.exporters import LoggingExporter
from tests.hogtrace.exporters.samples import START, make_event


class Kept(logging.Handler):
    """A handler that keeps its records."""

    def __init__(self) -> None:
        super().__init__()
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep it."""
        self.records.append(record)


@pytest.fixture
def kept() -> Iterator[Kept]:
    """Give a handler of the logger that events go to."""
    handler, logger = Kept(), logging.getLogger("tests.events")
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    yield handler
    logger.removeHandler(handler)
    logger.setLevel(logging.NOTSET)


def test_an_event_is_a_record(kept: Kept) -> None:
    """The message is for people, the attribute `hogtrace` for machines, the time that of the capture."""
    event = make_event(
        1,
        function="shop.Orders.place",
        request_id="0123456789abcdef",
        request={"method": "GET", "path": "/a"},
        values={"user": "ann\nbob", "items": [1, None], "odd": None},
        errors=[{"field": "odd", "kind": "attribute", "message": "no", "line": 3, "column": 1}],
    )
    LoggingExporter("tests.events", "warning").export([event, make_event(2)])
    first, second = kept.records
    assert first.getMessage() == (
        'entry shop.Orders.place GET /a [01234567] user="ann\\nbob" items=[1, None] ✗ odd: no (line 3)'
    )
    assert second.getMessage() == "entry shop.orders.place number=2"
    assert (first.levelno, first.name) == (logging.WARNING, "tests.events")
    assert first.hogtrace == event.to_dict()  # type: ignore[attr-defined]  # that is what `extra` does
    json.dumps(first.hogtrace["request"])  # type: ignore[attr-defined]  # the same
    assert first.created == event.timestamp == START + 0.001
    assert logging.Formatter("%(asctime)s %(message)s").format(first)


def test_percent_signs_are_text(kept: Kept) -> None:
    """Nothing that was captured is taken for a format."""
    LoggingExporter("tests.events").export([make_event(values={"rate": "100 %s %d"})])
    assert kept.records[0].getMessage() == 'entry shop.orders.place rate="100 %s %d"'


def test_below_the_level_nothing_is_made(kept: Kept) -> None:
    """A logger that is not enabled gets no records."""
    LoggingExporter("tests.events", logging.DEBUG).export([make_event()])
    assert kept.records == []


def test_a_level_that_there_is_not() -> None:
    """It is an error at the start that names those that there are."""
    with pytest.raises(ConfigError, match=r"there is no level 'loud'; there are .*WARNING"):
        LoggingExporter(level="loud")


def test_probes_on_logging_itself_do_not_feed_themselves(kept: Kept) -> None:
    """An event about logging is logged; that is not an event again."""
    with Tracer(exporter={"BACKEND": "logging", "OPTIONS": {"logger": "tests.events"}}, max_overhead=None) as tracer:
        tracer.install(hogtrace.compile("fn:logging.Logger.handle:entry { capture(name=self.name); }"))
        logging.getLogger("tests.other").warning("once")
        assert tracer.flush(60)
        assert tracer.status().captured == 1
    assert [record.getMessage() for record in kept.records] == ['entry logging.Logger.handle name="tests.other"']
