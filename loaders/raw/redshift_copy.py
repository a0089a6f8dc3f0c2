"""COPY of the objects of partitions into temporary tables on Redshift.

One COPY per partition and compression reads all of its objects by a manifest, each line
into one text column. Redshift reads the bucket itself with the IAM role from the
settings; no statement contains a key.
"""

import json
import re
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import structlog

from loaders import s3
from loaders.config import settings
from loaders.errors import ConfigError, DataError
from loaders.ledger.loads import Load
from loaders.raw.rules import MAX_LINE_BYTES
from loaders.warehouse import Connection, redshift_s3

DELIMITER = "\x1f"  # a control character, so a line with it is a reject anyway
MAXERROR = 100_000  # the maximum that COPY accepts
FILE_NAME_BYTES = 256  # of file_name in the system views
COMPRESSIONS = {".gz": "gzip", ".zst": "zstd"}
FOLDER = "_nightshift/manifests"
VIEW_ATTEMPTS, VIEW_SECONDS = 5, 1  # the system views lag behind on a busy cluster

log = structlog.get_logger()


@dataclass(frozen=True)
class Source:
    """What COPY reads for a listed object: the object itself, or a copy of it.

    `lines` is the number of lines, blank ones included, if it is known already.
    """

    item: s3.S3Object
    url: str
    lines: int | None = None


@dataclass(frozen=True)
class LoadError:
    """A row of `sys_load_error_detail`."""

    file_name: str
    line_number: int
    message: str


@dataclass(frozen=True)
class Copy:
    """A finished COPY: its temporary table, and how many lines it refused.

    `refused` is None if the server did not report the number.
    """

    load: Load
    table: str
    sources: Sequence[Source]
    refused: int | None
    errors: list[LoadError] = field(default_factory=list)


class CopyFailedError(Exception):
    """A COPY failed as a whole; `error` is the classified error of the session."""

    def __init__(self, error: DataError | ConfigError, copy: Copy) -> None:
        super().__init__(str(error))
        self.error = error
        self.copy = copy


@contextmanager
def folder(load_id: str) -> Iterator[str]:
    """Yield the URL of the load's own folder below the archive; delete it after."""
    url = f"{settings.load().required_archive_url()}/{FOLDER}/{load_id}"
    try:
        yield url
    finally:
        s3.delete(item.url for item in s3.list_objects(f"{url}/"))


def copy_partition(
    connection: Connection,
    load: Load,
    *,
    folder_url: str,
    replaced: Mapping[str, Source],
) -> list[Copy]:
    """Copy all lines of a partition into one temporary table per compression.

    `replaced` has what is read instead of some objects, by their URL. Objects without
    content are not read. Raises `CopyFailedError` if Redshift cannot read an object.
    """
    groups: dict[str, list[Source]] = defaultdict(list)
    for item in load.partition.objects:
        if item.size:
            source = replaced.get(item.url, Source(item, item.url))
            groups[compression(source.url)].append(source)
    return [
        _copy(
            connection,
            load,
            name,
            # Each attempt has its own tables, so that the system views separate them.
            table=f"copied_{load.load_id}_{len(replaced)}_{name or 'plain'}",
            sources=groups[name],
            folder_url=folder_url,
        )
        for name in sorted(groups)
    ]


def compression(url: str) -> str:
    """Return COPY's name of an object's compression, '' for none."""
    return next(
        (name for suffix, name in COMPRESSIONS.items() if url.endswith(suffix)), ""
    )


def _copy(
    connection: Connection,
    load: Load,
    name: str,
    *,
    table: str,
    sources: Sequence[Source],
    folder_url: str,
) -> Copy:
    manifest = f"{folder_url}/{table}.json"
    entries = [{"url": source.url, "mandatory": True} for source in sources]
    s3.write(manifest, json.dumps({"entries": entries}).encode())
    connection.execute(
        f"-- loaders.raw.redshift_copy create {table}\n"
        f"create temp table {table} (dt date default '{load.partition.dt}', "
        f"line varchar({MAX_LINE_BYTES})) diststyle even"
    )
    connection.take_server_messages()
    try:
        connection.execute(
            f"-- loaders.raw.redshift_copy copy {load.partition.source}\n"
            f"copy {table} (line) from '{redshift_s3.escape_url(manifest)}' "
            f"{redshift_s3.iam_role()} {redshift_s3.region_clause()} manifest "
            f"delimiter '{DELIMITER}' ignoreblanklines "
            f"{name} maxerror {MAXERROR} compupdate off statupdate off"
        )
    except (DataError, ConfigError) as error:
        raise CopyFailedError(error, Copy(load, table, sources, None)) from error
    refused = _refused(connection.take_server_messages())
    return Copy(load, table, sources, refused=refused)


def _refused(messages: Sequence[str]) -> int | None:
    """Return the number of lines that COPY could not load, as it reported it."""
    if not any("record(s) loaded" in message for message in messages):
        return None
    return sum(
        int(count)
        for message in messages
        for count in re.findall(r"(\d+) record\(s\) could not be loaded", message)
    )


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


def count_lines(connection: Connection, copies: Sequence[Copy]) -> dict[str, int]:
    """Return the lines that COPY scanned by URL, as the system views report them.

    The URLs of `indistinct_sources` are absent. Blank lines are scanned too.
    """
    unique = {
        name: sources[0].url
        for name, sources in _sources_by_file_name(copies).items()
        if len(sources) == 1
    }
    rows = _read_view(
        connection,
        [copy.table for copy in copies],
        "sum(detail.lines_scanned) from sys_load_detail as detail",
        is_complete=lambda rows: unique.keys() <= {name for _, name, _ in rows},
        group_by="group by 1, 2",
    )
    return {unique[name]: int(lines) for _, name, lines in rows if name in unique}


def indistinct_sources(copies: Sequence[Copy]) -> list[Source]:
    """Return the objects that the system views do not distinguish from others."""
    return [
        source
        for sources in _sources_by_file_name(copies).values()
        if len(sources) > 1
        for source in sources
    ]


def _sources_by_file_name(copies: Sequence[Copy]) -> dict[str, list[Source]]:
    sources: dict[str, list[Source]] = defaultdict(list)
    for copy in copies:
        for source in copy.sources:
            sources[file_name(source.url)].append(source)
    return sources


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
            "-- loaders.raw.redshift_copy read system view\n"
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
