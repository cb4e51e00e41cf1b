"""Each example of the seed document, run as it is written there."""

import subprocess
import sys
import time
import types
from collections.abc import Callable
from typing import Any

import hogtrace
from hogtrace import RequestLocalStore, compile, execute_probe

BASIC_USAGE = '''
import sys
from hogtrace import compile, execute_probe
from hogtrace.request_store import RequestLocalStore

# Compile probe definition
program = compile("""
    fn:myapp.users.create_user:entry {
        capture(user_id=arg0, timestamp=timestamp());
    }
""")

# Create request-local storage
store = RequestLocalStore()

# Execute probe against current frame
probe = program.probes[0]
frame = sys._getframe()
result = execute_probe(program, probe, frame, store)

if result:
    print(result)  # {'user_id': ..., 'timestamp': ...}
'''

HANDLER_ENTRY = """
fn:myapp.api.handler:entry {
    $req.start_time = timestamp();
    capture(method=arg0, path=arg1);
}
"""

HANDLER_EXIT = """
fn:myapp.api.handler:exit {
    $req.duration = timestamp() - $req.start_time;
    capture(duration=$req.duration, status=retval.status_code);
}
"""

QUERY = """
fn:myapp.db.query:entry / len(args) > 2 / {
    capture(query=arg0, params=args[1:]);
}
"""

REQUEST_SCOPED = """
fn:web.middleware.start:entry {
    $req.request_id = arg0.headers["X-Request-ID"];
    $req.user_id = None;  # Initialize
}

fn:auth.authenticate:exit {
    $req.user_id = retval.user.id;
}

fn:web.middleware.end:exit {
    capture(
        request_id=$req.request_id,
        user_id=$req.user_id,
        duration=timestamp() - $req.start_time
    );
}
"""

PROCESS = """
fn:myapp.process:entry {
    capture(
        func_name="process",
        arg_count=len(args),
        first_arg=arg0
    );
}
"""


def run(program: hogtrace.Program, index: int, frame: types.FrameType, store: RequestLocalStore, **ended: Any) -> Any:
    """Execute one probe of a program over a frame."""
    return execute_probe(program, program.probes[index], frame, store, **ended)


def frame_of(*args: object) -> types.FrameType:
    """Give a frame whose positional parameters are these."""

    def called(*args: object) -> types.FrameType:
        return sys._getframe()

    return called(*args)


def test_basic_usage_runs_as_a_script() -> None:
    """The first program of the seed runs as a file of its own and prints the dictionary."""
    done = subprocess.run([sys.executable, "-c", BASIC_USAGE], capture_output=True, text=True, check=True, timeout=100)
    assert done.stdout.startswith("{'user_id': ")
    assert "'timestamp': " in done.stdout
    assert done.stderr == ""


def test_basic_usage_sees_the_argument_of_the_function_that_it_runs_in() -> None:
    """Within a function, `arg0` is the function's first argument."""
    before = time.time()
    namespace: dict[str, Any] = {}
    body = "\n".join("    " + line for line in BASIC_USAGE.splitlines())
    exec(f"def create_user(user_id):\n{body}\n    return result", namespace)  # noqa: S102 - our own text
    create_user: Callable[[int], dict[str, Any]] = namespace["create_user"]
    result = create_user(42)
    assert result["user_id"] == 42
    assert before <= result["timestamp"] <= time.time()


def test_entry_and_exit_probes_share_request_variables() -> None:
    """What the entry probe stores, the exit probe reads; the exit probe sees the return value."""
    store = RequestLocalStore()
    entry, leave = compile(HANDLER_ENTRY), compile(HANDLER_EXIT)
    assert run(entry, 0, frame_of("GET", "/users"), store) == {"method": "GET", "path": "/users"}
    response = types.SimpleNamespace(status_code=201)
    result = run(leave, 0, frame_of("GET", "/users"), store, retval=response)
    assert result["status"] == 201
    assert 0 <= result["duration"] < 60
    assert store.get("duration") == result["duration"]


def test_predicate_decides_whether_the_probe_fires() -> None:
    """With three arguments the query probe captures, with two it does not."""
    program = compile(QUERY)
    store = RequestLocalStore()
    assert run(program, 0, frame_of("SELECT ?", 1, 2), store) == {"query": "SELECT ?", "params": (1, 2)}
    assert run(program, 0, frame_of("SELECT ?", 1), store) is None


def test_request_scoped_variables_persist_across_probes() -> None:
    """Three probes on three functions hand a request's variables on; one that was never set is `None`."""
    program = compile(REQUEST_SCOPED)
    store = RequestLocalStore()
    request = types.SimpleNamespace(headers={"X-Request-ID": "abc"})
    assert run(program, 0, frame_of(request), store) is None
    assert store.all() == {"request_id": "abc", "user_id": None}
    answer = types.SimpleNamespace(user=types.SimpleNamespace(id=7))
    assert run(program, 1, frame_of(), store, retval=answer) is None
    store.set("start_time", time.time())
    result = run(program, 2, frame_of(), store)
    assert (result["request_id"], result["user_id"]) == ("abc", 7)
    assert result["duration"] >= 0


def test_data_capture() -> None:
    """Named arguments become the dictionary's items."""
    program = compile(PROCESS)
    result = run(program, 0, frame_of("a", "b"), RequestLocalStore())
    assert result == {"func_name": "process", "arg_count": 2, "first_arg": "a"}


def test_built_in_functions() -> None:
    """`timestamp`, `rand` and `len` give what the seed says."""
    program = compile("fn:m.f:entry { capture(now=timestamp(), chance=rand(), length=len(arg0)); }")
    result = run(program, 0, frame_of([1, 2, 3]), RequestLocalStore())
    assert abs(result["now"] - time.time()) < 60
    assert 0.0 <= result["chance"] < 1.0
    assert result["length"] == 3
