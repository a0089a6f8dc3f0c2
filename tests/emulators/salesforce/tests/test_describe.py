"""Metadata endpoints: versions, resources, objects, fields and limits."""

import pytest
import requests

from tests.emulators.salesforce.serve import RunningEmulator
from tests.emulators.salesforce.tests.api import Api


def test_versions_need_no_session(emulator: RunningEmulator) -> None:
    url = f"{emulator.http_url}/services/data/"
    versions = requests.get(url, timeout=30).json()
    assert {
        "label": "Spring '24",
        "url": "/services/data/v60.0",
        "version": "60.0",
    } in versions


def test_resources_have_the_urls_of_the_version(api: Api) -> None:
    urls = api.get("/").json()
    for name in ("sobjects", "query", "queryAll", "limits", "jobs", "composite"):
        assert urls[name] == f"/services/data/v60.0/{name}"


@pytest.mark.parametrize(
    ("version", "status", "code"),
    [
        ("v20.0", 410, "UNSUPPORTED_API_VERSION"),
        ("v30.0", 410, "UNSUPPORTED_API_VERSION"),
        ("v99.0", 404, "NOT_FOUND"),
    ],
)
def test_unsupported_version_is_rejected(
    api: Api, *, version: str, status: int, code: str
) -> None:
    url = f"{api.emulator.https_url}/services/data/{version}/limits"
    response = api.session.get(url, timeout=30)
    assert (response.status_code, response.json()[0]["errorCode"]) == (status, code)


def test_unknown_url_is_404_and_wrong_method_is_405(api: Api) -> None:
    response = api.get("/nowhere")
    assert response.status_code == 404
    assert response.headers["Content-Type"] == "application/json;charset=UTF-8"
    assert response.json() == [
        {
            "errorCode": "NOT_FOUND",
            "message": "The requested resource does not exist",
        }
    ]
    assert api.call("PUT", "/limits").status_code == 405
    assert api.get("/sobjects/Nothing__c/describe").status_code == 404


def test_sobjects_lists_all_objects(api: Api) -> None:
    body = api.get("/sobjects").json()
    objects = {item["name"]: item for item in body["sobjects"]}
    assert {"Account", "Order__c", "User", "Organization"} <= set(objects)
    assert objects["Order__c"]["keyPrefix"] == "a07"
    assert objects["Order__c"]["custom"] is True
    assert objects["Account"]["keyPrefix"] == "001"
    assert objects["User"]["createable"] is False


def test_describe_returns_field_attributes(api: Api) -> None:
    order = api.get("/sobjects/order__C/describe/").json()
    assert (order["name"], order["createable"], order["updateable"]) == (
        "Order__c",
        True,
        True,
    )
    fields = {field["name"]: field for field in order["fields"]}
    key = fields["ext_id__c"]
    assert (key["externalId"], key["unique"], key["idLookup"]) == (True, True, True)
    assert (key["type"], key["length"], key["caseSensitive"]) == ("string", 18, False)
    assert fields["cased_id__c"]["caseSensitive"] is True
    amount = fields["amount__c"]
    assert (amount["type"], amount["precision"], amount["scale"]) == ("currency", 18, 2)
    assert amount["soapType"] == "xsd:double"
    tier = fields["tier__c"]
    assert tier["restrictedPicklist"] is True
    assert [item["value"] for item in tier["picklistValues"]] == ["Gold", "Silver"]
    assert all(item["active"] for item in tier["picklistValues"])
    is_open = fields["is_open__c"]
    assert (is_open["nillable"], is_open["defaultedOnCreate"]) == (False, True)
    total = fields["total__c"]
    assert (total["calculated"], total["createable"]) == (True, False)
    assert fields["Account__c"]["referenceTo"] == ["Account"]
    assert fields["Account__c"]["relationshipName"] == "Account__r"
    assert fields["Name"]["autoNumber"] is True
    strict = api.get("/sobjects/Strict__c/describe").json()
    must = next(f for f in strict["fields"] if f["name"] == "must__c")
    assert (must["nillable"], must["defaultedOnCreate"]) == (False, False)


OBJECT_KEYS = """
    actionOverrides activateable associateEntityType associateParentEntity
    childRelationships compactLayoutable createable custom customSetting deepCloneable
    defaultImplementation deletable deprecatedAndHidden extendedBy extendsInterfaces
    feedEnabled fields hasSubtypes implementedBy implementsInterfaces isInterface
    isSubtype keyPrefix label labelPlural layoutable listviewable lookupLayoutable
    mergeable mruEnabled name namedLayoutInfos networkScopeFieldName queryable
    recordTypeInfos replicateable retrieveable searchLayoutable searchable
    sobjectDescribeOption supportedScopes triggerable undeletable updateable urls
"""
FIELD_KEYS = """
    aggregatable aiPredictionField autoNumber byteLength calculated calculatedFormula
    cascadeDelete caseSensitive compoundFieldName controllerName createable custom
    defaultValue defaultValueFormula defaultedOnCreate dependentPicklist
    deprecatedAndHidden digits displayLocationInDecimal encrypted externalId
    extraTypeInfo filterable filteredLookupInfo formulaTreatNullNumberAsZero groupable
    highScaleNumber htmlFormatted idLookup inlineHelpText label length mask maskType
    name nameField namePointing nillable permissionable picklistValues
    polymorphicForeignKey precision queryByDistance referenceTargetField referenceTo
    relationshipName relationshipOrder restrictedDelete restrictedPicklist scale
    searchPrefilterable soapType sortable type unique updateable writeRequiresMasterRead
"""


def test_describe_has_every_key_of_the_real_one(api: Api) -> None:
    for name in ("Account", "Order__c", "User"):
        body = api.get(f"/sobjects/{name}/describe").json()
        assert list(body) == OBJECT_KEYS.split()
        assert all(list(field) == FIELD_KEYS.split() for field in body["fields"])


def test_describe_lists_child_relationships(api: Api) -> None:
    children = {
        (child["childSObject"], child["field"]): child["relationshipName"]
        for child in api.get("/sobjects/Account/describe").json()["childRelationships"]
    }
    assert children == {("Order__c", "Account__c"): "Orders__r"}
    users = api.get("/sobjects/User/describe").json()["childRelationships"]
    assert {(child["childSObject"], child["field"]) for child in users} >= {
        ("Account", "OwnerId"),
        ("Order__c", "CreatedById"),
        ("Order__c", "LastModifiedById"),
    }


def test_layouts_show_all_fields(api: Api) -> None:
    (layout,) = api.get("/sobjects/Order__c/describe/layouts").json()["layouts"]
    (section,) = layout["detailLayoutSections"]
    names = {
        item["layoutComponents"][0]["value"]
        for row in section["layoutRows"]
        for item in row["layoutItems"]
    }
    assert {"ext_id__c", "Account__c", "Name"} <= names
    url = "/sobjects/Order__c/describe/layouts/012000000000000AAA"
    assert api.get(url).json() == layout
    assert api.get(f"{url[:-3]}BBB").status_code == 404
    compact = api.get("/sobjects/Order__c/describe/compactLayouts").json()
    assert compact["compactLayouts"][0]["fieldItems"][0]["label"] == "Name"


@pytest.mark.parametrize(
    ("uri_bytes", "header_bytes", "status"),
    [(16_000, 0, 404), (16_385, 0, 414), (100, 16_384, 431), (9_000, 9_000, 431)],
)
def test_long_uris_and_headers_are_rejected(
    api: Api, *, uri_bytes: int, header_bytes: int, status: int
) -> None:
    path = "/nowhere?q="
    path += "x" * (uri_bytes - len(f"/services/data/v60.0{path}"))
    headers = {"X-Long": "x" * header_bytes, "User-Agent": "t", "Accept": "*/*"}
    assert api.get(path, headers=headers).status_code == status


def test_limits_decrease_and_the_header_reports_usage(api: Api) -> None:
    before = api.get("/limits").json()
    first = api.get("/sobjects").headers["Sforce-Limit-Info"]
    second = api.get("/nowhere").headers["Sforce-Limit-Info"]
    assert (first, second) == ("api-usage=2/15000", "api-usage=3/15000")
    api.load("ext_id__c\n" + "".join(f"{n}\n" for n in range(10_001)))
    after = api.get("/limits").json()
    spent = {
        name: before[name]["Remaining"] - after[name]["Remaining"]
        for name in ("DailyApiRequests", "DailyBulkApiBatches", "DailyBulkV2QueryJobs")
    }
    assert spent["DailyBulkApiBatches"] == 2
    assert spent["DailyApiRequests"] > 5
    assert spent["DailyBulkV2QueryJobs"] == 0
    assert set(after["DailyBulkApiBatches"]) == {"Max", "Remaining"}


def test_record_counts_are_returned_for_all_or_chosen_objects(api: Api) -> None:
    api.load("ext_id__c\na\nb\n")
    counts = api.get("/limits/recordCount?sObjects=Order__c").json()
    assert counts == {"sObjects": [{"count": 2, "name": "Order__c"}]}
    names = [item["name"] for item in api.get("/limits/recordCount").json()["sObjects"]]
    assert names == ["Account", "Order__c", "Strict__c"]


def test_exhausted_request_limit_is_403(api: Api) -> None:
    api.org.limits.set("DailyApiRequests", maximum=15000, remaining=1)
    assert api.get("/limits").status_code == 200
    response = api.get("/limits")
    assert response.status_code == 403
    assert response.json() == [
        {
            "message": "TotalRequests Limit exceeded.",
            "errorCode": "REQUEST_LIMIT_EXCEEDED",
        }
    ]
