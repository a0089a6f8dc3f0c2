"""The OpenLineage jobs, runs and datasets of the steps of a run.

Names of datasets are those of OpenLineage's naming specification; those of dbt's jobs
and tables are the names that openlineage-dbt gives them. See docs/lineage.md.
"""

import os
from datetime import date, datetime
from importlib.metadata import version
from urllib.parse import urlsplit

import luigi
from luigi.task_register import Register

from loaders import s3
from loaders.config import salesforce_mapping, settings
from loaders.lineage import facts
from loaders.lineage.facts import Column, Dataset, Event, Job, Run, RunKey
from loaders.warehouse.declared_tables import raw_tables
from orchestrate import steps
from orchestrate.dbt.lineage import DbtLineage
from orchestrate.planning.archives import DATASETS
from orchestrate.planning.exports import ACCOUNTS, TRIAL_METRICS, Export
from orchestrate.planning.reports import REPORT
from orchestrate.run_id import RUN_ID
from orchestrate.steps import StepEvent
from reports.morning.data import MODELS

STATES = {
    steps.STARTED: facts.START,
    steps.DONE: facts.COMPLETE,
    steps.FAILED: facts.FAIL,
    steps.ABORTED: facts.ABORT,
}
SYNCS = {
    "SyncTrialMetricsToSalesforce": TRIAL_METRICS,
    "SyncAccountsToSalesforce": ACCOUNTS,
}
DBT_TASKS = (steps.MODEL, steps.MODEL_TESTS)
INTEGRATION = "NIGHTSHIFT"


class LineageFacts:
    """Describes the steps of one run of a root task."""

    def __init__(self, root: luigi.Task, run_id: str) -> None:
        self._root = root
        self._namespace = os.environ.get(
            "OPENLINEAGE_NAMESPACE", f"nightshift-{root.env}"
        )
        self._key = RunKey(self._namespace, root.get_task_family(), run_id)
        self._engine = ("Luigi", version("luigi"))
        self._dbt = DbtLineage()

    def events(self, event: StepEvent) -> list[Event]:
        """Return the OpenLineage event of a step's event."""
        inputs, outputs = self._datasets(event)
        has_failed = event.state in (steps.FAILED, steps.ABORTED)
        return [
            Event(
                state=STATES[event.state],
                time=datetime.fromisoformat(event.time),
                run=self._run(event),
                job=self._job(event),
                inputs=inputs,
                # What failed has written nothing.
                outputs=() if has_failed else outputs,
                error=event.error,
            )
        ]

    def _run(self, event: StepEvent) -> Run:
        days = [date.fromisoformat(day) for day in event.days]
        parent, root = _outer_run()
        if event.step_id != self._key.run_id:
            parent, root = self._key, root or self._key
        is_dbt = event.task in DBT_TASKS
        return Run(
            run_id=event.step_id,
            first=min(days),
            last=max(days),
            engine=("dbt", version("dbt-core")) if is_dbt else self._engine,
            parent=parent,
            root=root,
            tags={
                "nightshift_run_id": RUN_ID,
                "env": self._root.env,
                "version": self._root.version,
            },
            dbt=self._dbt.invocation(event.invocation) if event.invocation else None,
        )

    def _job(self, event: StepEvent) -> Job:
        if event.task in DBT_TASKS:
            return self._dbt.job(
                event.subject,
                self._namespace,
                is_test=event.task == steps.MODEL_TESTS,
                has_ended=event.state != steps.STARTED,
            )
        is_root = event.task == self._key.job
        return Job(
            namespace=self._namespace,
            name=".".join(filter(None, (event.task, event.subject))),
            type="DAG" if is_root else "TASK",
            integration=INTEGRATION,
            description=_description(event.task),
        )

    def _datasets(
        self, event: StepEvent
    ) -> tuple[tuple[Dataset, ...], tuple[Dataset, ...]]:
        """Return what a step reads and what it writes."""
        days = tuple(date.fromisoformat(day) for day in event.days)
        counts = event.counts
        if event.task == steps.MODEL:
            table = self._dbt.model(event.subject, rows=counts.get("rows"))
            return self._dbt.parents(event.subject), (table,)
        if event.task == steps.MODEL_TESTS:
            return (self._dbt.model(event.subject, tests=event.tests),), ()
        if event.task in ("LoadRawTable", "RawPartition"):
            partition = self._partition(event, days)
            is_load = event.task == "LoadRawTable"
            return (partition,), self._loaded(event) if is_load else ()
        if event.task == "ArchiveDataset":
            source = self._dbt.model(DATASETS[event.subject].relation)
            return (source,), (self._archive(source, event, days),)
        if event.task in SYNCS:
            return self._sync(SYNCS[event.task], event)
        if event.task == "MailReport":
            page = Dataset(*_s3_name(f"{self._archive_url()}/{REPORT}"), days=days)
            return tuple(map(self._dbt.model, MODELS)), (page,)
        return (), ()

    def _partition(self, event: StepEvent, days: tuple[date, ...]) -> Dataset:
        columns = raw_tables()[event.subject].data_columns
        return Dataset(
            *_s3_name(f"{settings.load().required_raw_url()}/{event.subject}"),
            columns=tuple(Column(column.name, column.data_type) for column in columns),
            days=days,
            rows=event.counts.get("lines"),
            bytes=event.counts.get("bytes"),
            files=event.counts.get("files"),
        )

    def _loaded(self, event: StepEvent) -> tuple[Dataset, ...]:
        table = raw_tables()[event.subject].name
        return (
            self._dbt.source(table, rows=event.counts.get("rows")),
            self._dbt.source("load_rejects", rows=event.counts.get("rejects")),
        )

    def _archive(
        self, source: Dataset, event: StepEvent, days: tuple[date, ...]
    ) -> Dataset:
        return Dataset(
            *_s3_name(f"{self._archive_url()}/{event.subject}"),
            columns=tuple(
                Column(each.name, each.type, each.description, source=each.name)
                for each in source.columns
            ),
            description=source.description,
            days=days,
            rows=event.counts.get("rows"),
            bytes=event.counts.get("bytes"),
            files=event.counts.get("files"),
            copied_from=(source.namespace, source.name),
        )

    def _sync(
        self, export: Export, event: StepEvent
    ) -> tuple[tuple[Dataset, ...], tuple[Dataset, ...]]:
        source = self._dbt.model(export.model)
        login = settings.load().salesforce
        url = urlsplit(login.instance_url or login.token_url or "")
        target = Dataset(
            f"salesforce://{url.hostname or 'salesforce.com'}",
            export.object,
            columns=tuple(
                Column(field.name, field.type, source=field.column)
                for field in salesforce_mapping.load(model=export.model).fields
            ),
            rows=event.counts.get("rows"),
            copied_from=(source.namespace, source.name),
        )
        rejects = event.counts.get("rejects")
        return (source,), (target, self._dbt.source("salesforce_rejects", rows=rejects))

    def _archive_url(self) -> str:
        url = settings.load().required_archive_url()
        return f"{url}/{self._root.env}/{self._root.version}"


def _s3_name(url: str) -> tuple[str, str]:
    bucket, key = s3.split_url(url)
    return f"s3://{bucket}", key


def _description(task: str) -> str:
    cls = Register.get_task_cls(task)
    return (cls.__doc__ or "").partition("\n")[0]


def _outer_run() -> tuple[RunKey | None, RunKey | None]:
    """Return the run that started this one and its root, as openlineage-dbt does.

    OPENLINEAGE_PARENT_ID and OPENLINEAGE_ROOT_PARENT_ID are NAMESPACE/JOB/RUN_ID.
    """
    names = ("OPENLINEAGE_PARENT_ID", "OPENLINEAGE_ROOT_PARENT_ID")
    parent, root = (_run_key(os.environ.get(name, "")) for name in names)
    return parent, root or parent


def _run_key(text: str) -> RunKey | None:
    namespace, _, rest = text.rpartition("/")[0].rpartition("/")
    return RunKey(namespace, rest, text.rpartition("/")[2]) if namespace else None
