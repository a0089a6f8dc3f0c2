"""Raw partitions and their loads into staging."""

from collections.abc import Iterator
from contextlib import suppress
from datetime import date

import luigi

from loaders import s3, warehouse
from loaders.config import settings
from loaders.config.dbt_project import project_vars
from loaders.errors import DataError
from loaders.ledger.loads import LoadResult
from loaders.raw import load as raw_load
from loaders.warehouse.declared_tables import raw_tables
from orchestrate import progress
from orchestrate.planning import run_state
from orchestrate.run_id import RUN_ID
from orchestrate.tasks.parameters import (
    ENV,
    NUM_RETRIES,
    RETRY_SLEEP,
    VERSION,
    warehouse_slots,
)
from orchestrate.tasks.retries import retried
from orchestrate.tasks.targets import LedgerTarget

TOGETHER_BYTES = 256 << 20

_loaded_here: set[tuple[str, date]] = set()


class RawPartition(luigi.Task):
    """One day of one raw source lies on S3, finished with its `_SUCCESS`."""

    data_date = luigi.DateParameter(description="the partition's day")
    env = ENV
    version = VERSION
    source = luigi.ChoiceParameter(choices=sorted(raw_tables()))

    def output(self) -> LedgerTarget:
        """Exist once `_SUCCESS` does."""
        return LedgerTarget(self)

    def run(self) -> None:
        """Say in words what is missing; Luigi asks again after a while."""
        url = settings.load().required_raw_url()
        s3.list_partition(url, self.source, self.data_date).require_complete()

    def why(self) -> str:
        """Return why the partition cannot be read yet, or ''."""
        state = run_state.of(self.data_date, env=self.env, version=self.version)
        partition = state.partition(self.source, self.data_date)
        return "" if partition.is_complete else "_SUCCESS is missing"


class LoadRawTable(luigi.Task):
    """One day of one raw source is in staging, exactly once, with its rejects kept.

    The first load of a source that runs takes along the other days of its scope that
    are complete, as many as may be lost together when it is killed; those find their
    ledger rows.
    """

    data_date = luigi.DateParameter(description="the day to load")
    env = ENV
    version = VERSION
    source = luigi.ChoiceParameter(choices=sorted(raw_tables()))
    scope = luigi.Parameter(
        default="",
        significant=False,
        description="days that the run is after: loaded together where they can be",
    )
    num_retries = NUM_RETRIES
    retry_sleep = RETRY_SLEEP

    priority = 100  # all that has come in is loaded before dbt starts, once

    @property
    def resources(self) -> dict[str, int]:
        """One writer a staging table."""
        return {f"staging.{self.source}": 1, **warehouse_slots()}

    def requires(self) -> RawPartition:
        """Wait for the partition."""
        return self.clone(RawPartition)

    def output(self) -> LedgerTarget:
        """Be done when the ledger has what is on S3."""
        return LedgerTarget(self)

    def run(self) -> None:
        """Load the partition in place of what staging has of the day."""
        together = self._together()
        if self.data_date not in together:
            return  # an earlier task of the scope has loaded it
        try:
            self._load(together)
        except DataError:
            if together == [self.data_date]:
                raise
            self._load_one_by_one(together)

    def why(self) -> str:
        """Return why the day must be loaded, or ''."""
        days = self._days()
        state = run_state.of(max(days), min(days), env=self.env, version=self.version)
        return state.why_load(self.source, self.data_date)

    def _days(self) -> list[date]:
        """Return the days of the scope, whose listings come together."""
        scope = self.scope.split(",") if self.scope else [str(self.data_date)]
        return [date.fromisoformat(day) for day in scope]

    def _together(self) -> list[date]:
        """Return the days that are to be loaded now; not the own one if it is done."""
        if not self.scope:
            return [self.data_date]
        if (self.source, self.data_date) in _loaded_here:
            return []  # asked for often in a backfill: spare the ledger
        days = self._days()
        state = run_state.remarked(
            max(days), min(days), env=self.env, version=self.version
        )
        together: list[date] = []
        size = 0
        for day in sorted(days, key=lambda day: (day != self.data_date, day)):
            partition = state.partition(self.source, day)
            # The own one was waited for: it may have become complete since the listing.
            is_ready = partition.is_complete or day == self.data_date
            if not (is_ready and state.why_load(self.source, day)):
                continue
            size += partition.size
            if together and size > TOGETHER_BYTES:
                break
            together.append(day)
        return together

    def _load_one_by_one(self, days: list[date]) -> None:
        for day in days:
            if day != self.data_date:
                with suppress(DataError):  # its own task tells what is wrong with it
                    self._load([day])
        self._load([self.data_date])

    def _load(self, days: list[date]) -> None:
        watch = progress.Stopwatch()
        results = retried(
            lambda: load_partitions(self.source, days),
            num_retries=self.num_retries,
            retry_sleep=self.retry_sleep,
        )
        for result in results:
            _loaded_here.add((self.source, date.fromisoformat(result.dt)))
            progress.line(
                f"LoadRawTable {self.source}",
                day=date.fromisoformat(result.dt),
                rows=result.rows,
                seconds=watch.seconds / len(results),
                outcome="warn" if result.rejects else "done",
            )


def loads_of(task: luigi.Task, source: str, days: list[date]) -> Iterator[LoadRawTable]:
    """Yield the loads of a source that `task` wants, each knowing of the others."""
    scope = ",".join(str(day) for day in days)
    for day in days:
        yield task.clone(LoadRawTable, data_date=day, source=source, scope=scope)


def load_partitions(source: str, days: list[date]) -> list[LoadResult]:
    """List the partitions now and load exactly what was listed, all or none."""
    url = settings.load().required_raw_url()
    listed = s3.list_partitions(url, source, min(days), max(days))
    warehouse.committed(warehouse.ensure_tables)
    with (
        warehouse.session() as connection,
        warehouse.limited(connection, raw_load.LIMITS),
        warehouse.begun(connection),
    ):
        return raw_load.replace_partitions(
            connection,
            raw_tables()[source],
            partitions=[listed[day] for day in days],
            max_reject_ratio=float(project_vars()["max_reject_ratio"]),
            run_id=RUN_ID,
        )
