"""The ledger table of archived partitions, `ops.archives`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime

from loaders.ledger.completion import now
from loaders.warehouse import Connection, add_columns


@dataclass(frozen=True)
class ArchiveResult:
    """A written archive partition: its URL, its files, bytes and rows, its times."""

    dataset: str
    dt: date
    url: str
    files: int
    bytes: int
    rows: int
    started_at: datetime
    finished_at: datetime = field(default_factory=now)


def record_archives(
    connection: Connection,
    results: Sequence[ArchiveResult],
    *,
    fingerprints: Mapping[date, str],
    env: str,
    version: str,
    run_id: str,
) -> None:
    """Append the completion records of archived partitions of one dataset.

    `fingerprints` has the fingerprint of each day.
    """
    columns = ["dataset", "dt", "env", "version", "url", "fingerprint", "files"]
    columns += ["rows", "bytes", "run_id", "started_at", "finished_at"]
    rows = [
        [
            *(result.dataset, result.dt, env, version, result.url),
            *(fingerprints[result.dt], result.files, result.rows, result.bytes),
            *(run_id, result.started_at, result.finished_at),
        ]
        for result in results
    ]
    add_columns(connection, "archives")
    connection.insert(connection.table("ops", "archives"), columns, rows)
