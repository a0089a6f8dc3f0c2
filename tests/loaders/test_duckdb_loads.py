"""Loads into DuckDB: the text rules, objects in all forms, and bounded memory."""

import gzip
import json
import resource
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import uuid4

import pytest
import zstandard

from loaders import aws, s3, warehouse
from loaders.config import settings
from loaders.errors import ConfigError, DataError
from loaders.raw import spool
from loaders.warehouse.declared_tables import raw_tables
from tests.loaders.text_rules import cases
from tests.loaders.text_rules.expected import comparable, expected_load
from tests.loaders.text_rules.objects import FIRST, READABLE_OBJECTS, UNREADABLE_OBJECTS
from tests.redshift.loading import load_partition, upload_partition

SOURCES = ("orgs", "metrics", "app_logs", "web_logs")


@pytest.fixture(autouse=True)
def raw_data(
    duckdb_warehouse: None,
    shared_emulators: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[None]:
    """Use an empty DuckDB file and empty S3 prefixes."""
    prefix = uuid4().hex
    for name, value in shared_emulators.items():
        is_url = name in ("NIGHTSHIFT_RAW_URL", "NIGHTSHIFT_ARCHIVE_URL")
        monkeypatch.setenv(name, f"{value}/{prefix}" if is_url else value)
    settings.load.cache_clear()
    aws.client_of_process.cache_clear()
    yield
    settings.load.cache_clear()
    aws.client_of_process.cache_clear()


def _rows(source: str, columns: list[str]) -> Counter[tuple[object, ...]]:
    table = raw_tables()[source]
    names = ", ".join(warehouse.identifier(name) for name in columns)
    json_positions = [
        position
        for position, name in enumerate(columns)
        if name
        in {column.name for column in table.columns if column.data_type == "json"}
    ]
    with warehouse.session() as connection:
        rows = connection.fetch_all(
            f"select {names} from {connection.table('staging', table.name)}"
        )
    return Counter(
        tuple(
            comparable(json.loads(value)) if value and n in json_positions else value
            for n, value in enumerate(row)
        )
        for row in rows
    )


def _rejects() -> dict[int, tuple[str, str]]:
    with warehouse.session() as connection:
        rows = connection.fetch_all(
            "select line_number, reason, line "
            f"from {connection.table('ops', 'load_rejects')}"
        )
    return {number: (reason, line) for number, reason, line in rows}


@pytest.mark.parametrize("source", SOURCES)
def test_load_writes_the_expected_rows_and_rejects(source: str) -> None:
    lines = [case.line for case in cases() if case.source == source]
    upload_partition(source, {"part-0.json": b"\n".join(lines)})
    expected = expected_load(source, lines)
    result = load_partition(source)
    assert _rejects() == expected.rejects
    assert _rows(source, expected.columns) == expected.rows
    assert (result.lines, result.rows) == (expected.lines, expected.rows.total())


@pytest.mark.parametrize("name", READABLE_OBJECTS)
def test_object_is_read_whole(name: str) -> None:
    key, content, rows = READABLE_OBJECTS[name]
    upload_partition("app_logs", {key: content})
    result = load_partition("app_logs", max_reject_ratio=0)
    assert (result.rows, result.rejects) == (rows, 0)


@pytest.mark.parametrize("name", UNREADABLE_OBJECTS)
def test_unreadable_object_is_named(name: str) -> None:
    key, content, cause = UNREADABLE_OBJECTS[name]
    upload_partition("app_logs", {"b.json": FIRST, key: content})
    with pytest.raises(DataError, match=rf"/{key} cannot be read: .*{cause}"):
        load_partition("app_logs")


@pytest.mark.parametrize(
    "lines", [["café"] * 19, ["café"] * 10 + ["cafe"] * 10], ids=["few lines", "half"]
)
def test_some_lines_in_another_encoding_are_rejects(lines: list[str]) -> None:
    upload_partition("app_logs", {"a.json": "\n".join(lines).encode("latin-1")})
    assert load_partition("app_logs").rejects == len(lines)


def test_a_long_line_takes_no_memory(tmp_path: Path) -> None:
    zeros = gzip.compress(b"\0" * (1 << 30), compresslevel=1)
    upload_partition("app_logs", {"a.json.gz": zeros + gzip.compress(b"\n" + FIRST)})
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    result = load_partition("app_logs")
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - peak
    assert (result.rows, result.rejects) == (1, 1)
    assert _rejects() == {1: ("longer than 65,535 bytes", "")}
    assert grown < 200 << 10  # kilobytes


@pytest.mark.parametrize("compress", [gzip.compress, zstandard.compress])
def test_unpacked_size_is_limited(
    compress: Callable[[bytes], bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NIGHTSHIFT_MAX_UNPACKED_GIB", "0.001")
    settings.load.cache_clear()
    name = "a.json.gz" if compress is gzip.compress else "a.json.zst"
    upload_partition("app_logs", {name: compress(FIRST * 20_000)})
    with pytest.raises(DataError, match=rf"{name} .*NIGHTSHIFT_MAX_UNPACKED_GIB"):
        load_partition("app_logs")


def test_full_disk_is_noticed_before_an_object_is_unpacked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(spool, "DISK_RESERVE_BYTES", 1 << 62)
    upload_partition("app_logs", {"a.json": FIRST})
    with pytest.raises(ConfigError, match=r"a\.json .*TMPDIR"):
        load_partition("app_logs")


def test_temporary_folder_may_have_any_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / 'it\'s "odd" [*]{}'
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    upload_partition("app_logs", {"a.json": FIRST, "b.json": b"x\n"})
    result = load_partition("app_logs")
    assert (result.rows, result.rejects) == (1, 1)


def test_objects_across_many_batches_keep_their_counts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(spool, "BATCH_BYTES", 300)
    objects = {f"{n:02}.json": FIRST * n + b"x\n" for n in range(1, 9)}
    upload_partition("app_logs", objects)
    result = load_partition("app_logs")
    counts = {count.item.name: (count.lines, count.rejects) for count in result.objects}
    assert counts == {f"{n:02}.json": (n + 1, 1) for n in range(1, 9)}
    assert s3.SUCCESS not in counts
