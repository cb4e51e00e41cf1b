"""Lines: the statements that begin on them, found in sources and in code, and watched one by one."""
