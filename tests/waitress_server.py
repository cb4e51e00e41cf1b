"""Serves a WSGI application with waitress on an open socket: `python -m tests.waitress_server APP FD`."""

from __future__ import annotations

import importlib
import os
import signal
import socket
import sys

import waitress


def main(app: str, descriptor: str) -> None:
    """Serve `app` (`module:attribute`) on the listening socket `descriptor` until SIGTERM.

    With `WAITRESS_HANDLES=0` in the environment nobody handles that, as in `waitress-serve`.
    """
    if os.environ.get("WAITRESS_HANDLES") != "0":
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    module, _, name = app.partition(":")
    listener = socket.socket(fileno=int(descriptor))
    waitress.serve(getattr(importlib.import_module(module), name), sockets=[listener], threads=4)


if __name__ == "__main__":
    main(*sys.argv[1:])
