"""The whole night on one screen: what is wanted, in which order it comes to be.

    RawPartition ─► LoadRawTable ─► DbtModel … ─► ArchiveDataset ──► MailReport
                                        │                              ▲
                                        └► SyncTrialMetricsToSalesforce ┘

Read this first. Edges between models come from dbt's manifest.
"""

from collections.abc import Iterator

import luigi

from loaders.salesforce.mapping import SALESFORCE_MODEL
from loaders.warehouse.declared_tables import raw_tables
from orchestrate.planning import run_state
from orchestrate.planning.archives import DATASETS
from orchestrate.tasks.export import (
    AcceptedBySalesforce,
    ArchiveDataset,
    SyncTrialMetricsToSalesforce,
)
from orchestrate.tasks.load import loads_of
from orchestrate.tasks.parameters import DATA_DATE_FROM, ENV, VERSION
from orchestrate.tasks.report import MailReport
from orchestrate.tasks.transform import DbtModel


class BuildOrgDays(luigi.WrapperTask):
    """Every org has its row for every day of its trial up to the data date."""

    data_date = luigi.DateParameter(description="the day to process, after its end")
    env = ENV
    version = VERSION

    def requires(self) -> DbtModel:
        """Want the rollup and all above it."""
        return self.clone(DbtModel, model="fct_org_day", scope="fct_org_day")


class BuildOrgTrialMetrics(luigi.WrapperTask):
    """Every org in trial has its metrics of the data date, measured at the targets."""

    data_date = luigi.DateParameter(description="the day to process, after its end")
    env = ENV
    version = VERSION
    data_date_from = DATA_DATE_FROM

    def requires(self) -> Iterator[DbtModel]:
        """Want the trial metrics, the targets, and what leaves for Salesforce."""
        models = ("org_trial_metrics_latest", "trial_target_curve", SALESFORCE_MODEL)
        for model in models:
            yield self.clone(DbtModel, model=model, scope=",".join(models))


class Nightly(luigi.WrapperTask):
    """The night is done: loaded, built, tested, archived, sent and reported."""

    data_date = luigi.DateParameter(description="the day to process, after its end")
    env = ENV
    version = VERSION
    data_date_from = DATA_DATE_FROM

    def requires(self) -> Iterator[luigi.Task]:
        """Want every source, model and archive, Salesforce, and the report."""
        state = run_state.of(
            self.data_date, self.data_date_from, env=self.env, version=self.version
        )
        scope = ",".join(state.graph.nodes)
        for source in raw_tables():
            yield from loads_of(self, source, state.days_to_load(source))
        for model in state.graph.nodes:
            yield self.clone(DbtModel, model=model, scope=scope)
        for dataset in DATASETS:
            yield self.clone(ArchiveDataset, dataset=dataset, scope=scope)
        yield self.clone(SyncTrialMetricsToSalesforce, scope=scope)
        yield self.clone(MailReport, scope=scope)

    def run(self) -> Iterator[luigi.Task]:
        """Stay open (exit code 2) while Salesforce rejects too many rows."""
        accepted = self.clone(AcceptedBySalesforce)
        if not accepted.complete():
            yield accepted

    def complete(self) -> bool:
        """Be done when everything wanted is, and Salesforce took it."""
        return super().complete() and self.clone(AcceptedBySalesforce).complete()


class Backfill(luigi.WrapperTask):
    """A range of nights is done in one pass, as if night after night."""

    data_date_from = luigi.DateParameter(description="first data date of the range")
    data_date = luigi.DateParameter(description="last data date of the range")
    env = ENV
    version = VERSION

    def requires(self) -> Nightly:
        """Want the last night, with all of the range in its window."""
        return self.clone(Nightly)
