"""REST endpoints of sObject Collections: up to 200 records, each with its result."""

from typing import Any

from werkzeug.wrappers import Response

from tests.emulators.salesforce.api_call import ApiCall, Rule, json_response
from tests.emulators.salesforce.errors import ApiError, RowError
from tests.emulators.salesforce.objects import identifiers, json_rows, values
from tests.emulators.salesforce.objects.record_writer import RecordWriter
from tests.emulators.salesforce.objects.row_results import Row, RowResult
from tests.emulators.salesforce.objects.schema import Field, SObject
from tests.emulators.salesforce.objects.store import Record
from tests.emulators.salesforce.soql import query

MAX_RECORDS = 200
MAX_IDS_READ = 2000
MAX_CHUNKS = 10
NO_EXTERNAL_ID = "Provided external ID field does not exist or is not accessible: {}"


def upsert(call: ApiCall, name: str, key: str) -> Response:
    """PATCH /composite/sobjects/X/ExternalId."""
    sobject = call.sobject(name)
    field = external_id_field(sobject, key)
    records, all_or_none = _records_of_body(call)
    rows = [json_rows.parse_row(call, sobject, record) for record in records]
    for record, row in zip(records, rows, strict=True):
        _check_type(record, sobject, row)
    writer = RecordWriter(
        call.org.store, sobject, "upsert", key=field, faults=call.org.faults
    )
    results = writer.write(rows, call.org.author(), all_or_none=all_or_none)
    keys = [_value(record, field.name) for record in records]
    _log(call, "upsert", [sobject], keys, results)
    return json_response([result_json(result, with_created=True) for result in results])


def _value(record: dict[str, Any], name: str) -> object:
    """Return the value of a field; names are not case-sensitive."""
    return next(
        (value for key, value in record.items() if key.lower() == name.lower()), None
    )


def _log(
    call: ApiCall,
    operation: str,
    sobjects: list[SObject],
    keys: list[Any],
    results: list[RowResult],
) -> None:
    """Show the request on the web pages."""
    names = ", ".join(dict.fromkeys(sobject.name for sobject in sobjects))
    at = call.org.author().at
    call.org.collections.add(at, operation, names, keys, results)


def external_id_field(sobject: SObject, name: str) -> Field:
    """Return an external id field or Id; raise NOT_FOUND for any other field."""
    field = sobject.field(name)
    if field is None or not (field.external_id or field.name == "Id"):
        raise ApiError(404, "NOT_FOUND", NO_EXTERNAL_ID.format(name))
    return field


def create(call: ApiCall) -> Response:
    """POST /composite/sobjects."""
    return _write(call, "insert")


def update(call: ApiCall) -> Response:
    """PATCH /composite/sobjects."""
    return _write(call, "update")


def _write(call: ApiCall, operation: str) -> Response:
    """Write records of one or more objects, in the order of the request."""
    records, all_or_none = _records_of_body(call)
    results: list[RowResult] = []
    groups = _group_by_sobject(call, records)
    with call.org.store.transaction():
        for sobject, group in groups:
            rows = [json_rows.parse_row(call, sobject, record) for record in group]
            writer = RecordWriter(
                call.org.store, sobject, operation, faults=call.org.faults
            )
            results += writer.write(rows, call.org.author(), all_or_none=all_or_none)
    ids = [_value(record, "Id") for record in records]
    _log(call, operation, [sobject for sobject, _ in groups], ids, results)
    return json_response([result_json(result) for result in results])


def _group_by_sobject(
    call: ApiCall, records: list[dict[str, Any]]
) -> list[tuple[SObject, list[dict[str, Any]]]]:
    """Group consecutive records of the same object."""
    groups: list[tuple[SObject, list[dict[str, Any]]]] = []
    for record in records:
        name = str(record["attributes"].get("type") or "")
        sobject = call.org.schema.get(name)
        if sobject is None:
            raise ApiError(
                400, "INVALID_TYPE", f"sObject type '{name}' is not supported."
            )
        if not groups or groups[-1][0] is not sobject:
            groups.append((sobject, []))
        groups[-1][1].append(record)
    if len(groups) > MAX_CHUNKS:
        raise ApiError(
            400,
            "LIMIT_EXCEEDED",
            f"Cannot have more than {MAX_CHUNKS} chunks in a single operation. Please "
            "rearrange the data to reduce chunking.",
        )
    return groups


def delete(call: ApiCall) -> Response:
    """DELETE /composite/sobjects?ids=a,b."""
    ids = [part for part in call.request.args.get("ids", "").split(",") if part]
    if len(ids) > MAX_RECORDS:
        raise _too_many_records()
    results: list[RowResult] = []
    sobjects: list[SObject] = []
    for record_id in ids:
        sobject = _sobject_of_id(call, record_id)
        if sobject is None:
            error = RowError("MALFORMED_ID", f"bad id {record_id}")
            results.append(RowResult(error=error))
            continue
        sobjects.append(sobject)
        rows = [json_rows.parse_row(call, sobject, {"Id": record_id})]
        writer = RecordWriter(call.org.store, sobject, "delete")
        results += writer.write(rows, call.org.author())
    _log(call, "delete", sobjects, list(ids), results)
    return json_response([result_json(result) for result in results])


def _sobject_of_id(call: ApiCall, record_id: str) -> SObject | None:
    prefix = record_id[: identifiers.PREFIX_LENGTH]
    return next((item for item in call.org.schema if item.key_prefix == prefix), None)


def read(call: ApiCall, name: str) -> Response:
    """GET or POST /composite/sobjects/X: records by id, null for missing ones."""
    sobject = call.sobject(name)
    if call.request.method == "POST":
        body = call.json()
        body = body if isinstance(body, dict) else {}
        ids, names = body.get("ids"), body.get("fields")
        if not isinstance(ids, list) or not isinstance(names, list):
            raise ApiError(
                400, "JSON_PARSER_ERROR", "The body needs the lists ids and fields"
            )
    else:
        ids = call.request.args.get("ids", "").split(",")
        names = call.request.args.get("fields", "").split(",")
    if len(ids) > MAX_IDS_READ:
        raise _too_many_records()
    is_deleted = sobject.positions["isdeleted"]
    long_ids = [identifiers.canonical(str(record_id)) or "" for record_id in ids]
    records = call.org.store.get_by_ids(sobject, long_ids)
    return json_response(
        [
            record_json(call, sobject, records[long_id], names)
            if long_id in records and not records[long_id][is_deleted]
            else None
            for long_id in long_ids
        ]
    )


def record_json(
    call: ApiCall, sobject: SObject, stored: Record, names: list[str]
) -> dict[str, Any]:
    """Return the JSON form of a record, with the named fields or with all fields."""
    record: dict[str, Any] = {
        "attributes": query.record_attributes(sobject.name, stored[0], call.version)
    }
    for name in names or [field.name for field in sobject.fields]:
        field = sobject.field(str(name))
        if field is None:
            raise ApiError(
                400, "INVALID_FIELD", json_rows.NO_COLUMN.format(name, sobject.name)
            )
        position = sobject.positions[field.name.lower()]
        record[field.name] = values.to_json(field, stored[position])
    return record


def _records_of_body(call: ApiCall) -> tuple[list[dict[str, Any]], bool]:
    """Return the records of the request body, and whether allOrNone is set."""
    body = call.json()
    records = body.get("records") if isinstance(body, dict) else None
    if not isinstance(records, list) or not records:
        raise ApiError(
            400,
            "REQUIRED_FIELD_MISSING",
            "At least 1 record is required",
            fields=["records"],
        )
    if len(records) > MAX_RECORDS:
        raise _too_many_records()
    for record in records:
        attributes = record.get("attributes") if isinstance(record, dict) else None
        if not isinstance(attributes, dict):
            raise ApiError(
                400, "INVALID_TYPE", "Every record must be an object with attributes"
            )
    return records, body.get("allOrNone") is True


def _too_many_records() -> ApiError:
    return ApiError(
        400,
        "EXCEEDED_ID_LIMIT",
        f"record limit reached. cannot submit more than {MAX_RECORDS} records into "
        "this call",
    )


def _check_type(record: dict[str, Any], sobject: SObject, row: Row) -> None:
    """Reject a record whose `attributes.type` is not the object of the URL."""
    type_name = record["attributes"].get("type")
    if type_name is None:
        raise ApiError(400, "INVALID_TYPE", "The record has no attributes.type")
    if str(type_name).lower() != sobject.name.lower():
        row.error = RowError(
            "INVALID_TYPE", f"sObject type '{type_name}' is not {sobject.name}"
        )


def result_json(result: RowResult, *, with_created: bool = False) -> dict[str, Any]:
    """Return the JSON form of one record's result."""
    body: dict[str, Any] = {"id": result.id, "success": True, "errors": []}
    if result.error is not None:
        body = {"success": False, "errors": [result.error.as_json()]}
    return body | {"created": result.created} if with_created else body


RULES: list[Rule] = [
    ("POST", "/composite/sobjects", create),
    ("PATCH", "/composite/sobjects", update),
    ("DELETE", "/composite/sobjects", delete),
    ("GET,POST", "/composite/sobjects/<name>", read),
    ("PATCH", "/composite/sobjects/<name>/<key>", upsert),
]
