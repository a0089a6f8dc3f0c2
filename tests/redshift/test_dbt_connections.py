"""dbt's connections are kept between nodes, and replaced after an error."""

import threading
from collections.abc import Callable, Iterator
from multiprocessing import get_context
from types import SimpleNamespace

import pytest
import sqlparse
from dbt.adapters.redshift import RedshiftAdapter, RedshiftCredentials
from dbt.adapters.redshift import connections as dbt_connections
from dbt_common.exceptions import DbtRuntimeError

from orchestrate.dbt import connections
from orchestrate.dbt.connections import KeptConnectionManager, may_write
from tests.emulators.redshift.admin import send_request
from tests.redshift.conftest import RedshiftEmulator
from tests.redshift.statement_counts import StatementCounts, counted

READ = "select 1"
WRITE = "create temporary table {name} (n int)"


class Nodes:
    """Runs nodes as dbt does: in `connection_named` of an adapter."""

    def __init__(self, credentials: RedshiftCredentials) -> None:
        config = SimpleNamespace(credentials=credentials, log_cache_events=False)
        # An upgrade of dbt that does not use our manager fails here.
        self.adapter = RedshiftAdapter(config, get_context("spawn"))
        self.manager = self.adapter.connections
        assert isinstance(self.manager, KeptConnectionManager)

    def run(self, name: str, *statements: str, commits: bool = False) -> int:
        """Run one node; return the process id of its session."""
        with self.adapter.connection_named(name):
            for sql in statements:
                self.manager.add_query(sql)
            if commits:
                self.manager.commit()
            return int(self.manager.get_thread_connection().backend_pid)


@pytest.fixture
def credentials(redshift_emulator: RedshiftEmulator) -> RedshiftCredentials:
    """Return the credentials of the emulator."""
    environment = redshift_emulator.environment
    return RedshiftCredentials(
        host=environment["NIGHTSHIFT_REDSHIFT_HOST"],
        port=int(environment["NIGHTSHIFT_REDSHIFT_PORT"]),
        user=environment["NIGHTSHIFT_REDSHIFT_USER"],
        password=environment["NIGHTSHIFT_REDSHIFT_PASSWORD"],
        database=environment["NIGHTSHIFT_REDSHIFT_DATABASE"],
        schema="public",
        method="database",
        sslmode="disable",
        retries=0,
        query_group="nightshift",
    )


@pytest.fixture
def nodes(
    credentials: RedshiftCredentials,
    redshift_emulator: RedshiftEmulator,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Nodes]:
    """Return what runs nodes with our connections, which are closed at the end."""
    monkeypatch.setattr(
        RedshiftAdapter, "ConnectionManager", RedshiftAdapter.ConnectionManager
    )
    monkeypatch.setattr(dbt_connections, "sqlparse", dbt_connections.sqlparse)
    connections.install()
    nodes = Nodes(credentials)
    yield nodes
    send_request(redshift_emulator.admin, {"do": "clear"})
    nodes.adapter.cleanup_connections()


@pytest.fixture
def count(redshift_emulator: RedshiftEmulator) -> Callable[..., StatementCounts]:
    """Return a function that counts the sessions and statements of a call."""

    def count_statements(call: Callable[[], object]) -> StatementCounts:
        with counted(redshift_emulator.environment, redshift_emulator.admin) as counts:
            call()
        return counts

    return count_statements


def kinds(counts: StatementCounts) -> list[str]:
    """Return the first words of the statements after those of the log-in."""
    words = [text.split()[0].lower() for text in counts.texts]
    return words[2:] if counts.sessions else words


def open_sessions(emulator: RedshiftEmulator) -> int:
    """Return the number of open sessions."""
    return int(str(send_request(emulator.admin, {"do": "sessions"})["sessions"]))


def wait_for_sessions(emulator: RedshiftEmulator, number: int) -> None:
    """Wait until that many sessions are open."""
    for _ in range(500):
        if open_sessions(emulator) == number:
            return
        threading.Event().wait(0.02)
    assert open_sessions(emulator) == number


def test_nodes_of_all_threads_share_the_kept_connections(
    nodes: Nodes, count: Callable[..., StatementCounts]
) -> None:
    pids: list[int] = []

    def run() -> None:
        for number in range(3):
            pids.append(nodes.run(f"node {number}", READ))
            thread = threading.Thread(target=lambda: pids.append(nodes.run("n", READ)))
            thread.start()
            thread.join()

    counts = count(run)
    assert len(pids) == 6 and len(set(pids)) == 1
    assert counts.sessions == 1
    assert kinds(counts) == ["select"] * 6


def test_concurrent_nodes_have_a_connection_each(
    nodes: Nodes, count: Callable[..., StatementCounts]
) -> None:
    barrier = threading.Barrier(3)

    def run_node() -> None:
        for name in "ab":
            with nodes.adapter.connection_named(name):
                nodes.manager.add_query(READ)
                barrier.wait()  # all nodes are open now
            barrier.wait()

    def run() -> None:
        threads = [threading.Thread(target=run_node) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    assert count(run).sessions == 3


@pytest.mark.parametrize(
    ("statements", "expected"),
    [
        ([READ], ["select"]),
        ([f"-- name\n{READ}", READ], ["--", "select"]),
        ([WRITE], ["begin", "create", "commit"]),
        ([READ, WRITE, READ], ["select", "begin", "create", "select", "commit"]),
        (
            ["create temporary table {name} (n int); insert into {name} values (1)"],
            ["begin", "create", "insert", "commit"],
        ),
    ],
)
def test_only_transactions_that_write_begin_and_commit(
    nodes: Nodes,
    count: Callable[..., StatementCounts],
    statements: list[str],
    expected: list[str],
) -> None:
    texts = [text.format(name="t") for text in statements]
    counts = count(lambda: nodes.run("node", *texts, commits=True))
    assert kinds(counts) == expected


def test_failed_node_is_rolled_back_and_its_connection_replaced(
    nodes: Nodes, count: Callable[..., StatementCounts]
) -> None:
    first = nodes.run("first", "create table kept_rows (n int)", commits=True)
    try:
        with pytest.raises(DbtRuntimeError, match="missing"):
            nodes.run("second", "insert into kept_rows values (1)", "select missing")
        third = nodes.run("third", "insert into kept_rows values (2)", commits=True)
        assert third != first
        with nodes.adapter.connection_named("read"):
            _, cursor = nodes.manager.add_query("select n from kept_rows")
            assert [tuple(row) for row in cursor.fetchall()] == [(2,)]
    finally:
        nodes.run("last", "drop table kept_rows", commits=True)


def test_open_transaction_is_rolled_back_with_its_connection(nodes: Nodes) -> None:
    first = nodes.run("first", "create table never_committed (n int)")
    second = nodes.run("second", "create table never_committed (n int)")
    assert first != second


def test_session_that_the_server_closed_is_replaced(
    nodes: Nodes,
    credentials: RedshiftCredentials,
    redshift_emulator: RedshiftEmulator,
) -> None:
    first = nodes.run("first", READ)
    before = open_sessions(redshift_emulator)
    other = Nodes(credentials)
    other.run("other", f"select pg_terminate_backend({first})")
    other.adapter.cleanup_connections()
    wait_for_sessions(redshift_emulator, before - 1)
    second = nodes.run("second", READ)
    assert second != first
    assert nodes.run("third", READ) == second


def test_cancelled_statement_fails_its_node_and_is_not_kept(
    nodes: Nodes, redshift_emulator: RedshiftEmulator
) -> None:
    fault = {"fault": "slow", "seconds": 60, "matching": "^select 'slow'"}
    send_request(redshift_emulator.admin, {"do": "fault", "fault": fault})
    errors: list[BaseException] = []
    pids: list[int] = []

    def run_slow_node() -> None:
        try:
            with nodes.adapter.connection_named("slow"):
                nodes.manager.add_query(READ)
                pids.append(nodes.manager.get_thread_connection().backend_pid)
                nodes.manager.add_query("select 'slow'")
        except DbtRuntimeError as error:
            errors.append(error)

    thread = threading.Thread(target=run_slow_node)
    thread.start()
    while not pids:
        thread.join(0.01)
    with nodes.adapter.connection_named("master"):
        assert "slow" in nodes.adapter.cancel_open_connections()
    thread.join(30)
    assert not thread.is_alive() and errors
    assert nodes.run("next", READ) not in pids


def test_all_connections_are_closed_at_the_end(
    nodes: Nodes, redshift_emulator: RedshiftEmulator
) -> None:
    before = open_sessions(redshift_emulator)
    threads = [threading.Thread(target=nodes.run, args=("n", READ)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    nodes.adapter.acquire_connection("open")
    nodes.manager.add_query(WRITE.format(name="unfinished"))
    nodes.adapter.cleanup_connections()
    wait_for_sessions(redshift_emulator, before)
    assert nodes.run("after", READ)  # an adapter may be used again


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("select 1", False),
        ("SELECT 1;", False),
        ("  \n-- dbt node\n  select 1", False),
        ("/* dbt\nnode */\nwith a as (select 1) select * from a", False),
        ("/* a */ -- b\nshow tables from schema a.b", False),
        ("explain select 1", False),
        ("select 1 into t", True),
        ("select 1; delete from t", True),
        ("with a as (select 1) select * into t from a", True),
        ("/* select 1 */ delete from t", True),
        ("-- select 1\ninsert into t select 1", True),
        ("-- select 1", True),
        ("create temporary table t as select 1", True),
        ("set query_group to 'a'", True),
        ("selected", True),
        ("", True),
        (" \n" * 10_000 + "-- a\n" * 10_000 + "create table t (n int)", True),
        ("/* a */ " * 10_000 + "/* not closed", True),
    ],
)
def test_texts_that_only_read_are_recognised(sql: str, expected: bool) -> None:
    assert may_write(sql) is expected


@pytest.mark.parametrize(
    "sql",
    [
        "select 1",
        " \n-- a\nselect 1;\n",
        "/* a; b */ select 1",
        "-- a; b\nselect ';';",
        "create table t as (\n  select 1\n);",
        "select 1; select 2",
        "begin;\ndelete from t;\ncommit;",
        "-- a\n",
        ";",
    ],
)
def test_texts_are_split_as_sqlparse_splits_them(sql: str) -> None:
    assert connections.split_statements(sql) == sqlparse.split(sql)
