"""Amazon S3: list, read, write and delete objects and partitions."""

import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from hashlib import sha256
from pathlib import Path
from typing import IO, cast
from urllib.parse import quote

from loaders import aws, aws_errors
from loaders.errors import DataError

SUCCESS = "_SUCCESS"
DELETE_BATCH = 1000
LISTING_SIZE = 1000  # objects per reply, the maximum of S3
# The control characters that XML, and so a request to delete many objects, cannot hold.
NOT_IN_XML = re.compile("[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@dataclass(frozen=True)
class S3Object:
    """One listed object: URL, size in bytes, ETag without quotes."""

    url: str
    size: int
    etag: str

    @property
    def name(self) -> str:
        """The last part of the key, after the last slash."""
        return self.url.rpartition("/")[2]

    @property
    def key(self) -> str:
        """The key within the bucket."""
        return self.url.removeprefix("s3://").partition("/")[2]


@dataclass(frozen=True)
class Partition:
    """The data objects of one source and data date, in key order."""

    source: str
    dt: date
    url: str
    objects: tuple[S3Object, ...]
    is_complete: bool

    @property
    def fingerprint(self) -> str:
        """A digest of every data object's key, size and ETag.

        Two listings with the same fingerprint have the same content.
        """
        return object_fingerprint(self.url, self.objects)

    @property
    def size(self) -> int:
        """The total size of all data objects in bytes, as stored (compressed)."""
        return sum(item.size for item in self.objects)

    def require_complete(self) -> None:
        """Raise `DataError` if `_SUCCESS` is missing."""
        if self.is_complete:
            return
        problem = "is missing"
        if self.objects:
            problem = (
                f"is incomplete: it has {len(self.objects)} data object(s) "
                f"but no {SUCCESS}"
            )
        raise DataError(
            f"Partition {self.url} {problem}. Nothing was loaded; existing data is "
            f"unchanged. Wait for the producer to finish the partition, or ask the "
            f"producer to re-deliver it.",
            object_url=self.url,
        )


def object_fingerprint(prefix: str, objects: Iterable[S3Object]) -> str:
    """Return a digest of the objects' keys below `prefix`, sizes and ETags.

    The order of the objects does not matter.
    """
    lines = sorted(
        f"{item.url.removeprefix(prefix)}\t{item.size}\t{item.etag}" for item in objects
    )
    return sha256("\n".join(lines).encode()).hexdigest()


def partition_url(raw_url: str, source: str, dt: date) -> str:
    """Return `{raw_url}/{source}/dt=YYYY-MM-DD/`."""
    return f"{raw_url}/{source}/dt={dt.isoformat()}/"


def list_partition(raw_url: str, source: str, dt: date) -> Partition:
    """List one partition.

    An object is not data if a part of its path below the partition starts with `_` or
    `.`, or if it is an empty folder: a key without content that ends with a slash.
    """
    url = partition_url(raw_url, source, dt)
    return _partition(url, source, dt, list(list_objects(url)))


def list_partitions(
    raw_url: str, source: str, first: date, last: date
) -> dict[date, Partition]:
    """List a source's partitions from `first` to `last`, 1,000 objects per request.

    A date without objects yields an empty partition.
    """
    days = [first + timedelta(days=n) for n in range((last - first).days + 1)]
    days_by_url = {partition_url(raw_url, source, day): day for day in days}
    objects: dict[date, list[S3Object]] = {day: [] for day in days}
    first_url, last_url = min(days_by_url), max(days_by_url)
    for item in list_objects(f"{raw_url}/{source}/dt=", after=first_url[:-1]):
        url = item.url[: len(last_url)]
        if url > last_url:
            break
        if url in days_by_url:
            objects[days_by_url[url]].append(item)
    return {
        day: _partition(url, source, day, objects[day])
        for url, day in days_by_url.items()
    }


def _partition(url: str, source: str, dt: date, objects: list[S3Object]) -> Partition:
    data = (item for item in objects if _is_data(item, url))
    return Partition(
        source=source,
        dt=dt,
        url=url,
        objects=tuple(sorted(data, key=lambda item: item.url)),
        is_complete=any(item.url == url + SUCCESS for item in objects),
    )


def _is_data(item: S3Object, partition_url: str) -> bool:
    path = item.url.removeprefix(partition_url)
    is_folder = not path or (path.endswith("/") and not item.size)
    is_hidden = any(part.startswith(("_", ".")) for part in path.split("/"))
    return not is_folder and not is_hidden


def relist(partition: Partition) -> Partition:
    """List the partition again and return its current state."""
    prefix, _, _ = partition.url.rpartition(f"/{partition.source}/")
    return list_partition(prefix, partition.source, partition.dt)


def list_objects(url: str, *, after: str = "") -> Iterator[S3Object]:
    """Yield every object whose URL starts with `url`, in key order.

    With `after`, yield only objects whose URL sorts after that text, which need not be
    the URL of an object.
    """
    bucket, prefix = split_url(url)
    start = {"StartAfter": split_url(after)[1]} if after else {}
    with aws.classified_s3_errors(url):
        pages = aws.s3_client().get_paginator("list_objects_v2")
        for page in pages.paginate(
            Bucket=bucket, Prefix=prefix, MaxKeys=LISTING_SIZE, **start
        ):
            for item in page.get("Contents", []):
                yield S3Object(
                    url=f"s3://{bucket}/{item['Key']}",
                    size=item["Size"],
                    etag=item["ETag"].strip('"'),
                )


@contextmanager
def open_object(item: S3Object) -> Iterator[IO[bytes]]:
    """Open a listed object for streaming, if it has not changed since.

    Opening and reading raise `TransientError` if S3 is busy or the transfer breaks
    off, `DataError` if the object has changed or is archived, and `ConfigError` if a
    right is missing. The error's `object_url` is set if only this object is concerned.
    """
    bucket, key = split_url(item.url)
    with aws.classified_s3_errors(item.url, "GetObject"):
        response = aws.s3_client().get_object(Bucket=bucket, Key=key, IfMatch=item.etag)
    with aws.ObjectBody(response["Body"], item.url) as body:
        yield cast("IO[bytes]", body)


def upload(path: Path, url: str) -> None:
    """Upload a local file; readers see either the old object or the new one."""
    bucket, key = split_url(url)
    with aws.classified_s3_errors(url):
        aws.s3_client().upload_file(str(path), bucket, key, Config=aws.SINGLE_THREADED)


def write(
    url: str, content: bytes, *, content_type: str = "application/octet-stream"
) -> None:
    """Write a small object; browsers use the content type to display it."""
    bucket, key = split_url(url)
    with aws.classified_s3_errors(url):
        aws.s3_client().put_object(
            Bucket=bucket, Key=key, Body=content, ContentType=content_type
        )


def delete(urls: Iterable[str]) -> None:
    """Delete objects of one bucket; a missing object is not an error."""
    targets = list(urls)
    for url in (url for url in targets if NOT_IN_XML.search(url)):
        bucket, key = split_url(url)
        with aws.classified_s3_errors(url):
            aws.s3_client().delete_object(Bucket=bucket, Key=key)
    targets = [url for url in targets if not NOT_IN_XML.search(url)]
    for start in range(0, len(targets), DELETE_BATCH):
        _delete_batch(targets[start : start + DELETE_BATCH])


def _delete_batch(urls: list[str]) -> None:
    bucket, _ = split_url(urls[0])
    keys = [{"Key": split_url(url)[1]} for url in urls]
    with aws.classified_s3_errors(f"s3://{bucket}/"):
        response = aws.s3_client().delete_objects(
            Bucket=bucket, Delete={"Objects": keys, "Quiet": True}
        )
    for problem in response.get("Errors", []):
        request = aws_errors.Request("DeleteObject", f"s3://{bucket}/{problem['Key']}")
        raise aws_errors.classify(
            request, problem["Code"], text=problem.get("Message", "")
        )


def check_listing(url: str) -> None:
    """Raise an error that names the problem if `url` cannot be listed."""
    bucket, prefix = split_url(url)
    with aws.classified_s3_errors(url):
        aws.s3_client().list_objects_v2(Bucket=bucket, Prefix=prefix, MaxKeys=1)


def region() -> str:
    """Return the region that boto3 is configured for, or ''."""
    name = str(aws.s3_client().meta.region_name or "")
    return "" if name == "aws-global" else name


def split_url(url: str) -> tuple[str, str]:
    """Return the bucket and the key of an s3:// URL.

    A key may hold every character, so the URL is not parsed as that of a web page.
    """
    bucket, _, key = url.removeprefix("s3://").partition("/")
    return bucket, key


def web_url(url: str) -> str:
    """Return the address at which a browser finds an object: in the AWS console.

    Other services than AWS have the object at their own endpoint. The address contains
    no credentials; the reader needs access.
    """
    bucket, key = split_url(url)
    endpoint = str(aws.s3_client().meta.endpoint_url)
    if endpoint.rstrip("/").endswith((".amazonaws.com", ".amazonaws.com.cn")):
        return f"https://console.aws.amazon.com/s3/object/{bucket}?prefix={quote(key)}"
    return f"{endpoint.rstrip('/')}/{bucket}/{quote(key)}"
