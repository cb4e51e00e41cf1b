"""Settings of the shop. HogTrace needs two lines, and the third says what to watch."""

from pathlib import Path

SECRET_KEY = "an example's, not a secret"  # noqa: S105 - it says so
ALLOWED_HOSTS = ["127.0.0.1", "localhost"]
ROOT_URLCONF = "shop"
USE_TZ = True
TIME_ZONE = "UTC"
INSTALLED_APPS = ["hogtrace_django"]
MIDDLEWARE = [
    "hogtrace_django.middleware.HogTraceMiddleware",
    "django.middleware.common.CommonMiddleware",
]
HOGTRACE = {"PROBES": [Path(__file__).parent / "probes.hogtrace"]}
