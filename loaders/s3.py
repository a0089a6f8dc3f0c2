"""Amazon S3: list, read, write and delete objects. The one importer of boto3.

Where and as whom is boto3's own business (AWS_ENDPOINT_URL_S3, AWS_PROFILE,
AWS_REGION, ...). boto3 itself retries what is transient, with jitter.
"""

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import IO, Any
from urllib.parse import urlsplit

import boto3
from boto3.s3.transfer import TransferConfig
from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionError,
    HTTPClientError,
    NoCredentialsError,
    NoRegionError,
)

from loaders.errors import ConfigError, DataError, TransientError

SUCCESS = "_SUCCESS"
DELETE_BATCH = 1000
TRIES = 6
BUSY_CODES = {"SlowDown", "InternalError", "ServiceUnavailable", "RequestTimeout"}


@dataclass(frozen=True)
class S3Object:
    """One object as a listing gives it: URL, size in bytes, ETag without quotes."""

    url: str
    size: int
    etag: str

    @property
    def name(self) -> str:
        """The last part of the key."""
        return self.url.rpartition("/")[2]

    @property
    def key(self) -> str:
        """The key in its bucket."""
        return self.url.removeprefix("s3://").partition("/")[2]


@dataclass(frozen=True)
class Partition:
    """The data objects of one source and day, in key order; complete or not."""

    source: str
    dt: date
    url: str
    objects: tuple[S3Object, ...]
    is_complete: bool

    @property
    def fingerprint(self) -> str:
        """A digest of key, size and ETag of every data object: what there is to load.

        Two listings with the same fingerprint hold the same bytes.
        """
        return object_fingerprint(self.url, self.objects)

    @property
    def size(self) -> int:
        """Bytes of all data objects, as they lie there."""
        return sum(item.size for item in self.objects)

    def require_complete(self) -> None:
        """Raise `DataError` in words when `_SUCCESS` is missing."""
        if not self.is_complete:
            raise DataError(
                f"Partition {self.url} is incomplete: it has {len(self.objects)} data "
                f"object(s) but no {SUCCESS}. Wait for the producer to finish it, or "
                f"have it delivered again; nothing was loaded and earlier content is "
                f"as it was."
            )


def object_fingerprint(prefix: str, objects: Iterable[S3Object]) -> str:
    """Digest key (below `prefix`), size and ETag of the objects, order aside."""
    lines = sorted(
        f"{item.url.removeprefix(prefix)}\t{item.size}\t{item.etag}" for item in objects
    )
    return sha256("\n".join(lines).encode()).hexdigest()


def partition_url(raw_url: str, source: str, dt: date) -> str:
    """Return `{raw_url}/{source}/dt=YYYY-MM-DD/`."""
    return f"{raw_url}/{source}/dt={dt.isoformat()}/"


def list_partition(raw_url: str, source: str, dt: date) -> Partition:
    """List one day of one source; names that start with `_` or `.` are not data."""
    url = partition_url(raw_url, source, dt)
    return _partition(url, source, dt, list(list_objects(url)))


def list_partitions(
    raw_url: str, source: str, first: date, last: date
) -> dict[date, Partition]:
    """List a range of days of one source with one request a thousand objects.

    Days of which nothing is there are empty partitions.
    """
    days = [first + timedelta(days=n) for n in range((last - first).days + 1)]
    urls = {partition_url(raw_url, source, day): day for day in days}
    found: dict[date, list[S3Object]] = {day: [] for day in days}
    end = max(urls)
    for item in list_objects(f"{raw_url}/{source}/dt=", after=min(urls)[:-1]):
        url = item.url[: len(end)]
        if url > end:
            break
        if url in urls:
            found[urls[url]].append(item)
    return {day: _partition(url, source, day, found[day]) for url, day in urls.items()}


def _partition(url: str, source: str, dt: date, objects: list[S3Object]) -> Partition:
    data = (item for item in objects if not item.name.startswith(("_", ".")))
    return Partition(
        source=source,
        dt=dt,
        url=url,
        objects=tuple(
            sorted((item for item in data if item.name), key=lambda item: item.url)
        ),
        is_complete=any(item.url == url + SUCCESS for item in objects),
    )


def relist(partition: Partition) -> Partition:
    """List the partition as it is now."""
    prefix, _, _ = partition.url.rpartition(f"/{partition.source}/")
    return list_partition(prefix, partition.source, partition.dt)


def list_objects(url: str, *, after: str = "") -> Iterator[S3Object]:
    """Yield every object whose URL starts with `url`, in key order.

    With `after`, only those whose URL comes after it, which need not be there.
    """
    bucket, prefix = _split(url)
    start = {"StartAfter": _split(after)[1]} if after else {}
    with _explained(url):
        pages = _client().get_paginator("list_objects_v2")
        for page in pages.paginate(Bucket=bucket, Prefix=prefix, **start):
            for item in page.get("Contents", []):
                yield S3Object(
                    url=f"s3://{bucket}/{item['Key']}",
                    size=item["Size"],
                    etag=item["ETag"].strip('"'),
                )


@contextmanager
def reading(item: S3Object) -> Iterator[IO[bytes]]:
    """Open the object for streaming; it must still be the one that was listed."""
    bucket, key = _split(item.url)
    with _explained(item.url):
        try:
            body = _client().get_object(Bucket=bucket, Key=key, IfMatch=item.etag)
        except ClientError as error:
            if error.response["Error"]["Code"] in ("PreconditionFailed", "NoSuchKey"):
                raise DataError(
                    f"{item.url} changed while its partition was being loaded. "
                    f"Run again: the new content is loaded then."
                ) from error
            raise
        yield body["Body"]


def upload(path: Path, url: str) -> None:
    """Write a local file to `url`; readers see the old object or the new one."""
    bucket, key = _split(url)
    with _explained(url):
        _client().upload_file(
            str(path), bucket, key, Config=TransferConfig(use_threads=False)
        )


def write(
    url: str, content: bytes, *, content_type: str = "application/octet-stream"
) -> None:
    """Write a small object; browsers go by its content type."""
    bucket, key = _split(url)
    with _explained(url):
        _client().put_object(
            Bucket=bucket, Key=key, Body=content, ContentType=content_type
        )


def delete(urls: Iterable[str]) -> None:
    """Delete objects of one bucket; those already gone are no error."""
    wanted = [_split(url) for url in urls]
    for start in range(0, len(wanted), DELETE_BATCH):
        batch = wanted[start : start + DELETE_BATCH]
        keys = [{"Key": key} for _, key in batch]
        with _explained(f"s3://{batch[0][0]}/"):
            answer = _client().delete_objects(
                Bucket=batch[0][0], Delete={"Objects": keys, "Quiet": True}
            )
        for problem in answer.get("Errors", []):
            raise ConfigError(
                f"Cannot delete s3://{batch[0][0]}/{problem['Key']}: "
                f"{problem['Code']}. Grant s3:DeleteObject on it."
            )


def check_bucket(url: str) -> None:
    """Raise `ConfigError` when the bucket of `url` is not there or not ours."""
    bucket, _ = _split(url)
    with _explained(url):
        _client().head_bucket(Bucket=bucket)


def region() -> str:
    """Return the region that boto3 is set to, '' when it has none."""
    found = _client().meta.region_name or ""
    return "" if found == "aws-global" else found


def _split(url: str) -> tuple[str, str]:
    parts = urlsplit(url)
    return parts.netloc, parts.path.lstrip("/")


@cache
def _client_of(process: int) -> Any:  # noqa: ANN401 - boto3 makes its classes up
    """Make one client a process: a forked worker must not share connections."""
    return boto3.client(
        "s3",
        config=Config(
            retries={"mode": "standard", "max_attempts": TRIES},
            connect_timeout=10,
            read_timeout=60,
        ),
    )


def _client() -> Any:  # noqa: ANN401 - as above
    with _explained("s3://"):
        return _client_of(os.getpid())


@contextmanager
def _explained(url: str) -> Iterator[None]:
    """Turn boto3's errors into ours, naming the URL and the next step."""
    try:
        yield
    except ClientError as error:
        raise _of_client_error(error, url) from error
    except (NoCredentialsError, NoRegionError) as error:
        raise ConfigError(
            f"{error} S3 ({url}) needs boto3's own settings: "
            "AWS_PROFILE or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, AWS_REGION."
        ) from error
    except (ConnectionError, HTTPClientError) as error:
        raise TransientError(
            f"S3 did not answer for {url}: {error} "
            "Check AWS_ENDPOINT_URL_S3 and the network, then run again."
        ) from error
    except BotoCoreError as error:
        raise ConfigError(
            f"S3 settings do not work for {url}: {error} Check the AWS_* variables."
        ) from error


def _of_client_error(error: ClientError, url: str) -> Exception:
    code = error.response["Error"]["Code"]
    bucket, _ = _split(url)
    if code in ("NoSuchBucket", "404") or (code == "NotFound"):
        return ConfigError(
            f"Bucket {bucket!r} does not exist ({url}). "
            "Create it, or correct NIGHTSHIFT_RAW_URL or NIGHTSHIFT_ARCHIVE_URL."
        )
    kind = TransientError if code in BUSY_CODES else ConfigError
    return kind(
        f"S3 refused {url}: {code}: {error.response['Error'].get('Message', '')}. "
        "Check the credentials' rights on this bucket and prefix, then run again."
    )
