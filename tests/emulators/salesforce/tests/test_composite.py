"""Collections: an answer for each record, in the order of the request."""

from typing import Any

import requests

from tests.emulators.salesforce.tests.api import Api

PATH = "/composite/sobjects/Order__c/ext_id__c"


def _record(key: str | None, **values: object) -> dict[str, Any]:
    return {"attributes": {"type": "Order__c"}, "ext_id__c": key, **values}


def _send(api: Api, *records: dict[str, Any], **told: object) -> requests.Response:
    return api.patch(PATH, json={"allOrNone": False, "records": records, **told})


def test_created_and_updated_are_told_apart(api: Api) -> None:
    first = _send(api, _record("a", small__c=1, notes__c="x")).json()
    assert first == [
        {"id": first[0]["id"], "success": True, "errors": [], "created": True}
    ]
    reply = _send(api, _record("b"), _record("A", small__c=2))
    assert reply.status_code == 200
    assert [item["created"] for item in reply.json()] == [True, False]
    assert reply.json()[1]["id"] == first[0]["id"]
    record = "SELECT small__c, notes__c FROM Order__c WHERE ext_id__c = 'a'"
    assert api.query(record)["records"][0]["notes__c"] == "x"


def test_null_empties_and_what_is_absent_stays(api: Api) -> None:
    _send(api, _record("a", small__c=1, notes__c="x", is_open__c=True))
    _send(api, _record("a", small__c=None, is_open__c=None))
    select = "SELECT small__c, notes__c, is_open__c FROM Order__c"
    (record,) = api.query(select)["records"]
    assert list(record.values())[1:] == [None, "x", False]


def test_each_refusal_has_code_message_and_fields(api: Api) -> None:
    _send(api, _record("taken", code__c="F"))
    reply = _send(
        api,
        _record("ok"),
        _record("a", small__c="many"),
        _record("b", notes__c="01234567890"),
        _record("c", nope__c=1),
        _record(None),
        _record("d"),
        _record("D"),
        _record("e", notes__c=5),
        _record("f", code__c="f"),
        _record("g", items__c=2.5),
    ).json()
    assert [item["success"] for item in reply] == [True] + [False] * 9
    assert all("id" not in item for item in reply[1:])
    told = [
        (error["statusCode"], error["message"], error["fields"])
        for item in reply[1:]
        for error in item["errors"]
    ]
    assert told[:8] == [
        (
            "INVALID_TYPE_ON_FIELD_IN_RECORD",
            "Small: value not of required type: many",
            ["small__c"],
        ),
        (
            "STRING_TOO_LONG",
            "Notes: data value too large: 01234567890 (max length=10)",
            ["notes__c"],
        ),
        ("INVALID_FIELD", "No such column 'nope__c' on sobject of type Order__c", []),
        ("MISSING_ARGUMENT", "ext_id__c not specified", []),
        ("DUPLICATE_VALUE", "Duplicate external id specified: d", ["ext_id__c"]),
        ("DUPLICATE_VALUE", "Duplicate external id specified: D", ["ext_id__c"]),
        (
            "INVALID_TYPE_ON_FIELD_IN_RECORD",
            "Notes: value not of required type: 5",
            ["notes__c"],
        ),
        told[7],
    ]
    assert told[7][1].startswith("duplicate value found: code__c duplicates value on")
    assert told[8][0] == "INVALID_TYPE_ON_FIELD_IN_RECORD"


def test_all_or_none_rolls_the_others_back(api: Api) -> None:
    reply = _send(api, _record("a"), _record("b", small__c="x"), allOrNone=True)
    codes = [item["errors"][0]["statusCode"] for item in reply.json()]
    assert codes == [
        "ALL_OR_NONE_OPERATION_ROLLED_BACK",
        "INVALID_TYPE_ON_FIELD_IN_RECORD",
    ]
    assert api.query("SELECT COUNT() FROM Order__c")["totalSize"] == 0


def test_none_and_too_many_are_refused(api: Api) -> None:
    reply = _send(api)
    assert reply.status_code == 400
    assert reply.json() == [
        {
            "message": "At least 1 record is required",
            "errorCode": "REQUIRED_FIELD_MISSING",
            "fields": ["records"],
        }
    ]
    reply = _send(api, *(_record(str(number)) for number in range(201)))
    assert (reply.status_code, reply.json()[0]["errorCode"]) == (
        400,
        "EXCEEDED_ID_LIMIT",
    )


def test_a_wrong_key_field_is_404(api: Api) -> None:
    path = "/composite/sobjects/Order__c/small__c"
    reply = api.patch(path, json={"records": [_record("a")]})
    assert (reply.status_code, reply.json()[0]["errorCode"]) == (404, "NOT_FOUND")


def test_create_update_read_and_delete_many(api: Api) -> None:
    told = api.post(
        "/composite/sobjects",
        json={
            "records": [
                {"attributes": {"type": "Account"}, "Name": "Acme"},
                {"attributes": {"type": "Order__c"}, "ext_id__c": "a"},
                {"attributes": {"type": "Order__c"}, "ext_id__c": "b"},
            ]
        },
    ).json()
    assert [item["success"] for item in told] == [True] * 3
    assert all("created" not in item for item in told)
    account, *orders = (item["id"] for item in told)
    changes = [
        {"attributes": {"type": "Order__c"}, "id": order, "Account__c": account}
        for order in orders
    ]
    changed = api.patch("/composite/sobjects", json={"records": changes}).json()
    assert [item["id"] for item in changed] == orders
    read = api.post(
        "/composite/sobjects/Order__c",
        json={"ids": [*orders, "a075f0000000zzz"], "fields": ["Account__c"]},
    ).json()
    assert [item and item["Account__c"] for item in read] == [account, account, None]
    gone = api.delete(f"/composite/sobjects?ids={account},{orders[0]},x").json()
    assert [item["success"] for item in gone] == [True, True, False]
    assert api.column("SELECT Id FROM Order__c") == orders[1:]
