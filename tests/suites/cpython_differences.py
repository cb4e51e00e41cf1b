"""The tests of CPython whose outcome a weave changes, and why that is as it must be."""

_INSTRUCTIONS = "sys.monitoring's INSTRUCTION events, and offsets in others, show the instructions that were inserted"
_HANDLED = "sys.monitoring sees EXCEPTION_HANDLED and RERAISE where an exception passes the hook on its way out"

DIFFERENCES: dict[str, str] = {
    "test.test_monitoring.TestLineAndInstructionEvents.*": _INSTRUCTIONS,
    "test.test_monitoring.TestInstallIncrementally.*": _INSTRUCTIONS,
    "test.test_monitoring.TestBranchAndJumpEvents.*": _INSTRUCTIONS,
    "test.test_monitoring.SimulateProfileTest.test_balanced": _HANDLED,
}
"""From a pattern for a test's id to the reason."""
