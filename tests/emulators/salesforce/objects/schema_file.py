"""Objects and fields made of their descriptions, read from a YAML (or JSON) file.

The file has `objects`, each with `name`, `fields` and optional `label`, `key_prefix`,
`name_field`; a field has `name`, `type` and what the README lists. Id, Name, owner
and the audit fields are every object's and need not be written down.
"""

import re
from dataclasses import fields, replace
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from tests.emulators.salesforce.objects.schema import KNOWN, Field, SObject

TYPES = {
    "text": "string",
    "checkbox": "boolean",
    "number": "double",
    "integer": "int",
    "longtext": "textarea",
    "lookup": "reference",
    "autonumber": "string",
}
LENGTHS = {"textarea": 32768, "email": 80, "phone": 40, "id": 18, "reference": 18}
LENGTH = 255
SIZED = re.compile(r"\s*([\w ]+?)\s*\(\s*(\d+)\s*(?:,\s*(\d+)\s*)?\)\s*")
OTHER_NAMES = {
    "apiname": "name",
    "maxlength": "length",
    "picklist": "values",
    "picklistvalues": "values",
    "restrictedpicklist": "restricted",
    "relationshipname": "relationship",
    "defaultvalue": "default",
    "formula": "calculated",
}
PRECISION = 18


def load(path: Path) -> list[SObject]:
    """Read the objects of a file; `ValueError` says what is wrong with it."""
    return list(_objects(path.read_text(encoding="utf-8"), str(path)))


@cache
def _objects(text: str, source: str) -> tuple[SObject, ...]:
    """Make the objects of a file's text, once for all the orgs of a process."""
    told = yaml.safe_load(text) or {}
    objects = told.get("objects", told) if isinstance(told, dict) else told
    return tuple(
        sobject(item, number) for number, item in enumerate(_named(objects, source))
    )


def sobject(told: dict[str, Any], number: int = 0) -> SObject:
    """Make an object of its description; the number gives it a key prefix."""
    told = _plain(told)
    name = str(told["name"])
    own = [field(item) for item in _named(told.get("fields", []), name)]
    key = str(told.get("externalid") or "").lower()
    own = [
        replace(item, external_id=True) if item.name.lower() == key else item
        for item in own
    ]
    have = {item.name.lower() for item in own}
    is_numbered = name.endswith("__c")
    kind = told.get("namefield", "auto number" if is_numbered else "text")
    standard = _standard_fields(kind)
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
    """Make a field of its description, with the names of `Field` or of `describe`.

    A type may have its size with it: `text(18)`, or `number(16,2)` for 16 digits
    before the point and 2 after it.
    """
    told = _plain(told)
    name = str(told["name"])
    kind = _sized(str(told.get("type", "text")), told)
    if kind == "autonumber":
        told |= {"autonumber": True}
    kind = TYPES.get(kind, kind)
    if kind not in KNOWN:
        raise ValueError(f"{name}: there is no type {told['type']!r}")
    known = {item.name.replace("_", ""): item.name for item in fields(Field)}
    given = {known[key]: value for key, value in told.items() if key in known}
    if "nillable" in told:
        given["required"] = not told["nillable"] and kind != "boolean"
    if isinstance(given.get("reference_to"), list):
        given["reference_to"] = next(iter(given["reference_to"]), "")
    given["values"] = tuple(
        str(value["value"] if isinstance(value, dict) else value)
        for value in told.get("values") or ()
    )
    return _completed(Field(**(given | {"name": name, "type": kind})))


def _sized(kind: str, told: dict[str, Any]) -> str:
    """Return the type alone, and put the size that stands with it where it belongs."""
    match = SIZED.fullmatch(kind)
    if match is not None:
        kind, size = match[1], int(match[2])
        if match[3] is None:
            told.setdefault("length", size)
        else:
            told.setdefault("precision", size + int(match[3]))
            told.setdefault("scale", int(match[3]))
    return kind.lower().replace(" ", "").replace("_", "")


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
    plain = {
        re.sub(r"[_ ]", "", str(key)).lower(): value for key, value in told.items()
    }
    return {OTHER_NAMES.get(key, key): value for key, value in plain.items()}


def _named(told: Any, place: str) -> list[dict[str, Any]]:  # noqa: ANN401 - YAML
    if isinstance(told, dict):
        return [
            {
                "name": name,
                **({"type": value} if isinstance(value, str) else value or {}),
            }
            for name, value in told.items()
        ]
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
