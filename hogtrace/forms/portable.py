"""Events in a form that every backend takes: plain Unicode, not too deep."""

from __future__ import annotations

import json
from typing import Any, Final

from hogtrace._engine import CaptureEvent

__all__ = ["portable"]

_DEEPEST: Final = 24
"""How deep containers may lie in each other: Protocol Buffers' parsers go 100 messages deep, three for each dict."""

_WORDS: Final = range(-(2**63), 2**63)


def portable(event: CaptureEvent) -> tuple[dict[str, Any], str | None]:
    """Give `event` as `to_dict` does, in texts that are UTF-8, integers of 64 bits and containers 24 deep.

    Where that takes something away (half of a surrogate pair, what lies deeper) the event's own JSON comes along, in
    ASCII; else None.
    """
    plain = event.to_dict()
    copier = _Copier()
    copied = copier.copy(plain, 0)
    return copied, json.dumps(plain) if copier.changed else None


class _Copier:
    def __init__(self) -> None:
        self.changed = False

    def copy(self, value: Any, depth: int) -> Any:
        if isinstance(value, str):
            return self._text(value)
        if isinstance(value, dict | list) and depth > _DEEPEST:
            self.changed = True
            return json.dumps(value)
        if isinstance(value, dict):
            return {self._text(key): self.copy(item, depth + 1) for key, item in value.items()}
        if isinstance(value, list):
            return [self.copy(item, depth + 1) for item in value]
        if isinstance(value, int) and value not in _WORDS:
            self.changed = True
            return str(value)
        return value

    def _text(self, text: str) -> str:
        if text.isascii():
            return text
        try:
            text.encode()
        except UnicodeEncodeError:
            self.changed = True
            return text.encode(errors="backslashreplace").decode()
        return text
