"""REST endpoints of metadata: versions, resources, limits, objects and fields."""

from typing import Any

from werkzeug.wrappers import Response

from tests.emulators.salesforce.api_call import ApiCall, Rule, json_response
from tests.emulators.salesforce.objects.schema import (
    DECIMAL_TYPES,
    INTEGER_TYPES,
    Field,
    SObject,
)

OLDEST_VERSION, NEWEST_VERSION = 31, 66
SEASONS = ("Winter", "Spring", "Summer")
WINTER_25_VERSION = 62
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
RESOURCES = (
    "tooling",
    "metadata",
    "eclair",
    "folders",
    "jsonxform",
    "chatter",
    "search",
    "query",
    "sobjects",
    "limits",
    "jobs",
    "composite",
    "parameterizedSearch",
    "queryAll",
    "recent",
    "process",
    "actions",
    "support",
    "quickActions",
)
INTEGER_DIGITS = 9
BYTES_PER_CHARACTER = 3


def versions(call: ApiCall) -> Response:
    """GET /services/data: the supported versions; needs no session."""
    return json_response(
        [
            {
                "label": _release_label(number),
                "url": f"/services/data/v{number}.0",
                "version": f"{number}.0",
            }
            for number in range(OLDEST_VERSION, NEWEST_VERSION + 1)
        ]
    )


def _release_label(version: int) -> str:
    """Return the label of an API version, such as `Winter '25` for 62."""
    releases = version - WINTER_25_VERSION
    season = SEASONS[releases % len(SEASONS)]
    year = 25 + releases // len(SEASONS)
    return f"{season} '{year:02d}"


def resources(call: ApiCall) -> Response:
    """GET /services/data/vXX.X: the URLs of this version's resources."""
    urls = {name: f"{call.base_path}/{name}" for name in RESOURCES}
    urls["identity"] = f"{call.host_url}/id/{call.org.id}/{call.org.user_id}"
    return json_response(urls)


def limits(call: ApiCall) -> Response:
    """GET /limits."""
    return json_response(call.org.limits.as_json())


def record_counts(call: ApiCall) -> Response:
    """GET /limits/recordCount, for all objects or for `sObjects=a,b`."""
    names = call.request.args.get("sObjects", "").lower().split(",")
    return json_response(
        {
            "sObjects": [
                {"count": call.org.store.count_records(sobject), "name": sobject.name}
                for sobject in call.org.schema
                if not sobject.is_read_only
                and (names == [""] or sobject.name.lower() in names)
            ]
        }
    )


def sobjects(call: ApiCall) -> Response:
    """GET /sobjects: all objects, without their fields."""
    return json_response(
        {
            "encoding": "UTF-8",
            "maxBatchSize": 200,
            "sobjects": [
                sobject_summary(call, sobject)
                for sobject in call.org.schema
                if not sobject.is_tooling
            ],
        }
    )


def describe(call: ApiCall, name: str) -> Response:
    """GET /sobjects/X/describe."""
    sobject = call.sobject(name)
    return json_response(
        {
            "actionOverrides": [],
            "childRelationships": [],
            "compactLayoutable": True,
            **sobject_summary(call, sobject),
            "fields": [field_description(field) for field in sobject.fields],
            "recordTypeInfos": [],
            "supportedScopes": [{"label": "All", "name": "everything"}],
        }
    )


def sobject_summary(call: ApiCall, sobject: SObject) -> dict[str, Any]:
    """Return the description of an object without its fields."""
    base = f"{call.base_path}/sobjects/{sobject.name}"
    is_writable = not sobject.is_read_only
    return {
        "activateable": False,
        "createable": is_writable,
        "custom": sobject.is_custom,
        "customSetting": False,
        "deletable": is_writable,
        "deprecatedAndHidden": False,
        "feedEnabled": False,
        "keyPrefix": sobject.key_prefix,
        "label": sobject.label,
        "labelPlural": sobject.label_plural,
        "layoutable": is_writable,
        "mergeable": False,
        "mruEnabled": False,
        "name": sobject.name,
        "queryable": True,
        "replicateable": is_writable,
        "retrieveable": True,
        "searchable": True,
        "triggerable": is_writable,
        "undeletable": is_writable,
        "updateable": is_writable,
        "urls": {
            "rowTemplate": f"{base}/{{ID}}",
            "describe": f"{base}/describe",
            "sobject": base,
        },
    }


def field_description(field: Field) -> dict[str, Any]:
    """Return the description of a field."""
    length = field.length if field.is_text else 0
    return {
        "aggregatable": True,
        "autoNumber": field.auto_number,
        "byteLength": length * BYTES_PER_CHARACTER if field.type != "id" else length,
        "calculated": field.calculated,
        "calculatedFormula": None,
        "caseSensitive": field.case_sensitive,
        "createable": field.createable,
        "custom": field.name.endswith("__c"),
        "defaultValue": field.default if field.type == "boolean" else None,
        "defaultedOnCreate": not field.createable or field.default is not None,
        "dependentPicklist": False,
        "deprecatedAndHidden": False,
        "digits": INTEGER_DIGITS if field.type in INTEGER_TYPES else 0,
        "externalId": field.external_id,
        "filterable": True,
        "groupable": not field.is_decimal,
        "htmlFormatted": False,
        "idLookup": field.external_id or field.type == "id",
        "inlineHelpText": None,
        "label": field.label,
        "length": length,
        "name": field.name,
        "nameField": field.name_field,
        "namePointing": False,
        "nillable": field.is_nillable,
        "permissionable": field.name.endswith("__c") and not field.required,
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
        "polymorphicForeignKey": False,
        "precision": field.precision if field.is_decimal else 0,
        "referenceTo": [field.reference_to] if field.reference_to else [],
        "relationshipName": field.relationship or None,
        "restrictedPicklist": field.restricted,
        "scale": field.scale,
        "soapType": SOAP_TYPES.get(field.type, "xsd:string"),
        "sortable": True,
        "type": field.type,
        "unique": field.unique,
        "updateable": field.updateable,
    }


RULES: list[Rule] = [
    ("GET", "", resources),
    ("GET", "/limits", limits),
    ("GET", "/limits/recordCount", record_counts),
    ("GET", "/sobjects", sobjects),
    ("GET", "/sobjects/<name>/describe", describe),
]
