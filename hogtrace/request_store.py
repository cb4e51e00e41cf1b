"""The request scope: one store of `$req` variables a request, current wherever the request's code runs.

A framework package opens a scope when a request begins, makes it current while the request's code runs, and
ends it when the response is done. Other work that has a beginning and an end (a task queue's job, a
management command) does the same with one line:

    with request_scope(request_id=job.id, framework="celery", path=job.name):
        ...

Which store is current is kept in a context variable, so threads and tasks do not see each other's; a context
that is copied (`asyncio.create_task`, `asyncio.to_thread`) takes the request's store along.
"""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Callable, MutableMapping
from contextvars import Token
from types import TracebackType
from typing import Any, Final

from hogtrace._engine import CURRENT_STORE, AnswerNote, RequestLocalStore, RouteWays

__all__ = [
    "CARRIER_KEY",
    "RequestLocalStore",
    "RequestScope",
    "RouteWays",
    "clean_request_id",
    "current_store",
    "new_request_id",
    "request_scope",
    "scope_for",
    "trace_id_of",
]

CARRIER_KEY: Final = "hogtrace.store"
"""The key under which a request's `environ` or `scope` carries its store, for nested applications."""

_SANE_ID = re.compile(r"[A-Za-z0-9._:/+=@-]{1,128}")

# The W3C's trace context: version, trace id, parent id and flags; versions after the first may add more.
_TRACEPARENT = re.compile(r"(?!ff)([0-9a-f]{2})-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(-.*)?")

_logger = logging.getLogger("hogtrace")
_failure_told = False


def current_store() -> RequestLocalStore | None:
    """Give the store of the request whose code is running here, or None outside any request.

    In work that outlives its request (a background task) it is still that request's store, which is closed by
    then.
    """
    return CURRENT_STORE.get(None)


def new_request_id() -> str:
    """Make a request id: 32 hexadecimal digits from the system's randomness, so forks never repeat one."""
    return os.urandom(16).hex()


def clean_request_id(candidate: str | None) -> str | None:
    """Give `candidate` if it may serve as a request id, else None.

    What a client sends as `X-Request-ID` goes into logs and files, so only 1 to 128 characters of
    `A-Z a-z 0-9 . _ : / + = @ -` will do.
    """
    return candidate if candidate and _SANE_ID.fullmatch(candidate) else None


def trace_id_of(traceparent: str | None) -> str | None:
    """Give the trace id in a `traceparent` header, 32 hexadecimal digits; None if there is none that is sound."""
    found = _TRACEPARENT.fullmatch(traceparent) if traceparent else None
    if found is None or (found[1] == "00" and found[3]):
        return None
    return found[2]


class _Activation:
    """Makes a store current in the context that enters it, and puts back what was current at its exit."""

    __slots__ = ("_store", "_token")

    def __init__(self, store: RequestLocalStore) -> None:
        self._store = store
        self._token: Token[RequestLocalStore | None] | None = None

    def __enter__(self) -> RequestLocalStore:
        self._token = CURRENT_STORE.set(self._store)
        return self._store

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        token, self._token = self._token, None
        if token is None:
            return
        try:
            CURRENT_STORE.reset(token)
        except ValueError:
            # Left in another context than it was entered in, as a generator may be that is closed by the
            # collector or by another task. That context is not ours to change, unless it is a copy that has
            # our store.
            if CURRENT_STORE.get(None) is self._store:
                CURRENT_STORE.set(None if token.old_value is Token.MISSING else token.old_value)


class RequestScope:
    """The life of one request's store; `request_scope` and `scope_for` make them.

    `with scope as store:` makes the store current and ends the scope when it leaves. A response whose body is
    made later needs the two apart: `with scope.active():` around each part of the work, and `scope.close()`
    at the end.
    """

    __slots__ = ("_activations", "_owns", "store")

    store: RequestLocalStore
    """The variables of the request."""

    def __init__(self, store: RequestLocalStore, *, owns: bool = True) -> None:
        """Take the `store`; with `owns=False` it is somebody else's and stays open when the scope ends."""
        self.store = store
        self._owns = owns
        self._activations: list[_Activation] = []

    def __repr__(self) -> str:
        state = "closed" if self.store.closed else "open"
        return f"<{type(self).__name__} {self.store.request_id} {state}>"

    def active(self) -> _Activation:
        """Give a context manager that makes the store current for a while; ask as often as needed."""
        return _Activation(self.store)

    def answering(self, call: Callable[..., Any]) -> Callable[..., Any]:
        """Give what to hand to the application in place of `call`, WSGI's `start_response` or ASGI's `send`.

        It does the same, and notes the status of the request. Where the scope is not the request's outermost one, it is
        `call` itself.
        """
        return AnswerNote(self.store, call) if self._owns else call

    def answered(self, status: object) -> None:
        """Note the status of the request, an int; the last one counts. Anything else is no status, and left out."""
        if self._owns and isinstance(status, int):
            self.store.status = status

    def failed(self, error: BaseException, *, begun: bool | None = None) -> None:
        """Note that `error` left the application: servers answer 500 then, if the response has not begun.

        `begun` says whether it has. None means that it has if there is a status.
        """
        if begun is None:
            begun = self.store.status is not None
        if self._owns and isinstance(error, Exception) and not begun:
            self.store.status = 500

    def close(self) -> None:
        """End the request: its variables can still be read, no longer be set. Twice is the same as once."""
        if self._owns:
            self.store.close()

    def __enter__(self) -> RequestLocalStore:
        activation = self.active()
        self._activations.append(activation)
        return activation.__enter__()

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._activations.pop().__exit__(kind, value, traceback)
        if not self._activations:
            self.close()


class _ServedScope(RequestScope):
    """The scope of a request that a server has received."""

    __slots__ = ()

    def __del__(self) -> None:
        # Of a response that is dropped without being closed, as Django's of which it sends only that it is not
        # modified, nothing else would be heard, and the carrier and the store would keep each other alive.
        self.close()


def request_scope(
    store: RequestLocalStore | None = None, *, request_id: str | None = None, **info: object
) -> RequestScope:
    """Open a request scope: a context manager that gives the request's store and makes it current.

    `store` is one to use instead of a new one; it stays open when the scope ends. Otherwise the store is new,
    with `request_id` (None makes one) and `info`, scalars that describe the request (`method`, `path`,
    `framework`, …) and go with each of its events. A scope inside a scope is a request of its own; the outer
    one is current again after. If anything was captured in it, the scope of a new store that has a description ends
    with a `request` record.

    Raises `TypeError` if a store comes together with a description, which belongs to new stores only.
    """
    if store is not None:
        if request_id is not None or info:
            raise TypeError("request_id and info describe a new store; a store that is passed in has its own")
        return RequestScope(store, owns=False)
    return RequestScope(RequestLocalStore(request_id or new_request_id(), info, record=bool(info)))


def scope_for(
    carrier: MutableMapping[str, Any],
    *,
    request_id: str | None,
    method: str,
    path: str,
    framework: str,
    traceparent: str | None = None,
    routes: RouteWays | None = None,
    routed: object = None,
) -> RequestScope | None:
    """Give the scope of the request that `carrier` stands for: an outer application's, else a new one.

    `carrier` is what the request's applications hand each other, WSGI's `environ` or ASGI's `scope`; the
    store is put into it under `CARRIER_KEY`. (The context alone will not do: a server may begin a request's
    task inside the one before it.) Where an adapter stands between a WSGI application and an ASGI one, the inner joins
    the outer one's scope as well. `request_id` is what the client sent as `X-Request-ID`, used if it is sane;
    otherwise the request's id is the trace id of `traceparent`, the header of that name, if it has one, and else a
    new one. `path` must not have the query string. `routes` says where the framework keeps the pattern of the route,
    beginning at `routed`, or at the carrier if that is None: the engine reads it there when something is captured.

    Never raises, since it stands in front of somebody's request: gives None if there can be no scope, and
    logs why once.
    """
    try:
        outer = _outer_store(carrier, method, path)
        scope: RequestScope
        if outer is not None:
            scope = RequestScope(outer, owns=False)
        else:
            known = clean_request_id(request_id) or trace_id_of(traceparent) or new_request_id()
            info = {"method": method, "path": path, "framework": framework}
            scope = _ServedScope(RequestLocalStore(known, info, record=True))
            carrier[CARRIER_KEY] = scope.store
        if routes is not None:
            scope.store.find_route(carrier if routed is None else routed, routes)
    except Exception:
        _tell_failure_once()
        return None
    return scope


def _outer_store(carrier: MutableMapping[str, Any], method: str, path: str) -> RequestLocalStore | None:
    """Give the store of the request that `carrier` is a part of, if an outer application has opened one."""
    # Between applications of WSGI and of ASGI the one carrier is in the other, as a2wsgi has it.
    for handed in (carrier, carrier.get("asgi.scope"), carrier.get("wsgi_environ")):
        outer = handed.get(CARRIER_KEY) if isinstance(handed, MutableMapping) else None
        if isinstance(outer, RequestLocalStore) and not outer.closed:
            return outer
    # Other adapters (Starlette's, asgiref's) run a WSGI application in a copy of the outer one's context, and hand it
    # nothing but the request. No WSGI server begins a request inside of another.
    outer = current_store() if "wsgi.input" in carrier else None
    if outer is not None and not outer.closed:
        info = outer.info
        if (info.get("method"), info.get("path")) == (method, path):
            return outer
    return None


def _tell_failure_once() -> None:
    global _failure_told
    if not _failure_told:
        _failure_told = True
        _logger.exception("no request scope could be opened; requests go on without one")
