"""COPY of JSON, CSV, delimited text and Parquet, and how values are converted."""

import datetime as dt
import io
import json
from decimal import Decimal

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.emulators.redshift.tests.conftest import Bucket, Session

COLUMNS = (
    "id int, name varchar(5), day date, at timestamp, doc super, price numeric(6,2)"
)
REJECTS = (
    "select line_number, trim(colname), trim(err_reason) from stl_load_errors"
    " where query = pg_last_copy_id() order by line_number"
)
CONVERSIONS = [
    ("smallint", "7", 7, "32768", "Overflow"),
    ("integer", " 12 ", 12, "1.5", "Invalid digit, Value '.', Pos 1, Type: Integer"),
    ("bigint", "-9223372036854775808", -(2**63), "9223372036854775808", "Overflow"),
    ("numeric(5,2)", "1.239", Decimal("1.23"), "1000", "Numeric overflow"),
    ("double precision", "1e3", 1000.0, "abc", "Invalid float"),
    ("boolean", "yes", True, "2", "Unknown boolean format"),
    ("date", "2026-11-24", dt.date(2026, 11, 24), "24.11.26", "Invalid Date Format"),
    ("timestamp", "2026-11-24 01:02:03.5", dt.datetime(2026, 11, 24, 1, 2, 3, 500000),
     "2026-11-24T01:02:03Z", "Invalid timestamp format or value"),
    ("varchar(3)", "\u00e4b", "\u00e4b", "\u00e4bc", "String length exceeds DDL"),
    ("super", '{"a": [1]}', '{"a":[1]}', "{", "Invalid JSON"),
    ("int not null", "1", 1, "", "Missing data for not-null field"),
]  # fmt: skip
TIMESTAMPS = [
    ("auto", "2026-11-24T01:02:03Z"),
    ("auto", "2026-11-24T03:02:03+02:00"),
    ("auto", "2026-11-24 01:02:03"),
    ("auto", "2026/11/24 01:02:03"),
    ("auto", "11/24/2026 1:02:03 AM"),
    ("auto", "24 Nov 2026 01:02:03"),
    ("epochsecs", "1795482123"),
    ("epochmillisecs", "1795482123000"),
    ("DD.MM.YYYY HH24:MI:SS", "24.11.2026 01:02:03"),
]
SCHEMA = "incompatible Parquet schema"
SPECTRUM = "repost.aws: Spectrum scan error, incompatible Parquet schema"
DECIMAL = "G-Research/ParquetSharp#252"
WIDTHS = [  # source, column's type, file's type, message
    (SPECTRUM, "int", pa.int32(), ""),
    (SPECTRUM, "int", pa.int16(), ""),
    (SPECTRUM, "int", pa.int64(), SCHEMA),
    (SPECTRUM, "bigint", pa.int64(), ""),
    (SPECTRUM, "bigint", pa.int32(), SCHEMA),
    (SPECTRUM, "bigint", pa.decimal128(20, 0), SCHEMA),
    (SPECTRUM, "smallint", pa.int16(), ""),
    (SPECTRUM, "smallint", pa.int32(), SCHEMA),
    (SPECTRUM, "real", pa.float32(), ""),
    (SPECTRUM, "real", pa.float64(), SCHEMA),
    (SPECTRUM, "float8", pa.float64(), ""),
    (SPECTRUM, "float8", pa.float32(), SCHEMA),
    (SPECTRUM, "int", pa.float64(), SCHEMA),
    (SPECTRUM, "varchar(9)", pa.int32(), SCHEMA),
    (DECIMAL, "numeric(20,2)", pa.decimal128(20, 2), ""),
    (DECIMAL, "numeric(20,2)", pa.decimal128(20, 1), SCHEMA),
    (DECIMAL, "numeric(18,9)", pa.decimal128(29, 9), "Expecting: 8 len in file: 13"),
]


@pytest.mark.parametrize(("kind", "good", "value", "bad", "message"), CONVERSIONS)
def test_value_is_converted_or_rejected(
    session: Session, bucket: Bucket, kind: str, good: str, value: object, bad: str,
    message: str,
) -> None:  # fmt: skip
    session.run(f"create table t (pad int, a {kind})")
    url = bucket.put("data", f"1|{good}\n2|{bad}\n".encode())
    session.run(f"copy t from '{url}' iam_role default maxerror 2")
    assert session.run("select a from t") == [[value]]
    [[number, column, reason]] = session.run(REJECTS)
    assert (number, column) == (2, "a")
    assert message in reason


@pytest.mark.parametrize(("time_format", "text"), TIMESTAMPS)
def test_timeformat_parses_timestamp(
    session: Session, bucket: Bucket, time_format: str, text: str
) -> None:
    session.run("create table t (at timestamp)")
    url = bucket.put("data", text)
    session.run(f"copy t from '{url}' iam_role default timeformat as '{time_format}'")
    assert session.run("select at from t") == [[dt.datetime(2026, 11, 24, 1, 2, 3)]]


def test_json_auto_matches_columns_by_name(session: Session, bucket: Bucket) -> None:
    session.run(f"create table t ({COLUMNS})")
    url = bucket.put(
        "rows",
        b'{"id": 1, "name": "one", "day": "2026-11-24", "at": "2026-11-24T01:02:03Z",'
        b' "doc": {"x": [1, "y"]}, "price": 12.349, "unknown": true}\n'
        b'{"id": "2", "NAME": "two"}\n'
        b'{"id": "x"}\nnonsense\n\n{"id": 5,\n "name": "five"}\n'
        b'{"id": 6, "name": "broken\n{"id": 7}\n[8]\n',
    )
    copy = f"copy t from '{url}' iam_role default timeformat 'auto' dateformat 'auto'"
    session.run(f"{copy} format as json 'auto' maxerror 10")
    assert session.run("select * from t where id = 1") == [
        [1, "one", dt.date(2026, 11, 24), dt.datetime(2026, 11, 24, 1, 2, 3),
         '{"x":[1,"y"]}', Decimal("12.34")]
    ]  # fmt: skip
    assert session.run("select id, name from t where id > 1 order by id") == [
        [2, None],
        [5, "five"],
        [7, None],
    ]
    assert [row[0] for row in session.run(REJECTS)] == [3, 4, 8, 10]
    session.run("delete from t")
    session.run(f"{copy} json 'auto ignorecase' maxerror 10")
    assert session.value("select name from t where id = 2") == "two"


def test_json_paths_select_columns(session: Session, bucket: Bucket) -> None:
    session.run("create table t (a int, b varchar(9), c super)")
    paths = bucket.put(
        "paths.json", json.dumps({"jsonpaths": ["$.id", "$['in']['list'][1]", "$.in"]})
    )
    url = bucket.put("rows", b'{"id": 1, "in": {"list": ["x", "y"]}}\n{"id": 2}\n')
    session.run(f"copy t from '{url}' iam_role default json '{paths}'")
    assert session.run("select * from t order by a") == [
        [1, "y", '{"list":["x","y"]}'],
        [2, None, None],
    ]
    message = session.error(
        f"copy t (a, b) from '{url}' iam_role default json '{paths}'"
    )
    assert "Number of jsonpaths" in message


def test_csv_with_header_quotes_and_rejects(session: Session, bucket: Bucket) -> None:
    session.run("create table t (id int, name varchar(20))")
    url = bucket.put(
        "rows.csv",
        b'id,name\n1,"a, ""b""\nc"\n2,\n3,"bad"x\n4,more,fields\n5,\xc3\xa4\n',
    )
    session.run(f"copy t from '{url}' iam_role default csv ignoreheader 1 maxerror 5")
    assert session.run("select * from t order by id") == [
        [1, 'a, "b"\nc'],
        [2, ""],
        [5, "\u00e4"],
    ]
    assert [row[0] for row in session.run(REJECTS)] == [5, 6]


def test_delimited_with_escapes_nulls_and_missing_columns(
    session: Session, bucket: Bucket
) -> None:
    session.run("create table t (id int, name varchar(20), note varchar(20))")
    url = bucket.put("rows", b"1|a\\|b|line\\\nend\n2|\\N|x\n3|'q|q'\n4\n")
    session.run(f"copy t from '{url}' iam_role default escape fillrecord removequotes")
    assert session.run("select * from t order by id") == [
        [1, "a|b", "line\nend"],
        [2, None, "x"],
        [3, "q|q", None],
        [4, None, None],
    ]
    message = session.error(f"copy t from '{url}' iam_role default escape")
    assert "Delimiter not found" in message


def test_unlisted_columns_get_identity_or_default(
    session: Session, bucket: Bucket
) -> None:
    session.run(
        "create table t (id bigint identity(1, 1), a int, b varchar(9) default 'none')"
    )
    url = bucket.put("rows", b"10\n20\n")
    session.run(f"copy t (a) from '{url}' iam_role default")
    assert session.run("select * from t order by 1") == [
        [1, 10, "none"],
        [2, 20, "none"],
    ]


def write_parquet(table: pa.Table) -> bytes:
    """Return a table as the bytes of a Parquet file."""
    out = io.BytesIO()
    pq.write_table(table, out)
    return out.getvalue()


def test_parquet_manifest_needs_content_length(
    session: Session, bucket: Bucket
) -> None:
    session.run(f"create table t ({COLUMNS})")
    timestamp = dt.datetime(2026, 11, 24, 1, 2, 3)
    body = write_parquet(
        pa.table(
            {
                "a": pa.array([1, None], pa.int32()),
                "b": ["one", None],
                "c": [timestamp.date(), None],
                "d": [timestamp, None],
                "e": ['{"x": 1}', None],
                "f": pa.array([Decimal("1.50"), None], pa.decimal128(6, 2)),
            }
        )
    )
    entry = {"url": bucket.put("rows.parquet", body)}
    url = bucket.put("m1", json.dumps({"entries": [entry]}))
    copy = "copy t from '{}' iam_role default format as parquet manifest"
    assert "Missing content_length" in session.error(copy.format(url))
    entry["meta"] = {"content_length": len(body)}
    url = bucket.put("m2", json.dumps({"entries": [entry]}))
    session.run(copy.format(url))
    assert session.run("select * from t order by id") == [
        [1, "one", timestamp.date(), timestamp, '{"x":1}', Decimal("1.50")],
        [None] * 6,
    ]


def test_parquet_with_wrong_schema_is_rejected(
    session: Session, bucket: Bucket
) -> None:
    session.run("create table t (a int, b varchar(3))")
    copy = "copy t from '{}' iam_role default format as parquet"
    url = bucket.put("wide", write_parquet(pa.table({"a": [1]})))
    assert "Unmatched number of columns" in session.error(copy.format(url))
    url = bucket.put("none", b"PAR0")
    assert "invalid Parquet file" in session.error(copy.format(url))


@pytest.mark.parametrize(("source", "kind", "found", "message"), WIDTHS)
def test_parquet_columns_have_the_width_of_the_table(
    tables: Session, bucket: Bucket, source: str, kind: str, found: pa.DataType,
    message: str,
) -> None:  # fmt: skip
    tables.run("drop table if exists widths")
    tables.run(f"create table widths (a {kind})")
    value = Decimal(1) if pa.types.is_decimal(found) else 1
    body = write_parquet(pa.table({"a": pa.array([value], found)}))
    url = bucket.put("file", body)
    copy = f"copy widths from '{url}' iam_role default format as parquet"
    if message:
        assert message in tables.error(copy), source
    else:
        tables.run(copy)
        assert tables.value("select a from widths") == 1
