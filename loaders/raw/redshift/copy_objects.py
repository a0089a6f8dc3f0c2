"""COPY of the objects of partitions into temporary tables on Redshift.

One COPY per partition and compression reads all of its objects by a manifest, each line
into one text column. Redshift reads the bucket itself with the IAM role from the
settings; no statement contains a key.
"""

import json
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from loaders import s3
from loaders.config import settings
from loaders.errors import ConfigError, DataError
from loaders.ledger.loads import Load
from loaders.raw.rules import MAX_LINE_BYTES
from loaders.warehouse import Connection, redshift_s3

DELIMITER = "\x1f"  # a control character, so a line with it is a reject anyway
DELIMITER_OPTION = r"\037"
MAXERROR = 100_000  # the maximum that COPY accepts
COMPRESSIONS = {".gz": "gzip", ".zst": "zstd"}
FOLDER = "_nightshift/manifests"


@dataclass(frozen=True)
class Source:
    """What COPY reads for a listed object: the object itself, or a copy of it.

    `size` is the size of a copy in bytes. `lines` is the number of lines, blank ones
    included, if it is known already.
    """

    item: s3.S3Object
    url: str
    size: int | None = None
    lines: int | None = None

    @property
    def is_copy(self) -> bool:
        """Whether COPY reads a copy of the listed object."""
        return self.url != self.item.url


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
    entries = [
        {
            "url": source.url,
            "mandatory": True,
            "meta": {
                "content_length": source.item.size
                if source.size is None
                else source.size
            },
        }
        for source in sources
    ]
    s3.write(manifest, json.dumps({"entries": entries}).encode())
    connection.execute(
        f"-- loaders.raw.redshift.copy_objects create {table}\n"
        f"create temp table {table} (dt date default '{load.partition.dt}', "
        f"line varchar({MAX_LINE_BYTES})) diststyle even"
    )
    connection.take_server_messages()
    try:
        connection.execute(
            f"-- loaders.raw.redshift.copy_objects copy {load.partition.source}\n"
            f"copy {table} (line) from '{redshift_s3.escape_url(manifest)}' "
            f"{redshift_s3.iam_role()} {redshift_s3.region_clause()} manifest "
            f"delimiter '{DELIMITER_OPTION}' ignoreblanklines "
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
