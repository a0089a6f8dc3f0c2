"""sObject Collections: one result per record, in the order of the request."""

import gzip
import json
import zlib
from typing import Any

import pytest
import requests

from tests.emulators.salesforce.tests.api import Api

PATH = "/composite/sobjects/Order__c/ext_id__c"


def _record(key: str | None, **values: object) -> dict[str, Any]:
    return {"attributes": {"type": "Order__c"}, "ext_id__c": key, **values}


def _upsert(
    api: Api, *records: dict[str, Any], **properties: object
) -> requests.Response:
    return api.patch(PATH, json={"allOrNone": False, "records": records, **properties})


def test_upsert_reports_created_and_updated_records(api: Api) -> None:
    first = _upsert(api, _record("a", small__c=1, notes__c="x")).json()
    assert first == [
        {"id": first[0]["id"], "success": True, "errors": [], "created": True}
    ]
    response = _upsert(api, _record("b"), _record("A", small__c=2))
    assert response.status_code == 200
    assert [item["created"] for item in response.json()] == [True, False]
    assert response.json()[1]["id"] == first[0]["id"]
    record = "SELECT small__c, notes__c FROM Order__c WHERE ext_id__c = 'a'"
    assert api.query(record)["records"][0]["notes__c"] == "x"


def test_null_clears_a_field_and_an_absent_field_is_unchanged(api: Api) -> None:
    _upsert(api, _record("a", small__c=1, notes__c="x", is_open__c=True))
    _upsert(api, _record("a", small__c=None, is_open__c=None))
    select = "SELECT small__c, notes__c, is_open__c FROM Order__c"
    (record,) = api.query(select)["records"]
    assert list(record.values())[1:] == [None, "x", False]


def test_rejected_records_have_code_message_and_fields(api: Api) -> None:
    _upsert(api, _record("taken", code__c="F"))
    response = _upsert(
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
    assert [item["success"] for item in response] == [True] + [False] * 9
    assert [item["created"] for item in response] == [True] + [False] * 9
    assert all("id" not in item for item in response[1:])
    errors = [
        (error["statusCode"], error["message"], error["fields"])
        for item in response[1:]
        for error in item["errors"]
    ]
    assert errors[:8] == [
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
        errors[7],
    ]
    assert errors[7][1].startswith("duplicate value found: code__c duplicates value on")
    assert errors[8][0] == "INVALID_TYPE_ON_FIELD_IN_RECORD"


def test_all_or_none_rolls_back_valid_records(api: Api) -> None:
    response = _upsert(api, _record("a"), _record("b", small__c="x"), allOrNone=True)
    codes = [item["errors"][0]["statusCode"] for item in response.json()]
    assert codes == [
        "ALL_OR_NONE_OPERATION_ROLLED_BACK",
        "INVALID_TYPE_ON_FIELD_IN_RECORD",
    ]
    assert api.query("SELECT COUNT() FROM Order__c")["totalSize"] == 0


def test_zero_and_more_than_200_records_are_rejected(api: Api) -> None:
    response = _upsert(api)
    assert response.status_code == 400
    assert response.json() == [
        {
            "message": "At least 1 record is required",
            "errorCode": "REQUIRED_FIELD_MISSING",
            "fields": ["records"],
        }
    ]
    response = _upsert(api, *(_record(str(number)) for number in range(201)))
    assert (response.status_code, response.json()) == (
        400,
        [
            {
                "message": "record limit reached. cannot submit more than 200 records "
                "into this call",
                "errorCode": "EXCEEDED_ID_LIMIT",
            }
        ],
    )


@pytest.mark.parametrize(
    "records",
    [[1], ["x"], [None], [[]], [{}], [{"attributes": "Order__c"}]],
)
def test_records_that_are_no_records_are_rejected(api: Api, records: list) -> None:
    for method, path in (
        ("PATCH", PATH),
        ("PATCH", "/composite/sobjects"),
        ("POST", "/composite/sobjects"),
    ):
        response = api.call(method, path, json={"records": records})
        assert (response.status_code, response.json()[0]["errorCode"]) == (
            400,
            "INVALID_TYPE",
        )


@pytest.mark.parametrize("body", [1, "x", [], {"ids": 1}, {"ids": ["x"], "fields": 5}])
def test_read_needs_lists(api: Api, body: object) -> None:
    response = api.post("/composite/sobjects/Order__c", json=body)
    assert (response.status_code, response.json()[0]["errorCode"]) == (
        400,
        "JSON_PARSER_ERROR",
    )


def test_text_that_is_no_unicode_is_no_json(api: Api) -> None:
    response = _upsert(api, _record("a", notes__c="\ud800"))
    assert (response.status_code, response.json()[0]["errorCode"]) == (
        400,
        "JSON_PARSER_ERROR",
    )
    assert _upsert(api, _record("a", notes__c="\N{ROCKET}")).json()[0]["success"]


def test_at_most_ten_chunks_of_one_object(api: Api) -> None:
    account = {"attributes": {"type": "Account"}, "Name": "Acme"}
    for chunks, status in ((10, 200), (11, 400)):
        records = [_record(f"k{n}") if n % 2 else account for n in range(chunks)]
        response = api.post("/composite/sobjects", json={"records": records})
        assert response.status_code == status
    assert response.json()[0]["message"] == (
        "Cannot have more than 10 chunks in a single operation. Please rearrange the "
        "data to reduce chunking."
    )
    assert api.query("SELECT COUNT() FROM Account")["totalSize"] == 5


def test_bodies_may_be_compressed(api: Api) -> None:
    body = json.dumps({"records": [_record("a", notes__c="é")]}).encode()
    for encoding, compress in (("gzip", gzip.compress), ("deflate", zlib.compress)):
        headers = {"Content-Type": "application/json", "Content-Encoding": encoding}
        response = api.patch(PATH, data=compress(body), headers=headers)
        assert response.json()[0]["success"] is True
        response = api.patch(PATH, data=body, headers=headers)
        assert (response.status_code, response.json()[0]["errorCode"]) == (
            400,
            "JSON_PARSER_ERROR",
        )
    assert api.query_column("SELECT notes__c FROM Order__c") == ["é"]


def test_nan_is_no_json(api: Api) -> None:
    body = '{"records": [{"attributes": {"type": "Order__c"}, "small__c": NaN}]}'
    response = api.patch(PATH, data=body)
    assert (response.status_code, response.json()[0]["errorCode"]) == (
        400,
        "JSON_PARSER_ERROR",
    )


def test_field_that_is_no_external_id_is_404(api: Api) -> None:
    path = "/composite/sobjects/Order__c/small__c"
    response = api.patch(path, json={"records": [_record("a")]})
    assert (response.status_code, response.json()[0]["errorCode"]) == (404, "NOT_FOUND")


def test_create_update_read_and_delete_collections(api: Api) -> None:
    created = api.post(
        "/composite/sobjects",
        json={
            "records": [
                {"attributes": {"type": "Account"}, "Name": "Acme"},
                {"attributes": {"type": "Order__c"}, "ext_id__c": "a"},
                {"attributes": {"type": "Order__c"}, "ext_id__c": "b"},
            ]
        },
    ).json()
    assert [item["success"] for item in created] == [True] * 3
    assert all("created" not in item for item in created)
    account, *orders = (item["id"] for item in created)
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
    deleted = api.delete(f"/composite/sobjects?ids={account},{orders[0]},x").json()
    assert [item["success"] for item in deleted] == [True, True, False]
    assert api.query_column("SELECT Id FROM Order__c") == orders[1:]
    ids = {"ids": [*orders, "x"], "fields": ["Id"]}
    read = api.post("/composite/sobjects/Order__c", json=ids).json()
    assert [item and item["Id"] for item in read] == [None, orders[1], None]
