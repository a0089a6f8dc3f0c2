"""The ledger table of archived partitions, `ops.archives`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from loaders.ledger.completion import now
from loaders.warehouse import Connection


@dataclass(frozen=True)
class ArchiveResult:
    """A written archive partition: its URL and its files, bytes and rows."""

    dataset: str
    dt: date
    url: str
    files: int
    bytes: int
    rows: int


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
    columns += ["rows", "bytes", "run_id", "finished_at"]
    finished_at = now()
    rows = [
        [
            *(result.dataset, result.dt, env, version, result.url),
            *(fingerprints[result.dt], result.files, result.rows, result.bytes),
            *(run_id, finished_at),
        ]
        for result in results
    ]
    connection.insert(connection.table("ops", "archives"), columns, rows)
