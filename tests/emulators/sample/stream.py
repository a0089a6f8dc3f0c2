"""Generation of the lines of a source's partitions, including the dirt.

Partitions must be generated in ascending order of their days, because late lines are
buffered until their partition. Memory use does not depend on the number of lines.
"""

from collections import defaultdict
from collections.abc import Iterator
from random import Random
from typing import Any, NamedTuple, Protocol

from tests.emulators.sample.dirt_sampler import DirtSampler
from tests.emulators.sample.rates import LATE_DAYS, Kinds
from tests.emulators.sample.world import SourceSummary, World

MAX_LATE_LINES = 20_000
"""No further lines are delayed while this many are buffered."""
BLANK_LINES = (b"", b"", b"   ", b"\t", b" \t ")


class Record(NamedTuple):
    """The values of one line, and the `seconds` after midnight to sort by.

    Records with the same `shard` go to the same object. Records with `is_protected`
    stay free of dirt; a bot needs each of its requests at the exact time.
    """

    seconds: int
    shard: int
    values: Any
    is_protected: bool = False


class Delivery(NamedTuple):
    """Values to write instead of a record, into the partition `delay` days later."""

    values: Any
    delay: int = 0


class Line(NamedTuple):
    """One line without its line end.

    If `shard` is None, it goes to the object that has the most lines.
    """

    seconds: int
    shard: int | None
    content: bytes


class Source(Protocol):
    """One of the four sources: its records, its line format and its kinds of dirt.

    `object_counts` is the range of the number of objects per partition.
    """

    name: str
    extension: str
    object_counts: tuple[int, int]
    reject_kinds: Kinds
    variant_kinds: Kinds
    anomaly_kinds: Kinds

    def records(self, day: int) -> Iterator[Record]:
        """Yield the records of the day."""

    def format_line(self, values: Any, variant: str | None, rng: Random) -> bytes:  # noqa: ANN401 - each source has its own type of values
        """Return the values as a line, unusual but valid if `variant` is set."""

    def corrupt_line(self, values: Any, kind: str, rng: Random) -> bytes:  # noqa: ANN401 - as above
        """Return the values as a line that must be rejected, for the reason `kind`."""

    def apply_anomaly(self, kind: str, values: Any, rng: Random) -> list[Delivery]:  # noqa: ANN401 - as above
        """Return what is delivered instead of a record with the anomaly `kind`.

        `Stream` handles the kinds in `LATE_DAYS` itself.
        """


class Stream:
    """The lines of one source, partition by partition.

    It adds its counts to `summary`.
    """

    def __init__(self, world: World, source: Source, summary: SourceSummary) -> None:
        self._world = world
        self._source = source
        self._max_rejected = world.rates.max_rejected
        # These keys seed random generators, so another key would change the data.
        self._anomalies = self._sampler("events", source.anomaly_kinds)
        self._rejects = self._sampler("rejects", source.reject_kinds)
        self._variants = self._sampler("oddities", source.variant_kinds)
        self._blanks = self._sampler("blanks", ("blank_line",))
        self._late_lines: dict[int, list[tuple[str, Line]]] = defaultdict(list)
        self._rejected = self._written = 0
        self._summary = summary

    def lines(self, day: int) -> Iterator[Line]:
        """Yield the lines of the day's partition, including blank lines."""
        rng = self._world.rng("lines", self._source.name, day)
        self._rejected = self._written = 0
        for late_kind, line in self._late_lines.pop(day, ()):
            self._summary.dirt[late_kind] += 1
            self._written += 1
            yield line
        for record in self._source.records(day):
            if self._blanks.next_kind():
                self._summary.dirt["blank_line"] += 1
                yield Line(record.seconds, record.shard, rng.choice(BLANK_LINES))
            kind = self._anomalies.next_kind(allowed=self._may_be_anomalous(record))
            if kind is None:
                self._written += 1
                yield self._regular_line(record, rng)
            else:
                yield from self._anomalous_lines(record, kind, day=day, rng=rng)
        self._summary.lines += self._written
        self._summary.rejects += self._rejected

    def _regular_line(self, record: Record, rng: Random) -> Line:
        may_reject = not record.is_protected and self._may_reject()
        kind = self._rejects.next_kind(allowed=may_reject)
        if kind:
            self._rejected += 1
            self._summary.dirt[kind] += 1
            content = self._source.corrupt_line(record.values, kind, rng)
            return Line(record.seconds, None, content)
        content = self._formatted(record.values, rng, may_vary=not record.is_protected)
        return Line(record.seconds, record.shard, content)

    def _anomalous_lines(
        self, record: Record, kind: str, *, day: int, rng: Random
    ) -> Iterator[Line]:
        formatted: dict[int, bytes] = {}
        if kind in LATE_DAYS:
            deliveries = [Delivery(record.values, delay=LATE_DAYS[kind])]
        else:
            deliveries = self._source.apply_anomaly(kind, record.values, rng)
        for values, delay in deliveries:
            if id(values) not in formatted:
                # A copy has the same bytes as its original.
                formatted[id(values)] = self._formatted(values, rng)
            line = Line(record.seconds, record.shard, formatted[id(values)])
            if delay:
                self._late_lines[day + delay].append((kind, line))
            else:
                self._written += 1
                yield line
        if not any(delay for _, delay in deliveries):
            self._summary.dirt[kind] += 1

    def _formatted(
        self,
        values: Any,  # noqa: ANN401 - as above
        rng: Random,
        *,
        may_vary: bool = True,
    ) -> bytes:
        variant = self._variants.next_kind(allowed=may_vary)
        if variant:
            self._summary.dirt[variant] += 1
        return self._source.format_line(values, variant, rng)

    def _may_reject(self) -> bool:
        # The number of lines only grows, so the limit also holds for the partition.
        return self._rejected + 1 <= self._max_rejected * self._written

    def _may_be_anomalous(self, record: Record) -> bool:
        if record.is_protected:
            return False
        return sum(map(len, self._late_lines.values())) < MAX_LATE_LINES

    def _sampler(self, group: str, kinds: Kinds) -> DirtSampler:
        rng = self._world.rng("deck", self._source.name, group)
        return DirtSampler(self._world.rates.select(kinds), rng)
