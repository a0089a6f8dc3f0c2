"""The warehouse: connections to DuckDB or Redshift, as the dbt profile selects."""

from loaders.warehouse.connection import (
    SCHEMAS,
    Connection,
    exists,
    identifier,
    is_single_writer,
    is_transient,
    keep_open,
    literal,
    location,
    machine_problem,
    run_in_transaction,
    session,
    set_on_wait,
    transaction,
    transaction_on,
    with_settings,
)
from loaders.warehouse.create_tables import ensure_tables

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
    "machine_problem",
    "run_in_transaction",
    "session",
    "set_on_wait",
    "transaction",
    "transaction_on",
    "with_settings",
]
