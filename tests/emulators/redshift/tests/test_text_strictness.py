"""Comparison, conversion and length of strings, as Redshift has them.

Each row has the page of the Amazon Redshift developer guide, or the public issue, that
it follows. Accepted neighbours stand beside what is refused.
"""

import pytest

from tests.emulators.redshift.tests.conftest import Session
from tests.emulators.redshift.tests.rows import Refused, Row, check, names

BLANKS = "r_Character_types: significance of trailing blanks"
COMPARISONS = [
    ("select 'a' = 'a ', 'a'::varchar <> 'a  '::varchar", [[True, False]], BLANKS),
    ("select 'a ' < 'a', 'b' > 'a ', '' = '  '", [[False, True, True]], BLANKS),
    ("select 'a '::char(5) = 'a'::varchar", [[True]], BLANKS),
    ("select ' a' = 'a', 'a\\t' = 'a', 'a b' = 'ab'", [[False] * 3], BLANKS),
    ("select count(distinct v), count(distinct c) from texts", [[2, 2]], BLANKS),
    ("select count(*) from texts group by v order by 1", [[1], [1], [2]], BLANKS),
    ("select count(*) from (select distinct v from texts) d", [[3]], BLANKS),
    ("select count(*) from texts a join texts b on a.v = b.v", [[5]], BLANKS),
    ("select count(*) from texts a join texts b using (v)", [[5]], BLANKS),
    (
        "select count(*) over (partition by v) from texts order by id",
        [[2], [2], [1], [1]],
        BLANKS,
    ),
    ("select id from texts where v in ('x ', 'z') order by 1", [[1], [2]], BLANKS),
    (
        "select id from texts where v in (select 'x  '::varchar) order by 1",
        [[1], [2]],
        BLANKS,
    ),
    (
        "select id from texts where v between 'x' and 'x' order by 1",
        [[1], [2]],
        BLANKS,
    ),
    (
        "select case v when 'x' then 1 else 0 end from texts order by id",
        [[1], [1], [0], [0]],
        BLANKS,
    ),
    (
        "select decode(v, 'x', 1) from texts order by id",
        [[1], [1], [None], [None]],
        BLANKS,
    ),
    ("select count(nullif(v, 'x')) from texts", [[1]], BLANKS),
    (
        "select count(*) from (select v from texts where id = 1"
        " union select v from texts where id = 2) u",
        [[1]],
        BLANKS,
    ),
    (
        "select v from texts where id = 1 except select v from texts where id = 2",
        [],
        BLANKS,
    ),
    (
        "select id from texts where id < 4 order by v desc, id desc",
        [[3], [2], [1]],
        BLANKS,
    ),
    (
        "select len(v), len(c) from texts where id = 2",
        [[2, 1]],
        "r_Examples_with_character_types: LENGTH",
    ),
    (
        "select id from texts where v like 'x'",
        [[1]],
        "r_patternmatching_condition_like",
    ),
    (
        "select listagg(distinct v, ',') within group (order by v) from texts",
        [["x,y"]],
        "r_LISTAGG: trailing spaces are ignored",
    ),
]
CONVERSION = "c_Supported_data_types: compatibility and conversion rules"
CONVERSIONS = [
    ("select id from texts where v = 1", [], CONVERSION),
    ("select id from texts where v <> 1 order by 1", [[1], [2], [3]], CONVERSION),
    ("select '01'::varchar = 1, '1'::varchar = 1", [[False, True]], CONVERSION),
    ("select '2'::varchar > 10, 5 = '5'::varchar", [[True, True]], CONVERSION),
    ("select '1.50'::varchar = 1.5", [[True]], CONVERSION),
    ("select 'a'::varchar = 1.5", Refused("numeric"), CONVERSION),
    ("select id from texts where v in (1, 2)", [], CONVERSION),
    ("select '2026-01-02'::varchar = '2026-01-02'::date", [[True]], CONVERSION),
    ("select id from texts where id = '1' and id < '3 '", [[1]], CONVERSION),
    ("select id from texts where id = 'x'", Refused("integer"), CONVERSION),
]
TOO_LONG = Refused("Value too long for type character varying(65535)")
VARCHAR = "r_Character_types: a varchar holds 65,535 bytes"
LENGTHS = [
    ("select len(repeat('a', 65535))", [[65535]], VARCHAR),
    ("select repeat('a', 65536)", TOO_LONG, VARCHAR),
    ("select replicate('a', 65536)", TOO_LONG, VARCHAR),
    ("select repeat('\u00e4', 32768)", TOO_LONG, VARCHAR),
    ("select len(repeat('\u00e4', 32767))", [[32767]], VARCHAR),
    ("select len(repeat('a', 40000) || repeat('b', 25535))", [[65535]], VARCHAR),
    ("select repeat('a', 40000) || repeat('b', 25536)", TOO_LONG, VARCHAR),
    ("select concat(repeat('a', 40000), repeat('b', 25536))", TOO_LONG, VARCHAR),
    ("select 1 || repeat('a', 65535)", TOO_LONG, VARCHAR),
    ("select replace(repeat('a', 40000), 'a', 'bb')", TOO_LONG, VARCHAR),
    ("select regexp_replace(repeat('a', 40000), 'a', 'bb')", TOO_LONG, VARCHAR),
    ("select translate(repeat('a', 40000), 'a', '\u00e4')", TOO_LONG, VARCHAR),
    ("select lpad('a', 65536)", TOO_LONG, VARCHAR),
    ("select rpad('a', 65536, 'xy')", TOO_LONG, VARCHAR),
    ("select quote_literal(repeat('a', 65534))", TOO_LONG, VARCHAR),
    ("select len(lpad('a', 65535)), lpad('abc', 2)", [[65535, "ab"]], "r_LPAD"),
    (
        "select count(*) from texts where repeat(v, 65536) = v",
        TOO_LONG,
        VARCHAR,
    ),
    (
        "select listagg(repeat('a', 20000), ',') from texts",
        Refused("Result size exceeds LISTAGG limit"),
        "r_LISTAGG",
    ),
    (
        "select len(listagg(repeat('a', 20000), ',')) from texts where id < 4",
        [[60002]],
        "r_LISTAGG",
    ),
    (
        "select listagg(nullif(v, 'y'), '-') within group (order by id desc)"
        " from texts",
        [["x -x"]],
        "r_LISTAGG: nulls are ignored",
    ),
    (
        "select listagg(case id when 1 then '' else id::varchar end, '-')"
        " within group (order by id) from texts",
        [["2-3-4"]],
        "r_LISTAGG: empty strings are ignored",
    ),
    (
        "select listagg(id, '-') within group (order by id) from texts",
        [["1-2-3-4"]],
        "r_LISTAGG",
    ),
    (
        "select listagg(id, '-') within group (order by id desc)"
        " over (partition by v) from texts where id < 4 order by id",
        [["2-1"], ["2-1"], ["3"]],
        "r_WF_LISTAGG",
    ),
]
ASCII = Refused("Only ASCII characters are allowed in fixed length strings")
CHAR = "c_Supported_data_types: CHAR has no multibyte characters; awslabs #395"
CHARACTERS = [
    ("insert into texts (c) values ('\u00e4')", ASCII, CHAR),
    ("insert into texts (c) select v || '\u20ac' from texts", ASCII, CHAR),
    ("update texts set c = '\u00e4' where id = 1", ASCII, CHAR),
    ("select '\u00e4'::char(3)", ASCII, CHAR),
    ("select cast(v || '\u00e4' as char(9)) from texts", ASCII, CHAR),
    ("select '\u00e4'::varchar(2), 'ab'::char(3)", [["\u00e4", "ab "]], CHAR),
]
ROWS: list[Row] = [*COMPARISONS, *CONVERSIONS, *LENGTHS, *CHARACTERS]


@pytest.mark.parametrize("row", ROWS, ids=names(ROWS))
def test_string_is_evaluated_or_refused(tables: Session, row: Row) -> None:
    check(tables, row)
