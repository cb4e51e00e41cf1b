"""What `manage.py check` says of HogTrace's settings."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.core.checks import run_checks
from django.test import override_settings
from django.utils.module_loading import import_string

from hogtrace_django.checks import MAY_STAND_BEFORE


def found() -> dict[str, str]:
    """Give the ids and messages of what the checks find of ours."""
    return {message.id: message.msg for message in run_checks() if message.id and message.id.startswith("hogtrace.")}


def test_right_settings_have_no_findings() -> None:
    """The settings of these tests are right."""
    assert found() == {}


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"PROBS": []}, "settings.HOGTRACE"),
        ({"PROBS": []}, "did you mean 'PROBES'?"),
        ({"AUTODISCOVER": "yes"}, "AUTODISCOVER in settings.HOGTRACE"),
        ({"TRUST": [("collections.OrderedDic", "x")]}, "collections.OrderedDic"),
        ({"EXPORTER": "jsonl"}, "EXPORTER in settings.HOGTRACE: jsonl needs the option 'path'"),
        ({"EXPORTER": ["memory", "shop.Exporter"]}, "EXPORTER[1] in settings.HOGTRACE: cannot import shop"),
        ({"PROBES": 7}, "settings.HOGTRACE"),
        (["PROBES"], "settings.HOGTRACE"),
    ],
)
def test_a_wrong_setting_is_an_error(settings: Any, named: str) -> None:
    """Unknown names and wrong kinds alike are E001, with the reason, and with what may have been meant."""
    with override_settings(HOGTRACE=settings):
        messages = found()
    assert list(messages) == ["hogtrace.E001"]
    assert named in messages["hogtrace.E001"]


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"EXPORTER": "no.such.Exporter"}, "cannot import no.such"),
        ({"EXPORTER": "hogtrace.exporters.Nothing"}, "has no 'Nothing'"),
        ({"EXPORTER": {"BACKEND": "sqlite", "OPTIONS": {"paht": "x"}}}, "'paht'"),
        ({"EXPORTER": {"BACKEND": "http"}}, "'url'"),
        ({"EXPORTER": {"BACKEND": "posthog", "OPTIONS": {"project_api_key": ""}}}, "`project_api_key` is empty"),
        (
            {"EXPORTER": ["memory", {"BACKEND": "otlp", "OPTIONS": {"timeout": 0}}]},
            "EXPORTER[1] in settings.HOGTRACE",
        ),
        ({"BEFORE_EXPORT": "no.such.hook"}, "BEFORE_EXPORT in settings.HOGTRACE: cannot import no.such"),
    ],
)
def test_what_a_setting_names_is_looked_for(settings: Any, named: str) -> None:
    """An exporter that is not there or cannot be made with its options, and a function that is not there."""
    with override_settings(HOGTRACE=settings):
        messages = found()
    assert list(messages) == ["hogtrace.E001"]
    assert named in messages["hogtrace.E001"]


def test_a_check_makes_no_file(tmp_path: Path) -> None:
    """It would belong to whoever checks, which may be somebody else than who serves."""
    several = [
        {"BACKEND": "sqlite", "OPTIONS": {"path": tmp_path / "a.sqlite"}},
        {"BACKEND": "jsonl", "OPTIONS": {"path": tmp_path / "a.jsonl"}},
    ]
    with override_settings(HOGTRACE={"EXPORTER": several}):
        assert found() == {}
    assert list(tmp_path.iterdir()) == []


def test_each_mistake_is_an_error_of_its_own() -> None:
    """All are found at once."""
    with override_settings(HOGTRACE={"PROBS": [], "ACCESS": "rw"}):
        assert [message.id for message in run_checks(tags=["hogtrace"])] == ["hogtrace.E001"] * 2
    with override_settings(HOGTRACE={"PROBES": ["no/a.hogtrace", "no/b.hogtrace"]}):
        messages = run_checks(tags=["hogtrace"])
    assert [message.id for message in messages] == ["hogtrace.E003"] * 2
    assert "no/b.hogtrace" in messages[1].msg


def test_a_program_that_does_not_compile_is_an_error(tmp_path: Path) -> None:
    """The compiler's report is the message, with file, line and the span underlined."""
    file = tmp_path / "broken.hogtrace"
    file.write_text("fn:a.b:entry {\n    capture(x=retval);\n}\n")
    with override_settings(HOGTRACE={"PROBES": [str(file)]}):
        messages = found()
    assert list(messages) == ["hogtrace.E002"]
    assert "broken.hogtrace" in messages["hogtrace.E002"]
    assert "capture(x=retval);" in messages["hogtrace.E002"]


@override_settings(HOGTRACE={"DISABLED": True, "PROBES": ["fn:a.b:entry {"]})
def test_programs_are_not_looked_at_when_disabled() -> None:
    """The one switch switches everything off."""
    assert found() == {}


@override_settings(MIDDLEWARE=[])
def test_a_missing_middleware_is_a_warning() -> None:
    """Without it no probe is installed, which nobody who installs the application wants."""
    assert list(found()) == ["hogtrace.W001"]


@override_settings(MIDDLEWARE=["no.such.Middleware"])
def test_a_middleware_of_others_that_cannot_be_imported_is_theirs() -> None:
    """The checks do not fail where Django itself will say what is wrong."""
    assert list(found()) == ["hogtrace.W001"]


OURS = "hogtrace_django.middleware.HogTraceMiddleware"
COMMON = "django.middleware.common.CommonMiddleware"


@override_settings(MIDDLEWARE=[COMMON, OURS])
def test_a_middleware_that_stands_before_ours_is_a_warning() -> None:
    """What runs in it belongs to no request; the message names it."""
    messages = found()
    assert list(messages) == ["hogtrace.W002"]
    assert COMMON in messages["hogtrace.W002"]


@override_settings(MIDDLEWARE=["django.middleware.security.SecurityMiddleware", OURS, COMMON])
def test_some_may_stand_before_ours() -> None:
    """Those that run nothing of the application."""
    assert found() == {}


def test_what_may_stand_before_ours_is_there() -> None:
    """The names of Django's own are right."""
    for path in MAY_STAND_BEFORE:
        if path.startswith("django."):
            import_string(path)
