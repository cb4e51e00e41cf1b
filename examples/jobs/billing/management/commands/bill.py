"""`manage.py bill ada bob`."""

from django.core.management.base import BaseCommand

import hogtrace
from hogtrace_django.conf import get_tracer


def charge(customer, cents):
    """Charge a customer; refuse nothing."""
    return cents


class Command(BaseCommand):
    """Bills customers, each of them in a scope of its own."""

    def add_arguments(self, parser):
        """Take the names."""
        parser.add_argument("customers", nargs="+")

    def handle(self, *args, customers, **options):
        """Bill them."""
        get_tracer()
        for customer in customers:
            with hogtrace.request_scope(framework="django", path="manage.py bill"):
                charge(customer, 1250)
