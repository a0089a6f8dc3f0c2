"""The warehouse: connections to DuckDB or Redshift, from the dbt profile."""

from loaders.warehouse.connection import (
    SCHEMAS,
    Connection,
    begun,
    committed,
    ensure_tables,
    exists,
    identifier,
    is_single_writer,
    is_transient,
    kept_open,
    limited,
    literal,
    location,
    session,
    transaction,
)

__all__ = [
    "SCHEMAS",
    "Connection",
    "begun",
    "committed",
    "ensure_tables",
    "exists",
    "identifier",
    "is_single_writer",
    "is_transient",
    "kept_open",
    "limited",
    "literal",
    "location",
    "session",
    "transaction",
]
