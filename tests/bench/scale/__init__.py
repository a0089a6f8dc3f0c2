"""Benchmark of one date of a large company against SQL scripts written by hand."""
