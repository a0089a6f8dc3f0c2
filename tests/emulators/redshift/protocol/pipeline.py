"""Messages of the extended protocol that PostgreSQL has and no Sync after them yet.

What was executed so commits at the Sync. A look of the relay's own into the database
must not commit it earlier: `ask` goes the same way, by the extended protocol.
"""

from tests.emulators.redshift.protocol import wire
from tests.emulators.redshift.protocol.backend import Backend

SYNC, FLUSH = wire.message(b"S"), wire.message(b"H")
UNFIT = wire.parse_message("", "refused by the relay")
OWN = wire.text("pg_internal_ask")
OWN_BIND = wire.message(b"B", OWN + OWN + b"\0\0\0\0\0\0")
OWN_EXECUTE = wire.message(b"E", OWN + b"\0\0\0\0")
OWN_CLOSE = wire.message(b"C", b"S" + OWN)


class Pipeline:
    """The extended protocol of one connection; `is_pending` when a Sync is due."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self.is_pending = False

    def settle(self) -> None:
        """End what is under way, so that a simple query can be sent."""
        if self.is_pending:
            self.is_pending = False
            self._backend.send(SYNC)
            while self._backend.read()[0] != b"Z":
                pass

    def fail(self) -> None:
        """Make the transaction fail, also one that a Sync would have ended."""
        if self.is_pending:
            self._backend.send(UNFIT, FLUSH)
            self.settle()
        self._backend.fail_transaction()

    def start(self, *messages: bytes) -> None:
        """Send messages whose answers are to come at once."""
        self.is_pending = True
        self._backend.send(*messages, FLUSH)

    def request(self, message: bytes, *ends: bytes) -> list[tuple[bytes, bytes]]:
        """Send a message; return the answers up to one of the kinds that end it.

        RedshiftError when PostgreSQL answers with an error.
        """
        self.start(message)
        answers = []
        while True:
            kind, body = self._backend.read()
            if kind == b"E":
                raise self._backend.failure(body)
            answers.append((kind, body))
            if kind in ends:
                return answers

    def ask(self, sql: str) -> list[list[str | None]]:
        """Run a query of our own and return its rows as text; nothing is committed."""
        if not self.is_pending:
            return self._backend.query(sql)
        parse = wire.parse_message("pg_internal_ask", sql)
        message = parse + OWN_BIND + OWN_EXECUTE + OWN_CLOSE
        answers = self.request(message, b"3")
        return [wire.read_row(body) for kind, body in answers if kind == b"D"]
