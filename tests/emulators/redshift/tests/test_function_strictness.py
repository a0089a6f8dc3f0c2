"""Functions and SUPER values that Redshift has otherwise than PostgreSQL.

Each row has the page of the Amazon Redshift developer guide, or the public issue, that
it follows. Accepted neighbours stand beside what is refused.
"""

import datetime as dt

import pytest

from tests.emulators.redshift.tests.conftest import Session
from tests.emulators.redshift.tests.rows import Refused, Row, check, names

DYNAMIC = "query-super: dynamic typing"
SUPER = [
    ("select doc.s = 'P', doc.n = 1, doc.b = true from docs", [[True] * 3], DYNAMIC),
    ("select doc.s = 1, doc.n = 'P', doc.b = 1 from docs", [[False] * 3], DYNAMIC),
    ("select doc.a = 'x', doc.z = 'x', 1 = doc.s from docs", [[False] * 3], DYNAMIC),
    ("select doc.missing = 'x' from docs", [[None]], DYNAMIC),
    ("select doc.n <> 'P', doc.s <> 'P' from docs", [[True, False]], DYNAMIC),
    ("select doc.n < 'P', doc.s >= 5, doc.a < 1 from docs", [[None] * 3], DYNAMIC),
    ("select doc.s <= 'P', doc.n < 2, doc.n = 1.0 from docs", [[True] * 3], DYNAMIC),
    ("select doc.s = doc.n, doc.n = doc.n from docs", [[False, True]], DYNAMIC),
    ("select doc.n < doc.s, doc.n <= doc.n from docs", [[None, True]], DYNAMIC),
    (
        'select doc.a = json_parse(\'[1, {"k": "v"}]\') from docs',
        [[True]],
        "query-super: deep equal",
    ),
    ("select count(*) from docs a join docs b on a.doc.n = b.doc.n", [[1]], DYNAMIC),
    ("select count(*) from docs a join docs b on a.doc.n = b.doc.s", [[0]], DYNAMIC),
    ("select doc.s in ('P', 'Q'), doc.n in (2, 3) from docs", [[True, False]], DYNAMIC),
    ("select doc.n between 0 and 2 from docs", [[True]], DYNAMIC),
    ("select case doc.s when 'P' then 1 end from docs", [[1]], DYNAMIC),
]
DEFAULT = Refused("the third argument of")
PATTERN = Refused("Invalid preceding regular expression prior to repetition operator")
POSIX = "pattern-matching-conditions-posix"
PCRE = "'(?=[^ ]*[a-z])(?=[^ ]*[0-9])[^ ]+'"
WORDS = f"'passwd7 plain A1234 a1234', {PCRE}"
STRICT = "r_TO_DATE_function"
FUNCTIONS = [
    ("select lag(v, 1, 'z') over (order by id) from texts", DEFAULT, "r_WF_LAG"),
    ("select lead(id, 1, 0) over (order by id) from texts", DEFAULT, "r_WF_LEAD"),
    (
        "select lag(id) over (order by id), lead(id, 2) over (order by id)"
        " from texts order by id",
        [[None, 3], [1, 4], [2, None], [3, None]],
        "r_WF_LAG",
    ),
    ("select split_part('a/b', '/', 0)", Refused("greater than zero"), "SPLIT_PART"),
    ("select split_part('a/b', '/', -1)", Refused("greater than zero"), "SPLIT_PART"),
    (
        "select split_part(v, '/', id - 1) from texts",
        Refused("greater than zero"),
        "SPLIT_PART",
    ),
    (
        "select split_part('a/b', '/', 2), split_part('a/b', '/', 9)",
        [["b", ""]],
        "SPLIT_PART",
    ),
    ("select to_date('20010631', 'YYYYMMDD')", [[dt.date(2001, 7, 1)]], STRICT),
    ("select to_date('20010631', 'YYYYMMDD', false)", [[dt.date(2001, 7, 1)]], STRICT),
    ("select to_date('31 Jun 2001', 'DD Mon YYYY')", [[dt.date(2001, 7, 1)]], STRICT),
    (
        "select to_date('20010631', 'YYYYMMDD', true)",
        Refused("date/time field date value out of range: 2001-6-31"),
        STRICT,
    ),
    ("select to_date('20010630', 'YYYYMMDD', true)", [[dt.date(2001, 6, 30)]], STRICT),
    ("select to_date('today', 'YYYYMMDD')", Refused("invalid value"), STRICT),
    ("select 'abc' ~ 'a(?=b)'", PATTERN, "sodadata/soda-core #2269"),
    ("select 'abc' ~ '^(?!x)'", PATTERN, "sodadata/soda-core #2269"),
    ("select v !~ '(?<=a)b' from texts", PATTERN, POSIX),
    ("select 'abc' ~ '(?:ab)c'", PATTERN, POSIX),
    ("select 'abc' ~ '(?i)ABC'", PATTERN, POSIX),
    ("select 'abc' ~ 'a.*?c'", PATTERN, POSIX),
    ("select regexp_replace('abc', 'a(?=b)', '')", PATTERN, "REGEXP_REPLACE"),
    ("select regexp_replace('abc', 'A(?=b)', '', 1, 'i')", PATTERN, "REGEXP_REPLACE"),
    ("select regexp_substr('abc', 'a(?=b)')", PATTERN, "REGEXP_SUBSTR"),
    ("select regexp_instr('abc', 'a(?=b)')", PATTERN, "REGEXP_INSTR"),
    ("select regexp_count('abc', 'a(?=b)')", PATTERN, "REGEXP_COUNT"),
    (
        "select 'a1' ~ '\\\\d', 'a.b' ~ 'a\\\\.b', 'abab' ~ '^(ab){2}$',"
        " 'x(?y' ~ 'x[(][?]y', '(?' ~ '\\\\(\\\\?', 'a' ~ '[[:alpha:]]+'",
        [[True] * 6],
        POSIX,
    ),
    (
        "select 'xy' similar to '(x|z)_', 'a' similar to 'b'",
        [[True, False]],
        "pattern-matching-conditions-similar-to",
    ),
    (
        f"select regexp_replace({WORDS}, '[hidden]', 1, 'p'),"
        f" regexp_replace({WORDS}, '[hidden]', 1, 'ip')",
        [["[hidden] plain A1234 [hidden]", "[hidden] plain [hidden] [hidden]"]],
        "REGEXP_REPLACE",
    ),
    (
        f"select regexp_substr({WORDS}, 1, 2, 'p'), regexp_substr({WORDS}, 1, 2, 'ip')",
        [["a1234", "A1234"]],
        "REGEXP_SUBSTR",
    ),
    (
        "select regexp_substr('This is a cat, this is a dog. This is a mouse.',"
        " 'this is a (\\\\w+)', 1, 2, 'ie')",
        [["dog"]],
        "REGEXP_SUBSTR",
    ),
    (
        f"select regexp_instr({WORDS}, 1, 2, 0, 'p'),"
        f" regexp_instr({WORDS}, 1, 2, 0, 'ip')",
        [[21, 15]],
        "REGEXP_INSTR",
    ),
    (
        f"select regexp_count({WORDS}, 1, 'p'), regexp_count({WORDS}, 1, 'ip')",
        [[2, 3]],
        "REGEXP_COUNT",
    ),
    ("select regexp_replace('the fox', 'FOX', 'x', 1, 'i')", [["the x"]],
     "REGEXP_REPLACE"),
    (
        "select timestamp '2026-01-02 03:00:00' - timestamp '2026-01-01'",
        [[dt.timedelta(days=1, hours=3)]],
        "redshift-connector: a binary interval has microseconds and months",
    ),
    (
        "select timestamp '2026-01-01' - timestamp '2026-03-01 00:00:01.5'",
        [[-dt.timedelta(days=59, seconds=1, microseconds=500_000)]],
        "redshift-connector",
    ),
]  # fmt: skip
ROWS: list[Row] = [*SUPER, *FUNCTIONS]


@pytest.mark.parametrize("row", ROWS, ids=names(ROWS))
def test_function_is_evaluated_or_refused(tables: Session, row: Row) -> None:
    check(tables, row)
