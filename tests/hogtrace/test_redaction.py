"""Secrets: which names have them, what gives them away in strings, and that captures never show them."""

import enum
import functools
import types
from collections import ChainMap, OrderedDict, deque
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy
import pytest

from hogtrace._engine import Redaction
from tests.hogtrace.evaluation import evaluate, fire

HIDDEN = "hunter2-is-the-secret"


def copied(value: object, **settings: Any) -> Any:
    """Give the copy that a capture takes of `value` when secrets are redacted."""
    return evaluate("v", v=value, redaction=Redaction(**settings)).value


class TestNames:
    """The rule of word runs."""

    @pytest.mark.parametrize(
        "name",
        [
            "password", "PASSWORD", "user_password", "userPassword", "UserPassword1", "password2", "db-password",
            "db.password", "new password", "passwd", "pwd", "api_key", "apiKey", "APIKey", "X-Api-Key", "apikey",
            "token", "accessToken", "access_tokens", "refresh-token", "auth", "HTTP_AUTHORIZATION",
            "Authorization", "cookie", "Set-Cookie", "HTTPCookie", "session_id", "sessionid", "sessionId",
            "csrftoken", "CSRFToken", "csrfmiddlewaretoken", "X-CSRFToken", "client_secret", "secret",
            "credentials", "private_key", "jwt", "SENTRY_DSN", "passphrase",
        ],
    )  # fmt: skip
    def test_secret(self, name: str) -> None:
        """A name is secret if an entry of the list is a run of its words."""
        assert Redaction().is_secret(name)
        assert Redaction().is_secret(name), "the second time it is remembered"

    @pytest.mark.parametrize(
        "name",
        [
            "tokenizer", "secretary", "author", "authored", "key", "api", "keyApi", "api_other_key", "session", "id",
            "name", "", "_", "passenger", "compass", "bypass", "cookiecutter", "monkey", "Ünïcode", "dsnake",
            "x" * 1000,
        ],
    )  # fmt: skip
    def test_not_secret(self, name: str) -> None:
        """Words that only begin or end like an entry are not secret."""
        assert not Redaction().is_secret(name)

    def test_settings(self) -> None:
        """A setting adds and removes names, in any spelling."""
        redaction = Redaction(add=["badgeNumber", "x509"], remove=["API-Key", "tokens"])
        assert redaction.is_secret("badge_number")
        assert redaction.is_secret("the X509 thing")
        assert not redaction.is_secret("badge")
        assert not redaction.is_secret("api_key")
        assert not redaction.is_secret("tokens")
        assert redaction.is_secret("token")

    def test_disabled(self) -> None:
        """Switched off, nothing is secret."""
        redaction = Redaction(enabled=False)
        assert not redaction.is_secret("password")
        assert redaction.scrub("Bearer abcdefgh") == "Bearer abcdefgh"

    def test_long_names(self) -> None:
        """Of a name the first 256 bytes count."""
        assert Redaction().is_secret("x " * 124 + "password")
        assert not Redaction().is_secret("x " * 125 + "password")
        assert not Redaction().is_secret("é" * 128 + " password")
        assert Redaction().is_secret("password " + "é" * 1000)

    def test_many_names(self) -> None:
        """Names without end do not take memory without end, and answers stay right."""
        redaction = Redaction()
        for number in range(20_000):
            assert not redaction.is_secret(f"name_{number}")
        assert redaction.is_secret("password")


class TestStrings:
    """Tell-tale prefixes."""

    @pytest.mark.parametrize(
        ("text", "clean"),
        [
            ("Authorization: Bearer abc.def-ghi", "Authorization: Bearer [redacted]"),
            ("bearer abc", "bearer [redacted]"),
            ("Basic dXNlcjpwYXNz", "Basic [redacted]"),
            ("token=eyJhbGciOiJIUzI1NiJ9.e30.abc!", "token=[redacted]!"),
            ("pbkdf2_sha256$600000$salt$hash= end", "[redacted] end"),
            ("$2b$12$abcdefghijklmnopqrstuv", "[redacted]"),
            ("argon2$argon2id$v=19$m=102400,t=2$abc", "[redacted]"),
            ("postgres://user:pa@ss@host/db", "postgres://user:[redacted]@host/db"),
            ("see https://a:b@c/ and http://d:e@f", "see https://a:[redacted]@c/ and http://d:[redacted]@f"),
            ("-----BEGIN KEY-----\nMIIE\n-----END KEY-----\n", "-----BEGIN KEY-----[redacted]-----END KEY-----\n"),
            ("x -----BEGIN RSA PRIVATE KEY-----\nMIIE", "x -----BEGIN RSA PRIVATE KEY-----[redacted]"),
            ("ghp_0123456789abcdef0123", "[redacted]"),
            ("é Bearer abc é", "é Bearer [redacted] é"),
        ],
    )
    def test_found(self, text: str, clean: str) -> None:
        """A secret that gives itself away by how it begins is replaced, and nothing else."""
        assert Redaction().scrub(text) == clean

    @pytest.mark.parametrize(
        "text",
        [
            "", "plain", "the bearer", "bearer ", "heyJude", "eyJ", "https://host:8080/a@b", "a:b@c", "http://user@host",
            "-----BEGIN ", "basic words", "$2b$", "pbkdf2_", "é" * 100, "a - b", "::://", "://:@",
        ],
    )  # fmt: skip
    def test_not_found(self, text: str) -> None:
        """Ordinary text is left as it is."""
        assert Redaction().scrub(text) == text

    @pytest.mark.parametrize("token", [
        "eyJ", "pbkdf2_", "argon2", "bcrypt", "scrypt", "$2a$", "$2b$", "$2y$", "ghp_", "gho_", "ghs_", "github_pat_",
        "glpat-", "sk_live_", "rk_live_", "sk-", "xoxb-", "xoxp-", "AKIA", "Bearer ", "bEARER ", "BASIC ", "basic ",
    ])  # fmt: skip
    def test_where_tokens_begin(self, token: str) -> None:
        """A token is found behind anything but the middle of a word; its prefix alone is none."""
        hidden = "abcdefghijklmnopqrstuvwxyz"
        shown = token if token.endswith(" ") else ""
        for before in ["", " ", "x ", "(", "=", "é", "\n", "-", ":", "e.", "e e", "://", "--"]:
            if before != "e e":
                assert Redaction().scrub(before + token + hidden) == f"{before}{shown}[redacted]"
            assert Redaction().scrub(before + token) == before + token
        for before in ["x", "Z", "0", "_", "a b"]:
            if not token.startswith("$"):
                text = before + token + hidden
                assert Redaction().scrub(text) == text
        for length in range(len(token)):
            text = f"{token[:length]}! {token[:length]}"
            assert Redaction().scrub(text) == text

    def test_the_cut_does_not_show_a_secret(self) -> None:
        """A secret that the cut of a long string would split is found before."""
        text = "x" * 1000 + " postgres://user:" + HIDDEN + "@host" + "y" * 5000
        assert HIDDEN not in copied(text)
        assert "hunter2" not in copied(text)
        assert copied("y" * 5000 + HIDDEN).endswith("…truncated (5021 characters)")

    def test_long_strings_are_searched_in_linear_time(self) -> None:
        """No string makes the search slow."""
        for text in ["://" * 20_000, "-----BEGIN " * 6_000, "Bearer " * 9_000, "eyJ" * 20_000, "https://a:b" * 6_000]:
            Redaction().scrub(text)


class Key(enum.Enum):
    """Keys that are no strings."""

    PASSWORD = 1
    NAME = "api_key"
    PLAIN = "plain"


class Setting(enum.Enum):
    """Members whose values are secret by their names."""

    API_KEY = HIDDEN
    PLAIN = "plain"


class SettingText(enum.StrEnum):
    """The same, of strings."""

    SECRET = HIDDEN


@dataclass(frozen=True)
class Name:
    """A key that is an object."""

    text: str


@dataclass
class Card:
    """A dataclass with a secret."""

    holder: str
    cvv: str


@dataclass(slots=True)
class SlottedCard:
    """The same with slots."""

    holder: str
    cvv: str


class AccessToken:
    """A class that may be a key."""


class Loud(Exception):
    """An exception with a text of its own and secret fields."""

    def __init__(self, *args: object) -> None:
        super().__init__(*args)
        self.api_key = HIDDEN

    def __str__(self) -> str:
        raise AssertionError("__str__ ran")


def raised_from_secret() -> Exception:
    """Give an exception that came from others with secrets."""
    error, cause, context = ValueError("outer"), Loud({"password": HIDDEN}), Loud(("token", HIDDEN))
    error.__cause__, cause.__context__ = cause, context
    error.add_note("Bearer " + HIDDEN)
    return error


class Login(NamedTuple):
    """A tuple with a secret."""

    user: str
    password: str


class Account:
    """An object with a secret."""

    __slots__ = ("__dict__", "token")

    def __init__(self) -> None:
        self.name = "ann"
        self.password = HIDDEN
        self.token = HIDDEN


class TestCaptures:
    """What captures show."""

    @pytest.mark.parametrize(
        "value",
        [
            {"password": HIDDEN},
            {"a": {"b": {"apiKey": [HIDDEN]}}},
            {b"password": HIDDEN},
            {Key.PASSWORD: HIDDEN, Key.NAME: HIDDEN},
            {("user", "password"): HIDDEN},
            {"HTTP_COOKIE": HIDDEN},
            OrderedDict(token=HIDDEN),
            Account(),
            [Account()],
            {"a": Account()},
            Login("ann", HIDDEN),
            [("Authorization", HIDDEN), ("Accept", "x")],
            (("cookie", HIDDEN),),
            [(b"authorization", HIDDEN.encode())],
            [["password", HIDDEN]],
            types.SimpleNamespace(password=HIDDEN),
            "Bearer " + HIDDEN,
            ["Bearer " + HIDDEN],
            {"text": "Bearer " + HIDDEN},
            {"Bearer " + HIDDEN: 1},
            ValueError("Bearer " + HIDDEN),
            ValueError({"password": HIDDEN}),
            f"mysql://root:{HIDDEN}@db/",
            {Name("password"): HIDDEN},
            {frozenset({"password", 1}): HIDDEN},
            {AccessToken: HIDDEN},
            {("api", "key"): HIDDEN},
            {Login("x", "token"): HIDDEN},
            {"x" * 2000: 1, "password" + " x" * 2000: HIDDEN},
            {bytes(bytearray(b"X-Api-Key")): HIDDEN},
            Card("ann", HIDDEN),
            SlottedCard("ann", HIDDEN),
            [Setting.API_KEY, Setting.PLAIN],
            SettingText.SECRET,
            Loud(),
            Loud("Bearer " + HIDDEN),
            Loud({"password": HIDDEN}),
            raised_from_secret(),
            ExceptionGroup("all", [Loud(), ValueError("Bearer " + HIDDEN)]),
            [[[ValueError("Bearer " + HIDDEN)]]],
            functools.partial(print, password=HIDDEN),
            types.MappingProxyType({"password": HIDDEN}),
            ChainMap({"password": HIDDEN}),
            numpy.array([("token", HIDDEN)], dtype=object)[0],
            numpy.array([{"password": HIDDEN}], dtype=object),
            [("authorization", HIDDEN, "extra")[:2]],
            {"a": {"Set-Cookie": [HIDDEN]}},
            deque([{"token": HIDDEN}]),
            {"k": {"token": HIDDEN}}.items(),
            OrderedDict([(("a", "b", "secret"), HIDDEN)]),
        ],
        ids=lambda value: type(value).__name__,
    )
    def test_secrets_are_replaced(self, value: object) -> None:
        """At any depth, under keys of any type, in fields, header pairs and strings, the secret is not there."""
        redaction = Redaction()
        (event,) = fire("fn:app.f:entry { capture(v); }", v=value, redaction=redaction)
        assert "[redacted]" in event.to_json()
        assert HIDDEN not in event.to_json()
        assert HIDDEN.encode().hex() not in repr(event.values).encode().hex()
        assert HIDDEN not in repr(event.values)

    def test_what_is_not_secret_is_shown(self) -> None:
        """Only the secret is replaced."""
        assert copied({"user": "ann", "password": HIDDEN}) == {"user": "ann", "password": "[redacted]"}
        assert copied([("Authorization", HIDDEN), ("Accept", "x")]) == [
            ("Authorization", "[redacted]"),
            ("Accept", "x"),
        ]
        assert copied({Key.PLAIN: 1, Key.NAME: 2}) != {}
        assert copied(["token", "of", "gratitude"]) == ["token", "of", "gratitude"]
        assert copied(Account())["name"] == "ann"

    def test_a_place_does_not_tell_a_secret(self) -> None:
        """The names in marks of cycles and shared objects are those that the copy shows."""
        shared: list[int] = [1]
        copy = copied({"http://ann:hunter2@host": shared, "b": shared})
        assert "hunter2" not in repr(copy)
        assert copy["b"] == '…same (result["http://ann:[redacted]@host"])'

    def test_a_literal_substitute(self) -> None:
        """A string that is the substitute is shown as it."""
        assert copied(["[redacted]", "not [redacted]"]) == ["[redacted]", "not [redacted]"]

    def test_types(self) -> None:
        """An added entry with a dot names a type whose objects are secret, subclasses too."""

        class Special(Account):
            pass

        name = f"{Account.__module__}.Account"
        assert copied({"a": Account(), "b": [Special()]}, add=[name]) == {"a": "[redacted]", "b": ["[redacted]"]}

    def test_without_redaction(self) -> None:
        """Switched off, everything is shown."""
        assert copied({"password": HIDDEN}, enabled=False) == {"password": HIDDEN}

    @pytest.mark.parametrize(
        "expression", ["password", "v.password", 'v["password"]', "$req.password", "str(password)"]
    )
    def test_what_was_read_through_a_secret_name(self, expression: str) -> None:
        """A field is secret by its own name and by every name that its value was read through."""
        values: dict[str, Any] = {"password": HIDDEN, "v": Account() if "." in expression else {"password": HIDDEN}}
        source = f"fn:app.f:entry {{ $req.password = password; capture(x={expression}, token=1, n=len(password)); }}"
        (event,) = fire(source, redaction=Redaction(), **values)
        assert event.values["x"] in ("[redacted]", None)
        assert set(event.values.values()) == {"[redacted]", len(HIDDEN)}
        assert HIDDEN not in event.to_json()
