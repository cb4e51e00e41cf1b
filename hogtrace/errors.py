"""The errors that HogTrace raises, and the diagnostics of a program that does not compile.

Everything here is raised to whoever installs, configures or compiles; nothing of it is ever raised into the
application that is being watched.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    from hogtrace._engine import CaptureEvent

__all__ = [
    "CODES",
    "CompileError",
    "ConfigError",
    "Diagnostic",
    "ExportError",
    "HogTraceError",
    "PartialExportError",
    "ProgramError",
    "RetryError",
    "UnknownOutcomeError",
    "WeaveError",
    "explain",
]

CODES: Mapping[str, str]
"""Every code a diagnostic may carry (`HT…`) with its title, as the compiler defines them."""


class HogTraceError(Exception):
    """The base of every error that HogTrace raises on purpose."""


class Diagnostic(NamedTuple):
    """One thing that is wrong with a program, and where.

    Lines and columns count from 1; a column counts characters. The end is exclusive: the character at
    `end_line`, `end_column` is the first one after the span.
    """

    code: str
    """The code of the rule, `HT…`; `CODES` has its title."""
    message: str
    """What is wrong, in one sentence."""
    line: int
    """The line where it begins."""
    column: int
    """The column where it begins."""
    end_line: int
    """The line where it ends."""
    end_column: int
    """The column after its last character."""
    help: str | None = None
    """What would put it right, if the compiler has an idea."""


class CompileError(HogTraceError, ValueError):
    """A program that does not compile.

    `report` is the text for people, with the source lines and the spans underlined; it is what `str()` gives.
    `errors` holds all that was found, in source order; each is a `Diagnostic` or the tuple that makes one.
    """

    errors: list[Diagnostic]
    """All that was found wrong, in source order."""

    def __init__(self, report: str, errors: Sequence[Diagnostic | tuple[object, ...]] = ()) -> None:
        super().__init__(report)
        self.errors = [error if isinstance(error, Diagnostic) else Diagnostic._make(error) for error in errors]

    def __reduce__(self) -> tuple[type[CompileError], tuple[object, ...]]:
        return type(self), (str(self), self.errors)


class ConfigError(HogTraceError, ValueError):
    """A setting that cannot be followed, found at start.

    Takes one sentence or more, each of which says where, what is wrong, and what to do. `str()` gives one a
    line.
    """

    problems: tuple[str, ...]
    """The sentences, one for each setting that is wrong."""

    def __init__(self, *problems: str) -> None:
        super().__init__(*problems)
        self.problems = problems

    def __str__(self) -> str:
        return "\n".join(self.problems)


class ExportError(HogTraceError):
    """A batch that an exporter cannot deliver; whatever else an exporter raises counts the same."""


class UnknownOutcomeError(ExportError):
    """A batch that was sent, without an answer: it may have arrived, so it is not sent again.

    An exporter raises it to have the batch counted as dropped with the cause `unknown`.
    """


class PartialExportError(ExportError):
    """A batch of which a part was taken and a part was not, which is not sent again.

    `reason` is a sentence for the log. `lost` are the events that were not taken; where a server tells no more than
    their number, any so many of the batch. They count as dropped with `cause`, the others as exported.
    """

    lost: tuple[CaptureEvent, ...]
    """The events that were not taken."""
    cause: Literal["exporter_failed", "unknown"]
    """Why they count as dropped."""

    def __init__(
        self,
        reason: str,
        lost: Sequence[CaptureEvent],
        *,
        cause: Literal["exporter_failed", "unknown"] = "exporter_failed",
    ) -> None:
        super().__init__(reason)
        self.lost = tuple(lost)
        self.cause = cause

    def __reduce__(self) -> tuple[Callable[..., PartialExportError], tuple[object, ...]]:
        return partial(type(self), cause=self.cause), (str(self), self.lost)


class RetryError(ExportError):
    """What an exporter raises to be offered a batch again: it was not taken, and that may change.

    `reason` is a sentence for the log. `after` is in how many seconds, if the exporter knows (a server that answers 429
    or 503 may say so); otherwise the pause doubles from one attempt to the next. Where a batch was sent in parts,
    `taken` are the events that were taken already, and `lost` those that never will be: the former count as exported,
    the latter as dropped (`exporter_failed`), and the others alone are offered again.
    """

    after: float | None
    """In how many seconds; None if it is not known."""
    taken: tuple[CaptureEvent, ...]
    """The events that were taken."""
    lost: tuple[CaptureEvent, ...]
    """The events that are not wanted."""

    def __init__(
        self,
        reason: str,
        after: float | None = None,
        *,
        taken: Sequence[CaptureEvent] = (),
        lost: Sequence[CaptureEvent] = (),
    ) -> None:
        super().__init__(reason)
        self.after = after
        self.taken = tuple(taken)
        self.lost = tuple(lost)

    def __reduce__(self) -> tuple[Callable[..., RetryError], tuple[object, ...]]:
        return partial(type(self), taken=self.taken, lost=self.lost), (str(self), self.after)


class WeaveError(HogTraceError):
    """A function's code that probes cannot be woven into; `reason` is a sentence for the probe's status."""

    reason: str
    """Why it cannot be done."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class ProgramError(HogTraceError, ValueError):
    """Bytes that are not a program, or not one that is safe to run.

    `message` says what was refused and why. `offset` is where, if the fault has a place: in the bytes of the
    program, or, where the message names a probe and its predicate or body, in the bytecode of that.
    """

    offset: int | None
    """Where the fault lies, in bytes of the program or of a probe's predicate or body, or None."""

    def __init__(self, message: str, offset: int | None = None) -> None:
        super().__init__(message)
        self.offset = offset

    def __reduce__(self) -> tuple[type[ProgramError], tuple[object, ...]]:
        return type(self), (str(self), self.offset)


def explain(code: str) -> str:
    """Give the page of a code of the compiler (`HT030`, in letters of either case), in Markdown.

    It says why it is an error and what to do, with a wrong and a right program where they fit on a page. Raises
    `KeyError` for a code that is none of `CODES`.
    """
    from hogtrace import _engine

    return _engine.explain(code)


def __getattr__(name: str) -> Mapping[str, str]:
    # The engine raises the errors of this module, so the module must be importable before the engine is.
    if name == "CODES":
        from hogtrace._engine import ERROR_CODES

        codes = MappingProxyType(dict(ERROR_CODES))
        globals()["CODES"] = codes
        return codes
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
