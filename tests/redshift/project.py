"""A copy of the project whose warehouse is a cluster."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import redshift_connector

from tests.nightly.project import Project

SCHEMAS = re.compile(r"\b(staging|intermediate|marts|ops)\.")


class ClusterProject(Project):
    """As a project on one machine; queries name the schemas without their prefix."""

    def rows(self, query: str, *parameters: object) -> list[dict[str, Any]]:
        """Return a query's rows from the cluster."""
        with self._cursor() as cursor:
            cursor.execute(self._prefixed(query), parameters or None)
            names = [column[0] for column in cursor.description]
            return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]

    def change(self, statement: str) -> None:
        """Run a statement on the cluster, as somebody who breaks things would."""
        with self._cursor() as cursor:
            cursor.execute(self._prefixed(statement))

    def _prefixed(self, sql: str) -> str:
        prefix = self.environment["NIGHTSHIFT_REDSHIFT_SCHEMA"]
        return SCHEMAS.sub(rf"{prefix}_\1.", sql)

    @contextmanager
    def _cursor(self) -> Iterator[redshift_connector.Cursor]:
        given = self.environment
        connection = redshift_connector.connect(
            host=given["NIGHTSHIFT_REDSHIFT_HOST"],
            port=int(given["NIGHTSHIFT_REDSHIFT_PORT"]),
            user=given["NIGHTSHIFT_REDSHIFT_USER"],
            password=given["NIGHTSHIFT_REDSHIFT_PASSWORD"],
            database=given["NIGHTSHIFT_REDSHIFT_DATABASE"],
            ssl=False,
        )
        connection.autocommit = True
        try:
            yield connection.cursor()
        finally:
            connection.close()
