"""Materialized views: content, options, refresh, dependencies, system views."""

from collections.abc import Callable

import pytest

from tests.emulators.redshift.errors import PRODUCT
from tests.emulators.redshift.tests.conftest import Session

# What a materialized view cannot have, by its query: part of the message.
REJECTED = {
    "select id from {s}.bound": "a materialized view of the view",
    "select id from {s}.late": "a materialized view of the late-binding view late",
    "select relname from pg_class": "system table or view pg_class",
    "select id from {s}.base order by id": "ORDER BY in a materialized view",
    "select id from (select id from {s}.base limit 1) as l": "LIMIT in a materialized",
    "select id from {s}.base offset 1": "OFFSET in a materialized view",
    "select {s}.twice(id) as id from {s}.base": "a user-defined function",
}
REJECTED_AUTO_REFRESH = {
    "select id, getdate() as at from {s}.base": "the mutable function getdate()",
    "select id, sysdate as at from {s}.base": "the mutable function sysdate()",
    "select id, random() as r from {s}.base": "the mutable function random()",
    "select id from {s}.mv": "defined on another materialized view",
}


@pytest.fixture
def base(session: Session) -> Session:
    """Return a session with a table of two rows and a materialized view of it."""
    session.run("create table base (id int, name varchar(20), score numeric(5, 2))")
    session.run("insert into base values (1, 'a', 1.5), (2, 'b', 2.5)")
    session.run(
        "create materialized view mv backup no diststyle key distkey (id)"
        " compound sortkey (name, id) auto refresh no as (select * from base)"
    )
    return session


def state(session: Session, name: str) -> list[str]:
    """Return is_stale and autorefresh of a materialized view."""
    [row] = session.run(
        "select is_stale, autorefresh from svv_mv_info"
        f" where schema_name = '{session.schema}' and name = '{name}'"
    )
    return row


def test_content_changes_only_with_a_refresh(base: Session) -> None:
    database = base.value("select current_database()")
    base.run(
        f"create materialized view {database}.{base.schema}.child as"
        " select name, count(*) as n from mv group by name"
    )
    assert [state(base, "mv"), state(base, "child")] == [["f", "f"], ["f", "f"]]
    for change in (
        "insert into base values (3, 'b', 3)",
        "update base set score = 0 where id = 1",
        "delete from base where id = 2",
        "truncate base",
    ):
        base.run(change)
        assert state(base, "mv") == ["t", "f"]
        before = base.run("select * from mv order by id")
        base.run("refresh materialized view mv")
        after = base.run("select * from mv order by id")
        assert after == base.run("select * from base order by id") != before
        assert [state(base, "mv"), state(base, "child")] == [["f", "f"], ["t", "f"]]
        base.run("refresh materialized view mv cascade")
        assert state(base, "child") == ["f", "f"]
    assert base.run("select * from child") == []
    assert base.value(
        "select count(*) from sys_mv_refresh_history"
        f" where schema_name = '{base.schema}' and mv_name = 'mv'"
    ) == 8  # fmt: skip


def test_rolled_back_change_leaves_view_current(base: Session) -> None:
    base.run("begin")
    base.run("delete from base")
    assert state(base, "mv") == ["t", "f"]
    base.run("rollback")
    assert state(base, "mv") == ["f", "f"]


def test_system_views_show_view_table_and_attributes(base: Session) -> None:
    where = f"where schemaname = '{base.schema}'"
    [[definition]] = base.run(f"select definition from pg_views {where}")
    assert definition.startswith("create materialized view mv backup no")
    assert definition.endswith("as (select * from base);")
    assert base.value(
        "select view_definition from information_schema.views"
        f" where table_schema = '{base.schema}'"
    ) == definition  # fmt: skip
    assert base.run(f"select tablename from pg_tables {where} order by 1") == [
        ["base"],
        ["mv_tbl__mv__0"],
    ]
    assert base.run(
        'select "table", diststyle, sortkey1 from svv_table_info'
        f" where \"schema\" = '{base.schema}' order by 1"
    ) == [["base", "AUTO(ALL)", "AUTO(SORTKEY)"], ["mv", "KEY(id)", "name"]]
    assert base.run(
        "select attname, attisdistkey, attsortkeyord from pg_attribute"
        " join pg_class on pg_class.oid = attrelid"
        " join pg_namespace on pg_namespace.oid = relnamespace"
        f" where nspname = '{base.schema}' and relname like 'mv_tbl__mv__%'"
        " and attnum between 1 and 3 order by attnum"
    ) == [["id", True, 2], ["name", False, 1], ["score", False, 0]]
    assert base.run(
        "select trim(name), trim(autorefresh) from stv_mv_info"
        f" where schema = '{base.schema}'"
    ) == [["mv", "f"]]
    assert base.run(
        f"select name, ref_name from stv_mv_deps where schema = '{base.schema}'"
    ) == [["mv", "base"]]
    shown = base.run(f"show tables from schema {base.schema}")
    assert [(row[2], row[3], row[10]) for row in shown] == [
        ("base", "TABLE", "REGULAR TABLE"),
        ("mv", "VIEW", "MATERIALIZED VIEW"),
    ]


def test_view_is_altered_and_commented(base: Session) -> None:
    base.run("alter materialized view mv auto refresh yes")
    assert state(base, "mv") == ["f", "t"]
    base.run("alter materialized view mv alter diststyle all")
    assert base.value(
        f"select diststyle from svv_table_info where \"schema\" = '{base.schema}'"
        " and \"table\" = 'mv'"
    ) == "ALL"  # fmt: skip
    base.run("comment on view mv is 'kept'")
    base.run("comment on column mv.id is 'key'")
    assert base.run(
        "select description from pg_description join pg_class on objoid = pg_class.oid"
        " join pg_namespace on pg_namespace.oid = relnamespace"
        f" where nspname = '{base.schema}' and relname = 'mv' order by objsubid"
    ) == [["kept"], ["key"]]


def test_drop_takes_dependent_objects_only_with_cascade(base: Session) -> None:
    base.run("create materialized view child as select id from mv")
    message = base.error("drop table base")
    assert "cannot drop table base because other objects depend on it" in message
    assert "materialized view mv depends on it" in message
    message = base.error("create materialized view mv as select 1 as a from base")
    assert 'relation "mv" already exists' in message
    message = base.error("drop materialized view mv")
    assert "cannot drop materialized view mv because other objects depend" in message
    base.run("drop materialized view mv cascade")
    relations = (
        "select relname from pg_class join pg_namespace on pg_namespace.oid ="
        f" relnamespace where nspname = '{base.schema}'"
    )
    assert base.run(relations) == [["base"]]
    base.run("create materialized view mv as select id from base")
    base.run("drop table base cascade")
    assert base.run(relations) == []
    base.run("drop materialized view if exists mv")


@pytest.mark.parametrize(
    "statement",
    [
        "drop materialized view {}",
        "refresh materialized view {}",
        "alter materialized view {} auto refresh yes",
    ],
)
def test_other_relations_are_not_materialized_views(
    base: Session, statement: str
) -> None:
    for name in ("base", f"{base.schema}.base"):
        message = base.error(statement.format(name))
        assert f'"{name}" is not a materialized view' in message
    assert 'relation "none" does not exist' in base.error(statement.format("none"))
    assert 'cannot insert into view "mv"' in base.error("insert into mv values (1)")
    assert '"mv" is not a view' in base.error("drop view mv cascade")
    base.run("drop materialized view mv")
    base.run("create view mv as select * from base")
    base.run("drop view mv")


def test_rejected_queries_name_the_construct(base: Session) -> None:
    base.run("create view bound as select id from base")
    base.run(
        f"create view late as select id from {base.schema}.base with no schema binding"
    )
    base.run(
        "create function twice(int) returns int stable"
        " as $$ select $1 + $1 $$ language sql"
    )
    cases = [(sql, "", part) for sql, part in REJECTED.items()]
    cases += [(sql, "auto refresh yes", p) for sql, p in REJECTED_AUTO_REFRESH.items()]
    for query, option, part in cases:
        message = base.error(
            f"create materialized view x {option} as {query.format(s=base.schema)}"
        )
        assert part in message
        assert PRODUCT in message


def test_only_the_owner_refreshes(
    base: Session, connect: Callable[..., Session]
) -> None:
    base.run("create user mv_reader password 'Reader1Reader1'")
    base.run(f"grant usage on schema {base.schema} to mv_reader")
    base.run("grant select on mv to mv_reader")
    base.run("set session authorization mv_reader")
    assert base.value("select count(*) from mv") == 2
    assert "permission denied" in base.error("select count(*) from base")
    message = base.error("refresh materialized view mv")
    assert "must be owner of materialized view mv" in message
