"""What the system views report about the COPYs of a load.

The views name an object by the first 256 bytes of its URL, and lag behind on a busy
cluster.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import structlog

from loaders.raw.redshift.copy_objects import Copy, LoadError, Source
from loaders.warehouse import Connection

FILE_NAME_BYTES = 256
VIEW_ATTEMPTS, VIEW_SECONDS = 5, 1

log = structlog.get_logger()


@dataclass(frozen=True)
class ScannedObject:
    """An object as COPY read it; `etag` is '' where the view has no ETags."""

    lines: int
    etag: str = ""


def read_errors(connection: Connection, copies: Sequence[Copy]) -> None:
    """Add to the copies the lines that the system views report as refused."""
    concerned = {copy.table: copy for copy in copies if copy.refused != 0}
    expected = sum(copy.refused or 0 for copy in concerned.values())
    rows = _read_view(
        connection,
        concerned,
        "detail.line_number, trim(detail.error_message) "
        "from sys_load_error_detail as detail",
        is_complete=lambda rows: len(rows) >= expected,
    )
    for table, file_name, line_number, message in rows:
        concerned[table].errors.append(LoadError(file_name, int(line_number), message))


def scanned_objects(
    connection: Connection, copies: Sequence[Copy]
) -> dict[str, ScannedObject]:
    """Return the objects that COPY read by URL, as the system views report them.

    Blank lines are among the scanned lines. The URLs of `indistinct_sources` are
    absent.
    """
    indistinct = {source.url for source in indistinct_sources(copies)}
    urls = {
        file_name(source.url): source.url
        for copy in copies
        for source in copy.sources
        if source.url not in indistinct
    }
    if not urls:
        return {}
    # An object that was read in several parts has one row per part. It has no ETag if
    # it was replaced between two of them.
    etag = "''"
    if _has_etags(connection):
        first, last = (f"{name}(trim(detail.file_etag))" for name in ("min", "max"))
        etag = f"case when {first} = {last} then {first} end"
    rows = _read_view(
        connection,
        [copy.table for copy in copies],
        f"sum(detail.lines_scanned), {etag} from sys_load_detail as detail",
        is_complete=lambda rows: urls.keys() <= {row[1] for row in rows},
        group_by="group by 1, 2",
    )
    return {
        urls[name]: ScannedObject(int(lines), (etag or "").strip('"'))
        for _, name, lines, etag in rows
        if name in urls
    }


def _has_etags(connection: Connection) -> bool:
    """Return whether the cluster's version of the view has the column `file_etag`."""
    columns = connection.columns(
        "-- loaders.raw.redshift.views list columns of sys_load_detail\n"
        "select * from sys_load_detail"
    )
    return "file_etag" in dict(columns)


def indistinct_sources(copies: Sequence[Copy]) -> list[Source]:
    """Return the objects whose names the system views cut, or do not distinguish."""
    sources = [source for copy in copies for source in copy.sources]
    names = Counter(file_name(source.url) for source in sources)
    return [
        source
        for source in sources
        if is_cut(source.url) or names[file_name(source.url)] > 1
    ]


def is_cut(url: str) -> bool:
    """Return whether the system views show only the start of a URL."""
    return len(url.encode()) > FILE_NAME_BYTES


def file_name(url: str) -> str:
    """Return a URL as the system views show it: cut, without trailing blanks."""
    return url.encode()[:FILE_NAME_BYTES].decode(errors="ignore").rstrip(" ")


def read_failure(connection: Connection, table: str) -> tuple[int, str, str]:
    """Return a failed COPY's number of errors, its worst file and an error of it.

    `connection` is another session, because that of the COPY accepts no statement.
    """
    rows = _read_view(
        connection,
        [table],
        "count(*), min(trim(detail.error_message)) "
        "from sys_load_error_detail as detail",
        is_complete=bool,
        group_by="group by 1, 2 order by 3 desc, 2",
        is_own_session=False,
    )
    if not rows:
        return 0, "", ""
    return sum(int(row[2]) for row in rows), rows[0][1], rows[0][3]


def _read_view(
    connection: Connection,
    tables: Iterable[str],
    query: str,
    *,
    is_complete: Callable[[list[tuple[Any, ...]]], bool],
    group_by: str = "",
    is_own_session: bool = True,
) -> list[tuple[Any, ...]]:
    """Return rows of a system view about the COPYs into temporary tables.

    `query` follows the columns table and file name; its view is called `detail`.
    """
    rows: list[tuple[Any, ...]] = []
    if not (names := list(tables)):
        return rows
    session = "history.session_id = pg_backend_pid() and " if is_own_session else ""
    for attempt in range(VIEW_ATTEMPTS):
        if attempt:
            time.sleep(VIEW_SECONDS)
        rows = connection.fetch_all(
            "-- loaders.raw.redshift.views read system view\n"
            f"select trim(history.table_name), trim(detail.file_name), {query} "
            "inner join sys_load_history as history "
            "on detail.query_id = history.query_id "
            f"where {session}trim(history.table_name) in "
            f"({', '.join('?' for _ in names)}) {group_by}",
            names,
        )
        if is_complete(rows):
            return rows
    log.warning("system views are incomplete", tables=names, query=query)
    return rows
