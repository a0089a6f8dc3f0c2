"""REST requests for single records, by id and by external id."""

import http.client

import pytest

from tests.emulators.salesforce.tests.api import Api

PATH = "/sobjects/Order__c"
KEY = f"{PATH}/ext_id__c"


def test_upsert_returns_201_for_a_new_record_and_200_for_an_update(api: Api) -> None:
    created = api.patch(f"{KEY}/a%2F%20b", json={"small__c": 1})
    assert created.status_code == 201
    record_id = created.json()["id"]
    assert created.json() == {
        "id": record_id,
        "success": True,
        "errors": [],
        "created": True,
    }
    updated = api.patch(f"{KEY}/A%2F%20B/", json={"small__c": 2})
    assert (updated.status_code, updated.json()["created"]) == (200, False)
    record = api.get(f"{KEY}/a%2F%20b?fields=small__c,ext_id__c").json()
    assert (record["small__c"], record["ext_id__c"]) == (2.0, "A/ B")


def test_update_in_an_old_version_has_no_body(api: Api) -> None:
    api.patch(f"{KEY}/a", json={})
    url = f"{api.emulator.https_url}/services/data/v45.0{KEY}/a"
    response = api.session.patch(url, json={"small__c": 2}, timeout=30)
    assert (response.status_code, response.content) == (204, b"")


def test_several_matches_return_300_with_their_urls(api: Api) -> None:
    created = api.load("loose_id__c\nx\nx\n", operation="insert").accepted
    response = api.patch(f"{PATH}/loose_id__c/x", json={"small__c": 1})
    assert response.status_code == 300
    assert response.json() == [
        f"/services/data/v60.0/sobjects/Order__c/{row['sf__Id']}" for row in created
    ]


def test_create_read_update_and_delete_a_record(api: Api) -> None:
    created = api.post(PATH, json={"notes__c": "x"})
    assert created.status_code == 201
    path = f"{PATH}/{created.json()['id']}"
    record = api.get(path).json()
    assert record["notes__c"] == "x"
    assert record["attributes"]["url"] == f"/services/data/v60.0{path}"
    assert api.patch(path, json={"notes__c": None}).status_code == 204
    assert api.get(path[:-3]).json()["notes__c"] is None
    assert api.delete(path).status_code == 204
    deleted = api.get(path)
    assert (deleted.status_code, deleted.json()[0]["errorCode"]) == (
        404,
        "ENTITY_IS_DELETED",
    )


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "code"),
    [
        ("PATCH", f"{PATH}/nope__c/a", {}, 404, "NOT_FOUND"),
        ("GET", f"{KEY}/nobody", None, 404, "NOT_FOUND"),
        ("GET", f"{PATH}/a075f0000000zzz", None, 404, "NOT_FOUND"),
        ("GET", f"{PATH}/x", None, 404, "NOT_FOUND"),
        ("POST", PATH, {"nope__c": 1}, 400, "INVALID_FIELD"),
        ("POST", PATH, {"small__c": "x"}, 400, "JSON_PARSER_ERROR"),
        ("POST", PATH, {"small__c": 10000}, 400, "NUMBER_OUTSIDE_VALID_RANGE"),
        (
            "POST",
            PATH,
            {"tier__c": "x"},
            400,
            "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST",
        ),
        (
            "POST",
            PATH,
            {"Id": "a075f0000000zzz"},
            400,
            "INVALID_FIELD_FOR_INSERT_UPDATE",
        ),
        ("POST", "/sobjects/Strict__c", {}, 400, "REQUIRED_FIELD_MISSING"),
        ("PATCH", f"{KEY}/a", {"ext_id__c": "b"}, 400, "INVALID_FIELD"),
        ("POST", "/sobjects/Nothing__c", {}, 404, "NOT_FOUND"),
    ],
)
def test_invalid_request_is_rejected(
    api: Api, *, method: str, path: str, body: dict | None, status: int, code: str
) -> None:
    response = api.call(method, path, json=body)
    assert (response.status_code, response.json()[0]["errorCode"]) == (status, code)


def test_read_only_object_cannot_be_updated(api: Api) -> None:
    path = f"/sobjects/Organization/{api.org.id}"
    response = api.patch(path, json={"Name": "x"})
    assert response.json()[0]["errorCode"] == "INVALID_FIELD_FOR_INSERT_UPDATE"


def test_connection_is_kept_alive(api: Api) -> None:
    host = api.emulator.http_url.removeprefix("http://")
    headers = {"Authorization": api.session.headers["Authorization"]}
    connection = http.client.HTTPConnection(host, timeout=30)
    connection.connect()
    socket = connection.sock
    statuses = []
    # The second response is sent before its request body is read.
    for path in (KEY, "/nowhere", KEY):
        url = f"/services/data/v60.0{path}/a"
        connection.request("PATCH", url, body=b"{}" + b" " * 9999, headers=headers)
        response = connection.getresponse()
        response.read()
        statuses.append(response.status)
    assert statuses == [201, 404, 200]
    assert connection.sock is socket
    connection.close()
