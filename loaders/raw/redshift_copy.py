"""COPY of one S3 object into a temporary table on Redshift, and its rejected lines.

Redshift reads the bucket itself with the IAM role from the settings; no statement
contains a key. `sys_load_error_detail` lists the lines that COPY rejects.
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
from loaders.raw.rules import (
    INVALID_UTF8,
    MAX_LINE_BYTES,
    TOO_LONG,
    unreadable_message,
)
from loaders.warehouse import Connection, redshift_s3

DELIMITER = "\x1f"  # occurs in no log, so each line is one column
MAXERROR = 100_000  # the maximum that COPY accepts
FILE_NAME_LENGTH = 256  # of sys_load_error_detail.file_name
MAX_REASON_CHARACTERS = 1_000
COMPRESSIONS = {".gz": "gzip", ".zst": "zstd"}
MANIFEST_FOLDER = "_nightshift/manifests"
UPLOAD_THREADS = 4


@dataclass(frozen=True)
class CopyReject:
    """A line that COPY rejected: its number in the object, the reason and its text."""

    line_number: int
    reason: str
    line: str


@contextmanager
def manifests(items: Sequence[s3.S3Object], *, folder: str) -> Iterator[dict[str, str]]:
    """Write one COPY manifest per object and delete them all at the end.

    Yields the manifests' URLs by object URL. They are stored below the archive's
    `_nightshift/` prefix and contain the listed size of the object.
    """
    prefix = f"{settings.load().required_archive_url()}/{MANIFEST_FOLDER}/{folder}"
    urls = {item.url: f"{prefix}/{number:05}.json" for number, item in enumerate(items)}

    def write(item: s3.S3Object) -> None:
        entry = {
            "url": item.url,
            "mandatory": True,
            "meta": {"content_length": item.size},
        }
        s3.write(urls[item.url], json.dumps({"entries": [entry]}, indent=1).encode())

    try:
        with ThreadPoolExecutor(UPLOAD_THREADS) as threads:
            list(threads.map(write, items))
        yield urls
    finally:
        s3.delete(urls.values())


def copy_object(
    connection: Connection, item: s3.S3Object, *, number: int, manifest: str
) -> list[CopyReject]:
    """Copy one object's lines into the temporary table `copied_NUMBER`.

    Returns the lines that COPY rejected. Raises `DataError` if it cannot read the
    object at all.
    """
    connection.execute(
        f"-- loaders.raw.redshift_copy create copied_{number}\n"
        f"create temp table copied_{number} ("
        f"object_number integer default {number}, "
        f"line varchar({MAX_LINE_BYTES})) diststyle even"
    )
    compression = next(
        (name for suffix, name in COMPRESSIONS.items() if item.name.endswith(suffix)),
        "",
    )
    connection.take_server_messages()
    try:
        connection.execute(
            f"-- loaders.raw.redshift_copy copy {_comment_text(item.key)}\n"
            f"copy copied_{number} (line) from '{redshift_s3.escape_url(manifest)}' "
            f"{redshift_s3.iam_role()} {redshift_s3.region_clause()} manifest "
            f"delimiter '{DELIMITER}' "
            f"{compression} maxerror {MAXERROR} compupdate off statupdate off"
        )
    except DataError as error:
        cause = f"{error} {_first_load_error(item)}".rstrip(" .")
        raise DataError(unreadable_message(item.url, cause)) from error
    return _copy_rejects(
        connection, item, server_messages=connection.take_server_messages()
    )


def _copy_rejects(
    connection: Connection, item: s3.S3Object, *, server_messages: list[str]
) -> list[CopyReject]:
    """Return the rejects of the session's last COPY, with their text read from S3.

    Raises `DataError` if COPY reported more rejects than the error table contains.
    """
    load_errors = connection.fetch_all(
        "-- loaders.raw.redshift_copy read load errors\n"
        "select line_number, error_code, trim(error_message) "
        "from sys_load_error_detail where query_id = pg_last_copy_id() order by 1"
    )
    reported = [
        int(count)
        for message in server_messages
        for count in re.findall(r"(\d+) record\(s\) could not be loaded", message)
    ]
    reasons = {
        int(number): _reason(int(code), message)
        for number, code, message in load_errors
    }
    if reported and sum(reported) != len(reasons):
        raise DataError(
            f"COPY rejected {sum(reported)} lines of {item.url}, but "
            f"sys_load_error_detail contains {len(reasons)}. No line of its partition "
            f"was loaded. Run again; if the error persists, report this object as a "
            f"bug."
        )
    lines = spool.read_lines(item, reasons) if reasons else {}
    return [
        CopyReject(number, reason, lines.get(number, ""))
        for number, reason in reasons.items()
    ]


def _reason(code: int, message: str) -> str:
    """Return the reason as DuckDB loads record it, or else COPY's own message."""
    text = message.lower()
    if code == 1220 or "utf8" in text or "utf-8" in text or "null byte" in text:
        return INVALID_UTF8
    if code == 1204 or "length" in text:
        return TOO_LONG
    return message[:MAX_REASON_CHARACTERS]


def _first_load_error(item: s3.S3Object) -> str:
    """Return the first error of a failed COPY, '' if there is none.

    Uses a second session because the failed transaction accepts no more statements.
    """
    with warehouse.session() as other:
        row = other.fetch_one(
            "-- loaders.raw.redshift_copy read failure\n"
            "select line_number, trim(error_message) from sys_load_error_detail "
            "where trim(file_name) = ? order by start_time desc, line_number limit 1",
            [item.url[:FILE_NAME_LENGTH]],
        )
    return f"Line {row[0]}: {row[1]}." if row else ""


def _comment_text(key: str) -> str:
    """Replace characters that end a comment or that the driver reads as parameters."""
    return re.sub(r"[^ -~]|[?%:]", "_", key)
