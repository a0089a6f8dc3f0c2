"""The ledgers in `ops`: what was loaded, built, archived, sent and reported."""

from loaders.ledger.archives import ArchiveResult, record_archive
from loaders.ledger.completion import (
    DONE,
    RERUN,
    Marks,
    is_set_up,
    now,
    read_marks,
    request_rerun,
)
from loaders.ledger.figures import last_nights, night_figures
from loaders.ledger.models import ModelRun, record_models

__all__ = [
    "DONE",
    "RERUN",
    "ArchiveResult",
    "Marks",
    "ModelRun",
    "is_set_up",
    "last_nights",
    "night_figures",
    "now",
    "read_marks",
    "record_archive",
    "record_models",
    "request_rerun",
]
