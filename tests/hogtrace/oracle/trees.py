"""Expressions as trees, each with its text in the language and its text in Python.

In the language only the parentheses stand that its precedence asks for; in Python all do. So a wrong precedence shows.
"""

import dataclasses
from collections.abc import Iterator, Sequence
from typing import Any

OR, AND, NOT, COMPARE, ADD, MULTIPLY, UNARY, POSTFIX = range(8)
"""How tightly an expression binds."""

_LEVELS = {"+": ADD, "-": ADD, "*": MULTIPLY, "/": MULTIPLY, "//": MULTIPLY, "%": MULTIPLY}
_WORDS = {"&&": "and", "||": "or"}
_HELPERS = {"*": "_multiply", "%": "_modulo"}


@dataclasses.dataclass(frozen=True)
class Tree:
    """An expression: `kind` tells what `parts` (its operands) and `word` (its operator, name or text) mean."""

    kind: str
    word: str = ""
    parts: tuple["Tree", ...] = ()
    words: tuple[str, ...] = ()

    def level(self) -> int:
        """Give how tightly it binds."""
        match self.kind:
            case "logic":
                return OR if _WORDS.get(self.word, self.word) == "or" else AND
            case "not":
                return UNARY if self.word == "!" else NOT
            case "compare":
                return COMPARE
            case "binary":
                return _LEVELS[self.word]
            case "unary":
                return UNARY
            case _:
                return POSTFIX

    def probe(self, least: int = OR) -> str:
        """Give its text in the language, in parentheses if it binds less tightly than `least`."""
        text = self._probe()
        return f"({text})" if self.level() < least else text

    def _probe(self) -> str:
        parts = self.parts
        match self.kind:
            case "logic":
                inner = self.level() + 1
                return f" {self.word} ".join(part.probe(inner) for part in parts)
            case "not":
                return f"!{parts[0].probe(UNARY)}" if self.word == "!" else f"not {parts[0].probe(NOT)}"
            case "compare":
                texts = [parts[0].probe(ADD)]
                texts += [f"{word} {part.probe(ADD)}" for word, part in zip(self.words, parts[1:], strict=True)]
                return " ".join(texts)
            case "binary":
                level = self.level()
                return f"{parts[0].probe(level)} {self.word} {parts[1].probe(level + 1)}"
            case "unary":
                return f"{self.word} {parts[0].probe(UNARY)}"
            case "call":
                return f"{self.word}({', '.join(part.probe() for part in parts)})"
            case "attribute":
                return f"{self._base()}.{self.word}"
            case "item":
                return f"{self._base()}[{parts[1].probe()}]"
            case "slice":
                return f"{self._base()}[{self._end(0, parts)}:{self._end(1, parts)}]"
            case "members":
                return f"[{', '.join(part.probe() for part in parts)}]"
            case _:
                return self.word

    def _base(self) -> str:
        text = self.parts[0].probe(POSTFIX)
        return f"({text})" if self.parts[0].kind == "literal" else text

    def _end(self, which: int, parts: Sequence["Tree"]) -> str:
        """Give the text of one end of a slice; `words` tells which of the two ends are written."""
        if self.words[which] == "open":
            return ""
        return parts[1 if which == 0 or self.words[0] == "open" else 2].probe()

    def python(self) -> str:
        """Give its text in Python, with the language's own meanings spelled out."""
        parts = [part.python() for part in self.parts]
        match self.kind:
            case "logic":
                return f"bool({f' {_WORDS.get(self.word, self.word)} '.join(parts)})"
            case "not":
                return f"(not {parts[0]})"
            case "compare":
                texts = [parts[0]]
                for index, word in enumerate(self.words):
                    none = "None" in {self.parts[index].word, self.parts[index + 1].word}
                    meant = {"==": "is", "!=": "is not"}.get(word, word) if none else word
                    texts.append(f"{meant} {parts[index + 1]}")
                return f"({' '.join(texts)})"
            case "binary":
                helper = _HELPERS.get(self.word)
                return f"{helper}({parts[0]}, {parts[1]})" if helper else f"({parts[0]} {self.word} {parts[1]})"
            case "unary":
                return f"({self.word} {parts[0]})"
            case "call":
                return f"{self.word}({', '.join(parts)})"
            case "attribute":
                return f"{parts[0]}.{self.word}"
            case "item":
                return f"{parts[0]}[{parts[1]}]"
            case "slice":
                ends = iter(parts[1:])
                first, last = ("" if word == "open" else next(ends) for word in self.words)
                return f"{parts[0]}[{first}:{last}]"
            case "members":
                return f"[{', '.join(parts)}]"
            case _:
                return f"({self.word})"

    def names(self) -> set[str]:
        """Give the names of the operands that it reads."""
        return {self.word} if self.kind == "name" else {name for part in self.parts for name in part.names()}

    def smaller(self) -> Iterator["Tree"]:
        """Give trees that are a little smaller, the smallest first: what a failure is reduced with."""
        if self.kind != "members":
            yield from (part for part in self.parts if part.kind != "members")
        if self.kind == "compare" and len(self.parts) > 2:
            yield dataclasses.replace(self, parts=self.parts[:2], words=self.words[:1])
            yield dataclasses.replace(self, parts=self.parts[1:], words=self.words[1:])
        if self.kind in {"logic", "members"} and len(self.parts) > (2 if self.kind == "logic" else 0):
            for index in range(len(self.parts)):
                yield dataclasses.replace(self, parts=self.parts[:index] + self.parts[index + 1 :])
        for index, part in enumerate(self.parts):
            for smaller in part.smaller():
                yield dataclasses.replace(self, parts=(*self.parts[:index], smaller, *self.parts[index + 1 :]))


def literal(value: Any) -> Tree:
    """Give the literal of a value; a negative number is its opposite with a sign."""
    if isinstance(value, float) and str(value) == "inf":
        return Tree("literal", "1e999")
    if isinstance(value, int | float) and not isinstance(value, bool) and str(value).startswith("-"):
        return Tree("unary", "-", (literal(-value),))
    return Tree("literal", repr(value))


def name(text: str) -> Tree:
    """Give the operand of that name."""
    return Tree("name", text)
