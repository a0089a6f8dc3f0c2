"""CSV files of bulk jobs: split by size, in key order, with unchanged values."""

import csv
import json
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace

import pytest

from loaders.config.salesforce_mapping import Field, Mapping
from loaders.config.salesforce_policy import SyncPolicy
from loaders.salesforce import bulk
from loaders.salesforce.bulk import ChunkFile
from loaders.salesforce.staging_db import StagingDb
from loaders.salesforce_api.rows import csv_line

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


Row = tuple[str, dict[str, str | None]]
WriteFiles = Callable[..., list[ChunkFile]]


@pytest.fixture
def write_files(tmp_path: Path) -> WriteFiles:
    """Return a function that writes rows to files within limits."""

    def write(
        rows: list[Row], max_bytes: int = 10_000, max_rows: int = 1000
    ) -> list[ChunkFile]:
        path = tmp_path / "staging.duckdb"
        context = SimpleNamespace(
            mapping=MAPPING,
            folder=tmp_path,
            policy=SyncPolicy(chunk_bytes=max_bytes, chunk_rows=max_rows),
        )
        lines = [
            (key.lower(), key, csv_line(key, json.dumps(values), MAPPING), "create")
            for key, values in rows
        ]
        with closing(StagingDb.create(path, identity={})) as staging_db:
            staging_db.insert("rows", ("folded_key", "key", "line", "action"), lines)
            return list(bulk.write_chunk_files(context, staging_db, attempt=1))

    return write


def _rows(names: list[str]) -> list[Row]:
    return [
        (f"K{number}", {"name__c": name, "hosts__c": "1"})
        for number, name in enumerate(names, start=10)
    ]


def _read(path: Path) -> list[list[str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file))


@pytest.mark.parametrize("max_bytes", [60, 400, 10_000])
def test_chunks_stay_within_the_byte_limit(
    write_files: WriteFiles, max_bytes: int
) -> None:
    rows = _rows(["é" * 5] * 50)
    files = write_files(rows, max_bytes)
    assert sum(file.rows for file in files) == 50
    for file in files:
        assert file.path.stat().st_size == file.bytes <= max_bytes
        assert _read(file.path)[0] == ["org_id__c", "name__c", "hosts__c"]
    keys = [line[0] for file in files for line in _read(file.path)[1:]]
    assert keys == [key for key, _ in rows]


def test_chunks_stay_within_the_row_limit(write_files: WriteFiles) -> None:
    files = write_files(_rows(["a"] * 7), max_rows=3)
    assert [file.rows for file in files] == [3, 3, 1]
    ends = [(file.first, file.last) for file in files]
    assert ends == [("k10", "k12"), ("k13", "k15"), ("k16", "k16")]


def test_row_larger_than_the_limit_gets_its_own_file(write_files: WriteFiles) -> None:
    files = write_files(_rows(["a", "x" * 200, "b"]), 100)
    assert [file.rows for file in files] == [1, 1, 1]


def test_special_characters_survive_the_csv_round_trip(write_files: WriteFiles) -> None:
    (file,) = write_files(_rows(SPECIAL_NAMES))
    content = file.path.read_bytes()
    assert not content.startswith(b"\xef\xbb\xbf")
    assert b"\r" not in content
    assert [line[1] for line in _read(file.path)[1:]] == SPECIAL_NAMES


def test_null_is_written_as_marker_and_ignored_field_as_empty_cell(
    write_files: WriteFiles,
) -> None:
    (file,) = write_files([("k", {"name__c": None})])
    assert _read(file.path)[1] == ["k", "#N/A", ""]


def test_equal_rows_have_equal_fingerprints(write_files: WriteFiles) -> None:
    prints = [
        write_files(_rows(names))[0].fingerprint
        for names in (["a", "b"], ["a", "b"], ["b", "a"])
    ]
    assert prints[0] == prints[1] != prints[2]
