"""Objects and fields of the org, as `describe` returns them."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

TEXT_TYPES = {
    "string",
    "textarea",
    "picklist",
    "multipicklist",
    "combobox",
    "email",
    "phone",
    "url",
    "id",
    "reference",
    "encryptedstring",
}
DECIMAL_TYPES = {"double", "currency", "percent"}
INTEGER_TYPES = {"int", "long"}
FIELD_TYPES = (
    TEXT_TYPES | DECIMAL_TYPES | INTEGER_TYPES | {"date", "datetime", "time", "boolean"}
)


@dataclass(frozen=True)
class Field:
    """One field; `type` is the type name that `describe` returns.

    `error_pattern` and `error_message` are a validation rule: a value that matches the
    regular expression is rejected with the message.
    """

    name: str
    type: str
    label: str = ""
    length: int = 0
    precision: int = 0
    scale: int = 0
    required: bool = False
    external_id: bool = False
    unique: bool = False
    case_sensitive: bool = False
    id_lookup: bool = False
    createable: bool = True
    updateable: bool = True
    calculated: bool = False
    auto_number: bool = False
    name_field: bool = False
    restricted: bool = False
    values: tuple[str, ...] = ()
    default: Any = None
    reference_to: str = ""
    relationship: str = ""
    error_pattern: str = ""
    error_message: str = "the value violates a validation rule"

    @property
    def is_text(self) -> bool:
        """Whether values are strings."""
        return self.type in TEXT_TYPES

    @property
    def is_decimal(self) -> bool:
        """Whether values are numbers that may have a fraction."""
        return self.type in DECIMAL_TYPES

    @property
    def is_indexed(self) -> bool:
        """Whether records can be looked up by this field."""
        return self.external_id or self.unique or self.id_lookup

    @property
    def is_id_lookup(self) -> bool:
        """Whether a reference may name a parent by this field: `idLookup`."""
        return self.external_id or self.id_lookup or self.type == "id"

    @property
    def references(self) -> list[str]:
        """The names of the objects it refers to; an owner may also be a queue."""
        if self.name == "OwnerId":
            return ["Group", "User"]
        return [self.reference_to] if self.reference_to else []

    @property
    def is_custom(self) -> bool:
        """Whether it is a custom field."""
        return self.name.endswith("__c")

    @property
    def is_nillable(self) -> bool:
        """Whether the field may be null."""
        return not self.required and self.type != "boolean"

    def lookup_key(self, value: object) -> str:
        """Return a value as text, in lower case unless the field is case-sensitive."""
        text = str(value)
        return text if self.case_sensitive or not self.is_text else text.lower()


@dataclass(frozen=True)
class SObject:
    """One object; stored records are tuples in the order of its fields."""

    name: str
    fields: tuple[Field, ...]
    label: str = ""
    label_plural: str = ""
    key_prefix: str = ""
    is_read_only: bool = False
    is_tooling: bool = False

    @cached_property
    def positions(self) -> dict[str, int]:
        """The position of each field in a record, by lower-case name."""
        return {field.name.lower(): index for index, field in enumerate(self.fields)}

    @cached_property
    def relationships(self) -> dict[str, Field]:
        """The reference fields, by lower-case relationship name."""
        return {
            field.relationship.lower(): field
            for field in self.fields
            if field.relationship
        }

    @property
    def is_custom(self) -> bool:
        """Whether it is a custom object."""
        return self.name.endswith("__c")

    def field(self, name: str) -> Field | None:
        """Return the field with this name in any case, or None."""
        position = self.positions.get(name.lower())
        return None if position is None else self.fields[position]


class Schema:
    """All objects of an org; names are not case-sensitive."""

    def __init__(self, sobjects: Iterable[SObject]) -> None:
        self._objects = {sobject.name.lower(): sobject for sobject in sobjects}

    def __iter__(self) -> Iterator[SObject]:
        return iter(list(self._objects.values()))

    def get(self, name: str) -> SObject | None:
        """Return the object with this name, or None."""
        return self._objects.get(name.lower())

    def put(self, sobject: SObject) -> None:
        """Add an object, or replace the one with the same name."""
        self._objects[sobject.name.lower()] = sobject

    def change_field(
        self, object_name: str, field_name: str, **changes: object
    ) -> None:
        """Change attributes of a field, as an admin would."""
        sobject = self._objects[object_name.lower()]
        fields = list(sobject.fields)
        position = sobject.positions[field_name.lower()]
        fields[position] = replace(fields[position], **changes)  # type: ignore[arg-type]
        self.put(replace(sobject, fields=tuple(fields)))

    def add_field(self, object_name: str, added: Field) -> SObject:
        """Add a field, or replace the one with the same name; return the new object."""
        sobject = self._objects[object_name.lower()]
        others = (
            field
            for field in sobject.fields
            if field.name.lower() != added.name.lower()
        )
        changed = replace(sobject, fields=(*others, added))
        self.put(changed)
        return changed

    def drop_field(self, object_name: str, field_name: str) -> None:
        """Hide a field, as field-level security does."""
        sobject = self._objects[object_name.lower()]
        others = tuple(
            field
            for field in sobject.fields
            if field.name.lower() != field_name.lower()
        )
        self.put(replace(sobject, fields=others))
