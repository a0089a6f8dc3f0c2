"""The warehouse: connections to DuckDB or Redshift, as the dbt profile selects."""

from loaders.warehouse.connection import SCHEMAS, Connection, identifier, literal
from loaders.warehouse.create_tables import (
    add_columns,
    ensure_tables,
    find_changed_types,
    missing_columns,
)
from loaders.warehouse.sessions import (
    close_sessions,
    create_missing_tables,
    run_in_transaction,
    run_with_retries,
    session,
    transaction,
    transaction_on,
    with_settings,
)
from loaders.warehouse.target import (
    announce,
    close_kept,
    exists,
    is_single_writer,
    is_transient,
    keep_open,
    lineage_namespace,
    location,
    machine_problem,
    set_on_wait,
)

__all__ = [
    "SCHEMAS",
    "Connection",
    "add_columns",
    "announce",
    "close_kept",
    "close_sessions",
    "create_missing_tables",
    "ensure_tables",
    "exists",
    "find_changed_types",
    "identifier",
    "is_single_writer",
    "is_transient",
    "keep_open",
    "lineage_namespace",
    "literal",
    "location",
    "machine_problem",
    "missing_columns",
    "run_in_transaction",
    "run_with_retries",
    "session",
    "set_on_wait",
    "transaction",
    "transaction_on",
    "with_settings",
]
