"""The connection to the client: start-up, TLS, messages."""

import socket
import ssl
import struct
from contextlib import suppress
from dataclasses import dataclass

from tests.emulators.redshift.errors import ClientDisconnected, RedshiftError
from tests.emulators.redshift.protocol import wire

CHUNK = 64 * 1024
FLUSH_BYTES = 64 * 1024
STARTUP_TIMEOUT_SECONDS = 30.0
CLOSE_TIMEOUT_SECONDS = 0.2
_LENGTH = struct.Struct("!I")


@dataclass(frozen=True)
class Startup:
    """The first message of a connection: session parameters, or a cancel request.

    `is_newer_protocol` is true if the client requested a version later than 3.0.
    """

    parameters: dict[str, str]
    cancel_key: bytes = b""
    is_newer_protocol: bool = False


class Client:
    """A connected client. Written messages are buffered until `flush` or a read.

    `address` is its host and port, `protocol_version` the version of Redshift's
    protocol for results, see `results`.
    """

    def __init__(self, connection: socket.socket, address: tuple[str, int]) -> None:
        self.address = address
        self.protocol_version = 0
        self._socket = connection
        self._incoming = bytearray()
        self._outgoing = bytearray()

    @property
    def descriptor(self) -> int:
        """The socket's file descriptor, used to detect a closed connection."""
        return self._socket.fileno()

    @property
    def tls(self) -> tuple[str, str]:
        """The version and cipher of TLS, empty without TLS."""
        if not isinstance(self._socket, ssl.SSLSocket):
            return "", ""
        cipher = self._socket.cipher()
        return self._socket.version() or "", cipher[0] if cipher else ""

    @property
    def has_buffered_data(self) -> bool:
        """Whether received data is waiting to be read."""
        is_tls = isinstance(self._socket, ssl.SSLSocket)
        return bool(self._incoming) or (is_tls and self._socket.pending() > 0)

    def read_startup(self, tls: ssl.SSLContext | None) -> Startup:
        """Respond to requests for encryption and return the start-up message.

        Raises ClientDisconnected if the client disconnects, and RedshiftError for
        another protocol.
        """
        self._socket.settimeout(STARTUP_TIMEOUT_SECONDS)
        while True:
            (length,) = _LENGTH.unpack(self._read_exactly(4))
            if not 8 <= length <= wire.MAX_STARTUP_BYTES:
                raise RedshiftError("invalid length of startup packet", "08P01")
            body = self._read_exactly(length - 4)
            (version,) = _LENGTH.unpack_from(body)
            if version == wire.SSL_REQUEST and tls is not None:
                self._begin_tls(tls)
            elif version in (wire.SSL_REQUEST, wire.GSS_REQUEST):
                self.write(b"N")
                self.flush()
            elif version == wire.CANCEL_REQUEST:
                return Startup({}, cancel_key=body[4:])
            elif version >> 16 == wire.PROTOCOL >> 16:
                self._socket.settimeout(None)
                parameters = wire.unpack_parameters(body[4:])
                is_newer = version != wire.PROTOCOL
                return Startup(parameters, is_newer_protocol=is_newer)
            else:
                raise RedshiftError("unsupported frontend protocol", "0A000")

    def read_message(self) -> tuple[bytes, bytes]:
        """Wait for the next message and return its type and body.

        Raises ClientDisconnected if the client disconnects.
        """
        if len(self._incoming) < 5:
            self.flush()
        header = self._read_exactly(5)
        (length,) = _LENGTH.unpack_from(header, 1)
        return header[:1], self._read_exactly(length - 4)

    def write(self, packed: bytes) -> None:
        """Buffer packed messages for the client."""
        self._outgoing += packed
        if len(self._outgoing) >= FLUSH_BYTES:
            self.flush()

    def flush(self) -> None:
        """Send the buffered messages; raise ClientDisconnected if that fails."""
        if not self._outgoing:
            return
        try:
            self._socket.sendall(self._outgoing)
        except OSError as error:
            raise ClientDisconnected from error
        self._outgoing.clear()

    def close(self) -> None:
        """Close the connection, after TLS is shut down so that no data is lost."""
        if isinstance(self._socket, ssl.SSLSocket):
            with suppress(OSError, ValueError):
                self._socket.settimeout(CLOSE_TIMEOUT_SECONDS)
                self._socket.unwrap()
        with suppress(OSError):  # it may be closed already
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()

    def _begin_tls(self, tls: ssl.SSLContext) -> None:
        try:
            self._socket.sendall(b"S")
            self._socket = tls.wrap_socket(self._socket, server_side=True)
        except OSError as error:
            # The client does not trust the certificate, or does not speak TLS.
            raise ClientDisconnected from error

    def _read_exactly(self, count: int) -> bytes:
        while len(self._incoming) < count:
            try:
                received = self._socket.recv(CHUNK)
            except OSError as error:
                raise ClientDisconnected from error
            if not received:
                raise ClientDisconnected
            self._incoming += received
        data = bytes(self._incoming[:count])
        del self._incoming[:count]
        return data
