"""The settings: what they accept, and what they say about what they do not."""

from __future__ import annotations

import json
import logging
import traceback
from pathlib import Path
from typing import Any

import pytest

from hogtrace import CompileError, ConfigError, Settings, Tracer, TrustEntry
from hogtrace.exporter_setting import ExporterSetting, build_exporter
from hogtrace.exporters import ConsoleExporter, JSONLinesExporter, MemoryExporter, SQLiteExporter

SECRET = "hunter2-and-more"  # noqa: S105


class Picky:
    """An exporter that refuses what it is made with, and repeats it."""

    def __init__(self, api_key: str, headers: dict[str, str] | None = None) -> None:
        raise ValueError(f"bad key {api_key!r} for {headers}")


class Half:
    """Something that can be made, and is no exporter."""

    def export(self, events: object) -> None:
        """Take the events."""


ready = MemoryExporter()


def load(mapping: Any = None, **environ: str) -> Settings:
    """Read settings with an environment of just `environ`."""
    return Settings.load({} if mapping is None else mapping, environ=environ)


def problems(mapping: Any, **environ: str) -> tuple[str, ...]:
    """Give what `load` finds wrong."""
    with pytest.raises(ConfigError) as caught:
        load(mapping, **environ)
    return caught.value.problems


def test_nothing_set_gives_the_defaults() -> None:
    """The defaults are those that SAFETY promises."""
    settings = load()
    assert settings == Settings()
    assert (settings.queue_events, settings.queue_bytes, settings.wildcard_limit) == (
        10_000,
        16 * 1024 * 1024,
        1000,
    )
    assert (settings.access, settings.disabled, settings.exporter) == ("safe", False, None)
    assert (settings.max_overhead, settings.max_total_overhead) == (0.01, 0.03)
    assert Settings.load(None, environ={}) == settings


def test_every_setting_can_be_given() -> None:
    """Names in capitals in the mapping, the same in small letters on the object."""
    settings = load(
        {
            "PROBES": ["a.hogtrace", Path("b")],
            "AUTODISCOVER": True,
            "EXPORTER": "memory",
            "ACCESS": "python",
            "TRUST": [("app.User", "name"), "app.User.email", ("app.R", "[]", "stored", "items")],
            "REDACT": ["shoe size"],
            "REDACT_EXCEPT": {"token"},
            "DISABLED": False,
            "WILDCARD_LIMIT": None,
            "QUEUE_EVENTS": 5,
            "QUEUE_BYTES": 100_000,
            "BATCH_SIZE": 2,
            "BATCH_DELAY": 0.5,
            "REPORT_INTERVAL": 60,
        }
    )
    assert settings == Settings(
        probes=("a.hogtrace", "b"),
        autodiscover=True,
        exporter=ExporterSetting(backend="hogtrace.exporters.MemoryExporter"),
        access="python",
        trust=(
            TrustEntry("app.User", "name"),
            TrustEntry("app.User", "email"),
            TrustEntry("app.R", "[]", "stored", "items"),
        ),
        redact=("shoe size",),
        redact_except=("token",),
        wildcard_limit=None,
        queue_events=5,
        queue_bytes=100_000,
        batch_size=2,
        batch_delay=0.5,
        report_interval=60.0,
    )


def test_one_probe_file_need_not_be_a_list() -> None:
    """A text or a path stands for the list of it."""
    assert load({"PROBES": "a.hogtrace"}).probes == load({"PROBES": Path("a.hogtrace")}).probes == ("a.hogtrace",)


def test_equal_settings_are_one_key() -> None:
    """The process's tracers are found by their settings."""
    options = {"BACKEND": "sqlite", "OPTIONS": {"path": "x", "timeout": 1}}
    one, two = load({"EXPORTER": options}), load({"EXPORTER": dict(options)})
    assert one == two
    assert hash(one) == hash(two)
    assert one != load({"EXPORTER": {"BACKEND": "sqlite", "OPTIONS": {"path": "y", "timeout": 1}}})
    exporter = MemoryExporter()
    assert load({"EXPORTER": exporter}) == load({"EXPORTER": exporter})
    assert load({"EXPORTER": exporter}) != load({"EXPORTER": MemoryExporter()})


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("PROBS", [], "unknown setting 'PROBS' in settings.HOGTRACE; did you mean 'PROBES'?"),
        ("probes", [], "unknown setting 'probes' in settings.HOGTRACE; did you mean 'PROBES'?"),
        ("COLOUR", 1, "unknown setting 'COLOUR' in settings.HOGTRACE; there are PROBES, AUTODISCOVER, "),
        (
            "PROBES",
            3,
            "PROBES in settings.HOGTRACE is an int; it must be a list of paths, patterns or programs",
        ),
        ("PROBES", [None], "PROBES in settings.HOGTRACE holds None; it must be a list of paths"),
        ("ACCESS", "unsafe", "ACCESS in settings.HOGTRACE is 'unsafe'; it must be 'safe' or 'python'"),
        ("DISABLED", "no", "DISABLED in settings.HOGTRACE is a str; it must be True or False"),
        ("QUEUE_EVENTS", 0, "QUEUE_EVENTS in settings.HOGTRACE is 0; it must be a whole number of 1 or more"),
        ("QUEUE_EVENTS", True, "QUEUE_EVENTS in settings.HOGTRACE is a bool; it must be a whole number"),
        (
            "QUEUE_BYTES",
            10,
            "QUEUE_BYTES in settings.HOGTRACE is 10; it must be a whole number of 65536 or more",
        ),
        (
            "WILDCARD_LIMIT",
            -1,
            "WILDCARD_LIMIT in settings.HOGTRACE is -1; it must be a whole number of 1 or more, or None",
        ),
        (
            "BATCH_SIZE",
            1.5,
            "BATCH_SIZE in settings.HOGTRACE is a float; it must be a whole number of 1 or more",
        ),
        (
            "MAX_OVERHEAD",
            0,
            "MAX_OVERHEAD in settings.HOGTRACE is 0; it must be a share of time from 0.0001 to 1, or None for no limit",
        ),
        (
            "MAX_TOTAL_OVERHEAD",
            "3%",
            "MAX_TOTAL_OVERHEAD in settings.HOGTRACE is a str; it must be a share of time",
        ),
        (
            "OVERHEAD_PAUSE",
            0.5,
            "OVERHEAD_PAUSE in settings.HOGTRACE is 0.5; it must be a number of seconds from 1 to 3600",
        ),
        (
            "BATCH_DELAY",
            0,
            "BATCH_DELAY in settings.HOGTRACE is 0; it must be a number of seconds from 0.001",
        ),
        (
            "BATCH_DELAY",
            float("nan"),
            "BATCH_DELAY in settings.HOGTRACE is nan; it must be a number of seconds",
        ),
        (
            "REPORT_INTERVAL",
            0,
            "REPORT_INTERVAL in settings.HOGTRACE is 0; it must be a number of seconds from 0.1 to 86400, or None for "
            "never",
        ),
        ("REDACT", "pin", "REDACT in settings.HOGTRACE is a str; it must be a list of names"),
        ("REDACT", [1], "REDACT in settings.HOGTRACE holds an int; it must be a list of names"),
        (
            "TRUST",
            [("app.User",)],
            "TRUST in settings.HOGTRACE holds a tuple; an entry is ('package.Type', 'attribute')",
        ),
        ("TRUST", ["User.name"], "TRUST in settings.HOGTRACE holds 'User.name'; an entry is"),
        (
            "TRUST",
            [("a.B", "c", "peek")],
            "the entry for a.B.c names the reader 'peek'; it must be one of 'stored'",
        ),
        (
            "EXPORTER",
            "sqlit",
            "EXPORTER in settings.HOGTRACE is 'sqlit', which is no exporter; did you mean 'sqlite'?",
        ),
        (
            "EXPORTER",
            MemoryExporter,
            "EXPORTER in settings.HOGTRACE is the class MemoryExporter; give an object of it",
        ),
        ("EXPORTER", Half(), "EXPORTER in settings.HOGTRACE is an object of Half, which has no method close"),
        (
            "EXPORTER",
            {"BACKENDS": "x"},
            "EXPORTER in settings.HOGTRACE has the unknown key 'BACKENDS'; it takes BACKEND",
        ),
        ("EXPORTER", {}, "EXPORTER in settings.HOGTRACE has no BACKEND; name one of 'console', 'http'"),
        (
            "EXPORTER",
            {"BACKEND": "sqlite", "OPTIONS": ["x"]},
            "EXPORTER['OPTIONS'] in settings.HOGTRACE must be a mapping of the exporter's options",
        ),
    ],
)
def test_what_cannot_be_followed_is_refused(name: str, value: object, expected: str) -> None:
    """The message says where, what is wrong, and what to do."""
    (problem,) = problems({name: value})
    assert expected in problem


def test_all_problems_are_reported_at_once() -> None:
    """One start shows all there is to mend."""
    assert len(problems({"PROBS": [], "ACCESS": 1, "BATCH_SIZE": 0})) == 3


def test_settings_that_are_no_mapping_are_refused() -> None:
    """The kind is named, the value is not."""
    assert problems([SECRET]) == ("settings.HOGTRACE is a list; it must be a mapping of settings by name",)


def test_the_environment_fills_in_what_the_mapping_leaves_out() -> None:
    """The mapping wins, name by name."""
    settings = load(
        {"BATCH_SIZE": 7},
        HOGTRACE_BATCH_SIZE="9",
        HOGTRACE_PROBES="a.hogtrace, b/",
        HOGTRACE_EXPORTER="console",
        HOGTRACE_BATCH_DELAY="0.25",
        HOGTRACE_WILDCARD_LIMIT="none",
        HOGTRACE_REPORT_INTERVAL="none",
        HOGTRACE_MAX_OVERHEAD="0.05",
        HOGTRACE_MAX_TOTAL_OVERHEAD="none",
        HOGTRACE_TRUST="app.User.name",
        HOGTRACE_REDACT="pin,shoe size",
        HOGTRACE_ACCESS="python",
        HOGTRACE_DISABLED="0",
        HOGTRACE_QUEUE_EVENTS="",
    )
    assert settings == Settings(
        batch_size=7,
        probes=("a.hogtrace", "b/"),
        exporter=ExporterSetting.read("console"),
        batch_delay=0.25,
        report_interval=None,
        wildcard_limit=None,
        max_overhead=0.05,
        max_total_overhead=None,
        trust=(TrustEntry("app.User", "name"),),
        redact=("pin", "shoe size"),
        access="python",
    )


def test_the_environment_may_hold_a_program_and_options() -> None:
    """A text with a brace is one program; an exporter with options is JSON."""
    program = "fn:a.f:entry { capture(x=arg0, y=arg1); }"
    settings = load(
        HOGTRACE_PROBES=program,
        HOGTRACE_EXPORTER=json.dumps({"BACKEND": "jsonl", "OPTIONS": {"path": "x"}}),
    )
    assert settings.probes == (program,)
    assert settings.exporter == ExporterSetting(backend="hogtrace.exporters.JSONLinesExporter", options={"path": "x"})


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("BATCH_SIZE", "many", "HOGTRACE_BATCH_SIZE is 'many'; it must be a number"),
        ("BATCH_SIZE", "0", "HOGTRACE_BATCH_SIZE is 0; it must be a whole number of 1 or more"),
        ("DISABLED", "maybe", "HOGTRACE_DISABLED is 'maybe'; it must be 1 or 0"),
        ("PROBS", "x", "unknown environment variable HOGTRACE_PROBS; did you mean HOGTRACE_PROBES?"),
    ],
)
def test_a_wrong_variable_is_named(name: str, text: str, expected: str) -> None:
    """The message leads to the environment, not to the mapping."""
    assert problems({}, **{f"HOGTRACE_{name}": text}) == (expected,)


def test_variables_of_others_do_no_harm() -> None:
    """Kubernetes, for one, makes variables for a service that is called `hogtrace`."""
    assert load(HOGTRACE_SERVICE_HOST="10.0.0.1", HOGTRACE_PORT="tcp://10.0.0.1:80") == Settings()


@pytest.mark.parametrize("text", ["1", "true", "YES", "on"])
def test_the_switch_in_the_environment_wins_over_everything(text: str) -> None:
    """In an emergency it turns HogTrace off whatever else is set, wrong settings included."""
    settings = load({"DISABLED": False, "PROBS": 1, "BATCH_SIZE": 0}, HOGTRACE_DISABLED=text)
    assert settings == Settings(disabled=True)


def test_probes_are_compiled_in_their_order(tmp_path: Path) -> None:
    """`programs` reads what PROBES names."""
    path = tmp_path / "a.hogtrace"
    path.write_text("fn:app.f:entry { capture(a=1); }")
    programs = load({"PROBES": [str(path), "fn:app.g:exit { }"]}).programs()
    assert [program.name for program in programs] == [str(path), "<PROBES[1]>"]
    with pytest.raises(ConfigError, match=r"there is no file .*missing\.hogtrace"):
        load({"PROBES": [str(tmp_path / "missing.hogtrace")]}).programs()
    with pytest.raises(CompileError):
        load({"PROBES": ["fn:app.f:entry {"]}).programs()


def test_a_file_that_is_named_twice_counts_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By whatever path, and where it is named first."""
    monkeypatch.chdir(tmp_path)
    for name in "ab":
        (tmp_path / f"{name}.hogtrace").write_text(f"fn:{name}.f:entry {{ }}")
    settings = load({"PROBES": ["b.hogtrace", tmp_path, "./b.hogtrace", "fn:t.f:exit { }", "fn:t.f:exit { }"]})
    names = [program.name for program in settings.programs()]
    assert names == ["b.hogtrace", str(tmp_path / "a.hogtrace"), "<PROBES[3]>", "<PROBES[4]>"]


def test_probe_files_of_applications_are_found_if_asked_for(tmp_path: Path) -> None:
    """AUTODISCOVER adds the `probes.hogtrace` of each folder that has one; then nothing is left to discover."""
    folders = [tmp_path / name for name in ("one", "none", "two")]
    for folder in folders:
        folder.mkdir()
        (folder / "other.hogtrace").touch()
    files = [str(folder / "probes.hogtrace") for folder in (folders[0], folders[2])]
    for file in files:
        Path(file).write_text("fn:a.b:entry { }")
    off = load({"PROBES": ["x.hogtrace"]})
    assert off.discovered(folders) is off
    found = load({"PROBES": ["x.hogtrace"], "AUTODISCOVER": True}).discovered(folders)
    assert found == Settings(probes=("x.hogtrace", *files))
    assert load({}, HOGTRACE_AUTODISCOVER="1").discovered([folders[2], folders[2]]).probes == (files[1],)


def test_where_nothing_can_be_discovered_to_ask_for_it_is_an_error() -> None:
    """At the start, with what to do instead."""
    with pytest.raises(ConfigError, match=r"AUTODISCOVER looks into .* name the probe files in PROBES"):
        Tracer.shared(load({"AUTODISCOVER": True}))


def test_exporters_are_made_from_short_names_paths_and_options(tmp_path: Path) -> None:
    """As Django users know it from CACHES."""
    assert isinstance(build_exporter("console"), ConsoleExporter)
    assert isinstance(build_exporter("hogtrace.exporters.MemoryExporter"), MemoryExporter)
    assert build_exporter(f"{__name__}.ready") is ready
    assert build_exporter(ready) is ready
    setting = {"BACKEND": "jsonl", "OPTIONS": {"path": str(tmp_path / "x.jsonl")}}
    exporter = load({"EXPORTER": setting}).build_exporter()
    assert isinstance(exporter, JSONLinesExporter)
    exporter.close()


def test_without_an_exporter_events_go_to_sqlite_and_a_log_line_says_where(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The default is never silent."""
    monkeypatch.chdir(tmp_path)
    with caplog.at_level(logging.INFO, logger="hogtrace"):
        exporter = Settings().build_exporter()
    assert isinstance(exporter, SQLiteExporter)
    assert exporter.path == tmp_path / "hogtrace.sqlite"
    assert [record.getMessage() for record in caplog.records] == [
        f"no exporter is named, so captured events go to SQLite: {tmp_path / 'hogtrace.sqlite'}"
        " (kept for 14 days up to 512 MiB)"
    ]


@pytest.mark.parametrize(
    ("setting", "expected"),
    [
        ("no.such.module.Exporter", "EXPORTER: cannot import no.such.module: ModuleNotFoundError"),
        ("hogtrace.exporters.Nothing", "EXPORTER: the module hogtrace.exporters has no 'Nothing'"),
        (f"{__name__}.Half", f"EXPORTER: {__name__}.Half gives no exporter"),
        ({"BACKEND": f"{__name__}.ready", "OPTIONS": {"a": 1}}, "is not a class, so it takes no OPTIONS"),
        (
            {"BACKEND": "sqlite", "OPTIONS": {"paht": "x"}},
            "EXPORTER: sqlite has no option 'paht'; did you mean 'path'?",
        ),
        ({"BACKEND": "memory", "OPTIONS": {"path": "x"}}, "EXPORTER: memory has no option 'path'; it takes none"),
        ("jsonl", """jsonl needs the option 'path'; write {"BACKEND": "jsonl", "OPTIONS": {"path": …}}"""),
        (["memory", "posthog"], "EXPORTER[1]: posthog needs the option 'project_api_key'"),
        ({"BACKEND": f"{__name__}.Picky", "OPTIONS": {"key": 1}}, f"{__name__}.Picky has no option 'key'"),
        ({"BACKEND": "jsonl", "OPTIONS": {"path": "/no/such/x"}}, "cannot write to /no/such/x: No such file"),
    ],
)
def test_an_exporter_that_cannot_start_is_an_error_at_start(setting: object, expected: str) -> None:
    """The message says which, why, and where it was set."""
    with pytest.raises(ConfigError) as caught:
        build_exporter(setting)
    assert expected in str(caught.value)


def test_an_exporter_is_looked_at_without_being_made(tmp_path: Path) -> None:
    """A check opens no file; what shows only when it starts is said then."""
    path = tmp_path / "events.jsonl"
    settings = load({"EXPORTER": ["memory", {"BACKEND": "jsonl", "OPTIONS": {"path": str(path)}}]})
    assert settings.exporter is not None
    settings.exporter.check()
    assert not path.exists()
    wrong = load({"EXPORTER": ["memory", {"BACKEND": "jsonl", "OPTIONS": {"pth": str(path)}}]})
    assert wrong.exporter is not None
    with pytest.raises(ConfigError, match=r"EXPORTER\[1\]: jsonl has no option 'pth'; did you mean 'path'\?"):
        wrong.exporter.check()
    load({"EXPORTER": {"BACKEND": "no.such.Exporter"}})  # what reads the settings imports nothing


def test_secrets_of_options_stay_out_of_messages_and_representations() -> None:
    """Neither `repr` nor an error, its traceback and context included, shows what an option holds."""
    options = {"api_key": SECRET, "headers": {"X-Key": f"{SECRET}\n2"}}
    settings = load({"EXPORTER": {"BACKEND": f"{__name__}.Picky", "OPTIONS": options}})
    assert SECRET not in repr(settings)
    assert "api_key" in repr(settings)
    with pytest.raises(ConfigError) as caught:
        settings.build_exporter()
    error = caught.value
    assert "Picky cannot start: ValueError: bad key '…'" in str(error)
    assert error.__cause__ is None
    assert error.__context__ is None
    assert SECRET not in "".join(traceback.format_exception(error))
    (problem,) = problems({"EXPORTER": f"https://me:{SECRET}@host/"})
    assert SECRET not in problem


def test_broken_json_in_the_environment_is_not_repeated() -> None:
    """A slip of the pen in an exporter's options does not print them."""
    with pytest.raises(ConfigError) as caught:
        load(HOGTRACE_EXPORTER=f'{{"OPTIONS": "{SECRET}"')
    assert "HOGTRACE_EXPORTER begins with { but is not JSON" in str(caught.value)
    assert SECRET not in "".join(traceback.format_exception(caught.value))
    assert caught.value.__context__ is None
