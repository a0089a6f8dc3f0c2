"""Names with a database, defaults of settings, types of literals in views."""

import pytest

from tests.emulators.redshift.tests.conftest import Session

# Statements on the schema {s} and the table {s}.t of the database {d}.
QUALIFIED = [
    "create schema {d}.{s}",
    'create schema if not exists "{d}"."{s}"',
    "create table {d}.{s}.t (a int)",
    'insert into "{d}"."{s}".t values (1)',
    "comment on schema {d}.{s} is 'kept'",
    "comment on table {d}.{s}.t is 'kept'",
    "comment on column {d}.{s}.t.a is 'kept'",
    "grant usage on schema {d}.{s} to public",
    "grant select on all tables in schema {d}.{s} to public",
    'revoke usage on schema "{d}"."{s}" from public',
    "grant select on table {d}.{s}.t to public",
    "alter default privileges in schema {d}.{s} grant select on tables to public",
    "create view {d}.{s}.v as select a from {d}.{s}.t",
    "create view {d}.{s}.l as select a from {d}.{s}.t with no schema binding",
    "create materialized view {d}.{s}.m as select a from {d}.{s}.t",
    "refresh materialized view {d}.{s}.m",
    "truncate {d}.{s}.t",
    "alter table {d}.{s}.t rename to u",
    "drop view {d}.{s}.v",
    "drop materialized view {d}.{s}.m",
    "alter schema {d}.{s} rename to {s}_renamed",
    "drop schema if exists {d}.{s}_renamed cascade",
    "create schema {s}",
    "create table {s}.t (a int)",
    "drop schema {d}.{s} drop external database cascade",
    "drop schema if exists {s} drop external database",
]
OTHER_DATABASE = [
    "create schema other.x",
    "drop schema other.x",
    "grant usage on schema other.x to public",
    "alter schema other.x rename to y",
]
# The columns of a view and their type, length or precision, and scale.
LITERALS = {
    "1.23 as x": ("numeric", 3, 2),
    "-10.50 as x": ("numeric", 4, 2),
    "120. as x": ("numeric", 3, 0),
    "'a' as x": ("character varying", 1, None),
    "'' as \"x\"": ("character varying", 1, None),
    "'it''s' as x": ("character varying", 4, None),
    "'\u00e4' as x": ("character varying", 2, None),
    "'a' as x union all select 'abc'": ("character varying", 3, None),
    "7 as x": ("integer", 32, 0),
    "'1'::varchar(9) as x": ("character varying", 9, None),
}
SETTINGS = {
    "query_group": "default",
    "enable_result_cache_for_session": "on",
    "enable_case_sensitive_identifier": "off",
    "json_parse_dedup_attributes": "off",
    "wlm_query_slot_count": "1",
}


def test_names_may_contain_the_sessions_database(session: Session) -> None:
    names = {
        "d": session.value("select current_database()"),
        "s": f"{session.schema}_qualified",
    }
    for sql in QUALIFIED:
        session.run(sql.format(**names))
    for sql in OTHER_DATABASE:
        assert 'is in the database "other"' in session.error(sql)


def test_literal_columns_of_views_have_their_precision_and_length(
    session: Session,
) -> None:
    for number, (literal, expected) in enumerate(LITERALS.items()):
        for name, binding in ((f"v{number}", ""), (f"l{number}", "with no schema")):
            suffix = f"{binding} binding" if binding else ""
            session.run(f"create view {name} as select {literal} {suffix}")
        assert session.run(
            "select data_type, coalesce(character_maximum_length, numeric_precision),"
            " numeric_scale from information_schema.columns"
            f" where table_schema = '{session.schema}' and table_name = 'v{number}'"
        ) == [list(expected)], literal
    late = session.run(
        "select name, type from pg_get_late_binding_view_cols()"
        " cols(s name, name name, c name, type varchar, i int)"
        f" where s = '{session.schema}'"
    )
    types = dict(map(tuple, late))
    assert types["l0"] == "numeric(3,2)"
    assert types["l7"] == "character varying(3)"


@pytest.mark.parametrize(("name", "default"), SETTINGS.items())
def test_setting_has_its_default_until_it_is_set(
    session: Session, name: str, default: str
) -> None:
    show = f"show {name}"
    assert session.run(show) == [[default]]
    assert session.value(f"select current_setting('{name}') as value") == default
    if name == "enable_case_sensitive_identifier":
        return
    for reset in (f"reset {name}", f"set {name} to default"):
        session.run(f"set {name} to '5'")
        assert session.run(show) == [["5"]]
        session.run(reset)
        assert session.run(show) == [[default]]


def test_show_names_its_column_like_the_setting(session: Session) -> None:
    cursor = session.connection.cursor()
    cursor.execute("show query_group")
    assert cursor.description[0][0] == "query_group"


def test_late_binding_view_columns_follow_every_change(session: Session) -> None:
    for sql in (
        "create table t (a int)",
        f"create view v as select * from {session.schema}.t with no schema binding",
        f"create view outer_v as select * from {session.schema}.v"
        " with no schema binding",
    ):
        session.run(sql)
    changes = {
        "select 1": ["a integer"],
        "alter table t add column b varchar(5)": [
            "a integer",
            "b character varying(5)",
        ],
        "alter table t rename column a to c": ["c integer", "b character varying(5)"],
        "drop table t": [],
        "create table t (d bigint)": ["d bigint"],
        f"create or replace view v as select d as e from {session.schema}.t"
        " with no schema binding": ["e bigint"],
    }
    for sql, expected in changes.items():
        session.run(sql)
        for view in ("v", "outer_v"):
            columns = session.run(
                "select col_name || ' ' || col_type from"
                " pg_get_late_binding_view_cols() cols(view_schema name,"
                " view_name name, col_name name, col_type varchar, col_num int)"
                f" where view_schema = '{session.schema}' and view_name = '{view}'"
                " order by col_num"
            )
            assert [row[0] for row in columns] == expected, (sql, view)
