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
from collections.abc import MutableMapping
from typing import Any, Final

from hogtrace import _state
from hogtrace._engine import CURRENT_STORE, RequestLocalStore, RequestScope, RouteWays, ScopedBody

__all__ = [
    "CARRIER_KEY",
    "RequestLocalStore",
    "RequestScope",
    "RouteWays",
    "ScopedBody",
    "clean_request_id",
    "current_store",
    "new_request_id",
    "request_scope",
    "scope_for",
    "trace_id_of",
]

CARRIER_KEY: Final = "hogtrace.store"
"""The key under which a request's `environ` or `scope` carries its store, for nested applications."""

# How many request ids are drawn at once.
_IDS: Final = 64

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
    # The system is asked for many at a time: asking it costs a good part of what opening a request does.
    process, drawn = _state.request_ids
    if not drawn or process != os.getpid():
        digits = os.urandom(_IDS * 16).hex()
        drawn = [digits[at : at + 32] for at in range(0, len(digits), 32)]
        _state.request_ids = (os.getpid(), drawn)
    try:
        return drawn.pop()
    except IndexError:
        # Other threads have taken them all meanwhile.
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
            known = clean_request_id(request_id) if request_id else None
            if known is None and traceparent:
                known = trace_id_of(traceparent)
            info = {"method": method, "path": path, "framework": framework}
            scope = _ServedScope(RequestLocalStore(known or new_request_id(), info, record=True))
            carrier[CARRIER_KEY] = scope.store
        if routes is not None:
            scope.store.find_route(carrier if routed is None else routed, routes)
    except Exception:
        _tell_failure_once()
        return None
    return scope


def _outer_store(carrier: MutableMapping[str, Any], method: str, path: str) -> RequestLocalStore | None:
    """Give the store of the request that `carrier` is a part of, if an outer application has opened one."""
    outer = carrier.get(CARRIER_KEY)
    if isinstance(outer, RequestLocalStore) and not outer.closed:
        return outer
    # Between applications of WSGI and of ASGI the one carrier is in the other, as a2wsgi has it.
    for handed in (carrier.get("asgi.scope"), carrier.get("wsgi_environ")):
        if handed is not None and isinstance(handed, MutableMapping):
            outer = handed.get(CARRIER_KEY)
            if isinstance(outer, RequestLocalStore) and not outer.closed:
                return outer
    # Other adapters (Starlette's, asgiref's) run a WSGI application in a copy of the outer one's context, and hand it
    # nothing but the request. No WSGI server begins a request inside of another.
    outer = CURRENT_STORE.get(None)
    if outer is not None and not outer.closed and "wsgi.input" in carrier:
        info = outer.info
        if (info.get("method"), info.get("path")) == (method, path):
            return outer
    return None


def _tell_failure_once() -> None:
    global _failure_told
    if not _failure_told:
        _failure_told = True
        _logger.exception("no request scope could be opened; requests go on without one")
