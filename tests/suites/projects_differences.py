"""The tests of other projects whose outcome probes change, and why that is as it must be."""

_KEPT = "Jinja leaves frames of its own out of tracebacks by their code objects, which it keeps from before the weave"

DIFFERENCES: dict[str, str] = {
    "jinja2: tests/test_debug.py::TestDebug::test_runtime_error": _KEPT,
}
"""From a pattern for `project: test` to the reason."""
