"""Errors that fail a whole ingest job, and their messages."""

import pytest

from tests.emulators.salesforce import faults
from tests.emulators.salesforce.tests.api import Api

FIELD_NOT_FOUND = "InvalidBatch : Field name not found : "


def test_job_fails_with_the_first_unknown_column(api: Api) -> None:
    body = "ext_id__c,nope__c,neither__c\na,1,2\nb,3,4\n"
    result = api.load(body)
    assert result.job["state"] == "Failed"
    assert result.job["errorMessage"] == "InvalidBatch : Field name not found : nope__c"
    assert result.job["numberRecordsProcessed"] == 0
    assert result.unprocessed == (
        'ext_id__c,nope__c,neither__c\n"a","1","2"\n"b","3","4"\n'
    )
    assert result.accepted == result.errors == []


def test_byte_order_mark_makes_the_first_column_unknown(api: Api) -> None:
    job = api.load("\ufeffext_id__c\na\n").job
    assert job["errorMessage"] == f"{FIELD_NOT_FOUND}\ufeffext_id__c"


def test_hidden_field_is_unknown(api: Api) -> None:
    api.org.schema.drop_field("Order__c", "notes__c")
    job = api.load("ext_id__c,notes__c\na,x\n").job
    assert job["errorMessage"] == f"{FIELD_NOT_FOUND}notes__c"


@pytest.mark.parametrize(
    ("ending", "body"),
    [
        ("LF", "ext_id__c\r\na\r\n"),
        ("LF", 'ext_id__c,notes__c\na,"x\r\ny"\n'),
        ("CRLF", "ext_id__c\na\n"),
    ],
)
def test_wrong_line_ending_fails_the_job(api: Api, ending: str, body: str) -> None:
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
        b'ext_id__c, "notes__c"\na,b\n',
        b'\xef\xbb\xbf"ext_id__c"\na\n',
    ],
    ids=["open quote", "text after a quote", "not UTF-8", "blank", "BOM"],
)
def test_invalid_csv_fails_the_job(api: Api, body: bytes) -> None:
    job = api.load(body).job
    assert job["state"] == "Failed"
    assert job["errorMessage"].startswith(("ClientInputError : ", "InvalidBatch : "))


def test_failed_job_returns_the_rows_read_before_invalid_csv(api: Api) -> None:
    rows = "".join(f"k{number},n\n" for number in range(250))
    result = api.load(f'ext_id__c,notes__c\n{rows}z,"x"y\nlast,n\n')
    assert result.job["state"] == "Failed"
    assert len(result.accepted) == 200
    assert result.unprocessed.count('"\n"k') == 50 - 1


def test_failed_job_keeps_rows_written_before_the_failure(api: Api) -> None:
    fault = {"kind": "fail_job", "rows": 3, "message": "InternalServerError : slow"}
    api.org.faults.add(faults.parse_fault(fault))
    rows = "".join(f"k{number}\n" for number in range(8))
    result = api.load(f"ext_id__c\n{rows}")
    assert result.job["state"] == "Failed"
    assert result.job["errorMessage"] == "InternalServerError : slow"
    assert [row["ext_id__c"] for row in result.accepted] == ["k0", "k1", "k2"]
    assert result.unprocessed.split() == [
        "ext_id__c",
        *(f'"k{number}"' for number in range(3, 8)),
    ]
    assert api.query("SELECT COUNT() FROM Order__c")["totalSize"] == 3


def test_job_fails_at_the_row_where_the_batch_limit_is_exhausted(api: Api) -> None:
    api.org.limits.set("DailyBulkApiBatches", remaining=1)
    rows = "".join(f"{number}\n" for number in range(10_050))
    result = api.load(f"ext_id__c\n{rows}")
    assert result.job["state"] == "Failed"
    assert result.job["errorMessage"].startswith("ExceededQuota : ")
    assert len(result.accepted) == 10_000
    assert len(result.unprocessed.splitlines()) == 51
