"""Upload raw partitions to S3, and list, download or delete objects."""

from collections.abc import Collection, Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import Any

import boto3

from tests.nightly.project import Project

SUCCESS = "_SUCCESS"


def s3_client(project: Project) -> Any:  # noqa: ANN401 - boto3 creates its classes
    """Return an S3 client for the project's emulator."""
    return _client(project.environment)


def split_url(url: str) -> tuple[str, str]:
    """Return the bucket and the key of an s3:// URL."""
    bucket, _, key = url.removeprefix("s3://").partition("/")
    return bucket, key


def upload_partitions(
    project: Project, folder: Path, *, dates: Collection[date] | None = None
) -> None:
    """Upload the partitions in `folder`: all, or those of `dates`."""
    paths = (
        path
        for partition in sorted(folder.glob("*/dt=*"))
        if dates is None or _date_of(partition) in dates
        for path in sorted(partition.iterdir())
    )
    upload_objects(
        project, {path.relative_to(folder).as_posix(): path for path in paths}
    )


def upload_objects(project: Project, objects: dict[str, Path | bytes]) -> None:
    """Write objects below the raw URL, each `_SUCCESS` after all others."""
    s3 = s3_client(project)
    bucket, prefix = split_url(project.raw_url)
    for name in sorted(objects, key=lambda name: (name.endswith(SUCCESS), name)):
        content = objects[name]
        body = content if isinstance(content, bytes) else content.read_bytes()
        s3.put_object(Bucket=bucket, Key=f"{prefix}/{name}", Body=body)


def delete_objects(project: Project, url: str) -> list[str]:
    """Delete every object below `url`; return their keys."""
    s3 = s3_client(project)
    bucket, _ = split_url(url)
    keys = [item["Key"] for item in _objects(s3, url)]
    for key in keys:
        s3.delete_object(Bucket=bucket, Key=key)
    return keys


def list_etags(project: Project, url: str) -> dict[str, str]:
    """Return the ETag of every object below `url`, by its key relative to `url`."""
    _, prefix = split_url(url)
    return {
        item["Key"].removeprefix(prefix): item["ETag"]
        for item in _objects(s3_client(project), url)
    }


def read_text(project: Project, url: str) -> str:
    """Return the content of a text object."""
    bucket, key = split_url(url)
    content = s3_client(project).get_object(Bucket=bucket, Key=key)["Body"].read()
    return str(content.decode())


def download_objects(url: str, folder: Path, *, environment: Mapping[str, str]) -> None:
    """Write every object below `url` to a file below `folder`."""
    s3 = _client(environment)
    bucket, prefix = split_url(url)
    folder.mkdir(parents=True)
    for item in _objects(s3, url):
        path = folder / item["Key"].removeprefix(f"{prefix}/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(s3.get_object(Bucket=bucket, Key=item["Key"])["Body"].read())


def upload_folder(folder: Path, url: str, *, environment: Mapping[str, str]) -> None:
    """Upload every file below `folder`; sizes and ETags stay the same."""
    s3 = _client(environment)
    bucket, prefix = split_url(url)
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            key = f"{prefix}/{path.relative_to(folder).as_posix()}"
            s3.put_object(Bucket=bucket, Key=key, Body=path.read_bytes())


def _client(environment: Mapping[str, str]) -> Any:  # noqa: ANN401 - as above
    return boto3.client(
        "s3",
        endpoint_url=environment["AWS_ENDPOINT_URL_S3"],
        aws_access_key_id=environment["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=environment["AWS_SECRET_ACCESS_KEY"],
        region_name=environment["AWS_REGION"],
    )


def _objects(s3: Any, url: str) -> Iterator[dict[str, Any]]:  # noqa: ANN401
    bucket, prefix = split_url(url)
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
    for page in pages:
        yield from page.get("Contents", [])


def _date_of(partition: Path) -> date:
    return date.fromisoformat(partition.name.removeprefix("dt="))
