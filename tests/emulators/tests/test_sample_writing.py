"""Sample worlds as files: the same bytes every time, laid out as the contract says."""

import gzip
import json
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
import zstandard

from tests.emulators.__main__ import main as stack_main
from tests.emulators.sample.world import SOURCES, World, summary_from
from tests.emulators.sample.write import main, write_to_folder

SMALL = World(orgs=30, days=8, until=date(2026, 3, 2), seed=4)


def _contents(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("small")
    write_to_folder(SMALL, folder)
    return folder


def _data(folder: Path, source: str) -> Iterator[Path]:
    for path in sorted((folder / source).glob("dt=*/*")):
        if not path.name.startswith(("_", ".")):
            yield path


def test_the_same_world_gives_the_same_bytes(small: Path, tmp_path: Path) -> None:
    again = write_to_folder(SMALL, tmp_path)
    assert _contents(tmp_path) == _contents(small)
    assert again == write_to_folder(SMALL, tmp_path)


def test_another_seed_gives_another_world(small: Path, tmp_path: Path) -> None:
    write_to_folder(World(**(vars(SMALL) | {"seed": 5})), tmp_path)
    theirs, ours = _contents(tmp_path), _contents(small)
    for source in SOURCES:
        first = f"{source}/dt={SMALL.first}/"
        assert {v for k, v in theirs.items() if k.startswith(first)} != {
            v for k, v in ours.items() if k.startswith(first)
        }


def test_every_night_of_every_source_is_complete(small: Path) -> None:
    nights = {f"dt={day}" for day in SMALL.dates}
    assert len(nights) == 8
    assert f"dt={SMALL.until}" in nights
    for source in SOURCES:
        assert {path.name for path in (small / source).iterdir()} == nights
        for night in nights:
            assert (small / source / night / "_SUCCESS").read_bytes() == b""


def test_objects_are_several_and_compressed_in_each_way(small: Path) -> None:
    endings = {
        path.name.split(".", 1)[1] for path in small.rglob("part-*") if path.is_file()
    }
    assert endings == {"json", "json.gz", "json.zst", "log", "log.gz", "log.zst"}
    for source in ("app_logs", "web_logs"):
        assert len(list(_data(small, source))) >= 2 * SMALL.days


def test_gzip_headers_hold_neither_time_nor_name(small: Path) -> None:
    packed = [path.read_bytes() for path in small.rglob("part-*.gz")]
    assert packed
    for content in packed:
        flags, moment = content[3], content[4:8]
        assert (flags, moment) == (0, bytes(4))


def test_no_hidden_object_is_whole(tmp_path: Path) -> None:
    write_to_folder(World(orgs=5, days=40, seed=2), tmp_path)
    hidden = [
        path
        for path in tmp_path.rglob("*")
        if path.is_file()
        and path.name.startswith((".", "_"))
        and path.name != "_SUCCESS"
    ]
    assert {path.name[:5] for path in hidden} == {"_tmp-", ".part"}
    for path in hidden:
        with pytest.raises((EOFError, OSError)):
            gzip.decompress(path.read_bytes())


def test_some_objects_are_empty(tmp_path: Path) -> None:
    summary = write_to_folder(World(orgs=5, days=40, seed=2), tmp_path)
    readers = {
        ".gz": gzip.decompress,
        ".zst": zstandard.ZstdDecompressor().decompress,
    }
    for source in SOURCES:
        texts = [
            readers.get(path.suffix, bytes)(path.read_bytes())
            for path in _data(tmp_path, source)
        ]
        assert len(texts) == summary.sources[source].objects
        assert texts.count(b"") == summary.sources[source].dirt["empty_object"] >= 1


def test_an_earlier_world_in_the_folder_leaves_nothing(tmp_path: Path) -> None:
    alone, after = tmp_path / "alone", tmp_path / "after"
    write_to_folder(SMALL, alone)
    write_to_folder(World(**(vars(SMALL) | {"seed": 9, "orgs": 60})), after)
    write_to_folder(SMALL, after)
    assert _contents(after) == _contents(alone)


def test_the_tiniest_worlds_can_be_written(tmp_path: Path) -> None:
    for world in (World(orgs=1, days=1), World(orgs=2, days=3, seed=1)):
        summary = write_to_folder(world, tmp_path)
        assert summary.sources["orgs"].partitions == world.days


@pytest.mark.parametrize("name", ["orgs", "days", "scale"])
def test_a_world_of_nothing_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match=f"{name} must be at least 1, not 0"):
        World(**{name: 0})


def test_a_clean_world_has_no_dirt_on_its_lines(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    line = f"--out {tmp_path} --orgs 25 --days 5 --seed 3 --clean --json"
    assert main(line.split()) == 0
    told = json.loads(capsys.readouterr().out)
    summary = summary_from(told["summary"])
    assert told["world"]["orgs"] == 25
    assert summary.sources["app_logs"].lines > 100
    for source in summary.sources.values():
        assert source.rejects == 0
        assert not source.dirt


def test_the_command_writes_what_the_function_writes(
    small: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    line = f"sample --out {tmp_path} --orgs 30 --days 8 --until 2026-03-02 --seed 4"
    assert stack_main(line.split()) == 0
    assert _contents(tmp_path) == _contents(small)
    printed = capsys.readouterr().out
    assert all(source in printed for source in SOURCES)


@pytest.mark.parametrize(
    ("line", "named"),
    [
        ("", "--out DIR, --s3 URL"),
        ("--out {} --orgs 0", "orgs must be at least 1"),
        ("--out {} --until yesterday", "until"),
        ("--s3 https://bucket/raw", "s3://bucket/prefix"),
    ],
)
def test_bad_arguments_exit_with_3(
    line: str, named: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(line.format(tmp_path).split())
    assert stopped.value.code == 3
    assert named in capsys.readouterr().err
