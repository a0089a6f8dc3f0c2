"""COPY as the loaders use it: raw lines by manifest, rejects, errors, cancellation."""

import bz2
import gzip
import json
import socket
import threading
from collections.abc import Callable

import psutil
import psycopg2
import psycopg2.errors
import pytest
import zstandard

from tests.emulators.redshift.tests.conftest import ROLE, Bucket, Emulator, Session
from tests.emulators.redshift.tests.test_connection import (
    connect_psycopg,
    eventually,
    run_and_fail,
)

RAW = "delimiter '\\001' compupdate off statupdate off"
COMPRESSORS = {
    "": lambda body: body,
    "gzip": gzip.compress,
    "zstd": zstandard.compress,
    "bzip2": bz2.compress,
}
LINES = [
    '{"a": 1, "note": "tab\there, \\\\N and \\"quotes\\""}',
    '10.0.0.1 - - [24/Nov/2026:00:00:00 +0000] "GET /\u00e4|x HTTP/1.1" 200 5',
    "  spaces  ",
    "last, without an end",
]
MEGABYTE = 1024 * 1024


def manifest(bucket: Bucket, *bodies: bytes, name: str = "manifest") -> str:
    """Write objects and the manifest that lists them; return the manifest's URL."""
    entries = [
        {
            "url": bucket.put(f"{name}-part-{number}", body),
            "mandatory": True,
            "meta": {"content_length": len(body)},
        }
        for number, body in enumerate(bodies)
    ]
    return bucket.put(name, json.dumps({"entries": entries}))


@pytest.fixture
def raw(session: Session) -> Session:
    """Return a session with a table of one text column."""
    session.run("create table raw (line varchar(65535))")
    return session


@pytest.mark.parametrize("compression", COMPRESSORS)
def test_lines_are_loaded_unchanged(
    raw: Session, bucket: Bucket, compression: str
) -> None:
    compress = COMPRESSORS[compression]
    first, second = "\n".join(LINES).encode(), "\n".join(LINES[:2]).encode() + b"\n"
    url = manifest(bucket, compress(first), compress(second) + compress(b"one more\n"))
    raw.run(
        f"copy raw from '{url}' iam_role '{ROLE}' manifest {RAW} {compression}"
        " region 'us-east-1' maxerror 100"
    )
    lines = [line for [line] in raw.run("select line from raw")]
    assert sorted(lines) == sorted([*LINES, *LINES[:2], "one more"])
    assert raw.value("select pg_last_copy_count()") == 7


def test_ignoreblanklines_skips_blank_lines(raw: Session, bucket: Bucket) -> None:
    url = bucket.put("lines", b"a\n\n\r\nb\r\n\n")
    raw.run(f"copy raw from '{url}' iam_role default {RAW} ignoreblanklines")
    assert raw.run("select line from raw order by 1") == [["a"], ["b"]]
    raw.run("delete from raw")
    raw.run(f"copy raw from '{url}' iam_role default {RAW} maxerror 9")
    assert raw.value("select count(*) from raw") == 2
    errors = "select err_code, trim(err_reason) from stl_load_errors where query = "
    assert (
        raw.run(f"{errors} pg_last_copy_id()")
        == [[1211, "Input line contained no data"]] * 3
    )


def test_invalid_lines_are_rejected_and_listed(raw: Session, bucket: Bucket) -> None:
    url = bucket.put(
        "lines",
        b"good\nnot \xff utf-8\nzero \0 byte\n" + b"x" * 70_000 + b"\nno\x01\ngood",
    )
    raw.run(f"copy raw from '{url}' iam_role default {RAW} maxerror 100")
    assert raw.run("select line, count(*) from raw group by 1") == [["good", 2]]
    assert raw.run(
        "select trim(filename), line_number, trim(colname), trim(type), err_code,"
        " trim(err_reason), left(raw_line, 5) from stl_load_errors"
        " where query = pg_last_copy_id() order by line_number"
    ) == [
        [url, 2, "", "", 1220, "String contains invalid or unsupported UTF8 codepoints."
         " Bad UTF8 hex sequence: ff (error 1)", "not \ufffd"],
        [url, 3, "line", "varchar", 1218,
         "Invalid null byte - field longer than 1 byte", "zero "],
        [url, 4, "line", "varchar", 1204, "String length exceeds DDL length", "xxxxx"],
        [url, 5, "", "", 1202, "Extra column(s) found", "no\x01"],
    ]  # fmt: skip
    assert raw.run(
        "select detail.file_name, detail.lines_scanned from sys_load_detail as detail"
        " inner join sys_load_history as history on detail.query_id = history.query_id"
        " where history.session_id = pg_backend_pid() and history.table_name = 'raw'"
        f" and detail.file_name = '{url}'"
    ) == [[url, 6]]
    raw.run(f"copy raw from '{url}' iam_role default {RAW} maxerror 9 truncatecolumns")
    assert raw.value("select max(octet_length(line)) from raw") == 65535


def test_copy_fails_at_maxerror(
    connect: Callable[..., Session], bucket: Bucket
) -> None:
    session, other = connect(), connect()
    session.run("create table raw (line varchar(5))")
    url = bucket.put("lines", b"good\nmuch too long\nfine\ntoo long again\n")
    session.run("begin")
    message = session.error(f"copy raw from '{url}' iam_role default {RAW} maxerror 2")
    assert "Load into table 'raw' failed.  Check 'sys_load_error_detail'" in message
    # The transaction has failed, but another connection can read the rejects.
    assert "current transaction is aborted" in session.error("select 1")
    assert other.run(
        "select line_number, column_name, column_length, error_message"
        f" from sys_load_error_detail where file_name = '{url}' order by 1"
    ) == [
        [2, "line", "5", "String length exceeds DDL length"],
        [4, "line", "5", "String length exceeds DDL length"],
    ]
    session.run("rollback")
    assert session.value("select count(*) from raw") == 0
    assert session.run(
        f"select status, loaded_rows from sys_load_history where data_source = '{url}'"
    ) == [["failed", 0]]


def test_copy_is_part_of_its_transaction(
    connect: Callable[..., Session], bucket: Bucket
) -> None:
    session, other = connect(), connect()
    session.run("create table raw (line varchar(20))")
    url = bucket.put("lines", b"a\nb\n")
    session.run("begin")
    session.run(f"copy raw from '{url}' iam_role default {RAW}")
    assert session.value("select pg_last_copy_count()") == 2
    assert other.value("select count(*) from raw") == 0
    session.run("rollback")
    assert session.value("select count(*) from raw") == 0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("iam_role 'arn:aws:iam::1:role/other'", "Not authorized to get credentials"),
        ("", "IAM_ROLE is missing"),
        ("access_key_id 'AKIA' secret_access_key 'secret'", "instead: IAM_ROLE"),
        ("iam_role default region 'eu-west-1'", "different region"),
        (
            "iam_role default fixedwidth 'a:1'",
            "FIXEDWIDTH is not supported by this emulator",
        ),
        ("iam_role default format as orc", "ORC is not supported by this emulator"),
        ("iam_role default delimiter '||'", "single ASCII character"),
        ("iam_role default maxerror 100001", "MAXERROR must be at most"),
        ("iam_role default nonsense", 'syntax error at or near "nonsense"'),
        ("iam_role default gzip", "gzip data of s3://"),
    ],
)
def test_invalid_copy_is_rejected(
    raw: Session, bucket: Bucket, options: str, message: str
) -> None:
    url = bucket.put("lines", b"a\n")
    assert message in raw.error(f"copy raw from '{url}' {options}")


def test_missing_source_or_table_is_an_error(raw: Session, bucket: Bucket) -> None:
    copy = "copy raw from '{}' iam_role default " + RAW
    assert "The specified S3 prefix" in raw.error(copy.format(f"{bucket.url}/none"))
    message = raw.error(copy.format(f"{bucket.url}/none") + " manifest")
    assert "Problem reading manifest file" in message
    assert "Error NoSuchKey" in message
    existing = bucket.put("existing", b"a\n")
    missing = {"url": f"{bucket.url}/missing", "mandatory": True}
    url = bucket.put("m1", json.dumps({"entries": [{"url": existing}, missing]}))
    message = raw.error(copy.format(url) + " manifest")
    assert "The specified key does not exist" in message
    assert missing["url"] in message
    missing["mandatory"] = False
    url = bucket.put("m2", json.dumps({"entries": [{"url": existing}, missing]}))
    raw.run(copy.format(url) + " manifest")
    assert raw.value("select count(*) from raw") == 1
    message = raw.error(copy.format(url).replace("raw", "nowhere", 1) + " manifest")
    assert "Cannot COPY into nonexistent table nowhere" in message


def test_content_length_in_manifest_is_checked_for_parquet_only(
    raw: Session, bucket: Bucket
) -> None:
    entry = {"url": bucket.put("a", b"abc\n"), "meta": {"content_length": 5}}
    url = bucket.put("m", json.dumps({"entries": [entry]}))
    copy = f"copy raw from '{url}' iam_role default manifest"
    raw.run(f"{copy} {RAW}")
    assert raw.run("select line from raw") == [["abc"]]
    assert "states content_length 5" in raw.error(f"{copy} format as parquet")


@pytest.mark.parametrize("compression", ["gzip", "zstd", "bzip2"])
def test_error_names_damaged_object(
    raw: Session, bucket: Bucket, compression: str
) -> None:
    lines = "".join(f"line {n}\n" for n in range(5000)).encode()
    compressed = COMPRESSORS[compression](lines)
    for number, body in enumerate([compressed[:-20], b"not compressed"]):
        url = bucket.put(f"damaged-{number}", body)
        message = raw.error(
            f"copy raw from '{url}' iam_role default {RAW} {compression}"
        )
        assert f"The {compression} data of {url} cannot be read" in message
    assert raw.value("select count(*) from raw") == 0


def test_history_does_not_contain_access_keys(raw: Session, bucket: Bucket) -> None:
    url = bucket.put("lines", b"a\n")
    raw.error(f"copy raw from '{url}' access_key_id 'AK' secret_access_key 'S3CR'")
    texts = raw.run("select query_text from sys_query_history where query_text ~ 'AK'")
    assert texts == []


def test_client_that_disconnects_during_copy_leaves_nothing(
    connect: Callable[..., Session], bucket: Bucket, emulator: Emulator
) -> None:
    disconnected, session = connect(), connect()
    session.run("create table raw (line varchar(65535))")
    before = emulator.send_admin_request(do="sessions")["sessions"]
    url = manifest(bucket, *[gzip.compress((b"x" * 499 + b"\n") * 200_000, 1)] * 3)
    disconnected.run("begin")
    disconnected.run("insert into raw values ('first')")
    copy = f"copy raw from '{url}' iam_role default {RAW} manifest gzip"
    thread = threading.Thread(target=run_and_fail, args=(disconnected, copy))
    thread.start()
    copying = "select count(*) from pg_stat_activity where query ilike 'copy %%stdin'"
    assert eventually(lambda: session.value(copying) > 0)
    disconnected.connection._usock.shutdown(socket.SHUT_RDWR)
    thread.join()
    assert eventually(
        lambda: emulator.send_admin_request(do="sessions")["sessions"] == before - 1
    )
    assert eventually(lambda: session.value(copying) == 0)
    assert session.value("select count(*) from raw") == 0
    session.run("drop table raw")


def test_copy_can_be_cancelled(
    session: Session, bucket: Bucket, emulator: Emulator
) -> None:
    session.run("create table raw (line varchar(65535))")
    url = manifest(bucket, *[gzip.compress((b"x" * 499 + b"\n") * 200_000, 1)] * 3)
    copying = "select count(*) from pg_stat_activity where query ilike 'copy %%stdin'"
    connection = connect_psycopg(emulator)
    caught: list[BaseException] = []

    def run() -> None:
        try:
            connection.cursor().execute(
                f"copy {session.schema}.raw from '{url}' iam_role default {RAW}"
                " manifest gzip"
            )
        except psycopg2.Error as error:
            caught.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    assert eventually(lambda: session.value(copying) > 0)
    connection.cancel()
    thread.join()
    assert isinstance(caught[0], psycopg2.errors.QueryCanceled)
    connection.rollback()
    assert session.value("select count(*) from raw") == 0
    connection.close()


def test_copy_uses_bounded_memory(
    raw: Session, bucket: Bucket, emulator: Emulator
) -> None:
    line = b"x" * 499 + b"\n"
    bodies = [gzip.compress(line * 100_000, 1) for _ in range(3)]
    url = manifest(bucket, *bodies)
    relay = psutil.Process(emulator.pid)
    before = relay.memory_info().rss
    raw.run(f"copy raw from '{url}' iam_role default {RAW} manifest gzip")
    grown = relay.memory_info().rss - before
    assert raw.value("select count(*) from raw") == 300_000
    assert grown < 100 * MEGABYTE, "COPY held much of the 150 MB of lines in memory"
