"""The events of one connection that `stl_connection_log` lists."""

import secrets
from datetime import datetime, timedelta

from tests.emulators.redshift.history import ConnectionRecord, History, utc_now
from tests.emulators.redshift.protocol.client import Client, Startup

STARTED, AUTHENTICATED, ENDED = (
    "initiating session",
    "authenticated",
    "disconnecting session",
)
REJECTED, NAMED = "authentication failure", "set application_name"


class ConnectionLog:
    """Records what happens to one connection."""

    def __init__(self, history: History, client: Client, startup: Startup) -> None:
        self._history = history
        self._parameters = startup.parameters
        self._address = client.address
        self._tls = client.tls
        self._session_id = secrets.token_hex(16)
        self._started_at = utc_now()
        self._record(STARTED, 0, self._started_at)

    def record_login(self, pid: int) -> None:
        """Record that the client was authenticated; `pid` is its server process."""
        self._record(AUTHENTICATED, pid)
        if self._get("application_name"):
            self._record(NAMED, pid)

    def record_rejection(self) -> None:
        """Record that the client was not authenticated."""
        self._record(REJECTED, 0)

    def record_end(self, pid: int) -> None:
        """Record the end of the session, and how long it took."""
        self._record(ENDED, pid)

    def _get(self, name: str, default: str = "") -> str:
        return self._parameters.get(name, default)

    def _record(self, event: str, pid: int, now: datetime | None = None) -> None:
        recorded_at = now or utc_now()
        duration = recorded_at - self._started_at if event == ENDED else timedelta()
        version = self._get("client_protocol_version", "0")
        self._history.add(
            ConnectionRecord(
                event=event,
                recorded_at=recorded_at,
                remote_host=self._address[0],
                remote_port=self._address[1],
                pid=pid,
                database_name=self._get("database", self._get("user")),
                user_name=self._get("user"),
                auth_method="IAM"
                if self._get("user").startswith("IAM")
                else "password",
                ssl_version=self._tls[0],
                ssl_cipher=self._tls[1],
                application_name=self._get("application_name"),
                os_version=self._get("os_version"),
                driver_version=self._get("driver_version"),
                plugin_name=self._get("plugin_name"),
                protocol_version=int(version) if version.isdigit() else 0,
                session_id=self._session_id,
                duration_microseconds=duration // timedelta(microseconds=1),
            )
        )
