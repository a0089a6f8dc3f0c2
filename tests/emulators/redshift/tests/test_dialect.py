"""The SQL dialect without a server: parsing, statement splitting, plans."""

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.emulators.redshift.dialect import planner
from tests.emulators.redshift.dialect.plan import Plan
from tests.emulators.redshift.dialect.tokens import (
    parse,
    parse_nodes,
    render,
    string_value,
)
from tests.emulators.redshift.errors import RedshiftError

PIECES = st.sampled_from(
    [
        "select", " ", "\n", "a.b", '"Quoted ""name"""', "'it''s'", "'back\\\\slash'",
        "'\\''", "-- comment ; ' (\n", "/* a /* nested */ one */", "$1", "1.5e-3", "::",
        "<>", "||", "(x)", "[0]", "(select 1)", ",", "$$ body ' ( $$", "\u00e4", "*",
        "e'\\n'", "#temp", "->>",
    ]
)  # fmt: skip
STATEMENTS = {
    "select 1; select ';' -- ; not here\n; /* ; */": 2,
    "": 0,
    ";;": 0,
    "create function f() returns int as $$ select 1; $$ language sql": 1,
}


class EmptyCatalog:
    """A catalog without late-binding views."""

    def late_binding_views(self, names: object) -> dict[tuple[str, ...], str]:
        """Return nothing."""
        return {}

    def record_long_names(self, names: Mapping[str, str]) -> None:
        """Record nothing."""

    def column_types(self, sql: str) -> None:
        """Return that the types are unknown."""

    def late_binding_columns(self) -> list[tuple[str, str, str, str, int]]:
        """Return nothing."""
        return []

    def leader_views(self, names: object) -> dict[tuple[str, ...], tuple[str, bool]]:
        """Return nothing."""
        return {}


def plan(sql: str) -> Plan:
    """Return the plan of one statement."""
    [(nodes, text)] = planner.split_statements(sql)
    return planner.plan_statement(
        nodes, text, EmptyCatalog(), database="dev", last_values={}
    )


@given(st.lists(PIECES, max_size=30))
def test_parsing_is_lossless(pieces: list[str]) -> None:
    text = " ".join(pieces)
    assert render(*parse(text)) == text


@pytest.mark.parametrize(("text", "count"), STATEMENTS.items())
def test_text_is_split_into_statements(text: str, count: int) -> None:
    assert len(planner.split_statements(text)) == count


@pytest.mark.parametrize("text", ["select (1", "select 1)", "select 'a", 'select "a',
                                  "/* open", "select [1)", "select $$a"])  # fmt: skip
def test_unclosed_text_is_a_syntax_error(text: str) -> None:
    with pytest.raises(RedshiftError) as caught:
        parse(text)
    assert caught.value.code == "42601"


@pytest.mark.parametrize(
    ("literal", "value"),
    [
        ("'it''s'", "it's"),
        ("'a\\'b'", "a'b"),
        ("'\\001'", "\x01"),
        ("'\\t\\\\'", "\t\\"),
        ("'\\x41'", "A"),
        ("$$as 'it' is\\n$$", "as 'it' is\\n"),
        ("$tag$ a $$ b $tag$", " a $$ b "),
    ],
)
def test_string_literal_is_unescaped(literal: str, value: str) -> None:
    assert string_value(parse_nodes(literal)[0]) == value


@pytest.mark.parametrize(
    "sql",
    [
        "create user u password 'S3CRET'",
        "alter user u with password 'S3CRET'",
        "copy t from 's3://b/k' access_key_id 'S3CRET' secret_access_key 'S3CRET'",
        "unload ('select 1') to 's3://b/k' credentials 'aws_iam_role=S3CRET'",
    ],
)
def test_plan_text_contains_no_secrets(sql: str) -> None:
    assert "S3CRET" not in plan(sql).text
    assert "***" in plan(sql).text


@pytest.mark.parametrize(
    ("sql", "written"),
    [
        ("insert into s.t select 1", ["s.t"]),
        ('update "S"."T" set a = 1', ['"s"."t"']),
        ("delete from t using u where t.a = u.a", ["t"]),
        ("copy s.t (a) from 's3://b/k' iam_role default", ["s.t"]),
        ("create table s.t as select 1 as a", ["s.t"]),
        ("select * from t", []),
    ],
)
def test_plan_lists_written_tables(sql: str, written: list[str]) -> None:
    assert plan(sql).written == written


def test_word_after_a_number_is_separated() -> None:
    sql = plan("select case when a=1then 2else 0end from t").sql
    assert sql == "select case when a=1 then 2 else 0 end from t"
