"""The root tasks, which define the whole DAG. Read this module first.

    RawPartition ─► LoadRawTable ─► DbtModel … ─► ArchiveDataset ──► MailReport
                                        │                              ▲
                                        ├► SyncTrialMetricsToSalesforce ┤
                                        └► SyncAccountsToSalesforce ────┘

Dependencies between models come from dbt's manifest. `scope` lists the models that
share one dbt invocation. Accounts are only synced if that is set.
"""

from collections.abc import Iterable, Iterator
from datetime import date

import luigi

from loaders import alerts
from loaders.config import settings
from loaders.config.salesforce_mapping import SALESFORCE_MODEL
from loaders.warehouse.declared_tables import raw_tables
from orchestrate.planning import finality, run_state, syncs
from orchestrate.planning.archives import DATASETS
from orchestrate.tasks.archive import ArchiveDataset
from orchestrate.tasks.export import AcceptedBySalesforce, scheduled_syncs
from orchestrate.tasks.load import load_tasks
from orchestrate.tasks.outermost import can_be_skipped, outermost
from orchestrate.tasks.parameters import DATA_DATE_FROM, ENV, VERSION
from orchestrate.tasks.report import MailReport
from orchestrate.tasks.transform import DbtModel

# Statuses of runs in which every task was done.
COMPLETE_STATUSES = ("done", "rejected")


class BuildOrgDays(luigi.WrapperTask):
    """Build `fct_org_day` up to the data date."""

    data_date = luigi.DateParameter(description="the day to process; must have ended")
    env = ENV
    version = VERSION

    def requires(self) -> luigi.Task:
        """Require the model, which requires everything upstream."""
        return self.clone(DbtModel, model="fct_org_day", scope="fct_org_day")


class BuildOrgTrialMetrics(luigi.WrapperTask):
    """Build the trial metrics and usage targets of the data date."""

    data_date = luigi.DateParameter(description="the day to process; must have ended")
    env = ENV
    version = VERSION
    data_date_from = DATA_DATE_FROM

    def requires(self) -> Iterator[luigi.Task]:
        """Require the trial metrics, the targets and the Salesforce export."""
        models = ("org_trial_metrics_latest", "trial_target_curve", SALESFORCE_MODEL)
        for model in models:
            yield self.clone(DbtModel, model=model, scope=",".join(models))


class Nightly(luigi.WrapperTask):
    """Load, build, test, archive, send and report one data date."""

    data_date = luigi.DateParameter(description="the day to process; must have ended")
    env = ENV
    version = VERSION
    data_date_from = DATA_DATE_FROM

    def requires(self) -> Iterator[luigi.Task]:
        """Require the report and all else that must run, as the ends of the graph."""
        yield from outermost(self.all_tasks())

    def all_tasks(self) -> Iterator[luigi.Task]:
        """Yield all loads, models and archives, the syncs and the report."""
        state = run_state.load(
            self.data_date, self.data_date_from, env=self.env, version=self.version
        )
        finality.require_open(state.completed, state.data_date_from)
        scope = ",".join(state.graph.nodes)
        alerts.check(settings.load().alerts.urls)
        for source in raw_tables():
            # A bucket that cannot be listed fails the run here, before any task runs.
            state.partition(source, self.data_date)
            yield from load_tasks(self, source, state.days_to_load(source))
        for model in state.graph.nodes:
            yield self.clone(DbtModel, model=model, scope=scope)
        for dataset in DATASETS:
            yield self.clone(ArchiveDataset, dataset=dataset, scope=scope)
        for sync in scheduled_syncs():
            yield self.clone(sync, scope=scope)
        yield self.clone(MailReport, scope=scope)

    def run(self) -> Iterator[luigi.Task]:
        """Remain incomplete (exit code 2) while Salesforce rejects too many rows."""
        accepted = self.clone(AcceptedBySalesforce)
        if not accepted.complete():
            yield accepted

    @classmethod
    def bulk_complete(cls, parameter_tuples: Iterable[date]) -> list[date]:
        """Return the dates whose runs are complete, with one query of the ledgers."""
        return [day for day in parameter_tuples if cls(data_date=day).has_ended()]

    def has_ended(self) -> bool:
        """Return whether nothing is left to do, as the ledgers were last read.

        A pass over several dates reports on the last one, so the others need no report.
        """
        state = run_state.current(
            self.data_date, self.data_date_from, env=self.env, version=self.version
        )
        if self.data_date < finality.first_open_date(state.completed):
            return True  # The date is final, so a range of dates leaves it alone.
        is_accepted = not syncs.incomplete_reason(state)
        is_in_pass = any(
            first <= self.data_date < last and status in COMPLETE_STATUSES
            for (first, last), (status, _) in state.completed.runs.items()
        )
        return is_accepted and all(
            task.complete()
            for task in self.all_tasks()
            if not (is_in_pass and isinstance(task, MailReport))
        )

    def complete(self) -> bool:
        """Return whether all requirements are complete and Salesforce accepted them."""
        is_complete = all(can_be_skipped(task) for task in self.requires())
        return is_complete and bool(self.clone(AcceptedBySalesforce).complete())


class Backfill(luigi.WrapperTask):
    """Process a range of data dates in one pass, with the results of single runs."""

    data_date_from = luigi.DateParameter(description="first data date of the range")
    data_date = luigi.DateParameter(description="last data date of the range")
    env = ENV
    version = VERSION

    def requires(self) -> luigi.Task:
        """Require the run of the last date, which recomputes the whole range."""
        return self.clone(Nightly)
