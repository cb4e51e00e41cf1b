"""A Celery application whose tasks are requests to HogTrace: `celery -A shop_jobs worker`."""

import os
from pathlib import Path

from celery import Celery, Task
from celery.signals import worker_process_shutdown, worker_shutdown

import hogtrace

settings = hogtrace.Settings.load({"PROBES": [Path(__file__).with_name("probes.hogtrace")]}, where="shop_jobs.py")
tracer = hogtrace.Tracer.shared(settings)


class TracedTask(Task):
    """A task whose run is one request: its variables, and its id on each event."""

    def __call__(self, *args, **kwargs):
        """Run the task in a scope of its own."""
        with hogtrace.request_scope(request_id=self.request.id, framework="celery", path=self.name):
            return super().__call__(*args, **kwargs)


@worker_process_shutdown.connect
@worker_shutdown.connect
def end(**_about):
    """Export the last events, and say that this process ends: Celery ends them without Python's own exit."""
    tracer.stop()


app = Celery("shop_jobs", broker=os.environ.get("BROKER", "memory://"), task_cls=TracedTask)
app.conf.update(result_backend="cache+memory://", broker_connection_retry_on_startup=True)
if "BROKER_FOLDER" in os.environ:
    folder = os.environ["BROKER_FOLDER"]
    app.conf.broker_transport_options = {"data_folder_in": folder, "data_folder_out": folder}


def charge(customer, cents):
    """Charge a customer; refuse nothing."""
    return {"customer": customer, "cents": cents}


@app.task
def bill(customer, cents):
    """Bill a customer, in two charges."""
    charge(customer, cents // 2)
    charge(customer, cents - cents // 2)
