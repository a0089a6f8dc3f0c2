"""Ledger rows of finished models, written for several models together.

A row is written after the model that it records, so what is recorded is done. What is
done and not recorded is built again, which gives the same result.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Lock

import structlog

from loaders import interruption, ledger, warehouse
from loaders.errors import NightshiftError

# A killed run repeats no more work than this, beside the models that were running.
MAX_UNRECORDED_SECONDS = 60.0

log = structlog.get_logger()


@dataclass
class ModelRecords:
    """The rows of models that are finished and not recorded yet."""

    env: str
    version: str
    run_id: str
    _runs: list[ledger.ModelRun] = field(default_factory=list)
    _seconds: float = 0.0
    _lock: Lock = field(default_factory=Lock)
    _write_lock: Lock = field(default_factory=Lock)

    def add(self, runs: Sequence[ledger.ModelRun]) -> None:
        """Add the rows of a model; write all rows if they cover enough work.

        If that fails, they are kept for the next time.
        """
        with self._lock:
            self._runs += runs
            self._seconds += max((run.seconds for run in runs), default=0.0)
            is_due = self._seconds >= MAX_UNRECORDED_SECONDS
        if is_due:
            try:
                self.write()
            except NightshiftError as error:
                log.warning("finished models not recorded yet", error=str(error))

    def write(self) -> None:
        """Write all rows with one statement; other threads can add rows meanwhile."""
        with self._write_lock:
            with self._lock:
                runs, self._runs = self._runs, []
                seconds, self._seconds = self._seconds, 0.0
            if not runs:
                return
            try:
                warehouse.run_with_retries(
                    lambda connection: ledger.record_model_runs(
                        connection,
                        runs,
                        env=self.env,
                        version=self.version,
                        run_id=self.run_id,
                    )
                )
            except BaseException:
                with self._lock:
                    self._runs = runs + self._runs
                    self._seconds += seconds
                raise


@contextmanager
def recorded_together(*, env: str, version: str, run_id: str) -> Iterator[ModelRecords]:
    """Write all rows at the end of the block, also after an error or a signal."""
    records = ModelRecords(env, version, run_id)
    try:
        yield records
    except BaseException:
        try:
            with interruption.deferred():
                records.write()
        except NightshiftError as error:
            # The block's own error is more important than this one.
            log.error("finished models not recorded", error=str(error))
        raise
    with interruption.deferred():
        records.write()
