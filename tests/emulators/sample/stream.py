"""From a source's records to the lines of its partitions, dirt and all.

Partitions are asked for in the order of their days: what is late waits here for its
day. Memory does not grow with the number of lines.
"""

from collections import defaultdict
from collections.abc import Iterator
from random import Random
from typing import Any, NamedTuple, Protocol

from tests.emulators.sample.dirt_sampler import Deck
from tests.emulators.sample.rates import LATE_DAYS
from tests.emulators.sample.world import SourceSummary, World

MOST_WAITING = 20_000
"""Lines that wait for a later partition, at most; beyond, nothing more is delayed."""
BLANKS = (b"", b"", b"   ", b"\t", b" \t ")


class Record(NamedTuple):
    """What one line should say; `seconds` after midnight to sort by.

    Records of the same `shard` go to the same object. A fixed one gets no dirt: its
    visitor would be another one, or absent for a while.
    """

    seconds: int
    shard: int
    values: Any
    is_fixed: bool = False


class Told(NamedTuple):
    """A line to write in place of a record, `delay` partitions later."""

    values: Any
    delay: int = 0


class Line(NamedTuple):
    """A line without its end. Without a shard it goes where most lines are."""

    seconds: int
    shard: int | None
    content: bytes


class Source(Protocol):
    """One of the four sources: what it says and how its lines can be wrong.

    `objects` is the range of the number of objects of a partition.
    """

    name: str
    suffix: str
    objects: tuple[int, int]
    rejects: tuple[str, ...]
    oddities: tuple[str, ...]
    events: tuple[str, ...]

    def records(self, day: int) -> Iterator[Record]:
        """Yield what the source has to say of that day."""

    def spell(self, values: Any, oddity: str | None, rng: Random) -> bytes:  # noqa: ANN401 - each source has its own kind of values
        """Return the line, written in an odd but valid way if asked to."""

    def spoil(self, values: Any, kind: str, rng: Random) -> bytes:  # noqa: ANN401 - as above
        """Return a line that must be rejected."""

    def happen(self, kind: str, values: Any, rng: Random) -> list[Told]:  # noqa: ANN401 - as above
        """Return what is written in place of the record when `kind` befalls it.

        Being late is the stream's own business.
        """


class Stream:
    """The lines of one source, partition after partition; counts what it gives."""

    def __init__(self, world: World, source: Source, summary: SourceSummary) -> None:
        self._world = world
        self._source = source
        self._most_rejected = world.rates.max_rejected
        self._events = self._deck("events", source.events)
        self._rejects = self._deck("rejects", source.rejects)
        self._oddities = self._deck("oddities", source.oddities)
        self._blanks = self._deck("blanks", ("blank_line",))
        self._waiting: dict[int, list[tuple[str, Line]]] = defaultdict(list)
        self._rejected = self._written = 0
        self._summary = summary

    def lines(self, day: int) -> Iterator[Line]:
        """Yield the lines of that day's partition, blank ones among them."""
        rng = self._world.rng("lines", self._source.name, day)
        self._rejected = self._written = 0
        for kind, line in self._waiting.pop(day, ()):
            self._summary.dirt[kind] += 1
            self._written += 1
            yield line
        for record in self._source.records(day):
            if self._blanks.deal():
                self._summary.dirt["blank_line"] += 1
                yield Line(record.seconds, record.shard, rng.choice(BLANKS))
            kind = self._events.deal(may=self._may_happen(record))
            if kind is None:
                self._written += 1
                yield self._plain(record, rng)
            else:
                yield from self._befallen(record, kind, day=day, rng=rng)
        self._summary.lines += self._written
        self._summary.rejects += self._rejected

    def _plain(self, record: Record, rng: Random) -> Line:
        kind = self._rejects.deal(may=not record.is_fixed and self._may_reject())
        if kind:
            self._rejected += 1
            self._summary.dirt[kind] += 1
            content = self._source.spoil(record.values, kind, rng)
            return Line(record.seconds, None, content)
        content = self._spelled(record.values, rng, may_be_odd=not record.is_fixed)
        return Line(record.seconds, record.shard, content)

    def _befallen(
        self, record: Record, kind: str, *, day: int, rng: Random
    ) -> Iterator[Line]:
        spelled: dict[int, bytes] = {}
        if kind in LATE_DAYS:
            told = [Told(record.values, delay=LATE_DAYS[kind])]
        else:
            told = self._source.happen(kind, record.values, rng)
        for values, delay in told:
            if id(values) not in spelled:
                # A copy is the same to the byte.
                spelled[id(values)] = self._spelled(values, rng)
            line = Line(record.seconds, record.shard, spelled[id(values)])
            if delay:
                self._waiting[day + delay].append((kind, line))
            else:
                self._written += 1
                yield line
        if not any(delay for _, delay in told):
            self._summary.dirt[kind] += 1

    def _spelled(
        self,
        values: Any,  # noqa: ANN401 - as above
        rng: Random,
        *,
        may_be_odd: bool = True,
    ) -> bytes:
        oddity = self._oddities.deal(may=may_be_odd)
        if oddity:
            self._summary.dirt[oddity] += 1
        return self._source.spell(values, oddity, rng)

    def _may_reject(self) -> bool:
        # Lines only become more: the bound holds for the whole partition then.
        return self._rejected + 1 <= self._most_rejected * self._written

    def _may_happen(self, record: Record) -> bool:
        if record.is_fixed:
            return False
        return sum(map(len, self._waiting.values())) < MOST_WAITING

    def _deck(self, what: str, kinds: tuple[str, ...]) -> Deck:
        rng = self._world.rng("deck", self._source.name, what)
        return Deck(self._world.rates.of(kinds), rng)
