"""HogTrace: DTrace-style probes for live Python web applications.

Compile a program with :func:`compile`, install it with a :class:`Tracer`, and look at what was captured through an
exporter of :mod:`hogtrace.exporters`. The framework packages ``hogtrace_django``, ``hogtrace_flask`` and
``hogtrace_asgi`` do it from settings.
"""

from hogtrace import exporters
from hogtrace._engine import (
    ENGINE_VERSION,
    CaptureEvent,
    Probe,
    ProbeExecutor,
    ProbeSpec,
    Program,
    RequestLocalStore,
    compile,
    execute_probe,
    format,
)
from hogtrace.config import Settings
from hogtrace.errors import CompileError, ConfigError, Diagnostic, HogTraceError, ProgramError
from hogtrace.installation import Installation
from hogtrace.request_store import RequestScope, current_store, request_scope
from hogtrace.sources import compile_file
from hogtrace.tracer import Tracer
from hogtrace.types import Exporter, ProbeStatus, Status, TrustEntry

__version__ = ENGINE_VERSION

__all__ = [
    "CaptureEvent",
    "CompileError",
    "ConfigError",
    "Diagnostic",
    "Exporter",
    "HogTraceError",
    "Installation",
    "Probe",
    "ProbeExecutor",
    "ProbeSpec",
    "ProbeStatus",
    "Program",
    "ProgramError",
    "RequestLocalStore",
    "RequestScope",
    "Settings",
    "Status",
    "Tracer",
    "TrustEntry",
    "__version__",
    "compile",
    "compile_file",
    "current_store",
    "execute_probe",
    "exporters",
    "format",
    "request_scope",
]
