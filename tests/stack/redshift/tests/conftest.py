"""One stand-in and one S3 for all tests; each test has a schema of its own."""

import itertools
import os
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pytest
import redshift_connector

from tests.stack import up
from tests.stack.redshift import admin

BUCKET = "nightshift-raw"
ROLE = "arn:aws:iam::123456789012:role/nightshift-copy"
SCHEMAS = itertools.count(1)
redshift_connector.paramstyle = "format"


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


class Session:
    """A connection and its schema."""

    def __init__(self, connection: redshift_connector.Connection, schema: str) -> None:
        self.connection = connection
        self.schema = schema

    def run(self, sql: str, *parameters: object) -> list[list[Any]]:
        """Run a statement, and return its rows."""
        cursor = self.connection.cursor()
        cursor.execute(sql, list(parameters) or None)
        if cursor.description is None:
            return []
        return [list(row) for row in cursor.fetchall()]

    def value(self, sql: str, *parameters: object) -> Any:  # noqa: ANN401
        """Run a query, and return the one value that it gives."""
        [[value]] = self.run(sql, *parameters)
        return value

    def error(self, sql: str, *parameters: object) -> str:
        """Run a statement that must fail, and return its message and detail."""
        with pytest.raises(redshift_connector.Error) as caught:
            self.run(sql, *parameters)
        told = caught.value.args[0]
        return told["M"] + (f" | {told['D']}" if "D" in told else "")


class Bucket:
    """A place on S3 for one test: `url` names it."""

    def __init__(self, client: Any, prefix: str) -> None:  # noqa: ANN401
        self.client = client
        self.prefix = prefix
        self.url = f"s3://{BUCKET}/{prefix}"

    def put(self, name: str, body: bytes | str) -> str:
        """Write an object and return its URL."""
        key = f"{self.prefix}/{name}"
        self.client.put_object(Bucket=BUCKET, Key=key, Body=body)
        return f"s3://{BUCKET}/{key}"

    def names(self) -> list[str]:
        """Return the names of the objects."""
        found = self.client.list_objects_v2(Bucket=BUCKET, Prefix=f"{self.prefix}/")
        start = len(self.prefix) + 1
        return [item["Key"][start:] for item in found.get("Contents", [])]

    def get(self, name: str) -> bytes:
        """Return an object's bytes."""
        key = f"{self.prefix}/{name}"
        return self.client.get_object(Bucket=BUCKET, Key=key)["Body"].read()


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


@pytest.fixture
def connect(stand_in: StandIn) -> Iterator[Callable[..., Session]]:
    """Open sessions on one new schema; all are closed at the end."""
    schema = f"test_{next(SCHEMAS)}"
    opened: list[redshift_connector.Connection] = []

    def open_one(**given: object) -> Session:
        session = Session(stand_in.connect(**given), schema)
        opened.append(session.connection)
        session.run(f"create schema if not exists {schema}")
        session.run(f"set search_path to {schema}, public")
        return session

    yield open_one
    for connection in opened:
        try:
            connection.close()
        except redshift_connector.Error:
            continue  # the test closed it


@pytest.fixture
def session(connect: Callable[..., Session]) -> Session:
    """One session on a new schema."""
    return connect()


@pytest.fixture
def bucket(s3: dict[str, str]) -> Bucket:
    """Return a place of its own on S3."""
    client = boto3.client(
        "s3",
        endpoint_url=s3["AWS_ENDPOINT_URL_S3"],
        aws_access_key_id="a",
        aws_secret_access_key="b",
        region_name="us-east-1",
    )
    return Bucket(client, f"test/{uuid.uuid4().hex}")


@pytest.fixture
def faults(stand_in: StandIn) -> Iterator[Callable[..., None]]:
    """Set faults; they are cleared at the end."""
    yield lambda **fault: stand_in.ask(do="fault", fault=fault) and None
    stand_in.ask(do="clear")
