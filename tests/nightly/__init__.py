"""Whole runs, started as a user would start them, in a copy of the project."""
