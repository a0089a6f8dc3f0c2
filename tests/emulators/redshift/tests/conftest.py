"""Fixtures that give each test its own schema and S3 prefix."""

import itertools
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pytest
import redshift_connector

from tests.emulators.redshift.conftest import Emulator

BUCKET = "nightshift-raw"
ROLE = "arn:aws:iam::123456789012:role/nightshift-copy"
SCHEMAS = itertools.count(1)
TABLES = (
    "create table texts (id int, v varchar(20), c char(5))",
    "insert into texts values (1, 'x', 'x'), (2, 'x ', 'x '), (3, 'y', 'y'),"
    " (4, null, null)",
    "create table docs (doc super)",
    'insert into docs select json_parse(\'{"s": "P ", "n": 1, "b": true,'
    ' "a": [1, {"k": "v "}], "z": null}\')',
)
redshift_connector.paramstyle = "format"


class Session:
    """A connection to the emulator and the schema it uses."""

    def __init__(self, connection: redshift_connector.Connection, schema: str) -> None:
        self.connection = connection
        self.schema = schema

    def run(self, sql: str, *parameters: object) -> list[list[Any]]:
        """Run a statement and return its rows."""
        cursor = self.connection.cursor()
        cursor.execute(sql, list(parameters) or None)
        if cursor.description is None:
            return []
        return [list(row) for row in cursor.fetchall()]

    def value(self, sql: str, *parameters: object) -> Any:  # noqa: ANN401
        """Run a query and return its single value."""
        [[value]] = self.run(sql, *parameters)
        return value

    def error(self, sql: str, *parameters: object) -> str:
        """Run a statement that must fail and return its message and detail."""
        with pytest.raises(redshift_connector.Error) as caught:
            self.run(sql, *parameters)
        fields = caught.value.args[0]
        return fields["M"] + (f" | {fields['D']}" if "D" in fields else "")


class Bucket:
    """An S3 prefix for one test."""

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
        """Return the names of the objects below the prefix."""
        found = self.client.list_objects_v2(Bucket=BUCKET, Prefix=f"{self.prefix}/")
        start = len(self.prefix) + 1
        return [item["Key"][start:] for item in found.get("Contents", [])]

    def get(self, name: str) -> bytes:
        """Return an object's content."""
        key = f"{self.prefix}/{name}"
        return self.client.get_object(Bucket=BUCKET, Key=key)["Body"].read()


@pytest.fixture
def connect(emulator: Emulator) -> Iterator[Callable[..., Session]]:
    """Return a function that opens sessions on one new schema."""
    schema = f"test_{next(SCHEMAS)}"
    opened: list[redshift_connector.Connection] = []

    def open_session(**overrides: object) -> Session:
        session = Session(emulator.connect(**overrides), schema)
        opened.append(session.connection)
        session.run(f"create schema if not exists {schema}")
        session.run(f"set search_path to {schema}, public")
        return session

    yield open_session
    for connection in opened:
        try:
            connection.close()
        except redshift_connector.Error:
            continue  # the test has closed it


@pytest.fixture(scope="module")
def connections(emulator: Emulator) -> Iterator[list[redshift_connector.Connection]]:
    """Return a list for the connection that the tests of a module share."""
    shared: list[redshift_connector.Connection] = []
    yield shared
    for connection in shared:
        connection.close()


@pytest.fixture
def session(
    emulator: Emulator, connections: list[redshift_connector.Connection]
) -> Iterator[Session]:
    """Return a session on a new schema; its connection is reset and used again.

    Statements are not cached, because they name the same tables in another schema.
    """
    if not connections:
        connections.append(emulator.connect(max_prepared_statements=0))
    schema = f"test_{next(SCHEMAS)}"
    session = Session(connections[0], schema)
    session.run(f"create schema {schema}")
    session.run(f"set search_path to {schema}, public")
    yield session
    try:
        for statement in ("rollback", "reset all", "reset query_group"):
            session.run(statement)
        session.run(f"drop schema if exists {schema} cascade")
    except redshift_connector.Error:
        connections.clear()  # the test has closed it


@pytest.fixture(scope="module")
def tables(emulator: Emulator) -> Iterator[Session]:
    """Return a session with the tables of the strictness tests, shared by a module."""
    schema = f"test_{next(SCHEMAS)}"
    session = Session(emulator.connect(), schema)
    session.run(f"create schema {schema}")
    session.run(f"set search_path to {schema}, public")
    for statement in TABLES:
        session.run(statement)
    yield session
    session.connection.close()


@pytest.fixture(scope="session")
def s3_client(s3: dict[str, str]) -> Any:  # noqa: ANN401 - boto3 makes its type
    """Return a client of the S3 emulator; making one takes long."""
    return boto3.client(
        "s3",
        endpoint_url=s3["AWS_ENDPOINT_URL_S3"],
        aws_access_key_id="a",
        aws_secret_access_key="b",
        region_name="us-east-1",
    )


@pytest.fixture
def bucket(s3_client: Any) -> Bucket:  # noqa: ANN401
    """Return a new S3 prefix."""
    return Bucket(s3_client, f"test/{uuid.uuid4().hex}")


@pytest.fixture
def faults(emulator: Emulator) -> Iterator[Callable[..., None]]:
    """Return a function that sets a fault; all faults are cleared afterwards."""
    yield lambda **fault: emulator.send_admin_request(do="fault", fault=fault) and None
    emulator.send_admin_request(do="clear")
