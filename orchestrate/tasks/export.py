"""Tasks that publish outside the warehouse: the S3 archive and the Salesforce sync."""

import luigi

from loaders import ledger, warehouse
from loaders.archive import Dataset, replace_partitions
from loaders.config import settings
from loaders.config.settings import PROJECT
from loaders.salesforce import mapping, sync
from loaders.salesforce.mapping import SALESFORCE_MODEL
from orchestrate import progress
from orchestrate.planning import archives, causes, run_state, syncs
from orchestrate.planning.archives import DATASETS
from orchestrate.planning.later_dates import last_dates
from orchestrate.planning.run_state import RunState
from orchestrate.planning.stale_models import sync_stale_reason
from orchestrate.run_id import RUN_ID
from orchestrate.tasks.parameters import (
    DATA_DATE_FROM,
    ENV,
    NUM_RETRIES,
    RETRY_SLEEP,
    VERSION,
    warehouse_slots,
)
from orchestrate.tasks.retries import retry
from orchestrate.tasks.targets import LedgerTarget
from orchestrate.tasks.transform import DbtModel

SPOOL = PROJECT / "var" / "spool" / "salesforce"


class ArchiveDataset(luigi.Task):
    """Write each day of a dataset that the run may have changed to the S3 archive."""

    data_date = luigi.DateParameter(description="the data date of the run")
    env = ENV
    version = VERSION
    dataset = luigi.ChoiceParameter(choices=sorted(DATASETS))
    data_date_from = DATA_DATE_FROM
    scope = luigi.Parameter(default="", significant=False)
    num_retries = NUM_RETRIES
    retry_sleep = RETRY_SLEEP

    @property
    def resources(self) -> dict[str, int]:
        """Allow one reader at a time if the warehouse has a single slot."""
        return warehouse_slots()

    def requires(self) -> luigi.Task:
        """Require the model that the dataset is exported from."""
        return self.clone(DbtModel, model=DATASETS[self.dataset].relation)

    def output(self) -> LedgerTarget:
        """Return a target that exists once ledger and S3 have every day."""
        return LedgerTarget(self)

    def run(self) -> None:
        """Write the days that are missing or outdated."""
        state = run_state.reload_ledgers(
            self.data_date, self.data_date_from, env=self.env, version=self.version
        )
        retry(
            lambda: _archive(DATASETS[self.dataset], state),
            num_retries=self.num_retries,
            retry_sleep=self.retry_sleep,
        )

    def stale_reason(self) -> str:
        """Return the first day that must be written and why, or ''."""
        state = run_state.load(
            self.data_date, self.data_date_from, env=self.env, version=self.version
        )
        dataset = DATASETS[self.dataset]
        for day in archives.affected_days(state):
            if reason := archives.stale_reason(state, dataset, day):
                return f"{day}: {reason}"
        return ""

    def upstream_cause(self) -> str:
        """Return what makes the dataset's model stale, for the plan, or ''."""
        state = run_state.load(
            self.data_date, self.data_date_from, env=self.env, version=self.version
        )
        return causes.cause_of_model(state, DATASETS[self.dataset].relation)


def _archive(dataset: Dataset, state: RunState) -> None:
    archives.clear_cache()
    days = [
        day
        for day in archives.affected_days(state)
        if archives.stale_reason(state, dataset, day)
    ]
    watch = progress.Stopwatch()
    with warehouse.session() as connection:
        for result in replace_partitions(
            connection, dataset, days=days, root=archives.root_url(state)
        ):
            with warehouse.transaction_on(connection):
                ledger.record_archive(
                    connection,
                    result,
                    fingerprint=archives.fingerprint(state, dataset, result.dt),
                    env=state.env,
                    version=state.version,
                    run_id=RUN_ID,
                )
            progress.print_line(
                f"ArchiveDataset {dataset.name}",
                day=result.dt,
                rows=result.rows,
                seconds=watch.seconds,
            )
            watch = progress.Stopwatch()


class SyncTrialMetricsToSalesforce(luigi.Task):
    """Send the changed trial metrics of the data date to Salesforce."""

    data_date = luigi.DateParameter(description="the data date of the run")
    env = ENV
    version = VERSION
    data_date_from = DATA_DATE_FROM
    scope = luigi.Parameter(default="", significant=False)

    @property
    def resources(self) -> dict[str, int]:
        """Allow one sync at a time, which also takes the warehouse's slot if any."""
        return {"salesforce": 1, **warehouse_slots()}

    def requires(self) -> luigi.Task:
        """Require the exported mart, whose tests must have passed."""
        return self.clone(DbtModel, model=SALESFORCE_MODEL)

    def output(self) -> LedgerTarget:
        """Return a target that exists once the current values are sent."""
        return LedgerTarget(self)

    def run(self) -> None:
        """Send what changed. The sync itself retries each request."""
        state = run_state.reload_ledgers(
            self.data_date, self.data_date_from, env=self.env, version=self.version
        )
        watch = progress.Stopwatch()
        result = sync.run(_sync_request(state), settings.load().salesforce)
        progress.print_line(
            "SyncTrialMetricsToSalesforce",
            day=result.data_date,
            rows=result.accepted,
            seconds=watch.seconds,
            outcome="done" if result.is_complete else "warn",
        )

    def stale_reason(self) -> str:
        """Return why Salesforce must be synced, or ''."""
        state = run_state.load(
            self.data_date, self.data_date_from, env=self.env, version=self.version
        )
        return sync_stale_reason(state)

    def upstream_cause(self) -> str:
        """Return what makes the exported mart stale, for the plan, or ''."""
        state = run_state.load(
            self.data_date, self.data_date_from, env=self.env, version=self.version
        )
        return causes.cause_of_sync(state)


class AcceptedBySalesforce(luigi.ExternalTask):
    """Check that the last sync was complete, or within the reject threshold."""

    data_date = luigi.DateParameter(description="the data date of the run")
    env = ENV
    version = VERSION
    data_date_from = DATA_DATE_FROM

    def output(self) -> LedgerTarget:
        """Return a target that exists once the last sync is complete."""
        return LedgerTarget(self)

    def stale_reason(self) -> str:
        """Return why the last sync is incomplete, or ''; reads the ledgers again."""
        state = run_state.reload_ledgers(
            self.data_date, self.data_date_from, env=self.env, version=self.version
        )
        return syncs.incomplete_reason(state)


def _sync_request(state: RunState) -> sync.SyncRequest:
    data_date = last_dates(state).synced
    return sync.SyncRequest(
        mapping=mapping.load(model=SALESFORCE_MODEL),
        data_date=data_date,
        spool=SPOOL,
        env=state.env,
        version=state.version,
        run_id=RUN_ID,
        fingerprint=state.built_fingerprint(SALESFORCE_MODEL, data_date),
    )
