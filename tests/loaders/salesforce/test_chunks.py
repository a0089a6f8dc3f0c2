"""CSV files of bulk jobs: split by size, in key order, with unchanged values."""

import csv
import json
from pathlib import Path

import pytest

from loaders.salesforce import chunks
from loaders.salesforce.mapping import Field, Mapping
from loaders.salesforce.staging_db import Row

MAPPING = Mapping(
    "m",
    "O",
    "org_id__c",
    (
        Field("org_id__c", "org_id__c", "text", length=18),
        Field("name__c", "name__c", "text", length=255),
        Field("hosts__c", "hosts__c", "number", precision=18),
    ),
)
SPECIAL_NAMES = [
    'quote " and "" two',
    "comma, semicolon; tab\t",
    "two\nlines",
    "\N{ROCKET}\N{FAMILY}é" + "\u202e",
    "=cmd()|' /C calc'!A0",
    " outer blanks ",
    "x" * 255,
    "#n/a",
    "'",
    "\\",
]


def _rows(names: list[str]) -> list[Row]:
    return [
        Row(
            f"k{number}",
            f"K{number}",
            json.dumps({"name__c": name, "hosts__c": "1"}),
            "",
        )
        for number, name in enumerate(names, start=10)
    ]


def _read(path: Path) -> list[list[str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file))


@pytest.mark.parametrize("max_bytes", [60, 400, 10_000])
def test_chunks_stay_within_the_byte_limit(tmp_path: Path, max_bytes: int) -> None:
    rows = _rows(["é" * 5] * 50)
    files = list(
        chunks.write(rows, MAPPING, folder=tmp_path, max_bytes=max_bytes, max_rows=1000)
    )
    assert sum(file.rows for file in files) == 50
    for file in files:
        assert file.path.stat().st_size == file.bytes <= max_bytes
        assert _read(file.path)[0] == ["org_id__c", "name__c", "hosts__c"]
    keys = [line[0] for file in files for line in _read(file.path)[1:]]
    assert keys == [row.key for row in rows]


def test_chunks_stay_within_the_row_limit(tmp_path: Path) -> None:
    files = list(
        chunks.write(
            _rows(["a"] * 7), MAPPING, folder=tmp_path, max_bytes=10_000, max_rows=3
        )
    )
    assert [file.rows for file in files] == [3, 3, 1]
    ends = [(file.first, file.last) for file in files]
    assert ends == [("k10", "k12"), ("k13", "k15"), ("k16", "k16")]


def test_row_larger_than_the_limit_gets_its_own_file(tmp_path: Path) -> None:
    rows = _rows(["a", "x" * 200, "b"])
    files = list(
        chunks.write(rows, MAPPING, folder=tmp_path, max_bytes=100, max_rows=100)
    )
    assert [file.rows for file in files] == [1, 1, 1]


def test_special_characters_survive_the_csv_round_trip(tmp_path: Path) -> None:
    files = list(
        chunks.write(
            _rows(SPECIAL_NAMES),
            MAPPING,
            folder=tmp_path,
            max_bytes=10_000,
            max_rows=100,
        )
    )
    content = files[0].path.read_bytes()
    assert not content.startswith(b"\xef\xbb\xbf")
    assert b"\r" not in content
    assert [line[1] for line in _read(files[0].path)[1:]] == SPECIAL_NAMES


def test_null_is_written_as_marker_and_ignored_field_as_empty_cell(
    tmp_path: Path,
) -> None:
    rows = [Row("k", "k", json.dumps({"name__c": None}), "h")]
    (file,) = chunks.write(rows, MAPPING, folder=tmp_path, max_bytes=1000, max_rows=10)
    assert _read(file.path)[1] == ["k", "#N/A", ""]


def test_equal_rows_have_equal_fingerprints(tmp_path: Path) -> None:
    def fingerprint(names: list[str]) -> str:
        (file,) = chunks.write(
            _rows(names), MAPPING, folder=tmp_path, max_bytes=10_000, max_rows=100
        )
        return file.fingerprint

    assert fingerprint(["a", "b"]) == fingerprint(["a", "b"])
    assert fingerprint(["a", "b"]) != fingerprint(["b", "a"])
