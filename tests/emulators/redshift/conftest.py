"""One stand-in and one S3 for all tests of it, the conformance suite included."""

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
class StandIn:
    """The running stand-in: how to reach it, its process, its admin socket."""

    environment: dict[str, str]
    pid: int
    ca: str
    admin_socket: Path

    def connect(self, **given: Any) -> redshift_connector.Connection:  # noqa: ANN401
        """Open a connection as an unmodified driver does, each statement by itself."""
        get = self.environment.__getitem__
        arguments = {
            "host": get("NIGHTSHIFT_REDSHIFT_HOST"),
            "port": int(get("NIGHTSHIFT_REDSHIFT_PORT")),
            "user": get("NIGHTSHIFT_REDSHIFT_USER"),
            "password": get("NIGHTSHIFT_REDSHIFT_PASSWORD"),
            "database": get("NIGHTSHIFT_REDSHIFT_DATABASE"),
            "sslmode": "verify-full",
        }
        connection = redshift_connector.connect(**{**arguments, **given})
        connection.autocommit = True
        return connection

    def ask(self, **request: object) -> dict[str, Any]:
        """Ask the admin socket."""
        return admin.ask(self.admin_socket, request)


@pytest.fixture(scope="session")
def s3() -> Iterator[dict[str, str]]:
    """S3, and the environment to reach it."""
    with up.running("s3") as running:
        yield running.environment


@pytest.fixture(scope="session")
def stand_in(
    s3: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[StandIn]:
    """Start the stand-in that all tests share."""
    path = tmp_path_factory.mktemp("admin") / "socket"
    extra = ["--s3", s3["AWS_ENDPOINT_URL_S3"], "--admin-socket", str(path)]
    with up.running("redshift", extra=[*extra, "--any-iam-password"]) as running:
        kept = os.environ.get("SSL_CERT_FILE")
        os.environ["SSL_CERT_FILE"] = running.environment["SSL_CERT_FILE"]
        try:
            yield StandIn(
                environment=running.environment,
                pid=int(str(running.details["redshift_pid"])),
                ca=str(running.details["redshift_ca"]),
                admin_socket=path,
            )
        finally:
            os.environ.pop("SSL_CERT_FILE")
            if kept is not None:
                os.environ["SSL_CERT_FILE"] = kept
