"""Which instructions of a function a line of its source stands for.

In the order of a search: `source` (the text of a file, and the functions in it), `statements` (what begins on
which line of a function), `spots` (where in a code object a statement begins).
"""

from hogtrace.lines.source import SourceReader
from hogtrace.lines.spots import Spot, every_spot, find_spot

__all__ = ["SourceReader", "Spot", "every_spot", "find_spot"]
