"""Append or stream up to millions of rows in bounded memory.

A large INSERT is slow because every value is parsed from the statement. Many rows are
therefore written to a temporary CSV file that the warehouse reads itself: a local file
for DuckDB, an object below the archive URL for Redshift. DuckDB's memory is limited
for that time, because it would otherwise cache everything it reads.
"""

import json
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import chain, islice
from pathlib import Path
from uuid import uuid4

from loaders import warehouse
from loaders.config import settings
from loaders.errors import NightshiftError
from loaders.warehouse import Connection, duckdb, identifier

MAX_INSERT_ROWS = 200  # up to this number an INSERT statement is faster
MAX_VALUES_ROWS = 50  # of rows whose texts may be long
NULL_MARK = "\\N"
MAX_LINE_BYTES = 4_000_000
FOLDER = "_nightshift/rows"


@contextmanager
def session(*, threads: int = 1) -> Iterator[Connection]:
    """Open a session for streaming many rows, with DuckDB's memory limited.

    Each thread of DuckDB needs memory of its own.
    """
    with warehouse.session() as connection, _low_memory(connection, threads):
        yield connection


@contextmanager
def transaction(rows: int) -> Iterator[Connection]:
    """Open a transaction for appending about `rows` rows."""
    open_session = session if rows > MAX_INSERT_ROWS else warehouse.session
    with open_session() as connection, warehouse.transaction_on(connection):
        yield connection


@contextmanager
def _low_memory(connection: Connection, threads: int) -> Iterator[None]:
    """Limit DuckDB's memory, including during the final checkpoint."""
    limits = {**duckdb.LOW_MEMORY_SETTINGS, "threads": f"{threads}"}
    with warehouse.with_settings(connection, limits):
        yield
        if warehouse.is_single_writer():
            # Fails while another session of this process writes; that one checkpoints.
            with suppress(NightshiftError):
                connection.execute(
                    "-- loaders.warehouse.bulk_rows checkpoint\ncheckpoint"
                )


def append(
    connection: Connection,
    table: str,
    columns: Sequence[str],
    rows: Iterable[Sequence[object]],
) -> int:
    """Append rows without nulls to a qualified table; return their number.

    Runs in the open transaction and in bounded memory.
    """
    remaining = iter(rows)
    first = list(islice(remaining, MAX_INSERT_ROWS + 1))
    if len(first) <= MAX_INSERT_ROWS:
        connection.insert(table, columns, first)
        return len(first)
    with tempfile.TemporaryDirectory(prefix="nightshift-rows-") as folder:
        path = Path(folder) / "rows.csv"
        count = write_csv(path, chain(first, remaining))
        load = insert_from_csv if warehouse.is_single_writer() else _copy_through_s3
        load(connection, table, columns=columns, path=path)
    return count


def insert(
    connection: Connection,
    table: str,
    columns: Sequence[str],
    rows: Iterable[Sequence[object]],
    *,
    max_values_rows: int = MAX_VALUES_ROWS,
) -> int:
    """Insert rows into a table; return their number.

    Values are texts, numbers, booleans, dates, naive timestamps, nulls, and lists and
    dicts for JSON columns. Runs in the open transaction. On Redshift, memory is bounded
    and the number of statements does not depend on the number of rows: more than
    `max_values_rows` of them are copied from one file.
    """
    remaining = iter(rows)
    if warehouse.is_single_writer():
        few = list(remaining)
    else:
        few = list(islice(remaining, max_values_rows + 1))
    if warehouse.is_single_writer() or len(few) <= max_values_rows:
        connection.insert(table, columns, [[_json_text(v) for v in row] for row in few])
        return len(few)
    with tempfile.TemporaryDirectory(prefix="nightshift-rows-") as folder:
        path = Path(folder) / "rows.json"
        count, odd = _write_json(path, columns, chain(few, remaining))
        _copy_through_s3(
            connection, table, columns=columns, path=path, row_format="json 'auto'"
        )
    connection.insert(table, columns, [[_json_text(v) for v in row] for row in odd])
    return count + len(odd)


def _json_text(value: object) -> object:
    if isinstance(value, list | dict):
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return value


def _write_json(
    path: Path, columns: Sequence[str], rows: Iterable[Sequence[object]]
) -> tuple[int, list[Sequence[object]]]:
    r"""Write one JSON object per row; return their number and the rows left out.

    COPY reads the text `\N` as null, so rows with it are left out.
    """
    count, odd = 0, []
    with path.open("w", encoding="utf-8") as file:
        for row in rows:
            if NULL_MARK in row:
                odd.append(row)
                continue
            values = dict(zip(columns, row, strict=True))
            file.write(json.dumps(values, ensure_ascii=False, default=str) + "\n")
            count += 1
    return count, odd


def write_csv(path: Path, rows: Iterable[Sequence[object]]) -> int:
    """Write CSV with all values quoted, so that empty text is not read as null.

    Returns the number of rows.

    The csv module inspects every character, which takes ten times as long for JSON.
    """
    count = 0
    with path.open("w", encoding="utf-8", newline="") as file:
        for row in rows:
            cells = '","'.join([str(cell).replace('"', '""') for cell in row])
            file.write(f'"{cells}"\n')
            count += 1
    return count


def insert_from_csv(
    connection: Connection, table: str, *, columns: Sequence[str], path: Path
) -> None:
    """Insert the rows of a file that `write_csv` wrote into a table of DuckDB."""
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
    connection: Connection,
    table: str,
    *,
    columns: Sequence[str],
    path: Path,
    row_format: str = "csv",
) -> None:
    # DuckDB needs no boto3, which is slow to import.
    from loaders import s3
    from loaders.warehouse import redshift_s3

    folder = f"{settings.load().required_archive_url()}/{FOLDER}"
    url = f"{folder}/{uuid4().hex}{path.suffix}"
    names = ", ".join(identifier(column) for column in columns)
    s3.upload(path, url)
    try:
        with redshift_s3.classified_s3_errors(url, "CopyRows"):
            connection.execute(
                f"-- loaders.warehouse.bulk_rows copy {table}\n"
                f"copy {table} ({names}) from '{redshift_s3.escape_url(url)}' "
                f"{redshift_s3.iam_role()} {redshift_s3.region_clause()} "
                f"format as {row_format} timeformat 'auto' dateformat 'auto' "
                "compupdate off statupdate off"
            )
    finally:
        s3.delete([url])
