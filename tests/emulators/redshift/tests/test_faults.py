"""Faults on demand: what a cluster does on a bad night, at the moment a test says."""

import threading
import time
from collections.abc import Callable

import psycopg2
import psycopg2.errors
import pytest
import redshift_connector

from tests.emulators.redshift.faults import FaultError, Faults
from tests.emulators.redshift.tests.conftest import Bucket, Session, StandIn
from tests.emulators.redshift.tests.test_connection import psycopg

SetFault = Callable[..., None]
VIOLATION = "1023 | Serializable isolation violation on table"


@pytest.fixture
def table(session: Session) -> Session:
    """Return a session with a table."""
    session.run("create table t (a int)")
    return session


def in_transaction(session: Session, value: int) -> None:
    """Write a row in a transaction."""
    session.run("begin")
    session.run(f"insert into {session.schema}.t values ({value})")
    session.run("commit")


def test_second_commit_to_a_table_meets_error_1023(
    table: Session, faults: SetFault
) -> None:
    faults(fault="serialization", table=f"{table.schema}.t", on=2)
    in_transaction(table, 1)
    table.run("begin")
    table.run("insert into t values (2)")
    assert VIOLATION in table.error("commit")
    table.run("rollback")
    in_transaction(table, 3)
    assert table.run("select a from t order by a") == [[1], [3]]


def test_statement_that_commits_itself_meets_it_too(
    table: Session, faults: SetFault
) -> None:
    faults(fault="serialization", table="t")
    assert VIOLATION in table.error("insert into t values (%s)", 1)
    table.run("insert into t values (%s)", 2)
    assert table.run("select a from t") == [[2]]


def test_several_statements_of_a_simple_query_meet_it_at_their_end(
    table: Session, faults: SetFault, stand_in: StandIn
) -> None:
    faults(fault="serialization", table="t")
    connection = psycopg(stand_in)
    connection.autocommit = True
    name = f"{table.schema}.t"
    both = f"insert into {name} values (1); insert into {name} values (2)"
    with pytest.raises(psycopg2.Error, match="1023"):
        connection.cursor().execute(both)
    assert table.value("select count(*) from t") == 0
    connection.cursor().execute(both)
    assert table.value("select count(*) from t") == 2
    connection.close()


def test_other_tables_are_left_alone(table: Session, faults: SetFault) -> None:
    faults(fault="serialization", table="elsewhere.t", times=0)
    in_transaction(table, 1)
    assert table.value("select count(*) from t") == 1


@pytest.mark.parametrize(("when", "rows"), [("before_commit", 0), ("after_commit", 1)])
@pytest.mark.parametrize("is_explicit", [True, False])
def test_connection_is_dropped_at_the_commit(
    connect: Callable[..., Session],
    faults: SetFault,
    when: str,
    rows: int,
    is_explicit: bool,
) -> None:
    session, other = connect(), connect()
    session.run("create table t (a int)")
    faults(fault="drop", table=f"{session.schema}.t", when=when)
    with pytest.raises((redshift_connector.Error, OSError)):
        if is_explicit:
            in_transaction(session, 1)
        else:
            session.run("insert into t values (1)")
    assert other.value("select count(*) from t") == rows


def test_copy_fails_half_way(table: Session, faults: SetFault, bucket: Bucket) -> None:
    url = bucket.put("rows", "".join(f"{n}\n" for n in range(5000)))
    faults(fault="copy", table=f"{table.schema}.t", after_rows=3000)
    told = table.error(f"copy t from '{url}' iam_role default")
    assert "Connection reset by peer" in told
    assert table.value("select count(*) from t") == 0
    table.run(f"copy t from '{url}' iam_role default")
    assert table.value("select count(*) from t") == 5000


def test_answers_are_slow(table: Session, faults: SetFault) -> None:
    faults(fault="slow", seconds=0.5, matching="^select 'slow'")
    started = time.monotonic()
    table.run("select 'slow'")
    assert time.monotonic() - started >= 0.5


def test_slow_answer_can_be_cancelled(stand_in: StandIn, faults: SetFault) -> None:
    faults(fault="slow", seconds=60, matching="^select 'slow'")
    connection = psycopg(stand_in)
    timer = threading.Timer(0.5, connection.cancel)
    timer.start()
    started = time.monotonic()
    with pytest.raises(psycopg2.errors.QueryCanceled):
        connection.cursor().execute("select 'slow'")
    assert time.monotonic() - started < 30
    connection.close()


def test_error_on_demand(table: Session, faults: SetFault) -> None:
    faults(fault="error", matching="into t", message="disk full", code="53100", on=2)
    table.run("insert into t values (1)")
    assert "disk full" in table.error("insert into t values (2)")
    table.run("insert into t values (3)")
    assert table.run("select a from t order by 1") == [[1], [3]]


@pytest.mark.parametrize(
    "described",
    [
        {"fault": "unknown"},
        {"fault": "drop"},
        {"fault": "slow", "second": 1},
        {},
    ],
)
def test_fault_that_is_not_one_is_refused(described: dict[str, object]) -> None:
    with pytest.raises(FaultError):
        Faults().add(described)


def test_admin_socket_tells_what_is_set(stand_in: StandIn, faults: SetFault) -> None:
    faults(fault="slow", seconds=1, matching="nothing like it")
    [found] = stand_in.ask(do="faults")["faults"]
    assert (found["fault"], found["seconds"], found["seen"]) == ("slow", 1, 0)
    with pytest.raises(FaultError, match="no such request"):
        stand_in.ask(do="nonsense")
    with pytest.raises(FaultError, match="needs a table"):
        stand_in.ask(do="fault", fault={"fault": "drop"})
