"""Raw partitions read from a folder: which objects are data, and their account."""

import gzip
from pathlib import Path

import pytest
import zstandard

from tests.reference import UnreadableObjectError, read_world
from tests.reference.business import read_reference
from tests.reference.tests import given
from tests.reference.tests.given import day

LINE = given.event("e{}", "2026-11-02T10:00:00Z")


def _lines(*numbers: int) -> bytes:
    return "".join(f"{LINE.replace('{}', str(n))}\n" for n in numbers).encode()


def _partition(folder: Path, objects: dict[str, bytes], *, night: int = 2) -> Path:
    partition = folder / "app_logs" / f"dt={day(night)}"
    partition.mkdir(parents=True)
    for name, content in objects.items():
        (partition / name).write_bytes(content)
    (partition / "_SUCCESS").touch()
    return partition


def _event_ids(folder: Path) -> list[str]:
    return [row.event_id for row in read_world(folder).rows("app_logs", until=day(30))]


def test_objects_are_read_in_the_order_of_their_keys_whatever_their_form(
    tmp_path: Path,
) -> None:
    objects = {
        "d.json": _lines(4),
        "a.json.gz": gzip.compress(_lines(1)),
        "c.json.zst": zstandard.compress(_lines(3)),
        "b": _lines(2).removesuffix(b"\n"),
    }
    _partition(tmp_path, objects)
    assert _event_ids(tmp_path) == ["e1", "e2", "e3", "e4"]


def test_objects_may_have_several_frames_or_nothing(tmp_path: Path) -> None:
    objects = {
        "a.gz": gzip.compress(_lines(1)) + gzip.compress(_lines(2)),
        "b.zst": zstandard.compress(_lines(3)) + zstandard.compress(_lines(4)),
        "c.gz": gzip.compress(b""),
        "d": b"",
    }
    _partition(tmp_path, objects)
    assert _event_ids(tmp_path) == ["e1", "e2", "e3", "e4"]


def test_hidden_objects_are_no_data(tmp_path: Path) -> None:
    _partition(tmp_path, {"_tmp": _lines(1), ".part": _lines(2), "a_b.c": _lines(3)})
    assert _event_ids(tmp_path) == ["e3"]


def test_lines_read_are_rows_and_rejects_and_blank_ones_are_none(
    tmp_path: Path,
) -> None:
    _partition(tmp_path, {"a": _lines(1) + b"\n  \nbroken\r\n" + _lines(2)})
    world = read_world(tmp_path)
    partition = world.partitions["app_logs", day(2)]
    assert (partition.lines, partition.rows_loaded) == (3, 2)
    [reject] = partition.rejects
    assert (reject.place.line_number, reject.category) == (4, "not_json")
    assert reject.place.object_key == "app_logs/dt=2026-11-02/a"


def test_an_incomplete_partition_is_named_and_not_read(tmp_path: Path) -> None:
    (_partition(tmp_path, {"a": _lines(1)}) / "_SUCCESS").unlink()
    _partition(tmp_path, {"a": _lines(2)}, night=3)
    world = read_world(tmp_path)
    assert world.incomplete == [("app_logs", day(2))]
    assert list(world.partitions) == [("app_logs", day(3))]


def test_only_the_dates_asked_for_are_read(tmp_path: Path) -> None:
    for night in (2, 3, 4):
        _partition(tmp_path, {"a": _lines(night)}, night=night)
    world = read_world(tmp_path, dates=[day(3), day(4)])
    assert [dt for _, dt in world.partitions] == [day(3), day(4)]
    assert [row.event_id for row in world.rows("app_logs", until=day(3))] == ["e3"]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("cut.gz", gzip.compress(_lines(*range(99)))[:-20]),
        ("cut.zst", zstandard.compress(_lines(*range(99)))[:-5]),
        ("plain.gz", _lines(1)),
        ("plain.zst", _lines(1)),
    ],
)
def test_an_object_that_cannot_be_read_is_named(
    tmp_path: Path, name: str, content: bytes
) -> None:
    _partition(tmp_path, {name: content})
    with pytest.raises(UnreadableObjectError, match=f"app_logs/dt=2026-11-02/{name}"):
        read_world(tmp_path)


@pytest.mark.parametrize(("rejects", "is_loadable"), [(1, True), (2, False)])
def test_a_hundredth_of_the_lines_may_be_rejects(
    tmp_path: Path, rejects: int, is_loadable: bool
) -> None:
    content = _lines(*range(100 - rejects)) + b"broken\n" * rejects
    _partition(tmp_path, {"a": content})
    partition = read_world(tmp_path).partitions["app_logs", day(2)]
    assert partition.lines == 100
    assert partition.is_loadable(0.01) is is_loadable


def test_the_seeds_tell_static_files_and_bots() -> None:
    reference = read_reference()
    assert {"css", "js", "png", "woff2"} <= reference.static_extensions
    assert "html" not in reference.static_extensions
    assert {"bot", "curl/"} <= set(reference.bot_patterns)
