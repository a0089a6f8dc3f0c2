"""What leaves the warehouse: the archive on S3 and the sync to Salesforce."""

import luigi

from loaders import archive, ledger, warehouse
from loaders.config import settings
from loaders.config.settings import PROJECT
from loaders.salesforce import mapping, sync
from loaders.salesforce.mapping import SALESFORCE_MODEL
from orchestrate import progress
from orchestrate.planning import archives as archive_planning
from orchestrate.planning import run_state
from orchestrate.planning.archives import DATASETS
from orchestrate.run_id import RUN_ID
from orchestrate.tasks.parameters import (
    DATA_DATE_FROM,
    ENV,
    NUM_RETRIES,
    RETRY_SLEEP,
    VERSION,
    warehouse_slots,
)
from orchestrate.tasks.retries import retried
from orchestrate.tasks.targets import LedgerTarget
from orchestrate.tasks.transform import DbtModel

SPOOL = PROJECT / "var" / "spool" / "salesforce"


class ArchiveDataset(luigi.Task):
    """Each day of a dataset that the night may have changed lies on S3 as it is now."""

    data_date = luigi.DateParameter(description="the data date of the night")
    env = ENV
    version = VERSION
    dataset = luigi.ChoiceParameter(choices=sorted(DATASETS))
    data_date_from = DATA_DATE_FROM
    scope = luigi.Parameter(default="", significant=False)
    num_retries = NUM_RETRIES
    retry_sleep = RETRY_SLEEP

    @property
    def resources(self) -> dict[str, int]:
        """One reader at a time where the warehouse has one slot."""
        return warehouse_slots()

    def requires(self) -> DbtModel:
        """Come after the model that the dataset is a copy of."""
        return self.clone(DbtModel, model=DATASETS[self.dataset].relation)

    def output(self) -> LedgerTarget:
        """Be done when ledger and S3 have every day."""
        return LedgerTarget(self)

    def run(self) -> None:
        """Write the days that are missing or out of date."""
        state = run_state.remarked(
            self.data_date, self.data_date_from, env=self.env, version=self.version
        )
        retried(
            lambda: _archive(DATASETS[self.dataset], state),
            num_retries=self.num_retries,
            retry_sleep=self.retry_sleep,
        )

    def why(self) -> str:
        """Return which day must be written and why, or ''."""
        state = run_state.of(
            self.data_date, self.data_date_from, env=self.env, version=self.version
        )
        dataset = DATASETS[self.dataset]
        reasons = (
            (day, archive_planning.why(state, dataset, day))
            for day in archive_planning.days(state)
        )
        return next((f"{day}: {reason}" for day, reason in reasons if reason), "")


def _archive(dataset: archive.Dataset, state: run_state.Night) -> None:
    archive_planning.forget()
    days = [
        day
        for day in archive_planning.days(state)
        if archive_planning.why(state, dataset, day)
    ]
    watch = progress.Stopwatch()
    with warehouse.session() as connection:
        for result in archive.replace_partitions(
            connection, dataset, days=days, root=archive_planning.root(state)
        ):
            with warehouse.begun(connection):
                ledger.record_archive(
                    connection,
                    result,
                    fingerprint=archive_planning.fingerprint(state, dataset, result.dt),
                    env=state.env,
                    version=state.version,
                    run_id=RUN_ID,
                )
            progress.line(
                f"ArchiveDataset {dataset.name}",
                day=result.dt,
                rows=result.rows,
                seconds=watch.seconds,
            )
            watch = progress.Stopwatch()


class SyncTrialMetricsToSalesforce(luigi.Task):
    """Salesforce has the trial metrics of the data date, and said so row by row."""

    data_date = luigi.DateParameter(description="the data date of the night")
    env = ENV
    version = VERSION
    data_date_from = DATA_DATE_FROM
    scope = luigi.Parameter(default="", significant=False)

    @property
    def resources(self) -> dict[str, int]:
        """One sync at a time, and the warehouse's one slot where it has one."""
        return {"salesforce": 1, **warehouse_slots()}

    def requires(self) -> DbtModel:
        """Come after the mart, and so after its tests."""
        return self.clone(DbtModel, model=SALESFORCE_MODEL)

    def output(self) -> LedgerTarget:
        """Be done when the ledger says that these values were sent."""
        return LedgerTarget(self)

    def run(self) -> None:
        """Send what changed; the sync itself retries each request."""
        state = run_state.remarked(
            self.data_date, self.data_date_from, env=self.env, version=self.version
        )
        watch = progress.Stopwatch()
        result = sync.run(_request(state), settings.load().salesforce)
        progress.line(
            "SyncTrialMetricsToSalesforce",
            day=result.data_date,
            rows=result.accepted,
            seconds=watch.seconds,
            outcome="done" if result.is_complete else "warn",
        )

    def why(self) -> str:
        """Return why Salesforce must be synced, or ''."""
        state = run_state.of(
            self.data_date, self.data_date_from, env=self.env, version=self.version
        )
        return state.why_sync(SALESFORCE_MODEL)


class AcceptedBySalesforce(luigi.ExternalTask):
    """No more rows were rejected or left for later than the threshold allows."""

    data_date = luigi.DateParameter(description="the data date of the night")
    env = ENV
    version = VERSION

    def output(self) -> LedgerTarget:
        """Exist when the last sync was complete; Salesforce's people mend it."""
        return LedgerTarget(self)

    def why(self) -> str:
        """Return what is left over, by the ledger as it is now."""
        state = run_state.remarked(self.data_date, env=self.env, version=self.version)
        return state.why_not_accepted()


def _request(state: run_state.Night) -> sync.SyncRequest:
    return sync.SyncRequest(
        mapping=mapping.load(model=SALESFORCE_MODEL),
        data_date=state.last_date,
        spool=SPOOL,
        env=state.env,
        version=state.version,
        run_id=RUN_ID,
        fingerprint=state.model_fingerprint(SALESFORCE_MODEL, state.last_date),
    )
