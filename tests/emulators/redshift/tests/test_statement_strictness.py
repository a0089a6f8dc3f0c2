"""Statements that Redshift refuses or takes although PostgreSQL does the opposite."""

from collections.abc import Callable, Iterator

import pytest

from tests.emulators.redshift.conftest import Emulator
from tests.emulators.redshift.tests import statement_cases, view_cases
from tests.emulators.redshift.tests.conftest import Bucket, Session
from tests.emulators.redshift.tests.statement_cases import CREATE

REFUSED = statement_cases.REFUSED + view_cases.REFUSED
TAKEN = statement_cases.TAKEN + view_cases.TAKEN
LOAD, COLUMNAR = "copy-parameters-data-format", "copy-usage_notes-copy-from-columnar"
COPY_PAIRS = [  # source, options, what is refused
    (LOAD, "json 'auto' delimiter ','", "DELIMITER"),
    (LOAD, "delimiter ',' json 'auto'", "DELIMITER"),
    (LOAD, "format as json 'auto ignorecase' null as 'x'", "NULL AS"),
    (LOAD, "json 'auto' escape", "ESCAPE"),
    (LOAD, "json 'auto' fillrecord", "FILLRECORD"),
    (LOAD, "json 'auto' ignoreblanklines", "IGNOREBLANKLINES"),
    (LOAD, "json 'auto' removequotes", "REMOVEQUOTES"),
    (LOAD, "json 'noshred' readratio 10", "READRATIO"),
    (LOAD, "csv escape", "ESCAPE"),
    (LOAD, "format csv removequotes", "REMOVEQUOTES"),
    (LOAD, "quote as '%'", "QUOTE"),
    (LOAD, "json 'auto' quote as '%'", "QUOTE"),
    (LOAD, "json 'auto' csv", "conflicting or redundant options"),
    (LOAD, "gzip zstd", "conflicting or redundant options"),
    (LOAD, "delimiter '|' delimiter ','", "conflicting or redundant options"),
    (COLUMNAR, "parquet delimiter ','", "DELIMITER"),
    (COLUMNAR, "format as parquet gzip", "GZIP"),
    (COLUMNAR, "parquet maxerror 5", "MAXERROR"),
    (COLUMNAR, "parquet ignoreheader 1", "IGNOREHEADER"),
    (COLUMNAR, "parquet null as 'x'", "NULL AS"),
    (COLUMNAR, "parquet truncatecolumns", "TRUNCATECOLUMNS"),
    (COLUMNAR, "parquet acceptanydate", "ACCEPTANYDATE"),
    (COLUMNAR, "parquet dateformat 'auto'", "DATEFORMAT"),
]
COPY_TAKEN = [
    (LOAD, "json 'auto' gzip truncatecolumns timeformat 'auto' maxerror 5"),
    (LOAD, "json 'auto' acceptinvchars emptyasnull blanksasnull trimblanks"),
    (LOAD, "csv quote as '%' delimiter ';' null as 'x' ignoreheader 1 fillrecord"),
    (LOAD, "delimiter ',' escape removequotes ignoreblanklines fillrecord gzip"),
    (COLUMNAR, "parquet fillrecord statupdate off acceptinvchars"),
]
UNLOAD_PAIRS = [  # source: r_UNLOAD
    ("parquet header", "HEADER"),
    ("parquet delimiter ','", "DELIMITER"),
    ("format as parquet null as 'x'", "NULL AS"),
    ("parquet escape", "ESCAPE"),
    ("parquet addquotes", "ADDQUOTES"),
    ("gzip parquet", "GZIP"),
    ("parquet zstd", "ZSTD"),
    ("json header", "HEADER"),
    ("json delimiter ','", "DELIMITER"),
    ("format json null as 'x'", "NULL AS"),
    ("json escape", "ESCAPE"),
    ("json addquotes", "ADDQUOTES"),
    ("csv addquotes", "ADDQUOTES"),
    ("csv rowgroupsize 64 mb", "ROWGROUPSIZE"),
    ("cleanpath allowoverwrite", "CLEANPATH"),
    ("csv parquet", "conflicting or redundant options"),
]
UNLOAD_TAKEN = [
    "csv header delimiter ';' null as 'x' gzip",
    "header addquotes escape delimiter ',' null as 'x' bzip2",
    "parquet rowgroupsize 64 mb maxfilesize 64 mb manifest verbose",
    "json gzip",
]


@pytest.fixture(scope="module")
def shared(emulator: Emulator) -> Iterator[Session]:
    """Return one session for all cases with the tables t, u and s, and views."""
    session = Session(emulator.connect(), "statements")
    session.run("create schema if not exists statements")
    session.run("set search_path to statements")
    for name in ("t", "u", "s", "twice"):
        session.run(f"create table {name} {CREATE}")
    session.run("insert into t values (1, 'a', 10), (2, 'b', 20), (3, 'b', 30)")
    session.run("insert into s values (2, 'B', 0), (4, 'D', 0)")
    session.run("insert into twice values (2, 'B', 0), (2, 'C', 0)")
    session.run("create view sv as select * from s")
    session.run("create view lv as select now() as n")
    session.run("create view lv2 as select n as m from lv")
    session.run("create view catalog_view as select nspname from pg_namespace limit 1")
    session.run("create view sl as select * from statements.s with no schema binding")
    yield session
    session.run("drop schema statements cascade")
    session.connection.close()


@pytest.fixture
def tables(shared: Session) -> Iterator[Session]:
    """Return the session in a transaction, which is rolled back afterwards."""
    shared.run("begin")
    yield shared
    shared.run("rollback")


@pytest.mark.parametrize(
    ("source", "sql", "message"), REFUSED, ids=[case[1][:60] for case in REFUSED]
)
def test_statement_is_refused(
    tables: Session, source: str, sql: str, message: str
) -> None:
    assert message in tables.error(sql), source


@pytest.mark.parametrize(
    ("source", "sql", "rows"), TAKEN, ids=[case[1][:60] for case in TAKEN]
)
def test_statement_is_taken(
    tables: Session, source: str, sql: str, rows: list[list[object]]
) -> None:
    found = tables.run(sql)
    assert [row[: len(rows[0])] for row in found] == rows if rows else not found, source


@pytest.mark.parametrize(("source", "options", "refused"), COPY_PAIRS)
def test_copy_refuses_pairs_of_options(
    tables: Session, bucket: Bucket, source: str, options: str, refused: str
) -> None:
    url = bucket.put("object", b"")
    message = tables.error(f"copy t (id) from '{url}' iam_role default {options}")
    expected = f"{refused} is not supported for COPY from"
    assert (refused if " " in refused[8:] else expected) in message, source


@pytest.mark.parametrize(("source", "options"), COPY_TAKEN)
def test_copy_takes_options(
    tables: Session, bucket: Bucket, source: str, options: str
) -> None:
    copy = f"copy t (id) from '{bucket.url}/none' iam_role default {options}"
    message = tables.error(copy)
    assert "is not supported" not in message, source
    assert "does not exist" in message


@pytest.mark.parametrize(("options", "refused"), UNLOAD_PAIRS)
def test_unload_refuses_pairs_of_options(
    tables: Session, bucket: Bucket, options: str, refused: str
) -> None:
    unload = f"unload ('select id from t') to '{bucket.url}/x' iam_role default"
    assert refused in tables.error(f"{unload} {options}")
    assert bucket.names() == []


@pytest.mark.parametrize("options", UNLOAD_TAKEN)
def test_unload_takes_options(tables: Session, bucket: Bucket, options: str) -> None:
    unload = f"unload ('select id from t') to '{bucket.url}/x' iam_role default"
    tables.run(f"{unload} {options}")
    assert bucket.names()


def test_unload_refuses_rows_of_the_leader_node(
    tables: Session, bucket: Bucket
) -> None:
    unload = "unload ('select relname from pg_class') to '{}' iam_role default"
    assert "leader node only" in tables.error(unload.format(bucket.url))


def test_merge_removes_duplicates(tables: Session) -> None:
    tables.run("insert into t values (4, 'x', 1), (4, 'y', 2), (3, 'b', 30)")
    tables.run("merge into t using s on t.id = s.id remove duplicates")
    assert tables.run("select id, name, hosts from t order by 1, 2") == [
        [1, "a", 10], [2, "B", 0], [3, "b", 30], [3, "b", 30], [4, "D", 0],
    ]  # fmt: skip


def test_session_has_one_open_cursor(connect: Callable[..., Session]) -> None:
    """Source: the page of DECLARE."""
    session = connect()
    session.run("begin")
    session.run("declare one cursor for select 1")
    assert "only one cursor can be open" in session.error(
        "declare two cursor for select 2"
    )
    session.run("rollback")
    session.run("begin")
    session.run("declare one cursor for select 1")
    session.run("close one")
    session.run("declare two cursor for select 2")
    assert session.run("fetch 1 from two") == [[2]]
    session.run("rollback")


def test_change_of_a_type_needs_its_own_transaction(shared: Session) -> None:
    """Source: r_ALTER_TABLE."""
    change = "alter table u alter column name type varchar(20)"
    shared.run("begin")
    assert "cannot run inside a transaction block" in shared.error(change)
    shared.run("rollback")
    shared.run(change)
    shared.run("insert into u (name) values ('twenty bytes of text')")
    shared.run("delete from u")
