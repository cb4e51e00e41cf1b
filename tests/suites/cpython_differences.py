"""The tests of CPython whose outcome a weave changes, and why that is as it must be."""

_INSTRUCTIONS = "sys.monitoring's INSTRUCTION events, and offsets in others, show the instructions that were inserted"
_HANDLED = "sys.monitoring sees EXCEPTION_HANDLED and RERAISE where an exception passes the hook on its way out"
_MADE_OF = "the test asserts which instructions a function is made of"
_RESUMED = "up to 3.13.9 and 3.14.0 (gh-140373) generators may be dropped unresumed; with a hook they have to end first"
_KINDS = "on 3.14 code.replace() alone, with nothing changed, loses the marks that tell parameters from locals"

DIFFERENCES: dict[str, str] = {
    "test.test_monitoring.TestLineAndInstructionEvents.*": _INSTRUCTIONS,
    "test.test_monitoring.TestInstallIncrementally.*": _INSTRUCTIONS,
    "test.test_monitoring.TestBranchAndJumpEvents.*": _INSTRUCTIONS,
    "test.test_monitoring.SimulateProfileTest.test_balanced": _HANDLED,
    "test.test_sys_setprofile.ProfileHookTestCase.test_unfinished_generator": _RESUMED,
    "test.test_opcache.TestSpecializer.*": _MADE_OF,
    "test.test_code.CodeTest.test_returns_only_none": _MADE_OF,
    "test.test_code.CodeTest.test_local_kinds": _KINDS,
    "test.test_code.CodeTest.test_var_counts": _KINDS,
}
"""From a pattern for a test's id to the reason."""
