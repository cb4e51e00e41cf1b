"""Other projects' own tests, run bare and with every function woven: their outcomes must not differ."""
