"""The settings as keyword arguments."""

from __future__ import annotations

from dataclasses import fields

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
