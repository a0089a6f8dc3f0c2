"""What the org says of itself: versions, resources, limits, objects and fields."""

from typing import Any

from werkzeug.wrappers import Response

from tests.emulators.salesforce.api_call import Call, Rule, as_json
from tests.emulators.salesforce.objects.schema import DECIMAL, WHOLE, Field, SObject

OLDEST, NEWEST = 31, 66
SEASONS = ("Winter", "Spring", "Summer")
WINTER_25 = 62
SOAP = {
    "id": "tns:ID",
    "reference": "tns:ID",
    "boolean": "xsd:boolean",
    "int": "xsd:int",
    "long": "xsd:long",
    "date": "xsd:date",
    "datetime": "xsd:dateTime",
    "time": "xsd:time",
} | dict.fromkeys(DECIMAL, "xsd:double")
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
INT_DIGITS = 9
BYTES_PER_CHARACTER = 3


def versions(call: Call) -> Response:
    """GET /services/data: the versions served, for anybody."""
    return as_json(
        [
            {
                "label": _season(number),
                "url": f"/services/data/v{number}.0",
                "version": f"{number}.0",
            }
            for number in range(OLDEST, NEWEST + 1)
        ]
    )


def _season(version: int) -> str:
    since = version - WINTER_25
    season = SEASONS[since % len(SEASONS)]
    year = 25 + since // len(SEASONS)
    return f"{season} '{year:02d}"


def resources(call: Call) -> Response:
    """GET /services/data/vXX.X: the addresses of this version."""
    told = {name: f"{call.base}/{name}" for name in RESOURCES}
    told["identity"] = f"{call.host_url}/id/{call.org.id}/{call.org.user_id}"
    return as_json(told)


def limits(call: Call) -> Response:
    """GET /limits."""
    return as_json(call.org.limits.as_json())


def record_counts(call: Call) -> Response:
    """GET /limits/recordCount, of all objects or of `sObjects=a,b`."""
    asked = call.request.args.get("sObjects", "").lower().split(",")
    return as_json(
        {
            "sObjects": [
                {"count": call.org.store.count(item), "name": item.name}
                for item in call.org.schema
                if not item.is_read_only
                and (asked == [""] or item.name.lower() in asked)
            ]
        }
    )


def sobjects(call: Call) -> Response:
    """GET /sobjects: all objects, without their fields."""
    return as_json(
        {
            "encoding": "UTF-8",
            "maxBatchSize": 200,
            "sobjects": [
                head(call, item) for item in call.org.schema if not item.is_tooling
            ],
        }
    )


def describe(call: Call, name: str) -> Response:
    """GET /sobjects/X/describe."""
    item = call.sobject(name)
    return as_json(
        {
            "actionOverrides": [],
            "childRelationships": [],
            "compactLayoutable": True,
            **head(call, item),
            "fields": [field(one) for one in item.fields],
            "recordTypeInfos": [],
            "supportedScopes": [{"label": "All", "name": "everything"}],
        }
    )


def head(call: Call, item: SObject) -> dict[str, Any]:
    """Return what is said of an object as a whole."""
    base = f"{call.base}/sobjects/{item.name}"
    may = not item.is_read_only
    return {
        "activateable": False,
        "createable": may,
        "custom": item.is_custom,
        "customSetting": False,
        "deletable": may,
        "deprecatedAndHidden": False,
        "feedEnabled": False,
        "keyPrefix": item.key_prefix,
        "label": item.label,
        "labelPlural": item.label_plural,
        "layoutable": may,
        "mergeable": False,
        "mruEnabled": False,
        "name": item.name,
        "queryable": True,
        "replicateable": may,
        "retrieveable": True,
        "searchable": True,
        "triggerable": may,
        "undeletable": may,
        "updateable": may,
        "urls": {
            "rowTemplate": f"{base}/{{ID}}",
            "describe": f"{base}/describe",
            "sobject": base,
        },
    }


def field(one: Field) -> dict[str, Any]:
    """Return what is said of a field."""
    length = one.length if one.is_text else 0
    return {
        "aggregatable": True,
        "autoNumber": one.auto_number,
        "byteLength": length * BYTES_PER_CHARACTER if one.type != "id" else length,
        "calculated": one.calculated,
        "calculatedFormula": None,
        "caseSensitive": one.case_sensitive,
        "createable": one.createable,
        "custom": one.name.endswith("__c"),
        "defaultValue": one.default if one.type == "boolean" else None,
        "defaultedOnCreate": not one.createable or one.default is not None,
        "dependentPicklist": False,
        "deprecatedAndHidden": False,
        "digits": INT_DIGITS if one.type in WHOLE else 0,
        "externalId": one.external_id,
        "filterable": True,
        "groupable": not one.is_decimal,
        "htmlFormatted": False,
        "idLookup": one.external_id or one.type == "id",
        "inlineHelpText": None,
        "label": one.label,
        "length": length,
        "name": one.name,
        "nameField": one.name_field,
        "namePointing": False,
        "nillable": one.is_nillable,
        "permissionable": one.name.endswith("__c") and not one.required,
        "picklistValues": [
            {
                "active": True,
                "defaultValue": value == one.default,
                "label": value,
                "validFor": None,
                "value": value,
            }
            for value in one.values
        ],
        "polymorphicForeignKey": False,
        "precision": one.precision if one.is_decimal else 0,
        "referenceTo": [one.reference_to] if one.reference_to else [],
        "relationshipName": one.relationship or None,
        "restrictedPicklist": one.restricted,
        "scale": one.scale,
        "soapType": SOAP.get(one.type, "xsd:string"),
        "sortable": True,
        "type": one.type,
        "unique": one.unique,
        "updateable": one.updateable,
    }


RULES: list[Rule] = [
    ("GET", "", resources),
    ("GET", "/limits", limits),
    ("GET", "/limits/recordCount", record_counts),
    ("GET", "/sobjects", sobjects),
    ("GET", "/sobjects/<name>/describe", describe),
]
