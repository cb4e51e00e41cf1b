"""A function's code with a site's hooks around its body.

`weave` gives a copy of a code object that calls a hook object when the body begins and when it ends,
whichever way. Nothing else about the function changes that Python code could notice: no wrapper, no frame, no
local variable.

The copy calls the hook through three type slots, which need neither a Python frame nor a recursion check:

- when the body begins, `token = hook[values]`;
- when it returns, `token[values] = result`;
- when an exception leaves it, `del token[exception, *values]`.

Each line with a hook has one more object of its own, and `del hook[token, *values]` before the line's statement.

The token lies at the bottom of the evaluation stack, below all that the body keeps there, until the call
ends. None of them may raise. With functions that suspend (`async def`, generators) the body begins when
it first runs and ends when it finishes, is closed, cancelled or collected.

In the order of a weave: `instructions` (what differs between CPython versions), `layout` (where variables
are), `tables` (exception and line tables), `flow` (the ways through the code, and stack depths), `landing` (what
is put before an instruction for lines), `splice` (the weave itself).
"""

from hogtrace.errors import WeaveError
from hogtrace.weave.landing import Arrival, LineCall
from hogtrace.weave.layout import rebinds
from hogtrace.weave.splice import Plan, weave

__all__ = ["Arrival", "LineCall", "Plan", "WeaveError", "rebinds", "weave"]
