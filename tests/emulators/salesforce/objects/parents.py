"""Parents named by a key instead of an id: `Account__r.number__c`, `Owner.Email`.

The key is a field of the parent with `idLookup`. A relation to several objects may name
one of them: `User:Owner.Email` in CSV, `attributes.type` in JSON.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from tests.emulators.salesforce.errors import RowError
from tests.emulators.salesforce.objects.row_results import Row, RowResult
from tests.emulators.salesforce.objects.schema import Field, Schema, SObject
from tests.emulators.salesforce.objects.store import Store


@dataclass(frozen=True)
class ParentKey:
    """A reference field, the object it refers to, and the key field of that object."""

    reference: Field
    parent: SObject
    key: Field


def parse_path(schema: Schema, sobject: SObject, path: str) -> ParentKey | None:
    """Return the parent key of a CSV column, or None if there is none of this name."""
    object_name, _, rest = path.rpartition(":")
    relationship, _, key_name = rest.partition(".")
    return find_key(schema, sobject, relationship, key_name, object_name)


def find_key(
    schema: Schema,
    sobject: SObject,
    relationship: str,
    key_name: str,
    object_name: str = "",
) -> ParentKey | None:
    """Return the parent key of a relation; `object_name` chooses one of its objects."""
    reference = sobject.relationships.get(relationship.lower())
    if reference is None:
        return None
    allowed = [name.lower() for name in reference.references]
    if object_name and object_name.lower() not in allowed:
        return None
    parent = schema.get(object_name or reference.reference_to)
    key = parent.field(key_name) if parent else None
    if parent is None or key is None or not key.is_id_lookup:
        return None
    return ParentKey(reference, parent, key)


def find_parent(store: Store, path: ParentKey, value: Any) -> str:  # noqa: ANN401 - any field's value
    """Return the id of the parent; raise `RowError` if there is not exactly one."""
    parent, key = path.parent, path.key
    if key.type == "id":
        records = list(store.get_by_ids(parent, [value]).values())
        is_deleted = parent.positions["isdeleted"]
        ids = [record[0] for record in records if not record[is_deleted]]
    else:
        matches = store.find_by_key(parent, key, [key.lookup_key(value)])
        ids = [record[0] for record in next(iter(matches.values()), [])]
    if not ids:
        raise RowError(
            "INVALID_FIELD",
            f"Foreign key external ID: {value} not found for field {key.name} in "
            f"entity {parent.name}",
        )
    if len(ids) > 1:
        raise RowError(
            "DUPLICATE_EXTERNAL_ID",
            f"{key.label}: more than one record found for external id field: "
            f"[{', '.join(ids)}]",
            key.name,
        )
    return str(ids[0])


def check(
    store: Store,
    references: Sequence[tuple[int, Field]],
    rows: Sequence[Row],
    results: Sequence[RowResult],
) -> None:
    """Reject the rows that refer to a missing, deleted or wrong record.

    `references` has the position and the field of each reference.
    """
    for position, field in references:
        ids = [row.changes.get(position) for row in rows]
        errors = _errors(store, field, {one for one in ids if one})
        for record_id, result in zip(ids, results, strict=True):
            result.error = result.error or errors.get(record_id)


def _errors(store: Store, field: Field, ids: Iterable[str]) -> dict[Any, RowError]:
    """Return the errors of the ids that are invalid in a reference field."""
    objects = [found for name in field.references if (found := store.sobject(name))]
    if not objects:
        return {}  # the org does not have the object
    errors: dict[Any, RowError] = {}
    for record_id in ids:
        parent = next((p for p in objects if record_id.startswith(p.key_prefix)), None)
        if parent is None:
            message = f"{field.label}: id value of incorrect type: {record_id}"
            error = RowError("FIELD_INTEGRITY_EXCEPTION", message, field.name)
            errors[record_id] = error
            continue
        record = store.get_by_ids(parent, [record_id]).get(record_id)
        if record is None:
            errors[record_id] = RowError(
                "INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id"
            )
        elif record[parent.positions["isdeleted"]]:
            errors[record_id] = RowError("ENTITY_IS_DELETED", "entity is deleted")
    return errors
