"""Sample worlds on S3: complete, uploaded once, and repaired after changes."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import boto3
import pytest
from botocore.client import BaseClient

from tests.emulators import up
from tests.emulators.sample.world import World
from tests.emulators.sample.write import main, write_to_folder, write_to_s3
from tests.reference import read_raw_data

WORLD = World(orgs=25, days=4, seed=6)
BUCKET = "nightshift-raw"


@pytest.fixture(scope="module")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BaseClient]:
    """Start an empty S3 emulator and return a client for it."""
    with up.running("s3") as emulators, pytest.MonkeyPatch.context() as patch:
        for name, value in emulators.environment.items():
            patch.setenv(name, value)
        yield boto3.client("s3")


@pytest.fixture
def prefix() -> str:
    return f"raw/{uuid4().hex}"


def _objects(s3: BaseClient, prefix: str) -> dict[str, dict[str, Any]]:
    """Return the listing of each object by its key below the prefix."""
    response = s3.list_objects_v2(Bucket=BUCKET, Prefix=f"{prefix}/")
    objects = response.get("Contents", [])
    return {item["Key"].removeprefix(f"{prefix}/"): item for item in objects}


def _data_keys(s3: BaseClient, prefix: str) -> list[str]:
    return [key for key in _objects(s3, prefix) if "/part-" in key]


def _record_changes(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """Record the PutObject and DeleteObject calls of clients that are created later.

    Returns a list, which grows, of pairs of operation and key.
    """
    calls: list[tuple[str, str]] = []
    create_client = boto3.client

    def record(params: dict[str, Any], model: Any, **_: object) -> None:  # noqa: ANN401 - botocore's own
        if model.name in ("PutObject", "DeleteObject"):
            calls.append((model.name, params["Key"]))

    def create_recorded_client(*arguments: object, **options: object) -> BaseClient:
        client = create_client(*arguments, **options)
        client.meta.events.register("before-parameter-build.s3", record)
        return client

    monkeypatch.setattr(boto3, "client", create_recorded_client)
    return calls


def test_s3_and_folder_have_the_same_objects(
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


def test_s3_and_folder_can_be_written_together(
    s3: BaseClient,
    prefix: str,
    tmp_path: Path,
) -> None:
    summary = write_to_s3(WORLD, f"s3://{BUCKET}/{prefix}", folder=tmp_path)
    lines = sum(part.lines for part in read_raw_data(tmp_path).partitions.values())
    assert lines == sum(source.lines for source in summary.sources.values())
    assert len(_objects(s3, prefix)) > 3 * WORLD.days * 4


def test_existing_world_is_not_regenerated(
    s3: BaseClient,
    prefix: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    url = f"s3://{BUCKET}/{prefix}"
    first = write_to_s3(WORLD, url)
    before = _objects(s3, prefix)
    monkeypatch.setattr("tests.emulators.sample.write.generate_company", None)
    assert write_to_s3(WORLD, url) == first
    assert _objects(s3, prefix) == before


def test_world_replaces_another_world(
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


@pytest.mark.parametrize("change", ["removed", "changed", "added"])
def test_only_the_changed_object_is_repaired_and_success_is_written_last(
    s3: BaseClient,
    prefix: str,
    change: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    url = f"s3://{BUCKET}/{prefix}"
    write_to_s3(WORLD, url)
    before = _objects(s3, prefix)
    key = _data_keys(s3, prefix)[-1]
    if change == "removed":
        s3.delete_object(Bucket=BUCKET, Key=f"{prefix}/{key}")
    elif change == "changed":
        s3.put_object(Bucket=BUCKET, Key=f"{prefix}/{key}", Body=b"x")
    else:
        key = f"{key.rpartition('/')[0]}/part-00099.json"
        s3.put_object(Bucket=BUCKET, Key=f"{prefix}/{key}", Body=b"x")
    calls = _record_changes(monkeypatch)
    write_to_s3(WORLD, url)
    after = _objects(s3, prefix)
    assert {name: item["ETag"] for name, item in after.items()} == {
        name: item["ETag"] for name, item in before.items()
    }
    success = f"{key.rpartition('/')[0]}/_SUCCESS"
    assert calls[0] == ("DeleteObject", f"{prefix}/{success}")
    assert calls[-2] == ("PutObject", f"{prefix}/{success}")
    repair = "DeleteObject" if change == "added" else "PutObject"
    assert calls[1:-2] == [(repair, f"{prefix}/{key}")]


def test_command_writes_to_s3(
    s3: BaseClient,
    prefix: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    line = f"--s3 s3://{BUCKET}/{prefix} --orgs 20 --days 2"
    assert main(line.split()) == 0
    assert "web_logs" in capsys.readouterr().out
    assert "orgs/dt=2026-11-24/_SUCCESS" in _objects(s3, prefix)


def test_missing_bucket_is_named(
    s3: BaseClient, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--s3", "s3://no-such-bucket/raw", "--orgs", "2", "--days", "1"]) == 1
    message = capsys.readouterr().err
    assert "Writing to s3://no-such-bucket/raw failed." in message
    assert "NoSuchBucket" in message
