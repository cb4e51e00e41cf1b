"""CPython's own tests with every function woven: the interpreter's, the library's and the tests' own.

    python -m tests.suites.cpython                   the tests of what a weave could break
    python -m tests.suites.cpython test_json test_re
    python -m tests.suites.cpython --wide            those and much of the library's

Each module of tests runs in two processes, bare and woven with a hook that does nothing. An outcome that
differs and is not named in `cpython_differences` fails the run. The interpreter needs its `test` package.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
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


def exists(test: str) -> bool:
    """Whether this interpreter has a module of tests of that name."""
    import test as package

    path = Path(next(iter(package.__path__)))
    return (path / f"{test}.py").exists() or (path / test / "__init__.py").exists()


def run(test: str, loads: str, directory: Path) -> dict[str, Any]:
    """Run one module of tests in a process of its own; `loads` says what the hooks are handed."""
    results = directory / f"{test}.{loads}.json"
    command = [
        sys.executable,
        "-X",
        "faulthandler",
        "-m",
        __spec__.name,
        "--child",
        loads,
        str(results),
        test,
    ]
    work = tempfile.mkdtemp(dir=directory)
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join((str(Path.cwd()), os.environ.get("PYTHONPATH", ""))),
        "PYTHONHASHSEED": "1",
        "TERM": "dumb",
    }
    with (directory / f"{test}.{loads}.log").open("wb") as log:
        try:
            code = subprocess.run(
                command,
                cwd=work,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                timeout=TIMEOUT,
                check=False,
            ).returncode
        except subprocess.TimeoutExpired:
            code = -1
    if results.exists():
        answer: dict[str, Any] = json.loads(results.read_text())
        return answer
    running = results.with_suffix(".running")
    culprit = running.read_text() if running.exists() else "loading"
    return {
        "outcomes": {f"{test} ended early": [f"exit code {code} in {culprit}"]},
        "details": {},
        "woven": 0,
    }


def differing(
    test: str, loads: str, directory: Path
) -> tuple[dict[str, tuple[list[str], list[str]]], dict[str, Any], dict[str, Any]]:
    """Run a module bare and woven; give the tests whose outcomes differ, and both runs."""
    bare, woven = run(test, BARE, directory), run(test, loads, directory)
    names = bare["outcomes"].keys() | woven["outcomes"].keys()
    differences = {
        name: (bare["outcomes"].get(name, []), woven["outcomes"].get(name, [])) for name in sorted(names)
    }
    return {name: pair for name, pair in differences.items() if pair[0] != pair[1]}, bare, woven


def named(test: str) -> str | None:
    """Give the reason why a test's outcome may differ, if there is one."""
    return next((reason for pattern, reason in DIFFERENCES.items() if fnmatchcase(test, pattern)), None)


def child(loads: str, results: Path, test: str) -> None:
    """Run one module of tests in this process, which `run` started, and write what became of them."""
    from tests.hogtrace.weaving.hooks import Quiet
    from tests.suites import everywhere, outcomes

    weaver = everywhere.Weaver(Quiet(), loads) if loads != BARE else None
    if weaver:
        weaver.loaded()
    everywhere.change_imports(weaver.tree if weaver else lambda code: code)
    from test import support

    support.use_resources = ["cpu"]
    ended = outcomes.run(f"test.{test}", results.with_suffix(".running"))
    ended.write(results, woven=weaver.woven if weaver else 0, refused=weaver.refused if weaver else [])


def main() -> int:
    """Read the command line and do what it says; give the exit code."""
    parser = argparse.ArgumentParser(prog=f"python -m {__spec__.name}", description=__doc__.splitlines()[0])
    parser.add_argument("tests", nargs="*", metavar="TEST", help="modules of tests, such as test_json")
    parser.add_argument("--wide", action="store_true", help="run much of the library's tests too")
    parser.add_argument("--loads", choices=("none", "parameters", "all"), default="parameters")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--keep", type=Path, help="a directory for logs and results")
    parser.add_argument("--child", nargs=2, metavar=("LOADS", "RESULTS"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        child(options.child[0], Path(options.child[1]), *options.tests)
        return 0
    directory = options.keep or Path(tempfile.mkdtemp(prefix="hogtrace-suites-"))
    directory.mkdir(parents=True, exist_ok=True)
    tests = [test for test in options.tests or CORE + options.wide * WIDE if options.tests or exists(test)]
    started = time.monotonic()
    counts = {"tests": 0, "functions": 0, "named": 0}
    unexpected = 0

    def both(test: str) -> Any:
        answer = differing(test, options.loads, directory)
        if any(named(name) is None for name in answer[0]):
            answer = differing(test, options.loads, directory)  # once more: some tests depend on time
        return answer

    with ThreadPoolExecutor(options.jobs) as pool:
        for test, (differences, bare, woven) in zip(tests, pool.map(both, tests), strict=True):
            counts["tests"] += len(bare["outcomes"])
            counts["functions"] += woven["woven"]
            print(
                f"{test:32} {len(bare['outcomes']):5} tests  {woven['woven']:6} functions woven", flush=True
            )
            for refusal in woven["refused"]:
                print(f"    not woven: {refusal}")
            for name, (before, after) in differences.items():
                reason = named(name)
                counts["named"] += reason is not None
                unexpected += reason is None
                print(f"    {name}: {'; '.join(before) or 'absent'} -> {'; '.join(after) or 'absent'}")
                print(f"        {reason or 'NOT EXPECTED; ' + str(directory)}")
                if reason is None and name in woven["details"]:
                    print("        " + woven["details"][name].replace("\n", "\n        "))
    version = ".".join(map(str, sys.version_info[:3]))
    print(
        f"CPython {version}: {counts['tests']:,} tests in {len(tests)} modules, "
        f"{counts['functions']:,} functions woven (loads: {options.loads}); "
        f"{counts['named']} named differences, {unexpected} others; {time.monotonic() - started:.0f} s"
    )
    return 1 if unexpected else 0


if __name__ == "__main__":
    sys.exit(main())
