"""`matches`: regular expressions over strings of the application."""

import random
import re
import sys
import threading
import time

import pytest

import hogtrace
from hogtrace import RequestLocalStore, execute_probe
from tests.hogtrace.evaluation import evaluate
from tests.hogtrace.hostile import hostile_class, touches


class Name(str):
    """A string that overrides nothing."""


class Loud(str):
    """A string that overrides what a search could ask for."""

    def __len__(self) -> int:
        raise AssertionError("__len__ ran")

    def __eq__(self, other: object) -> bool:
        raise AssertionError("__eq__ ran")

    def __hash__(self) -> int:
        raise AssertionError("__hash__ ran")

    def __str__(self) -> str:
        raise AssertionError("__str__ ran")

    def __getitem__(self, index: object) -> str:
        raise AssertionError("__getitem__ ran")

    def encode(self, encoding: str = "utf-8", errors: str = "strict") -> bytes:
        """Fail the test."""
        raise AssertionError("encode ran")


def written(pattern: str) -> str:
    """Give `pattern` as a string of the language."""
    escaped = pattern.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


def search(pattern: str, text: object) -> object:
    """Give what `matches(text, pattern)` gives."""
    return evaluate(f"matches(o, {written(pattern)})", o=text)


PATTERNS = [
    "", "a", "abc", "^abc", "abc$", "^abc$", "a.c", "a*b+c?", "a{2}", "a{2,3}b", "a{2,}", "(ab)+", "(?:a|b)c", "a|b|",
    "[abc]", "[^abc]", "[a-c0-9]", r"\d", r"\D", r"\w+", r"\W", r"\s", r"\S", r"\bword\b", r"\Bord", "(?i)WORD",
    "(?s)a.c", "(?m)^b", "(?x) a b # c", r"\.", r"\[", r"a\\b", "(?P<name>a)b", "é", "[é-ü]", r"\t", r"\x41", "a+?b",
    "(a+)+$", r"^[\w.+-]+@[\w-]+\.[a-z]{2,}", r"^/users/\d+/orders/[\w-]+$", r"\A\w",
]  # fmt: skip
TEXTS = [
    "", "a", "b", "abc", "xabcx", "aac", "aab", "aaab", "ab", "abab", "b\nb", "a\nc", "word", "a word.", "words",
    "sword", "WORD", "12", "a1", " ", "\t", ".", "[", "a\\b", "é", "ü", "naïve word", "\u0663", "\x41", "日本語 word",
    "ada@example.org", "/users/12/orders/a-1", "/users/x/orders/", "a" * 12 + "b", "\u017f", "\U0001f600",
]  # fmt: skip


@pytest.mark.parametrize("pattern", PATTERNS)
def test_finds_what_re_finds(pattern: str) -> None:
    """On what both languages of patterns have in common, `matches` agrees with `re.search`."""
    program = hogtrace.compile(f"fn:m.f:entry {{ capture(found=matches(text, {written(pattern)})); }}")
    store = RequestLocalStore()

    def run(text: str) -> object:
        return execute_probe(program, program.probes[0], sys._getframe(), store)

    for text in TEXTS:
        assert run(text) == {"found": re.search(pattern, text) is not None}, text


def test_differs_from_re_where_the_docs_say_so() -> None:
    """The end of the text is its very end, and some characters are words to one and not to the other."""
    assert re.search("a$", "a\n")
    assert search("a$", "a\n") == (False, None, None)
    assert search(r"a\z", "a") == (True, None, None)
    assert re.search(r"\s", "\x1c")
    assert search(r"\s", "\x1c") == (False, None, None)
    assert not re.search(r"^\w+$", "e\u0301")
    assert search(r"^\w+$", "e\u0301") == (True, None, None)
    assert search("[a-z&&[^b]]", "b") == (False, None, None)


@pytest.mark.parametrize("text", ["abc", Name("abc"), "äbc", Name("日bc"), "\U0001f600bc"])
def test_takes_strings_that_override_nothing(text: str) -> None:
    """Strings of every width, and subclasses, are searched."""
    assert search("bc$", text) == (True, None, None)


def test_runs_nothing_of_a_subclass() -> None:
    """Of a subclass that overrides everything the characters are looked at, as `startswith` does, and nothing runs."""
    assert search("^abc$", Loud("abc")) == evaluate('startswith(o, "abc")', o=Loud("abc")) == (True, None, None)
    hostile = hostile_class(str)("naïve")
    touches.clear()
    assert search("ï", hostile) == (True, None, None)
    assert touches == []


@pytest.mark.parametrize("value", [None, True, 7, 1.5, b"abc", ["abc"], object(), str])
def test_takes_nothing_but_strings(value: object) -> None:
    """Anything else is an error of the expression, in mode `python` too."""
    name = "type" if value is str else type(value).__name__
    expected = (None, "type", f"matches() takes a string, not '{name}'")
    assert search("a", value) == expected
    assert evaluate('matches(o, "a")', o=value, access="python") == expected


def test_half_a_surrogate_pair_is_an_error() -> None:
    """A string that no UTF-8 can hold has no value there, and does no harm."""
    for text in ("\ud800", "abc\udfff", "日\udc80"):
        value, kind, message = evaluate('matches(o, "a")', o=text)
        assert (value, kind) == (None, "value")
        assert "surrogate" in (message or "")


def test_a_text_over_the_limit_is_an_error() -> None:
    """One operation looks at 64 KiB, whatever the width of the characters."""
    assert search("b$", "a" * 65_535 + "b") == (True, None, None)
    for text in ("a" * 65_537, "é" * 65_537, "日" * 32_769):
        assert evaluate('matches(o, "b$")', o=text).kind == "limit"


def test_leaves_the_string_as_it_was() -> None:
    """No UTF-8 copy stays with a string of the application, or one of a subclass, whose characters lie elsewhere."""

    class Text(str):
        """A string."""

    texts = ("naïve" * 50, "日本" * 50, "plain" * 50, "", "é")
    for text in (*texts, *map(Text, texts)):
        before = sys.getsizeof(text)
        assert search("x$", text) == (False, None, None)
        assert sys.getsizeof(text) == before


def test_a_search_ends() -> None:
    """Patterns that blow up in other engines end at once, or with an error, however the text was made."""
    started = time.thread_time()
    assert search("^(a+)+$", "a" * 60_000 + "b") == (False, None, None)
    assert search("(x+x+)+y", "x" * 60_000) == (False, None, None)
    noise = "".join(random.Random(1).choices("ab", k=65_000))  # noqa: S311 - the same at every run
    assert evaluate('matches(o, "(?:a|b)*a(?:a|b|ab){1000}c")', o=noise).kind == "limit"
    # A guard against a hang; each of them takes milliseconds.
    assert time.thread_time() - started < 30


def test_is_a_condition() -> None:
    """In a predicate, with the other operators."""
    program = hogtrace.compile(
        r'fn:m.f:entry / matches(path, "^/orders/\\d+$") and not matches(path, "0$") / { capture(path); }'
    )
    store = RequestLocalStore()

    def run(path: object) -> object:
        return execute_probe(program, program.probes[0], sys._getframe(), store)

    assert run("/orders/17") == {"path": "/orders/17"}
    assert run("/orders/20") is None
    assert run("/orders/x") is None
    assert run(17) is None


def test_the_result_of_a_search_in_a_secret_is_shown() -> None:
    """A boolean tells of a value without repeating any of it, as that of `startswith` does."""
    program = hogtrace.compile('fn:m.f:entry { capture(found=matches(password, "^a")); }')

    def log_in(password: str) -> object:
        return execute_probe(program, program.probes[0], sys._getframe(), RequestLocalStore(), redact=True)

    assert log_in("abc") == {"found": True}


def test_many_threads_share_a_pattern() -> None:
    """One compiled pattern serves all threads, and memory stays where it was."""
    program = hogtrace.compile(r'fn:m.f:entry { capture(found=matches(text, "^(?:[a-z]+\\d)+$")); }')
    wrong: list[object] = []

    def run(text: str) -> object:
        return execute_probe(program, program.probes[0], sys._getframe(), RequestLocalStore())

    def work(name: int) -> None:
        for index in range(300):
            text = f"abc{name}" * (1 + index % 9)
            for candidate, found in ((text, True), (f"{text}!", False)):
                if run(candidate) != {"found": found}:
                    wrong.append(candidate)

    threads = [threading.Thread(target=work, args=(index,)) for index in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_a_refused_pattern_says_where() -> None:
    """The error points into the literal, past its escapes, and says what to write instead."""
    source = r'fn:m.f:entry / matches(a, "\\d+(?=x)") / { }'
    with pytest.raises(hogtrace.CompileError) as caught:
        hogtrace.compile(source)
    (error,) = caught.value.errors
    assert error.code == "HT044"
    assert source[error.column - 1 : error.end_column - 1] == "(?="
    assert "matches(s" in (error.help or "")


def test_programs_from_outside_are_checked() -> None:
    """Bytes with a pattern that is none are refused before anything runs."""
    data = hogtrace.compile('fn:m.f:entry / matches(a, "abcdefg") / { }').to_bytes()
    with pytest.raises(hogtrace.ProgramError, match="constant 0 is no pattern: unclosed group"):
        hogtrace.Program.from_bytes(data.replace(b"abcdefg", b"ab(defg"))
    assert hogtrace.Program.from_bytes(data.replace(b"abcdefg", b"ab.d+fg")).probes
