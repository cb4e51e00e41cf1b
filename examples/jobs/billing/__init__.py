"""An application of Django's with a command whose run is a request to HogTrace: `manage.py bill`."""
