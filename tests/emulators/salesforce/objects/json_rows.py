"""Conversion of JSON records of the REST API into rows."""

from typing import Any

from tests.emulators.salesforce.api_call import ApiCall
from tests.emulators.salesforce.errors import RowError
from tests.emulators.salesforce.objects import parents, values
from tests.emulators.salesforce.objects.row_results import Row
from tests.emulators.salesforce.objects.schema import SObject

NO_COLUMN = "No such column '{}' on sobject of type {}"


def parse_row(call: ApiCall, sobject: SObject, record: dict[str, Any]) -> Row:
    """Return the row of a JSON record; an invalid record gives a row with an error."""
    row = Row()
    try:
        for name, value in record.items():
            if name == "attributes":
                continue
            if isinstance(value, dict):
                position, parent_id = _parse_parent(call, sobject, name, value)
                row.changes[position] = parent_id
                continue
            field = sobject.field(name)
            if field is None:
                raise RowError("INVALID_FIELD", NO_COLUMN.format(name, sobject.name))
            position = sobject.positions[name.lower()]
            row.changes[position] = values.json_parser(field)(value)
    except RowError as error:
        row.error = error
    return row


def _parse_parent(
    call: ApiCall, sobject: SObject, name: str, parent_key: dict[str, Any]
) -> tuple[int, str]:
    """Find a parent by its key: `{"Account__r": {"ext__c": "x"}}`.

    Returns the position of the reference field, and the parent's id.
    """
    attributes = parent_key.get("attributes")
    type_name = attributes.get("type", "") if isinstance(attributes, dict) else ""
    keys = {key: value for key, value in parent_key.items() if key != "attributes"}
    if len(keys) != 1:
        raise RowError(
            "INVALID_FIELD", f"The relation {name} must have one field, not {len(keys)}"
        )
    ((key, value),) = keys.items()
    path = parents.find_key(call.org.schema, sobject, name, key, str(type_name))
    if path is None:
        relation = sobject.relationships.get(name.lower())
        missing = (key, relation.reference_to) if relation else (name, sobject.name)
        raise RowError("INVALID_FIELD", NO_COLUMN.format(*missing))
    parsed = values.json_parser(path.key)(value)
    parent_id = parents.find_parent(call.org.store, path, parsed)
    return sobject.positions[path.reference.name.lower()], parent_id
