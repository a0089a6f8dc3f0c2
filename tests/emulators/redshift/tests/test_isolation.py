"""Concurrent transactions under SNAPSHOT and SERIALIZABLE isolation."""

import re
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import pytest
import redshift_connector

from tests.emulators.redshift.conftest import Emulator
from tests.emulators.redshift.tests.conftest import Bucket, Session
from tests.emulators.redshift.tests.isolation_cases import CASES, LEVELS

WAIT_SECONDS = 20
STEP = re.compile(r"(\d)([.:]) ?(.*?) ?(?:(->|!|~)(.*))?")


@pytest.fixture(scope="module")
def databases(emulator: Emulator) -> Iterator[dict[str, list[Session]]]:
    """Create a database for each isolation level; yield four sessions of each."""
    admin = Session(emulator.connect(), "public")
    sessions = {}
    for level in LEVELS:
        name = f"isolation_{level}"
        admin.run(f"create database {name} isolation level {level}")
        connections = [emulator.connect(database=name) for _ in range(4)]
        sessions[level] = [Session(connection, "s") for connection in connections]
    yield sessions
    for level, opened in sessions.items():
        for session in opened:
            session.connection.close()
        admin.run(f"drop database isolation_{level}")
    admin.connection.close()


@pytest.fixture
def prepare(
    databases: dict[str, list[Session]],
) -> Iterator[Callable[[str], list[Session]]]:
    """Return a function that gives sessions of a level on a new schema."""
    used: list[Session] = []

    def prepare_sessions(level: str) -> list[Session]:
        sessions = databases[level]
        used.extend(sessions)
        sessions[0].run("drop schema if exists s cascade")
        sessions[0].run("create schema s")
        for session in sessions:
            session.run("set search_path to s")
        sessions[0].run("create table t (n int)")
        sessions[0].run("create table u (n int)")
        sessions[0].run("insert into t values (0), (1)")
        return sessions

    yield prepare_sessions
    for session in used:
        session.run("rollback")


class Player:
    """Runs the steps of a case, those that wait in a thread."""

    def __init__(self, sessions: list[Session], threads: ThreadPoolExecutor) -> None:
        self._sessions = sessions
        self._pids = [item.value("select pg_backend_pid()") for item in sessions]
        self._threads = threads
        self._waiting: dict[int, Future[object]] = {}

    def play(self, step: str) -> None:
        """Run one step and check what it gives."""
        match = STEP.fullmatch(step)
        assert match is not None, step
        digit, mark, sql, sign, expected = match.groups()
        number = int(digit)
        session = self._sessions[number]
        if mark == ".":
            result = self._waiting.pop(number).result(WAIT_SECONDS)
            assert (expected or "") in str(result), step
        elif sign == "~":
            run = session.error if expected == "!" else session.run
            self._waiting[number] = self._threads.submit(run, sql)
            self._wait_for_lock(self._pids[number])
        elif sign == "!":
            assert expected in session.error(sql), step
        elif sign == "->":
            rows = sorted(str(row[0]) for row in session.run(sql))
            assert rows == expected.split(), step
        else:
            session.run(sql)

    def _wait_for_lock(self, pid: int) -> None:
        """Return once PostgreSQL shows that the process waits for a lock."""
        deadline = time.monotonic() + WAIT_SECONDS
        query = "select count(*) from pg_locks where pid = %s and not granted"
        while not self._sessions[0].value(query, pid):
            assert time.monotonic() < deadline, "the statement does not wait"
            time.sleep(0.005)


@pytest.mark.parametrize(
    ("level", "steps"),
    [
        pytest.param(level, steps, id=f"{level}-{number}-{source}")
        for number, (source, levels, steps) in enumerate(CASES)
        for level in levels
    ],
)
def test_concurrent_transactions(
    prepare: Callable[[str], list[Session]], level: str, steps: str
) -> None:
    sessions = prepare(level)
    with ThreadPoolExecutor(len(sessions)) as threads:
        player = Player(sessions, threads)
        for step in steps.split("; "):
            player.play(step)


@pytest.mark.parametrize("level", LEVELS)
def test_deadlock_fails_one_of_the_transactions(
    prepare: Callable[[str], list[Session]], level: str
) -> None:
    """Source: c_write_readwrite, potential deadlock situation."""
    _, first, second, _ = prepare(level)
    tables = {first: ("t", "u"), second: ("u", "t")}
    for session, (own, _) in tables.items():
        session.run("begin")
        session.run(f"insert into {own} values (2)")

    def write_other(session: Session) -> str:
        try:
            session.run(f"insert into {tables[session][1]} values (3)")
        except redshift_connector.Error as error:
            return str(error)
        return ""

    with ThreadPoolExecutor(2) as threads:
        errors = list(threads.map(write_other, tables))
    assert sorted(bool(error) for error in errors) == [False, True]
    assert "deadlock detected" in "".join(errors)
    for session in tables:
        session.run("commit")
    rows = first.run("select n from t union all select n from u order by n")
    assert rows == [[0], [1], [2], [3]]


@pytest.mark.parametrize("level", LEVELS)
def test_violation_names_the_table_and_the_transactions(
    prepare: Callable[[str], list[Session]], level: str
) -> None:
    _, first, second, _ = prepare(level)
    table = first.value("select 't'::regclass::oid")
    pid = first.value("select pg_backend_pid()")
    first.run("begin")
    first.run("select n from t")
    second.run("update t set n = 5 where n = 0")
    message = first.error("update t set n = 6 where n = 0")
    pattern = (
        rf"1023 \| Serializable isolation violation on table - {table},"
        rf" transactions forming the cycle are: \d+, \d+ \(pid:{pid}\)"
    )
    assert re.search(pattern, message)
    assert "current transaction is aborted" in first.error("select 1")
    first.run("rollback")
    assert first.value("select count(*) from t where n = 5") == 1


def test_transaction_sees_the_history_of_its_own_copy(
    connect: Callable[..., Session], bucket: Bucket
) -> None:
    session = connect()
    session.run("create table t (n int)")
    url = bucket.put("rows", "1\n2\n")
    session.run("begin")
    session.run("select n from t")
    session.run(f"copy t from '{url}' iam_role default")
    query = "select lines_scanned from stl_load_commits where query = pg_last_copy_id()"
    assert session.run(query) == [[2]]
    assert session.value("select count(*) from t") == 2
    session.run("rollback")
    assert session.value("select count(*) from t") == 0


def test_isolation_level_is_set_for_a_database(
    emulator: Emulator, session: Session
) -> None:
    def level(name: str) -> str:
        return session.value(
            "select trim(isolation_level) from stv_db_isolation_level"
            " where trim(db_name) = %s",
            name,
        )

    session.run("create database leveled")
    try:
        assert level("dev") == level("leveled") == "Snapshot Isolation"
        session.run("alter database leveled isolation level serializable")
        assert level("leveled") == "Serializable"
        change = "alter database leveled isolation level snapshot"
        other = emulator.connect(database="leveled")
        assert "is being accessed by other users" in session.error(change)
        other.close()
        session.run("begin")
        assert "cannot run inside a transaction block" in session.error(change)
        session.run("rollback")
        dev = "alter database dev isolation level serializable"
        assert 'database "dev" cannot be altered' in session.error(dev)
        message = session.error("alter database leveled isolation level read committed")
        assert "SERIALIZABLE or SNAPSHOT" in message
        assert level("leveled") == "Serializable"
    finally:
        session.run("drop database leveled")
