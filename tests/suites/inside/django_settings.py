"""Django's own settings for tests with SQLite, and the runner that notes outcomes."""

from test_sqlite import *  # noqa: F403 - settings are made that way

TEST_RUNNER = "hogtrace_suites.django_results.Runner"
