"""Conversion of JSON records of the REST API into rows."""

from typing import Any

from tests.emulators.salesforce.api_call import ApiCall
from tests.emulators.salesforce.errors import RowError
from tests.emulators.salesforce.objects import values
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
    """Find a parent by its external id: `{"Account__r": {"ext__c": "x"}}`.

    Returns the position of the reference field, and the parent's id.
    """
    reference = sobject.relationships.get(name.lower())
    if reference is None:
        raise RowError("INVALID_FIELD", NO_COLUMN.format(name, sobject.name))
    parent = call.sobject(reference.reference_to)
    keys = {key: value for key, value in parent_key.items() if key != "attributes"}
    key, value = next(iter(keys.items()), ("", None))
    key_field = parent.field(key)
    if key_field is None or not key_field.is_indexed:
        raise RowError("INVALID_FIELD", NO_COLUMN.format(key, parent.name))
    matches = call.org.store.find_by_key(
        parent, key_field, [key_field.lookup_key(value)]
    )
    records = next(iter(matches.values()), [])
    if not records:
        raise RowError(
            "INVALID_FIELD",
            f"Foreign key external ID: {value} not found for field {key_field.name} in "
            f"entity {parent.name}",
        )
    return sobject.positions[reference.name.lower()], records[0][0]
