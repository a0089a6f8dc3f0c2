"""Access to S3: authorization by role, listing, reading and writing objects."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from itertools import takewhile
from typing import Any
from urllib.parse import urlsplit

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from tests.emulators.redshift.cluster import Cluster
from tests.emulators.redshift.errors import RedshiftError

REGION = "us-east-1"
NO_KEY = ("404", "NoSuchKey", "NotFound")
S3_ERROR = "S3ServiceException:{message},Status {status},Error {code}"


@dataclass(frozen=True)
class S3Object:
    """One object, and its size in bytes."""

    bucket: str
    key: str
    size: int

    @property
    def url(self) -> str:
        """Its address, `s3://bucket/key`."""
        return f"s3://{self.bucket}/{self.key}"


@dataclass(frozen=True)
class OpenObject:
    """The content of an object that is being read, and its version."""

    body: Any
    etag: str
    modified_at: datetime

    def read(self, size: int) -> bytes:
        """Return at most `size` bytes, none at the end."""
        with _translate_errors():
            return bytes(self.body.read(size))

    def read_chunks(self, size: int) -> Iterator[bytes]:
        """Yield the rest of the content in chunks of `size` bytes."""
        while chunk := self.read(size):
            yield chunk


@cache
def _client(endpoint: str | None, region: str) -> Any:  # noqa: ANN401 - boto3's own
    """Return a client for all sessions: creating one takes longer than a COPY."""
    return boto3.client(
        "s3",
        endpoint_url=endpoint,
        region_name=region,
        aws_access_key_id="redshift",
        aws_secret_access_key="redshift",
        config=Config(
            retries={"max_attempts": 2}, connect_timeout=5, max_pool_connections=50
        ),
    )


class Storage:
    """S3 as the cluster accesses it with one of its roles."""

    def __init__(self, cluster: Cluster, role: str, region: str) -> None:
        _check_role(cluster, role)
        self._region = region or REGION
        self._client = _client(cluster.s3_endpoint, self._region)

    def list_source(
        self, source: str, *, is_manifest: bool, needs_length: bool
    ) -> list[S3Object]:
        """Return the objects of a prefix or manifest.

        Raises RedshiftError if there are none, or if `needs_length` and an entry of the
        manifest has no content_length.
        """
        bucket, key = split_url(source)
        self._check_region(bucket)
        if is_manifest:
            return self._list_manifest(source, needs_length=needs_length)
        objects = self.list_prefix(bucket, key)
        if not objects:
            raise RedshiftError(f"The specified S3 prefix '{key}' does not exist")
        return objects

    def list_prefix(self, bucket: str, prefix: str) -> list[S3Object]:
        """Return all objects whose keys begin with a prefix."""
        with _translate_errors():
            pages = self._client.get_paginator("list_objects_v2").paginate(
                Bucket=bucket, Prefix=prefix
            )
            return [
                S3Object(bucket, item["Key"], item["Size"])
                for page in pages
                for item in page.get("Contents", [])
            ]

    def read_text(self, url: str, purpose: str) -> str:
        """Return a small object as text; `purpose` names it in error messages."""
        bucket, key = split_url(url)
        with _translate_errors(f"Problem reading {purpose} - "):
            body = self._client.get_object(Bucket=bucket, Key=key)["Body"].read()
        return body.decode("utf-8", errors="replace")

    def open_object(self, item: S3Object) -> "OpenObject":
        """Open an object for reading."""
        with _translate_errors():
            reply = self._client.get_object(Bucket=item.bucket, Key=item.key)
        return OpenObject(
            body=reply["Body"],
            etag=reply["ETag"].strip('"'),
            modified_at=reply["LastModified"].astimezone(UTC).replace(tzinfo=None),
        )

    def read_chunks(self, item: S3Object, size: int) -> Iterator[bytes]:
        """Yield an object's content in chunks of `size` bytes."""
        return self.open_object(item).read_chunks(size)

    def upload(self, path: str, bucket: str, key: str) -> None:
        """Upload a file as an object."""
        with _translate_errors():
            self._client.upload_file(path, bucket, key)

    def put(self, bucket: str, key: str, body: bytes) -> None:
        """Write bytes as an object."""
        with _translate_errors():
            self._client.put_object(Bucket=bucket, Key=key, Body=body)

    def delete(self, items: list[S3Object]) -> None:
        """Delete objects."""
        with _translate_errors():
            for item in items:
                self._client.delete_object(Bucket=item.bucket, Key=item.key)

    def _check_region(self, bucket: str) -> None:
        with _translate_errors():
            location = self._client.get_bucket_location(Bucket=bucket)
        actual = location.get("LocationConstraint") or REGION
        if actual != self._region:
            raise RedshiftError(
                "S3ServiceException:The S3 bucket addressed by the query is in a"
                f" different region from this cluster: {bucket} is in {actual}, not in"
                f" {self._region},Status 301,Error PermanentRedirect"
            )

    def _list_manifest(self, url: str, *, needs_length: bool) -> list[S3Object]:
        text = self.read_text(url, "manifest file")
        try:
            entries = json.loads(text)["entries"]
        except (ValueError, KeyError, TypeError):
            raise RedshiftError(
                f"Problem reading manifest file - it is not JSON with entries: {url}"
            ) from None
        sizes = self._list_sizes(entries)
        found = [
            self._find_entry(entry, sizes, needs_length=needs_length)
            for entry in entries
        ]
        objects = [item for item in found if item is not None]
        if not objects:
            raise RedshiftError(f"No file of the manifest exists: {url}")
        return objects

    def _request_size(self, bucket: str, key: str) -> int:
        reply = self._client.head_object(Bucket=bucket, Key=key)
        return int(reply["ContentLength"])

    def _list_sizes(self, entries: list[dict[str, Any]]) -> dict[str, int]:
        """Return the sizes by URL of many entries, which saves a request for each."""
        urls = [str(entry.get("url")) for entry in entries]
        if len(urls) <= 20:
            return {}
        # What the first and the last have in common, all others have too.
        pairs = zip(min(urls), max(urls), strict=False)
        common = "".join(
            first for first, _ in takewhile(lambda pair: pair[0] == pair[1], pairs)
        )
        if common.count("/") < 3:
            return {}
        bucket, prefix = split_url(common)
        return {item.url: item.size for item in self.list_prefix(bucket, prefix)}

    def _find_entry(
        self, entry: dict[str, Any], sizes: dict[str, int], *, needs_length: bool
    ) -> S3Object | None:
        """Return a manifest entry's object, None if it is missing and not mandatory."""
        if "url" not in entry:
            raise RedshiftError("Mandatory url is not present in manifest file.")
        url = entry["url"]
        bucket, key = split_url(url)
        try:
            size = sizes[url] if url in sizes else self._request_size(bucket, key)
        except ClientError as error:
            is_absent = error.response["Error"]["Code"] in NO_KEY
            if is_absent and not entry.get("mandatory", False):
                return None
            raise _missing_object(entry["url"], error) from error
        stated_size = entry.get("meta", {}).get("content_length")
        if stated_size is None and needs_length:
            raise RedshiftError(
                f"Missing content_length in the manifest for {entry['url']}: a columnar"
                " format needs it"
            )
        if needs_length and stated_size != size:
            raise RedshiftError(
                f"The manifest states content_length {stated_size} for {entry['url']},"
                f" but the object has {size} bytes"
            )
        return S3Object(bucket, key, size)


def split_url(url: str) -> tuple[str, str]:
    """Return the bucket and the key of `s3://bucket/key`."""
    parts = urlsplit(url, allow_fragments=False)
    if parts.scheme != "s3" or not parts.netloc:
        raise RedshiftError(f"Invalid S3 URL: {url}", "22023")
    return parts.netloc, url.split("/", 3)[3] if url.count("/") > 2 else ""


def _check_role(cluster: Cluster, role: str) -> None:
    """Raise RedshiftError for a role that is not attached to the cluster."""
    if cluster.s3_endpoint is None:
        raise RedshiftError(
            "This emulator was started without an S3 endpoint. Start it with --s3"
        )
    for name in role.split(",") if role else []:
        if name.strip() not in cluster.iam_roles:
            raise RedshiftError(
                f"Not authorized to get credentials of role {name.strip()}",
                detail="the roles of this cluster: " + ", ".join(cluster.iam_roles),
            )


def _missing_object(url: str, error: ClientError) -> RedshiftError:
    message = f"{_format_s3_error(error)} ({url})"
    return RedshiftError(message, detail=f"context: {url} is mandatory")


def _format_s3_error(error: ClientError) -> str:
    code = error.response["Error"]["Code"]
    if code in NO_KEY:
        return S3_ERROR.format(
            message="The specified key does not exist.", status=404, code="NoSuchKey"
        )
    return S3_ERROR.format(
        message=error.response["Error"].get("Message", ""),
        status=error.response["ResponseMetadata"]["HTTPStatusCode"],
        code=code,
    )


@contextmanager
def _translate_errors(prefix: str = "") -> Iterator[None]:
    """Convert boto3's exceptions to RedshiftError."""
    try:
        yield
    except ClientError as error:
        raise RedshiftError(prefix + _format_s3_error(error)) from error
    except BotoCoreError as error:
        raise RedshiftError(f"{prefix}S3CurlException: {error}") from error
