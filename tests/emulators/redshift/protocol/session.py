"""One client's session: from its first byte until it leaves or is sent away."""

from tests.emulators.redshift.cluster import Cluster
from tests.emulators.redshift.dialect import planner as plans
from tests.emulators.redshift.dialect.tokens import Node, is_word
from tests.emulators.redshift.errors import ClientGone, RedshiftError
from tests.emulators.redshift.execution import Execution
from tests.emulators.redshift.protocol import wire
from tests.emulators.redshift.protocol.backend import IDLE, Backend
from tests.emulators.redshift.protocol.client import Client
from tests.emulators.redshift.protocol.extended import Extended
from tests.emulators.redshift.protocol.login import open_backend


class Session:
    """Reads the client's messages, one after the other, and answers each."""

    def __init__(self, cluster: Cluster, client: Client) -> None:
        self._cluster = cluster
        self._client = client
        self._backend: Backend | None = None
        self._execution: Execution | None = None

    def run(self) -> None:
        """Serve the client until it is gone; nothing of it is left behind."""
        try:
            self._serve()
        except ClientGone:
            if self._backend is not None and not self._backend.is_closed:
                self._backend.cancel()
        except RedshiftError as error:
            self._say_last(error)
        finally:
            self._cluster.leave(self)
            if self._backend is not None:
                self._backend.close()
            self._client.close()

    def is_called(self, key: bytes) -> bool:
        """Whether a cancel request with this process id and key means this session."""
        return self._backend is not None and self._backend.key == key

    def cancel(self) -> None:
        """Stop what the session is doing, PostgreSQL's part and the relay's."""
        if self._execution is not None and self._backend is not None:
            self._execution.is_cancelled = True
            self._backend.cancel()

    def end(self) -> None:
        """Send the client away, for good."""
        self._client.close()

    def _serve(self) -> None:
        start = self._client.start(self._cluster.tls)
        if start.cancel:
            self._cluster.cancel(start.cancel)
            return
        self._backend = open_backend(self._cluster, self._client, start)
        self._cluster.enter(self)
        self._execution = Execution(self._cluster, self._client, self._backend)
        extended = Extended(self._execution)
        self._say_ready()
        while True:
            if not self._client.has_unread:
                self._client.flush()
                self._backend.wait_for_client()
            kind, body = self._client.read()
            if kind == b"X":
                return
            if kind == b"Q":
                self._execution.pipeline.settle()
                self._script(body)
                self._say_ready()
            elif not extended.handle(kind, body):
                raise RedshiftError(
                    f"invalid frontend message type {kind[0]}", "08P01", is_fatal=True
                )

    def _script(self, body: bytes) -> None:
        """Do the statements of one simple query, all of them or none."""
        try:
            statements = plans.split(wire.read_text(body)[0])
        except RedshiftError as error:
            self._refuse(error)
            return
        if not statements:
            self._client.write(wire.message(b"I"))
        try:
            self._all(statements)
        except RedshiftError as error:
            self._refuse(error)

    def _all(self, statements: list[tuple[list[Node], str]]) -> None:
        """Do several statements in one transaction, if they do not make their own."""
        assert self._execution is not None
        assert self._backend is not None
        is_ours = False
        try:
            for nodes, text in statements:
                opens = is_word(nodes[0], "begin", "start")
                if len(statements) > 1 and self._backend.status == IDLE and not opens:
                    self._backend.query("begin")
                    is_ours = True
                elif opens:
                    is_ours = False
                self._execution.run(self._execution.plan(nodes, text))
            if is_ours and self._backend.status != IDLE:
                self._execution.commit_transaction()
        except RedshiftError:
            if is_ours:
                self._execution.roll_back()
            raise

    def _refuse(self, error: RedshiftError) -> None:
        if error.is_fatal:
            raise error
        assert self._backend is not None
        self._backend.fail_transaction()
        self._client.write(wire.error(error))

    def _say_ready(self) -> None:
        assert self._backend is not None
        self._client.write(wire.message(b"Z", self._backend.status))
        self._client.flush()

    def _say_last(self, error: RedshiftError) -> None:
        error.is_fatal = True
        try:
            self._client.write(wire.error(error))
            self._client.flush()
        except ClientGone:
            pass  # it did not wait for the bad news
