"""gunicorn's settings for the demo: two workers, each of which writes down its accounts when it ends."""

import json
import os
from pathlib import Path

workers = 2
loglevel = "warning"
pythonpath = str(Path(__file__).parent)
graceful_timeout = 10


def worker_exit(server, worker):
    """Say what this worker's probes did, once everything it captured is exported."""
    from hogtrace_django.conf import get_tracer

    tracer = get_tracer()
    tracer.flush()
    status = tracer.status()
    account = {
        "captured": status.captured,
        "exported": status.exported,
        "dropped": dict(status.dropped),
        "probes": [
            {
                "probe": p.probe,
                "state": p.state,
                "fired": p.fired,
                "errors": p.errors,
                "last_error": p.last_error,
            }
            for p in status.probes
        ],
    }
    Path(os.environ["DEMO_VAR"], f"worker-{worker.pid}.json").write_text(json.dumps(account))
