"""Rows out of JSON records, as the REST API takes them."""

from typing import Any

from tests.emulators.salesforce.api_call import Call
from tests.emulators.salesforce.errors import RowError
from tests.emulators.salesforce.objects import values
from tests.emulators.salesforce.objects.schema import SObject
from tests.emulators.salesforce.objects.verdicts import Row

NO_COLUMN = "No such column '{}' on sobject of type {}"


def row(call: Call, sobject: SObject, record: dict[str, Any]) -> Row:
    """Make a row of a record; what is wrong with it is in the row's error."""
    made = Row()
    try:
        for name, told in record.items():
            if name == "attributes":
                continue
            if isinstance(told, dict):
                place, value = _parent(call, sobject, name, told)
            else:
                field = sobject.field(name)
                if field is None:
                    raise RowError(
                        "INVALID_FIELD", NO_COLUMN.format(name, sobject.name)
                    )
                place = sobject.positions[name.lower()]
                value = values.from_json(field)(told)
            made.changes[place] = value
    except RowError as error:
        made.error = error
    return made


def _parent(
    call: Call, sobject: SObject, name: str, told: dict[str, Any]
) -> tuple[int, str]:
    """Find a parent by its external id: `{"Account__r": {"ext__c": "x"}}`."""
    reference = sobject.relationships.get(name.lower())
    if reference is None:
        raise RowError("INVALID_FIELD", NO_COLUMN.format(name, sobject.name))
    parent = call.sobject(reference.reference_to)
    given = {key: value for key, value in told.items() if key != "attributes"}
    key, wanted = next(iter(given.items()), ("", None))
    target = parent.field(key)
    if target is None or not target.is_looked_up:
        raise RowError("INVALID_FIELD", NO_COLUMN.format(key, parent.name))
    found = call.org.store.find(parent, target, [target.fold(wanted)])
    records = next(iter(found.values()), [])
    if not records:
        raise RowError(
            "INVALID_FIELD",
            f"Foreign key external ID: {wanted} not found for field {target.name} in "
            f"entity {parent.name}",
        )
    return sobject.positions[reference.name.lower()], records[0][0]
