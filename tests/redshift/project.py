"""A copy of the project whose warehouse is Redshift."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import redshift_connector

from tests.nightly.project import Project
from tests.nightly.template import admin_socket

SCHEMAS = re.compile(r"\b(staging|intermediate|marts|ops)\.")


class RedshiftProject(Project):
    """A project on Redshift; statements name the schemas without their prefix."""

    @property
    def admin_socket(self) -> Path:
        """The admin socket of the project's emulator."""
        return admin_socket(int(self.environment["NIGHTSHIFT_REDSHIFT_PORT"]))

    def rows(self, query: str, *parameters: object) -> list[dict[str, Any]]:
        """Return a query's rows from Redshift."""
        with self.cursor() as cursor:
            cursor.execute(self._with_prefix(query), parameters or None)
            names = [column[0] for column in cursor.description]
            return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]

    def execute(self, statement: str) -> None:
        """Run a statement on Redshift, outside of the pipeline."""
        with self.cursor() as cursor:
            cursor.execute(self._with_prefix(statement))

    def _with_prefix(self, sql: str) -> str:
        prefix = self.environment["NIGHTSHIFT_REDSHIFT_SCHEMA"]
        return SCHEMAS.sub(rf"{prefix}_\1.", sql)

    @contextmanager
    def cursor(self) -> Iterator[redshift_connector.Cursor]:
        """Open a session within the block; its statements name schemas in full."""
        environment = self.environment
        connection = redshift_connector.connect(
            host=environment["NIGHTSHIFT_REDSHIFT_HOST"],
            port=int(environment["NIGHTSHIFT_REDSHIFT_PORT"]),
            user=environment["NIGHTSHIFT_REDSHIFT_USER"],
            password=environment["NIGHTSHIFT_REDSHIFT_PASSWORD"],
            database=environment["NIGHTSHIFT_REDSHIFT_DATABASE"],
            ssl=False,
        )
        connection.autocommit = True
        try:
            yield connection.cursor()
        finally:
            connection.close()
