"""The application that `export_faults.py` measures: one request, in which a probe captures once."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from flask import Flask

from hogtrace_flask import HogTrace

PROBE = "fn:benchmarks.faults_app.place:exit { capture(order=arg0, total=retval, seconds=duration); }"


def place(order: dict[str, Any]) -> float:
    """Do what is probed."""
    return sum(line["price"] * line["count"] for line in order["lines"])


def make() -> Flask:
    """Give the application; what the environment says decides where events go, or that nothing is probed."""
    app = Flask(__name__)
    HogTrace(app, probes=[PROBE])

    @app.get("/")
    def shop() -> dict[str, float]:
        lines = [{"price": 1.5 + number, "count": number} for number in range(20)]
        return {"total": place({"number": 7, "customer": "ada", "lines": lines})}

    @app.get("/accounts")
    def accounts() -> dict[str, Any]:
        lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
        resident = next(int(line.split()[1]) for line in lines if line.startswith("VmRSS"))
        tracer = app.extensions["hogtrace"].tracer
        told = None if tracer is None else tracer.status().to_dict()
        return {"pid": os.getpid(), "resident": resident, "status": told}

    return app
