"""Serves a WSGI application with eventlet's server on an open socket: `python -m tests.eventlet_server APP FD`."""

from __future__ import annotations

import importlib
import signal
import socket
import sys

import eventlet
import eventlet.wsgi


def main(app: str, descriptor: str) -> None:
    """Serve what `app` (`module:function()`) makes on the listening socket `descriptor` until SIGTERM."""
    eventlet.monkey_patch()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    module, _, name = app.partition(":")
    made = getattr(importlib.import_module(module), name.removesuffix("()"))()
    eventlet.wsgi.server(socket.socket(fileno=int(descriptor)), made)


if __name__ == "__main__":
    main(*sys.argv[1:])
