"""Descriptions of objects and fields, with every key of the real ones."""

from typing import Any

from tests.emulators.salesforce.objects.schema import (
    DECIMAL_TYPES,
    INTEGER_TYPES,
    Field,
    Schema,
    SObject,
)

Json = dict[str, Any]
SOAP_TYPES = {
    "id": "tns:ID",
    "reference": "tns:ID",
    "boolean": "xsd:boolean",
    "int": "xsd:int",
    "long": "xsd:long",
    "date": "xsd:date",
    "datetime": "xsd:dateTime",
    "time": "xsd:time",
} | dict.fromkeys(DECIMAL_TYPES, "xsd:double")
INTEGER_DIGITS = 9
BYTES_PER_CHARACTER = 3
MASTER_RECORD_TYPE = "012000000000000AAA"
# Keys of features that the emulator's objects and fields do not have.
UNUSED_SUMMARY_KEYS: Json = {
    "activateable": False,
    "associateEntityType": None,
    "associateParentEntity": None,
    "customSetting": False,
    "deepCloneable": False,
    "deprecatedAndHidden": False,
    "feedEnabled": False,
    "hasSubtypes": False,
    "isInterface": False,
    "isSubtype": False,
    "mergeable": False,
    "mruEnabled": False,
}
UNUSED_DESCRIPTION_KEYS: Json = {
    "actionOverrides": [],
    "defaultImplementation": None,
    "extendedBy": None,
    "extendsInterfaces": None,
    "implementedBy": None,
    "implementsInterfaces": None,
    "listviewable": None,
    "lookupLayoutable": None,
    "namedLayoutInfos": [],
    "networkScopeFieldName": None,
    "sobjectDescribeOption": "FULL",
}
UNUSED_FIELD_KEYS: Json = {
    "aiPredictionField": False,
    "calculatedFormula": None,
    "cascadeDelete": False,
    "compoundFieldName": None,
    "controllerName": None,
    "defaultValueFormula": None,
    "dependentPicklist": False,
    "deprecatedAndHidden": False,
    "displayLocationInDecimal": False,
    "encrypted": False,
    "extraTypeInfo": None,
    "filteredLookupInfo": None,
    "formulaTreatNullNumberAsZero": False,
    "highScaleNumber": False,
    "htmlFormatted": False,
    "inlineHelpText": None,
    "mask": None,
    "maskType": None,
    "queryByDistance": False,
    "referenceTargetField": None,
    "relationshipOrder": None,
    "restrictedDelete": False,
    "searchPrefilterable": False,
    "writeRequiresMasterRead": False,
}


def summary(sobject: SObject, base_path: str) -> Json:
    """Return the description of an object in the list of all objects."""
    base = f"{base_path}/sobjects/{sobject.name}"
    is_writable = not sobject.is_read_only
    urls = {"rowTemplate": f"{base}/{{ID}}", "describe": f"{base}/describe"}
    if is_writable:
        urls |= {
            "layouts": f"{base}/describe/layouts",
            "compactLayouts": f"{base}/describe/compactLayouts",
        }
    return _sorted(
        UNUSED_SUMMARY_KEYS
        | {
            "createable": is_writable,
            "custom": sobject.is_custom,
            "deletable": is_writable,
            "keyPrefix": sobject.key_prefix,
            "label": sobject.label,
            "labelPlural": sobject.label_plural,
            "layoutable": is_writable,
            "name": sobject.name,
            "queryable": True,
            "replicateable": is_writable,
            "retrieveable": True,
            "searchable": True,
            "triggerable": is_writable,
            "undeletable": is_writable,
            "updateable": is_writable,
            "urls": urls | {"sobject": base},
        }
    )


def description(
    sobject: SObject, schema: Schema, *, base_path: str, host_url: str
) -> Json:
    """Return the full description of an object."""
    body = summary(sobject, base_path)
    record_page = f"{host_url}/{{ID}}"
    body["urls"] |= {"uiDetailTemplate": record_page, "uiEditTemplate": record_page}
    return _sorted(
        body
        | UNUSED_DESCRIPTION_KEYS
        | {
            "childRelationships": _child_relationships(sobject, schema),
            "compactLayoutable": not sobject.is_read_only,
            "fields": [_field(field) for field in sobject.fields],
            "recordTypeInfos": [
                {
                    "active": True,
                    "available": True,
                    "defaultRecordTypeMapping": True,
                    "developerName": "Master",
                    "master": True,
                    "name": "Master",
                    "recordTypeId": MASTER_RECORD_TYPE,
                    "urls": {
                        "layout": f"{body['urls']['sobject']}/describe/layouts/"
                        f"{MASTER_RECORD_TYPE}"
                    },
                }
            ],
            "searchLayoutable": not sobject.is_read_only,
            "supportedScopes": [{"label": "All", "name": "everything"}],
        }
    )


def _child_relationships(sobject: SObject, schema: Schema) -> list[Json]:
    """Return a relationship for each field that refers to the object."""
    return [
        {
            "cascadeDelete": False,
            "childSObject": child.name,
            "deprecatedAndHidden": False,
            "field": field.name,
            "junctionIdListNames": [],
            "junctionReferenceTo": [],
            "relationshipName": _child_relationship_name(child, field),
            "restrictedDelete": False,
        }
        for child in schema
        if not child.is_tooling
        for field in child.fields
        if field.reference_to.lower() == sobject.name.lower()
    ]


def _child_relationship_name(child: SObject, field: Field) -> str | None:
    """Return the name; fields of every object, such as OwnerId, have none."""
    plural = "".join(filter(str.isalnum, child.label_plural))
    if field.is_custom:
        others = [
            other.name
            for other in child.fields
            if other.is_custom and other.reference_to == field.reference_to
        ]
        number = others.index(field.name)
        return f"{plural}{number or ''}__r"
    return None if field.reference_to == "User" else plural


def _field(field: Field) -> Json:
    """Return the description of a field."""
    length = field.length if field.is_text else 0
    is_owner = field.name == "OwnerId"
    return _sorted(
        UNUSED_FIELD_KEYS
        | {
            "aggregatable": True,
            "autoNumber": field.auto_number,
            "byteLength": length * (1 if field.type == "id" else BYTES_PER_CHARACTER),
            "calculated": field.calculated,
            "caseSensitive": field.case_sensitive,
            "createable": field.createable,
            "custom": field.is_custom,
            "defaultValue": field.default if field.type == "boolean" else None,
            "defaultedOnCreate": not field.createable or field.default is not None,
            "digits": INTEGER_DIGITS if field.type in INTEGER_TYPES else 0,
            "externalId": field.external_id,
            "filterable": True,
            "groupable": not field.is_decimal,
            "idLookup": field.is_id_lookup,
            "label": field.label,
            "length": length,
            "name": field.name,
            "nameField": field.name_field,
            "namePointing": is_owner,
            "nillable": field.is_nillable,
            "permissionable": field.is_custom and not field.required,
            "picklistValues": [
                {
                    "active": True,
                    "defaultValue": value == field.default,
                    "label": value,
                    "validFor": None,
                    "value": value,
                }
                for value in field.values
            ],
            "polymorphicForeignKey": is_owner,
            "precision": field.precision if field.is_decimal else 0,
            "referenceTo": field.references,
            "relationshipName": field.relationship or None,
            "restrictedPicklist": field.restricted,
            "scale": field.scale,
            "soapType": SOAP_TYPES.get(field.type, "xsd:string"),
            "sortable": True,
            "type": field.type,
            "unique": field.unique,
            "updateable": field.updateable,
        }
    )


def _sorted(body: Json) -> Json:
    return dict(sorted(body.items()))
