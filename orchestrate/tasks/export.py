"""The tasks that sync marts to Salesforce."""

import luigi

from loaders.config import salesforce_mapping as mapping
from loaders.config import settings
from loaders.config.settings import PROJECT
from loaders.salesforce import sync
from loaders.salesforce.context import SyncRequest
from orchestrate import progress, steps
from orchestrate.planning import causes, run_state, syncs
from orchestrate.planning.exports import (
    ACCOUNTS,
    TRIAL_METRICS,
    Export,
    scheduled_exports,
)
from orchestrate.planning.later_dates import last_dates
from orchestrate.planning.run_state import RunState
from orchestrate.planning.stale_models import sync_stale_reason
from orchestrate.run_id import RUN_ID
from orchestrate.tasks.parameters import (
    DATA_DATE_FROM,
    ENV,
    SCOPE,
    VERSION,
    warehouse_slots,
)
from orchestrate.tasks.targets import LedgerTarget
from orchestrate.tasks.transform import DbtModel

SPOOL = PROJECT / "var" / "spool" / "salesforce"


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
        with steps.step(self.get_task_family(), "", [request.data_date]) as step:
            result = sync.run(request, settings.load().salesforce)
            step.complete(rows=result.accepted, rejects=result.rejected)
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
