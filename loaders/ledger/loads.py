"""The ledger tables of loads: `ops.loads` and `ops.load_objects`.

They are written in the transaction of the load itself, so that data and ledger rows are
committed together.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import uuid4

from loaders import s3
from loaders.errors import DataError
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
    """Line, row and reject counts of one object; blank lines are not counted."""

    item: s3.S3Object
    lines: int
    rows: int
    rejects: int


@dataclass(frozen=True)
class LoadResult:
    """The result of a load: the partition's fingerprint and counts of its objects."""

    load_id: str
    source: str
    dt: str
    fingerprint: str
    objects: tuple[ObjectCount, ...]
    lines: int = field(init=False)
    rows: int = field(init=False)
    rejects: int = field(init=False)
    bytes: int = field(init=False)

    def __post_init__(self) -> None:
        totals = {
            "lines": sum(count.lines for count in self.objects),
            "rows": sum(count.rows for count in self.objects),
            "rejects": sum(count.rejects for count in self.objects),
            "bytes": sum(count.item.size for count in self.objects),
        }
        for name, value in totals.items():
            object.__setattr__(self, name, value)

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
        }


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
        "where load_id = ? group by 1 order by 2 desc, 1 limit 5",
        [result.load_id],
    )
    examples = connection.fetch_all(
        "-- loaders.ledger.loads reject examples\n"
        "select object_key, line_number, reason "
        f"from {rejects} where load_id = ? order by 1, 2 limit {MAX_EXAMPLES}",
        [result.load_id],
    )
    raise DataError(
        f"{result.source} dt={result.dt}: {result.rejects:,} of {result.lines:,} lines "
        f"rejected ({result.rejects / result.lines:.1%}), more than max_reject_ratio "
        f"({ratio:.1%}) allows. Reasons: "
        + ", ".join(f"{reason} ({count:,})" for reason, count in reasons)
        + ". First rejects: "
        + "; ".join(
            f"{key}{f' line {line}' if line else ''}: {reason}"
            for key, line, reason in examples
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
    connection.insert(connection.table("ops", "loads"), columns, rows)
    columns = ["load_id", "source", "dt", "object_key", "size_bytes", "etag", "lines"]
    columns += ["rows_loaded", "rejects", "run_id"]
    rows = [
        [
            *(result.load_id, result.source, result.dt, count.item.key),
            *(count.item.size, count.item.etag, count.lines, count.rows),
            *(count.rejects, run_id),
        ]
        for result in results
        for count in result.objects
    ]
    connection.insert(connection.table("ops", "load_objects"), columns, rows)
