"""What the ledgers keep of a load: counts per partition and object, and its rejects.

Written by copy.py in the transaction of the load itself, so that rows and ledger rows
come together or not at all.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import uuid4

from loaders import s3
from loaders.errors import DataError
from loaders.ledger.completion import now
from loaders.warehouse import Connection

EXAMPLES = 5


@dataclass(frozen=True)
class Load:
    """One partition on its way into its table."""

    partition: s3.Partition
    load_id: str = field(default_factory=lambda: uuid4().hex)


@dataclass(frozen=True)
class ObjectCount:
    """What became of one object's lines; blank lines are no lines."""

    item: s3.S3Object
    lines: int
    rows: int
    rejects: int


@dataclass(frozen=True)
class LoadResult:
    """What a load did: counts over all objects, and the partition's fingerprint."""

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
    def summary(self) -> dict[str, object]:
        """What a log line tells of it."""
        return {
            "source": self.source,
            "dt": self.dt,
            "objects": len(self.objects),
            "lines": self.lines,
            "rows": self.rows,
            "rejects": self.rejects,
        }


def refuse_too_many_rejects(
    connection: Connection, result: LoadResult, *, ratio: float
) -> None:
    """Raise `DataError` with reasons and places when more than `ratio` was rejected."""
    if not result.lines or result.rejects / result.lines <= ratio:
        return
    rejects = connection.table("ops", "load_rejects")
    reasons = connection.fetch_all(
        f"-- loaders.raw.load reasons\nselect reason, count(*) from {rejects} "
        "where load_id = ? group by 1 order by 2 desc, 1 limit 5",
        [result.load_id],
    )
    examples = connection.fetch_all(
        f"-- loaders.raw.load examples\nselect object_key, line_number, reason "
        f"from {rejects} where load_id = ? order by 1, 2 limit {EXAMPLES}",
        [result.load_id],
    )
    raise DataError(
        f"{result.source} dt={result.dt}: {result.rejects:,} of {result.lines:,} lines "
        f"rejected ({result.rejects / result.lines:.1%}), more than max_reject_ratio "
        f"{ratio:.1%} allows. Reasons: "
        + ", ".join(f"{reason} ({count:,})" for reason, count in reasons)
        + ". First: "
        + "; ".join(
            f"{key}{f' line {line}' if line else ''}: {reason}"
            for key, line, reason in examples
        )
        + ". Have the partition delivered again, or raise the var max_reject_ratio in "
        "dbt_project.yml if such lines are fine; earlier content is as it was."
    )


def record(
    connection: Connection,
    results: Sequence[LoadResult],
    *,
    run_id: str,
    started_at: datetime,
) -> None:
    """Append the loads and each of their objects."""
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
