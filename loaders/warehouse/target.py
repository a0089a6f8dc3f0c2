"""The warehouse that the dbt profile selects, without a connection to it."""

from collections.abc import Callable
from contextlib import AbstractContextManager

from loaders.config import dbt_profile
from loaders.warehouse import duckdb, duckdb_problems, redshift


def is_single_writer() -> bool:
    """Return whether only one process at a time can open the warehouse (DuckDB)."""
    return dbt_profile.target().engine == "duckdb"


def exists() -> bool:
    """Return whether the DuckDB file exists; always true for Redshift."""
    return not is_single_writer() or duckdb.file_exists(dbt_profile.target().values)


def location() -> str:
    """Return the file or the host and database of the warehouse, for messages."""
    target = dbt_profile.target()
    if target.engine == "duckdb":
        return str(duckdb.file(target.values))
    return f"{target.values.get('host')}/{target.values.get('dbname')}"


def lineage_namespace() -> str:
    """Return OpenLineage's namespace of the warehouse's tables, as openlineage-dbt."""
    target = dbt_profile.target()
    if target.engine == "duckdb":
        return f"duckdb://{target.values['path']}"
    return f"redshift://{target.values['host']}:{target.values.get('port') or 5439}"


def is_transient(message: str) -> bool:
    """Return whether the error message of a warehouse is about a transient error."""
    if is_single_writer():
        return duckdb.is_transient(message)
    return redshift.is_transient(message)


def machine_problem(message: str) -> str:
    """Return what is wrong with disk, memory or file and what to do, or ''.

    `message` is the text that dbt passes on from DuckDB.
    """
    if not is_single_writer():
        return ""
    error = duckdb_problems.problem(message, duckdb.file(dbt_profile.target().values))
    return str(error or "")


def set_on_wait(on_wait: Callable[[str], object]) -> None:
    """Set what prints the message that another process is waited for."""
    duckdb.set_on_wait(on_wait)


def announce(message: str) -> None:
    """Print that another process is waited for."""
    duckdb.announce(message)


def close_kept() -> None:
    """Close a DuckDB file that is kept open until the next session opens it."""
    duckdb.close_kept()


def keep_open() -> AbstractContextManager[None]:
    """Keep a DuckDB file open from the first session on; no effect on Redshift."""
    return duckdb.keep_open()
