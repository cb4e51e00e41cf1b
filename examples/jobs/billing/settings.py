"""Settings of a project with nothing but the command; the probes are those of `HOGTRACE_PROBES`."""

SECRET_KEY = "an example's, not a secret"  # noqa: S105 - it says so
USE_TZ = True
INSTALLED_APPS = ["hogtrace_django", "billing"]
