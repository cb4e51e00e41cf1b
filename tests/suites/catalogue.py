"""The projects whose tests are run with probes in them: which release, what their tests need, how they run."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Project:
    """One released project that ships its tests.

    `requires` is what the tests need beside the release itself. `probes` are the patterns that select its functions.
    `arguments` go to pytest, or to the project's own runner where `runner` names a module of `tests.suites.inside`;
    they and the working directory `below` are relative to the unpacked source.
    """

    name: str
    version: str
    requires: tuple[str, ...]
    probes: tuple[str, ...]
    arguments: tuple[str, ...] = ("tests",)
    below: str = "."
    runner: str = "pytest"
    slow: bool = False
    timeout: int = 1800
    """Seconds that one run may take."""

    def __str__(self) -> str:
        return f"{self.name} {self.version}"


_PYTEST_8 = "pytest==8.4.2"
_PYTEST_9 = "pytest==9.1.1"

PROJECTS = (
    Project("jinja2", "3.1.6", (_PYTEST_8, "trio==0.31.0"), ("jinja2.**",)),
    Project("marshmallow", "4.4.0", (_PYTEST_8, "simplejson==3.20.2"), ("marshmallow.**",)),
    Project(
        "flask",
        "3.1.3",
        (_PYTEST_8, "asgiref==3.10.0", "python-dotenv==1.1.1", "greenlet==3.2.4", "werkzeug==3.1.3"),
        ("flask.**",),
    ),
    Project("bottle", "0.13.4", (_PYTEST_8,), ("bottle.**",), ("test",)),
    Project("click", "8.5.1", (_PYTEST_8,), ("click.**",)),
    Project(
        "starlette",
        "1.10.0",
        (
            _PYTEST_9,
            "blockbuster",
            "httpx2[zstd]",
            "httpx",
            "itsdangerous",
            "jinja2",
            "opentelemetry-sdk",
            "python-multipart",
            "pyyaml",
            "trio",
        ),
        ("starlette.**",),
    ),
    Project(
        "werkzeug",
        "3.1.9",
        (_PYTEST_8, "cffi", "cryptography", "ephemeral-port-reserve==1.1.4", "pytest-timeout==2.4.0", "watchdog"),
        ("werkzeug.**",),
        # Its servers are processes of their own, without probes.
        ("tests", "--ignore=tests/test_serving.py"),
    ),
    Project(
        "attrs",
        "26.1.0",
        (_PYTEST_8, "cloudpickle==3.1.1", "hypothesis==6.140.2", "pympler==1.1"),
        # `attrs` has no functions: it passes on those of `attr`.
        ("attr.**",),
    ),
    # One of its tests alone makes some twenty million calls.
    Project("more-itertools", "11.2.1", (_PYTEST_8,), ("more_itertools.**",), slow=True),
    Project(
        "fastapi",
        "0.165.0",
        (
            _PYTEST_9,
            "a2wsgi",
            "anyio[trio]",
            "coverage",
            "dirty-equals",
            "fastapi[all]",
            "flask",
            "httpx2[zstd]",
            "httpx",
            "inline-snapshot",
            "logfire",
            "opentelemetry-exporter-otlp-proto-http",
            "opentelemetry-instrumentation-fastapi",
            "opentelemetry-sdk",
            "pwdlib[argon2]",
            "pyjwt",
            "pytest-timeout",
            "pytest-xdist",
            "python-multipart",
            "python-slugify",
            "pyyaml",
            "sentry-sdk",
            "sqlmodel",
            "strawberry-graphql",
            "typer",
        ),
        ("fastapi.**",),
        ("tests",),
        slow=True,
    ),
    Project(
        "sqlalchemy",
        "2.0.58",
        (_PYTEST_8, "aiosqlite", "greenlet"),
        ("sqlalchemy.**",),
        # As its authors run it: the profiling tests count function calls on their own machine.
        ("test", "-k", "not aaa_profiling", "--quiet", "--quiet"),
        slow=True,
        timeout=5400,
    ),
    Project(
        "django",
        "5.2.19",
        ("docutils", "jinja2", "pyyaml", "tblib"),
        ("django.**",),
        (),
        below="tests",
        runner="django_tests",
        slow=True,
        timeout=10_800,
    ),
)
"""All of them, the fast ones first."""
