"""The ledger table of archived partitions, `ops.archives`."""

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


def record_archive(
    connection: Connection,
    result: ArchiveResult,
    *,
    fingerprint: str,
    env: str,
    version: str,
    run_id: str,
) -> None:
    """Append the completion record of an archived partition."""
    columns = ["dataset", "dt", "env", "version", "url", "fingerprint", "files"]
    columns += ["rows", "bytes", "run_id", "finished_at"]
    row = [
        *(result.dataset, result.dt, env, version, result.url, fingerprint),
        *(result.files, result.rows, result.bytes, run_id, now()),
    ]
    connection.insert(connection.table("ops", "archives"), columns, [row])
