"""Running SOQL: pages of records as the REST API tells them."""

import threading
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any

from tests.emulators.salesforce.errors import Refusal
from tests.emulators.salesforce.objects import values
from tests.emulators.salesforce.objects.store import Record
from tests.emulators.salesforce.org import Org
from tests.emulators.salesforce.soql import parser, sql
from tests.emulators.salesforce.soql.sql import Column, Compiled

CURSORS_KEPT = 1000


@dataclass(frozen=True)
class Cursor:
    """A query whose further pages may be asked for."""

    compiled: Compiled
    total: int


class Cursors:
    """The queries with pages left, the oldest forgotten first."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: OrderedDict[str, Cursor] = OrderedDict()

    def keep(self, name: str, cursor: Cursor) -> None:
        """Keep a cursor under a name."""
        with self._lock:
            self._kept[name] = cursor
            while len(self._kept) > CURSORS_KEPT:
                self._kept.popitem(last=False)

    def get(self, name: str) -> Cursor:
        """Return a cursor; refuse a name that is not known (any more)."""
        with self._lock:
            found = self._kept.get(name)
        if found is None:
            raise Refusal(400, "INVALID_QUERY_LOCATOR", "invalid query locator")
        return found


def prepare(
    org: Org, text: str, *, sees_deleted: bool = False, is_tooling: bool = False
) -> Compiled:
    """Read and check a query."""
    return sql.compile_query(
        parser.parse(text), org.schema, sees_deleted=sees_deleted, is_tooling=is_tooling
    )


def total(org: Org, compiled: Compiled) -> int:
    """Return how many records the whole answer has."""
    return int(org.store.select(*compiled.count_sql())[0][0])


def page(
    org: Org, compiled: Compiled, *, version: str, limit: int | None, offset: int
) -> list[dict[str, Any]]:
    """Return records of the answer from `offset` on."""
    rows = org.store.select(*compiled.sql(limit=limit, offset=offset))
    if compiled.query.is_aggregate:
        return [_aggregate(compiled.columns, row) for row in rows]
    name = compiled.sobject.name
    told = []
    for row in rows:
        # The last column is the record's id, for its address.
        record: dict[str, Any] = {"attributes": attributes(name, row[-1], version)}
        for column, value in zip(compiled.columns, row, strict=False):
            _put(record, column, value)
        told.append(record)
    return told


def attributes(name: str, record_id: str, version: str) -> dict[str, str]:
    """Return what stands before a record's fields."""
    url = f"/services/data/v{version}/sobjects/{name}/{record_id}"
    return {"type": name, "url": url}


def _put(record: dict[str, Any], column: Column, value: Any) -> None:  # noqa: ANN401 - any field's value
    place: dict[str, Any] = record
    for relation, name in column.parents:
        inner = place.get(relation)
        if inner is None:
            inner = {"attributes": {"type": name}}
            place[relation] = inner
        place = inner
    field = column.field
    place[column.name] = values.as_json(field, value) if field else value


def _aggregate(columns: list[Column], row: Record) -> dict[str, Any]:
    record: dict[str, Any] = {"attributes": {"type": "AggregateResult"}}
    for column, value in zip(columns, row, strict=True):
        told = values.as_json(column.field, value) if column.field else value
        record[column.name] = told
    return record
