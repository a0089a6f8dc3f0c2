"""Types on the wire in the protocol versions that the driver can request."""

import contextlib
import datetime
from collections.abc import Callable, Iterator
from decimal import Decimal

import pytest
import redshift_connector
from redshift_connector.interval import IntervalDayToSecond, IntervalYearToMonth

from tests.emulators.redshift.tests.conftest import Bucket, Emulator, Session
from tests.emulators.redshift.tests.test_connection import connect_psycopg

UTC = datetime.UTC
EWKB = "0101000020e6100000000000000000f03f0000000000000040"


@pytest.fixture(scope="module")
def sessions(emulator: Emulator) -> Iterator[dict[int, Session]]:
    """Open a session for each protocol version."""
    opened = {
        version: Session(emulator.connect(client_protocol_version=version), "")
        for version in (0, 1, 2)
    }
    yield opened
    for session in opened.values():
        session.connection.close()


@pytest.mark.parametrize("version", [0, 1, 2])
@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("1.50::numeric(18,2)", Decimal("1.50")),
        ("-123456789012345678.25::numeric(38,4)", Decimal("-123456789012345678.2500")),
        ("(-0.005)::numeric(3,3)", Decimal("-0.005")),
        ("sum(7::bigint)", Decimal(7)),
        ("1.5 * 1.5", Decimal("2.25")),
        ("'añ'::varbyte", {0: "añ", 2: "añ"}),
        ("'abc'::varbyte(2)", {0: "ab", 2: "ab"}),
        ("interval '14 months' year to month", IntervalYearToMonth(14)),
        ("'-1-2'::intervaly2m", IntervalYearToMonth(-14)),
        ("'1 day 2 hours'::intervald2s", IntervalDayToSecond(26 * 3600 * 10**6)),
        ("timestamp '2026-03-02 01:00' - timestamp '2026-03-01'",
         datetime.timedelta(days=1, hours=1)),
        ("'24:00'::time", datetime.time(0, 0)),
        ("'24:00 CST'::timetz", datetime.time(6, 0, tzinfo=UTC)),
        ("time '12:30:10.25'", datetime.time(12, 30, 10, 250_000)),
        ("st_geomfromtext('POINT(1 2)', 4326)", EWKB),
        ("st_geogfromtext('POINT(1 2)')", EWKB),
        ("'infinity'::abstime", datetime.datetime(2038, 1, 19, 3, 14, 4, tzinfo=UTC)),
        ("date '2026-03-01'", datetime.date(2026, 3, 1)),
        ("json_parse('[1]')", "[1]"),
    ],
)  # fmt: skip
def test_values_are_equal_in_each_protocol_version(
    sessions: dict[int, Session], version: int, expression: str, value: object
) -> None:
    expected = value[0] if isinstance(value, dict) else value
    received = sessions[version].value(f"select {expression} as x")
    if isinstance(expected, str):
        received = received.lower()
    assert received == expected


@pytest.mark.parametrize("version", [0, 1, 2])
def test_null_rows_and_catalog_arrays(
    sessions: dict[int, Session], version: int
) -> None:
    session = sessions[version]
    assert session.run(
        "select null::numeric(18,2), null::varbyte, null::interval, 2.5::numeric(4,1)"
        " union all select 1, 'x', interval '2 months', null"
    ) == [
        [None, None, None, Decimal("2.5")],
        [Decimal(1), "x", redshift_connector.interval.Interval(0, 0, 2), None],
    ]
    [[keys, privileges]] = session.run(
        "select conkey, relacl from pg_constraint join pg_class on conrelid ="
        " pg_class.oid where conname = 'pg_class_relname_nsp_index'"
    )
    assert keys == [2, 3]
    assert any("=r/" in privilege for privilege in privileges)


def test_later_protocol_version_is_lowered(emulator: Emulator) -> None:
    get = emulator.environment.__getitem__
    connection = redshift_connector.Connection(
        user=get("NIGHTSHIFT_REDSHIFT_USER"),
        password=get("NIGHTSHIFT_REDSHIFT_PASSWORD"),
        database=get("NIGHTSHIFT_REDSHIFT_DATABASE"),
        host=get("NIGHTSHIFT_REDSHIFT_HOST"),
        port=int(get("NIGHTSHIFT_REDSHIFT_PORT")),
        client_protocol_version=9,
    )
    assert (b"server_protocol_version", b"2") in connection.parameter_statuses
    connection.close()


def test_columns_name_their_origin(session: Session, emulator: Emulator) -> None:
    session.run("create table origins (a int not null, b bigint identity(1,1))")
    cursor = session.connection.cursor()
    cursor.execute("select a as renamed, b, 1 from origins")
    found = [
        (
            column["schema_name"].decode(),
            column["table_name"].decode(),
            column["column_name"].decode(),
            column["nullable"],
            column["autoincrement"],
        )
        for column in cursor.ps["row_desc"]
    ]
    assert found == [
        (session.schema, "origins", "a", 0, 0),
        (session.schema, "origins", "b", 0, 1),
        ("", "", "", 1, 0),
    ]


def test_simple_queries_show_varbyte_in_hexadecimal(emulator: Emulator) -> None:
    with contextlib.closing(connect_psycopg(emulator)) as connection:
        cursor = connection.cursor()
        cursor.execute("select 'ab'::varbyte::text, 1, 'ab'::varbyte, null::varbyte")
        [row] = cursor.fetchall()
    assert row == ("ab", 1, "6162", None)


def test_parameters_in_redshifts_formats(connect: Callable[..., Session]) -> None:
    session = connect()
    session.run(
        "create table t (n numeric(18,4), v varbyte(8), y interval year to month,"
        " d interval day to second, s super)"
    )
    row = [Decimal("1.25"), b"\x00\xff", IntervalYearToMonth(-5),
           IntervalDayToSecond(-(2**63)), "[1]"]  # fmt: skip
    session.run("insert into t values (%s, %s, %s, %s, json_parse(%s::varchar))", *row)
    assert session.run("select * from t where y = %s", row[2]) == [
        [row[0], "00ff", *row[2:]]
    ]


def test_numeric_overflow_is_an_error(session: Session) -> None:
    assert "Numeric data overflow" in session.error("select 1e30::numeric(38,0) * 1e5")


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("to_hex('ab'::varbyte)", "6162"),
        ("to_hex(from_hex('00fF'))", "00ff"),
        ("to_hex(to_varbyte('0x0102', 'hex'))", "0102"),
        ("to_hex(to_varbyte('0110000101100010', 'binary'))", "6162"),
        ("from_varbyte(to_varbyte('YWI=', 'base64'), 'utf-8')", "ab"),
        ("from_varbyte('ab'::varbyte, 'binary')", "0110000101100010"),
        ("from_varbyte('ab'::varbyte, 'BASE64')", "YWI="),
        ("from_varbyte('ab'::varbyte || 'c', 'utf8')", "abc"),
        ("from_varbyte(concat('a'::varbyte, 'b'::varbyte), 'utf8')", "ab"),
        ("from_varbyte(substring('abc'::varbyte, 2), 'utf8')", "bc"),
        ("from_varbyte(substring('abc'::varbyte, 2, 1), 'utf8')", "b"),
        ("cast(cast('é' as varbyte) as varchar)", "é"),
        ("to_hex(258::smallint::varbyte)", "0102"),
        ("len('é'::varbyte)", 2),
        ("octet_length('abc'::varbyte)", 3),
        ("'a'::varbyte < 'b'", True),
        ("case when 'a'::varbyte = 'a'::varbyte then 'x' end", "x"),
        ("st_srid(st_geomfromtext('POINT(1 2)', 4326))", 4326),
        ("to_hex(st_asewkb(st_geomfromewkb('01010000000000000000000000000000"
         "0000000000')))", "010100000000000000000000000000000000000000"),
    ],
)  # fmt: skip
def test_binary_functions(
    sessions: dict[int, Session], expression: str, value: object
) -> None:
    assert sessions[2].value(f"select {expression}") == value


@pytest.mark.parametrize(
    ("statement", "message"),
    [
        ("insert into t values ('abc')", "value too long for type varbyte(2)"),
        ("select to_varbyte('x', 'hex')", "invalid"),
        ("select to_varbyte('x', 'octal')", 'invalid format "octal"'),
        ("select st_geomfromtext('CIRCLE(1)')", "invalid geometry"),
        ("create table u (a interval)", 'Column "u.a" has unsupported type "interval"'),
        ("create table u (a uuid)", 'Column "u.a" has unsupported type "uuid"'),
        ("create table u (a int[])", 'Column "u.a" has unsupported type "int[]"'),
        ("create table u (a oid)", 'Column "u.a" has unsupported type "oid"'),
        ("create table u (a regclass)", "has unsupported type"),
    ],
)
def test_invalid_uses_are_rejected(
    session: Session, statement: str, message: str
) -> None:
    session.run("create table t (v varbyte(2))")
    assert message in session.error(statement)


def test_system_views_name_the_types(session: Session) -> None:
    session.run(
        "create table t (a varbyte, b varbyte(9), c interval year to month,"
        " d interval day to second, e time, f timetz, g geometry, h varbinary(3))"
    )
    assert [name for [name] in session.run(
        "select data_type from svv_redshift_columns where table_name = 't'"
        f" and schema_name = '{session.schema}' order by ordinal_position"
    )] == [
        "binary varying(64000)", "binary varying(9)", "interval year to month",
        "interval day to second", "time without time zone", "time with time zone",
        "geometry", "binary varying(3)",
    ]  # fmt: skip


def test_varbyte_is_copied_and_unloaded_in_hexadecimal(
    session: Session, bucket: Bucket
) -> None:
    session.run("create table t (id int, v varbyte(4))")
    url = bucket.put("in.csv", "1,0041\n2,\n3,xy\n")
    session.run(f"copy t from '{url}' iam_role default csv maxerror 2")
    assert session.run("select id, v from t order by id") == [
        [1, "\x00A"],
        [2, None],
    ]
    session.run(
        f"unload ('select v from t where id = 1') to '{bucket.url}/out'"
        " iam_role default parallel off"
    )
    assert bucket.get("out000") == b"0041\n"
