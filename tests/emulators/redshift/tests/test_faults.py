"""Fault injection through the admin socket."""

import threading
import time
from collections.abc import Callable

import psycopg2
import psycopg2.errors
import pytest
import redshift_connector

from tests.emulators.redshift.faults import FaultError, Faults
from tests.emulators.redshift.tests.conftest import Bucket, Emulator, Session
from tests.emulators.redshift.tests.test_connection import connect_psycopg

SetFault = Callable[..., None]
VIOLATION = "1023 | Serializable isolation violation on table"


@pytest.fixture
def table(session: Session) -> Session:
    """Return a session with an empty table."""
    session.run("create table t (a int)")
    return session


def insert_in_transaction(session: Session, value: int) -> None:
    """Insert a row in an explicit transaction."""
    session.run("begin")
    session.run(f"insert into {session.schema}.t values ({value})")
    session.run("commit")


def test_serialization_fault_fails_second_commit_to_table(
    table: Session, faults: SetFault
) -> None:
    faults(fault="serialization", table=f"{table.schema}.t", on=2)
    insert_in_transaction(table, 1)
    table.run("begin")
    table.run("insert into t values (2)")
    assert VIOLATION in table.error("commit")
    table.run("rollback")
    insert_in_transaction(table, 3)
    assert table.run("select a from t order by a") == [[1], [3]]


def test_serialization_fault_fails_autocommitted_statement(
    table: Session, faults: SetFault
) -> None:
    faults(fault="serialization", table="t")
    assert VIOLATION in table.error("insert into t values (%s)", 1)
    table.run("insert into t values (%s)", 2)
    assert table.run("select a from t") == [[2]]


def test_serialization_fault_fails_multi_statement_query(
    table: Session, faults: SetFault, emulator: Emulator
) -> None:
    faults(fault="serialization", table="t")
    connection = connect_psycopg(emulator)
    connection.autocommit = True
    name = f"{table.schema}.t"
    both = f"insert into {name} values (1); insert into {name} values (2)"
    with pytest.raises(psycopg2.Error, match="1023"):
        connection.cursor().execute(both)
    assert table.value("select count(*) from t") == 0
    connection.cursor().execute(both)
    assert table.value("select count(*) from t") == 2
    connection.close()


def test_fault_does_not_affect_other_tables(table: Session, faults: SetFault) -> None:
    faults(fault="serialization", table="elsewhere.t", times=0)
    insert_in_transaction(table, 1)
    assert table.value("select count(*) from t") == 1


@pytest.mark.parametrize(("when", "rows"), [("before_commit", 0), ("after_commit", 1)])
@pytest.mark.parametrize("is_explicit", [True, False])
def test_drop_fault_closes_connection_at_commit(
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
            insert_in_transaction(session, 1)
        else:
            session.run("insert into t values (1)")
    assert other.value("select count(*) from t") == rows


def test_copy_fault_fails_copy_midway(
    table: Session, faults: SetFault, bucket: Bucket
) -> None:
    url = bucket.put("rows", "".join(f"{n}\n" for n in range(5000)))
    faults(fault="copy", table=f"{table.schema}.t", after_rows=3000)
    message = table.error(f"copy t from '{url}' iam_role default")
    assert "Connection reset by peer" in message
    assert table.value("select count(*) from t") == 0
    table.run(f"copy t from '{url}' iam_role default")
    assert table.value("select count(*) from t") == 5000


def test_slow_fault_delays_statement(table: Session, faults: SetFault) -> None:
    faults(fault="slow", seconds=0.5, matching="^select 'slow'")
    started = time.monotonic()
    table.run("select 'slow'")
    assert time.monotonic() - started >= 0.5


def test_delayed_statement_can_be_cancelled(
    emulator: Emulator, faults: SetFault
) -> None:
    faults(fault="slow", seconds=60, matching="^select 'slow'")
    connection = connect_psycopg(emulator)
    timer = threading.Timer(0.5, connection.cancel)
    timer.start()
    started = time.monotonic()
    with pytest.raises(psycopg2.errors.QueryCanceled):
        connection.cursor().execute("select 'slow'")
    assert time.monotonic() - started < 30
    connection.close()


def test_error_fault_fails_second_matching_statement(
    table: Session, faults: SetFault
) -> None:
    faults(fault="error", matching="into t", message="disk full", code="53100", on=2)
    table.run("insert into t values (1)")
    assert "disk full" in table.error("insert into t values (2)")
    table.run("insert into t values (3)")
    assert table.run("select a from t order by 1") == [[1], [3]]


@pytest.mark.parametrize(
    "definition",
    [
        {"fault": "unknown"},
        {"fault": "drop"},
        {"fault": "slow", "second": 1},
        {},
    ],
)
def test_invalid_fault_is_rejected(definition: dict[str, object]) -> None:
    with pytest.raises(FaultError):
        Faults().add(definition)


def test_admin_socket_lists_faults_and_rejects_invalid_requests(
    emulator: Emulator, faults: SetFault
) -> None:
    faults(fault="slow", seconds=1, matching="matches no statement")
    [fault] = emulator.send_admin_request(do="faults")["faults"]
    assert (fault["fault"], fault["seconds"], fault["seen"]) == ("slow", 1, 0)
    with pytest.raises(FaultError, match="Unknown request"):
        emulator.send_admin_request(do="nonsense")
    with pytest.raises(FaultError, match="needs a table"):
        emulator.send_admin_request(do="fault", fault={"fault": "drop"})


def test_latency_delays_every_statement_and_session(
    connect: Callable[..., Session], faults: SetFault, emulator: Emulator
) -> None:
    opened = emulator.send_admin_request(do="sessions")["opened"]
    faults(fault="latency", statement_ms=40, session_ms=200)
    started = time.monotonic()
    session = connect()  # opens a session and runs at least two statements
    session.run("select %s", 1)
    assert time.monotonic() - started >= 0.2 + 3 * 0.04
    assert emulator.send_admin_request(do="sessions")["opened"] == opened + 1
