"""CPython's own tests with every function woven: the interpreter's, the library's and the tests' own.

    python -m tests.suites.cpython                   the tests of what a weave could break
    python -m tests.suites.cpython test_json test_re
    python -m tests.suites.cpython --wide            those and much of the library's

Each module of tests runs in two processes, bare and woven with a hook that does nothing. An outcome that
differs and is not named in `cpython_differences` fails the run. The interpreter needs its `test` package.
"""

import argparse
import contextlib
import importlib.util
import json
import os
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from tests.suites.cpython_differences import DIFFERENCES

CORE = """
    test_argparse test_asyncgen test_asyncio test_baseexception test_bdb test_call test_class test_code
    test_codeop test_context test_contextlib test_contextlib_async test_copy test_coroutines
    test_dataclasses test_decorators test_defaultdict test_descr test_doctest test_dynamic test_enum
    test_eof test_except_star test_exception_group test_exception_hierarchy test_exception_variations
    test_exceptions test_extcall test_frame test_fstring test_funcattrs test_functools test_gc
    test_generator_stop test_generators test_genericalias test_genexps test_grammar test_inspect test_iter
    test_json test_keywordonlyarg test_listcomps test_metaclass test_monitoring test_named_expressions
    test_opcache test_opcodes test_patma test_pdb test_pep380 test_pickle test_positional_only_arg
    test_pprint test_property test_raise test_reprlib test_scope test_setcomps test_subclassinit
    test_super test_syntax test_sys_setprofile test_sys_settrace test_threading_local test_trace
    test_traceback test_type_annotations test_type_params test_types test_typing test_unary test_unpack
    test_unpack_ex test_weakref test_with test_yield_from
""".split()  # noqa: SIM905 - a list of so many would fill pages

WIDE = """
    test_abc test_ast test_base64 test_bisect test_builtin test_bytes test_calendar test_cmd
    test_collections test_concurrent_futures test_configparser test_csv test_datetime test_decimal
    test_deque test_dict test_difflib test_email test_file test_fileinput test_finalization test_float
    test_format test_fractions test_genericpath test_getopt test_glob test_graphlib test_gzip test_heapq
    test_html test_htmlparser test_http_cookiejar test_http_cookies test_httplib test_importlib test_io
    test_ipaddress test_itertools test_list test_logging test_mailbox test_memoryview test_mimetypes
    test_numeric_tower test_operator test_optparse test_ordered_dict test_os test_pathlib test_pickletools
    test_pkgutil test_plistlib test_posixpath test_pyclbr test_queue test_random test_re test_runpy
    test_sched test_secrets test_selectors test_set test_shelve test_shlex test_shutil test_site
    test_socketserver test_sort test_sqlite3 test_statistics test_str test_string test_strptime
    test_struct test_sys test_tarfile test_tempfile test_textwrap test_threading test_timeit test_tokenize
    test_tomllib test_tuple test_types test_unittest test_urllib test_urllib2 test_urlparse test_userdict
    test_userlist test_userstring test_uuid test_warnings test_wsgiref test_xml_etree test_xmlrpc
    test_zipapp test_zipfile test_zipimport
""".split()  # noqa: SIM905 - a list of so many would fill pages

TIMEOUT = 900
"""Seconds that one module of tests may take."""

BARE = "bare"
"""Stands for a run that weaves nothing."""


@dataclass(frozen=True, slots=True)
class Ended:
    """What became of a module of tests in one run: outcomes by the tests' ids, and what failures said."""

    outcomes: dict[str, list[str]]
    details: dict[str, str] = field(default_factory=dict)
    woven: int = 0
    lines: int = 0
    refused: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Runner:
    """Runs modules of tests in processes of their own, whose logs and results go to `directory`.

    `hook` is "quiet" or "engine": a hook that does nothing, made of parts of CPython, or the engine's own without
    probes. `loads` says what the hooks are handed: "none", "parameters" or "all"; with "lines" and "lines alone"
    every line has one (see `everywhere`).
    """

    hook: str
    loads: str
    directory: Path

    def both(self, test: str) -> tuple[Ended, Ended]:
        """Run a module bare and woven; once more, if that differs: some tests depend on time."""
        bare, woven = self.run(test, BARE), self.run(test, self.loads)
        if any(named(name) is None for name in differing(bare, woven)):
            bare, woven = self.run(test, BARE), self.run(test, self.loads)
        return bare, woven

    def run(self, test: str, loads: str) -> Ended:
        """Run one module of tests."""
        results = self.directory / f"{test}.{loads}.json"
        running = results.with_suffix(".running")
        for old in (results, running):
            old.unlink(missing_ok=True)
        arguments = ["--child", self.hook, loads, str(results), test]
        environment = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join((str(Path.cwd()), os.environ.get("PYTHONPATH", ""))),
            "PYTHONHASHSEED": "1",
            "TERM": "dumb",
        }
        with (
            results.with_suffix(".log").open("wb") as log,
            tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as work,
            contextlib.suppress(subprocess.TimeoutExpired),
        ):
            subprocess.run(
                [sys.executable, "-X", "faulthandler", "-m", __spec__.name, *arguments],
                cwd=work,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                timeout=TIMEOUT,
                check=False,
            )
        if results.exists():
            return Ended(**json.loads(results.read_text()))
        return Ended({f"{test} did not end": [f"in {running.read_text() if running.exists() else 'loading'}"]})


def exists(test: str) -> bool:
    """Whether this interpreter has a module of tests of that name."""
    return importlib.util.find_spec(f"test.{test}") is not None


def differing(bare: Ended, woven: Ended) -> list[str]:
    """Give the ids of the tests that ended in different ways."""
    names = bare.outcomes.keys() | woven.outcomes.keys()
    return sorted(name for name in names if bare.outcomes.get(name) != woven.outcomes.get(name))


def named(test: str) -> str | None:
    """Give the reason why a test's outcome may differ, if there is one."""
    return next((reason for pattern, reason in DIFFERENCES.items() if fnmatchcase(test, pattern)), None)


def child(hook: str, loads: str, results: Path, test: str) -> None:
    """Run one module of tests in this process, which a `Runner` started, and write what became of them."""
    from tests.suites import everywhere, outcomes

    weaver = None
    if loads != BARE:
        weaver = everywhere.Weaver(everywhere.make_hook(hook), loads)
        weaver.loaded()
    everywhere.change_imports(weaver.tree if weaver else lambda code: code)
    support: Any = importlib.import_module("test.support")
    support.use_resources = ["cpu"]
    ended = outcomes.run(f"test.{test}", results.with_suffix(".running"))
    ended.write(
        results,
        woven=weaver.woven if weaver else 0,
        lines=weaver.lines if weaver else 0,
        refused=weaver.refused if weaver else [],
    )


def report(test: str, bare: Ended, woven: Ended) -> tuple[int, int]:
    """Print how a module's two runs went; give how many differences are named, and how many are not."""
    print(f"{test:32} {len(bare.outcomes):5} tests  {woven.woven:6} functions woven, {woven.lines:6} lines", flush=True)
    for refusal in woven.refused:
        print(f"    not woven: {refusal}")
    reasons = {name: named(name) for name in differing(bare, woven)}
    for name, reason in reasons.items():
        before, after = (";".join(ended.outcomes.get(name, ["absent"])) for ended in (bare, woven))
        print(f"    {name}: {before} -> {after}")
        print(f"        {reason or 'NOT EXPECTED'}")
        if reason is None and name in woven.details:
            print("        " + woven.details[name].replace("\n", "\n        "))
    others = sum(reason is None for reason in reasons.values())
    return len(reasons) - others, others


def main() -> int:
    """Read the command line and do what it says; give the exit code."""
    parser = argparse.ArgumentParser(prog=f"python -m {__spec__.name}", description=str(__doc__).partition("\n")[0])
    parser.add_argument("tests", nargs="*", metavar="TEST", help="modules of tests, such as test_json")
    parser.add_argument("--wide", action="store_true", help="run much of the library's tests too")
    parser.add_argument(
        "--loads", choices=("none", "token", "entry", "parameters", "all", "lines", "lines alone"), default="parameters"
    )
    parser.add_argument("--hook", choices=("quiet", "engine"), default="quiet")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--keep", type=Path, help="a directory for logs and results")
    parser.add_argument("--child", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        hook, loads, results = options.child
        child(hook, loads, Path(results), *options.tests)
        return 0
    directory = options.keep or Path(tempfile.mkdtemp(prefix="hogtrace-suites-"))
    directory.mkdir(parents=True, exist_ok=True)
    runner = Runner(options.hook, options.loads, directory.resolve())
    tests = options.tests or [test for test in CORE + options.wide * WIDE if exists(test)]
    started = time.monotonic()
    count = functions = lines = expected = others = 0
    with ThreadPoolExecutor(options.jobs) as pool:
        for test, (bare, woven) in zip(tests, pool.map(runner.both, tests), strict=True):
            count += len(bare.outcomes)
            functions += woven.woven
            lines += woven.lines
            with_reason, without = report(test, bare, woven)
            expected += with_reason
            others += without
    version = ".".join(map(str, sys.version_info[:3]))
    print(
        f"CPython {version}: {count:,} tests in {len(tests)} modules, {functions:,} functions woven, {lines:,} lines "
        f"(hook: {options.hook}, loads: {options.loads}); {expected} named differences, {others} others; "
        f"{time.monotonic() - started:.0f} s; logs in {directory}"
    )
    return 1 if others else 0


if __name__ == "__main__":
    sys.exit(main())
