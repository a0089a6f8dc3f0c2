"""Append or stream up to millions of rows in bounded memory.

A large INSERT is slow because every value is parsed from the statement. Many rows are
therefore written to a temporary CSV file that the warehouse reads itself: a local file
for DuckDB, an object below the archive URL for Redshift. DuckDB's memory is limited
for that time, because it would otherwise cache everything it reads.
"""

import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import chain, islice
from pathlib import Path
from uuid import uuid4

from loaders import s3, warehouse
from loaders.config import settings
from loaders.warehouse import Connection, duckdb, identifier, redshift_s3

MAX_INSERT_ROWS = 200  # up to this number an INSERT statement is faster
MAX_LINE_BYTES = 4_000_000
FOLDER = "_nightshift/rows"
LOW_MEMORY_SETTINGS = {"memory_limit": "'100MB'", "threads": "1"}


@contextmanager
def session() -> Iterator[Connection]:
    """Open a session for streaming many rows, with DuckDB's memory limited."""
    with warehouse.session() as connection, _low_memory(connection):
        yield connection


@contextmanager
def transaction(rows: int) -> Iterator[Connection]:
    """Open a transaction for appending about `rows` rows."""
    open_session = session if rows > MAX_INSERT_ROWS else warehouse.session
    with open_session() as connection, warehouse.transaction_on(connection):
        yield connection


@contextmanager
def _low_memory(connection: Connection) -> Iterator[None]:
    """Limit DuckDB's memory, including during the final checkpoint."""
    with warehouse.with_settings(connection, LOW_MEMORY_SETTINGS):
        yield
        if warehouse.is_single_writer():
            # Fails while another session of this process writes; that one checkpoints.
            with suppress(duckdb.Error):
                connection.execute(
                    "-- loaders.warehouse.bulk_rows checkpoint\ncheckpoint"
                )


def append(
    connection: Connection,
    name: str,
    columns: Sequence[str],
    rows: Iterable[Sequence[object]],
) -> int:
    """Append rows without nulls to the table `ops.{name}`; return their number.

    Runs in the open transaction and in bounded memory.
    """
    table = connection.table("ops", name)
    remaining = iter(rows)
    first = list(islice(remaining, MAX_INSERT_ROWS + 1))
    if len(first) <= MAX_INSERT_ROWS:
        connection.insert(table, columns, first)
        return len(first)
    with tempfile.TemporaryDirectory(prefix="nightshift-rows-") as folder:
        path = Path(folder) / f"{name}.csv"
        count = _write_csv(path, chain(first, remaining))
        load = _insert_from_csv if warehouse.is_single_writer() else _copy_through_s3
        load(connection, table, columns=columns, path=path)
    return count


def _write_csv(path: Path, rows: Iterable[Sequence[object]]) -> int:
    """Write CSV with all values quoted, so that empty text is not read as null.

    The csv module inspects every character, which takes ten times as long for JSON.
    """
    count = 0
    with path.open("w", encoding="utf-8", newline="") as file:
        for row in rows:
            cells = '","'.join([str(cell).replace('"', '""') for cell in row])
            file.write(f'"{cells}"\n')
            count += 1
    return count


def _insert_from_csv(
    connection: Connection, table: str, *, columns: Sequence[str], path: Path
) -> None:
    names = ", ".join(identifier(column) for column in columns)
    types = ", ".join(f"'{column}': 'varchar'" for column in columns)
    connection.execute(
        f"-- loaders.warehouse.bulk_rows insert {table}\n"
        f"insert into {table} ({names}) select {names} from read_csv("
        f"?, columns = {{{types}}}, auto_detect = false, header = false, "
        "delim = ',', quote = '\"', escape = '\"', new_line = '\\n', "
        "allow_quoted_nulls = false, parallel = false, "
        f"buffer_size = {MAX_LINE_BYTES}, max_line_size = {MAX_LINE_BYTES})",
        [str(path)],
    )


def _copy_through_s3(
    connection: Connection, table: str, *, columns: Sequence[str], path: Path
) -> None:
    url = f"{settings.load().required_archive_url()}/{FOLDER}/{uuid4().hex}.csv"
    names = ", ".join(identifier(column) for column in columns)
    s3.upload(path, url)
    try:
        with redshift_s3.classified_s3_errors(url, "CopyRows"):
            connection.execute(
                f"-- loaders.warehouse.bulk_rows copy {table}\n"
                f"copy {table} ({names}) from '{redshift_s3.escape_url(url)}' "
                f"{redshift_s3.iam_role()} {redshift_s3.region_clause()} "
                "csv timeformat 'auto' compupdate off statupdate off"
            )
    finally:
        s3.delete([url])
