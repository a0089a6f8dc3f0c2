"""Connections: TLS, authentication, cancellation, disconnected clients."""

import contextlib
import socket
import struct
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg2
import psycopg2.errors
import pytest
import redshift_connector

from tests.emulators import certificates
from tests.emulators.redshift.tests.conftest import Emulator, Session

TIMEOUT_SECONDS = 10
COUNT_RUNNING = (
    "select count(*) from pg_stat_activity where query like %s and state = 'active'"
)


def eventually(condition: Callable[[], bool]) -> bool:
    """Wait until a condition is true; return False if it times out."""
    end = time.monotonic() + TIMEOUT_SECONDS
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.05)
    return False


def connect_psycopg(
    emulator: Emulator, **overrides: object
) -> psycopg2.extensions.connection:
    """Connect with psycopg2, which uses libpq like psql."""
    environment = emulator.environment
    return psycopg2.connect(
        **{
            "host": environment["NIGHTSHIFT_REDSHIFT_HOST"],
            "port": environment["NIGHTSHIFT_REDSHIFT_PORT"],
            "user": environment["NIGHTSHIFT_REDSHIFT_USER"],
            "password": environment["NIGHTSHIFT_REDSHIFT_PASSWORD"],
            "dbname": environment["NIGHTSHIFT_REDSHIFT_DATABASE"],
            **overrides,
        }
    )


def test_driver_connects_with_verified_tls(session: Session) -> None:
    assert session.value("select 1") == 1
    assert "Redshift 1.0" in session.value("select version()")


def test_driver_connects_without_tls(connect: Callable[..., Session]) -> None:
    assert connect(ssl=False).value("select 1") == 1


@pytest.mark.parametrize("mode", ["verify-ca", "verify-full"])
def test_driver_rejects_certificate_of_another_authority(
    emulator: Emulator, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, mode: str
) -> None:
    other, _ = certificates.ensure(tmp_path, "another CA")
    monkeypatch.setenv("SSL_CERT_FILE", str(other))
    with pytest.raises(redshift_connector.Error, match="CERTIFICATE_VERIFY_FAILED"):
        emulator.connect(sslmode=mode)


def test_psycopg2_verifies_certificate(emulator: Emulator) -> None:
    connection = connect_psycopg(
        emulator, sslmode="verify-full", sslrootcert=emulator.ca
    )
    with contextlib.closing(connection), connection.cursor() as cursor:
        cursor.execute("select 1; select 'two'")
        assert cursor.fetchall() == [("two",)]


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ({"password": "Wrong1"}, "password authentication failed"),
        ({"user": "nobody"}, "password authentication failed"),
        ({"user": "rdsdb", "password": ""}, "password authentication failed"),
        ({"database": "nowhere"}, 'database "nowhere" does not exist'),
    ],
)
def test_wrong_credentials_are_rejected(
    emulator: Emulator, overrides: dict[str, str], message: str
) -> None:
    with pytest.raises(redshift_connector.Error, match=message):
        emulator.connect(**overrides)


def test_iam_user_connects_with_temporary_password(emulator: Emulator) -> None:
    connection = emulator.connect(user="IAM:awsuser", password="temporary")
    with contextlib.closing(connection), connection.cursor() as cursor:
        cursor.execute("select current_user")
        assert cursor.fetchall() == (["awsuser"],)
    with pytest.raises(redshift_connector.Error, match="authentication failed"):
        emulator.connect(user="IAM:nobody", password="temporary")


def test_new_user_connects_and_needs_grants(
    session: Session, emulator: Emulator
) -> None:
    session.run("create table secret (a int)")
    session.run("create user reader_1 password 'Reader1Reader1'")
    connection = emulator.connect(user="reader_1", password="Reader1Reader1")
    reader = Session(connection, session.schema)
    assert "permission denied" in reader.error(f"select * from {session.schema}.secret")
    session.run(f"grant usage on schema {session.schema} to reader_1")
    session.run(f"grant select on {session.schema}.secret to reader_1")
    assert reader.run(f"select * from {session.schema}.secret") == []
    assert "***" in session.value(
        "select query_text from sys_query_history where query_text like"
        " 'create user reader_1%%'"
    )
    connection.close()


def test_concurrent_connections_do_not_affect_each_other(
    connect: Callable[..., Session],
) -> None:
    first = connect()
    first.run("create table t (a int)")
    sessions = [connect() for _ in range(30)]

    def insert_and_select(numbered: tuple[int, Session]) -> int:
        number, session = numbered
        session.run(f"insert into {first.schema}.t values ({number})")
        return session.value(f"select {number}")

    with ThreadPoolExecutor(10) as pool:
        numbers = list(pool.map(insert_and_select, enumerate(sessions)))
    assert numbers == list(range(30))
    assert first.value("select count(distinct a) from t") == 30


def test_cancel_stops_a_query(emulator: Emulator, session: Session) -> None:
    connection = connect_psycopg(emulator)
    marker = "cancel me"
    sql = f"select count(*), '{marker}' from generate_series(1, 2000000000)"
    caught: list[BaseException] = []

    def run() -> None:
        try:
            connection.cursor().execute(sql)
        except psycopg2.Error as error:
            caught.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    pattern = f"%'{marker}'%generate_series%"
    assert eventually(lambda: session.value(COUNT_RUNNING, pattern) > 0)
    connection.cancel()
    thread.join(TIMEOUT_SECONDS)
    assert isinstance(caught[0], psycopg2.errors.QueryCanceled)
    connection.rollback()
    cursor = connection.cursor()
    cursor.execute("select 1")
    assert cursor.fetchone() == (1,)
    connection.close()


def test_terminated_session_is_closed(emulator: Emulator, session: Session) -> None:
    open_before = emulator.send_admin_request(do="sessions")["sessions"]
    connection = connect_psycopg(emulator)
    pid = connection.info.backend_pid
    assert session.value(f"select pg_terminate_backend({pid})") is True
    assert eventually(
        lambda: emulator.send_admin_request(do="sessions")["sessions"] == open_before
    )
    with pytest.raises(psycopg2.OperationalError):
        connection.cursor().execute("select 1")


def test_disconnected_client_leaves_no_query_lock_or_session(
    emulator: Emulator, session: Session
) -> None:
    session.run("create table t (a int)")
    open_before = emulator.send_admin_request(do="sessions")["sessions"]
    connection = emulator.connect()
    connection.autocommit = False
    disconnected = Session(connection, session.schema)
    disconnected.run(f"insert into {session.schema}.t values (1)")
    marker = "disconnected"
    sql = f"select count(*), '{marker}' from generate_series(1, 2000000000)"
    pattern = f"%'{marker}'%generate_series%"
    thread = threading.Thread(target=run_and_fail, args=(disconnected, sql))
    thread.start()
    assert eventually(lambda: session.value(COUNT_RUNNING, pattern) > 0)
    connection._usock.shutdown(socket.SHUT_RDWR)
    thread.join(TIMEOUT_SECONDS)
    assert eventually(lambda: session.value(COUNT_RUNNING, pattern) == 0)
    assert eventually(
        lambda: emulator.send_admin_request(do="sessions")["sessions"] == open_before
    )
    assert session.value("select count(*) from t") == 0
    session.run("drop table t")  # would wait for a remaining lock


def run_and_fail(session: Session, sql: str) -> None:
    """Run a statement during which the connection is closed."""
    with pytest.raises((redshift_connector.Error, OSError, struct.error, ValueError)):
        session.run(sql)


def test_invalid_startup_packet_is_an_error(emulator: Emulator) -> None:
    environment = emulator.environment
    address = (
        environment["NIGHTSHIFT_REDSHIFT_HOST"],
        int(environment["NIGHTSHIFT_REDSHIFT_PORT"]),
    )
    with socket.create_connection(address, timeout=TIMEOUT_SECONDS) as raw:
        raw.sendall(b"GET / HTTP/1.0\r\n\r\n")
        assert b"invalid length of startup packet" in raw.recv(1000)


def test_simple_query_runs_its_statements_in_one_transaction(
    emulator: Emulator, session: Session
) -> None:
    session.run("create table t (a int)")
    connection = connect_psycopg(emulator)
    connection.autocommit = True
    with connection.cursor() as cursor:
        name = f"{session.schema}.t"
        with pytest.raises(psycopg2.Error):
            cursor.execute(f"insert into {name} values (1); select 1 / 0")
        assert session.value("select count(*) from t") == 0
        cursor.execute(f"insert into {name} values (1); insert into {name} values (2)")
        cursor.execute(f"begin; insert into {name} values (3); commit")
    assert session.value("select count(*) from t") == 3
    connection.close()
