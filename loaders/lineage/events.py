"""Conversion of facts into the events and facets of OpenLineage.

With `client`, the only importer of openlineage-python. The facets that begin with `dbt`
are those of openlineage-dbt, which has no package for them without its other parts.
"""

from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import attr
from openlineage.client.constants import __version__ as client_version
from openlineage.client.event_v2 import (
    InputDataset,
    Job,
    OutputDataset,
    Run,
    RunEvent,
    RunState,
)
from openlineage.client.facet_v2 import (
    BaseFacet,
    JobFacet,
    RunFacet,
    documentation_job,
    error_message_run,
    job_type_job,
    nominal_time_run,
    parent_run,
    processing_engine_run,
    set_producer,
    sql_job,
    tags_run,
)

from loaders.config import redaction
from loaders.lineage import dataset_facets, facts
from loaders.lineage.dataset_facets import DBT_SCHEMAS, PRODUCER

set_producer(PRODUCER)


@attr.define
class DbtNodeJobFacet(JobFacet):
    """The dbt node that a job executes, as openlineage-dbt describes it."""

    original_file_path: str
    database: str
    schema: str
    alias: str
    unique_id: str

    @staticmethod
    def _get_schema() -> str:
        return f"{DBT_SCHEMAS}dbt-node-job-facet.json"


@attr.define
class DbtRunRunFacet(RunFacet):
    """The dbt invocation of a run, as openlineage-dbt describes it."""

    invocation_id: str
    project_name: str
    profile_name: str
    dbt_runtime: str = "core"

    @staticmethod
    def _get_schema() -> str:
        return f"{DBT_SCHEMAS}dbt-run-run-facet.json"


@attr.define
class DbtVersionRunFacet(BaseFacet):
    """The dbt version of a run, as openlineage-dbt describes it."""

    version: str

    @staticmethod
    def _get_schema() -> str:
        return f"{DBT_SCHEMAS}dbt-version-run-facet.json"


def run_event(event: facts.Event) -> RunEvent:
    """Return the event with the classes of the library."""
    return RunEvent(
        eventType=RunState[event.state],
        eventTime=_text(event.time),
        producer=PRODUCER,
        run=Run(runId=event.run.run_id, facets=_run_facets(event)),
        job=Job(
            namespace=event.job.namespace,
            name=event.job.name,
            facets=_job_facets(event.job),
        ),
        inputs=[
            InputDataset(
                namespace=dataset.namespace,
                name=dataset.name,
                facets=dataset_facets.common(dataset),
                inputFacets=dataset_facets.of_input(dataset),
            )
            for dataset in event.inputs
        ],
        outputs=[
            OutputDataset(
                namespace=dataset.namespace,
                name=dataset.name,
                facets=dataset_facets.common(dataset),
                outputFacets=dataset_facets.of_output(dataset),
            )
            for dataset in event.outputs
        ],
    )


def _text(timestamp: datetime) -> str:
    return timestamp.replace(tzinfo=UTC).isoformat()


def _run_facets(event: facts.Event) -> dict[str, Any]:
    run = event.run
    engine, version = run.engine
    facets: dict[str, Any] = {
        "nominalTime": nominal_time_run.NominalTimeRunFacet(
            nominalStartTime=_midnight(run.first),
            nominalEndTime=_midnight(run.last + timedelta(days=1)),
        ),
        "processing_engine": processing_engine_run.ProcessingEngineRunFacet(
            name=engine, version=version, openlineageAdapterVersion=client_version
        ),
    }
    if run.parent:
        facets["parent"] = _parent(run.parent, run.root or run.parent)
    if run.tags:
        facets["tags"] = tags_run.TagsRunFacet(
            tags=[
                tags_run.TagsRunFacetFields(key=key, value=value, source="NIGHTSHIFT")
                for key, value in run.tags.items()
            ]
        )
    if run.dbt:
        facets["dbt_run"] = DbtRunRunFacet(**run.dbt)
        facets["dbt_version"] = DbtVersionRunFacet(version=version)
    if event.error:
        facets["errorMessage"] = error_message_run.ErrorMessageRunFacet(
            message=redaction.redact(event.error),
            programmingLanguage="sql" if run.dbt else "python",
        )
    return facets


def _midnight(day: date) -> str:
    return _text(datetime.combine(day, time()))


def _parent(parent: facts.RunKey, root: facts.RunKey) -> parent_run.ParentRunFacet:
    return parent_run.ParentRunFacet(
        run=parent_run.Run(runId=parent.run_id),
        job=parent_run.Job(namespace=parent.namespace, name=parent.job),
        root=parent_run.Root(
            run=parent_run.RootRun(runId=root.run_id),
            job=parent_run.RootJob(namespace=root.namespace, name=root.job),
        ),
    )


def _job_facets(job: facts.Job) -> dict[str, Any]:
    facets: dict[str, Any] = {
        "jobType": job_type_job.JobTypeJobFacet(
            jobType=job.type, integration=job.integration, processingType="BATCH"
        )
    }
    if job.description:
        facets["documentation"] = documentation_job.DocumentationJobFacet(
            description=job.description
        )
    if job.dbt_node:
        facets["dbt_node"] = DbtNodeJobFacet(**job.dbt_node)
    if job.sql:
        facets["sql"] = sql_job.SQLJobFacet(query=job.sql, dialect=job.dialect)
    return facets
