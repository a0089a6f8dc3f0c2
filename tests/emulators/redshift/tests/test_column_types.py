"""Types of columns that queries, CREATE TABLE AS and views make, with their source."""

from collections.abc import Iterator

import pytest

from tests.emulators.redshift.tests.conftest import Session

STRINGS, CTAS = "r_Character_types", "r_CREATE_TABLE_AS"
UNKNOWN = 65535
LENGTHS = [  # expression over t (id int, name varchar(9), c char(3), doc super), length
    (CTAS, "name", 9),
    (CTAS, "c", 3),
    (CTAS, "'abc'", 3),
    (CTAS, "'\u00e4bc'", 4),
    (CTAS, "''", 1),
    ("r_concat_op", "name || '-' || c", 13),
    ("r_CONCAT", "concat(name, 'x')", 10),
    ("r_UPPER", "upper(name)", 9),
    ("r_INITCAP", "initcap(lower(name))", 9),
    ("r_TRIM", "trim(both ' ' from name)", 9),
    ("r_BTRIM", "btrim(name || '  ')", 11),
    ("r_SUBSTRING", "substring(name from 1 for 2)", 9),
    ("r_LEFT", "left(name, 2)", 9),
    ("SPLIT_PART", "split_part(name, '-', 1)", 9),
    ("r_LPAD", "lpad(name, 20)", 20),
    ("r_REPEAT", "repeat(c, 3)", 9),
    ("r_MD5", "md5(name)", 32),
    ("r_LISTAGG", "listagg(name) within group (order by id) over (partition by c)",
     65535),
    ("r_MAX", "max(name) over (partition by id)", 9),
    ("r_WF_LAG", "lag(name) over (order by id)", 9),
    ("r_NULLIF_function", "nullif(name, 'x')", 9),
    ("r_CASE_function", "case when id = 1 then 'new' when id = 2 then name"
     " else case when id = 3 then 'twelve chars' end end", 12),
    ("r_CASE_function", "case id when 1 then 'new' end", 3),
    ("r_NVL_function", "coalesce(name, 'ten chars.')", 10),
    ("r_NVL_function", "nvl(c, 'x')", 3),
    ("r_NVL2", "nvl2(name, 'yes', 'no')", 3),
    ("r_DECODE_expression", "decode(id, 1, 'one', 2, 'two', 'other')", 5),
    (STRINGS, "name::varchar", 9),
    (STRINGS, "cast(name || 'x' as varchar)", 10),
    (STRINGS, "cast(id as varchar(7))", 7),
    (STRINGS, "name::varchar(max)", 65535),
    (STRINGS, "name::char(4)", 4),
    (STRINGS, "(name)", 9),
    (STRINGS, "(select max(c) from t)", 3),
    (STRINGS, "s.name", 9),
    # No page gives the length of these results.
    ("r_REPLACE", "replace(name, 'a', 'bb')", UNKNOWN),
    ("r_TO_CHAR", "to_char(id, '999')", UNKNOWN),
    ("query-super", "doc.a::varchar", UNKNOWN),
    ("JSON_EXTRACT_PATH_TEXT", "json_extract_path_text(name, 'a')", UNKNOWN),
]  # fmt: skip
SOURCES = [  # query, the lengths of its columns
    ("select * from t", [None, 9, 3, None]),
    ("select t.*, name || c as k from t", [None, 9, 3, None, 12]),
    ("select * from (select name || '!' as k from t) x", [10]),
    ("select k || k from (select name from t) x (k)", [18]),
    ("with x as (select name as k from t), y (z) as (select k || '?' from x)"
     " select z, y.z || z from y", [10, 20]),
    ("select 'a' as k union all select 'abc' union all select name from t", [9]),
    ("(select 'a' as k) union (select 'abc')", [3]),
    ("select a.name || b.c as k from t a join t b on a.id = b.id", [12]),
    ("select name from t a join t b using (id, name)", [9]),
    ("select k, k || k as kk from (select name as k from t) x", [9, 18]),
    ("select name || '1' as one, one || '2' as two from t", [10, 11]),
    ("select upper(c) as u, * exclude (id, doc) from t", [3, 9, 3]),
    ("select name || 'x' as k from t x qualify row_number() over (order by id) = 1",
     [10]),
    ("select name, (select max(o.name) || 'x' from t o where o.c = t.c) as k from t",
     [9, 10]),
    ("select bound from bound_view", [10]),
    ("select late || '!' from late_view", [12]),
]  # fmt: skip
DECIMALS = [  # query, the type of its column
    ("select a from x union all select b from y", "numeric(12,4)"),
    ("select a from x union select b from y", "numeric(12,4)"),
    ("select a from x intersect select b from y", "numeric(12,4)"),
    ("select b from y except select a from x", "numeric(12,4)"),
    ("(select a from x) union all (select b from y)", "numeric(12,4)"),
    ("select * from x union all select * from y", "numeric(12,4)"),
    ("with u as (select a from x union all select b from y) select a from u",
     "numeric(12,4)"),
    ("select a from x union all (select b from y union all select 1.23456)",
     "numeric(13,5)"),
    ("select 1.5 as a union all select 2.25", "numeric(3,2)"),
    ("select a from x union all select 7", "numeric(12,2)"),
    ("select a from x union all select null", "numeric(10,2)"),
    ("select null as a union all select 1.5 union all select 1", "numeric(11,1)"),
    ("select a * 2.5 as a from x union all select a from x", "numeric(13,3)"),
]  # fmt: skip


@pytest.fixture(scope="module")
def typed(tables: Session) -> Iterator[Session]:
    """Return the module's session with the tables t, x and y, and views of t."""
    schema = f"{tables.schema}_types"
    tables.run(f"create schema {schema}")
    tables.run(f"set search_path to {schema}")
    tables.run("create table t (id int, name varchar(9), c char(3), doc super)")
    tables.run("create table x (a numeric(10,2))")
    tables.run("create table y (b numeric(8,4))")
    tables.run("insert into x values (1.5)")
    tables.run("create view bound_view as select name || '.' as bound from t")
    tables.run(
        f"create view late_view as select name || '..' as late from {schema}.t"
        " with no schema binding"
    )
    yield tables
    tables.run(f"drop schema {schema} cascade")


def types_of(session: Session, table: str) -> list[str]:
    """Return the types of a table's columns."""
    rows = session.run(
        'select type from pg_table_def join pg_attribute on attname = "column"'
        f" and attrelid = '{table}'::regclass where tablename = '{table}'"
        " and schemaname = current_schema() order by attnum"
    )
    return [kind for [kind] in rows]


def length_of(kind: str) -> int | None:
    """Return the length of a string's type, None for another type."""
    name, _, rest = kind.partition("(")
    return int(rest[:-1]) if name.startswith("character") and rest else None


def test_strings_of_create_table_as_have_the_lengths_of_their_expressions(
    typed: Session,
) -> None:
    columns = [f"{sql} as k{number}" for number, (_, sql, _) in enumerate(LENGTHS)]
    typed.run(f"create table lengths as select {', '.join(columns)} from t s")
    found = [length_of(kind) for kind in types_of(typed, "lengths")]
    assert dict(zip([sql for _, sql, _ in LENGTHS], found, strict=True)) == {
        sql: length for _, sql, length in LENGTHS
    }


@pytest.mark.parametrize(("query", "lengths"), SOURCES)
def test_lengths_are_those_of_the_sources(
    typed: Session, query: str, lengths: list[int | None]
) -> None:
    typed.run("drop table if exists made")
    typed.run(f"create table made as {query}")
    assert [length_of(kind) for kind in types_of(typed, "made")] == lengths


def test_longer_strings_are_rejected_later(typed: Session) -> None:
    typed.run("create table if not exists kinds as select 'new' as kind, name from t")
    typed.run("select name || '!' as k into temp taken from t")
    message = "value too long for type character varying"
    assert f"{message}(3)" in typed.error("insert into kinds values ('older', 'x')")
    assert f"{message}(10)" in typed.error("insert into taken values ('12345678901')")
    typed.run("create table if not exists kinds as select 'longer' as kind")
    assert types_of(typed, "kinds")[0] == "character varying(3)"


def test_columns_of_views_have_lengths(typed: Session) -> None:
    typed.run("create materialized view made_mv as select name || 'm' as k from t")
    rows = typed.run(
        "select table_name, character_maximum_length from svv_columns where"
        " table_schema = current_schema() and column_name in ('bound', 'k')"
        " and table_name in ('bound_view', 'made_mv') order by 1"
    )
    assert rows == [["bound_view", 10], ["made_mv", 10]]
    assert typed.run(
        "select name, kind from pg_get_late_binding_view_cols()"
        " cols(s name, v name, name name, kind varchar, n int) where v = 'late_view'"
    ) == [["late", "character varying(11)"]]


@pytest.mark.parametrize(("query", "kind"), DECIMALS)
def test_decimals_of_set_operations_have_one_type(
    typed: Session, query: str, kind: str
) -> None:
    """Source: r_UNION."""
    typed.run("drop table if exists made")
    typed.run(f"create table made as {query}")
    assert types_of(typed, "made") == [kind]
    scale = int(kind[:-1].partition(",")[2])
    values = [value for [value] in typed.run(query) if value is not None]
    assert {-value.as_tuple().exponent for value in values} <= {scale}
