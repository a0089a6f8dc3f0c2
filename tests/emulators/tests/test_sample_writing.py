"""Sample worlds as files: deterministic, with the layout that the contract defines."""

import gzip
import json
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
import zstandard

from tests.emulators.__main__ import main as emulators_main
from tests.emulators.sample.world import SOURCES, World, WorldSummary, summary_from_json
from tests.emulators.sample.write import main, write_to_folder

SMALL = World(orgs=30, days=8, until=date(2026, 3, 2), seed=4)
MANY_DAYS = World(orgs=5, days=40, seed=2)


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


@pytest.fixture(scope="module")
def many_days(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, WorldSummary]:
    folder = tmp_path_factory.mktemp("many-days")
    return folder, write_to_folder(MANY_DAYS, folder)


def _data_objects(folder: Path, source: str) -> Iterator[Path]:
    for path in sorted((folder / source).glob("dt=*/*")):
        if not path.name.startswith(("_", ".")):
            yield path


def test_same_world_gives_the_same_bytes(small: Path, tmp_path: Path) -> None:
    summary = write_to_folder(SMALL, tmp_path)
    assert _contents(tmp_path) == _contents(small)
    assert summary == write_to_folder(SMALL, tmp_path)


def test_another_seed_gives_other_data(small: Path, tmp_path: Path) -> None:
    write_to_folder(World(**(vars(SMALL) | {"seed": 5})), tmp_path)
    for source in SOURCES:
        partition = f"{source}/dt={SMALL.first_date}"
        other, original = (
            set(_contents(folder / partition).values()) for folder in (tmp_path, small)
        )
        assert other != original


def test_every_partition_of_every_source_is_complete(small: Path) -> None:
    partitions = {f"dt={day}" for day in SMALL.dates}
    assert len(partitions) == 8
    assert f"dt={SMALL.until}" in partitions
    for source in SOURCES:
        assert {path.name for path in (small / source).iterdir()} == partitions
        for partition in partitions:
            assert (small / source / partition / "_SUCCESS").read_bytes() == b""


def test_partitions_have_several_objects_with_all_compressions(small: Path) -> None:
    endings = {
        path.name.split(".", 1)[1] for path in small.rglob("part-*") if path.is_file()
    }
    assert endings == {"json", "json.gz", "json.zst", "log", "log.gz", "log.zst"}
    for source in ("app_logs", "web_logs"):
        assert len(list(_data_objects(small, source))) >= 2 * SMALL.days


def test_gzip_headers_have_no_timestamp_and_no_file_name(small: Path) -> None:
    packed = [path.read_bytes() for path in small.rglob("part-*.gz")]
    assert packed
    for content in packed:
        flags, modified_at = content[3], content[4:8]
        assert (flags, modified_at) == (0, bytes(4))


def test_hidden_objects_are_truncated(many_days: tuple[Path, WorldSummary]) -> None:
    folder, _ = many_days
    hidden = [
        path
        for path in folder.rglob("*")
        if path.is_file()
        and path.name.startswith((".", "_"))
        and path.name != "_SUCCESS"
    ]
    assert {path.name[:5] for path in hidden} == {"_tmp-", ".part"}
    for path in hidden:
        with pytest.raises((EOFError, OSError)):
            gzip.decompress(path.read_bytes())


def test_some_objects_are_empty(many_days: tuple[Path, WorldSummary]) -> None:
    folder, summary = many_days
    readers = {
        ".gz": gzip.decompress,
        ".zst": zstandard.ZstdDecompressor().decompress,
    }
    for source in SOURCES:
        contents = [
            readers.get(path.suffix, bytes)(path.read_bytes())
            for path in _data_objects(folder, source)
        ]
        assert len(contents) == summary.sources[source].objects
        assert contents.count(b"") == summary.sources[source].dirt["empty_object"] >= 1


def test_world_replaces_another_world_in_the_folder(tmp_path: Path) -> None:
    alone, replacing = tmp_path / "alone", tmp_path / "replacing"
    write_to_folder(SMALL, alone)
    write_to_folder(World(**(vars(SMALL) | {"seed": 9, "orgs": 60})), replacing)
    write_to_folder(SMALL, replacing)
    assert _contents(replacing) == _contents(alone)


def test_worlds_of_one_or_two_orgs_can_be_written(tmp_path: Path) -> None:
    for world in (World(orgs=1, days=1), World(orgs=2, days=3, seed=1)):
        summary = write_to_folder(world, tmp_path)
        assert summary.sources["orgs"].partitions == world.days


@pytest.mark.parametrize("name", ["orgs", "days", "scale"])
def test_world_rejects_zero(name: str) -> None:
    with pytest.raises(ValueError, match=f"{name} must be at least 1, not 0"):
        World(**{name: 0})


def test_clean_world_has_no_dirt(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    line = f"--out {tmp_path} --orgs 25 --days 5 --seed 3 --clean --json"
    assert main(line.split()) == 0
    output = json.loads(capsys.readouterr().out)
    summary = summary_from_json(output["summary"])
    assert output["world"]["orgs"] == 25
    assert summary.sources["app_logs"].lines > 100
    for source in summary.sources.values():
        assert source.rejects == 0
        assert not source.dirt


def test_command_and_function_write_the_same_objects(
    small: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    line = f"sample --out {tmp_path} --orgs 30 --days 8 --until 2026-03-02 --seed 4"
    assert emulators_main(line.split()) == 0
    assert _contents(tmp_path) == _contents(small)
    printed = capsys.readouterr().out
    assert all(source in printed for source in SOURCES)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("", "--out DIR, --s3 URL"),
        ("--out {} --orgs 0", "orgs must be at least 1"),
        ("--out {} --until yesterday", "until"),
        ("--s3 https://bucket/raw", "s3://bucket/prefix"),
    ],
)
def test_invalid_arguments_exit_with_3(
    line: str, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as exited:
        main(line.format(tmp_path).split())
    assert exited.value.code == 3
    assert message in capsys.readouterr().err
