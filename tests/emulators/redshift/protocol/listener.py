"""The TCP port that clients connect to, with one thread per connection."""

import socket
import threading

from tests.emulators.component import HOST
from tests.emulators.redshift.cluster import Cluster
from tests.emulators.redshift.protocol.client import Client
from tests.emulators.redshift.protocol.session import Session

BACKLOG = 512


class Listener:
    """Accepts connections on a local port until it is closed."""

    def __init__(self, cluster: Cluster, port: int) -> None:
        self._cluster = cluster
        self._socket = socket.socket()
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._socket.bind((HOST, port))
        self._socket.listen(BACKLOG)
        self.port = int(self._socket.getsockname()[1])
        threading.Thread(target=self._accept_connections, daemon=True).start()

    def close(self) -> None:
        """Stop accepting connections and disconnect all sessions."""
        self._socket.close()
        for session in self._cluster.open_sessions():
            session.disconnect()

    def _accept_connections(self) -> None:
        while True:
            try:
                connection, address = self._socket.accept()
            except OSError:
                return  # the socket is closed
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            session = Session(self._cluster, Client(connection, address))
            threading.Thread(target=session.run, daemon=True).start()
