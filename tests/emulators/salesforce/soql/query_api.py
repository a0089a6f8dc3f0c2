"""The addresses of SOQL: query, queryAll, their further pages, and tooling/query."""

from typing import Any

from werkzeug.wrappers import Response

from tests.emulators.salesforce.api_call import Call, Rule, as_json
from tests.emulators.salesforce.errors import Refusal
from tests.emulators.salesforce.soql import query
from tests.emulators.salesforce.soql.query import Cursor
from tests.emulators.salesforce.soql.sql import Column, Compiled

APEX_TYPES = {
    "id": "Id",
    "reference": "Id",
    "double": "Double",
    "currency": "Decimal",
    "percent": "Double",
    "int": "Integer",
    "boolean": "Boolean",
    "date": "Date",
    "datetime": "Datetime",
}
NUMBERS = ("double", "currency", "percent", "int", "long")


def run(call: Call) -> Response:
    """GET /query?q=..."""
    return _answer(call, "query")


def run_all(call: Call) -> Response:
    """GET /queryAll?q=...: deleted records as well."""
    return _answer(call, "queryAll", sees_deleted=True)


def run_tooling(call: Call) -> Response:
    """GET /tooling/query?q=..."""
    return _answer(call, "tooling/query", is_tooling=True)


def _answer(
    call: Call, path: str, *, sees_deleted: bool = False, is_tooling: bool = False
) -> Response:
    text = call.request.args.get("q") or ""
    if not text.strip():
        raise Refusal(400, "MALFORMED_QUERY", "A query string has to be specified")
    compiled = query.prepare(
        call.org, text, sees_deleted=sees_deleted, is_tooling=is_tooling
    )
    if call.request.args.get("columns", "").lower() == "true":
        return as_json(_columns(compiled))
    cursor = Cursor(compiled, query.total(call.org, compiled))
    if compiled.query.is_bare_count:
        return as_json({"totalSize": cursor.total, "done": True, "records": []})
    told = _page(call, cursor, path, offset=0)
    if is_tooling:
        told = {
            "size": len(told["records"]),
            "totalSize": told["totalSize"],
            "done": told["done"],
            "queryLocator": None,
            "entityTypeName": compiled.sobject.name,
            "records": told["records"],
        }
    return as_json(told)


def more(call: Call, locator: str) -> Response:
    """GET /query/LOCATOR: the next page."""
    name, _, offset = locator.rpartition("-")
    if not offset.isdigit():
        raise Refusal(400, "INVALID_QUERY_LOCATOR", "invalid query locator")
    path = call.request.path.split("/")[4]
    return as_json(_page(call, call.cursors.get(name), path, int(offset), name=name))


def _page(
    call: Call, cursor: Cursor, path: str, offset: int, name: str = ""
) -> dict[str, Any]:
    size = _size(call)
    records = query.page(
        call.org, cursor.compiled, version=call.version, limit=size, offset=offset
    )
    told: dict[str, Any] = {
        "totalSize": cursor.total,
        "done": offset + len(records) >= cursor.total,
    }
    if not told["done"]:
        name = name or call.org.store.new_id("01g")
        call.cursors.keep(name, cursor)
        told["nextRecordsUrl"] = f"{call.base}/{path}/{name}-{offset + len(records)}"
    return told | {"records": records}


def _size(call: Call) -> int:
    """Return the page's size; `Sforce-Query-Options: batchSize=N` asks for less."""
    most = call.org.settings.page_records
    asked = call.request.headers.get("Sforce-Query-Options", "")
    name, _, number = asked.partition("=")
    if name.strip().lower() == "batchsize" and number.strip().isdigit():
        return min(most, max(200, int(number)))
    return most


def _columns(compiled: Compiled) -> dict[str, Any]:
    shown = [] if compiled.query.is_bare_count else compiled.columns
    return {
        "columnMetadata": [
            _column(column, column.parents, compiled) for column in shown
        ],
        "entityName": compiled.sobject.name,
        "groupBy": bool(compiled.query.groups),
        "idSelected": any(
            column.name == "Id" and not column.parents for column in shown
        ),
        "keyPrefix": compiled.sobject.key_prefix,
    }


def _column(
    column: Column, parents: tuple[tuple[str, str], ...], compiled: Compiled
) -> dict[str, Any]:
    """Describe a column; a parent's stands among its relationship's joinColumns."""
    field = column.field
    kind = field.type if field else "int"
    told: dict[str, Any] = {
        "aggregate": bool(column.function),
        "apexType": None if parents else APEX_TYPES.get(kind, "String"),
        "booleanType": kind == "boolean" and not parents,
        "columnName": parents[0][0] if parents else column.name,
        "custom": column.name.endswith("__c"),
        "displayName": parents[0][0] if parents else column.function or column.name,
        "foreignKeyName": parents[0][1] if parents else None,
        "insertable": bool(field and field.createable and not parents),
        "joinColumns": [_column(column, parents[1:], compiled)] if parents else [],
        "numberType": kind in NUMBERS and not parents,
        "textType": bool(field and field.is_text and kind not in ("id", "reference"))
        and not parents,
        "updatable": bool(field and field.updateable and not parents),
    }
    return told


RULES: list[Rule] = [
    ("GET", "/query", run),
    ("GET", "/queryAll", run_all),
    ("GET", "/query/<locator>", more),
    ("GET", "/queryAll/<locator>", more),
    ("GET", "/tooling/query", run_tooling),
]
