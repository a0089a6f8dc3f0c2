"""REST endpoints of single records: create, read, update, delete and upsert."""

from typing import Any

from werkzeug.wrappers import Response

from tests.emulators.salesforce.api_call import (
    ApiCall,
    Rule,
    empty_response,
    json_response,
)
from tests.emulators.salesforce.errors import ApiError, RowError, not_found
from tests.emulators.salesforce.objects import composite, describe_json, json_rows
from tests.emulators.salesforce.objects.record_writer import RecordWriter
from tests.emulators.salesforce.objects.row_results import RowResult
from tests.emulators.salesforce.objects.schema import Field, SObject
from tests.emulators.salesforce.objects.store import Record

UPDATE_BODY_SINCE_VERSION = 46.0
STATUS_BY_CODE = {"UNABLE_TO_LOCK_ROW": 409, "ENTITY_IS_DELETED": 404}


def sobject_info(call: ApiCall, name: str) -> Response:
    """GET /sobjects/X: the object's description without its fields."""
    sobject = call.sobject(name)
    return json_response(
        {
            "objectDescribe": describe_json.summary(sobject, call.base_path),
            "recentItems": [],
        }
    )


def create(call: ApiCall, name: str) -> Response:
    """POST /sobjects/X."""
    sobject = call.sobject(name)
    result = _write(call, sobject, "insert", _body(call))
    return json_response({"id": result.id, "success": True, "errors": []}, 201)


def read(call: ApiCall, name: str, record_id: str) -> Response:
    """GET /sobjects/X/ID: all fields, or those of `fields=a,b`."""
    sobject = call.sobject(name)
    return _record_response(call, sobject, _find_by_id(call, sobject, record_id))


def update(call: ApiCall, name: str, record_id: str) -> Response:
    """PATCH /sobjects/X/ID."""
    sobject = call.sobject(name)
    record = _find_by_id(call, sobject, record_id)
    _write(call, sobject, "update", {**_body(call), "Id": record[0]})
    return empty_response(204)


def delete(call: ApiCall, name: str, record_id: str) -> Response:
    """DELETE /sobjects/X/ID."""
    sobject = call.sobject(name)
    record = _find_by_id(call, sobject, record_id)
    _write(call, sobject, "delete", {"Id": record[0]})
    return empty_response(204)


def read_by_key(call: ApiCall, name: str, key: str, value: str) -> Response:
    """GET /sobjects/X/ExternalId/value."""
    sobject = call.sobject(name)
    matches = _find_by_key(
        call, sobject, composite.external_id_field(sobject, key), value
    )
    if not matches:
        raise not_found()
    if len(matches) > 1:
        return _multiple_choices(call, sobject, matches)
    return _record_response(call, sobject, matches[0])


def delete_by_key(call: ApiCall, name: str, key: str, value: str) -> Response:
    """DELETE /sobjects/X/ExternalId/value."""
    sobject = call.sobject(name)
    matches = _find_by_key(
        call, sobject, composite.external_id_field(sobject, key), value
    )
    if not matches:
        raise not_found()
    if len(matches) > 1:
        return _multiple_choices(call, sobject, matches)
    _write(call, sobject, "delete", {"Id": matches[0][0]})
    return empty_response(204)


def upsert_by_key(call: ApiCall, name: str, key: str, value: str) -> Response:
    """PATCH /sobjects/X/ExternalId/value: 201 when created, 200 when updated."""
    sobject = call.sobject(name)
    field = composite.external_id_field(sobject, key)
    body = _body(call)
    if field.name.lower() in (name.lower() for name in body):
        raise ApiError(
            400,
            "INVALID_FIELD",
            f"The {field.name} field should not be specified in the sobject data.",
            fields=[field.name],
        )
    matches = _find_by_key(call, sobject, field, value)
    if len(matches) > 1:
        return _multiple_choices(call, sobject, matches)
    result = _write(call, sobject, "upsert", {**body, field.name: value}, field)
    if not result.created and float(call.version) < UPDATE_BODY_SINCE_VERSION:
        return empty_response(204)
    return json_response(
        composite.result_json(result, with_created=True),
        201 if result.created else 200,
    )


def _body(call: ApiCall) -> dict[str, Any]:
    body = call.json()
    if not isinstance(body, dict):
        raise ApiError(
            400, "JSON_PARSER_ERROR", "The request body must be a JSON object"
        )
    return {name: value for name, value in body.items() if name != "attributes"}


def _write(
    call: ApiCall,
    sobject: SObject,
    operation: str,
    body: dict[str, Any],
    key: Field | None = None,
) -> RowResult:
    """Write one record; raise its error as the error of the request."""
    row = json_rows.parse_row(call, sobject, body)
    writer = RecordWriter(
        call.org.store, sobject, operation, key=key, faults=call.org.faults
    )
    (result,) = writer.write([row], call.org.author())
    if result.error is not None:
        raise _to_api_error(result.error)
    return result


def _to_api_error(error: RowError) -> ApiError:
    if error.code == "INVALID_TYPE_ON_FIELD_IN_RECORD":
        return ApiError(400, "JSON_PARSER_ERROR", error.message)
    return ApiError(
        STATUS_BY_CODE.get(error.code, 400),
        error.code,
        error.message,
        fields=error.fields,
    )


def _find_by_id(call: ApiCall, sobject: SObject, record_id: str) -> Record:
    row = json_rows.parse_row(call, sobject, {"Id": record_id})
    if row.error is not None:
        raise not_found()
    long_id = row.changes[0]
    record = call.org.store.get_by_ids(sobject, [long_id]).get(long_id)
    if record is None:
        raise not_found()
    if record[sobject.positions["isdeleted"]]:
        raise ApiError(404, "ENTITY_IS_DELETED", "entity is deleted", fields=[])
    return record


def _find_by_key(
    call: ApiCall, sobject: SObject, field: Field, value: str
) -> list[Record]:
    if field.name == "Id":
        return [_find_by_id(call, sobject, value)]
    matches = call.org.store.find_by_key(sobject, field, [field.lookup_key(value)])
    return next(iter(matches.values()), [])


def _record_response(call: ApiCall, sobject: SObject, record: Record) -> Response:
    names = [
        name.strip()
        for name in call.request.args.get("fields", "").split(",")
        if name.strip()
    ]
    return json_response(composite.record_json(call, sobject, record, names))


def _multiple_choices(
    call: ApiCall, sobject: SObject, matches: list[Record]
) -> Response:
    """Return the URLs of all records that have the external id."""
    base = f"{call.base_path}/sobjects/{sobject.name}"
    return json_response([f"{base}/{record[0]}" for record in matches], 300)


RULES: list[Rule] = [
    ("GET", "/sobjects/<name>", sobject_info),
    ("POST", "/sobjects/<name>", create),
    ("GET", "/sobjects/<name>/<record_id>", read),
    ("PATCH", "/sobjects/<name>/<record_id>", update),
    ("DELETE", "/sobjects/<name>/<record_id>", delete),
    ("GET", "/sobjects/<name>/<key>/<path:value>", read_by_key),
    ("PATCH", "/sobjects/<name>/<key>/<path:value>", upsert_by_key),
    ("DELETE", "/sobjects/<name>/<key>/<path:value>", delete_by_key),
]
