"""Working tables in a local DuckDB file, filled from either warehouse and copied back.

The file is the catalog `local`. A warehouse that is DuckDB itself reads and writes it
directly while it is attached; rows go to and from Redshift as CSV files.
"""

import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from itertools import chain, islice
from pathlib import Path

from loaders.warehouse import bulk_rows, duckdb
from loaders.warehouse.connection import Connection, literal
from loaders.warehouse.sessions import with_settings
from loaders.warehouse.target import is_single_writer

SENDER = "-- loaders.warehouse.local_tables"
CATALOG = "local"
MAX_VALUES_ROWS = 200  # more are written to a file that is read at once


class LocalConnection(Connection):
    """A connection to a local file; its errors name that file."""

    def __init__(self, path: Path) -> None:
        super().__init__(duckdb.open_local(path), "duckdb", "", {})
        self._path = path
        _attach(self, path)

    @contextmanager
    def released(self) -> Iterator[None]:
        """Close the file within the block, so that another session can attach it."""
        _detach(self)
        try:
            yield
        finally:
            _attach(self, self._path)

    def _classified_errors(self, sql: str) -> AbstractContextManager[None]:
        action = sql.partition("\n")[0].removeprefix("-- ")
        return duckdb.classified_errors(self._handle, action, str(self._path))


@contextmanager
def attached(connection: Connection, path: Path) -> Iterator[bool]:
    """Attach a file to a session of DuckDB; no effect on Redshift.

    Yields whether it is attached. The file must not be open in this process. Open
    transactions inside, because one transaction can write to one file only.
    """
    if not is_single_writer():
        yield False
        return
    with with_settings(connection, duckdb.WORKING_FILE_SETTINGS):
        _attach(connection, path)
        try:
            yield True
        finally:
            _detach(connection)


def _attach(connection: Connection, path: Path) -> None:
    connection.execute(
        f"{SENDER} attach\nattach {literal(str(path))} as {CATALOG} "
        f"{duckdb.WORKING_FILE_OPTIONS}"
    )


def _detach(connection: Connection) -> None:
    connection.execute(f"{SENDER} detach\ndetach {CATALOG}")


def insert(
    local: Connection,
    table: str,
    columns: Sequence[str],
    rows: Iterable[Sequence[object]],
) -> int:
    """Insert rows without nulls into a local table; return their number."""
    remaining = iter(rows)
    first = list(islice(remaining, MAX_VALUES_ROWS + 1))
    if len(first) <= MAX_VALUES_ROWS:
        local.insert(table, columns, first)
        return len(first)
    with tempfile.TemporaryDirectory(prefix="nightshift-rows-") as folder:
        path = Path(folder) / "rows.csv"
        count = bulk_rows.write_csv(path, chain(first, remaining))
        bulk_rows.insert_from_csv(local, table, columns=columns, path=path)
    return count


def append(
    connection: Connection,
    table: str,
    columns: Sequence[str],
    *,
    local: Connection,
    query: str,
    parameters: Sequence[object],
    rows: int,
) -> None:
    """Append a local query's rows without nulls to a table of the warehouse.

    `rows` is about their number. `local` is `connection` itself while the file is
    attached.
    """
    if local is connection and rows > MAX_VALUES_ROWS:
        names = ", ".join(f'"{column}"' for column in columns)
        connection.execute(
            f"{SENDER} append {table}\ninsert into {table} ({names}) {query}",
            parameters,
        )
        return
    sender = f"{SENDER} read for {table}\n"
    records = (
        row for batch in local.stream(sender + query, parameters) for row in batch
    )
    bulk_rows.append(connection, table, columns, records)
