"""The ledger table of model builds, `ops.model_runs`."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime

from loaders.ledger.completion import RERUN, now
from loaders.warehouse import Connection


@dataclass(frozen=True)
class ModelRun:
    """One build of a model for one data date, successful or failed.

    `finished_at` (UTC) may be earlier than the time when the row is written.
    """

    model: str
    data_date: date
    data_date_from: date
    code_checksum: str
    input_fingerprint: str
    rows: int | None
    tests: int
    tests_warned: int
    status: str
    seconds: float
    message: str = ""
    finished_at: datetime = field(default_factory=now)


def stale_mark(
    model: str, data_date: date, mark: str, *, code_checksum: str = ""
) -> ModelRun:
    """Return a row that makes the model's date stale until its next successful build.

    `mark` is STARTED or DISCARDED. A STARTED row has the checksum of the code that the
    table may contain from then on.
    """
    return ModelRun(
        model=model,
        data_date=data_date,
        data_date_from=data_date,
        code_checksum=code_checksum,
        input_fingerprint=mark,
        rows=None,
        tests=0,
        tests_warned=0,
        status=RERUN,
        seconds=0.0,
    )


def record_model_runs(
    connection: Connection,
    runs: Iterable[ModelRun],
    *,
    env: str,
    version: str,
    run_id: str,
) -> None:
    """Append a completion record for each model build."""
    columns = ["model", "data_date", "data_date_from", "code_checksum"]
    columns += ["input_fingerprint", "rows", "tests", "tests_warned", "status"]
    columns += ["seconds", "message", "run_id", "env", "version", "finished_at"]
    rows = [
        [
            *(run.model, run.data_date, run.data_date_from, run.code_checksum),
            *(run.input_fingerprint, run.rows, run.tests, run.tests_warned),
            *(run.status, run.seconds, run.message, run_id, env, version),
            run.finished_at,
        ]
        for run in runs
    ]
    connection.insert(connection.table("ops", "model_runs"), columns, rows)
