"""The driver's DB-API: transactions, prepared statements, types in both directions."""

import datetime as dt
import json
from collections.abc import Callable
from decimal import Decimal

import pandas
import pytest
import redshift_connector

from tests.emulators.redshift.tests.conftest import Session

UTC = dt.UTC
VALUES = {
    "smallint": 7,
    "integer": -70_000,
    "bigint": 2**40,
    "numeric(12,4)": Decimal("12.3450"),
    "double precision": 1.5,
    "real": 0.25,
    "boolean": True,
    "varchar(30)": "na\u00efve 'quote' \\ back",
    "char(5)": "ab   ",
    "date": dt.date(2026, 11, 24),
    "timestamp": dt.datetime(2026, 11, 24, 1, 2, 3, 4567),
    "timestamptz": dt.datetime(2026, 11, 24, 1, 2, 3, tzinfo=UTC),
}


@pytest.mark.parametrize(("kind", "value"), VALUES.items())
def test_value_is_returned_unchanged(
    session: Session, kind: str, value: object
) -> None:
    session.run(f"create table t (a {kind})")
    session.run("insert into t values (%s), (%s)", value, None)
    rows = session.run("select a from t where a is not null")
    assert rows == [[value]]
    assert session.run("select a from t where a is null") == [[None]]


def test_super_is_returned_as_json(session: Session) -> None:
    session.run("create table t (a super)")
    document = {"b": [1, 2.5, None, "x"], "c": {"d": True}}
    session.run("insert into t select json_parse(%s)", json.dumps(document))
    assert json.loads(session.value("select a from t")) == document
    cursor = session.connection.cursor()
    cursor.execute("select a, 'text' from t")
    assert [column[1] for column in cursor.description] == [4000, 1043]


def test_create_table_as_gives_varchar_columns(session: Session) -> None:
    session.run("create table t as select 'a' as a, 'b' || 'c' as b, 'd'::text as c")
    rows = session.run(
        "select data_type, character_maximum_length from information_schema.columns"
        f" where table_name = 't' and table_schema = '{session.schema}'"
        " order by ordinal_position"
    )
    assert rows == [["character varying", length] for length in (1, 2, 1)]


def test_rollback_discards_and_commit_keeps_rows(
    connect: Callable[..., Session],
) -> None:
    session, other = connect(), connect()
    session.run("create table t (a int)")
    session.connection.autocommit = False
    session.run("insert into t values (1)")
    assert other.value("select count(*) from t") == 0
    session.connection.rollback()
    session.run("insert into t values (2)")
    session.connection.commit()
    assert other.run("select a from t") == [[2]]


def test_autocommit_makes_writes_visible_at_once(
    connect: Callable[..., Session],
) -> None:
    session, other = connect(), connect()
    session.run("create table t (a int)")
    session.run("insert into t values (1)")
    assert other.value("select count(*) from t") == 1
    session.connection.autocommit = False
    session.run("create table uncommitted (a int)")
    assert "does not exist" in other.error("select * from uncommitted")
    session.connection.commit()
    assert other.value("select count(*) from uncommitted") == 0
    session.error("select 1 / 0")
    assert "current transaction is aborted" in session.error("select 1")
    session.connection.rollback()
    session.connection.autocommit = True
    session.run("insert into t values (2)")
    assert other.value("select count(*) from t") == 2


def test_executemany_inserts_rows_and_counts_them(session: Session) -> None:
    session.run("create table t (a int, b varchar)")
    cursor = session.connection.cursor()
    cursor.executemany("insert into t values (%s, %s)", [(1, "a"), (2, "b"), (3, "c")])
    assert cursor.rowcount == 3
    cursor.execute("update t set b = 'x' where a > 1")
    assert cursor.rowcount == 2
    cursor.execute("select * from t order by a")
    # For Redshift's old server version, the driver counts the rows itself.
    assert (cursor.rowcount, cursor.redshift_rowcount) == (-1, 3)
    assert cursor.fetchone() == [1, "a"]
    assert cursor.fetchmany(5) == ([2, "x"], [3, "x"])


def test_prepared_statement_can_be_reused(session: Session) -> None:
    for number in range(5):
        assert session.value("select %s::int * 2", number) == number * 2
    session.error("select 1 / %s", 0)
    assert session.value("select %s::int * 2", 9) == 18


def test_statements_evicted_from_the_cache_are_closed(
    connect: Callable[..., Session],
) -> None:
    session = connect(max_prepared_statements=3)
    for _ in range(2):
        for number in range(10):
            assert session.value(f"select %s::int + {number}", 1) == number + 1
    prepared = session.value("select count(*) from pg_prepared_statements")
    assert prepared <= 4  # includes this query, before another one is evicted


def test_prepared_statement_sees_new_column(session: Session) -> None:
    session.run("create table t (a int)")
    session.run("insert into t values (1)")
    for _ in range(2):
        assert session.run("select * from t where a = %s", 1) == [[1]]
    session.run("alter table t add column b varchar(5) default 'x'")
    assert session.run("select * from t where a = %s", 1) == [[1, "x"]]


def test_fetch_dataframe_has_columns_and_types(session: Session) -> None:
    session.run("create table t (a int, b varchar(5), c numeric(5,2), d date)")
    session.run("insert into t values (1, 'x', 1.25, '2026-11-24'), (2, null, 2, null)")
    cursor = session.connection.cursor()
    cursor.execute("select a, b as Named, c, d from t order by a")
    first = cursor.fetch_dataframe(1)
    assert list(first.columns) == ["a", "named", "c", "d"]
    assert first.iloc[0].tolist() == [1, "x", Decimal("1.25"), dt.date(2026, 11, 24)]
    rest = cursor.fetch_dataframe()
    assert rest["a"].tolist() == [2]
    assert rest[["named", "d"]].isna().all(axis=None)


def test_write_dataframe_inserts_rows(session: Session) -> None:
    session.run("create table t (a int, b varchar(5))")
    frame = pandas.DataFrame({"a": [1, 2], "b": ["x", "y"]})
    session.connection.cursor().write_dataframe(frame, f"{session.schema}.t")
    assert session.run("select a, b from t order by a") == [[1, "x"], [2, "y"]]


def test_varchar_length_is_in_bytes(session: Session) -> None:
    session.run("create table t (a varchar(4))")
    session.run("insert into t values (%s)", "\u00e9\u00e9")
    message = session.error("insert into t values (%s)", "\u00e9\u00e9\u00e9")
    assert "too long" in message
    assert session.value("select octet_length(a) from t") == 4


def test_timestamptz_is_returned_in_utc(session: Session) -> None:
    session.run("create table t (a timestamptz, b timestamp)")
    zone = dt.timezone(dt.timedelta(hours=5, minutes=30))
    timestamp = dt.datetime(2026, 11, 24, 3, 0, 0, tzinfo=zone)
    session.run("insert into t (a) values (%s)", timestamp)
    returned = session.value("select a from t")
    assert returned == timestamp
    assert returned.utcoffset() == dt.timedelta(0)


def test_type_that_is_not_emulated_is_rejected_by_name(session: Session) -> None:
    assert "hllsketch" in session.error("create table t (a hllsketch)")


def test_error_leaves_the_session_usable(session: Session) -> None:
    assert "does not exist" in session.error("select * from nowhere")
    assert 'at or near "selec"' in session.error("selec 1")
    assert "unterminated" in session.error("select 'a")
    assert session.value("select 1") == 1


def test_too_deeply_nested_statement_is_rejected(session: Session) -> None:
    for depth in (300, 5000):
        message = session.error(f"select {'(' * depth}1 +{')' * depth}")
        assert "nested too deeply" in message or "syntax error" in message
    assert session.value("select 1") == 1


def test_prepared_statement_cannot_have_several_commands(session: Session) -> None:
    assert "multiple commands" in session.error("select 1; select 2")


def test_empty_statement_is_reported(session: Session) -> None:
    with pytest.raises(redshift_connector.Error, match="query was empty"):
        session.run("-- nothing")
    assert session.value("select 1") == 1


def test_large_result_is_complete(session: Session) -> None:
    rows = session.run("select n, 'row ' || n from generate_series(1, 50000) as n")
    assert len(rows) == 50_000
    assert rows[-1] == [50_000, "row 50000"]


def test_query_group_is_the_label_in_the_history(session: Session) -> None:
    session.run("set query_group to 'daily load'")
    session.run("select 'labelled'")
    assert session.run(
        "select query_label, status, query_type from sys_query_history"
        " where query_text = 'select ''labelled'''"
    ) == [["daily load", "success", "SELECT"]]
    assert session.value("show query_group") == "daily load"
    session.run("reset query_group")
    session.run("select 'unlabelled'")
    assert (
        session.value(
            "select query_label from sys_query_history"
            " where query_text = 'select ''unlabelled'''"
        )
        == "default"
    )


def test_history_contains_failed_statements(session: Session) -> None:
    session.run("create table t (a int)")
    session.run("insert into t values (0)")
    session.run("begin")
    session.error("select 1 / a as failing from t")
    session.run("rollback")
    [[status, message]] = session.run(
        "select status, error_message from sys_query_history"
        " where query_text = 'select 1 / a as failing from t'"
    )
    assert status == "failed"
    assert "division by zero" in message


def test_statement_has_at_most_32767_parameters(session: Session) -> None:
    places = ", ".join(["%s"] * 32_767)
    assert session.value(f"select 1 where 7 in ({places})", *range(32_767)) == 1
    # The driver sends no more, but a statement can name them.
    assert "$-32768" not in session.error("select $32767::int")
    for number in (32_768, 40_000):
        message = session.error(f"select ${number}::int")
        assert message == "there is no parameter $-32768"
