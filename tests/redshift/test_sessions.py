"""A process keeps its Redshift session; one that is lost is replaced without loss."""

from collections.abc import Callable, Iterator
from multiprocessing import get_context
from multiprocessing.connection import Connection as Pipe

import pytest

from loaders import warehouse
from loaders.errors import DataError, TransientError
from loaders.warehouse import Connection, redshift_sessions
from tests.emulators.redshift.admin import send_request
from tests.redshift.conftest import RedshiftEmulator
from tests.redshift.loading import read_rows

PID = "-- tests session id\nselect pg_backend_pid()"
READ = "-- tests read\nselect count(*) from pg_namespace"
RUN = ["run_id", "command"]
CONFLICTS = {
    "oid": "could not open relation with OID 4711",
    "1018": "1018",
    "1023": "1023",
    "dropped": "table 4711 dropped by concurrent transaction",
}


@pytest.fixture
def on_redshift(use_warehouse: Callable[..., None]) -> Iterator[None]:
    """Use an empty warehouse on Redshift, and no session of an earlier test."""
    use_warehouse("redshift")
    warehouse.close_sessions()
    warehouse.create_missing_tables()
    yield
    warehouse.close_sessions()


@pytest.fixture
def fault(redshift_emulator: RedshiftEmulator) -> Iterator[Callable[..., None]]:
    """Return a function that sets a fault; all are cleared at the end."""

    def set_fault(**definition: object) -> None:
        request = {"do": "fault", "fault": definition}
        send_request(redshift_emulator.admin, request)

    yield set_fault
    send_request(redshift_emulator.admin, {"do": "clear"})


def session_id() -> int:
    with warehouse.session() as connection:
        return session_id_of(connection)


def session_id_of(connection: Connection) -> int:
    row = connection.fetch_one(PID)
    assert row is not None
    return int(row[0])


def terminate(process_id: int) -> None:
    """End a session from another one, as a restarted cluster does."""
    handle = redshift_sessions.open_handle(warehouse_values())
    handle.cursor().execute(f"select pg_terminate_backend({process_id})")
    handle.close()


def warehouse_values() -> dict[str, object]:
    from loaders.config import dbt_profile

    return dict(dbt_profile.target().values)


def insert_run(connection: Connection, run_id: str) -> None:
    connection.insert(connection.table("ops", "runs"), RUN, [[run_id, "run"]])


def opened_sessions(emulator: RedshiftEmulator) -> int:
    return int(str(send_request(emulator.admin, {"do": "sessions"})["opened"]))


@pytest.mark.usefixtures("on_redshift")
def test_sessions_one_after_another_are_the_same_one(
    redshift_emulator: RedshiftEmulator,
) -> None:
    first = session_id()
    opened = opened_sessions(redshift_emulator)
    with warehouse.transaction() as connection:
        insert_run(connection, "r1")
    with pytest.raises(ValueError, match="no statement"), warehouse.session():
        raise ValueError("no statement has failed")
    assert session_id() == first
    with warehouse.session() as outer, warehouse.session() as inner:
        assert session_id_of(outer) != session_id_of(inner)
    assert opened_sessions(redshift_emulator) == opened + 1


@pytest.mark.usefixtures("on_redshift")
def test_close_sessions_ends_them() -> None:
    first = session_id()
    warehouse.close_sessions()
    assert session_id() != first


def _child(pipe: Pipe, is_reading: bool) -> None:
    pipe.send(session_id() if is_reading else 0)
    warehouse.close_sessions()


@pytest.mark.usefixtures("on_redshift")
@pytest.mark.parametrize("is_reading", [True, False])
def test_forked_process_uses_no_session_of_its_parent(
    redshift_emulator: RedshiftEmulator, is_reading: bool
) -> None:
    own = session_id()
    opened = opened_sessions(redshift_emulator)
    receiver, sender = get_context("fork").Pipe(duplex=False)
    child = get_context("fork").Process(target=_child, args=(sender, is_reading))
    child.start()
    assert receiver.recv() != own
    child.join()
    assert child.exitcode == 0
    assert session_id() == own
    # A process that needs no session opens none.
    assert opened_sessions(redshift_emulator) == opened + is_reading


@pytest.mark.usefixtures("on_redshift")
def test_session_that_was_closed_while_unused_is_replaced() -> None:
    terminate(session_id())
    warehouse.run_with_retries(lambda connection: insert_run(connection, "r1"))
    assert read_rows("ops", "runs", RUN) == [("r1", "run")]


@pytest.mark.usefixtures("on_redshift")
def test_session_lost_between_reads_is_replaced() -> None:
    with warehouse.session() as connection:
        terminate(session_id_of(connection))
        assert connection.fetch_one(READ) is not None
        terminate(session_id_of(connection))
        batches = list(connection.stream("-- tests stream\nselect 1 as one", size=10))
        assert batches == [[(1,)]]
        terminate(session_id_of(connection))
        with warehouse.transaction_on(connection):
            insert_run(connection, "r1")
    assert read_rows("ops", "runs", RUN) == [("r1", "run")]


@pytest.mark.usefixtures("on_redshift")
@pytest.mark.parametrize(
    ("statement", "is_in_transaction"),
    [
        (READ, True),  # what the transaction has done is lost
        ("-- tests count\nselect pg_last_copy_count()", False),  # of that session
        ("-- tests write\ncreate table {ops}.more (n int)", False),
    ],
)
def test_lost_session_is_an_error_where_something_is_lost(
    statement: str, is_in_transaction: bool
) -> None:
    with pytest.raises(TransientError), warehouse.session() as connection:
        if is_in_transaction:
            connection.execute("-- tests begin\nbegin")
        terminate(session_id_of(connection))
        connection.execute(statement.format(ops=connection.schema("ops")))
    assert session_id() > 0


@pytest.mark.usefixtures("on_redshift")
def test_lost_transaction_is_repeated_as_a_whole() -> None:
    lost: list[int] = []

    def work(connection: Connection) -> None:
        insert_run(connection, "r1")
        if not lost:
            lost.append(session_id_of(connection))
            terminate(lost[0])
        insert_run(connection, "r2")

    warehouse.run_in_transaction(work)
    assert read_rows("ops", "runs", RUN) == [("r1", "run"), ("r2", "run")]


@pytest.mark.usefixtures("on_redshift")
def test_session_with_a_failed_statement_or_an_open_transaction_is_not_kept() -> None:
    first = session_id()
    with pytest.raises(DataError), warehouse.transaction() as connection:
        connection.execute("-- tests fail\nselect no_column from pg_namespace")
    second = session_id()
    with warehouse.session() as connection:
        connection.execute("-- tests begin\nbegin")
    with warehouse.session() as connection:
        batches = connection.stream("-- tests stream\nselect nspname from pg_namespace")
        next(batches)
    assert len({first, second, session_id()}) == 3
    del batches  # The reader's own end must not reach another's session.
    assert read_rows("ops", "runs", RUN) == []


@pytest.mark.usefixtures("on_redshift")
@pytest.mark.parametrize("text", CONFLICTS.values(), ids=CONFLICTS)
def test_read_is_repeated_after_a_conflict(
    fault: Callable[..., None], text: str
) -> None:
    fault(fault="error", matching="tests read", message=text, times=2)
    with warehouse.session() as connection:
        assert connection.fetch_one(READ) is not None
    fault(fault="error", matching="loaders.warehouse.relations", message=text)
    with warehouse.session() as connection:
        assert warehouse.relations.list_relations(connection)


@pytest.mark.usefixtures("on_redshift")
def test_statements_are_not_prepared_by_name() -> None:
    """A plan of a table that dbt has replaced would fail on Redshift."""
    query = "-- tests replaced\nselect * from {ops}.replaced"
    create = "-- tests create\ncreate table {ops}.replaced as select {value} as n"
    with warehouse.session() as connection:
        ops = connection.schema("ops")
        connection.execute(create.format(ops=ops, value=1))
        assert connection.fetch_all(query.format(ops=ops)) == [(1,)]
        with warehouse.session() as other:
            other.execute(f"-- tests drop\ndrop table {ops}.replaced")
            other.execute(create.format(ops=ops, value="cast('a' as varchar(9))"))
        assert connection.fetch_all(query.format(ops=ops)) == [("a",)]
