"""Raw partitions on their way to S3: what the product's producers would do."""

from collections.abc import Collection, Iterable
from datetime import date
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import boto3

from tests.nightly.project import Project

SUCCESS = "_SUCCESS"


def client(project: Project) -> Any:  # noqa: ANN401 - boto3 makes its classes up
    """Return an S3 client for the project's stack."""
    given = project.environment
    return boto3.client(
        "s3",
        endpoint_url=given["AWS_ENDPOINT_URL_S3"],
        aws_access_key_id=given["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=given["AWS_SECRET_ACCESS_KEY"],
        region_name=given["AWS_REGION"],
    )


def place(url: str) -> tuple[str, str]:
    """Return bucket and key of an s3:// URL."""
    parts = urlsplit(url)
    return parts.netloc, parts.path.lstrip("/")


def deliver(
    project: Project, folder: Path, *, dates: Collection[date] | None = None
) -> None:
    """Upload the partitions in `folder`, of `dates` only when given."""
    paths = (
        path
        for partition in sorted(folder.glob("*/dt=*"))
        if dates is None or _day(partition) in dates
        for path in sorted(partition.iterdir())
    )
    put(project, {path.relative_to(folder).as_posix(): path for path in paths})


def put(project: Project, objects: dict[str, Path | bytes]) -> None:
    """Write objects below the raw URL, `_SUCCESS` after all others."""
    s3 = client(project)
    bucket, prefix = place(project.raw_url)
    for name in sorted(objects, key=lambda name: (name.endswith(SUCCESS), name)):
        content = objects[name]
        body = content if isinstance(content, bytes) else content.read_bytes()
        s3.put_object(Bucket=bucket, Key=f"{prefix}/{name}", Body=body)


def take_away(project: Project, url: str) -> list[str]:
    """Delete every object below `url`; return their keys."""
    s3 = client(project)
    bucket, _ = place(url)
    keys = list(_keys(s3, url))
    for key in keys:
        s3.delete_object(Bucket=bucket, Key=key)
    return keys


def listing(project: Project, url: str) -> dict[str, str]:
    """Return the ETag of every object below `url`, by its name there."""
    s3 = client(project)
    bucket, prefix = place(url)
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
    return {
        item["Key"].removeprefix(prefix): item["ETag"]
        for page in pages
        for item in page.get("Contents", [])
    }


def _keys(s3: Any, url: str) -> Iterable[str]:  # noqa: ANN401 - boto3's
    bucket, prefix = place(url)
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
    for page in pages:
        yield from (item["Key"] for item in page.get("Contents", []))


def _day(partition: Path) -> date:
    return date.fromisoformat(partition.name.removeprefix("dt="))
