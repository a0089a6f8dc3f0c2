"""Primary, unique and foreign keys: stored in the catalog, never enforced."""

import pytest

from tests.emulators.redshift.tests.conftest import Session

KEYS = """
select conname, contype::varchar, conkey::varchar from pg_constraint
where conrelid = 't'::regclass and contype in ('p', 'u', 'f') order by conname
"""


@pytest.mark.parametrize(
    ("definition", "keys"),
    [
        ("a int primary key, b int", [["t_pkey", "p", "{1}"]]),
        ("a int, b int, primary key (b, a)", [["t_pkey", "p", "{2,1}"]]),
        ("a int, b int constraint k primary key", [["k", "p", "{2}"]]),
        ("a int unique, b int unique",
         [["t_a_key", "u", "{1}"], ["t_b_key", "u", "{2}"]]),
        ("a int, b int, constraint k unique (a, b)", [["k", "u", "{1,2}"]]),
        ("a int references other, b int", [["t_a_fkey", "f", "{1}"]]),
        ("a int, b int constraint k references other (id)", [["k", "f", "{2}"]]),
        ("a int, b int, foreign key (b) references other (id)",
         [["t_b_fkey", "f", "{2}"]]),
        ('a int, "B" varchar(3) not null unique default \'x\' encode zstd',
         [["t_b_key", "u", "{2}"]]),
    ],
)  # fmt: skip
def test_keys_are_in_the_catalog_and_not_enforced(
    session: Session, definition: str, keys: list[list[str]]
) -> None:
    session.run("create table other (id bigint not null, primary key (id))")
    session.run(f"create table t ({definition})")
    assert session.run(KEYS) == keys
    session.run("insert into t values (1, 1), (1, 1)")
    session.run("create table if not exists t (a int primary key)")
    assert session.run(KEYS) == keys
    for name, *_ in keys:
        session.run(f"alter table t drop constraint {name}")
    assert session.run(KEYS) == []
    session.run("alter table t add constraint added primary key (a)")
    assert session.run(KEYS) == [["added", "p", "{1}"]]


@pytest.mark.parametrize(
    ("statement", "message"),
    [
        ("create table u (a int primary key, b int primary key)", "multiple primary"),
        (
            "create table u (a int, unique (c))",
            'column "c" named in key does not exist',
        ),
        ("create table u (a int references nowhere)", 'relation "nowhere" does not'),
        ("create table u (a int references t (b))", "there is no unique constraint"),
        ("alter table t add primary key (b)", "multiple primary keys"),
        ("drop table t", "other objects depend on it"),
        ("select b, count(*) from t group by a", "must appear in the GROUP BY"),
    ],
)
def test_invalid_keys_are_rejected(
    session: Session, statement: str, message: str
) -> None:
    session.run("create table t (a int primary key, b int)")
    session.run("create table reader (a int references t (a))")
    assert message in session.error(statement)


def test_tables_with_foreign_keys_are_joined_and_truncated(session: Session) -> None:
    session.run("create table t (a int primary key, b varchar(5) unique)")
    session.run("create table reader (a int references t, b varchar references t (b))")
    session.run("insert into t values (1, 'x'), (1, 'x'), (2, 'y')")
    session.run("insert into reader values (1, 'x'), (3, 'z')")
    assert session.run("select t.a, t.b from t join reader using (a, b)") == [
        [1, "x"],
        [1, "x"],
    ]
    session.run("delete from t where a in (select a from reader)")
    session.run("truncate t")
    assert session.value("select count(*) from reader") == 2


def test_driver_lists_primary_keys(session: Session) -> None:
    session.run("create temp table only_here (b int, a int, primary key (a, b))")
    cursor = session.connection.cursor()
    keys = cursor.get_primary_keys_legacy_hardcoded_query(table="only_here")
    assert [row[2:5] for row in keys] == [["only_here", "a", 1], ["only_here", "b", 2]]


def test_index_of_a_key_follows_the_table(session: Session) -> None:
    session.run("create table t (a int primary key, b int unique)")
    session.run("alter table t rename column a to renamed")
    session.run("create table t_pkey (a int)")
    session.run("create table t_b_key (a int)")
    assert session.run(
        "select indisprimary, i.relname, attname from pg_index"
        " join pg_class i on i.oid = indexrelid join pg_attribute on attrelid ="
        " indexrelid where indrelid = 't'::regclass order by 1"
    ) == [[False, "t_b_key", "b"], [True, "t_pkey", "renamed"]]
    session.run("alter table t rename to u")
    session.run("create table t (a int primary key)")
    assert session.value("select count(*) from u") == 0
