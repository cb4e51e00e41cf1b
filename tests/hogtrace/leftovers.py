"""What is left of probes when they are gone: no code that was made for them."""

import gc
from pathlib import Path

from hogtrace import _state

__all__ = ["made_code"]


def made_code(file: str | Path) -> list[str]:
    """Give the names of the functions in `file` of which woven code is still alive.

    What tests of other files left with an exception that somebody keeps is their affair.
    """
    gc.collect()
    kept = [(made(), original) for made, original in list(_state.originals.values())]
    return [original.co_qualname for code, original in kept if code is not None and original.co_filename == str(file)]
