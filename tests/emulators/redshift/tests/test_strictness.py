"""Constructs that PostgreSQL accepts and Redshift rejects, with the error of each."""

from collections.abc import Callable

import pytest

from tests.emulators.redshift.tests.conftest import Session

PRODUCT = "Amazon Redshift"
SORT_ORDERS = "within group ORDER BY clauses for aggregate functions must be the same"
COMPUTE_ONLY = "must be applied on at least one user created tables"
LEADER_ONLY = "runs on the leader node only"

FUNCTIONS = {
    "string_agg(name, ',')": "string_agg",
    "array_agg(name)": "array_agg",
    "every(is_paid)": "every",
    "corr(hosts, org_id)": "corr",
    "covar_pop(hosts, org_id)": "covar_pop",
    "covar_samp(hosts, org_id)": "covar_samp",
    "regr_slope(hosts, org_id)": "regr_slope",
    "regr_count(hosts, org_id)": "regr_count",
    "clock_timestamp()": "clock_timestamp",
    "transaction_timestamp()": "transaction_timestamp",
    "justify_days(interval '35 days')": "justify_days",
    "justify_hours(interval '35 hours')": "justify_hours",
    "pg_sleep(0)": "pg_sleep",
    "width_bucket(5, 0, 10, 5)": "width_bucket",
    "div(7, 2)": "div",
    "setseed(0.5)": "setseed",
    "regexp_matches('a', 'a')": "regexp_matches",
    "regexp_split_to_array('a b', ' ')": "regexp_split_to_array",
    "regexp_split_to_table('a b', ' ')": "regexp_split_to_table",
    "quote_nullable('a')": "quote_nullable",
    "format('%s', 'a')": "format",
    "overlay('abc' placing 'x' from 1)": "overlay",
    "encode('a', 'hex')": "encode",
    "convert_from('a', 'UTF8')": "convert_from",
    "convert_to('a', 'UTF8')": "convert_to",
}
LEADER = [
    "now()", "current_timestamp", "age(at, at)", "localtime", "localtimestamp",
    "isfinite(at)", "current_schema()", "current_schema",
    "has_table_privilege('pg_class', 'select')",
    "has_schema_privilege('public', 'usage')",
]  # fmt: skip
TYPES = [
    "int[]", "integer array", "json", "jsonb", "uuid", "bytea", "interval", "serial",
    "bigserial", "money", "inet", "cidr", "macaddr", "int4range", "tsrange",
    "daterange", "xml",
]  # fmt: skip
CONSTRUCTS = {
    "select array[1, 2]": "ARRAY[...]",
    "select (array[1, 2])[1]": "ARRAY[...]",
    "select row(1, 2)": "ROW(...)",
    "select * from (values (1), (2)) as v (x)": "VALUES (...) as a table",
    "values (1)": "VALUES",
    "select * from {s}.events e, lateral (select e.hosts) l": "LATERAL",
    "select distinct on (org_id) * from {s}.events": "DISTINCT ON",
    "select count(*) filter (where hosts > 1) from {s}.events": "FILTER (WHERE ...)",
    "insert into {s}.events (org_id) values (1) on conflict do nothing": "ON CONFLICT",
    "insert into {s}.events (org_id) values (1) returning org_id": "RETURNING",
    "delete from {s}.events returning org_id": "RETURNING",
    "select org_id is distinct from hosts from {s}.events": "IS DISTINCT FROM",
    "select org_id is not distinct from hosts from {s}.events": "IS DISTINCT FROM",
    "select 'a'::json -> 'b'": "operator ->",
    "create index i on {s}.events (org_id)": "CREATE INDEX",
    "create unique index i on {s}.events (org_id)": "CREATE UNIQUE",
    "create trigger t before insert on {s}.events execute function f()": "TRIGGER",
    "create sequence {s}.q": "CREATE SEQUENCE",
    "select nextval('q')": "nextval",
    "create type {s}.mood as enum ('a')": "CREATE TYPE",
    "create domain {s}.d as int": "CREATE DOMAIN",
    "create extension pgcrypto": "CREATE EXTENSION",
    "create tablespace x location '/tmp'": "CREATE TABLESPACE",
    "create table {s}.t (a int check (a > 0))": "CHECK constraint",
    "create table {s}.t (a int, constraint c check (a > 0))": "CHECK constraint",
    "create table {s}.t (a int, exclude using gist (a with =))": "EXCLUDE constraint",
    "create table {s}.t (a int) partition by range (a)": "PARTITION BY",
    "create table {s}.t (a int) inherits ({s}.events)": "inheritance",
    "create table {s}.t (a int) tablespace x": "TABLESPACE",
    "create function {s}.f() returns int volatile as $$ $$ language plpythonu": (
        "Python UDF"
    ),
    "savepoint a": "SAVEPOINT",
    "do $$ begin end $$": "DO",
}
NOT_EMULATED = {
    "create external schema x from data catalog database 'd'": "EXTERNAL SCHEMA",
    "create external table x.y (a int)": "EXTERNAL TABLE",
    "create table {s}.t (a hllsketch)": "type hllsketch",
    "select * from t pivot (count(*) for g in ('a', 'b'))": "PIVOT",
    "select * from t unpivot (v for n in (x, y))": "UNPIVOT",
    "select a from t start with a = 1 connect by prior a = b": "CONNECT BY",
    "select a, sum(b) from t group by all": "GROUP BY ALL",
    "select lag(a) ignore nulls over (order by b) from t": "IGNORE NULLS",
}


@pytest.fixture
def events(session: Session) -> Session:
    """Return a session with a table of one row."""
    session.run(
        "create table events (org_id int, hosts int, name varchar(20), is_paid boolean,"
        " at timestamp)"
    )
    session.run("insert into events values (1, 2, 'a', true, getdate())")
    return session


@pytest.mark.parametrize(("call", "name"), FUNCTIONS.items())
def test_unsupported_function_is_rejected(
    events: Session, call: str, name: str
) -> None:
    message = events.error(f"select {call} from events")
    assert f"function {name}() is not supported" in message
    assert PRODUCT in message


@pytest.mark.parametrize("call", LEADER)
def test_leader_node_function_is_rejected_with_user_table(
    events: Session, call: str
) -> None:
    message = events.error(f"select {call}, org_id from events")
    assert LEADER_ONLY in message
    assert PRODUCT in message
    if "at" not in call:
        events.run(f"select {call}")


def test_generate_series_is_rejected_with_user_table(events: Session) -> None:
    message = events.error("select * from events, generate_series(1, 3)")
    assert LEADER_ONLY in message
    for prefix in ("insert into events (org_id)", "create table other as"):
        message = events.error(f"{prefix} select * from generate_series(1, 3)")
        assert LEADER_ONLY in message
    assert events.run("select * from generate_series(1, 3)") == [[1], [2], [3]]


@pytest.mark.parametrize("name", TYPES)
def test_unsupported_type_is_rejected(session: Session, name: str) -> None:
    message = session.error(f"create table t (a {name})")
    assert "not supported" in message
    assert PRODUCT in message


@pytest.mark.parametrize(("sql", "construct"), CONSTRUCTS.items())
def test_unsupported_construct_is_rejected(
    events: Session, sql: str, construct: str
) -> None:
    message = events.error(sql.format(s=events.schema))
    assert construct in message
    assert PRODUCT in message


@pytest.mark.parametrize(("sql", "construct"), NOT_EMULATED.items())
def test_construct_that_is_not_emulated_is_rejected_by_name(
    session: Session, sql: str, construct: str
) -> None:
    message = session.error(sql.format(s=session.schema))
    assert construct in message
    assert "not supported by this emulator" in message


def test_two_sort_orders_in_one_select_are_rejected(events: Session) -> None:
    message = events.error("select median(org_id), median(hosts) from events")
    assert SORT_ORDERS in message
    message = events.error(
        "select percentile_cont(0.5) within group (order by org_id),"
        " listagg(name, ',') within group (order by name) from events"
    )
    assert SORT_ORDERS in message
    assert PRODUCT in message
    assert events.run("select median(hosts), median(hosts) from events") == [[2, 2]]


def test_median_with_count_distinct_is_rejected(events: Session) -> None:
    message = events.error("select median(hosts), count(distinct org_id) from events")
    assert "together with COUNT(DISTINCT ...)" in message
    assert PRODUCT in message


@pytest.mark.parametrize(
    "call",
    [
        "median(x)",
        "percentile_cont(0.5) within group (order by x)",
        "listagg(x, ',') within group (order by x)",
    ],
)
def test_sorting_aggregate_without_user_table_is_rejected(
    session: Session, call: str
) -> None:
    message = session.error(f"with c as (select 1 as x) select {call} from c")
    assert COMPUTE_ONLY in message
    assert PRODUCT in message


def test_rejected_statement_fails_transaction(connect: Callable[..., Session]) -> None:
    session = connect()
    session.run("create table t (a int)")
    session.run("begin")
    session.run("insert into t values (1)")
    session.error("select string_agg('a', ',')")
    assert "current transaction is aborted" in session.error("select 1")
    session.run("rollback")
    assert session.value("select count(*) from t") == 0


def test_truncate_commits_transaction(connect: Callable[..., Session]) -> None:
    session, other = connect(), connect()
    session.run("create table t (a int)")
    session.run("create table earlier (a int)")
    session.run("insert into t values (1)")
    session.run("begin")
    session.run("insert into earlier values (1)")
    session.run("truncate t")
    assert other.value("select count(*) from earlier") == 1
    assert other.value("select count(*) from t") == 0
    session.run("rollback")
    assert other.value("select count(*) from earlier") == 1


def test_keys_are_accepted_but_not_enforced(session: Session) -> None:
    session.run("create table o (id int primary key)")
    session.run("create table t (a int unique, b int references o (id))")
    session.run("insert into t values (1, 99), (1, 99)")
    session.run("insert into o values (1), (1)")
    assert session.value("select count(*) from o") == 2
    message = session.error("insert into o values (null)")
    assert "Cannot insert a NULL value into column id" in message


def test_varchar_and_char_lengths_are_in_bytes(session: Session) -> None:
    session.run("create table t (a varchar(4), b varchar, c char(3))")
    session.run("insert into t values ('\u00e4\u00e4', 'x', 'abc')")
    message = session.error("insert into t (a) values ('\u00e4\u00e4\u00e4')")
    assert "value too long for type character varying(4)" in message
    assert session.value("select octet_length(a::varchar(3)) from t") == 2
    message = session.error("insert into t (b) values (repeat('x', 257))")
    assert "character varying(256)" in message


def test_integer_division_truncates(session: Session) -> None:
    assert session.run("select 7 / 2, -7 / 2") == [[3, -3]]
    session.run("create table t (a int)")
    session.run("insert into t values (1), (2)")
    assert session.value("select avg(a) from t") == 1


def test_names_fold_to_lower_case(session: Session) -> None:
    session.run('create table "MixedCase" ("Col" int)')
    assert session.run("select col from mixedcase") == []
