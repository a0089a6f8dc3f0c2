"""The connection to PostgreSQL's Unix socket.

A read also watches the client's connection. It raises `ClientDisconnected` when that
closes, because the response then has no recipient.
"""

import select
import socket
import struct
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from tests.emulators.redshift.errors import (
    ClientDisconnected,
    RedshiftError,
    terminated,
)
from tests.emulators.redshift.protocol import wire

CHUNK = 256 * 1024
# Transaction status in ReadyForQuery.
IDLE, IN_TRANSACTION, FAILED = b"I", b"T", b"E"
HANG_UP = select.POLLHUP | select.POLLERR | getattr(select, "POLLRDHUP", 0)
DATA_ROW = ord("D")
_LENGTH = struct.Struct("!I")


class Backend:
    """A connection to PostgreSQL: send and receive messages, run whole queries.

    `status` is the transaction status that PostgreSQL reported last.
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
        self._awaited = 0  # messages ReadyForQuery that PostgreSQL still has to send
        self.is_closed = False
        self.status = IDLE
        self.key = b""
        self.pid = 0
        self.forward_message: Callable[[bytes, bytes], None] = lambda kind, body: None

    def send(self, *messages: bytes) -> None:
        """Send packed messages."""
        self._awaited += sum(message[:1] in (b"Q", b"S") for message in messages)
        # If PostgreSQL has closed the connection, the next read returns the cause.
        with suppress(OSError):
            self._socket.sendall(b"".join(messages))

    def read_message(self) -> tuple[bytes, bytes]:
        """Wait for the next message and return its type and body.

        NoticeResponse and ParameterStatus messages are passed to `forward_message`.
        """
        while True:
            kind, body = self._next_message()
            if kind in (b"N", b"S"):
                self.forward_message(kind, body)
            elif kind == b"K":
                self.key, self.pid = body, _LENGTH.unpack_from(body)[0]
                return kind, body
            else:
                if kind == b"Z":
                    self.status = body
                    self._awaited = max(0, self._awaited - 1)
                return kind, body

    def forward_rows(self, sink: Callable[[bytes], None]) -> tuple[bytes, bytes]:
        """Pass DataRow messages to `sink`; return the first other message."""
        while True:
            buffer, start = self._buffer, self._position
            position, size = start, len(self._buffer)
            unpack = _LENGTH.unpack_from
            while position + 5 <= size and buffer[position] == DATA_ROW:
                end = position + 1 + unpack(buffer, position + 1)[0]
                if end > size:
                    break
                position = end
            if position > start:
                sink(bytes(memoryview(buffer)[start:position]))
                self._position = position
            if position + 5 <= size and buffer[position] != DATA_ROW:
                return self.read_message()
            self._receive()

    def query(self, sql: str) -> list[list[str | None]]:
        """Run SQL of the relay as a simple query; return the rows as text.

        Raises RedshiftError with PostgreSQL's message if it fails.
        """
        self.send(wire.pack_message(b"Q", wire.pack_text(sql)))
        rows: list[list[str | None]] = []
        failure: RedshiftError | None = None
        while True:
            kind, body = self.read_message()
            if kind == b"D":
                rows.append(wire.unpack_row(body))
            elif kind == b"E":
                failure = self.read_error(body)
            elif kind == b"Z":
                break
        if failure is not None:
            raise failure
        return rows

    def describe(self, sql: str) -> list[tuple[str, int, int]]:
        """Return the columns of a query: name, type oid, type modifier."""
        self.send(
            wire.pack_message(b"P", b"\0" + wire.pack_text(sql) + b"\0\0"),
            wire.pack_message(b"D", b"S\0"),
            wire.pack_message(b"S"),
        )
        columns: list[tuple[str, int, int]] = []
        failure: RedshiftError | None = None
        while True:
            kind, body = self.read_message()
            if kind == b"T":
                columns = wire.unpack_row_description(body)
            elif kind == b"E":
                failure = self.read_error(body)
            elif kind == b"Z":
                break
        if failure is not None:
            raise failure
        return columns

    def read_error(self, body: bytes) -> RedshiftError:
        """Return the error in an ErrorResponse; raise it if it is fatal."""
        problem = wire.to_redshift_error(body, self.pid)
        if problem.is_fatal:
            raise problem
        return problem

    def wait_for_client(self) -> None:
        """Wait until the client sends data or disconnects.

        Raises RedshiftError if PostgreSQL ends the session meanwhile.
        """
        both = select.poll()
        both.register(self._socket, select.POLLIN)
        both.register(self._client_descriptor, select.POLLIN)
        while True:
            ready = {descriptor for descriptor, _ in both.poll()}
            if self._client_descriptor in ready:
                return
            kind, body = self._next_message()
            if kind == b"E":
                self.read_error(body)
            elif kind in (b"N", b"S"):
                self.forward_message(kind, body)

    def is_client_disconnected(self) -> bool:
        """Whether the client's connection is closed; does not wait."""
        return any(
            descriptor != self._socket.fileno() and event & HANG_UP
            for descriptor, event in self._poll.poll(0)
        )

    def is_terminated(self) -> bool:
        """Whether PostgreSQL has ended the session; does not wait."""
        return any(
            descriptor == self._socket.fileno() and event & HANG_UP
            for descriptor, event in self._poll.poll(0)
        )

    def skip_responses(self) -> None:
        """Read the rest of the responses to what was sent."""
        while self._awaited:
            self.read_message()

    def fail_transaction(self) -> None:
        """Put the open transaction into the failed state after a relay error."""
        if self.status != IN_TRANSACTION:
            return
        fail = wire.pack_text("select pg_internal.fail()")
        self.send(wire.pack_message(b"Q", fail))
        while self.read_message()[0] != b"Z":
            pass

    def cancel(self) -> None:
        """Ask PostgreSQL to cancel this session's statement."""
        if not self.key:
            return
        request = struct.pack("!II", len(self.key) + 8, wire.CANCEL_REQUEST) + self.key
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.connect(str(self._path))
            connection.sendall(request)

    def close(self) -> None:
        """End the session; PostgreSQL rolls back an open transaction."""
        self.is_closed = True
        with suppress(OSError):  # it may be closed already
            self._socket.sendall(wire.pack_message(b"X"))
        self._socket.close()

    def _next_message(self) -> tuple[bytes, bytes]:
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
            self._receive()

    def _receive(self) -> None:
        """Read more data into the buffer, or raise if either side is closed."""
        if self._position:
            del self._buffer[: self._position]
            self._position = 0
        for descriptor, event in self._poll.poll():
            if descriptor != self._socket.fileno() and event & HANG_UP:
                raise ClientDisconnected
        try:
            received = self._socket.recv(CHUNK)
        except ConnectionResetError:
            # PostgreSQL left a message unread; its own last message can still be read.
            received = self._socket.recv(CHUNK)
        if not received:
            raise terminated()
        self._buffer += received
