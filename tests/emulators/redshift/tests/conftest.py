"""Each test has a schema and a place on S3 of its own."""

import itertools
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pytest
import redshift_connector

from tests.emulators.redshift.conftest import StandIn

BUCKET = "nightshift-raw"
ROLE = "arn:aws:iam::123456789012:role/nightshift-copy"
SCHEMAS = itertools.count(1)
redshift_connector.paramstyle = "format"


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
