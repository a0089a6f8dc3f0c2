"""Names of 64 to 127 bytes: in statements, results, errors and system views."""

from collections.abc import Callable

import pytest

from tests.emulators.redshift import long_names
from tests.emulators.redshift.tests.conftest import ROLE, Bucket, Session

TABLE = "table_" + "t" * 121
COLUMN = "column_" + "\u00e4" * 60
VIEW = "view_" + "v" * 122
LATE = "late_" + "w" * 122
MATERIALIZED = "mv_" + "m" * 90
WHERE = "table_schema = '{s}'"
# Queries whose first value is a long name, in the schema {s}.
SYSTEM_QUERIES = {
    f"select relname from pg_class where relname = '{TABLE}'": TABLE,
    "select tablename from pg_catalog.pg_tables where schemaname = '{s}'"
    f" and tablename = '{TABLE}'": TABLE,
    f"select table_name from information_schema.tables where {WHERE}"
    f" and table_name like '%{TABLE[6:]}'": TABLE,
    f"select column_name from information_schema.columns where {WHERE}"
    f" and table_name = '{TABLE}' and ordinal_position = 2": COLUMN,
    f"select table_name from svv_tables where {WHERE} and table_name = '{VIEW}'": VIEW,
    f"select attname from pg_attribute where attrelid = '{{s}}.{TABLE}'::regclass"
    " and attnum = 2": COLUMN,
    "select viewname from pg_views where schemaname = '{s}'"
    f" and viewname = '{VIEW}'": VIEW,
    f"select \"column\" from pg_table_def where tablename = '{TABLE}'"
    " and distkey": COLUMN,
    f'select "table" from svv_table_info where "table" = \'{MATERIALIZED}\''
    " and diststyle = 'EVEN'": MATERIALIZED,
    f"select diststyle from svv_table_info where \"table\" = '{TABLE}'": (
        f"KEY({COLUMN})"
    ),
    "select relation_name from svv_relation_privileges where namespace_name = '{s}'"
    f" and relation_name = '{VIEW}' limit 1": VIEW,
    "select c from pg_get_late_binding_view_cols() cols(a name, b name, c name,"
    f" d varchar, e int) where b = '{LATE}' and e = 2": COLUMN,
    f"select name from svv_mv_info where name = '{MATERIALIZED}'": MATERIALIZED,
}
# Statements that fail, and the name in the message.
ERRORS = {
    f"select {TABLE[:-1]} from {TABLE}": TABLE[:-1],
    f"select * from {VIEW[:-1]}": VIEW[:-1],
    f"drop table {TABLE}": VIEW,
    f"create table {TABLE} (a int)": TABLE,
    f"insert into {TABLE} (id, {COLUMN}) values (1, 'too long')": "value too long",
}


@pytest.fixture
def long_session(session: Session) -> Session:
    """Return a session with relations whose names are long."""
    session.run(
        f"create table {TABLE} (id int not null, {COLUMN} varchar(3))"
        f" distkey ({COLUMN})"
    )
    session.run(f"insert into {TABLE} values (1, 'a')")
    session.run(f"create view {VIEW} as select * from {TABLE}")
    session.run(f"grant select on {VIEW} to public")
    session.run(
        f"create view {LATE} as select * from {session.schema}.{TABLE}"
        " with no schema binding"
    )
    session.run(f"create materialized view {MATERIALIZED} as select * from {TABLE}")
    return session


def test_system_views_and_errors_show_long_names(long_session: Session) -> None:
    for sql, expected in SYSTEM_QUERIES.items():
        rows = long_session.run(sql.format(s=long_session.schema))
        assert [row[0] for row in rows] == [expected], sql
    for sql, name in ERRORS.items():
        assert name in long_session.error(sql)
    definitions = long_session.run(
        f"select definition from pg_views where schemaname = '{long_session.schema}'"
    )
    assert all(TABLE in definition for (definition,) in definitions)
    assert len(definitions) == 3
    for view in (VIEW, LATE, MATERIALIZED):
        for argument in (f"'{view}'::regclass", f"'{view}'", f"'{view}', true"):
            assert TABLE in long_session.value(f"select pg_get_viewdef({argument})")
    shown = long_session.run(f"show tables from schema {long_session.schema}")
    assert sorted(row[2] for row in shown) == sorted([TABLE, VIEW, LATE, MATERIALIZED])
    shown = long_session.run(
        f"show columns from table {long_session.schema}.{TABLE} like 'column%'"
    )
    assert [row[3] for row in shown] == [COLUMN]


def test_results_and_comments_have_long_names(long_session: Session) -> None:
    cursor = long_session.connection.cursor()
    for source in (TABLE, VIEW, LATE, MATERIALIZED):
        cursor.execute(f"select id, {COLUMN}, 1 as {VIEW} from {source}")
        assert [column[0] for column in cursor.description] == ["id", COLUMN, VIEW]
        assert cursor.fetchall() == ([1, "a", 1],)
    long_session.run(f"comment on column {TABLE}.{COLUMN} is '{TABLE}'")
    assert (
        long_session.value(
            "select description from pg_description join pg_class on oid = objoid"
            f" where relname = '{TABLE}' and objsubid = 2"
        )
        == TABLE
    )


def test_objects_with_long_names_are_changed(long_session: Session) -> None:
    schema = "schema_" + "s" * 120
    long_session.run(f"create schema {schema}")
    long_session.run(f"set search_path to {schema}")
    assert long_session.run("show search_path") == [[schema]]
    assert long_session.value("select current_schema()") == schema
    long_session.run(f"create table {TABLE} (id int, constraint {LATE} unique (id))")
    long_session.run(f"alter table {TABLE} add column {COLUMN} varchar(3)")
    long_session.run(f"alter table {TABLE} rename column {COLUMN} to {LATE}")
    long_session.run(f"alter table {TABLE} rename to {VIEW}")
    long_session.run(f"create function {TABLE}(int) returns int stable"
                     " as $$ select $1 $$ language sql")  # fmt: skip
    assert long_session.value(f"select {TABLE}(7)") == 7
    assert long_session.run(
        "select table_name, column_name from information_schema.columns"
        f" where table_schema = '{schema}' order by ordinal_position"
    ) == [[VIEW, "id"], [VIEW, LATE]]
    long_session.run(f"drop schema {schema} cascade")


def test_copy_and_unload_use_long_names(long_session: Session, bucket: Bucket) -> None:
    url = bucket.put("in.json", f'{{"id": 2, "{COLUMN}": "b"}}\n')
    long_session.run(
        f"copy {TABLE} from '{url}' iam_role '{ROLE}' format as json 'auto'"
    )
    assert long_session.value(f"select {COLUMN} from {TABLE} where id = 2") == "b"
    url = bucket.put("in.csv", "3,abcd\n")
    long_session.error(
        f"copy {TABLE} (id, {COLUMN}) from '{url}' iam_role '{ROLE}' csv"
    )
    assert (
        long_session.value(
            "select column_name from sys_load_error_detail order by start_time desc"
            " limit 1"
        )
        == COLUMN
    )
    for options, name in (("csv header", "csv"), ("format json", "json")):
        long_session.run(
            f"unload ('select id, {COLUMN} from {TABLE}') to '{bucket.url}/{name}/'"
            f" iam_role '{ROLE}' {options}"
        )
        texts = [
            bucket.get(key).decode()
            for key in bucket.names()
            if key.startswith(f"{name}/")
        ]
        assert any(COLUMN in text for text in texts)


def test_names_over_127_bytes_are_rejected(session: Session) -> None:
    for name in ("x" * 128, "\u00e4" * 64):
        for sql in (f"create table {name} (a int)", f'select 1 as "{name}"'):
            assert "exceeds the limit of 127 bytes" in session.error(sql)


def test_names_are_equal_in_lower_case_only(connect: Callable[..., Session]) -> None:
    session = connect()
    session.run(f'create table "{TABLE.upper()}" (a int)')
    session.run(f"insert into {TABLE.title()} values (1)")
    assert session.value(f'select a from "{TABLE}"') == 1
    assert session.run(f"select 1 from pg_class where relname = '{TABLE[:-1]}'") == []


def test_short_names_have_63_bytes_and_are_restored() -> None:
    for name in (TABLE, COLUMN, "\u20ac" * 42, "a b-c." * 20):
        short = long_names.shorten(name)
        assert len(short.encode()) == long_names.MAX_BYTES
        assert long_names.restore(f'x "{short}", {short}') == f'x "{name}", {name}'
    assert long_names.shorten("a" * 63) == "a" * 63
