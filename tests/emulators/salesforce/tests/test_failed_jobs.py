"""What makes a whole job fail, with the message that says why."""

import pytest

from tests.emulators.salesforce import faults
from tests.emulators.salesforce.tests.api import Api

NOT_FOUND = "InvalidBatch : Field name not found : "


def test_an_unknown_column_fails_the_job_and_names_the_first(api: Api) -> None:
    body = "ext_id__c,nope__c,neither__c\na,1,2\nb,3,4\n"
    outcome = api.load(body)
    assert outcome.job["state"] == "Failed"
    assert (
        outcome.job["errorMessage"] == "InvalidBatch : Field name not found : nope__c"
    )
    assert outcome.job["numberRecordsProcessed"] == 0
    assert outcome.unprocessed == (
        'ext_id__c,nope__c,neither__c\n"a","1","2"\n"b","3","4"\n'
    )
    assert outcome.accepted == outcome.errors == []


def test_a_byte_order_mark_makes_the_first_column_unknown(api: Api) -> None:
    job = api.load("\ufeffext_id__c\na\n").job
    assert job["errorMessage"] == f"{NOT_FOUND}\ufeffext_id__c"


def test_a_field_hidden_from_the_user_is_unknown(api: Api) -> None:
    api.org.schema.drop_field("Order__c", "notes__c")
    job = api.load("ext_id__c,notes__c\na,x\n").job
    assert job["errorMessage"] == f"{NOT_FOUND}notes__c"


@pytest.mark.parametrize(
    ("ending", "body"),
    [
        ("LF", "ext_id__c\r\na\r\n"),
        ("LF", 'ext_id__c,notes__c\na,"x\r\ny"\n'),
        ("CRLF", "ext_id__c\na\n"),
    ],
)
def test_the_wrong_line_ending_fails_the_job(api: Api, ending: str, body: str) -> None:
    job = api.load(body, lineEnding=ending).job
    assert job["state"] == "Failed"
    assert job["errorMessage"] == (
        "ClientInputError : LineEnding is invalid on user data. "
        f"Current LineEnding setting is {ending}"
    )


@pytest.mark.parametrize(
    "body",
    [
        b'ext_id__c,notes__c\na,"x\n',
        b'ext_id__c,notes__c\na,"x"y\n',
        b"ext_id__c,notes__c\na,\xff\n",
        b"ext_id__c,notes__c\na,b,c\n",
    ],
    ids=["open quote", "text behind a quote", "not UTF-8", "too many cells"],
)
def test_what_is_no_csv_fails_the_job(api: Api, body: bytes) -> None:
    job = api.load(body).job
    assert job["state"] == "Failed"
    assert job["errorMessage"].startswith(("ClientInputError : ", "InvalidBatch : "))


def test_a_job_failed_half_way_keeps_what_is_done(api: Api) -> None:
    told = {"kind": "fail_job", "rows": 3, "message": "InternalServerError : slow"}
    api.org.faults.add(faults.make(told))
    rows = "".join(f"k{number}\n" for number in range(8))
    outcome = api.load(f"ext_id__c\n{rows}")
    assert outcome.job["state"] == "Failed"
    assert outcome.job["errorMessage"] == "InternalServerError : slow"
    assert [row["ext_id__c"] for row in outcome.accepted] == ["k0", "k1", "k2"]
    assert outcome.unprocessed.split() == [
        "ext_id__c",
        *(f'"k{number}"' for number in range(3, 8)),
    ]
    assert api.query("SELECT COUNT() FROM Order__c")["totalSize"] == 3


def test_used_up_batches_fail_the_job_where_they_end(api: Api) -> None:
    api.org.limits.set("DailyBulkApiBatches", left=1)
    rows = "".join(f"{number}\n" for number in range(10_050))
    outcome = api.load(f"ext_id__c\n{rows}")
    assert outcome.job["state"] == "Failed"
    assert outcome.job["errorMessage"].startswith("ExceededQuota : ")
    assert len(outcome.accepted) == 10_000
    assert len(outcome.unprocessed.splitlines()) == 51
