"""Tests of the loaders, each against DuckDB or an emulator."""
