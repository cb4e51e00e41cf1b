"""Django's settings for the tests, and for the servers that they start."""

import os
from typing import Any

SECRET_KEY = "only for tests"  # noqa: S105
ALLOWED_HOSTS = ["*"]
USE_TZ = True
INSTALLED_APPS = ["hogtrace_django"]
MIDDLEWARE = ["hogtrace_django.middleware.HogTraceMiddleware"]
ROOT_URLCONF = "tests.hogtrace_django.views"
STATIC_URL = "static/"
MEDIA_URL = "media/"
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}}
REST_FRAMEWORK = {"UNAUTHENTICATED_USER": None}

HOGTRACE: dict[str, Any] = {"EXPORTER": {"BACKEND": "hogtrace.exporters.MemoryExporter"}}

if "EVENTS_PATH" in os.environ:
    import tests.patience  # noqa: F401 - for its effect

    HOGTRACE = {
        "BATCH_DELAY": 0.1,
        "PROBES": ["tests/hogtrace_django/probes.hogtrace"],
        "EXPORTER": {
            "BACKEND": "hogtrace.exporters.JSONLinesExporter",
            "OPTIONS": {"path": os.environ["EVENTS_PATH"]},
        },
    }

if "TAIL_PATH" in os.environ:
    HOGTRACE = {
        "EXPORTER": {
            "BACKEND": f"hogtrace.exporters.{os.environ['TAIL_BACKEND']}",
            "OPTIONS": {"path": os.environ["TAIL_PATH"]},
        },
    }
