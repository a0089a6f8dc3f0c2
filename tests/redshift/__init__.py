"""Tests on the Redshift emulator, mostly in comparison with DuckDB."""
