"""The org's objects and fields, read from a YAML (or JSON) file.

The file has `objects`, each with `name`, `fields` and optional `label`, `key_prefix`,
`name_field`; a field has `name`, `type` and what the README lists. Id, Name, owner
and the audit fields are every object's and need not be written down.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml

TYPES = {
    "text": "string",
    "checkbox": "boolean",
    "number": "double",
    "integer": "int",
    "longtext": "textarea",
    "lookup": "reference",
    "autonumber": "string",
}
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
LENGTHS = {"textarea": 32768, "email": 80, "phone": 40, "id": 18, "reference": 18}
LENGTH = 255
PRECISION = 18


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


def load(path: Path) -> list[SObject]:
    """Read the objects of a file; `ValueError` says what is wrong with it."""
    told = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    objects = told.get("objects", told) if isinstance(told, dict) else told
    return [
        sobject(item, number) for number, item in enumerate(_named(objects, str(path)))
    ]


def sobject(told: dict[str, Any], number: int = 0) -> SObject:
    """Make an object of its description; the number gives it a key prefix."""
    told = _plain(told)
    name = str(told["name"])
    own = [field(item) for item in _named(told.get("fields", []), name)]
    have = {item.name.lower() for item in own}
    standard = _standard_fields(told.get("namefield", "auto number"))
    before, after = standard[:2], standard[2:]
    label = told.get("label") or _label(name)
    return SObject(
        name=name,
        label=label,
        label_plural=told.get("labelplural") or f"{label}s",
        key_prefix=told.get("keyprefix") or _prefix(name, number),
        is_read_only=bool(told.get("readonly")),
        fields=(
            *(item for item in before if item.name.lower() not in have),
            *own,
            *(item for item in after if item.name.lower() not in have),
        ),
    )


def field(told: dict[str, Any]) -> Field:
    """Make a field of its description, with the names of `Field` or of `describe`."""
    told = _plain(told)
    name = str(told["name"])
    kind = str(told.get("type", "text")).lower().replace(" ", "").replace("_", "")
    if kind == "autonumber":
        told |= {"autonumber": True}
    kind = TYPES.get(kind, kind)
    if kind not in KNOWN:
        raise ValueError(f"{name}: there is no type {told['type']!r}")
    known = {item.name.replace("_", ""): item.name for item in fields(Field)}
    given = {known[key]: value for key, value in told.items() if key in known}
    if "nillable" in told:
        given["required"] = not told["nillable"] and kind != "boolean"
    values = told.get("values") or told.get("picklistvalues") or ()
    given["values"] = tuple(
        str(value["value"] if isinstance(value, dict) else value) for value in values
    )
    if "restrictedpicklist" in told:
        given["restricted"] = bool(told["restrictedpicklist"])
    made = Field(**(given | {"name": name, "type": kind}))
    return _completed(made)


def _completed(made: Field) -> Field:
    changes: dict[str, Any] = {"label": made.label or _label(made.name)}
    if made.is_text and not made.length:
        changes["length"] = LENGTHS.get(made.type, LENGTH)
    if made.is_decimal and not made.precision:
        changes["precision"] = PRECISION
    if made.auto_number or made.calculated:
        changes |= {"createable": False, "updateable": False}
    if made.type == "boolean" and made.default is None:
        changes["default"] = False
    if made.type == "reference" and not made.relationship:
        name = made.name.removesuffix("Id") if made.name.endswith("Id") else ""
        changes["relationship"] = name or re.sub(r"__c$", "__r", made.name)
    return replace(made, **changes)


def _standard_fields(name_kind: str) -> list[Field]:
    given = {"createable": False, "updateable": False, "required": True}
    name = Field("Name", "string", "Name", length=80, name_field=True, required=True)
    if name_kind != "text":
        name = replace(name, auto_number=True, createable=False, updateable=False)
    return [
        Field("Id", "id", "Record ID", length=18, **given),
        name,
        Field(
            "OwnerId",
            "reference",
            "Owner ID",
            length=18,
            required=True,
            default="",
            reference_to="User",
            relationship="Owner",
        ),
        Field("IsDeleted", "boolean", "Deleted", default=False, **given),
        Field("CreatedDate", "datetime", "Created Date", **given),
        Field(
            "CreatedById",
            "reference",
            "Created By ID",
            length=18,
            reference_to="User",
            relationship="CreatedBy",
            **given,
        ),
        Field("LastModifiedDate", "datetime", "Last Modified Date", **given),
        Field(
            "LastModifiedById",
            "reference",
            "Last Modified By ID",
            length=18,
            reference_to="User",
            relationship="LastModifiedBy",
            **given,
        ),
        Field("SystemModstamp", "datetime", "System Modstamp", **given),
    ]


def _plain(told: dict[str, Any]) -> dict[str, Any]:
    """Let `externalId`, `external_id` and `external id` be the same key."""
    return {re.sub(r"[_ ]", "", str(key)).lower(): value for key, value in told.items()}


def _named(told: Any, place: str) -> list[dict[str, Any]]:  # noqa: ANN401 - YAML
    if isinstance(told, dict):
        return [{"name": name, **(value or {})} for name, value in told.items()]
    if isinstance(told, list) and all(isinstance(item, dict) for item in told):
        return told
    raise ValueError(f"{place}: a list of objects with names is wanted")


def _label(name: str) -> str:
    bare = re.sub(r"__\w$", "", name)
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", bare.replace("_", " "))
    return " ".join(word[:1].upper() + word[1:] for word in spaced.split())


def _prefix(name: str, number: int) -> str:
    standard = {"Account": "001", "Contact": "003", "Opportunity": "006", "Lead": "00Q"}
    return standard.get(name, f"a{number:02d}")
