"""What every org has: its Organization, its user, and definitions of its objects."""

from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from tests.emulators.salesforce.objects import identifiers
from tests.emulators.salesforce.objects.schema import Field, Schema, SObject
from tests.emulators.salesforce.objects.schema_file import sobject
from tests.emulators.salesforce.objects.store import Record, Store

FILE = Path(__file__).with_name("standard.yml")
BORN_AT = "2024-01-15T09:00:00.000+0000"
ORGANIZATION: dict[str, Any] = {
    "Name": "Nightshift Stand-In",
    "Country": "US",
    "OrganizationType": "Developer Edition",
    "InstanceName": "CS1",
    "IsSandbox": True,
    "IsReadOnly": False,
    "LanguageLocaleKey": "en_US",
    "TimeZoneSidKey": "UTC",
    "DefaultLocaleSidKey": "en_US",
}
USER: dict[str, Any] = {
    "Name": "Nightshift Integration",
    "Username": "nightshift@example.com",
    "FirstName": "Nightshift",
    "LastName": "Integration",
    "Email": "nightshift@example.com",
    "Alias": "nshift",
    "IsActive": True,
    "UserType": "Standard",
    "TimeZoneSidKey": "UTC",
    "LocaleSidKey": "en_US",
    "LanguageLocaleKey": "en_US",
    "EmailEncodingKey": "UTF-8",
}


@cache
def objects() -> tuple[SObject, ...]:
    """Return the objects that every org has."""
    return tuple(_objects())


def _objects() -> Iterator[SObject]:
    told = yaml.safe_load(FILE.read_text(encoding="utf-8"))
    for item in told["objects"]:
        yield _read_only(sobject(item))
    for item in told["tooling"]:
        yield replace(_read_only(sobject(item)), is_tooling=True)


def _read_only(made: SObject) -> SObject:
    locked = tuple(
        replace(field, createable=False, updateable=False) for field in made.fields
    )
    return replace(made, is_read_only=True, fields=locked)


def fill(store: Store, schema: Schema) -> None:
    """Make the records that are not there yet, and the definitions anew."""
    with store.transaction():
        if store.fact("organization") is None:
            user = store.new_id("005")
            store.set_fact("user", user)
            _put(store, schema, "User", USER | {"Id": user})
            store.set_fact(
                "organization", _add(store, schema, "Organization", ORGANIZATION)
            )
            profile = {"Name": "System Administrator", "UserType": "Standard"}
            _put(
                store,
                schema,
                "User",
                USER
                | {"Id": user, "ProfileId": _add(store, schema, "Profile", profile)},
            )
        _define(store, schema)


def organization(store: Store, schema: Schema) -> dict[str, Any]:
    """Return the Organization record by field name."""
    item = _object(schema, "Organization")
    org_id = store.fact("organization")
    record = store.by_id(item, [org_id])[org_id]
    return {field.name: told for field, told in zip(item.fields, record, strict=True)}


def change_organization(store: Store, schema: Schema, changes: dict[str, Any]) -> None:
    """Change the Organization record; another `Id` makes it another org."""
    item = _object(schema, "Organization")
    with store.transaction():
        org_id = store.fact("organization")
        record = list(store.by_id(item, [org_id])[org_id])
        for name, value in changes.items():
            record[item.positions[name.lower()]] = value
        store.remove(item, [org_id])
        store.put(item, [tuple(record)])
        store.set_fact("organization", record[0])


def _define(store: Store, schema: Schema) -> None:
    entities, described = (
        _object(schema, name) for name in ("EntityDefinition", "FieldDefinition")
    )
    store.remove_all(entities)
    store.remove_all(described)
    known = list(enumerate(item for item in schema if not item.is_tooling))
    _put_all(store, entities, [_entity(item, place) for place, item in known])
    fields = [
        _field(item, field, place * 1000 + number)
        for place, item in known
        for number, field in enumerate(item.fields)
    ]
    _put_all(store, described, fields)


def _entity(item: SObject, place: int) -> dict[str, Any]:
    return {
        "Id": identifiers.make("4ie", place),
        "Name": item.name,
        "DurableId": item.name,
        "QualifiedApiName": item.name,
        "DeveloperName": item.name.removesuffix("__c"),
        "MasterLabel": item.label,
        "Label": item.label,
        "PluralLabel": item.label_plural,
        "KeyPrefix": item.key_prefix,
        "IsCustomSetting": False,
    } | dict.fromkeys(
        (
            "IsQueryable",
            "IsCustomizable",
            "IsApexTriggerable",
            "IsTriggerable",
            "IsSearchable",
            "IsRetrieveable",
        ),
        True,
    )


def _field(item: SObject, field: Field, number: int) -> dict[str, Any]:
    return {
        "Id": identifiers.make("4fe", number),
        "Name": field.name,
        "DurableId": f"{item.name}.{field.name}",
        "EntityDefinitionId": item.name,
        "QualifiedApiName": field.name,
        "DeveloperName": field.name.removesuffix("__c"),
        "MasterLabel": field.label,
        "Label": field.label,
        "DataType": field.type,
        "Length": field.length,
        "Precision": field.precision,
        "Scale": field.scale,
        "IsIndexed": field.is_looked_up,
        "IsNillable": field.is_nillable,
    }


def _add(store: Store, schema: Schema, name: str, told: dict[str, Any]) -> str:
    record_id = store.new_id(_object(schema, name).key_prefix)
    _put(store, schema, name, told | {"Id": record_id})
    return record_id


def _put(store: Store, schema: Schema, name: str, told: dict[str, Any]) -> None:
    _put_all(store, _object(schema, name), [told])


def _put_all(store: Store, item: SObject, records: list[dict[str, Any]]) -> None:
    user = store.fact("user")
    audit = {
        "IsDeleted": False,
        "OwnerId": user,
        "CreatedById": user,
        "LastModifiedById": user,
        "CreatedDate": BORN_AT,
        "LastModifiedDate": BORN_AT,
        "SystemModstamp": BORN_AT,
    }
    made: list[Record] = [
        tuple(given.get(field.name, field.default) for field in item.fields)
        for given in (audit | told for told in records)
    ]
    store.put(item, made)


def _object(schema: Schema, name: str) -> SObject:
    found = schema.get(name)
    if found is None:
        raise LookupError(f"{name} is not in {FILE.name}")
    return found
