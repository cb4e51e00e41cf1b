"""`manage.py hogtrace`."""
