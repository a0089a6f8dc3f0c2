"""Standard records of every org: Organization, User, Profile and definitions."""

from collections.abc import Iterator
from dataclasses import replace
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

import yaml

from tests.emulators.salesforce.objects import identifiers
from tests.emulators.salesforce.objects.schema import Field, Schema, SObject
from tests.emulators.salesforce.objects.schema_file import LOADER, parse_sobject
from tests.emulators.salesforce.objects.store import Record, Store

FILE = Path(__file__).with_name("standard.yml")
CREATED_AT = "2024-01-15T09:00:00.000+0000"
ORGANIZATION: dict[str, Any] = {
    "Name": "Nightshift Emulator",
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
def standard_objects() -> tuple[SObject, ...]:
    """Return the objects that every org has."""
    return tuple(_load_objects())


def _load_objects() -> Iterator[SObject]:
    content = yaml.load(FILE.read_text(encoding="utf-8"), Loader=LOADER)
    for definition in content["objects"]:
        yield _read_only(parse_sobject(definition))
    for definition in content["tooling"]:
        yield replace(_read_only(parse_sobject(definition)), is_tooling=True)


def _read_only(sobject: SObject) -> SObject:
    fields = tuple(
        replace(field, createable=False, updateable=False) for field in sobject.fields
    )
    return replace(sobject, is_read_only=True, fields=fields)


def create_standard_records(store: Store, schema: Schema) -> None:
    """Create the missing records, and replace all object and field definitions."""
    with store.transaction():
        if store.get_value("organization") is None:
            user_id = store.new_id("005")
            store.set_value("user", user_id)
            user = USER | {"Id": user_id}
            _put_record(store, schema, "User", user)
            store.set_value(
                "organization", _insert(store, schema, "Organization", ORGANIZATION)
            )
            profile = {"Name": "System Administrator", "UserType": "Standard"}
            user["ProfileId"] = _insert(store, schema, "Profile", profile)
            _put_record(store, schema, "User", user)
        _replace_definitions(store, schema)


def organization_record(store: Store, schema: Schema) -> dict[str, Any]:
    """Return the Organization record by field name."""
    sobject = _find_object(schema, "Organization")
    org_id = store.get_value("organization")
    record = store.get_by_ids(sobject, [org_id])[org_id]
    return {
        field.name: value for field, value in zip(sobject.fields, record, strict=True)
    }


def update_organization(store: Store, schema: Schema, changes: dict[str, Any]) -> None:
    """Change fields of the Organization record; the `Id` may change too."""
    sobject = _find_object(schema, "Organization")
    with store.transaction():
        org_id = store.get_value("organization")
        record = list(store.get_by_ids(sobject, [org_id])[org_id])
        for name, value in changes.items():
            record[sobject.positions[name.lower()]] = value
        store.delete_records(sobject, [org_id])
        store.put_records(sobject, [tuple(record)])
        store.set_value("organization", record[0])


def _replace_definitions(store: Store, schema: Schema) -> None:
    sobjects = tuple(item for item in schema if not item.is_tooling)
    entities = _find_object(schema, "EntityDefinition")
    fields = _find_object(schema, "FieldDefinition")
    rows = _definitions(sobjects, entities, fields, store.get_value("user"))
    for definition, records in zip((entities, fields), rows, strict=True):
        store.delete_all(definition)
        store.put_records(definition, records)


@lru_cache(8)  # the tests of a process start many orgs with the same objects
def _definitions(
    sobjects: tuple[SObject, ...], entities: SObject, fields: SObject, user: str
) -> tuple[list[Record], list[Record]]:
    """Return the records of all objects, and those of all fields."""
    numbered = list(enumerate(sobjects))
    of_objects = [_entity_record(sobject, number) for number, sobject in numbered]
    of_fields = [
        _field_record(sobject, field, number * 1000 + position)
        for number, sobject in numbered
        for position, field in enumerate(sobject.fields)
    ]
    return _rows(entities, of_objects, user), _rows(fields, of_fields, user)


def _entity_record(sobject: SObject, number: int) -> dict[str, Any]:
    return {
        "Id": identifiers.make_id("4ie", number),
        "Name": sobject.name,
        "DurableId": sobject.name,
        "QualifiedApiName": sobject.name,
        "DeveloperName": sobject.name.removesuffix("__c"),
        "MasterLabel": sobject.label,
        "Label": sobject.label,
        "PluralLabel": sobject.label_plural,
        "KeyPrefix": sobject.key_prefix,
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


def _field_record(sobject: SObject, field: Field, number: int) -> dict[str, Any]:
    return {
        "Id": identifiers.make_id("4fe", number),
        "Name": field.name,
        "DurableId": f"{sobject.name}.{field.name}",
        "EntityDefinitionId": sobject.name,
        "QualifiedApiName": field.name,
        "DeveloperName": field.name.removesuffix("__c"),
        "MasterLabel": field.label,
        "Label": field.label,
        "DataType": field.type,
        "Length": field.length,
        "Precision": field.precision,
        "Scale": field.scale,
        "IsIndexed": field.is_indexed,
        "IsNillable": field.is_nillable,
    }


def _insert(store: Store, schema: Schema, name: str, record: dict[str, Any]) -> str:
    """Insert a record with a new id, and return the id."""
    record_id = store.new_id(_find_object(schema, name).key_prefix)
    _put_record(store, schema, name, record | {"Id": record_id})
    return record_id


def _put_record(
    store: Store, schema: Schema, name: str, record: dict[str, Any]
) -> None:
    sobject = _find_object(schema, name)
    store.put_records(sobject, _rows(sobject, [record], store.get_value("user")))


def _rows(sobject: SObject, records: list[dict[str, Any]], user: str) -> list[Record]:
    """Return records as the store takes them, created and changed by `user`."""
    audit = {
        "IsDeleted": False,
        "OwnerId": user,
        "CreatedById": user,
        "LastModifiedById": user,
        "CreatedDate": CREATED_AT,
        "LastModifiedDate": CREATED_AT,
        "SystemModstamp": CREATED_AT,
    }
    return [
        tuple(values.get(field.name, field.default) for field in sobject.fields)
        for values in (audit | record for record in records)
    ]


def _find_object(schema: Schema, name: str) -> SObject:
    sobject = schema.get(name)
    if sobject is None:
        raise LookupError(f"The object {name} is missing in {FILE.name}.")
    return sobject
