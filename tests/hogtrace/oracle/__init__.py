"""Random expressions of the language, what CPython makes of them, and what both hosts of the engine make of them."""
