"""A million rows into a ledger, or out of the warehouse, in little memory and time.

A statement with the values in it is parsed value by value, which for thousands of rows
takes longer than all else: they go through a file, which the warehouse reads itself.
It lies here, or for a cluster on S3 below the archive, as long as the statement runs.
An embedded engine would keep all that it has read in memory; here it may not.
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

FEW_ROWS = 200  # these are quicker in a statement
BUFFER_BYTES = 4_000_000  # no line may be longer
FOLDER = "_nightshift/rows"
ENGINE_MEMORY = "100MB"
FRUGAL = {"memory_limit": f"'{ENGINE_MEMORY}'", "threads": "1"}


@contextmanager
def session() -> Iterator[Connection]:
    """Open a session like the warehouse's own, for streams of many rows."""
    with warehouse.session() as connection, _frugal(connection):
        yield connection


@contextmanager
def transaction(rows: int) -> Iterator[Connection]:
    """Open a transaction like the warehouse's own, to append about so many rows in."""
    opened = session if rows > FEW_ROWS else warehouse.session
    with opened() as connection, warehouse.begun(connection):
        yield connection


@contextmanager
def _frugal(connection: Connection) -> Iterator[None]:
    """Let an embedded engine take little memory, up to and with its checkpoint."""
    with warehouse.limited(connection, FRUGAL):
        yield
        if warehouse.is_single_writer():
            # Refused while another session of this process writes, which does it then.
            with suppress(duckdb.Error):
                connection.execute("-- loaders.warehouse.bulk_rows\ncheckpoint")


def append(
    connection: Connection,
    name: str,
    columns: Sequence[str],
    rows: Iterable[Sequence[object]],
) -> int:
    """Append rows without nulls to the table `ops.{name}`; return how many.

    In the open transaction, and in bounded memory however many rows come.
    """
    table = connection.table("ops", name)
    given = iter(rows)
    first = list(islice(given, FEW_ROWS + 1))
    if len(first) <= FEW_ROWS:
        connection.insert(table, columns, first)
        return len(first)
    with tempfile.TemporaryDirectory(prefix="nightshift-rows-") as folder:
        path = Path(folder) / f"{name}.csv"
        count = _write(path, chain(first, given))
        read = _read_here if warehouse.is_single_writer() else _copy
        read(connection, table, columns=columns, path=path)
    return count


def _write(path: Path, rows: Iterable[Sequence[object]]) -> int:
    """Write CSV with everything in quotes: then an empty text is none, and no null.

    The csv module looks at each character, which for JSON takes ten times as long.
    """
    count = 0
    with path.open("w", encoding="utf-8", newline="") as file:
        for row in rows:
            cells = '","'.join([str(cell).replace('"', '""') for cell in row])
            file.write(f'"{cells}"\n')
            count += 1
    return count


def _read_here(
    connection: Connection, table: str, *, columns: Sequence[str], path: Path
) -> None:
    names = ", ".join(identifier(column) for column in columns)
    texts = ", ".join(f"'{column}': 'varchar'" for column in columns)
    connection.execute(
        f"-- loaders.warehouse.bulk_rows append {table}\n"
        f"insert into {table} ({names}) select {names} from read_csv("
        f"?, columns = {{{texts}}}, auto_detect = false, header = false, "
        "delim = ',', quote = '\"', escape = '\"', new_line = '\\n', "
        f"allow_quoted_nulls = false, parallel = false, buffer_size = {BUFFER_BYTES}, "
        f"max_line_size = {BUFFER_BYTES})",
        [str(path)],
    )


def _copy(
    connection: Connection, table: str, *, columns: Sequence[str], path: Path
) -> None:
    url = f"{settings.load().required_archive_url()}/{FOLDER}/{uuid4().hex}.csv"
    names = ", ".join(identifier(column) for column in columns)
    s3.upload(path, url)
    try:
        connection.execute(
            f"-- loaders.warehouse.bulk_rows append {table}\n"
            f"copy {table} ({names}) from '{redshift_s3.quoted(url)}' "
            f"{redshift_s3.iam_role()} {redshift_s3.region_clause()} "
            "csv timeformat 'auto' compupdate off statupdate off"
        )
    finally:
        s3.delete([url])
