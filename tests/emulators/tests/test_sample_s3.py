"""Sample worlds on S3: sent once, complete, and mended where something is amiss."""

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import boto3
import pytest
from botocore.client import BaseClient

from tests.emulators import up
from tests.emulators.sample.world import World
from tests.emulators.sample.write import main, write_to_folder, write_to_s3
from tests.reference import read_world

WORLD = World(orgs=25, days=4, seed=6)
BUCKET = "nightshift-raw"


@pytest.fixture(scope="module")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BaseClient]:
    """Give a client of an S3 that has nothing in it."""
    with up.running("s3") as stack, pytest.MonkeyPatch.context() as patch:
        for name, value in stack.environment.items():
            patch.setenv(name, value)
        yield boto3.client("s3")


@pytest.fixture
def prefix() -> str:
    return f"raw/{uuid4().hex}"


def _objects(s3: BaseClient, prefix: str) -> dict[str, dict[str, Any]]:
    found = s3.list_objects_v2(Bucket=BUCKET, Prefix=f"{prefix}/").get("Contents", [])
    return {item["Key"].removeprefix(f"{prefix}/"): item for item in found}


def _sent(s3: BaseClient, prefix: str, key: str) -> datetime:
    return _objects(s3, prefix)[key]["LastModified"]


def _data_keys(s3: BaseClient, prefix: str) -> list[str]:
    return [key for key in _objects(s3, prefix) if "/part-" in key]


def _changes_from_now_on(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """Return the list to which clients made from now on add what they change."""
    calls: list[tuple[str, str]] = []
    real = boto3.client

    def keep(params: dict[str, Any], model: Any, **_: object) -> None:  # noqa: ANN401 - botocore's own
        if model.name in ("PutObject", "DeleteObject"):
            calls.append((model.name, params["Key"]))

    def client(*arguments: object, **options: object) -> BaseClient:
        made = real(*arguments, **options)
        made.meta.events.register("before-parameter-build.s3", keep)
        return made

    monkeypatch.setattr(boto3, "client", client)
    return calls


def test_what_is_on_s3_is_what_would_be_in_a_folder(
    s3: BaseClient,
    prefix: str,
    tmp_path: Path,
) -> None:
    in_folder = write_to_folder(WORLD, tmp_path)
    on_s3 = write_to_s3(WORLD, f"s3://{BUCKET}/{prefix}/")
    assert on_s3 == in_folder
    files = {
        path.relative_to(tmp_path).as_posix(): path.read_bytes()
        for path in tmp_path.rglob("*")
        if path.is_file()
    }
    objects = _objects(s3, prefix)
    assert objects.keys() - files.keys() == {"_world.json"}
    for key, content in files.items():
        body = s3.get_object(Bucket=BUCKET, Key=f"{prefix}/{key}")["Body"]
        assert body.read() == content


def test_a_folder_can_be_written_beside(
    s3: BaseClient,
    prefix: str,
    tmp_path: Path,
) -> None:
    summary = write_to_s3(WORLD, f"s3://{BUCKET}/{prefix}", folder=tmp_path)
    lines = sum(part.lines for part in read_world(tmp_path).partitions.values())
    assert lines == sum(source.lines for source in summary.sources.values())
    assert len(_objects(s3, prefix)) > 3 * WORLD.days * 4


def test_a_world_that_is_there_is_not_even_made(
    s3: BaseClient,
    prefix: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    url = f"s3://{BUCKET}/{prefix}"
    first = write_to_s3(WORLD, url)
    before = _objects(s3, prefix)
    monkeypatch.setattr("tests.emulators.sample.write.found_company", None)
    assert write_to_s3(WORLD, url) == first
    assert _objects(s3, prefix) == before


def test_another_world_takes_the_place_of_the_first(
    s3: BaseClient,
    prefix: str,
    tmp_path: Path,
) -> None:
    other = World(**(vars(WORLD) | {"orgs": 60, "seed": 1}))
    write_to_s3(other, f"s3://{BUCKET}/{prefix}")
    write_to_s3(WORLD, f"s3://{BUCKET}/{prefix}", folder=tmp_path)
    files = {
        path.relative_to(tmp_path).as_posix()
        for path in tmp_path.rglob("*")
        if path.is_file()
    }
    assert _objects(s3, prefix).keys() - {"_world.json"} == files


@pytest.mark.parametrize("harm", ["removed", "changed", "added"])
def test_only_what_is_amiss_is_sent_again_and_its_mark_last(
    s3: BaseClient,
    prefix: str,
    harm: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    url = f"s3://{BUCKET}/{prefix}"
    write_to_s3(WORLD, url)
    before = _objects(s3, prefix)
    key = _data_keys(s3, prefix)[-1]
    if harm == "removed":
        s3.delete_object(Bucket=BUCKET, Key=f"{prefix}/{key}")
    elif harm == "changed":
        s3.put_object(Bucket=BUCKET, Key=f"{prefix}/{key}", Body=b"x")
    else:
        key = f"{key.rpartition('/')[0]}/part-00099.json"
        s3.put_object(Bucket=BUCKET, Key=f"{prefix}/{key}", Body=b"x")
    calls = _changes_from_now_on(monkeypatch)
    write_to_s3(WORLD, url)
    after = _objects(s3, prefix)
    assert {name: item["ETag"] for name, item in after.items()} == {
        name: item["ETag"] for name, item in before.items()
    }
    mark = f"{key.rpartition('/')[0]}/_SUCCESS"
    assert calls[0] == ("DeleteObject", f"{prefix}/{mark}")
    assert calls[-2] == ("PutObject", f"{prefix}/{mark}")
    deed = "DeleteObject" if harm == "added" else "PutObject"
    assert calls[1:-2] == [(deed, f"{prefix}/{key}")]


def test_the_command_sends_to_s3(
    s3: BaseClient,
    prefix: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    line = f"--s3 s3://{BUCKET}/{prefix} --orgs 20 --days 2"
    assert main(line.split()) == 0
    assert "web_logs" in capsys.readouterr().out
    assert "orgs/dt=2026-11-24/_SUCCESS" in _objects(s3, prefix)


def test_a_bucket_that_is_not_there_is_named(
    s3: BaseClient, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--s3", "s3://no-such-bucket/raw", "--orgs", "2", "--days", "1"]) == 1
    told = capsys.readouterr().err
    assert "s3://no-such-bucket/raw was not written" in told
    assert "NoSuchBucket" in told
