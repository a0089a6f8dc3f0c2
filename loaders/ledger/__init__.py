"""The ledger tables in `ops`: loads, model builds, archives, syncs, reports, runs."""

from loaders.ledger.archives import ArchiveResult, record_archives
from loaders.ledger.completion import (
    ARCHIVE,
    DISCARDED,
    PAYLOADS,
    REJECTS,
    RERUN,
    STAGING,
    STARTED,
    SUCCESS,
    CompletionRecords,
    now,
    read_completion_records,
    request_rerun,
    table_exists,
)
from loaders.ledger.figures import (
    data_date_figures,
    last_data_dates,
    run_figures,
)
from loaders.ledger.models import ModelRun, record_model_runs, stale_mark

__all__ = [
    "ARCHIVE",
    "DISCARDED",
    "PAYLOADS",
    "REJECTS",
    "RERUN",
    "STAGING",
    "STARTED",
    "SUCCESS",
    "ArchiveResult",
    "CompletionRecords",
    "ModelRun",
    "data_date_figures",
    "last_data_dates",
    "now",
    "read_completion_records",
    "record_archives",
    "record_model_runs",
    "request_rerun",
    "run_figures",
    "stale_mark",
    "table_exists",
]
