"""The session's side towards the client: start-up, TLS, messages."""

import socket
import ssl
import struct
from contextlib import suppress
from dataclasses import dataclass

from tests.emulators.redshift.errors import ClientGone, RedshiftError
from tests.emulators.redshift.protocol import wire

CHUNK = 64 * 1024
FLUSH_BYTES = 64 * 1024
START_SECONDS = 30.0
CLOSE_SECONDS = 0.2
_LENGTH = struct.Struct("!I")


@dataclass(frozen=True)
class Start:
    """How a connection begins: a session with parameters, or a cancel request."""

    parameters: dict[str, str]
    cancel: bytes = b""
    is_newer: bool = False


class Client:
    """A connected client; what is written to it waits until `flush` or a read."""

    def __init__(self, connection: socket.socket) -> None:
        self._socket = connection
        self._incoming = bytearray()
        self._outgoing = bytearray()

    @property
    def descriptor(self) -> int:
        """The file descriptor, to watch whether the client is still there."""
        return self._socket.fileno()

    @property
    def has_unread(self) -> bool:
        """Whether something of the client's is here already."""
        is_tls = isinstance(self._socket, ssl.SSLSocket)
        return bool(self._incoming) or (is_tls and self._socket.pending() > 0)

    def start(self, tls: ssl.SSLContext | None) -> Start:
        """Read the first messages: requests for encryption, then how it begins.

        ClientGone when there is none; RedshiftError for another protocol.
        """
        self._socket.settimeout(START_SECONDS)
        while True:
            (length,) = _LENGTH.unpack(self._exactly(4))
            if not 8 <= length <= wire.LONGEST_START:
                raise RedshiftError("invalid length of startup packet", "08P01")
            body = self._exactly(length - 4)
            (version,) = _LENGTH.unpack_from(body)
            if version == wire.SSL_REQUEST and tls is not None:
                self._begin_tls(tls)
            elif version in (wire.SSL_REQUEST, wire.GSS_REQUEST):
                self.write(b"N")
                self.flush()
            elif version == wire.CANCEL_REQUEST:
                return Start({}, cancel=body[4:])
            elif version >> 16 == wire.PROTOCOL >> 16:
                self._socket.settimeout(None)
                parameters = wire.read_parameters(body[4:])
                return Start(parameters, is_newer=version != wire.PROTOCOL)
            else:
                raise RedshiftError("unsupported frontend protocol", "0A000")

    def read(self) -> tuple[bytes, bytes]:
        """Return the next message, waiting for it. ClientGone when there is none."""
        if len(self._incoming) < 5:
            self.flush()
        header = self._exactly(5)
        (length,) = _LENGTH.unpack_from(header, 1)
        return header[:1], self._exactly(length - 4)

    def write(self, packed: bytes) -> None:
        """Take packed messages for the client."""
        self._outgoing += packed
        if len(self._outgoing) >= FLUSH_BYTES:
            self.flush()

    def flush(self) -> None:
        """Send what was written. ClientGone when nobody is there."""
        if not self._outgoing:
            return
        try:
            self._socket.sendall(self._outgoing)
        except OSError as error:
            raise ClientGone from error
        self._outgoing.clear()

    def close(self) -> None:
        """Close the connection; TLS is ended too, or a last word would be lost."""
        if isinstance(self._socket, ssl.SSLSocket):
            with suppress(OSError, ValueError):
                self._socket.settimeout(CLOSE_SECONDS)
                self._socket.unwrap()
        with suppress(OSError):  # it may be closed already
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()

    def _begin_tls(self, tls: ssl.SSLContext) -> None:
        try:
            self._socket.sendall(b"S")
            self._socket = tls.wrap_socket(self._socket, server_side=True)
        except OSError as error:
            raise ClientGone from error  # it does not trust us, or speaks no TLS

    def _exactly(self, count: int) -> bytes:
        while len(self._incoming) < count:
            try:
                received = self._socket.recv(CHUNK)
            except OSError as error:
                raise ClientGone from error
            if not received:
                raise ClientGone
            self._incoming += received
        taken = bytes(self._incoming[:count])
        del self._incoming[:count]
        return taken
