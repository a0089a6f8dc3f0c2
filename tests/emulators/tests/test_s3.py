"""The S3 emulator keeps its objects across restarts, and fails on request."""

from pathlib import Path
from typing import Any
from uuid import uuid4

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import (
    ClientError,
    ConnectionClosedError,
    ResponseStreamingError,
)

from tests.emulators import up
from tests.emulators.s3_faults import injected_faults

BUCKET = "nightshift-archive"


def test_objects_survive_a_restart(tmp_path: Path) -> None:
    with up.running("s3", data=tmp_path) as emulators:
        s3 = _client(emulators.environment)
        s3.put_object(Bucket=BUCKET, Key="a/dt=2026-11-24/part", Body=b"rows")
        s3.put_object(Bucket=BUCKET, Key="a/dt=2026-11-24/_SUCCESS", Body=b"")
        s3.put_object(Bucket=BUCKET, Key="b/deleted", Body=b"x")
        s3.put_object(Bucket=BUCKET, Key="ü %#?.json", Body=b"x")
        s3.delete_objects(Bucket=BUCKET, Delete={"Objects": [{"Key": "b/deleted"}]})
        before = _listing(s3)
    with up.running("s3", data=tmp_path) as emulators:
        assert _listing(_client(emulators.environment)) == before
    assert sorted(key for key, *_ in before) == [
        "a/dt=2026-11-24/_SUCCESS",
        "a/dt=2026-11-24/part",
        "ü %#?.json",
    ]


def _client(environment: dict[str, str]) -> Any:  # noqa: ANN401 - boto3's
    return boto3.client(
        "s3",
        endpoint_url=environment["AWS_ENDPOINT_URL_S3"],
        aws_access_key_id=environment["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=environment["AWS_SECRET_ACCESS_KEY"],
        region_name=environment["AWS_REGION"],
        config=Config(retries={"mode": "standard", "max_attempts": 1}),
    )


def _listing(s3: Any) -> list[tuple[str, int, str]]:  # noqa: ANN401 - boto3's
    objects = s3.list_objects_v2(Bucket=BUCKET)["Contents"]
    return [(item["Key"], item["Size"], item["ETag"]) for item in objects]


def test_fault_fails_the_requests_that_it_names(
    shared_emulators: dict[str, str],
) -> None:
    s3 = _client(shared_emulators)
    keys = [f"{uuid4().hex} ü#?", uuid4().hex]
    for key in keys:
        s3.put_object(Bucket=BUCKET, Key=key, Body=b"content")
    fault = {"operation": "GetObject", "key": keys[0][:32], "on": 2, "times": 1}
    reply = {"code": "AccessDenied", "status": 403, "message": "<no>"}
    with injected_faults(shared_emulators, fault | reply) as count_requests:
        for key in (*keys, *keys[1:]):
            assert s3.get_object(Bucket=BUCKET, Key=key)["Body"].read() == b"content"
        with pytest.raises(ClientError, match=r"AccessDenied.*<no>"):
            s3.get_object(Bucket=BUCKET, Key=keys[0])
        s3.get_object(Bucket=BUCKET, Key=keys[0])
        assert count_requests() == [3]


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ({"cut_at": 3}, ResponseStreamingError),
        ({"drop": True}, ConnectionClosedError),
    ],
)
def test_fault_breaks_off_a_reply(
    shared_emulators: dict[str, str],
    fault: dict[str, object],
    error: type[Exception],
) -> None:
    s3 = _client(shared_emulators)
    key = uuid4().hex
    s3.put_object(Bucket=BUCKET, Key=key, Body=b"content")
    fault = {"operation": "GetObject", "key": key, "times": 0, **fault}
    with injected_faults(shared_emulators, fault), pytest.raises(error):
        s3.get_object(Bucket=BUCKET, Key=key)["Body"].read()
