"""The three result files, letter by letter."""

from pathlib import Path

from tests.emulators.salesforce.org import Settings
from tests.emulators.salesforce.serve import started
from tests.emulators.salesforce.tests.api import Api
from tests.emulators.salesforce.tests.conftest import OBJECTS


def test_the_header_is_echoed_as_sent_and_cells_are_quoted(api: Api) -> None:
    outcome = api.load('EXT_ID__C,"Notes__c",amount__c\na,x,5\nb,01234567890,6\n')
    record_id = outcome.accepted[0]["sf__Id"]
    assert outcome.successful == (
        '"sf__Id","sf__Created",EXT_ID__C,"Notes__c",amount__c\n'
        f'"{record_id}","true","a","x","5.0"\n'
    )
    assert outcome.failed == (
        '"sf__Id","sf__Error",EXT_ID__C,"Notes__c",amount__c\n'
        '"","STRING_TOO_LONG:Notes: data value too large: 01234567890 '
        '(max length=10):notes__c --","b","01234567890","6.0"\n'
    )
    assert outcome.unprocessed == 'EXT_ID__C,"Notes__c",amount__c\n'


def test_a_failed_row_of_a_known_record_tells_its_id(api: Api) -> None:
    (row,) = api.load("ext_id__c\na\n").accepted
    for header, cells, code in (
        ("small__c,ext_id__c", "10000,a", "NUMBER_OUTSIDE_VALID_RANGE"),
        ("ext_id__c,notes__c", "a,01234567890", "STRING_TOO_LONG"),
        ("ext_id__c,code__c", "b,F\na,F", "DUPLICATE_VALUE"),
    ):
        failed = api.load(f"{header}\n{cells}\n").failed
        assert failed.splitlines()[1].startswith(f'"{row["sf__Id"]}","{code}:')
    # A cell of the wrong type makes it no record at all.
    failed = api.load("ext_id__c,small__c\na,x\n").failed
    assert failed.splitlines()[1].startswith('"","INVALID_FIELD:')


def test_numbers_come_back_as_java_writes_them(api: Api) -> None:
    sent = ["912260031", "12.5", "0", "10000000", "9999999", "0.01", "-123456789.5"]
    rows = "".join(f"k{at},{value}\n" for at, value in enumerate(sent))
    accepted = api.load(f"ext_id__c,amount__c\n{rows}k8,#N/A\nk9,\n").accepted
    assert [row["amount__c"] for row in accepted] == [
        "9.12260031E8",
        "12.5",
        "0.0",
        "1.0E7",
        "9999999.0",
        "0.01",
        "-1.234567895E8",
        "#N/A",
        "",
    ]
    assert [row["ext_id__c"] for row in accepted[:2]] == ["k0", "k1"]


def test_values_with_line_breaks_and_quotes_come_back(api: Api) -> None:
    outcome = api.load('ext_id__c,long_notes__c\na,"two\nlines ""x"", é"\n')
    assert outcome.accepted[0]["long_notes__c"] == 'two\nlines "x", é'


def test_no_charset_is_told_unless_asked_for(api: Api, tmp_path: Path) -> None:
    job_id = api.load("ext_id__c\na\n").job["id"]
    reply = api.get(f"/jobs/ingest/{job_id}/failedResults")
    assert reply.headers["Content-Type"] == "text/csv"
    settings = Settings(objects=OBJECTS, charset="UTF-8")
    with started(tmp_path / "other", settings) as running:
        other = Api(running)
        job_id = other.load("ext_id__c\na\n").job["id"]
        reply = other.get(f"/jobs/ingest/{job_id}/failedResults")
        assert reply.headers["Content-Type"] == "text/csv; charset=UTF-8"


def test_rows_come_in_no_order_if_asked_for(tmp_path: Path) -> None:
    settings = Settings(objects=OBJECTS, shuffles_results=True)
    with started(tmp_path / "other", settings) as running:
        api = Api(running)
        keys = [f"k{number:03}" for number in range(150)]
        outcome = api.load("ext_id__c\n" + "\n".join(keys) + "\n")
        told = [row["ext_id__c"] for row in outcome.accepted]
        assert told != keys
        assert sorted(told) == keys
