"""What keeps a busy machine out of tests: exporters with time enough, batches that are what they seem."""

from __future__ import annotations

from collections.abc import Sequence

from hogtrace import CaptureEvent
from hogtrace.pipeline import Pipeline
from tests.hogtrace.pipelines import put

__all__ = ["be_patient", "put_in_batches"]


def be_patient(*pipelines: Pipeline, seconds: float = 600.0) -> None:
    """Let a call of the exporter take so long from now on until it counts as hanging.

    For tests in which one call hangs, and the others are not to, however long the machine stands still in them.
    """
    for pipeline in pipelines:
        pipeline._delivery._watch._timeout = seconds


def put_in_batches(pipeline: Pipeline, events: Sequence[CaptureEvent], size: int) -> None:
    """Capture `events`, and have them exported in batches of exactly `size`, but for the last.

    The pipeline has to wait for all of them: its `batch_size` is their number, and its `batch_delay` long.
    """
    pipeline._delivery._batch_size = size
    put(pipeline, events)
