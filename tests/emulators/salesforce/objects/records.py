"""One record at a time: create, read, update, delete, and upsert by external id."""

from typing import Any

from werkzeug.wrappers import Response

from tests.emulators.salesforce.api_call import Call, Rule, as_json, empty
from tests.emulators.salesforce.errors import Refusal, RowError, not_found
from tests.emulators.salesforce.objects import composite, json_rows
from tests.emulators.salesforce.objects.describe import head
from tests.emulators.salesforce.objects.record_writer import Writer
from tests.emulators.salesforce.objects.schema import Field, SObject
from tests.emulators.salesforce.objects.store import Record
from tests.emulators.salesforce.objects.verdicts import Verdict

BODY_SINCE = 46.0
STATUSES = {"UNABLE_TO_LOCK_ROW": 409, "ENTITY_IS_DELETED": 404}


def about(call: Call, name: str) -> Response:
    """GET /sobjects/X."""
    sobject = call.sobject(name)
    return as_json({"objectDescribe": head(call, sobject), "recentItems": []})


def create(call: Call, name: str) -> Response:
    """POST /sobjects/X."""
    sobject = call.sobject(name)
    verdict = _write(call, sobject, "insert", _body(call))
    return as_json({"id": verdict.id, "success": True, "errors": []}, 201)


def read(call: Call, name: str, record_id: str) -> Response:
    """GET /sobjects/X/ID, all fields or `fields=a,b`."""
    sobject = call.sobject(name)
    return _told(call, sobject, _by_id(call, sobject, record_id))


def update(call: Call, name: str, record_id: str) -> Response:
    """PATCH /sobjects/X/ID."""
    sobject = call.sobject(name)
    record = _by_id(call, sobject, record_id)
    _write(call, sobject, "update", {**_body(call), "Id": record[0]})
    return empty(204)


def delete(call: Call, name: str, record_id: str) -> Response:
    """DELETE /sobjects/X/ID."""
    sobject = call.sobject(name)
    record = _by_id(call, sobject, record_id)
    _write(call, sobject, "delete", {"Id": record[0]})
    return empty(204)


def read_by_key(call: Call, name: str, key: str, value: str) -> Response:
    """GET /sobjects/X/ExternalId/value."""
    sobject = call.sobject(name)
    matches = _by_key(call, sobject, composite.external_id(sobject, key), value)
    if not matches:
        raise not_found()
    if len(matches) > 1:
        return _choices(call, sobject, matches)
    return _told(call, sobject, matches[0])


def delete_by_key(call: Call, name: str, key: str, value: str) -> Response:
    """DELETE /sobjects/X/ExternalId/value."""
    sobject = call.sobject(name)
    matches = _by_key(call, sobject, composite.external_id(sobject, key), value)
    if not matches:
        raise not_found()
    if len(matches) > 1:
        return _choices(call, sobject, matches)
    _write(call, sobject, "delete", {"Id": matches[0][0]})
    return empty(204)


def upsert(call: Call, name: str, key: str, value: str) -> Response:
    """PATCH /sobjects/X/ExternalId/value: 201 when created, 200 when updated."""
    sobject = call.sobject(name)
    field = composite.external_id(sobject, key)
    body = _body(call)
    if any(given.lower() == field.name.lower() for given in body):
        raise Refusal(
            400,
            "INVALID_FIELD",
            f"The {field.name} field should not be specified in the sobject data.",
            fields=[field.name],
        )
    matches = _by_key(call, sobject, field, value)
    if len(matches) > 1:
        return _choices(call, sobject, matches)
    verdict = _write(call, sobject, "upsert", {**body, field.name: value}, field)
    if not verdict.created and float(call.version) < BODY_SINCE:
        return empty(204)
    answer = composite.answer(verdict, tells_created=True)
    return as_json(answer, 201 if verdict.created else 200)


def _body(call: Call) -> dict[str, Any]:
    told = call.json()
    if not isinstance(told, dict):
        raise Refusal(400, "JSON_PARSER_ERROR", "An object is wanted")
    return {name: value for name, value in told.items() if name != "attributes"}


def _write(
    call: Call,
    sobject: SObject,
    operation: str,
    body: dict[str, Any],
    key: Field | None = None,
) -> Verdict:
    """Write one record; what is wrong with it refuses the request."""
    row = json_rows.row(call, sobject, body)
    writer = Writer(call.org.store, sobject, operation, key=key, faults=call.org.faults)
    (verdict,) = writer.write([row], call.org.author())
    if verdict.error is not None:
        raise _refusal(verdict.error)
    return verdict


def _refusal(error: RowError) -> Refusal:
    if error.code == "INVALID_TYPE_ON_FIELD_IN_RECORD":
        return Refusal(400, "JSON_PARSER_ERROR", error.message)
    return Refusal(
        STATUSES.get(error.code, 400), error.code, error.message, fields=error.fields
    )


def _by_id(call: Call, sobject: SObject, record_id: str) -> Record:
    row = json_rows.row(call, sobject, {"Id": record_id})
    if row.error is not None:
        raise not_found()
    found = call.org.store.by_id(sobject, [row.changes[0]]).get(row.changes[0])
    if found is None:
        raise not_found()
    if found[sobject.positions["isdeleted"]]:
        raise Refusal(404, "ENTITY_IS_DELETED", "entity is deleted", fields=[])
    return found


def _by_key(call: Call, sobject: SObject, field: Field, value: str) -> list[Record]:
    if field.name == "Id":
        return [_by_id(call, sobject, value)]
    found = call.org.store.find(sobject, field, [field.fold(value)])
    return next(iter(found.values()), [])


def _told(call: Call, sobject: SObject, record: Record) -> Response:
    names = [
        name.strip()
        for name in call.request.args.get("fields", "").split(",")
        if name.strip()
    ]
    return as_json(composite.record(call, sobject, record, names))


def _choices(call: Call, sobject: SObject, matches: list[Record]) -> Response:
    """Return the addresses of all records that a key leads to."""
    base = f"{call.base}/sobjects/{sobject.name}"
    return as_json([f"{base}/{record[0]}" for record in matches], 300)


RULES: list[Rule] = [
    ("GET", "/sobjects/<name>", about),
    ("POST", "/sobjects/<name>", create),
    ("GET", "/sobjects/<name>/<record_id>", read),
    ("PATCH", "/sobjects/<name>/<record_id>", update),
    ("DELETE", "/sobjects/<name>/<record_id>", delete),
    ("GET", "/sobjects/<name>/<key>/<path:value>", read_by_key),
    ("PATCH", "/sobjects/<name>/<key>/<path:value>", upsert),
    ("DELETE", "/sobjects/<name>/<key>/<path:value>", delete_by_key),
]
