"""Erased subjects: their hashes in `ops.erasures`, and where they occur in lines."""
