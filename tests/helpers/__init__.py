"""Helpers that several test files share; `tests` is on the path, so `from helpers.x import y`."""
