"""What probes may read of live objects, what they get, and that no code of the application runs for it."""
