"""Redshift SQL that PostgreSQL does not have: DDL, late-binding views, functions."""

import datetime as dt
from collections.abc import Callable
from decimal import Decimal

import pytest

from tests.emulators.redshift.tests.conftest import Session

FUNCTIONS = {
    "dateadd(day, 1, '2026-11-24'::date)": dt.datetime(2026, 11, 25),
    "dateadd(month, -1, '2026-03-31')": dt.datetime(2026, 2, 28),
    "datediff(day, '2026-11-01', '2026-11-24')": 23,
    "datediff(hours, '2026-11-01 00:59:00', '2026-11-01 01:01:00')": 1,
    "datediff(week, '2026-11-21', '2026-11-22')": 1,
    "date_trunc('week', '2026-11-25'::date)": dt.datetime(2026, 11, 23),
    "date_part(dow, '2026-11-22'::date)": 0.0,
    "extract(epoch from '1970-01-02'::timestamp)": 86400.0,
    "last_day('2026-02-10')": dt.date(2026, 2, 28),
    "add_months('2026-02-28', 1)": dt.datetime(2026, 3, 31),
    "months_between('2026-03-31', '2026-02-28')": 1.0,
    "convert_timezone('UTC', 'America/New_York', '2026-01-01 12:00:00')": dt.datetime(
        2026, 1, 1, 7
    ),
    "trunc('2026-11-24 10:00:00'::timestamp)": dt.date(2026, 11, 24),
    "nvl(null, 2)": 2,
    "nvl2(null, 1, 2)": 2,
    "decode(null, null, 'same', 'other')": "same",
    "decode(3, 1, 'one', 2, 'two', 'many')": "many",
    "len('\u00e4b ')": 3,
    "charindex('b', 'abc')": 2,
    "strtol('ff', 16)": 255,
    "md5('a')": "0cc175b9c0f1b6a831c399e269772661",
    "left(sha2('a', 256), 8)": "ca978112",
    "regexp_replace('a1b22', '[0-9]+', '#')": "a#b#",
    "regexp_substr('a1b22', '[0-9]+')": "1",
    "split_part('a/b/c', '/', 2)": "b",
    "concat('a', null)": None,
    "can_json_parse('{\"a\": 1}')": True,
    "can_json_parse('{')": False,
    "json_serialize(json_parse('{\"a\": [1, 2]}'))": '{"a":[1,2]}',
    "json_extract_path_text('{\"a\": {\"b\": 7}}', 'a', 'b')": "7",
    "json_extract_path_text('no', 'a', true)": None,
    "json_typeof(json_parse('[1]'))": "array",
    "get_array_length(json_parse('[1, 2]'))": 2,
    "'12.349'::numeric": Decimal("12"),
    "convert(integer, '7')": 7,
    "case when 'a' ~ '^[a-z]$' then 1 end": 1,
    "'it\\'s'": "it's",
}


@pytest.mark.parametrize(("sql", "value"), FUNCTIONS.items())
def test_function_returns_expected_value(
    session: Session, sql: str, value: object
) -> None:
    assert session.value(f"select {sql}") == value


def test_getdate_and_sysdate_return_current_time(session: Session) -> None:
    session.run("create table t (a int)")
    session.run("insert into t values (1)")
    [[getdate, sysdate]] = session.run("select getdate(), sysdate from t")
    now = dt.datetime.now(dt.UTC).replace(tzinfo=None)
    assert abs((now - getdate).total_seconds()) < 60
    assert abs((now - sysdate).total_seconds()) < 60
    assert getdate.microsecond == 0


def test_table_attributes_are_in_svv_table_info(session: Session) -> None:
    session.run(
        "create table t (id bigint identity(10, 5) encode az64, org_id int distkey,"
        " day date encode raw, note varchar(max)) backup no compound"
        " sortkey (day, org_id)"
    )
    session.run("insert into t (org_id) values (1), (2)")
    assert session.run("select id from t order by 1") == [[10], [15]]
    assert session.run(
        "select diststyle, sortkey1, sortkey_num, max_varchar from svv_table_info"
        f" where \"schema\" = '{session.schema}'"
    ) == [["KEY(org_id)", "day", 2, 65535]]
    session.run("alter table t alter diststyle all")
    session.run("alter table t alter sortkey none")
    assert session.run(
        "select diststyle, sortkey1 from svv_table_info where \"table\" = 't'"
        f" and \"schema\" = '{session.schema}'"
    ) == [["ALL", "AUTO(SORTKEY)"]]


def test_create_table_as_accepts_table_attributes(session: Session) -> None:
    session.run("create table t diststyle key distkey (a) sortkey (a) as select 1 as a")
    assert session.value("select a from t") == 1


def test_late_binding_view_survives_drop_of_its_table(session: Session) -> None:
    schema = session.schema
    session.run("create table t (a int, b varchar(10))")
    session.run("insert into t values (1, 'old')")
    session.run(f"create view v as select a, b from {schema}.t with no schema binding")
    session.run(f"create view w as select b from {schema}.v with no schema binding")
    assert session.run("select * from w") == [["old"]]
    session.run("drop table t")
    assert f'relation "{schema}.t" does not exist' in session.error("select * from v")
    session.run("create table t (b varchar(10), a bigint, c int)")
    session.run("insert into t values ('new', 2, 3)")
    assert session.run("select * from v") == [[2, "new"]]
    assert session.run("select * from w") == [["new"]]


def test_late_binding_view_requires_qualified_names(session: Session) -> None:
    session.run("create table t (a int)")
    message = session.error("create view v as select a from t with no schema binding")
    assert "should be qualified" in message
    session.run("create view missing as select 1 from nowhere.t with no schema binding")


def test_prepared_statement_sees_view_change_of_other_session(
    connect: Callable[..., Session],
) -> None:
    session, other = connect(), connect()
    schema = session.schema
    session.run("create table t (a int)")
    session.run("insert into t values (1), (2)")
    create = "create or replace view v as select {} from {}.t with no schema binding"
    session.run(create.format("a", schema))
    count = "select count(*) from v where a > %s"
    assert other.value(count, 1) == 1
    session.run(create.format("a + 1 as a", schema))
    assert other.value(count, 1) == 2
    session.run("drop view v")
    assert 'relation "v" does not exist' in other.error(count, 1)


def test_late_binding_view_is_renamed_and_replaced_by_table(
    connect: Callable[..., Session],
) -> None:
    session, other = connect(), connect()
    session.run("create table t (a int)")
    session.run("insert into t values (1)")
    session.run(
        f"create view v_tmp as select a from {session.schema}.t with no schema binding"
    )
    query = "select count(*) from v where a = %s"
    assert "does not exist" in other.error(query, 1)
    session.run("alter table v_tmp rename to v")
    assert other.value(query, 1) == 1
    session.run("begin")
    session.run("drop view v")
    session.run("create table v as select a from t where false")
    session.run("commit")
    assert other.value(query, 1) == 0


def test_late_binding_view_columns_are_listed(session: Session) -> None:
    session.run("create table t (a int, b varchar(10), c numeric(8, 2))")
    session.run(
        f"create view v as select a, b, c from {session.schema}.t"
        " with no schema binding"
    )
    session.run(
        f"create view broken as select x from {session.schema}.gone"
        " with no schema binding"
    )
    columns = session.run(
        "select view_name, col_name, col_type, col_num from"
        " pg_get_late_binding_view_cols() cols(view_schema name, view_name name,"
        " col_name name, col_type varchar, col_num int)"
        f" where view_schema = '{session.schema}' order by col_num"
    )
    assert columns == [
        ["v", "a", "integer", 1],
        ["v", "b", "character varying(10)", 2],
        ["v", "c", "numeric(8,2)", 3],
    ]


def test_bound_view_prevents_drop_of_its_table(session: Session) -> None:
    session.run("create table t (a int)")
    session.run("create view v as select a from t")
    assert "depend on it" in session.error("drop table t")
    session.run("drop table t cascade")
    assert "does not exist" in session.error("select * from v")


def test_median_percentile_and_listagg_return_expected_values(session: Session) -> None:
    session.run("create table t (g int, x int, n varchar(5))")
    session.run(
        "insert into t values (1, 10, 'b'), (1, 20, 'a'), (2, 5, null), (2, null, 'z')"
    )
    assert session.run(
        "select g, median(x), percentile_cont(0.5) within group (order by x)"
        " from t group by g order by g"
    ) == [[1, 15, 15], [2, 5, 5]]
    assert session.run(
        "select g, listagg(n, '-') within group (order by n) from t group by 1"
        " order by 1"
    ) == [[1, "a-b"], [2, "z"]]
    assert session.value("select approximate count(distinct g) from t") == 2
    assert session.run(
        "select distinct g, median(x) over (partition by g) from t order by 1"
    ) == [[1, 15], [2, 5]]


def test_super_is_navigated_and_unnested(session: Session) -> None:
    session.run("create table t (id int, doc super)")
    session.run(
        "insert into t select 1, json_parse("
        '\'{"plan": {"name": "Pro"}, "tags": ["x", "y"], "n": "12"}\')'
    )
    assert session.run(
        "select doc.plan.name, t.doc.tags[1], doc.n::int, doc.none from t"
    ) == [['"Pro"', '"y"', 12, None]]
    cursor = session.connection.cursor()
    cursor.execute(
        "select doc.plan.name::varchar, doc.plan.name::varchar(2),"
        " doc.n::decimal(9, 2), doc.n::varchar(5) as amount,"
        " doc.plan.name::varchar(9) plan from t"
    )
    names = [column[0] for column in cursor.description]
    assert names == ["name", "name", "n", "amount", "plan"]
    assert list(cursor.fetchone()) == ["Pro", "Pr", 12, "12", "Pro"]
    assert session.run(
        "select t.id, tag::varchar from t, t.doc.tags as tag order by 2"
    ) == [[1, "x"], [1, "y"]]
    assert session.run(
        "select t.id, key, json_typeof(value), count(*) over () from t as t,"
        " unpivot t.doc as value at key where key != 'n' order by key"
    ) == [[1, "plan", "object", 2], [1, "tags", "array", 2]]
    # A string in SUPER is not equal to a number.
    assert session.run("select id from t where doc.n = 12") == []
    assert session.run("select id from t where doc.plan.name = 'Pro'") == [[1]]
    session.run("update t set id = doc.n::int where t.doc.tags[0] = 'x'")
    session.run("delete from t where doc.plan.name = 'Free' or id in"
                " (select o.id from t o where o.doc.n <> t.doc.n)")  # fmt: skip
    assert session.run("select id from t") == [[12]]


def test_super_is_compared_grouped_and_sorted(session: Session) -> None:
    session.run("create table t (id int, doc super)")
    session.run(
        'insert into t select 1, json_parse(\'{"a": 1, "b": 2}\') union all'
        ' select 2, json_parse(\'{"b": 2, "a": 1.0}\') union all'
        " select 3, json_parse('[2]')"
    )
    assert session.run("select count(*) from t group by doc order by count(*)") == [
        [1],
        [2],
    ]
    assert session.value("select count(distinct doc) from t") == 2
    assert len(session.run("select doc from t except select doc from t")) == 0


def test_merge_and_delete_using_change_matching_rows(session: Session) -> None:
    session.run("create table t (id int, v varchar(5))")
    session.run("create table s (id int, v varchar(5))")
    session.run("insert into t values (1, 'a'), (2, 'b')")
    session.run("insert into s values (2, 'B'), (3, 'C')")
    session.run(
        "merge into t using s on t.id = s.id when matched then update set v = s.v"
        " when not matched then insert values (s.id, s.v)"
    )
    assert session.run("select * from t order by 1") == [[1, "a"], [2, "B"], [3, "C"]]
    session.run("delete from t using s where t.id = s.id")
    assert session.run("select * from t") == [[1, "a"]]
    session.run("insert into t select id + 10, v from s minus select 13, 'C'")
    assert session.value("select count(*) from t") == 2


def test_grant_to_group_is_in_svv_relation_privileges(session: Session) -> None:
    session.run("create table t (a int)")
    session.run("create group readers")
    session.run("grant select on t to group readers")
    assert session.run(
        "select identity_name, identity_type, privilege_type"
        f" from svv_relation_privileges where namespace_name = '{session.schema}'"
        " and identity_name = 'readers'"
    ) == [["readers", "group", "SELECT"]]
    session.run(f"drop table {session.schema}.t")
    session.run("drop group readers")


def test_vacuum_and_analyze_are_accepted(session: Session) -> None:
    session.run("create table t (a int)")
    session.run("vacuum full t to 99 percent")
    session.run("vacuum sort only t")
    session.run("analyze t predicate columns")
