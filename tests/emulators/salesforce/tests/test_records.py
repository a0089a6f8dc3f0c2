"""One record at a time, by id and by external id."""

import http.client

import pytest

from tests.emulators.salesforce.tests.api import Api

PATH = "/sobjects/Order__c"
KEY = f"{PATH}/ext_id__c"


def test_an_upsert_creates_with_201_and_updates_with_200(api: Api) -> None:
    made = api.patch(f"{KEY}/a%2F%20b", json={"small__c": 1})
    assert made.status_code == 201
    record_id = made.json()["id"]
    assert made.json() == {
        "id": record_id,
        "success": True,
        "errors": [],
        "created": True,
    }
    changed = api.patch(f"{KEY}/A%2F%20B/", json={"small__c": 2})
    assert (changed.status_code, changed.json()["created"]) == (200, False)
    told = api.get(f"{KEY}/a%2F%20b?fields=small__c,ext_id__c").json()
    assert (told["small__c"], told["ext_id__c"]) == (2.0, "A/ B")


def test_an_old_version_updates_without_a_body(api: Api) -> None:
    api.patch(f"{KEY}/a", json={})
    url = f"{api.running.https_url}/services/data/v45.0{KEY}/a"
    reply = api.session.patch(url, json={"small__c": 2}, timeout=30)
    assert (reply.status_code, reply.content) == (204, b"")


def test_several_matches_are_300_with_their_addresses(api: Api) -> None:
    made = api.load("loose_id__c\nx\nx\n", operation="insert").accepted
    reply = api.patch(f"{PATH}/loose_id__c/x", json={"small__c": 1})
    assert reply.status_code == 300
    assert reply.json() == [
        f"/services/data/v60.0/sobjects/Order__c/{row['sf__Id']}" for row in made
    ]


def test_a_record_is_made_read_changed_and_deleted(api: Api) -> None:
    made = api.post(PATH, json={"notes__c": "x"})
    assert made.status_code == 201
    path = f"{PATH}/{made.json()['id']}"
    told = api.get(path).json()
    assert told["notes__c"] == "x"
    assert told["attributes"]["url"] == f"/services/data/v60.0{path}"
    assert api.patch(path, json={"notes__c": None}).status_code == 204
    assert api.get(path[:-3]).json()["notes__c"] is None
    assert api.delete(path).status_code == 204
    gone = api.get(path)
    assert (gone.status_code, gone.json()[0]["errorCode"]) == (404, "ENTITY_IS_DELETED")


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
def test_what_cannot_be_done_is_refused(
    api: Api, *, method: str, path: str, body: dict | None, status: int, code: str
) -> None:
    reply = api.call(method, path, json=body)
    assert (reply.status_code, reply.json()[0]["errorCode"]) == (status, code)


def test_the_id_column_of_an_object_that_is_read_only_cannot_be_written(
    api: Api,
) -> None:
    path = f"/sobjects/Organization/{api.org.id}"
    reply = api.patch(path, json={"Name": "x"})
    assert reply.json()[0]["errorCode"] == "INVALID_FIELD_FOR_INSERT_UPDATE"


def test_a_connection_is_kept_for_the_next_request(api: Api) -> None:
    address = api.running.http_url.removeprefix("http://")
    headers = {"Authorization": api.session.headers["Authorization"]}
    connection = http.client.HTTPConnection(address, timeout=30)
    connection.connect()
    kept = connection.sock
    statuses = []
    # The second is refused before its body is read, which must not be in the way.
    for path in (KEY, "/nowhere", KEY):
        url = f"/services/data/v60.0{path}/a"
        connection.request("PATCH", url, body=b"{}" + b" " * 9999, headers=headers)
        reply = connection.getresponse()
        reply.read()
        statuses.append(reply.status)
    assert statuses == [201, 404, 200]
    assert connection.sock is kept
    connection.close()
