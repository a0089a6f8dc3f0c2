"""The exact content of the three result files of an ingest job."""

from pathlib import Path

from tests.emulators.salesforce.org import Settings
from tests.emulators.salesforce.serve import running_emulator
from tests.emulators.salesforce.tests.api import Api
from tests.emulators.salesforce.tests.conftest import OBJECTS


def test_header_is_returned_as_uploaded_and_cells_are_quoted(api: Api) -> None:
    result = api.load('EXT_ID__C,"Notes__c",amount__c\na,x,5\nb,01234567890,6\n')
    record_id = result.accepted[0]["sf__Id"]
    assert result.successful == (
        '"sf__Id","sf__Created",EXT_ID__C,"Notes__c",amount__c\n'
        f'"{record_id}","true","a","x","5.0"\n'
    )
    assert result.failed == (
        '"sf__Id","sf__Error",EXT_ID__C,"Notes__c",amount__c\n'
        '"","STRING_TOO_LONG:Notes: data value too large: 01234567890 '
        '(max length=10):notes__c --","b","01234567890","6.0"\n'
    )
    assert result.unprocessed == 'EXT_ID__C,"Notes__c",amount__c\n'


def test_failed_row_of_an_existing_record_has_its_id(api: Api) -> None:
    (row,) = api.load("ext_id__c\na\n").accepted
    for header, cells, code in (
        ("small__c,ext_id__c", "10000,a", "NUMBER_OUTSIDE_VALID_RANGE"),
        ("ext_id__c,notes__c", "a,01234567890", "STRING_TOO_LONG"),
        ("ext_id__c,code__c", "b,F\na,F", "DUPLICATE_VALUE"),
    ):
        failed = api.load(f"{header}\n{cells}\n").failed
        assert failed.splitlines()[1].startswith(f'"{row["sf__Id"]}","{code}:')
    # The record of a row with a cell of the wrong type is not looked up.
    failed = api.load("ext_id__c,small__c\na,x\n").failed
    assert failed.splitlines()[1].startswith('"","INVALID_FIELD:')


def test_numbers_are_returned_in_java_notation(api: Api) -> None:
    numbers = ["912260031", "12.5", "0", "10000000", "9999999", "0.01", "-123456789.5"]
    rows = "".join(f"k{row},{number}\n" for row, number in enumerate(numbers))
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


def test_values_with_line_breaks_and_quotes_are_returned(api: Api) -> None:
    result = api.load('ext_id__c,long_notes__c\na,"two\nlines ""x"", é"\n')
    assert result.accepted[0]["long_notes__c"] == 'two\nlines "x", é'


def test_charset_is_only_returned_if_configured(api: Api, tmp_path: Path) -> None:
    job_id = api.load("ext_id__c\na\n").job["id"]
    response = api.get(f"/jobs/ingest/{job_id}/failedResults")
    assert response.headers["Content-Type"] == "text/csv"
    settings = Settings(objects=OBJECTS, charset="UTF-8")
    with running_emulator(tmp_path / "other", settings) as emulator:
        other = Api(emulator)
        job_id = other.load("ext_id__c\na\n").job["id"]
        response = other.get(f"/jobs/ingest/{job_id}/failedResults")
        assert response.headers["Content-Type"] == "text/csv; charset=UTF-8"


def test_successful_rows_are_shuffled_if_configured(tmp_path: Path) -> None:
    settings = Settings(objects=OBJECTS, shuffle_results=True)
    with running_emulator(tmp_path / "other", settings) as emulator:
        api = Api(emulator)
        keys = [f"k{number:03}" for number in range(150)]
        result = api.load("ext_id__c\n" + "\n".join(keys) + "\n")
        returned = [row["ext_id__c"] for row in result.accepted]
        assert returned != keys
        assert sorted(returned) == keys
