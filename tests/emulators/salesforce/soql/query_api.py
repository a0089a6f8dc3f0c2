"""REST endpoints of SOQL: query, queryAll, their next pages, and tooling/query."""

from typing import Any

from werkzeug.wrappers import Response

from tests.emulators.salesforce.api_call import ApiCall, Rule, json_response
from tests.emulators.salesforce.errors import ApiError
from tests.emulators.salesforce.soql import query
from tests.emulators.salesforce.soql.query import Cursor
from tests.emulators.salesforce.soql.sql import Column, CompiledQuery

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
NUMERIC_TYPES = ("double", "currency", "percent", "int", "long")


def query_records(call: ApiCall) -> Response:
    """GET /query?q=..."""
    return _run_query(call, "query")


def query_all_records(call: ApiCall) -> Response:
    """GET /queryAll?q=...: includes deleted records."""
    return _run_query(call, "queryAll", include_deleted=True)


def query_tooling(call: ApiCall) -> Response:
    """GET /tooling/query?q=..."""
    return _run_query(call, "tooling/query", is_tooling=True)


def _run_query(
    call: ApiCall, path: str, *, include_deleted: bool = False, is_tooling: bool = False
) -> Response:
    text = call.request.args.get("q") or ""
    if not text.strip():
        raise ApiError(400, "MALFORMED_QUERY", "A query string has to be specified")
    compiled = query.compile_soql(
        call.org, text, include_deleted=include_deleted, is_tooling=is_tooling
    )
    if call.request.args.get("columns", "").lower() == "true":
        return json_response(_column_metadata(compiled))
    cursor = Cursor(compiled, query.count_records(call.org, compiled))
    if compiled.query.is_bare_count:
        return json_response({"totalSize": cursor.total, "done": True, "records": []})
    page = _page_json(call, cursor, path, offset=0)
    if is_tooling:
        page = {
            "size": len(page["records"]),
            "totalSize": page["totalSize"],
            "done": page["done"],
            "queryLocator": None,
            "entityTypeName": compiled.sobject.name,
            "records": page["records"],
        }
    return json_response(page)


def next_page(call: ApiCall, locator: str) -> Response:
    """GET /query/LOCATOR: the next page."""
    name, _, offset = locator.rpartition("-")
    if not (offset.isascii() and offset.isdigit()):
        raise ApiError(400, "INVALID_QUERY_LOCATOR", "invalid query locator")
    path = call.request.path.split("/")[4]
    cursor = call.cursors.get(name)
    return json_response(_page_json(call, cursor, path, int(offset), name=name))


def _page_json(
    call: ApiCall, cursor: Cursor, path: str, offset: int, name: str = ""
) -> dict[str, Any]:
    size = _page_size(call)
    records = query.fetch_page(
        call.org, cursor.compiled, version=call.version, limit=size, offset=offset
    )
    next_offset = offset + len(records)
    page: dict[str, Any] = {
        "totalSize": cursor.total,
        "done": next_offset >= cursor.total,
    }
    if not page["done"]:
        name = name or call.org.store.new_id("01g")
        call.cursors.save(name, cursor)
        page["nextRecordsUrl"] = f"{call.base_path}/{path}/{name}-{next_offset}"
    return page | {"records": records}


def _page_size(call: ApiCall) -> int:
    """Return the page size; `Sforce-Query-Options: batchSize=N` may lower it."""
    maximum = call.org.settings.records_per_page
    options = call.request.headers.get("Sforce-Query-Options", "")
    name, _, number = options.partition("=")
    number = number.strip()
    if name.strip().lower() != "batchsize" or not number.isascii():
        return maximum
    return min(maximum, max(200, int(number))) if number.isdigit() else maximum


def _column_metadata(compiled: CompiledQuery) -> dict[str, Any]:
    columns = [] if compiled.query.is_bare_count else compiled.columns
    return {
        "columnMetadata": [_column_json(column, column.parents) for column in columns],
        "entityName": compiled.sobject.name,
        "groupBy": bool(compiled.query.groups),
        "idSelected": any(
            column.name == "Id" and not column.parents for column in columns
        ),
        "keyPrefix": compiled.sobject.key_prefix,
    }


def _column_json(
    column: Column, parents: tuple[tuple[str, str], ...]
) -> dict[str, Any]:
    """Return a column's metadata; a parent's column is nested in joinColumns."""
    field = column.field
    field_type = field.type if field else "int"
    return {
        "aggregate": bool(column.function),
        "apexType": None if parents else APEX_TYPES.get(field_type, "String"),
        "booleanType": field_type == "boolean" and not parents,
        "columnName": parents[0][0] if parents else column.name,
        "custom": column.name.endswith("__c"),
        "displayName": parents[0][0] if parents else column.function or column.name,
        "foreignKeyName": parents[0][1] if parents else None,
        "insertable": bool(field and field.createable and not parents),
        "joinColumns": [_column_json(column, parents[1:])] if parents else [],
        "numberType": field_type in NUMERIC_TYPES and not parents,
        "textType": bool(
            field and field.is_text and field_type not in ("id", "reference")
        )
        and not parents,
        "updatable": bool(field and field.updateable and not parents),
    }


RULES: list[Rule] = [
    ("GET", "/query", query_records),
    ("GET", "/queryAll", query_all_records),
    ("GET", "/query/<locator>", next_page),
    ("GET", "/queryAll/<locator>", next_page),
    ("GET", "/tooling/query", query_tooling),
]
