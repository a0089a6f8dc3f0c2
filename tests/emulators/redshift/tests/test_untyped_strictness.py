"""Parameters and literals to which Redshift gives no type, each with its source."""

import pytest

from tests.emulators.redshift.tests.conftest import Session
from tests.emulators.redshift.tests.rows import Refused, Row, check, names

NO_TYPE = Refused("Invalid type: 705")
DRIVER = "aws/amazon-redshift-python-driver #59"
TESTS = "amazon-redshift-python-driver: test_connection.py"
PARAMETERS: list[tuple[str, list[object], list[list[object]] | Refused, str]] = [
    ("select id, %s from texts", ["x"], NO_TYPE, DRIVER),
    ("select %s as a, id from texts", ["x"], NO_TYPE, DRIVER),
    ("select (%s) from texts", ["x"], NO_TYPE, DRIVER),
    ("select distinct %s from texts", ["x"], NO_TYPE, DRIVER),
    ("select id, %s from texts", [None], NO_TYPE, DRIVER),
    ("select %s from stv_exec_state", ["x"], NO_TYPE, DRIVER),
    ("select * from (select %s as a from texts) s", ["x"], NO_TYPE, DRIVER),
    ("with a as (select %s as b) select id, b from a, texts", ["x"], NO_TYPE, DRIVER),
    ("select id from texts union all select %s from texts", ["x"], NO_TYPE, DRIVER),
    ("insert into texts (id, v) select 9, %s", ["x"], NO_TYPE, DRIVER),
    ("insert into texts (v) select %s from texts", ["x"], NO_TYPE, DRIVER),
    ("create table made as select %s as a", ["x"], NO_TYPE, DRIVER),
    ("select %s, %s", ["hello", 1], [["hello", 1]], TESTS),
    ("select typname, %s from pg_type where oid = 16", ["x"], [["bool", "x"]], TESTS),
    ("select id, %s from texts where id = 1", [7], [[1, 7]], "a number has a type"),
    (
        "select cast(%s as varchar), %s::varchar from texts where id = 1",
        ["x", "y"],
        [["x", "y"]],
        DRIVER,
    ),
    (
        "select coalesce(v, %s), upper(%s), v || %s, case when v = %s then 1 end"
        " from texts where v = %s and id = 1",
        ["x"] * 5,
        [["x", "X", "xx", 1]],
        "the function or the operator gives the type",
    ),
    (
        "select id from texts where v in (%s, %s) and c like %s order by id",
        ["x", "z", "x%"],
        [[1], [2]],
        TESTS,
    ),
]
LITERAL = Refused('failed to find conversion function from "unknown" to text')
ISSUE = "calogica/dbt-expectations #99"
AGGREGATE = "snowplow/dbt-snowplow-attribution #9"
LITERALS: list[Row] = [
    ("select * from (select 'a' as x) s where x = 'a'", LITERAL, ISSUE),
    ("select * from (select 'a' as x) s where 'a' <> s.x", LITERAL, ISSUE),
    ("select * from (select 'a' x) s where s.x in ('a', 'b')", LITERAL, ISSUE),
    ("select * from (select 'a' as x) s where x not like 'b'", LITERAL, ISSUE),
    ("select * from (select 'a' as x) s where x between 'a' and 'b'", LITERAL, ISSUE),
    ("select case x when 'a' then 1 end from (select 'a' as x) s", LITERAL, ISSUE),
    ("select nullif(x, 'a') from (select 'a' as x) s", LITERAL, ISSUE),
    ("select count(*) from (select 'a' as x) s having max(x) = 'a'", LITERAL, ISSUE),
    ("select * from (select ('a') as x) s where x = 'a'", LITERAL, ISSUE),
    ("select * from (select null as x) s where x > 1", LITERAL, ISSUE),
    ("select min(x) from (select null as x from texts) s", LITERAL, AGGREGATE),
    (
        "with a as (select 'a' as x, 'b' as y) select * from a where x != y",
        LITERAL,
        ISSUE,
    ),
    ("with a (x) as (select 'a') select * from a where x = 'a'", LITERAL, ISSUE),
    (
        "with a as (select 'a' as x), b as (select * from a)"
        " select * from b where x = 'a'",
        LITERAL,
        ISSUE,
    ),
    ("select id from texts t join (select 'x' as v) s on t.v = s.v", LITERAL, ISSUE),
    ("select id from texts t join (select 'x' as v) s using (v)", LITERAL, ISSUE),
    (
        "select id from texts t where exists"
        " (select 1 from (select 'x' as v) s where s.v = t.v)",
        LITERAL,
        ISSUE,
    ),
    (
        "select * from (select cast('a' as varchar) as x, 'b'::text as y) s"
        " where x = 'a' and y = 'b'",
        [["a", "b"]],
        ISSUE,
    ),
    ("select * from (select 'a' as x, 1 as y) s where y = 1", [["a", 1]], ISSUE),
    ("select * from (select null as x) s where x is null", [[None]], ISSUE),
    ("select x, count(*) from (select 'a' as x) s group by x", [["a", 1]], ISSUE),
    (
        "select count(*) from (select 'a' as x union all select 'b') s where x = 'a'",
        [[1]],
        "a set operation gives a type",
    ),
    (
        "select x from (select case when id = 1 then 'a' end as x from texts) s"
        " where x = 'a'",
        [["a"]],
        "an expression gives a type",
    ),
    ("select id from texts where v = (select 'y')", [[3]], "a scalar subquery"),
]


@pytest.mark.parametrize(
    ("sql", "parameters", "expected", "source"),
    PARAMETERS,
    ids=[sql[:70] for sql, _, _, _ in PARAMETERS],
)
def test_parameter_without_a_type_is_refused(
    tables: Session,
    sql: str,
    parameters: list[object],
    expected: list[list[object]] | Refused,
    source: str,
) -> None:
    if isinstance(expected, Refused):
        assert expected.message in tables.error(sql, *parameters), source
    else:
        assert tables.run(sql, *parameters) == expected, source


@pytest.mark.parametrize("row", LITERALS, ids=names(LITERALS))
def test_comparison_of_an_untyped_column_is_refused(tables: Session, row: Row) -> None:
    check(tables, row)
