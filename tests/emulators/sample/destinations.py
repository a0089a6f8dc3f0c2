"""Destinations for raw partitions: a local folder, or a prefix in an S3 bucket.

A destination receives the objects of a partition one by one, and writes `_SUCCESS`
after the last one.
"""

import hashlib
import json
import shutil
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit

import boto3
from botocore.config import Config

from tests.emulators.sample.partitions import RawObject
from tests.emulators.sample.world import World, WorldSummary, summary_from_json

SUCCESS = "_SUCCESS"
MANIFEST = "_world.json"
"""The parameters and the summary of the world, and the ETags of its objects."""
THREADS = 8
MAX_IN_FLIGHT = 4 * THREADS


class Destination(Protocol):
    """Receives partitions one after another. Their names are like `orgs/dt=DATE`."""

    def put(self, partition: str, item: RawObject) -> None:
        """Write an object of the partition."""

    def complete(self, partition: str) -> None:
        """Mark the partition as complete, after all its objects were put."""

    def close(self, world: World, summary: WorldSummary) -> None:
        """Wait for all writes, after all partitions were completed."""


class LocalFolder:
    """A local folder. An existing partition is removed before it is written."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._current_partition = ""

    def put(self, partition: str, item: RawObject) -> None:
        """Write the object as a file."""
        self._start(partition)
        (self._folder / partition / item.name).write_bytes(item.content)

    def complete(self, partition: str) -> None:
        """Write `_SUCCESS`."""
        self._start(partition)
        (self._folder / partition / SUCCESS).touch()

    def close(self, world: World, summary: WorldSummary) -> None:
        """Do nothing, because files are written immediately."""

    def _start(self, partition: str) -> None:
        if self._current_partition != partition:
            self._current_partition = partition
            shutil.rmtree(self._folder / partition, ignore_errors=True)
            (self._folder / partition).mkdir(parents=True)


class S3Prefix:
    """A prefix in a bucket, given as `s3://bucket/prefix`.

    Objects that exist with the same ETag are not uploaded again. Other objects in the
    written partitions are deleted. Raises ValueError for any other URL.
    """

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme != "s3" or not parts.netloc:
            raise ValueError(f"{url!r} is not of the form s3://bucket/prefix")
        self._bucket = parts.netloc
        self._prefix = f"{parts.path.strip('/')}/".lstrip("/")
        config = Config(max_pool_connections=THREADS + 1)
        self._client = boto3.client("s3", config=config)
        # Both are ETags by folder and object name.
        self._existing = self._list_etags()
        self._written: dict[str, dict[str, str]] = {}
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="put")
        self._in_flight: deque[Future[Any]] = deque()
        self._partition_uploads: list[Future[Any]] = []
        self._pending_success: tuple[str, list[Future[Any]]] | None = None

    def existing_summary(self, world: World) -> WorldSummary | None:
        """Return the summary of `world` if the prefix holds exactly its objects."""
        if MANIFEST not in self._existing.get(self._prefix, {}):
            return None
        key = f"{self._prefix}{MANIFEST}"
        response = self._client.get_object(Bucket=self._bucket, Key=key)
        manifest = json.loads(response["Body"].read())
        expected = [_json_values(world), _code_fingerprint()]
        if [manifest["world"], manifest["code"]] != expected:
            return None
        for folder, etags in manifest["objects"].items():
            if self._existing.get(folder) != etags:
                return None
        return summary_from_json(manifest["summary"])

    def put(self, partition: str, item: RawObject) -> None:
        """Upload the object unless it exists."""
        folder = f"{self._prefix}{partition}/"
        etag = _md5(item.content)
        self._written.setdefault(folder, {})[item.name] = etag
        if self._existing.get(folder, {}).get(item.name) != etag:
            self._delete_success(folder)
            upload = self._upload(f"{folder}{item.name}", item.content)
            self._partition_uploads.append(upload)

    def complete(self, partition: str) -> None:
        """Write `_SUCCESS` once all uploads of the partition have finished."""
        folder = f"{self._prefix}{partition}/"
        written = self._written.setdefault(folder, {})
        existing = self._existing.get(folder, {}).keys()
        for name in existing - written.keys() - {SUCCESS}:
            self._delete_success(folder)
            self._client.delete_object(Bucket=self._bucket, Key=f"{folder}{name}")
        written[SUCCESS] = _md5(b"")
        self._write_pending_success()
        if SUCCESS not in self._existing.get(folder, {}):
            # Do not wait here, so that the next partition is generated meanwhile.
            self._pending_success = (f"{folder}{SUCCESS}", self._partition_uploads)
        self._partition_uploads = []

    def close(self, world: World, summary: WorldSummary) -> None:
        """Wait for all uploads, then write the manifest."""
        self._write_pending_success()
        while self._in_flight:
            self._in_flight.popleft().result()
        manifest = {
            "world": _json_values(world),
            "code": _code_fingerprint(),
            "summary": summary.to_json(),
            "objects": self._written,
        }
        content = json.dumps(manifest).encode()
        self._upload(f"{self._prefix}{MANIFEST}", content).result()
        self._pool.shutdown()

    def _write_pending_success(self) -> None:
        if self._pending_success is not None:
            key, uploads = self._pending_success
            for upload in uploads:
                upload.result()
            self._upload(key, b"")
            self._pending_success = None

    def _delete_success(self, folder: str) -> None:
        """Delete `_SUCCESS` before the objects of a complete partition change."""
        if self._existing.get(folder, {}).pop(SUCCESS, None) is not None:
            key = f"{folder}{SUCCESS}"
            self._client.delete_object(Bucket=self._bucket, Key=key)

    def _upload(self, key: str, content: bytes) -> Future[Any]:
        if len(self._in_flight) >= MAX_IN_FLIGHT:
            self._in_flight.popleft().result()
        future = self._pool.submit(
            self._client.put_object, Bucket=self._bucket, Key=key, Body=content
        )
        self._in_flight.append(future)
        return future

    def _list_etags(self) -> dict[str, dict[str, str]]:
        etags: dict[str, dict[str, str]] = {}
        pages = self._client.get_paginator("list_objects_v2")
        for page in pages.paginate(Bucket=self._bucket, Prefix=self._prefix):
            for item in page.get("Contents", ()):
                folder, _, name = item["Key"].rpartition("/")
                etag = item["ETag"].strip('"')
                etags.setdefault(f"{folder}/".lstrip("/"), {})[name] = etag
        return etags


def _md5(content: bytes) -> str:
    """Return the ETag that S3 gives an object with this content."""
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


def _json_values(world: World) -> object:
    """Return the world's parameters as they are after a JSON round trip."""
    return json.loads(json.dumps(world.to_json()))


def _code_fingerprint() -> str:
    """Return a hash of the generator's source code."""
    digest = hashlib.sha256()
    for path in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()
