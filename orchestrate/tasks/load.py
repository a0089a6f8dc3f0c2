"""Tasks that wait for raw partitions and load them into staging."""

from collections.abc import Iterator
from datetime import date

import luigi

from loaders import s3, warehouse
from loaders.config import settings
from loaders.config.dbt_project import project_vars
from loaders.errors import DataError, NightshiftError, TransientError
from loaders.ledger.loads import LoadResult
from loaders.raw import load as raw_load
from loaders.raw.unknown_keys import UnknownKeys, record_new
from loaders.warehouse.declared_tables import raw_tables
from orchestrate import progress, steps
from orchestrate.planning import run_state
from orchestrate.run_id import RUN_ID
from orchestrate.tasks.parameters import (
    ENV,
    HIDDEN,
    NUM_RETRIES,
    RETRY_SLEEP,
    SHOWN_FAMILY,
    SOURCE,
    VERSION,
    warehouse_slots,
)
from orchestrate.tasks.retries import retry
from orchestrate.tasks.running_loads import running_load
from orchestrate.tasks.targets import LedgerTarget

# Days are loaded together in one transaction up to this size on S3.
MAX_BATCH_BYTES = 256 << 20


class RawPartition(luigi.Task):
    """Wait for a complete partition of a raw source on S3, marked by `_SUCCESS`."""

    data_date = luigi.DateParameter(description="the partition's day")
    env = ENV
    version = VERSION
    source = SOURCE

    task_family = SHOWN_FAMILY

    def output(self) -> LedgerTarget:
        """Return a target that exists once `_SUCCESS` does."""
        return LedgerTarget(self)

    def run(self) -> None:
        """Raise an error that names what is missing; Luigi retries the task."""
        url = settings.load().required_raw_url()
        s3.list_partition(url, self.source, self.data_date).require_complete()

    def stale_reason(self) -> str:
        """Return why the partition cannot be loaded yet, or ''."""
        state = run_state.load(self.data_date, env=self.env, version=self.version)
        partition = state.partition(self.source, self.data_date)
        return "" if partition.is_complete else "_SUCCESS is missing"


class LoadRawTable(luigi.Task):
    """Load one partition of a raw source into staging, in place of earlier rows.

    The first task of a source to run also loads other complete days of its scope in the
    same transaction, up to `MAX_BATCH_BYTES`. Their tasks then find them complete.
    """

    data_date = luigi.DateParameter(description="the day to load")
    env = ENV
    version = VERSION
    source = SOURCE
    scope = luigi.Parameter(
        default="",
        significant=False,
        visibility=HIDDEN,
        description="days that the run loads, comma-separated; batched where possible",
    )
    num_retries = NUM_RETRIES
    retry_sleep = RETRY_SLEEP

    task_family = SHOWN_FAMILY
    priority = 100  # Loads run first, so that one dbt invocation sees all new rows.

    @property
    def resources(self) -> dict[str, int]:
        """Allow one writer per staging table."""
        return {f"staging.{self.source}": 1, **warehouse_slots()}

    def requires(self) -> luigi.Task:
        """Require the partition on S3."""
        return self.clone(RawPartition)

    def output(self) -> LedgerTarget:
        """Return a target that exists once the loaded fingerprint matches S3."""
        return LedgerTarget(self)

    def run(self) -> None:
        """Load the day, and the days that are batched with it.

        If one of them cannot be loaded, the others are. Its own task reports the error.
        """
        days = self._batch()
        if self.data_date not in days:
            return  # An earlier task of the scope has loaded it.
        with running_load():
            self._load_batch(days)
        if len(days) > 1:  # Their own tasks then find them complete.
            run_state.reload_ledgers(
                max(days), min(days), env=self.env, version=self.version
            )

    def _load_batch(self, days: list[date]) -> None:
        try:
            self._load(days)
        except NightshiftError as error:
            failed = _concerned_day(error, self.source, days)
            if failed == self.data_date or not _concerns_one_day(error):
                raise
            # A second object of which S3 says only that it is busy ends the attempts.
            self._load_one_by_one(
                [day for day in days if day != failed],
                is_busy=isinstance(error, TransientError),
            )

    def stale_reason(self) -> str:
        """Return why the day must be loaded, or ''."""
        days = self._days_in_scope()
        state = run_state.load(max(days), min(days), env=self.env, version=self.version)
        return state.load_stale_reason(self.source, self.data_date)

    def _days_in_scope(self) -> list[date]:
        """Return the days of the scope, which are listed on S3 together."""
        scope = self.scope.split(",") if self.scope else [str(self.data_date)]
        return [date.fromisoformat(day) for day in scope]

    def _batch(self) -> list[date]:
        """Return the days to load now; empty if this task's day is loaded already."""
        days = self._days_in_scope()
        if days == [self.data_date]:
            return days
        scope = {"env": self.env, "version": self.version}
        state = run_state.current(max(days), min(days), **scope)
        if not state.load_stale_reason(self.source, self.data_date):
            return []
        state = run_state.reload_ledgers(max(days), min(days), **scope)
        batch: list[date] = []
        size = 0
        for day in sorted(days, key=lambda day: (day != self.data_date, day)):
            partition = state.partition(self.source, day)
            # The required partition may have been completed since it was listed.
            is_ready = partition.is_complete or day == self.data_date
            if not (is_ready and state.load_stale_reason(self.source, day)):
                continue
            size += partition.size
            if batch and size > MAX_BATCH_BYTES:
                break
            batch.append(day)
        return batch

    def _load_one_by_one(self, days: list[date], *, is_busy: bool) -> None:
        """Load the task's own day first; skip other days that cannot be loaded."""
        for day in days:
            try:
                self._load([day])
            except NightshiftError as error:
                if day == self.data_date:
                    raise
                if not _concerns_one_day(error) or (
                    is_busy and isinstance(error, TransientError)
                ):
                    return
                is_busy |= isinstance(error, TransientError)

    def _load(self, days: list[date]) -> None:
        watch = progress.Stopwatch()
        started = {day: steps.Step("LoadRawTable", self.source, [day]) for day in days}
        with steps.running(*started.values()):
            try:
                results = retry(
                    lambda: load_partitions(self.source, days),
                    num_retries=self.num_retries,
                    retry_sleep=self.retry_sleep,
                )
            except NightshiftError as error:
                failed = _concerned_day(error, self.source, days)
                for day in days:
                    if failed not in (None, day):
                        started[day].abort()
                raise
        for result in results:
            day = date.fromisoformat(result.dt)
            started[day].complete(
                lines=result.lines,
                rows=result.rows,
                rejects=result.rejects,
                bytes=result.bytes,
                files=len(result.objects),
            )
            progress.print_line(
                f"LoadRawTable {self.source}",
                day=day,
                rows=result.rows,
                seconds=watch.seconds / len(results),
                outcome="warn" if result.rejects else "done",
            )


def _concerns_one_day(error: NightshiftError) -> bool:
    """Return whether other days may load: not if the bucket or a setting is wrong."""
    return isinstance(error, DataError) or bool(error.object_url)


def _concerned_day(
    error: NightshiftError, source: str, days: list[date]
) -> date | None:
    """Return the day whose object could not be read; None if the error names none."""
    if len(days) == 1:
        return days[0]
    url = settings.load().required_raw_url()
    prefixes = {day: s3.partition_url(url, source, day) for day in days}
    named = (day for day in days if error.object_url.startswith(prefixes[day]))
    return next(named, None)


def load_tasks(
    task: luigi.Task, source: str, days: list[date]
) -> Iterator[LoadRawTable]:
    """Yield the load of each day, with all days as its scope."""
    scope = ",".join(str(day) for day in days)
    for day in days:
        yield task.clone(LoadRawTable, data_date=day, source=source, scope=scope)


def load_partitions(source: str, days: list[date]) -> list[LoadResult]:
    """List the partitions on S3 and load them in one transaction."""
    url = settings.load().required_raw_url()
    partitions = s3.list_partitions(url, source, min(days), max(days))
    warehouse.create_missing_tables(RUN_ID)
    table, unknown_keys = raw_tables()[source], UnknownKeys()
    with (
        warehouse.session() as connection,
        warehouse.with_settings(connection, raw_load.LOAD_SETTINGS),
        warehouse.transaction_on(connection),
    ):
        results = raw_load.replace_partitions(
            connection,
            table,
            partitions=[partitions[day] for day in days],
            max_reject_ratio=float(project_vars()["max_reject_ratio"]),
            run_id=RUN_ID,
            unknown_keys=unknown_keys,
        )
    record_new(table, unknown_keys, run_id=RUN_ID)
    return results
