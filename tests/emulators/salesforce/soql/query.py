"""Execution of SOQL: pages of records in the JSON form of the REST API."""

import threading
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any

from tests.emulators.salesforce.errors import ApiError
from tests.emulators.salesforce.objects import values
from tests.emulators.salesforce.objects.store import Record
from tests.emulators.salesforce.org import Org
from tests.emulators.salesforce.soql import parser, sql
from tests.emulators.salesforce.soql.compiled_query import Column, CompiledQuery
from tests.emulators.salesforce.soql.tokens import malformed_query

MAX_CURSORS = 1000


@dataclass(frozen=True)
class Cursor:
    """A query with more pages to fetch."""

    compiled: CompiledQuery
    total: int


class Cursors:
    """The cursors of open queries; the oldest are removed first."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._cursors: OrderedDict[str, Cursor] = OrderedDict()

    def save(self, name: str, cursor: Cursor) -> None:
        """Save a cursor under a name."""
        with self._lock:
            self._cursors[name] = cursor
            while len(self._cursors) > MAX_CURSORS:
                self._cursors.popitem(last=False)

    def get(self, name: str) -> Cursor:
        """Return a cursor; raise INVALID_QUERY_LOCATOR if it does not exist."""
        with self._lock:
            cursor = self._cursors.get(name)
        if cursor is None:
            raise ApiError(400, "INVALID_QUERY_LOCATOR", "invalid query locator")
        return cursor


def compile_soql(
    org: Org, text: str, *, include_deleted: bool = False, is_tooling: bool = False
) -> CompiledQuery:
    """Parse and validate a query."""
    try:
        return sql.compile_query(
            parser.parse(text),
            org.schema,
            include_deleted=include_deleted,
            is_tooling=is_tooling,
        )
    except OverflowError:
        raise malformed_query("A date literal is out of range") from None


def count_records(org: Org, compiled: CompiledQuery) -> int:
    """Return the number of records of the whole result."""
    return int(org.store.select(*compiled.count_sql())[0][0])


def fetch_page(
    org: Org, compiled: CompiledQuery, *, version: str, limit: int | None, offset: int
) -> list[dict[str, Any]]:
    """Return at most `limit` records of the result, from `offset` on."""
    rows = org.store.select(*compiled.sql(limit=limit, offset=offset))
    if compiled.query.is_aggregate:
        return [_aggregate_record(compiled.columns, row) for row in rows]
    name = compiled.sobject.name
    records = []
    for row in rows:
        # The last column is the record's id, for its URL.
        record: dict[str, Any] = {
            "attributes": record_attributes(name, row[-1], version)
        }
        for column, value in zip(compiled.columns, row, strict=False):
            _set_field(record, column, value)
        records.append(record)
    return records


def record_attributes(name: str, record_id: str, version: str) -> dict[str, str]:
    """Return the `attributes` of a record: its object's name and its URL."""
    url = f"/services/data/v{version}/sobjects/{name}/{record_id}"
    return {"type": name, "url": url}


def _set_field(record: dict[str, Any], column: Column, value: Any) -> None:  # noqa: ANN401 - any field's value
    """Set a field of a record, or of a parent nested in it."""
    owner = record
    for relationship, object_name in column.parents:
        owner = owner.setdefault(relationship, {"attributes": {"type": object_name}})
    field = column.field
    owner[column.name] = values.to_json(field, value) if field else value


def _aggregate_record(columns: list[Column], row: Record) -> dict[str, Any]:
    record: dict[str, Any] = {"attributes": {"type": "AggregateResult"}}
    for column, value in zip(columns, row, strict=True):
        json_value = values.to_json(column.field, value) if column.field else value
        record[column.name] = json_value
    return record
