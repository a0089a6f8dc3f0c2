"""One Redshift emulator and one S3 emulator for all tests in this folder."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import redshift_connector

from tests.emulators import up
from tests.emulators.redshift import admin


@dataclass(frozen=True)
class Emulator:
    """The running emulator: its environment, process id, CA and admin socket."""

    environment: dict[str, str]
    pid: int
    ca: str
    admin_socket: Path

    def connect(
        self,
        **overrides: Any,  # noqa: ANN401 - the driver's own arguments
    ) -> redshift_connector.Connection:
        """Open a redshift-connector connection in autocommit mode."""
        get = self.environment.__getitem__
        arguments = {
            "host": get("NIGHTSHIFT_REDSHIFT_HOST"),
            "port": int(get("NIGHTSHIFT_REDSHIFT_PORT")),
            "user": get("NIGHTSHIFT_REDSHIFT_USER"),
            "password": get("NIGHTSHIFT_REDSHIFT_PASSWORD"),
            "database": get("NIGHTSHIFT_REDSHIFT_DATABASE"),
            "sslmode": "verify-full",
        }
        connection = redshift_connector.connect(**{**arguments, **overrides})
        connection.autocommit = True
        return connection

    def send_admin_request(self, **request: object) -> dict[str, Any]:
        """Send a request to the admin socket and return the response."""
        return admin.send_request(self.admin_socket, request)


@pytest.fixture(scope="session")
def s3() -> Iterator[dict[str, str]]:
    """Start the S3 emulator; yield the environment that connects to it."""
    with up.running("s3") as running:
        yield running.environment


@pytest.fixture(scope="session")
def emulator(
    s3: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Emulator]:
    """Start the Redshift emulator that all tests share."""
    path = tmp_path_factory.mktemp("admin") / "socket"
    extra = ["--s3", s3["AWS_ENDPOINT_URL_S3"], "--admin-socket", str(path)]
    with up.running("redshift", extra=[*extra, "--any-iam-password"]) as running:
        previous = os.environ.get("SSL_CERT_FILE")
        os.environ["SSL_CERT_FILE"] = running.environment["SSL_CERT_FILE"]
        try:
            yield Emulator(
                environment=running.environment,
                pid=int(str(running.details["redshift_pid"])),
                ca=str(running.details["redshift_ca"]),
                admin_socket=path,
            )
        finally:
            os.environ.pop("SSL_CERT_FILE")
            if previous is not None:
                os.environ["SSL_CERT_FILE"] = previous
