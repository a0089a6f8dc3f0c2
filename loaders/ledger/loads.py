"""The ledger tables of loads: `ops.loads` and `ops.load_objects`.

They are written in the transaction of the load itself, so that data and ledger rows are
committed together.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import uuid4

from loaders import s3
from loaders.errors import DataError
from loaders.ledger import load_objects
from loaders.ledger.completion import now
from loaders.warehouse import Connection

MAX_EXAMPLES = 5


@dataclass(frozen=True)
class Load:
    """One partition to load, and the id of its load."""

    partition: s3.Partition
    load_id: str = field(default_factory=lambda: uuid4().hex)


@dataclass(frozen=True)
class ObjectCount:
    """Line, row and reject counts of one object; None if they are not known.

    `lines` counts blank lines too.
    """

    item: s3.S3Object
    lines: int | None
    rows: int | None
    rejects: int | None


@dataclass(frozen=True)
class LoadCounts:
    """Exact counts of a load, without blank lines, and the counts of its objects.

    `erased` are lines of erased subjects, which the load has left out. The objects'
    counts include them.
    """

    lines: int
    rows: int
    rejects: int
    objects: tuple[ObjectCount, ...]
    erased: int = 0

    @classmethod
    def of_objects(cls, objects: Sequence[ObjectCount]) -> "LoadCounts":
        """Return the sums of objects whose counts are all known."""
        rows = sum(count.rows or 0 for count in objects)
        rejects = sum(count.rejects or 0 for count in objects)
        return cls(
            lines=rows + rejects, rows=rows, rejects=rejects, objects=tuple(objects)
        )


@dataclass(frozen=True)
class LoadResult:
    """The result of a load: the partition and its counts."""

    load_id: str
    source: str
    dt: str
    fingerprint: str
    bytes: int
    counts: LoadCounts

    @property
    def objects(self) -> tuple[ObjectCount, ...]:
        """The counts of the partition's objects."""
        return self.counts.objects

    @property
    def lines(self) -> int:
        """The number of lines read, without blank lines."""
        return self.counts.lines

    @property
    def rows(self) -> int:
        """The number of rows loaded."""
        return self.counts.rows

    @property
    def rejects(self) -> int:
        """The number of rejected lines."""
        return self.counts.rejects

    @property
    def erased(self) -> int:
        """The number of lines left out because their subject was erased."""
        return self.counts.erased

    @property
    def log_fields(self) -> dict[str, object]:
        """The fields of the load's log message."""
        return {
            "source": self.source,
            "dt": self.dt,
            "objects": len(self.objects),
            "lines": self.lines,
            "rows": self.rows,
            "rejects": self.rejects,
            **({"erased": self.erased} if self.erased else {}),
        }


@dataclass(frozen=True)
class RejectExample:
    """A reject for an error message; object and line number may be unknown."""

    object_key: str | None
    line_number: int | None
    reason: str


def check_reject_ratio(
    connection: Connection, result: LoadResult, *, ratio: float
) -> None:
    """Raise `DataError` with reasons and examples if too many records were rejected.

    `ratio` is the greatest allowed share of rejects, from 0 to 1.
    """
    if not result.lines or result.rejects / result.lines <= ratio:
        return
    rejects = connection.table("ops", "load_rejects")
    reasons = connection.fetch_all(
        "-- loaders.ledger.loads reject reasons\n"
        f"select reason, count(*) from {rejects} "
        "where load_id = ? group by 1 order by 2 desc, 1",
        [result.load_id],
    )
    examples = connection.fetch_all(
        "-- loaders.ledger.loads reject examples\n"
        "select object_key, line_number, reason "
        f"from {rejects} where load_id = ? order by 1, 2 limit {MAX_EXAMPLES}",
        [result.load_id],
    )
    raise too_many_rejects(
        result.source,
        result.dt,
        lines=result.lines,
        ratio=ratio,
        reasons={reason: int(count) for reason, count in reasons},
        examples=[RejectExample(*example) for example in examples],
    )


def too_many_rejects(
    source: str,
    dt: str,
    *,
    lines: int,
    ratio: float,
    reasons: Mapping[str, int],
    examples: Sequence[RejectExample],
) -> DataError:
    """Return the error for a partition with too many rejects.

    `reasons` has the number of rejects by reason. The load may have stopped before it
    parsed the last lines.
    """
    rejects = sum(reasons.values())
    common = sorted(reasons.items(), key=lambda item: (-item[1], item[0]))
    return DataError(
        f"{source} dt={dt}: {rejects:,} of {lines:,} lines "
        f"rejected ({rejects / lines:.1%}), more than max_reject_ratio "
        f"({ratio:.1%}) allows. Reasons: "
        + ", ".join(f"{reason} ({count:,})" for reason, count in common[:MAX_EXAMPLES])
        + ". First rejects: "
        + "; ".join(
            f"{example.object_key or 'unknown object'}"
            f"{f' line {example.line_number}' if example.line_number else ''}: "
            f"{example.reason}"
            for example in examples
        )
        + ". Existing data is unchanged. Ask the producer to re-deliver the partition, "
        "or raise the var max_reject_ratio in dbt_project.yml if such rejects are "
        "acceptable."
    )


def record(
    connection: Connection,
    results: Sequence[LoadResult],
    *,
    run_id: str,
    started_at: datetime,
) -> None:
    """Append a completion record for each load, and the counts of its objects."""
    columns = ["load_id", "source", "dt", "fingerprint", "objects", "lines"]
    columns += ["rows_loaded", "rejects", "bytes", "started_at", "finished_at"]
    columns += ["run_id", "status"]
    finished_at = now()
    rows = [
        [
            *(result.load_id, result.source, result.dt, result.fingerprint),
            *(len(result.objects), result.lines, result.rows, result.rejects),
            *(result.bytes, started_at, finished_at, run_id, "loaded"),
        ]
        for result in results
    ]
    if any(result.erased for result in results):
        columns.append("erased")
        for row, result in zip(rows, results, strict=True):
            row.append(result.erased)
    connection.insert(connection.table("ops", "loads"), columns, rows)
    _record_objects(connection, results, run_id)


def _record_objects(
    connection: Connection, results: Sequence[LoadResult], run_id: str
) -> None:
    rows = [
        (
            *(result.source, result.dt, run_id, result.load_id),
            *(count.item.key, count.item.size, count.item.etag),
            *(count.lines, count.rows, count.rejects),
        )
        for result in results
        for count in result.objects
    ]
    if rows:
        load_objects.insert(connection, rows)
