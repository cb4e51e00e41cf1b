"""RQ jobs that are requests to HogTrace: `rq worker --job-class traced_rq.TracedJob`."""

import os

from rq.job import Job

import hogtrace

WORKER = os.getpid()
tracer = hogtrace.Tracer.shared(hogtrace.Settings.load({}, where="traced_rq.py"))


class TracedJob(Job):
    """A job whose run is one request."""

    def perform(self):
        """Run the job in a scope of its own, and export what it captured: RQ's child ends without Python's own exit."""
        try:
            with hogtrace.request_scope(request_id=self.id, framework="rq", path=self.func_name):
                return super().perform()
        finally:
            if os.getpid() == WORKER:
                tracer.flush()
            else:
                tracer.stop()
