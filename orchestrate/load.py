"""Raw partitions and their loads into staging."""

from datetime import date

import luigi

from loaders import copy, s3, settings, warehouse
from loaders.raw_tables import raw_tables
from orchestrate import dbt_graph, night, progress
from orchestrate.parameters import (
    ENV,
    NUM_RETRIES,
    RETRY_SLEEP,
    VERSION,
    warehouse_slots,
)
from orchestrate.retries import retried
from orchestrate.targets import RUN_ID, LedgerTarget


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
        state = night.of(self.data_date, env=self.env, version=self.version)
        partition = state.partition(self.source, self.data_date)
        return "" if partition.is_complete else "_SUCCESS is missing"


class LoadRawTable(luigi.Task):
    """One day of one raw source is in staging, exactly once, with its rejects kept."""

    data_date = luigi.DateParameter(description="the day to load")
    env = ENV
    version = VERSION
    source = luigi.ChoiceParameter(choices=sorted(raw_tables()))
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
        watch = progress.Stopwatch()
        result = retried(
            lambda: load_partition(self.source, self.data_date),
            num_retries=self.num_retries,
            retry_sleep=self.retry_sleep,
        )
        progress.line(
            f"LoadRawTable {self.source}",
            day=self.data_date,
            rows=result.rows,
            seconds=watch.seconds,
            outcome="warn" if result.rejects else "done",
        )

    def why(self) -> str:
        """Return why the day must be loaded, or ''."""
        state = night.of(self.data_date, env=self.env, version=self.version)
        return state.why_load(self.source, self.data_date)


def load_partition(source: str, day: date) -> copy.LoadResult:
    """List the partition now and load exactly what was listed."""
    partition = s3.list_partition(settings.load().required_raw_url(), source, day)
    warehouse.committed(warehouse.ensure_tables)
    with warehouse.transaction() as connection:
        return copy.replace_partition(
            connection,
            raw_tables()[source],
            partition=partition,
            max_reject_ratio=float(dbt_graph.project_vars()["max_reject_ratio"]),
            run_id=RUN_ID,
        )
