"""The ledger of archived partitions, `ops.archives`."""

from dataclasses import dataclass
from datetime import date

from loaders.ledger.completion import now
from loaders.warehouse import Connection


@dataclass(frozen=True)
class ArchiveResult:
    """What was written: the partition's URL, its data objects, their bytes, rows."""

    dataset: str
    dt: date
    url: str
    files: int
    bytes: int
    rows: int


def record_archive(
    connection: Connection,
    result: ArchiveResult,
    *,
    fingerprint: str,
    env: str,
    version: str,
    run_id: str,
) -> None:
    """Append that a day of a dataset lies on S3."""
    columns = ["dataset", "dt", "env", "version", "url", "fingerprint", "files"]
    columns += ["rows", "bytes", "run_id", "finished_at"]
    row = [
        *(result.dataset, result.dt, env, version, result.url, fingerprint),
        *(result.files, result.rows, result.bytes, run_id, now()),
    ]
    connection.insert(connection.table("ops", "archives"), columns, [row])
