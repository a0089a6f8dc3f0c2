"""References to parents, by key and by id, in ingest jobs and in collections."""

from typing import Any

import pytest

from tests.emulators.salesforce.objects import schema_file
from tests.emulators.salesforce.tests.api import Api

USER = "nightshift@example.com"
PATH = "/composite/sobjects/Order__c/ext_id__c"
CROSS_REFERENCE = "INVALID_CROSS_REFERENCE_KEY:invalid cross reference id:--"
DELETED = "ENTITY_IS_DELETED:entity is deleted:--"
AMBIGUOUS = "DUPLICATE_EXTERNAL_ID:Loose: more than one record found for external id"


def _add_account(api: Api, number: str, **values: str) -> str:
    body = {"Name": "Acme", "number__c": number, **values}
    return api.post("/sobjects/Account", json=body).json()["id"]


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("Owner.Email", USER),
        ("owner.email", USER.upper()),
        ("Owner.Username", USER),
        ("User:Owner.Email", USER),
        ("user:Owner.Username", USER),
        ("Owner.Id", "{user}"),
        ("Account__r.number__c", "a-1"),
        ("Account:Account__r.number__c", "A-1"),
        ("Account__r.Id", "{account}"),
    ],
)
def test_column_names_a_parent_by_a_lookup_field(
    api: Api, *, column: str, value: str
) -> None:
    account = _add_account(api, "A-1")
    value = value.format(user=api.org.user_id, account=account[:15])
    assert api.load(f"ext_id__c,{column}\na,{value}\n").errors == []
    (record,) = api.query("SELECT Account__c, OwnerId FROM Order__c")["records"]
    assert record["OwnerId"] == api.org.user_id
    assert record["Account__c"] == (account if "Account" in column else None)


UNKNOWN = [
    "Owner.Name",
    "Owner.Nothing",
    "Owner.",
    ".Email",
    "Nobody.Email",
    "Account:Owner.Email",
    "Group:Owner.Email",
    "User:OwnerId",
    "Account__r.Name",
    "Account__r.Owner.Email",
    "Account__r.Owner.number__c",
    "Account__c.number__c",
]


def test_other_relations_are_unknown_columns(api: Api) -> None:
    for column in UNKNOWN:
        job = api.load(f"ext_id__c,{column}\na,x\n").job
        message = f"InvalidBatch : Field name not found : {column}"
        assert (job["state"], job["errorMessage"]) == ("Failed", message)


def test_relations_of_a_json_record(api: Api) -> None:
    account = _add_account(api, "A-1")
    user = {"attributes": {"type": "User"}, "Email": USER}
    rows: list[tuple[dict[str, Any], str]] = [
        ({"Account__r": {"number__c": "a-1"}}, ""),
        ({"Owner": user}, ""),
        ({"Owner": {"Username": USER}}, ""),
        ({"Account__r": {"Id": account}}, ""),
        ({"Account__r": {"number__c": "A-2"}}, "INVALID_FIELD"),
        ({"Owner": user | {"attributes": {"type": "Account"}}}, "INVALID_FIELD"),
        ({"Account__r": {"Owner": {"Email": USER}}}, "INVALID_FIELD"),
        ({"Account__r": {"number__c": {"x": 1}}}, "INVALID_TYPE_ON_FIELD_IN_RECORD"),
        ({"Account__r": {"number__c": "a-1", "Name": "x"}}, "INVALID_FIELD"),
        ({"Account__r": {}}, "INVALID_FIELD"),
        ({"Nobody": {"number__c": "a-1"}}, "INVALID_FIELD"),
    ]
    records = [
        {"attributes": {"type": "Order__c"}, "ext_id__c": f"k{number}", **values}
        for number, (values, _) in enumerate(rows)
    ]
    results = api.patch(PATH, json={"records": records}).json()
    codes = [
        result["errors"][0]["statusCode"] if result["errors"] else ""
        for result in results
    ]
    assert codes == [code for _, code in rows]


def test_references_to_missing_deleted_and_wrong_records_are_rejected(api: Api) -> None:
    account, deleted = _add_account(api, "A-1"), _add_account(api, "A-2")
    api.delete(f"/sobjects/Account/{deleted}")
    wrong_type = "FIELD_INTEGRITY_EXCEPTION:Account: id value of incorrect type: "
    rows = [
        (account, ""),
        (account[:15], ""),
        ("0015f0000000zzz", CROSS_REFERENCE),
        (deleted, DELETED),
        (api.org.user_id, f"{wrong_type}{api.org.user_id}:Account__c --"),
        ("#N/A", ""),
        ("", ""),
    ]
    lines = "".join(f"k{number},{value}\n" for number, (value, _) in enumerate(rows))
    result = api.load(f"ext_id__c,Account__c\n{lines}")
    assert result.errors == [error for _, error in rows if error]
    assert len(result.accepted) == 4
    owner = {"attributes": {"type": "Order__c"}, "ext_id__c": "o"}
    records = [owner | {"OwnerId": "0055f0000000zzz"}]
    (rejected,) = api.patch(PATH, json={"records": records}).json()
    assert rejected["errors"][0]["statusCode"] == "INVALID_CROSS_REFERENCE_KEY"
    body = {"Account__c": "0015f0000000zzz"}
    response = api.patch("/sobjects/Order__c/ext_id__c/k0", json=body)
    assert response.json()[0]["errorCode"] == "INVALID_CROSS_REFERENCE_KEY"


def test_key_of_several_parents_is_rejected(api: Api) -> None:
    api.org.add_object(
        api.org.schema.add_field(
            "Account", schema_file.parse_field({"name": "Loose", "external_id": True})
        )
    )
    for number in ("1", "2"):
        _add_account(api, number, Loose="x")
    (error,) = api.load("ext_id__c,Account__r.Loose\na,X\n").errors
    assert error.startswith(AMBIGUOUS)
