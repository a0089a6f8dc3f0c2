"""Behaviour 7: chunks are cut by their bytes, in order, and nothing is corrupted."""

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
NASTY = [
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
            f"k{place}", f"K{place}", json.dumps({"name__c": name, "hosts__c": "1"}), ""
        )
        for place, name in enumerate(names, start=10)
    ]


def _read(path: Path) -> list[list[str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file))


@pytest.mark.parametrize("max_bytes", [60, 400, 10_000])
def test_7_no_chunk_is_larger_than_its_limit_in_bytes(
    tmp_path: Path, max_bytes: int
) -> None:
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


def test_7_a_chunk_is_cut_by_rows_too(tmp_path: Path) -> None:
    files = list(
        chunks.write(
            _rows(["a"] * 7), MAPPING, folder=tmp_path, max_bytes=10_000, max_rows=3
        )
    )
    assert [file.rows for file in files] == [3, 3, 1]
    ends = [(file.first, file.last) for file in files]
    assert ends == [("k10", "k12"), ("k13", "k15"), ("k16", "k16")]


def test_7_a_row_larger_than_the_limit_gets_a_file_of_its_own(tmp_path: Path) -> None:
    rows = _rows(["a", "x" * 200, "b"])
    files = list(
        chunks.write(rows, MAPPING, folder=tmp_path, max_bytes=100, max_rows=100)
    )
    assert [file.rows for file in files] == [1, 1, 1]


def test_7_names_from_the_real_world_come_back_as_they_were(tmp_path: Path) -> None:
    files = list(
        chunks.write(
            _rows(NASTY), MAPPING, folder=tmp_path, max_bytes=10_000, max_rows=100
        )
    )
    content = files[0].path.read_bytes()
    assert not content.startswith(b"\xef\xbb\xbf")
    assert b"\r" not in content
    assert [line[1] for line in _read(files[0].path)[1:]] == NASTY


def test_7_null_is_the_marker_and_a_field_to_leave_alone_is_empty(
    tmp_path: Path,
) -> None:
    rows = [Row("k", "k", json.dumps({"name__c": None}), "h")]
    (file,) = chunks.write(rows, MAPPING, folder=tmp_path, max_bytes=1000, max_rows=10)
    assert _read(file.path)[1] == ["k", "#N/A", ""]


def test_7_the_same_rows_have_the_same_fingerprint(tmp_path: Path) -> None:
    def fingerprint(names: list[str]) -> str:
        (file,) = chunks.write(
            _rows(names), MAPPING, folder=tmp_path, max_bytes=10_000, max_rows=100
        )
        return file.fingerprint

    assert fingerprint(["a", "b"]) == fingerprint(["a", "b"])
    assert fingerprint(["a", "b"]) != fingerprint(["b", "a"])
