"""From a probe's target to the functions that it selects, in the modules that are imported now.

Nothing is imported here and no code of the application runs: modules, classes, closures and what decorators
leave behind are read from where CPython stores them, past `__getattr__`, properties and metaclasses.

In the order of a look: `pattern` (the text of a target), `modules` (which are there), `stored` (reading
without running), `functions` (what stands behind a value), `nested` (functions inside of functions), `refusals`
(why something is no target), `target` (the look itself).
"""

from hogtrace.targets.modules import is_executed, is_importing, module_names
from hogtrace.targets.target import Found, Match, Target

__all__ = ["Found", "Match", "Target", "is_executed", "is_importing", "module_names"]
