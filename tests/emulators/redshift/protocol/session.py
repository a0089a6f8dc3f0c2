"""One client's session, from start-up to disconnection."""

import time

from tests.emulators.redshift.cluster import Cluster
from tests.emulators.redshift.dialect import planner
from tests.emulators.redshift.dialect.tokens import Node, is_word
from tests.emulators.redshift.errors import (
    ClientDisconnected,
    RedshiftError,
    internal_errors,
)
from tests.emulators.redshift.execution import Execution
from tests.emulators.redshift.protocol import wire
from tests.emulators.redshift.protocol.backend import IDLE, Backend
from tests.emulators.redshift.protocol.client import Client
from tests.emulators.redshift.protocol.connection_log import ConnectionLog
from tests.emulators.redshift.protocol.extended import ExtendedProtocol
from tests.emulators.redshift.protocol.login import open_backend


class Session:
    """Reads the client's messages one by one and responds to each."""

    def __init__(self, cluster: Cluster, client: Client) -> None:
        self._cluster = cluster
        self._client = client
        self._backend: Backend | None = None
        self._execution: Execution | None = None
        self._log: ConnectionLog | None = None

    def run(self) -> None:
        """Serve the client until it disconnects, then release all its resources."""
        try:
            with internal_errors():
                self._serve()
        except ClientDisconnected:
            if self._backend is not None and not self._backend.is_closed:
                self._backend.cancel()
        except RedshiftError as error:
            self._send_final_error(error)
        finally:
            self._cluster.remove_session(self)
            if self._execution is not None:
                self._execution.isolation.end(is_committed=False)
            if self._log is not None and self._backend is not None:
                self._log.record_end(self._backend.pid)
            if self._backend is not None:
                self._backend.close()
            self._client.close()

    def has_cancel_key(self, key: bytes) -> bool:
        """Whether a cancel request with this key addresses this session."""
        return self._backend is not None and self._backend.key == key

    def cancel(self) -> None:
        """Cancel the running statement, in PostgreSQL and in the relay."""
        if self._execution is not None and self._backend is not None:
            self._execution.is_cancelled = True
            self._backend.cancel()

    def disconnect(self) -> None:
        """Close the client's connection."""
        self._client.close()

    def _serve(self) -> None:
        startup = self._client.read_startup(self._cluster.tls)
        if startup.cancel_key:
            self._cluster.cancel(startup.cancel_key)
            return
        time.sleep(self._cluster.faults.session_delay)
        self._log = ConnectionLog(self._cluster.history, self._client, startup)
        try:
            self._backend = open_backend(self._cluster, self._client, startup)
        except RedshiftError:
            self._log.record_rejection()
            raise
        self._log.record_login(self._backend.pid)
        self._cluster.add_session(self)
        self._execution = Execution(self._cluster, self._client, self._backend)
        extended = ExtendedProtocol(self._execution)
        self._send_ready_for_query()
        while True:
            if not self._client.has_buffered_data:
                self._client.flush()
                self._backend.wait_for_client()
            kind, body = self._client.read_message()
            if kind == b"X":
                return
            if kind == b"Q":
                self._execution.pipeline.sync()
                self._run_simple_query(body)
                self._send_ready_for_query()
            elif not extended.handle(kind, body):
                raise RedshiftError(
                    f"invalid frontend message type {kind[0]}", "08P01", is_fatal=True
                )

    def _run_simple_query(self, body: bytes) -> None:
        """Execute the statements of one simple query, all of them or none."""
        try:
            with internal_errors():
                statements = planner.split_statements(wire.unpack_text(body)[0])
        except RedshiftError as error:
            self._report_error(error)
            return
        if not statements:
            self._client.write(wire.pack_message(b"I"))
        try:
            with internal_errors():
                self._run_statements(statements)
        except RedshiftError as error:
            self._report_error(error)

    def _run_statements(self, statements: list[tuple[list[Node], str]]) -> None:
        """Execute statements in one transaction, unless they begin their own."""
        assert self._execution is not None
        assert self._backend is not None
        is_implicit = False
        try:
            for nodes, text in statements:
                begins = is_word(nodes[0], "begin", "start")
                if len(statements) > 1 and self._backend.status == IDLE and not begins:
                    self._execution.isolation.begin()
                    is_implicit = True
                elif begins:
                    is_implicit = False
                self._execution.run(self._execution.plan_statement(nodes, text))
            if is_implicit and self._backend.status != IDLE:
                self._execution.commit_transaction()
        except RedshiftError:
            if is_implicit:
                self._execution.roll_back()
            raise

    def _report_error(self, error: RedshiftError) -> None:
        """Send an error to the client and fail the open transaction."""
        if error.is_fatal:
            raise error
        assert self._backend is not None
        self._backend.skip_responses()
        self._backend.fail_transaction()
        if self._execution is not None:
            self._execution.isolation.end(is_committed=False)
        self._client.write(wire.pack_error(error))

    def _send_ready_for_query(self) -> None:
        assert self._backend is not None
        self._client.write(wire.pack_message(b"Z", self._backend.status))
        self._client.flush()

    def _send_final_error(self, error: RedshiftError) -> None:
        error.is_fatal = True
        try:
            self._client.write(wire.pack_error(error))
            self._client.flush()
        except ClientDisconnected:
            pass  # the client disconnected before it read the error
