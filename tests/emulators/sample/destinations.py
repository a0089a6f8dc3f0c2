"""Where raw partitions go: a folder, or a prefix of an S3 bucket.

Both take a partition's objects one by one and mark it complete with `_SUCCESS` when
the last one is in place.
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
from tests.emulators.sample.world import World, WorldSummary, summary_from

SUCCESS = "_SUCCESS"
NOTE = "_world.json"
"""Beside the partitions: which world they are, and which objects it has."""
THREADS = 8
MOST_IN_FLIGHT = 4 * THREADS


class Destination(Protocol):
    """Takes partitions, one after another. A partition is named `source/dt=...`."""

    def put(self, partition: str, item: RawObject) -> None:
        """Take an object of the partition."""

    def complete(self, partition: str) -> None:
        """Mark the partition complete: all its objects were put."""

    def close(self, world: World, summary: WorldSummary) -> None:
        """Wait until everything is in place: all partitions were completed."""


class Folder:
    """A folder; a partition that is there already is removed first."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._open = ""

    def put(self, partition: str, item: RawObject) -> None:
        """Write the object as a file."""
        self._begin(partition)
        (self._folder / partition / item.name).write_bytes(item.content)

    def complete(self, partition: str) -> None:
        """Write `_SUCCESS`."""
        self._begin(partition)
        (self._folder / partition / SUCCESS).touch()

    def close(self, world: World, summary: WorldSummary) -> None:
        """Have nothing left to do: files are in place when they are written."""

    def _begin(self, partition: str) -> None:
        if self._open != partition:
            self._open = partition
            shutil.rmtree(self._folder / partition, ignore_errors=True)
            (self._folder / partition).mkdir(parents=True)


class Bucket:
    """A prefix of a bucket, told as `s3://bucket/prefix`.

    An object that is there with the same ETag is left alone; others of a partition
    that was put are removed. Raises ValueError for another kind of URL.
    """

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme != "s3" or not parts.netloc:
            raise ValueError(f"{url!r} is not like s3://bucket/prefix")
        self._bucket = parts.netloc
        self._prefix = f"{parts.path.strip('/')}/".lstrip("/")
        config = Config(max_pool_connections=THREADS + 1)
        self._client = boto3.client("s3", config=config)
        self._there = self._listed()
        self._kept: dict[str, dict[str, str]] = {}
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="put")
        self._in_flight: deque[Future[Any]] = deque()
        self._puts: list[Future[Any]] = []
        self._ready: tuple[str, list[Future[Any]]] | None = None

    def told(self, world: World) -> WorldSummary | None:
        """Return the summary of `world` if its objects, and no others, are there."""
        if NOTE not in self._there.get(self._prefix, {}):
            return None
        key = f"{self._prefix}{NOTE}"
        note = self._client.get_object(Bucket=self._bucket, Key=key)
        told = json.loads(note["Body"].read())
        if [told["world"], told["code"]] != [_json_of(world), _code()]:
            return None
        for folder, objects in told["objects"].items():
            if self._there.get(folder) != objects:
                return None
        return summary_from(told["summary"])

    def put(self, partition: str, item: RawObject) -> None:
        """Send the object, unless it is there."""
        folder = f"{self._prefix}{partition}/"
        etag = hashlib.md5(item.content, usedforsecurity=False).hexdigest()
        self._kept.setdefault(folder, {})[item.name] = etag
        if self._there.get(folder, {}).get(item.name) != etag:
            self._reopen(folder)
            self._puts.append(self._send(f"{folder}{item.name}", item.content))

    def complete(self, partition: str) -> None:
        """Put `_SUCCESS` as soon as all of the partition's objects are there."""
        folder = f"{self._prefix}{partition}/"
        kept = self._kept.setdefault(folder, {})
        for name in self._there.get(folder, {}).keys() - kept.keys() - {SUCCESS}:
            self._reopen(folder)
            self._client.delete_object(Bucket=self._bucket, Key=f"{folder}{name}")
        kept[SUCCESS] = hashlib.md5(b"", usedforsecurity=False).hexdigest()
        self._put_success()
        if SUCCESS not in self._there.get(folder, {}):
            # Not awaited here: the next partition can be made in the meantime.
            self._ready = (f"{folder}{SUCCESS}", self._puts)
        self._puts = []

    def close(self, world: World, summary: WorldSummary) -> None:
        """Wait for what is on its way, then note which world this is."""
        self._put_success()
        while self._in_flight:
            self._in_flight.popleft().result()
        note = {
            "world": _json_of(world),
            "code": _code(),
            "summary": summary.told(),
            "objects": self._kept,
        }
        self._send(f"{self._prefix}{NOTE}", json.dumps(note).encode()).result()
        self._pool.shutdown()

    def _put_success(self) -> None:
        if self._ready is not None:
            key, puts = self._ready
            for future in puts:
                future.result()
            self._send(key, b"")
            self._ready = None

    def _reopen(self, folder: str) -> None:
        """Take the mark away before anything changes in a complete partition."""
        if self._there.get(folder, {}).pop(SUCCESS, None) is not None:
            key = f"{folder}{SUCCESS}"
            self._client.delete_object(Bucket=self._bucket, Key=key)

    def _send(self, key: str, content: bytes) -> Future[Any]:
        if len(self._in_flight) >= MOST_IN_FLIGHT:
            self._in_flight.popleft().result()
        future = self._pool.submit(
            self._client.put_object, Bucket=self._bucket, Key=key, Body=content
        )
        self._in_flight.append(future)
        return future

    def _listed(self) -> dict[str, dict[str, str]]:
        """Return the ETags of what is under the prefix, by folder and name."""
        found: dict[str, dict[str, str]] = {}
        pages = self._client.get_paginator("list_objects_v2")
        for page in pages.paginate(Bucket=self._bucket, Prefix=self._prefix):
            for item in page.get("Contents", ()):
                folder, _, name = item["Key"].rpartition("/")
                etag = item["ETag"].strip('"')
                found.setdefault(f"{folder}/".lstrip("/"), {})[name] = etag
        return found


def _json_of(world: World) -> object:
    """Return the world as JSON gives it back."""
    return json.loads(json.dumps(world.told()))


def _code() -> str:
    """Return a fingerprint of the code that makes worlds."""
    digest = hashlib.sha256()
    for path in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()
