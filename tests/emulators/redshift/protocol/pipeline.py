"""Extended query messages that PostgreSQL has received without a Sync after them.

What they executed is committed at the Sync. A catalog lookup by the relay must not
commit it earlier, so `query` uses the extended query protocol while a Sync is pending.
"""

from tests.emulators.redshift.protocol import wire
from tests.emulators.redshift.protocol.backend import Backend

SYNC, FLUSH = wire.pack_message(b"S"), wire.pack_message(b"H")
# Parse fails with a syntax error, which makes the transaction fail.
INVALID_PARSE = wire.pack_parse("", "rejected by the relay")
LOOKUP_NAME = "pg_internal_lookup"
_LOOKUP = wire.pack_text(LOOKUP_NAME)
LOOKUP_BIND = wire.pack_message(b"B", _LOOKUP + _LOOKUP + b"\0\0\0\0\0\0")
LOOKUP_EXECUTE = wire.pack_message(b"E", _LOOKUP + b"\0\0\0\0")
LOOKUP_CLOSE_PORTAL = wire.pack_message(b"C", b"P" + _LOOKUP)
LOOKUP_CLOSE = wire.pack_message(b"C", b"S" + _LOOKUP)


class Pipeline:
    """The extended query protocol of one connection.

    `is_pending` is true while PostgreSQL waits for a Sync.
    """

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._has_failed_lookup = False
        self.is_pending = False

    def sync(self) -> None:
        """Send a pending Sync, so that a simple query can follow."""
        if self.is_pending:
            self.is_pending = False
            self._backend.send(SYNC)
            while self._backend.read_message()[0] != b"Z":
                pass

    def fail_transaction(self) -> None:
        """Fail the open transaction, or the one that a pending Sync would commit."""
        self._backend.skip_responses()
        if self.is_pending:
            self._backend.send(INVALID_PARSE, FLUSH)
            self.sync()
        self._backend.fail_transaction()

    def send(self, *messages: bytes) -> None:
        """Send messages and have PostgreSQL respond without waiting for a Sync."""
        self.is_pending = True
        self._backend.send(*messages, FLUSH)

    def request(self, message: bytes, *last_kinds: bytes) -> list[tuple[bytes, bytes]]:
        """Send a message; return the responses up to one of the kinds `last_kinds`.

        Raises RedshiftError if PostgreSQL responds with an error.
        """
        self.send(message)
        responses = []
        while True:
            kind, body = self._backend.read_message()
            if kind == b"E":
                raise self._backend.read_error(body)
            responses.append((kind, body))
            if kind in last_kinds:
                return responses

    def query(self, sql: str) -> list[list[str | None]]:
        """Run a query of the relay without a commit; return its rows as text."""
        return self.run(sql) if self.is_pending else self._backend.query(sql)

    def run(self, *statements: str) -> list[list[str | None]]:
        """Run SQL of the relay until the next Sync; return the last rows as text.

        It keeps the client's unnamed statement, which a simple query would remove.
        """
        responses: list[tuple[bytes, bytes]] = []
        for sql in statements:
            if self._has_failed_lookup:
                # A prepared statement survives the rollback that follows an error.
                self.request(LOOKUP_CLOSE, b"3")
            parse = wire.pack_parse(LOOKUP_NAME, sql)
            message = parse + LOOKUP_BIND + LOOKUP_EXECUTE + LOOKUP_CLOSE_PORTAL
            self._has_failed_lookup = True
            responses = self.request(message, b"3")
            self.request(LOOKUP_CLOSE, b"3")
            self._has_failed_lookup = False
        return [wire.unpack_row(body) for kind, body in responses if kind == b"D"]
