"""Whole nights, run as people run them, in a copy of the project."""
