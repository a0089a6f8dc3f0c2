"""The session's side towards PostgreSQL: one connection to its socket.

Reading also watches the client: when that is gone, so is the reason to wait, and
`ClientGone` is raised.
"""

import select
import socket
import struct
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from tests.emulators.redshift.errors import ClientGone, RedshiftError
from tests.emulators.redshift.protocol import wire

CHUNK = 256 * 1024
IDLE, IN_TRANSACTION, FAILED = b"I", b"T", b"E"
GONE = select.POLLHUP | select.POLLERR | getattr(select, "POLLRDHUP", 0)
_LENGTH = struct.Struct("!I")


class Backend:
    """A connection to PostgreSQL: messages out, messages in, and whole queries.

    `status` is that of the transaction, as PostgreSQL last told it.
    """

    def __init__(self, path: Path, client_descriptor: int) -> None:
        self._path = path
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.connect(str(path))
        self._client_descriptor = client_descriptor
        self._buffer = bytearray()
        self._position = 0
        self._poll = select.poll()
        self._poll.register(self._socket, select.POLLIN)
        self._poll.register(client_descriptor, getattr(select, "POLLRDHUP", 0))
        self.is_closed = False
        self.status = IDLE
        self.key = b""
        self.pid = 0
        self.forward_notice: Callable[[bytes, bytes], None] = lambda kind, body: None

    def send(self, *messages: bytes) -> None:
        """Send packed messages."""
        # When it is gone, what it said last can still be read, and tells why.
        with suppress(OSError):
            self._socket.sendall(b"".join(messages))

    def read(self) -> tuple[bytes, bytes]:
        """Return the next message, waiting for it. Notices are handed on by the way."""
        while True:
            kind, body = self._next()
            if kind in (b"N", b"S"):
                self.forward_notice(kind, body)
            elif kind == b"K":
                self.key, self.pid = body, _LENGTH.unpack_from(body)[0]
                return kind, body
            else:
                if kind == b"Z":
                    self.status = body
                return kind, body

    def rows(self, sink: Callable[[bytes], None]) -> tuple[bytes, bytes]:
        """Hand whole rows on as they come; return the first other message."""
        while True:
            buffer, start = self._buffer, self._position
            position, size = start, len(self._buffer)
            unpack = _LENGTH.unpack_from
            while position + 5 <= size and buffer[position] == 68:  # D
                end = position + 1 + unpack(buffer, position + 1)[0]
                if end > size:
                    break
                position = end
            if position > start:
                sink(bytes(memoryview(buffer)[start:position]))
                self._position = position
            if position + 5 <= size and buffer[position] != 68:
                return self.read()
            self._fill()

    def query(self, sql: str) -> list[list[str | None]]:
        """Run SQL of our own by the simple protocol; return the rows, as text.

        RedshiftError with PostgreSQL's message when it fails.
        """
        self.send(wire.message(b"Q", wire.text(sql)))
        rows: list[list[str | None]] = []
        failure: RedshiftError | None = None
        while True:
            kind, body = self.read()
            if kind == b"D":
                rows.append(wire.read_row(body))
            elif kind == b"E":
                failure = self.failure(body)
            elif kind == b"Z":
                break
        if failure is not None:
            raise failure
        return rows

    def describe(self, sql: str) -> list[tuple[str, int, int]]:
        """Return the columns that a query would give: name, type's oid, modifier."""
        self.send(
            wire.message(b"P", b"\0" + wire.text(sql) + b"\0\0"),
            wire.message(b"D", b"S\0"),
            wire.message(b"S"),
        )
        columns: list[tuple[str, int, int]] = []
        failure: RedshiftError | None = None
        while True:
            kind, body = self.read()
            if kind == b"T":
                columns = wire.read_row_description(body)
            elif kind == b"E":
                failure = self.failure(body)
            elif kind == b"Z":
                break
        if failure is not None:
            raise failure
        return columns

    def failure(self, body: bytes) -> RedshiftError:
        """Return the error of PostgreSQL in this message; raise it if it is the end."""
        problem = wire.as_redshift_says(body, self.pid)
        if problem.is_fatal:
            raise problem
        return problem

    def wait_for_client(self) -> None:
        """Wait until the client says something, or is gone.

        RedshiftError when PostgreSQL ends the session meanwhile.
        """
        both = select.poll()
        both.register(self._socket, select.POLLIN)
        both.register(self._client_descriptor, select.POLLIN)
        while True:
            ready = {descriptor for descriptor, _ in both.poll()}
            if self._client_descriptor in ready:
                return
            kind, body = self._next()
            if kind == b"E":
                self.failure(body)
            elif kind in (b"N", b"S"):
                self.forward_notice(kind, body)

    def client_is_gone(self) -> bool:
        """Whether nobody waits for an answer any more, told without waiting."""
        return any(
            descriptor != self._socket.fileno() and event & GONE
            for descriptor, event in self._poll.poll(0)
        )

    def fail_transaction(self) -> None:
        """Make the open transaction a failed one, as an error of ours should."""
        if self.status != IN_TRANSACTION:
            return
        self.send(wire.message(b"Q", wire.text("select pg_internal.fail()")))
        while self.read()[0] != b"Z":
            pass

    def cancel(self) -> None:
        """Ask PostgreSQL to stop what this session is doing."""
        if not self.key:
            return
        request = struct.pack("!II", len(self.key) + 8, wire.CANCEL_REQUEST) + self.key
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as other:
            other.connect(str(self._path))
            other.sendall(request)

    def close(self) -> None:
        """End the session; what it was doing is stopped and undone."""
        self.is_closed = True
        with suppress(OSError):  # it may be gone already
            self._socket.sendall(wire.message(b"X"))
        self._socket.close()

    def _next(self) -> tuple[bytes, bytes]:
        while True:
            start = self._position
            if start + 5 <= len(self._buffer):
                (length,) = _LENGTH.unpack_from(self._buffer, start + 1)
                end = start + 1 + length
                if end <= len(self._buffer):
                    kind = bytes(self._buffer[start : start + 1])
                    body = bytes(self._buffer[start + 5 : end])
                    self._position = end
                    return kind, body
            self._fill()

    def _fill(self) -> None:
        if self._position:
            del self._buffer[: self._position]
            self._position = 0
        for descriptor, event in self._poll.poll():
            if descriptor != self._socket.fileno() and event & GONE:
                raise ClientGone
        try:
            received = self._socket.recv(CHUNK)
        except ConnectionResetError:
            # It left with a message of ours unread; its last words are still there.
            received = self._socket.recv(CHUNK)
        if not received:
            raise RedshiftError(
                "terminating connection due to administrator command",
                "57P01",
                is_fatal=True,
            )
        self._buffer += received
