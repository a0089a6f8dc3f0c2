"""Removing the bytes of deleted rows, which both warehouses keep at first."""

from collections.abc import Iterable
from functools import partial

from loaders.config import dbt_profile
from loaders.warehouse import duckdb
from loaders.warehouse.connection import Connection
from loaders.warehouse.sessions import run_with_retries
from loaders.warehouse.target import is_single_writer


def remove_deleted_rows(tables: Iterable[tuple[str, str]]) -> None:
    """Rewrite a DuckDB file, or vacuum the tables on Redshift.

    `tables` are schemas without prefix and table names. Call it without an open
    session. Each step can be repeated.
    """
    if is_single_writer():
        duckdb.rewrite_file(dbt_profile.target().values)
        return
    for schema, table in tables:
        run_with_retries(partial(_vacuum, schema=schema, table=table))


def _vacuum(connection: Connection, schema: str, table: str) -> None:
    connection.execute(
        f"-- loaders.warehouse.reclaim vacuum {table}\n"
        f"vacuum delete only {connection.table(schema, table)} to 100 percent"
    )
