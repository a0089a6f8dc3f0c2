"""Tests of reading raw partitions from a folder."""

import gzip
from pathlib import Path

import pytest
import zstandard

from tests.reference import UnreadableObjectError, read_raw_data
from tests.reference.business import read_seeds
from tests.reference.tests import raw_records
from tests.reference.tests.raw_records import november


def _lines(*numbers: int) -> bytes:
    """Return events with the ids e1, e2, ..."""
    lines = (raw_records.event(f"e{n}", "2026-11-02T10:00:00Z") for n in numbers)
    return "".join(f"{line}\n" for line in lines).encode()


def _write_partition(folder: Path, objects: dict[str, bytes], *, day: int = 2) -> Path:
    partition = folder / "app_logs" / f"dt={november(day)}"
    partition.mkdir(parents=True)
    for name, content in objects.items():
        (partition / name).write_bytes(content)
    (partition / "_SUCCESS").touch()
    return partition


def _event_ids(folder: Path) -> list[str]:
    events = read_raw_data(folder).records("app_logs", until=november(30))
    return [event.event_id for event in events]


def test_objects_are_read_in_key_order_with_any_compression(
    tmp_path: Path,
) -> None:
    objects = {
        "d.json": _lines(4),
        "a.json.gz": gzip.compress(_lines(1)),
        "c.json.zst": zstandard.compress(_lines(3)),
        "b": _lines(2).removesuffix(b"\n"),
    }
    _write_partition(tmp_path, objects)
    assert _event_ids(tmp_path) == ["e1", "e2", "e3", "e4"]


def test_objects_may_have_several_frames_or_be_empty(tmp_path: Path) -> None:
    objects = {
        "a.gz": gzip.compress(_lines(1)) + gzip.compress(_lines(2)),
        "b.zst": zstandard.compress(_lines(3)) + zstandard.compress(_lines(4)),
        "c.gz": gzip.compress(b""),
        "d": b"",
    }
    _write_partition(tmp_path, objects)
    assert _event_ids(tmp_path) == ["e1", "e2", "e3", "e4"]


def test_hidden_objects_are_ignored(tmp_path: Path) -> None:
    _write_partition(
        tmp_path, {"_tmp": _lines(1), ".part": _lines(2), "a_b.c": _lines(3)}
    )
    assert _event_ids(tmp_path) == ["e3"]


def test_lines_are_records_plus_rejects_without_blank_lines(
    tmp_path: Path,
) -> None:
    _write_partition(tmp_path, {"a": _lines(1) + b"\n  \nbroken\r\n" + _lines(2)})
    raw = read_raw_data(tmp_path)
    partition = raw.partitions["app_logs", november(2)]
    assert (partition.lines, partition.rows_loaded) == (3, 2)
    [reject] = partition.rejects
    assert (reject.location.line_number, reject.category) == (4, "not_json")
    assert reject.location.object_key == "app_logs/dt=2026-11-02/a"


def test_incomplete_partition_is_listed_but_not_read(tmp_path: Path) -> None:
    (_write_partition(tmp_path, {"a": _lines(1)}) / "_SUCCESS").unlink()
    _write_partition(tmp_path, {"a": _lines(2)}, day=3)
    raw = read_raw_data(tmp_path)
    assert raw.incomplete == [("app_logs", november(2))]
    assert list(raw.partitions) == [("app_logs", november(3))]


def test_only_requested_dates_are_read(tmp_path: Path) -> None:
    for day in (2, 3, 4):
        _write_partition(tmp_path, {"a": _lines(day)}, day=day)
    raw = read_raw_data(tmp_path, dates=[november(3), november(4)])
    assert [dt for _, dt in raw.partitions] == [november(3), november(4)]
    events = raw.records("app_logs", until=november(3))
    assert [event.event_id for event in events] == ["e3"]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("truncated.gz", gzip.compress(_lines(*range(99)))[:-20]),
        ("truncated.zst", zstandard.compress(_lines(*range(99)))[:-5]),
        ("plain.gz", _lines(1)),
        ("plain.zst", _lines(1)),
    ],
)
def test_unreadable_object_is_an_error(
    tmp_path: Path, name: str, content: bytes
) -> None:
    _write_partition(tmp_path, {name: content})
    with pytest.raises(UnreadableObjectError, match=f"app_logs/dt=2026-11-02/{name}"):
        read_raw_data(tmp_path)


@pytest.mark.parametrize(("rejects", "is_loadable"), [(1, True), (2, False)])
def test_partition_is_loadable_with_one_percent_rejects(
    tmp_path: Path, rejects: int, is_loadable: bool
) -> None:
    content = _lines(*range(100 - rejects)) + b"broken\n" * rejects
    _write_partition(tmp_path, {"a": content})
    partition = read_raw_data(tmp_path).partitions["app_logs", november(2)]
    assert partition.lines == 100
    assert partition.is_loadable(0.01) is is_loadable


def test_seeds_contain_static_extensions_and_bot_patterns() -> None:
    seeds = read_seeds()
    assert {"css", "js", "png", "woff2"} <= seeds.static_extensions
    assert "html" not in seeds.static_extensions
    assert {"bot", "curl/"} <= set(seeds.bot_patterns)
