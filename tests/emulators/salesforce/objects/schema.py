"""The org's objects and fields, as `describe` tells and the store keeps them."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

TEXT = {
    "string",
    "textarea",
    "picklist",
    "multipicklist",
    "combobox",
    "email",
    "phone",
} | {"url", "id", "reference", "encryptedstring"}
DECIMAL = {"double", "currency", "percent"}
WHOLE = {"int", "long"}
KNOWN = TEXT | DECIMAL | WHOLE | {"date", "datetime", "time", "boolean"}


@dataclass(frozen=True)
class Field:
    """One field, as `describe` tells it; `type` is the API's name of the type.

    `refuse` is a validation rule: a value that matches it (a regular expression) is
    refused with `refuse_message`.
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
    refuse: str = ""
    refuse_message: str = "the value breaks a validation rule"

    @property
    def is_text(self) -> bool:
        """Whether values are texts."""
        return self.type in TEXT

    @property
    def is_decimal(self) -> bool:
        """Whether values are numbers that may have a fraction."""
        return self.type in DECIMAL

    @property
    def is_looked_up(self) -> bool:
        """Whether records are found by it, so that it has an index."""
        return self.external_id or self.unique

    @property
    def is_nillable(self) -> bool:
        """Whether it may be empty."""
        return not self.required and self.type != "boolean"

    def fold(self, value: object) -> str:
        """Return the form under which equal values are found."""
        text = str(value)
        return text if self.case_sensitive or not self.is_text else text.lower()


@dataclass(frozen=True)
class SObject:
    """One object with all its fields; stored records are tuples in their order."""

    name: str
    fields: tuple[Field, ...]
    label: str = ""
    label_plural: str = ""
    key_prefix: str = ""
    is_read_only: bool = False
    is_tooling: bool = False

    @cached_property
    def positions(self) -> dict[str, int]:
        """Where each field stands in a record, by its name in lower case."""
        return {field.name.lower(): place for place, field in enumerate(self.fields)}

    @cached_property
    def relationships(self) -> dict[str, Field]:
        """The reference fields, by relationship name in lower case."""
        return {
            field.relationship.lower(): field
            for field in self.fields
            if field.relationship
        }

    @property
    def is_custom(self) -> bool:
        """Whether an admin made it."""
        return self.name.endswith("__c")

    def field(self, name: str) -> Field | None:
        """Return a field by its name in any case."""
        place = self.positions.get(name.lower())
        return None if place is None else self.fields[place]


class Schema:
    """All objects, found by name in any case."""

    def __init__(self, objects: Iterator[SObject] | list[SObject]) -> None:
        self._objects = {item.name.lower(): item for item in objects}

    def __iter__(self) -> Iterator[SObject]:
        return iter(list(self._objects.values()))

    def get(self, name: str) -> SObject | None:
        """Return an object, or None."""
        return self._objects.get(name.lower())

    def put(self, item: SObject) -> None:
        """Add an object or replace it."""
        self._objects[item.name.lower()] = item

    def change_field(
        self, object_name: str, field_name: str, **changes: object
    ) -> None:
        """Change what a field is, as an admin would."""
        item = self._objects[object_name.lower()]
        place = item.positions[field_name.lower()]
        changed = replace(item.fields[place], **changes)  # type: ignore[arg-type]
        self.put(
            replace(
                item, fields=(*item.fields[:place], changed, *item.fields[place + 1 :])
            )
        )

    def add_field(self, object_name: str, added: Field) -> SObject:
        """Add a field, or put it in the place of the one of its name."""
        item = self._objects[object_name.lower()]
        kept = (one for one in item.fields if one.name.lower() != added.name.lower())
        changed = replace(item, fields=(*kept, added))
        self.put(changed)
        return changed

    def drop_field(self, object_name: str, field_name: str) -> None:
        """Take a field away, as field-level security does."""
        item = self._objects[object_name.lower()]
        kept = tuple(f for f in item.fields if f.name.lower() != field_name.lower())
        self.put(replace(item, fields=kept))
