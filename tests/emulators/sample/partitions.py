"""The objects of a partition: its lines sorted, cut, compressed and named.

Several objects a partition; now and then an empty one, or one that is hidden because
somebody was still writing it. The same lines always give the same bytes.
"""

import gzip
from collections.abc import Iterable, Iterator
from operator import itemgetter
from random import Random
from typing import NamedTuple

import zstandard

from tests.emulators.sample.dirt_sampler import Deck
from tests.emulators.sample.stream import Line, Source
from tests.emulators.sample.world import SourceSummary, World

MOST_LINES = 10_000
"""Lines of one object, and of the memory that it takes."""
WITHOUT_LAST_LINE_END = 0.1
GZIP_LEVEL = 5
FORMS = ("gz", "zst", "plain", "two gz members")
FORM_WEIGHTS = (35, 40, 20, 5)


class RawObject(NamedTuple):
    """An object of a partition."""

    name: str
    content: bytes


class Packer:
    """Makes objects of the lines of one source, partition after partition."""

    def __init__(self, world: World, source: Source, summary: SourceSummary) -> None:
        self._world = world
        self._source = source
        self._summary = summary
        self._deck = Deck(
            world.rates.of(("empty_object", "hidden_object")),
            world.rng("deck", source.name, "objects"),
        )

    def objects(self, day: int, lines: Iterable[Line]) -> Iterator[RawObject]:
        """Yield the objects that hold `lines`, in the order of their names."""
        rng = self._world.rng("objects", self._source.name, day)
        number, packed = 0, b""
        for chunk in _chunks(lines, rng.randint(*self._source.objects)):
            form = rng.choices(FORMS, FORM_WEIGHTS)[0]
            packed = _packed(chunk, form, rng)
            yield self._data(self._name(number, form), packed)
            number += 1
        special = self._deck.deal()
        if special:
            self._summary.dirt[special] += 1
        if special == "empty_object":
            form = rng.choice(FORMS[:3])
            yield self._data(self._name(number, form), _compressed(b"", form))
        elif special == "hidden_object":
            name = rng.choice(("_tmp-", ".part-")) + self._name(number, "gz")
            yield RawObject(name, packed[: len(packed) // 2])

    def _data(self, name: str, content: bytes) -> RawObject:
        self._summary.objects += 1
        return RawObject(name, content)

    def _name(self, number: int, form: str) -> str:
        ending = {"plain": "", "zst": ".zst"}.get(form, ".gz")
        return f"part-{number:05}.{self._source.suffix}{ending}"


def _chunks(lines: Iterable[Line], shards: int) -> Iterator[list[Line]]:
    """Deal lines to `shards` and yield each when it is full or all have come."""
    buffers: list[list[Line]] = [[] for _ in range(shards)]
    for line in lines:
        if line.shard is None:
            buffer = max(buffers, key=len)
        else:
            buffer = buffers[line.shard % shards]
        buffer.append(line)
        if len(buffer) >= MOST_LINES:
            yield buffer
            buffer.clear()
    yield from (buffer for buffer in buffers if buffer)


def _packed(lines: list[Line], form: str, rng: Random) -> bytes:
    lines.sort(key=itemgetter(0))
    content = [line.content + b"\n" for line in lines]
    if rng.random() < WITHOUT_LAST_LINE_END:
        content[-1] = content[-1].removesuffix(b"\n")
    if form == "two gz members":
        half = len(content) // 2
        parts = (content[:half], content[half:])
        return b"".join(_compressed(b"".join(part), "gz") for part in parts)
    return _compressed(b"".join(content), form)


def _compressed(content: bytes, form: str) -> bytes:
    if form == "gz":
        # Neither a name nor a time in the header.
        return gzip.compress(content, GZIP_LEVEL, mtime=0)
    if form == "zst":
        return zstandard.ZstdCompressor(level=3).compress(content)
    return content
