"""The warehouse: connections to DuckDB or Redshift, as the dbt profile selects."""

from loaders.warehouse.connection import (
    SCHEMAS,
    Connection,
    ensure_tables,
    exists,
    identifier,
    is_single_writer,
    is_transient,
    keep_open,
    literal,
    location,
    run_in_transaction,
    session,
    transaction,
    transaction_on,
    with_settings,
)

__all__ = [
    "SCHEMAS",
    "Connection",
    "ensure_tables",
    "exists",
    "identifier",
    "is_single_writer",
    "is_transient",
    "keep_open",
    "literal",
    "location",
    "run_in_transaction",
    "session",
    "transaction",
    "transaction_on",
    "with_settings",
]
