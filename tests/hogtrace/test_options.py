"""The settings as keyword arguments."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path

import pytest

from hogtrace import ConfigError, Settings
from hogtrace.options import Options, settings_from


def test_every_setting_is_an_option() -> None:
    """The names that type checkers know are those of the settings, all of them."""
    assert set(Options.__annotations__) == {field.name for field in fields(Settings)}


def test_options_become_settings() -> None:
    """Names are the settings' in lower case."""
    options: Options = {"batch_size": 7, "disabled": True}
    settings = settings_from(None, options, where="here")
    assert settings.batch_size == 7
    assert settings.disabled


def test_ready_settings_are_taken_as_they_are() -> None:
    """They come back, and nothing may be said beside them."""
    settings = Settings(batch_size=7)
    assert settings_from(settings, {}, where="here") is settings
    with pytest.raises(TypeError, match="given twice"):
        settings_from(settings, {"probes": []}, where="here")


def test_an_unknown_option_is_an_error() -> None:
    """It names the place and the nearest setting."""
    with pytest.raises(ConfigError, match=r"(?s)here.*did you mean 'PROBES'"):
        settings_from(None, {"probs": []}, where="here")


@pytest.mark.parametrize("page", ["django", "flask", "asgi"])
def test_every_setting_is_in_the_pages_of_the_frameworks(page: str) -> None:
    """Their tables name each one, and no other, with its default."""
    text = (Path(__file__).parents[2] / "docs" / f"{page}.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (`[A-Z_`, ]+`) \| ([^|]+) \|", text, re.MULTILINE)
    named = {
        name: default
        for names, defaults in rows
        for name, default in zip(
            re.findall(r"[A-Z_]+", names),
            defaults.split(", ") if "`, `" in names else [defaults],
            strict=True,
        )
    }
    settings = Settings()
    expected = {field.name.upper(): getattr(settings, field.name) for field in fields(Settings)}
    assert set(named) == set(expected)
    for name, default in named.items():
        if isinstance(expected[name], int | float):
            assert default.strip("`") == str(expected[name])
