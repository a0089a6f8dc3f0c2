"""Benchmarks that compare Nightshift with the obvious alternative in the same run."""
