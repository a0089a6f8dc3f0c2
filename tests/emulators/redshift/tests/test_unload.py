"""UNLOAD: formats, destinations, partitions, errors."""

import datetime as dt
import gzip
import io
import json
from decimal import Decimal

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.emulators.redshift.tests.conftest import ROLE, Bucket, Session

TIMESTAMP = dt.datetime(2026, 11, 24, 1, 2, 3, 250_000)


@pytest.fixture
def table(session: Session) -> Session:
    """Return a session with a table that has a column of each type."""
    session.run(
        "create table t (id int, big bigint, price numeric(8, 3), share float8,"
        " is_paid boolean, name varchar(20), day date, at timestamp, doc super)"
    )
    session.run(
        "insert into t select 1, 2, 3.5, 0.25, true, 'a, \"b\" ''c'' \\\\ d',"
        " '2026-11-24', '2026-11-24 01:02:03.25', json_parse('{\"x\": 1}')"
    )
    session.run("insert into t (id, name, day) values (2, '', '2026-11-25')")
    session.run("insert into t (id) values (3)")
    return session


def read_parquet(body: bytes) -> pa.Table:
    """Read a Parquet file."""
    return pq.read_table(io.BytesIO(body))


def test_parquet_has_types_values_and_manifest(table: Session, bucket: Bucket) -> None:
    table.run(
        f"unload ('select * from t order by id') to '{bucket.url}/org_'"
        f" iam_role '{ROLE}' format as parquet manifest verbose"
    )
    assert bucket.names() == ["org_0000_part_00.parquet", "org_manifest"]
    body = bucket.get("org_0000_part_00.parquet")
    found = read_parquet(body)
    assert found.schema.types == [
        pa.int32(), pa.int64(), pa.decimal128(8, 3), pa.float64(), pa.bool_(),
        pa.string(), pa.date32(), pa.timestamp("us"), pa.string(),
    ]  # fmt: skip
    assert [list(row.values()) for row in found.to_pylist()] == [
        [1, 2, Decimal("3.500"), 0.25, True, "a, \"b\" 'c' \\ d",
         dt.date(2026, 11, 24), TIMESTAMP, '{"x":1}'],
        [2, None, None, None, None, "", dt.date(2026, 11, 25), None, None],
        [3, *[None] * 8],
    ]  # fmt: skip
    manifest = json.loads(bucket.get("org_manifest"))
    assert manifest["entries"] == [
        {
            "url": f"{bucket.url}/org_0000_part_00.parquet",
            "meta": {"content_length": len(body), "record_count": 3},
        }
    ]
    assert table.value("select pg_last_unload_count()") == 3
    assert table.run(
        "select path, line_count, transfer_size from stl_unload_log"
        " where query = pg_last_unload_id()"
    ) == [[f"{bucket.url}/org_0000_part_00.parquet", 3, len(body)]]


def test_unloaded_files_can_be_copied(table: Session, bucket: Bucket) -> None:
    table.run(
        f"unload ('select * from t') to '{bucket.url}/t_' iam_role default"
        " format parquet manifest"
    )
    table.run("create table u (like t)")
    table.run(
        f"copy u from '{bucket.url}/t_manifest' iam_role default format parquet"
        " manifest"
    )
    assert table.run("select * from u order by id") == table.run(
        "select * from t order by id"
    )


def test_doubled_quotes_in_query_are_unescaped(table: Session, bucket: Bucket) -> None:
    table.run(
        f"unload ('select id, ''it''''s'' as it from t where name = ''''')"
        f" to '{bucket.url}/x' iam_role default format parquet"
    )
    assert read_parquet(bucket.get("x0000_part_00.parquet")).to_pylist() == [
        {"id": 2, "it": "it's"}
    ]


@pytest.mark.parametrize("file_format", ["parquet", "csv"])
def test_partition_by_writes_folders(
    table: Session, bucket: Bucket, file_format: str
) -> None:
    ending = ".parquet" if file_format == "parquet" else ""
    table.run(
        f"unload ('select id, day from t') to '{bucket.url}/dt' iam_role default"
        f" format as {file_format} partition by (day)"
    )
    assert bucket.names() == [
        f"dt/day=2026-11-24/0000_part_00{ending}",
        f"dt/day=2026-11-25/0000_part_00{ending}",
        f"dt/day=__HIVE_DEFAULT_PARTITION__/0000_part_00{ending}",
    ]
    body = bucket.get(f"dt/day=2026-11-25/0000_part_00{ending}")
    if file_format == "parquet":
        assert read_parquet(body).to_pylist() == [{"id": 2}]
    else:
        assert body == b"2\n"


def test_csv_has_header_and_is_compressed(table: Session, bucket: Bucket) -> None:
    table.run(
        f"unload ('select id, name, day from t order by id') to '{bucket.url}/'"
        " iam_role default csv header gzip parallel off null as 'NULL'"
    )
    assert bucket.names() == ["000.gz"]
    assert gzip.decompress(bucket.get("000.gz")).decode() == (
        'id,name,day\n1,"a, ""b"" \'c\' \\ d",2026-11-24\n2,,2026-11-25\n3,NULL,NULL\n'
    )


def test_delimited_text_and_json_are_written(table: Session, bucket: Bucket) -> None:
    query = "unload ($$select id, name, at, doc from t where id = 1$$)"
    table.run(f"{query} to '{bucket.url}/text' iam_role default escape addquotes")
    assert bucket.get("text0000_part_00").decode() == (
        '"1"|"a, \\"b\\" \'c\' \\\\ d"|"2026-11-24 01:02:03.25"|"{\\"x\\":1}"\n'
    )
    table.run(f"{query} to '{bucket.url}/json' iam_role default format json")
    assert json.loads(bucket.get("json0000_part_00")) == {
        "id": 1,
        "name": "a, \"b\" 'c' \\ d",
        "at": "2026-11-24 01:02:03.25",
        "doc": {"x": 1},
    }


def test_destination_must_be_empty_unless_overwrite_is_allowed(
    table: Session, bucket: Bucket
) -> None:
    unload = "unload ('select id from t') to '{}/x_' iam_role default format parquet {}"
    bucket.put("x_old", b"old")
    message = table.error(unload.format(bucket.url, ""))
    assert "Specified unload destination on S3 is not empty" in message
    table.run(unload.format(bucket.url, "allowoverwrite"))
    assert bucket.names() == ["x_0000_part_00.parquet", "x_old"]
    table.run(unload.format(bucket.url, "cleanpath"))
    assert bucket.names() == ["x_0000_part_00.parquet"]
    message = table.error(unload.format(bucket.url, "cleanpath allowoverwrite"))
    assert "CLEANPATH is not compatible with ALLOWOVERWRITE" in message


def test_empty_result_writes_no_parquet_file(table: Session, bucket: Bucket) -> None:
    unload = "unload ('select id from t where false') to '{}/x' iam_role default {}"
    table.run(unload.format(bucket.url, "format parquet"))
    assert bucket.names() == []
    table.run(unload.format(bucket.url, "csv header"))
    assert bucket.get("x0000_part_00") == b"id\n"


def test_large_result_is_written_by_two_slices(
    session: Session, bucket: Bucket
) -> None:
    session.run("create table t (a int, b varchar(100))")
    rows = "".join(f"{number}|{'x' * 90}\n" for number in range(120_000))
    url = bucket.put("rows", rows)
    session.run(f"copy t from '{url}' iam_role default")
    session.run(
        f"unload ('select * from t') to '{bucket.url}/out/' iam_role default"
        " format parquet"
    )
    names = [name for name in bucket.names() if name.startswith("out/")]
    assert names == ["out/0000_part_00.parquet", "out/0001_part_00.parquet"]
    assert sum(read_parquet(bucket.get(name)).num_rows for name in names) == 120_000


@pytest.mark.parametrize(
    ("query", "options", "message"),
    [
        ("select id from t limit 1", "format parquet", "LIMIT in the outer SELECT"),
        ("select id from nowhere", "format parquet", "does not exist"),
        ("select string_agg(name, '','') from t", "csv", "Amazon Redshift"),
        ("select id from t", "format parquet gzip", "GZIP is not supported"),
        ("select id from t", "csv partition by (day)", '"day" is not in the query'),
        ("select id from t", "csv partition by (id)", "no column would remain"),
        ("select id from t", "csv maxfilesize 1 mb", "MAXFILESIZE must be"),
        ("select id from t", "csv csv", "conflicting or redundant options"),
        ("select id from t", "parquet rowgroupsize 16 mb", "ROWGROUPSIZE must be"),
    ],
)
def test_invalid_unload_is_rejected(
    table: Session, bucket: Bucket, query: str, options: str, message: str
) -> None:
    unload = f"unload ('{query}') to '{bucket.url}/x' iam_role default {options}"
    assert message in table.error(unload)
    assert bucket.names() == []


def test_failed_query_leaves_no_file_and_usable_session(
    table: Session, bucket: Bucket
) -> None:
    message = table.error(
        f"unload ('select 1 / (id - 3) from t') to '{bucket.url}/x'"
        " iam_role default csv"
    )
    assert "division by zero" in message
    assert bucket.names() == []
    assert table.value("select 1") == 1
