"""Packing of a partition's lines into objects: sorted, split, compressed and named.

A partition has several objects. Some partitions also have an empty object or a hidden,
truncated one, as an unfinished upload leaves it. The same lines give the same bytes.
"""

import gzip
from collections.abc import Iterable, Iterator
from operator import itemgetter
from random import Random
from typing import NamedTuple

import zstandard

from tests.emulators.sample.dirt_sampler import DirtSampler
from tests.emulators.sample.stream import Line, Source
from tests.emulators.sample.world import SourceSummary, World

MAX_LINES = 10_000
"""Maximum number of lines per object, which bounds the memory use."""
WITHOUT_LAST_LINE_END = 0.1
GZIP_LEVEL = 5
FORMS = ("gz", "zst", "plain", "two gz members")
FORM_WEIGHTS = (35, 40, 20, 5)


class RawObject(NamedTuple):
    """An object of a partition."""

    name: str
    content: bytes


class Packer:
    """Packs the lines of one source into objects, partition by partition.

    It adds its counts to `summary`.
    """

    def __init__(self, world: World, source: Source, summary: SourceSummary) -> None:
        self._world = world
        self._source = source
        self._summary = summary
        self._sampler = DirtSampler(
            world.rates.select(("empty_object", "hidden_object")),
            world.rng("deck", source.name, "objects"),
        )

    def objects(self, day: int, lines: Iterable[Line]) -> Iterator[RawObject]:
        """Yield the objects that hold `lines`, and an empty or hidden one at times."""
        rng = self._world.rng("objects", self._source.name, day)
        number, packed = 0, b""
        for chunk in _chunks(lines, rng.randint(*self._source.object_counts)):
            form = rng.choices(FORMS, FORM_WEIGHTS)[0]
            packed = _pack_lines(chunk, form, rng)
            yield self._count_object(self._name(number, form), packed)
            number += 1
        special = self._sampler.next_kind()
        if special:
            self._summary.dirt[special] += 1
        if special == "empty_object":
            form = rng.choice(FORMS[:3])
            yield self._count_object(self._name(number, form), _compress(b"", form))
        elif special == "hidden_object":
            name = rng.choice(("_tmp-", ".part-")) + self._name(number, "gz")
            yield RawObject(name, packed[: len(packed) // 2])

    def _count_object(self, name: str, content: bytes) -> RawObject:
        self._summary.objects += 1
        return RawObject(name, content)

    def _name(self, number: int, form: str) -> str:
        ending = {"plain": "", "zst": ".zst"}.get(form, ".gz")
        return f"part-{number:05}.{self._source.extension}{ending}"


def _chunks(lines: Iterable[Line], shards: int) -> Iterator[list[Line]]:
    """Distribute lines over `shards` buffers; yield each buffer when it is full.

    At the end the remaining buffers are yielded. A list is reused after it was yielded.
    """
    buffers: list[list[Line]] = [[] for _ in range(shards)]
    for line in lines:
        if line.shard is None:
            buffer = max(buffers, key=len)
        else:
            buffer = buffers[line.shard % shards]
        buffer.append(line)
        if len(buffer) >= MAX_LINES:
            yield buffer
            buffer.clear()
    yield from (buffer for buffer in buffers if buffer)


def _pack_lines(lines: list[Line], form: str, rng: Random) -> bytes:
    lines.sort(key=itemgetter(0))
    content = [line.content + b"\n" for line in lines]
    if rng.random() < WITHOUT_LAST_LINE_END:
        content[-1] = content[-1].removesuffix(b"\n")
    if form == "two gz members":
        half = len(content) // 2
        parts = (content[:half], content[half:])
        return b"".join(_compress(b"".join(part), "gz") for part in parts)
    return _compress(b"".join(content), form)


def _compress(content: bytes, form: str) -> bytes:
    if form == "gz":
        # The header contains neither a file name nor a modification time.
        return gzip.compress(content, GZIP_LEVEL, mtime=0)
    if form == "zst":
        return zstandard.ZstdCompressor(level=3).compress(content)
    return content
