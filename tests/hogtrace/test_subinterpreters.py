"""Subinterpreters, as mod_wsgi makes them: HogTrace says at its import that it does not run there."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.servers import ROOT

SCRIPT = """
import importlib, sys

try:
    interpreters = importlib.import_module("_interpreters")
    create = lambda: interpreters.create("legacy")
except ImportError:
    interpreters = importlib.import_module("_xxsubinterpreters")
    # With the lock of the main interpreter, as those of mod_wsgi.
    create = lambda: interpreters.create(**({"isolated": False} if sys.version_info >= (3, 12) else {}))

INSIDE = '''
import sys
sys.path.insert(0, PATH)
for name in ("hogtrace", "hogtrace_asgi", "hogtrace.wsgi"):
    try:
        __import__(name)
    except ImportError as error:
        print(name, "is refused:", error, flush=True)
    else:
        print(name, "was imported", flush=True)
'''

if FIRST:
    import hogtrace
interpreters.run_string(create(), INSIDE)
import hogtrace
with hogtrace.Tracer(exporter="memory") as tracer:
    tracer.install(hogtrace.compile("fn:json.dumps:entry { capture(1); }"))
    import json
    json.dumps(1)
    print("and the main interpreter captured", tracer.status().captured)
"""


@pytest.mark.parametrize("first", [True, False])
def test_a_subinterpreter_is_refused(first: bool) -> None:
    """Whether the main interpreter has HogTrace before or not; the main one goes on."""
    script = SCRIPT.replace("PATH", repr(str(ROOT))).replace("FIRST", str(first))
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, timeout=100, check=False
    )
    assert done.returncode == 0, done.stderr
    *refused, last = done.stdout.splitlines()
    assert [line.partition(" is refused: ")[0] for line in refused] == ["hogtrace", "hogtrace_asgi", "hogtrace.wsgi"]
    assert all("subinterpreter" in line and "WSGIApplicationGroup %{GLOBAL}" in line for line in refused)
    assert last == "and the main interpreter captured 1"
