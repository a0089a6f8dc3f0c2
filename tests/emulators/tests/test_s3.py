"""The S3 emulator stores its objects on disk and keeps them across restarts."""

from pathlib import Path
from typing import Any

import boto3

from tests.emulators import up

BUCKET = "nightshift-archive"


def test_objects_survive_a_restart(tmp_path: Path) -> None:
    with up.running("s3", data=tmp_path) as emulators:
        s3 = _client(emulators.environment)
        s3.put_object(Bucket=BUCKET, Key="a/dt=2026-11-24/part", Body=b"rows")
        s3.put_object(Bucket=BUCKET, Key="a/dt=2026-11-24/_SUCCESS", Body=b"")
        s3.put_object(Bucket=BUCKET, Key="b/deleted", Body=b"x")
        s3.delete_objects(Bucket=BUCKET, Delete={"Objects": [{"Key": "b/deleted"}]})
        before = _listing(s3)
    with up.running("s3", data=tmp_path) as emulators:
        assert _listing(_client(emulators.environment)) == before
    assert sorted(key for key, *_ in before) == [
        "a/dt=2026-11-24/_SUCCESS",
        "a/dt=2026-11-24/part",
    ]


def _client(environment: dict[str, str]) -> Any:  # noqa: ANN401 - boto3's
    return boto3.client(
        "s3",
        endpoint_url=environment["AWS_ENDPOINT_URL_S3"],
        aws_access_key_id=environment["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=environment["AWS_SECRET_ACCESS_KEY"],
        region_name=environment["AWS_REGION"],
    )


def _listing(s3: Any) -> list[tuple[str, int, str]]:  # noqa: ANN401 - boto3's
    objects = s3.list_objects_v2(Bucket=BUCKET)["Contents"]
    return [(item["Key"], item["Size"], item["ETag"]) for item in objects]
