"""HogTrace for Django: a request scope for each request, and the probes that `settings.HOGTRACE` names.

Add `hogtrace_django` to `INSTALLED_APPS` and `hogtrace_django.middleware.HogTraceMiddleware` to `MIDDLEWARE`.
"""
