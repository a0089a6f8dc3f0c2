"""Collections: up to 200 records in one request, each with an answer of its own."""

from typing import Any

from werkzeug.wrappers import Response

from tests.emulators.salesforce.api_call import Call, Rule, as_json
from tests.emulators.salesforce.errors import Refusal, RowError
from tests.emulators.salesforce.objects import json_rows, values
from tests.emulators.salesforce.objects.record_writer import Writer
from tests.emulators.salesforce.objects.schema import Field, SObject
from tests.emulators.salesforce.objects.verdicts import Row, Verdict
from tests.emulators.salesforce.soql import query

MOST = 200
MOST_READ = 2000
NO_KEY = "Provided external ID field does not exist or is not accessible: {}"


def upsert(call: Call, name: str, key: str) -> Response:
    """PATCH /composite/sobjects/X/ExternalId."""
    sobject = call.sobject(name)
    field = external_id(sobject, key)
    told, all_or_none = _told(call)
    rows = [json_rows.row(call, sobject, record) for record in told]
    for record, row in zip(told, rows, strict=True):
        _check_type(record, sobject, row)
    writer = Writer(
        call.org.store, sobject, "upsert", key=field, faults=call.org.faults
    )
    verdicts = writer.write(rows, call.org.author(), all_or_none=all_or_none)
    return as_json([answer(verdict, tells_created=True) for verdict in verdicts])


def external_id(sobject: SObject, name: str) -> Field:
    """Return a field that records may be found by, or refuse."""
    field = sobject.field(name)
    if field is None or not (field.external_id or field.name == "Id"):
        raise Refusal(404, "NOT_FOUND", NO_KEY.format(name))
    return field


def create(call: Call) -> Response:
    """POST /composite/sobjects."""
    return _write(call, "insert")


def update(call: Call) -> Response:
    """PATCH /composite/sobjects."""
    return _write(call, "update")


def _write(call: Call, operation: str) -> Response:
    """Write records of one object or of several, which go in the order told."""
    told, all_or_none = _told(call)
    verdicts: list[Verdict] = []
    with call.org.store.transaction():
        for sobject, records in _runs(call, told):
            rows = [json_rows.row(call, sobject, record) for record in records]
            writer = Writer(call.org.store, sobject, operation, faults=call.org.faults)
            verdicts += writer.write(rows, call.org.author(), all_or_none=all_or_none)
    return as_json([answer(verdict) for verdict in verdicts])


def _runs(
    call: Call, told: list[dict[str, Any]]
) -> list[tuple[SObject, list[dict[str, Any]]]]:
    runs: list[tuple[SObject, list[dict[str, Any]]]] = []
    for record in told:
        name = (record.get("attributes") or {}).get("type", "")
        sobject = call.org.schema.get(name)
        if sobject is None:
            raise Refusal(
                400, "INVALID_TYPE", f"sObject type '{name}' is not supported."
            )
        if not runs or runs[-1][0] is not sobject:
            runs.append((sobject, []))
        runs[-1][1].append(record)
    return runs


def delete(call: Call) -> Response:
    """DELETE /composite/sobjects?ids=a,b."""
    ids = [part for part in call.request.args.get("ids", "").split(",") if part]
    if len(ids) > MOST:
        raise _too_many()
    verdicts = []
    for told in ids:
        sobject = _of_id(call, told)
        if sobject is None:
            error = RowError("MALFORMED_ID", f"bad id {told}")
            verdicts.append(Verdict(error=error))
            continue
        rows = [json_rows.row(call, sobject, {"Id": told})]
        writer = Writer(call.org.store, sobject, "delete")
        verdicts += writer.write(rows, call.org.author())
    return as_json([answer(verdict) for verdict in verdicts])


def _of_id(call: Call, told: str) -> SObject | None:
    return next((item for item in call.org.schema if told[:3] == item.key_prefix), None)


def read(call: Call, name: str) -> Response:
    """GET or POST /composite/sobjects/X: records by id, null for the missing."""
    sobject = call.sobject(name)
    if call.request.method == "POST":
        told = call.json()
        ids, names = told.get("ids", []), told.get("fields", [])
    else:
        ids = call.request.args.get("ids", "").split(",")
        names = call.request.args.get("fields", "").split(",")
    if len(ids) > MOST_READ:
        raise _too_many()
    wanted = [values.from_json(sobject.fields[0])(told) for told in ids]
    found = call.org.store.by_id(sobject, wanted)
    return as_json(
        [
            record(call, sobject, found[one], names) if one in found else None
            for one in wanted
        ]
    )


def record(
    call: Call, sobject: SObject, stored: tuple[Any, ...], names: list[str]
) -> dict[str, Any]:
    """Return a record as JSON: these fields of it, all when none is named."""
    told: dict[str, Any] = {
        "attributes": query.attributes(sobject.name, stored[0], call.version)
    }
    for name in names or [field.name for field in sobject.fields]:
        field = sobject.field(name)
        if field is None:
            raise Refusal(
                400, "INVALID_FIELD", json_rows.NO_COLUMN.format(name, sobject.name)
            )
        place = sobject.positions[name.lower()]
        told[field.name] = values.as_json(field, stored[place])
    return told


def _told(call: Call) -> tuple[list[dict[str, Any]], bool]:
    body = call.json()
    records = body.get("records") if isinstance(body, dict) else None
    if not isinstance(records, list) or not records:
        raise Refusal(
            400,
            "REQUIRED_FIELD_MISSING",
            "At least 1 record is required",
            fields=["records"],
        )
    if len(records) > MOST:
        raise _too_many()
    return records, body.get("allOrNone") is True


def _too_many() -> Refusal:
    return Refusal(
        400,
        "EXCEEDED_ID_LIMIT",
        f"record limit reached. cannot submit more than {MOST} records in this call",
    )


def _check_type(record: dict[str, Any], sobject: SObject, row: Row) -> None:
    """Refuse a record whose attributes name another object than the address."""
    named = (record.get("attributes") or {}).get("type")
    if named is None:
        raise Refusal(400, "INVALID_TYPE", "The record has no attributes.type")
    if str(named).lower() != sobject.name.lower():
        row.error = RowError(
            "INVALID_TYPE", f"sObject type '{named}' is not {sobject.name}"
        )


def answer(verdict: Verdict, *, tells_created: bool = False) -> dict[str, Any]:
    """Return what a reply says of one record."""
    if verdict.error is not None:
        return {"success": False, "errors": [verdict.error.as_json()]}
    told: dict[str, Any] = {"id": verdict.id, "success": True, "errors": []}
    return told | {"created": verdict.created} if tells_created else told


RULES: list[Rule] = [
    ("POST", "/composite/sobjects", create),
    ("PATCH", "/composite/sobjects", update),
    ("DELETE", "/composite/sobjects", delete),
    ("GET,POST", "/composite/sobjects/<name>", read),
    ("PATCH", "/composite/sobjects/<name>/<key>", upsert),
]
