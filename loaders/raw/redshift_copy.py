"""A cluster and S3: the clauses of COPY and UNLOAD, and the COPY of one object.

The cluster reads and writes the buckets itself, as the role that the settings name; no
key is ever in a statement. What COPY refuses is in the cluster's error table.
"""

import json
import re
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass

from loaders import s3, warehouse
from loaders.config import settings
from loaders.errors import DataError
from loaders.raw import spool
from loaders.raw.rules import INVALID_UTF8, MAX_LINE_BYTES, TOO_LONG
from loaders.warehouse import Connection, redshift_s3

DELIMITER = "\x1f"  # one column: no log holds this
MAXERROR = 100_000  # the most that COPY takes
FILE_NAME_LENGTH = 256  # of the error table's column
COMPRESSIONS = {".gz": "gzip", ".zst": "zstd"}
MANIFESTS = "_nightshift/manifests"
SENDERS = 4


@dataclass(frozen=True)
class Refused:
    """A line that COPY did not take: its place in the object, and why."""

    line_number: int
    reason: str
    line: str


@contextmanager
def manifests(items: Sequence[s3.S3Object], *, folder: str) -> Iterator[dict[str, str]]:
    """Keep a manifest for each object, outside of all data, while it is copied.

    Gives the manifests' URLs by the objects'; each tells the size that was listed.
    """
    prefix = f"{settings.load().required_archive_url()}/{MANIFESTS}/{folder}"
    urls = {item.url: f"{prefix}/{number:05}.json" for number, item in enumerate(items)}

    def write(item: s3.S3Object) -> None:
        entry = {"url": item.url, "mandatory": True}
        entry["meta"] = {"content_length": item.size}
        s3.write(urls[item.url], json.dumps({"entries": [entry]}, indent=1).encode())

    try:
        with ThreadPoolExecutor(SENDERS) as senders:
            list(senders.map(write, items))
        yield urls
    finally:
        s3.delete(urls.values())


def copy_object(
    connection: Connection, item: s3.S3Object, *, number: int, manifest: str
) -> list[Refused]:
    """Copy one object's lines into `copied_N`; return what COPY refused."""
    connection.execute(
        f"-- loaders.raw.load lines {number}\n"
        f"create temp table copied_{number} ("
        f"object_number integer default {number}, "
        f"line varchar({MAX_LINE_BYTES})) diststyle even"
    )
    compression = next(
        (word for end, word in COMPRESSIONS.items() if item.name.endswith(end)), ""
    )
    connection.take_notices()
    try:
        connection.execute(
            f"-- loaders.raw.load {_comment(item.key)}\n"
            f"copy copied_{number} (line) from '{redshift_s3.quoted(manifest)}' "
            f"{redshift_s3.iam_role()} {redshift_s3.region_clause()} manifest "
            f"delimiter '{DELIMITER}' "
            f"{compression} maxerror {MAXERROR} compupdate off statupdate off"
        )
    except DataError as error:
        raise DataError(
            f"{item.url} cannot be read: {error} {_detail(item)}Have it delivered "
            f"again; nothing of its partition was loaded and earlier content is as it "
            f"was."
        ) from error
    return _refused(connection, item, notices=connection.take_notices())


def _refused(
    connection: Connection, item: s3.S3Object, *, notices: list[str]
) -> list[Refused]:
    told = connection.fetch_all(
        "-- loaders.raw.load refused\n"
        "select line_number, error_code, trim(error_message) "
        "from sys_load_error_detail where query_id = pg_last_copy_id() order by 1"
    )
    counted = [
        int(count)
        for notice in notices
        for count in re.findall(r"(\d+) record\(s\) could not be loaded", notice)
    ]
    reasons = {
        int(number): _reason(int(code), message) for number, code, message in told
    }
    if counted and sum(counted) != len(reasons):
        raise DataError(
            f"COPY refused {sum(counted)} lines of {item.url}, but the error table "
            f"tells of {len(reasons)}. Nothing was loaded; run again, and report this "
            f"object if it stays so."
        )
    lines = spool.lines(item, reasons) if reasons else {}
    return [
        Refused(number, reason, lines.get(number, ""))
        for number, reason in reasons.items()
    ]


def _reason(code: int, message: str) -> str:
    """Say it as the embedded engine would; what it does not know, as the cluster."""
    told = message.lower()
    if code == 1220 or "utf8" in told or "utf-8" in told or "null byte" in told:
        return INVALID_UTF8
    if code == 1204 or "length" in told:
        return TOO_LONG
    return message[:1000]


def _detail(item: s3.S3Object) -> str:
    """Ask on a session of its own why a COPY failed: the failed one is dead."""
    with warehouse.session() as other:
        found = other.fetch_one(
            "-- loaders.raw.load failure\n"
            "select line_number, trim(error_message) from sys_load_error_detail "
            "where trim(file_name) = ? order by start_time desc, line_number limit 1",
            [item.url[:FILE_NAME_LENGTH]],
        )
    return f"Line {found[0]}: {found[1]}. " if found else ""


def _comment(text: str) -> str:
    return re.sub(r"[^ -~]|[?%:]", "_", text)
