"""Tasks that publish outside the warehouse: the S3 archive and the Salesforce sync."""

from collections.abc import Iterator
from contextlib import contextmanager

import luigi
import structlog

from loaders import interruption, ledger, warehouse
from loaders.archive import Dataset, replace_partitions
from loaders.config import salesforce_mapping as mapping
from loaders.config import settings
from loaders.config.settings import PROJECT
from loaders.errors import NightshiftError
from loaders.salesforce import sync
from loaders.salesforce.context import SyncRequest
from orchestrate import progress
from orchestrate.planning import archives, causes, run_state, syncs
from orchestrate.planning.archives import DATASETS
from orchestrate.planning.exports import (
    ACCOUNTS,
    TRIAL_METRICS,
    Export,
    scheduled_exports,
)
from orchestrate.planning.later_dates import last_dates
from orchestrate.planning.run_state import RunState
from orchestrate.planning.stale_models import build_stale_reason, sync_stale_reason
from orchestrate.run_id import RUN_ID
from orchestrate.tasks.parameters import (
    DATA_DATE_FROM,
    ENV,
    NUM_RETRIES,
    RETRY_SLEEP,
    SCOPE,
    SHOWN_FAMILY,
    VERSION,
    warehouse_slots,
)
from orchestrate.tasks.retries import retry
from orchestrate.tasks.targets import LedgerTarget
from orchestrate.tasks.transform import DbtModel

SPOOL = PROJECT / "var" / "spool" / "salesforce"

log = structlog.get_logger()


class ArchiveDataset(luigi.Task):
    """Write each day of a dataset that the run may have changed to the S3 archive."""

    data_date = luigi.DateParameter(description="the data date of the run")
    env = ENV
    version = VERSION
    dataset = luigi.ChoiceParameter(choices=sorted(DATASETS))
    data_date_from = DATA_DATE_FROM
    scope = SCOPE
    num_retries = NUM_RETRIES
    retry_sleep = RETRY_SLEEP

    task_family = SHOWN_FAMILY

    @property
    def resources(self) -> dict[str, int]:
        """Allow one archive task at a time: the first one writes for the others."""
        return {"archive": 1, **warehouse_slots()}

    def requires(self) -> luigi.Task:
        """Require the model that the dataset is exported from."""
        return self.clone(DbtModel, model=DATASETS[self.dataset].relation)

    def output(self) -> LedgerTarget:
        """Return a target that exists once ledger and S3 have every day."""
        return LedgerTarget(self)

    def run(self) -> None:
        """Write the days that are missing or outdated, then those of other datasets.

        An error of another dataset is left to its own task.
        """
        run = (self.data_date, self.data_date_from)
        key = {"env": self.env, "version": self.version}
        archives.clear_cache()
        if not self._stale_reason(run_state.current(*run, **key)):
            return  # An earlier task of the run has written them.
        state = run_state.reload_ledgers(*run, **key)
        retry(
            lambda: _archive(DATASETS[self.dataset], state),
            num_retries=self.num_retries,
            retry_sleep=self.retry_sleep,
        )
        with _left_to_its_own_task():
            for dataset in self._other_datasets(state):
                _archive(dataset, state)
            run_state.reload_ledgers(*run, **key)

    def stale_reason(self) -> str:
        """Return the first day that must be written and why, or ''."""
        return self._stale_reason(
            run_state.load(
                self.data_date, self.data_date_from, env=self.env, version=self.version
            )
        )

    def _stale_reason(self, state: RunState) -> str:
        dataset = DATASETS[self.dataset]
        for day in archives.affected_days(state):
            if reason := archives.stale_reason(state, dataset, day):
                return f"{day}: {reason}"
        return ""

    def _other_datasets(self, state: RunState) -> list[Dataset]:
        """Return the other datasets of the run whose models are built."""
        models = self.scope.split(",")
        return [
            dataset
            for dataset in DATASETS.values()
            if dataset.name != self.dataset
            and dataset.relation in models
            and not build_stale_reason(state, dataset.relation)
        ]

    def upstream_cause(self) -> str:
        """Return what makes the dataset's model stale, for the plan, or ''."""
        state = run_state.load(
            self.data_date, self.data_date_from, env=self.env, version=self.version
        )
        return causes.cause_of_model(state, DATASETS[self.dataset].relation)


@contextmanager
def _left_to_its_own_task() -> Iterator[None]:
    try:
        yield
    except NightshiftError as error:
        log.warning("left to the dataset's own task", error=str(error))


def _archive(dataset: Dataset, state: RunState) -> None:
    """Write the stale days of a dataset, and record them."""
    archives.clear_cache()
    days = [
        day
        for day in archives.affected_days(state)
        if archives.stale_reason(state, dataset, day)
    ]
    written: list[ledger.ArchiveResult] = []
    watch = progress.Stopwatch()
    try:
        with warehouse.session() as connection:
            for result in replace_partitions(
                connection, dataset, days=days, root=archives.root_url(state)
            ):
                written.append(result)
                progress.print_line(
                    f"ArchiveDataset {dataset.name}",
                    day=result.dt,
                    rows=result.rows,
                    seconds=watch.seconds,
                )
                watch = progress.Stopwatch()
    except BaseException:
        try:
            _record(written, dataset, state)
        except NightshiftError as error:
            # The archive's own error is more important than this one.
            log.error("written archives not recorded", error=str(error))
        raise
    _record(written, dataset, state)


def _record(
    written: list[ledger.ArchiveResult], dataset: Dataset, state: RunState
) -> None:
    """Write the completion records of a dataset's days together."""
    if not written:
        return
    fingerprints = {
        result.dt: archives.fingerprint(state, dataset, result.dt) for result in written
    }
    with interruption.deferred():
        warehouse.run_with_retries(
            lambda connection: ledger.record_archives(
                connection,
                written,
                fingerprints=fingerprints,
                env=state.env,
                version=state.version,
                run_id=RUN_ID,
            )
        )


class SyncTrialMetricsToSalesforce(luigi.Task):
    """Send the changed trial metrics of the data date to Salesforce."""

    data_date = luigi.DateParameter(description="the data date of the run")
    env = ENV
    version = VERSION
    data_date_from = DATA_DATE_FROM
    scope = SCOPE

    # Not a parameter: what the task sends.
    export = TRIAL_METRICS

    @property
    def resources(self) -> dict[str, int]:
        """Allow one sync at a time, which also takes the warehouse's slot if any."""
        return {"salesforce": 1, **warehouse_slots()}

    def requires(self) -> luigi.Task:
        """Require the exported mart, whose tests must have passed."""
        return self.clone(DbtModel, model=self.export.model)

    def output(self) -> LedgerTarget:
        """Return a target that exists once the current values are sent."""
        return LedgerTarget(self)

    def run(self) -> None:
        """Send what changed. The sync itself retries each request."""
        state = run_state.reload_ledgers(
            self.data_date, self.data_date_from, env=self.env, version=self.version
        )
        watch = progress.Stopwatch()
        request = _sync_request(state, self.export)
        result = sync.run(request, settings.load().salesforce)
        progress.print_line(
            self.task_family,
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
        return sync_stale_reason(state, self.export)

    def upstream_cause(self) -> str:
        """Return what makes the exported mart stale, for the plan, or ''."""
        state = run_state.load(
            self.data_date, self.data_date_from, env=self.env, version=self.version
        )
        return causes.cause_of_sync(state, self.export)


class SyncAccountsToSalesforce(SyncTrialMetricsToSalesforce):
    """Update the existing accounts in Salesforce with the values of the data date."""

    export = ACCOUNTS


def scheduled_syncs() -> list[type[SyncTrialMetricsToSalesforce]]:
    """Return the sync tasks of every run."""
    tasks = (SyncTrialMetricsToSalesforce, SyncAccountsToSalesforce)
    return [task for task in tasks if task.export in scheduled_exports()]


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
        run = (self.data_date, self.data_date_from)
        key = {"env": self.env, "version": self.version}
        if not syncs.incomplete_reason(run_state.current(*run, **key)):
            return ""
        return syncs.incomplete_reason(run_state.reload_ledgers(*run, **key))


def _sync_request(state: RunState, export: Export) -> SyncRequest:
    data_date = last_dates(state).synced
    return SyncRequest(
        mapping=mapping.load(model=export.model),
        data_date=data_date,
        spool=SPOOL,
        env=state.env,
        version=state.version,
        run_id=RUN_ID,
        fingerprint=state.built_fingerprint(export.model, data_date),
        is_date_given=True,
    )
