"""Parse the lines that SQL left unparsed on Redshift, and collect the rejects."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date

import structlog

from loaders import s3
from loaders.config import settings
from loaders.errors import DataError
from loaders.ledger.loads import Load, RejectExample, too_many_rejects
from loaders.raw import object_lines
from loaders.raw.object_lines import LongLine
from loaders.raw.records import Record, RecordParser, Reject
from loaders.raw.redshift.refused_lines import RefusedLine
from loaders.raw.rules import MAX_LINE_BYTES

MAX_EXAMPLES = 5
GIB = 1 << 30
# COPY removes one CR at the end of a line, which counts for the length of the line.
UNCERTAIN_BYTES = MAX_LINE_BYTES

log = structlog.get_logger()


@dataclass(frozen=True)
class LocatedReject:
    """A reject; digest is None if its line is not in COPY's table."""

    reject: Reject
    digest: bytes | None = None
    item: s3.S3Object | None = None
    line_number: int | None = None


@dataclass
class PartitionResult:
    """What became of a partition's lines.

    `max_lines` includes lines that are blank or not yet parsed.
    """

    load: Load
    max_lines: int
    rows: int = 0
    rejects: list[LocatedReject] = field(default_factory=list)
    is_located: bool = True
    uncertain: list[bytes] = field(default_factory=list)

    @property
    def lines(self) -> int:
        """The number of parsed lines, without blank lines."""
        return self.rows + len(self.rejects)


def parse_lines(
    lines: Iterable[tuple[date, str]],
    refused: Mapping[str, Sequence[RefusedLine]],
    results: Mapping[date, PartitionResult],
    *,
    parser: RecordParser,
    max_reject_ratio: float,
) -> Iterator[tuple[date, Record]]:
    """Yield the records among unparsed and refused lines; add the others to `results`.

    Raises `DataError` as soon as a partition has too many rejects, or if its objects
    changed.
    """

    def add(dt: date, parsed: Record | Reject | None, place: LocatedReject) -> None:
        result = results[dt]
        if isinstance(parsed, Record):
            result.rows += 1
        elif parsed is not None:
            result.rejects.append(replace(place, reject=parsed))
            if len(result.rejects) > max_reject_ratio * result.max_lines:
                raise _too_many_rejects(result, max_reject_ratio)

    no_place = LocatedReject(Reject("", ""))
    for dt, result in results.items():
        for line in refused.get(result.load.load_id, ()):
            place = replace(no_place, item=line.item, line_number=line.line_number)
            add(dt, line.result, place)
            if isinstance(line.result, Record):
                yield dt, line.result
    for dt, text in lines:
        content = text.encode()
        if len(content) == UNCERTAIN_BYTES:
            results[dt].uncertain.append(content)
            continue
        parsed = parser.parse(content)
        add(dt, parsed, replace(no_place, digest=object_lines.digest(content)))
        if isinstance(parsed, Record):
            yield dt, parsed
    for dt, result in results.items():
        found = list(_with_line_ends(result))
        if len(found) != len(result.uncertain):
            raise DataError(
                f"{result.load.partition.url} changed while it was being loaded. "
                f"Run again to load the new content."
            )
        for content, item, number in found:
            parsed = parser.parse(content)
            add(dt, parsed, replace(no_place, item=item, line_number=number))
            if isinstance(parsed, Record):
                yield dt, parsed


def _with_line_ends(
    result: PartitionResult,
) -> Iterator[tuple[bytes, s3.S3Object, int]]:
    """Yield the lines of the greatest length as they are in S3, with their places."""
    if not result.uncertain:
        return
    refused = {(reject.item, reject.line_number) for reject in result.rejects}
    wanted = {object_lines.digest(line) for line in result.uncertain}

    def search(item: s3.S3Object) -> list[tuple[bytes, s3.S3Object, int]]:
        return [
            (content, item, number)
            for number, line in enumerate(object_lines.read(item), start=1)
            if len(content := line.start if isinstance(line, LongLine) else line)
            >= UNCERTAIN_BYTES
            and (isinstance(line, bytes) or line.length == len(content))
            and object_lines.digest(content) in wanted
            and (item, number) not in refused
        ]

    lines = object_lines.in_parallel(search, result.load.partition.objects)
    yield from (line for found in lines for line in found)


def locate(result: PartitionResult, *, limit: int | None = None) -> None:
    """Find the object and the line number of the rejects, or of the first `limit`.

    Does nothing if the objects are larger than `NIGHTSHIFT_LOCATE_REJECTS_MAX_GIB`.
    """
    rejects = result.rejects[:limit]
    wanted = Counter(reject.digest for reject in rejects if reject.digest)
    objects = result.load.partition.objects
    max_gib = settings.load().locate_rejects_max_gib
    if wanted and sum(item.size for item in objects) > max_gib * GIB:
        log.warning(
            "rejects not located",
            partition=result.load.partition.url,
            max_gib=max_gib,
            locate_later=locate_command(result.load.partition),
        )
    elif wanted:
        places = object_lines.locate(objects, wanted, key=object_lines.digest)
        for position, reject in enumerate(rejects):
            if reject.digest and places.get(reject.digest):
                item, number = places[reject.digest].pop(0)
                located = replace(reject, item=item, line_number=number)
                result.rejects[position] = located
    result.is_located = all(reject.item for reject in result.rejects)


def locate_command(partition: s3.Partition) -> str:
    """Return the command that locates the rejects of a partition after its load."""
    return (
        f"nightshift rejects locate --source {partition.source} --date {partition.dt}"
    )


def _too_many_rejects(result: PartitionResult, ratio: float) -> DataError:
    locate(result, limit=MAX_EXAMPLES)
    return too_many_rejects(
        result.load.partition.source,
        result.load.partition.dt.isoformat(),
        lines=result.max_lines,
        ratio=ratio,
        reasons=Counter(item.reject.reason for item in result.rejects),
        examples=[
            RejectExample(
                item.item.key if item.item else None,
                item.line_number,
                item.reject.reason,
            )
            for item in result.rejects[:MAX_EXAMPLES]
        ],
    )
