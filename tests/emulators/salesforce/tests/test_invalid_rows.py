"""Invalid rows of ingest jobs: each is rejected alone, and the job completes."""

import csv
import io

from tests.emulators.salesforce.bulk import csv_upload
from tests.emulators.salesforce.tests.api import Api

FULLWIDTH_ONE = "\N{FULLWIDTH DIGIT ONE}"
OF_THE_WRONG_TYPE = [
    *(
        ("amount__c", text)
        for text in ("NaN", "nan", "-NaN", "INF", "-inf", "Infinity")
    ),
    *(("amount__c", text) for text in ("1_000", " 1", "1e", "0x10", "1,5", "1 000")),
    *(("amount__c", text) for text in (FULLWIDTH_ONE, "\N{SUPERSCRIPT TWO}")),
    *(("items__c", text) for text in (FULLWIDTH_ONE, "NaN", "2147483648")),
    *(("day__c", text) for text in ("1699-12-31", "4001-01-01", "0000-01-01")),
    ("day__c", f"202{FULLWIDTH_ONE}-11-24"),
    *(("at__c", f"{day}T00:00:00Z") for day in ("1699-12-31", "4001-01-01")),
    ("at__c", f"2026-11-24T1{FULLWIDTH_ONE}:00:00Z"),
]
OUT_OF_RANGE = ["1e17", "1e400", "-1e400", "9" * 400, "1.5e9999", "-12345678901234567"]
MALFORMED_ROWS = [
    ("x,y,z", "Row has 3 columns, the header 2"),
    ("x,y,", "Row has 3 columns, the header 2"),
    ("x", "Row has 1 columns, the header 2"),
    ('x, "y"', csv_upload.UNESCAPED_QUOTE),
    (' "x",y', csv_upload.UNESCAPED_QUOTE),
    ('x,y"', csv_upload.UNESCAPED_QUOTE),
    ('x,5" pipe', csv_upload.UNESCAPED_QUOTE),
    ('"a""b",y"z', csv_upload.UNESCAPED_QUOTE),
]


def test_values_of_the_wrong_type_reject_their_rows_alone(api: Api) -> None:
    columns = ["amount__c", "items__c", "day__c", "at__c"]
    lines = [f"ext_id__c,{','.join(columns)}", "before,1,1,,"]
    for number, (field, value) in enumerate(OF_THE_WRONG_TYPE):
        cells = [f'"{value}"' if column == field else "" for column in columns]
        lines.append(f"k{number},{','.join(cells)}")
    result = api.load("\n".join([*lines, "after,,,,\n"]))
    assert result.job["state"] == "JobComplete", result.job
    assert [row["ext_id__c"] for row in result.accepted] == ["before", "after"]
    assert [error.partition(" Due to")[0] for error in result.errors] == [
        f"INVALID_FIELD:Failed to deserialize field at col {columns.index(field) + 1}."
        for field, _ in OF_THE_WRONG_TYPE
    ]
    failed = csv.DictReader(io.StringIO(result.failed))
    shown = [
        row[field] for row, (field, _) in zip(failed, OF_THE_WRONG_TYPE, strict=True)
    ]
    assert shown == [value for _, value in OF_THE_WRONG_TYPE]  # as uploaded


def test_numbers_out_of_range_reject_their_rows_alone(api: Api) -> None:
    rows = "".join(f"k{n},{value}\n" for n, value in enumerate(OUT_OF_RANGE))
    result = api.load(f"ext_id__c,amount__c\nbefore,1\n{rows}after,2\n")
    assert (result.job["state"], len(result.accepted)) == ("JobComplete", 2)
    codes = [error.split(": ")[0] for error in result.errors]
    assert codes == ["NUMBER_OUTSIDE_VALID_RANGE:Amount"] * len(OUT_OF_RANGE)


def test_malformed_rows_are_rejected_alone(api: Api) -> None:
    rows = "".join(f"{row}\n" for row, _ in MALFORMED_ROWS)
    result = api.load(f'ext_id__c,notes__c\nbefore,"n""1"\n{rows}after,n\n')
    assert result.job["state"] == "JobComplete", result.job
    assert [line["notes__c"] for line in result.accepted] == ['n"1', "n"]
    assert result.errors == [f"INVALID_FIELD:{text}:--" for _, text in MALFORMED_ROWS]
    assert result.job["numberRecordsFailed"] == len(MALFORMED_ROWS)
    assert api.query("SELECT COUNT() FROM Order__c")["totalSize"] == 2
