"""Row counts of dbt's statements on DuckDB, which its adapter leaves out.

DuckDB answers a statement that writes with the number of rows, so no table is read for
it. Nightshift uses this for its own invocations; a `dbt` command is unchanged.
"""

import threading
from typing import Any

from dbt.adapters.contracts.connection import AdapterResponse
from dbt.adapters.duckdb import DuckDBAdapter
from dbt.adapters.duckdb.connections import DuckDBConnectionManager

COUNT_COLUMN = "Count"

_thread = threading.local()


def install() -> None:
    """Let the dbt invocations of this process use `CountingConnectionManager`."""
    DuckDBAdapter.ConnectionManager = CountingConnectionManager


class CountingConnectionManager(DuckDBConnectionManager):
    """Adds `rows_affected` to the response to a statement whose result is not read."""

    def execute(
        self,
        sql: str,
        auto_begin: bool = False,
        fetch: bool = False,
        limit: int | None = None,
    ) -> Any:  # noqa: ANN401 - dbt's pair of response and table
        """Execute a statement, and read the count if dbt does not read the result."""
        _thread.is_unread, _thread.rows = not fetch, None
        try:
            return super().execute(sql, auto_begin, fetch, limit)
        finally:
            _thread.is_unread = False

    @classmethod
    def get_response(cls, cursor: Any) -> AdapterResponse:  # noqa: ANN401 - DuckDB's
        """Return the response with the number of rows that the statement wrote.

        Of several statements, the last one counts. One that creates a view has none.
        """
        response = super().get_response(cursor)
        if getattr(_thread, "is_unread", False):
            names = [column[0] for column in cursor.description or ()]
            rows = cursor.fetchall() if names == [COUNT_COLUMN] else []
            if len(rows) == 1:  # dbt asks twice, and the second time there is none
                _thread.rows = int(rows[0][0])
            if _thread.rows is not None:
                response.rows_affected = _thread.rows
        return response
