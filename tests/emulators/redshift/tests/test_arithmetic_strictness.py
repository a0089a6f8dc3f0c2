"""Precision and scale of decimals, by the guide's r_numeric_computations201.

The values are compared with their scale: 0.30 is not 0.3 here.
"""

from collections.abc import Iterator
from decimal import Decimal

import pytest

from tests.emulators.redshift.tests.conftest import Session
from tests.emulators.redshift.tests.rows import Refused

COMPUTED = "r_numeric_computations201"
INTEGERS = "r_numeric_computations201: integers as decimals of 5, 10 and 19 digits"
REDUCED = "r_numeric_computations201: notes on division operations"
ISSUE = "wrschneider.github.io, 2019-04-15: Redshift division"
FROM = "from sales where id = 1"
VALUES = {  # expression: (text of the result, source); the table is SALES
    "1/3.0": ("0.3333", COMPUTED),
    "-1/3.0": ("-0.3333", COMPUTED),
    "7.0/2": ("3.500000000000", INTEGERS),
    "10/4": ("2", "r_numeric_computations201: INT4 and INT4 give INT4"),
    "pricepaid / commission": ("3.333333333", COMPUTED),
    "commission / pricepaid": ("0.300000000", COMPUTED),
    "pricepaid * commission": ("30.0000", COMPUTED),
    "pricepaid * qtysold": ("30.00", INTEGERS),
    "pricepaid + commission": ("13.00", COMPUTED),
    "pricepaid - 1": ("9.00", INTEGERS),
    "pricepaid + 0.125": ("10.125", COMPUTED),
    "pricepaid / qtysold": ("3.33333333", INTEGERS),
    "pricepaid / id": ("10.0000000000000", INTEGERS),
    "pricepaid / listid": ("5.0000000000000000000000", INTEGERS),
    "id / pricepaid": ("0.1000000", INTEGERS),
    "5::decimal(19,0) / 3::decimal(19,0)": ("1.6666666666666666667", ISSUE),
    "1::decimal(19,2) / (5::decimal(19,0) / 3::decimal(19,0))": ("0.6000", ISSUE),
    "1::decimal(38,2) / 3::decimal(38,2)": ("0.3333", REDUCED),
    "sum(pricepaid) / sum(commission)": ("3.3333", "r_SUM: DEC(38,2)"),
    "sum(pricepaid) / count(*)": ("10.0000", "r_SUM: DEC(38,2)"),
    "sum(listid) / 4": ("0", "r_SUM: BIGINT for BIGINT"),
    "avg(pricepaid)": ("10.00", "r_AVG: the scale of the argument"),
    "avg(commission / 7)": ("0.4285714285714", "r_AVG: the scale of the argument"),
    "avg(qtysold)": ("3", "r_AVG: BIGINT for an integer"),
    "max(pricepaid) / min(commission)": ("3.333333333", COMPUTED),
    "coalesce(commission, 0) / pricepaid": ("0.300000000", INTEGERS),
    "case when id = 1 then pricepaid end / commission": ("3.333333333", COMPUTED),
    "nullif(pricepaid, 0) / commission": ("3.333333333", COMPUTED),
    "round(pricepaid / commission, 2)": ("3.33", "r_ROUND"),
    "pricepaid / commission / 2": ("1.66666666650000000000", COMPUTED),
    "(pricepaid - commission) / (pricepaid + commission)": ("0.5384615385", COMPUTED),
    "pricepaid / 3.0::float": ("3.3333333333333335", "DECIMAL and FLOAT8 give FLOAT8"),
    "(select max(pricepaid) from sales) / commission": ("3.333333333", COMPUTED),
    "sum(pricepaid) over () / 3": ("3.3333", "r_WF_SUM"),
    "cast(pricepaid as decimal(9,1)) / 3.00": ("3.3333", COMPUTED),
}
QUERIES = {  # query: (text of its value, source)
    "select r from (select pricepaid / commission as r from sales) s": (
        "3.333333333",
        COMPUTED,
    ),
    "with s as (select pricepaid / commission as r from sales), d as"
    " (select r * 2 as d from s) select d from d": ("6.666666666", COMPUTED),
    "select r * 1.5 from (select commission / 2 as r from sales) s": (
        "2.25000000000000",
        COMPUTED,
    ),
    "select (select s.pricepaid / o.commission from sales s) from sales o": (
        "3.333333333",
        COMPUTED,
    ),
    "select a.pricepaid / b.commission from sales a join sales b"
    " on a.pricepaid / 10 = b.id": ("3.333333333", COMPUTED),
    "select pricepaid / commission from sales group by pricepaid / commission"
    " having sum(pricepaid) / 2 > 4.9999 order by pricepaid / commission": (
        "3.333333333",
        COMPUTED,
    ),
    "select total / 3 from (select sum(pricepaid) as total from sales) s": (
        "3.3333",
        "r_SUM: DEC(38,2)",
    ),
    "with s as (select id, max(pricepaid) as top from sales group by id)"
    " select top / 3.00 from s": ("3.3333", COMPUTED),
    "select ratio from ratios": ("3.333333333", "the type of CREATE TABLE AS"),
    "select a / b from (select 10.0 as a, 3.0 as b) s": ("3.3333", COMPUTED),
    "with s as (select -1.50 as a) select a / 7 from s": ("-0.2142857142857", INTEGERS),
    "select share from shares": ("3.333333333", "a late-binding view"),
    "select price from updated": ("3.33", "a column has its own scale"),
}
TYPES = {  # column of CREATE TABLE AS: (type, source)
    "ratio": ("numeric(17,9)", COMPUTED),
    "product": ("numeric(17,4)", COMPUTED),
    "total": ("numeric(9,2)", COMPUTED),
    "part": ("numeric(38,4)", REDUCED),
    "mean": ("numeric(38,2)", "r_AVG"),
    "whole": ("integer", INTEGERS),
}
TABLES = (
    "create table sales (id int, listid bigint, qtysold smallint,"
    " pricepaid decimal(8,2), commission decimal(8,2))",
    "insert into sales values (1, 2, 3, 10.00, 3.00)",
    "create table ratios as select pricepaid / commission as ratio,"
    " pricepaid * commission as product, pricepaid + commission as total,"
    " sum(pricepaid) / 2 as part, avg(pricepaid) as mean, id + 1 as whole"
    " from sales group by pricepaid, commission, id",
    "create view shares as select sales.pricepaid / sales.commission as share"
    " from {schema}.sales with no schema binding",
    "create table updated as select pricepaid as price from sales",
    "update updated set price = price / 3",
)
OVERFLOW = Refused("Numeric data overflow")


def text_of(value: object) -> str:
    """Return a number's text, without an exponent."""
    return f"{value:f}" if isinstance(value, Decimal) else str(value)


@pytest.fixture(scope="module")
def sales(tables: Session) -> Iterator[Session]:
    """Return a session with the guide's table SALES, of one row."""
    for statement in TABLES:
        tables.run(statement.format(schema=tables.schema))
    yield tables
    tables.run("drop view shares")
    for table in ("sales", "ratios", "updated"):
        tables.run(f"drop table {table}")


@pytest.mark.parametrize("expression", VALUES)
def test_result_has_the_scale_of_the_guide(sales: Session, expression: str) -> None:
    text, source = VALUES[expression]
    assert text_of(sales.value(f"select {expression} {FROM}")) == text, source


def test_parameters_have_the_types_of_their_values(sales: Session) -> None:
    query = "select pricepaid / %s, cast(%s as decimal(8,2)) / 3 from sales"
    assert [str(value) for value in sales.run(query, 3, "10")[0]] == [
        "3.33333333",
        "3.3333333333333",
    ]


@pytest.mark.parametrize("query", QUERIES)
def test_nested_results_keep_their_scale(sales: Session, query: str) -> None:
    text, source = QUERIES[query]
    assert text_of(sales.value(query)) == text, source


def test_columns_of_create_table_as_have_the_computed_types(sales: Session) -> None:
    rows = sales.run(
        "select \"column\", type from pg_table_def where tablename = 'ratios'"
        f" and schemaname = '{sales.schema}'"
    )
    assert {name: kind for name, kind in rows} == {
        name: kind for name, (kind, _) in TYPES.items()
    }


def test_columns_have_the_names_of_their_expressions(sales: Session) -> None:
    cursor = sales.connection.cursor()
    cursor.execute(
        "select pricepaid / 3, -1.5, sum(pricepaid), avg(pricepaid),"
        " pricepaid / 2 as r, case when id = 1 then pricepaid else 0 end,"
        " coalesce(pricepaid, 0), pricepaid, (pricepaid + 1), sum(listid), 1.5 x,"
        " max(pricepaid) over ()"
        " from sales group by pricepaid, id"
    )
    assert [column[0] for column in cursor.description] == [
        "?column?", "?column?", "sum", "avg", "r", "case", "coalesce", "pricepaid",
        "?column?", "sum", "x", "max",
    ]  # fmt: skip


def test_result_beyond_38_digits_is_an_overflow(sales: Session) -> None:
    """The guide: overflow conditions apply to intermediate and final results."""
    large = "99999999999999999999999999999999999.99::decimal(38,2)"
    assert OVERFLOW.message in sales.error(f"select {large} * {large}")
    assert OVERFLOW.message in sales.error("select (pricepaid * 1000)::decimal(4,1)"
                                           " from sales")  # fmt: skip


def test_other_operators_are_left_alone(sales: Session) -> None:
    assert sales.run(
        "select date '2026-01-02' - 1, date '2026-01-02' - date '2026-01-01',"
        " 'a' || id, id % 2, - id, id * 2 from sales"
        " where pricepaid > -1 and id + 1 = 2"
    )[0][1:] == [1, "a1", 1, -1, 2]
    assert sales.run("select *, sales.* from sales where id between 1 - 1 and 1 + 1")


def test_arithmetic_in_a_transaction_leaves_it_open(sales: Session) -> None:
    sales.run("begin")
    assert str(sales.value("select pricepaid / commission from sales")) == "3.333333333"
    assert "does not exist" in sales.error("select missing / 2 from sales")
    sales.run("rollback")
