"""Parser of object definitions in a YAML or JSON file.

The file has a list `objects`, each with `name`, `fields` and optionally `label`,
`key_prefix` and `name_field`. A field has `name`, `type` and the attributes that the
README lists. Every object gets Id, Name, OwnerId and the audit fields.
"""

import re
from dataclasses import fields, replace
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from tests.emulators.salesforce.objects.schema import FIELD_TYPES, Field, SObject

# The parser in C is ten times as fast, but a PyYAML built without libyaml lacks it.
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
TYPE_ALIASES = {
    "text": "string",
    "checkbox": "boolean",
    "number": "double",
    "integer": "int",
    "longtext": "textarea",
    "lookup": "reference",
    "autonumber": "string",
}
DEFAULT_LENGTHS = {
    "textarea": 32768,
    "email": 80,
    "phone": 40,
    "id": 18,
    "reference": 18,
}
DEFAULT_TEXT_LENGTH = 255
TYPE_WITH_SIZE = re.compile(r"\s*([\w ]+?)\s*\(\s*(\d+)\s*(?:,\s*(\d+)\s*)?\)\s*")
KEY_ALIASES = {
    "apiname": "name",
    "maxlength": "length",
    "picklist": "values",
    "picklistvalues": "values",
    "restrictedpicklist": "restricted",
    "relationshipname": "relationship",
    "defaultvalue": "default",
    "formula": "calculated",
}
DEFAULT_PRECISION = 18
LEADING_FIELDS = ("Id", "Name")


def load_objects(path: Path) -> list[SObject]:
    """Return the objects of a file; raise `ValueError` if it is invalid."""
    return list(_parse_objects(path.read_text(encoding="utf-8"), str(path)))


@cache  # the tests of a process start many orgs with the same file
def _parse_objects(text: str, source: str) -> tuple[SObject, ...]:
    content = yaml.load(text, Loader=LOADER) or {}
    definitions = (
        content.get("objects", content) if isinstance(content, dict) else content
    )
    return tuple(
        parse_sobject(definition, number)
        for number, definition in enumerate(_as_named_list(definitions, source))
    )


def parse_sobject(definition: dict[str, Any], number: int = 0) -> SObject:
    """Return an object; its key prefix is derived from `number` if it has none."""
    definition = _normalize_keys(definition)
    name = str(definition["name"])
    external_id = str(definition.get("externalid") or "").lower()
    own_fields = [
        parse_field(item) for item in _as_named_list(definition.get("fields", []), name)
    ]
    own_fields = [
        replace(field, external_id=True) if field.name.lower() == external_id else field
        for field in own_fields
    ]
    own_names = {field.name.lower() for field in own_fields}
    default_name_type = "auto number" if name.endswith("__c") else "text"
    name_type = definition.get("namefield", default_name_type)
    standard_fields = [
        field
        for field in _standard_fields(name_type)
        if field.name.lower() not in own_names
    ]
    label = definition.get("label") or _default_label(name)
    return SObject(
        name=name,
        label=label,
        label_plural=definition.get("labelplural") or f"{label}s",
        key_prefix=definition.get("keyprefix") or _default_key_prefix(name, number),
        is_read_only=bool(definition.get("readonly")),
        fields=(
            *(field for field in standard_fields if field.name in LEADING_FIELDS),
            *own_fields,
            *(field for field in standard_fields if field.name not in LEADING_FIELDS),
        ),
    )


def parse_field(definition: dict[str, Any]) -> Field:
    """Return a field; the keys are those of `Field` or those of `describe`.

    The type may include the size: `text(18)`, or `number(16,2)` for 16 digits before
    the decimal point and 2 after it.
    """
    definition = _normalize_keys(definition)
    name = str(definition["name"])
    field_type = _split_size(str(definition.get("type", "text")), definition)
    if field_type == "autonumber":
        definition |= {"autonumber": True}
    field_type = TYPE_ALIASES.get(field_type, field_type)
    if field_type not in FIELD_TYPES:
        raise ValueError(f"{name}: unknown field type {definition['type']!r}")
    attribute_names = {item.name.replace("_", ""): item.name for item in fields(Field)}
    attributes = {
        attribute_names[key]: value
        for key, value in definition.items()
        if key in attribute_names
    }
    if "nillable" in definition:
        attributes["required"] = not definition["nillable"] and field_type != "boolean"
    if isinstance(attributes.get("reference_to"), list):
        attributes["reference_to"] = next(iter(attributes["reference_to"]), "")
    attributes["values"] = tuple(
        str(value["value"] if isinstance(value, dict) else value)
        for value in definition.get("values") or ()
    )
    attributes |= {"name": name, "type": field_type}
    return _with_defaults(Field(**attributes))


def _split_size(text: str, definition: dict[str, Any]) -> str:
    """Return the type without its size, and add the size to the definition."""
    match = TYPE_WITH_SIZE.fullmatch(text)
    if match is not None:
        text, size = match[1], int(match[2])
        if match[3] is None:
            definition.setdefault("length", size)
        else:
            definition.setdefault("precision", size + int(match[3]))
            definition.setdefault("scale", int(match[3]))
    return text.lower().replace(" ", "").replace("_", "")


def _with_defaults(field: Field) -> Field:
    changes: dict[str, Any] = {"label": field.label or _default_label(field.name)}
    if field.is_text and not field.length:
        changes["length"] = DEFAULT_LENGTHS.get(field.type, DEFAULT_TEXT_LENGTH)
    if field.is_decimal and not field.precision:
        changes["precision"] = DEFAULT_PRECISION
    if field.auto_number or field.calculated:
        changes |= {"createable": False, "updateable": False}
    if field.type == "boolean" and field.default is None:
        changes["default"] = False
    if field.type == "reference" and not field.relationship:
        name = field.name.removesuffix("Id") if field.name.endswith("Id") else ""
        changes["relationship"] = name or re.sub(r"__c$", "__r", field.name)
    return replace(field, **changes)


def _standard_fields(name_type: str) -> list[Field]:
    read_only: dict[str, Any] = {
        "createable": False,
        "updateable": False,
        "required": True,
    }
    name = Field("Name", "string", "Name", length=80, name_field=True, required=True)
    if name_type != "text":
        name = replace(name, auto_number=True, createable=False, updateable=False)
    return [
        Field("Id", "id", "Record ID", length=18, **read_only),
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
        Field("IsDeleted", "boolean", "Deleted", default=False, **read_only),
        Field("CreatedDate", "datetime", "Created Date", **read_only),
        Field(
            "CreatedById",
            "reference",
            "Created By ID",
            length=18,
            reference_to="User",
            relationship="CreatedBy",
            **read_only,
        ),
        Field("LastModifiedDate", "datetime", "Last Modified Date", **read_only),
        Field(
            "LastModifiedById",
            "reference",
            "Last Modified By ID",
            length=18,
            reference_to="User",
            relationship="LastModifiedBy",
            **read_only,
        ),
        Field("SystemModstamp", "datetime", "System Modstamp", **read_only),
    ]


def _normalize_keys(definition: dict[str, Any]) -> dict[str, Any]:
    """Map `externalId`, `external_id` and `external id` to the same key."""
    normalized = {
        re.sub(r"[_ ]", "", str(key)).lower(): value
        for key, value in definition.items()
    }
    return {KEY_ALIASES.get(key, key): value for key, value in normalized.items()}


def _as_named_list(content: Any, source: str) -> list[dict[str, Any]]:  # noqa: ANN401 - YAML
    """Return a list of mappings with names, also for a mapping by name."""
    if isinstance(content, dict):
        return [
            {
                "name": name,
                **({"type": value} if isinstance(value, str) else value or {}),
            }
            for name, value in content.items()
        ]
    if isinstance(content, list) and all(isinstance(item, dict) for item in content):
        return content
    raise ValueError(f"{source}: expected a list of mappings with names")


def _default_label(name: str) -> str:
    bare = re.sub(r"__\w$", "", name)
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", bare.replace("_", " "))
    return " ".join(word[:1].upper() + word[1:] for word in spaced.split())


def _default_key_prefix(name: str, number: int) -> str:
    standard = {"Account": "001", "Contact": "003", "Opportunity": "006", "Lead": "00Q"}
    return standard.get(name, f"a{number:02d}")
