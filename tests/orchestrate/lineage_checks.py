"""What the OpenLineage events of a run state, by its ledgers and openlineage-dbt."""

import json
from typing import Any

import attr
from openlineage.client.event_v2 import InputDataset, OutputDataset, RunEvent
from openlineage.common.provider.dbt.processor import DbtArtifactProcessor

from tests.nightly.project import Project
from tests.orchestrate.lineage_events import BASE_FACET_KEYS


class DbtEvents(DbtArtifactProcessor):
    """The events of openlineage-dbt for a build of some nodes of a manifest."""

    def __init__(
        self,
        manifest: dict[str, Any],
        profile: dict[str, Any],
        unique_ids: set[str],
        namespace: str,
    ) -> None:
        super().__init__("urn:nightshift", namespace)
        results = [
            {
                "unique_id": unique_id,
                "status": "pass" if unique_id.startswith("test.") else "success",
                "timing": [],
                "failures": 0,
            }
            for unique_id in unique_ids
        ]
        metadata = {"dbt_version": manifest["metadata"]["dbt_version"]}
        run = {"metadata": metadata, "args": {"which": "build"}, "results": results}
        self._metadata = manifest, run, profile, None

    def get_dbt_metadata(self) -> Any:  # noqa: ANN401 - as the base class
        """Return manifest, results, profile and catalog."""
        return self._metadata

    def dbt_run_run_facet(self) -> dict[str, Any]:
        """Return no facet of the invocation."""
        return {}

    def completed(self) -> dict[str, RunEvent]:
        """Return the events of completed jobs by the job's name."""
        return {event.job.name: event for event in self.parse().completes}


def ends(events: list[RunEvent]) -> dict[str, RunEvent]:
    """Return the last event of each job; every run has one start and one end."""
    states: dict[str, list[str]] = {}
    for event in events:
        assert event.eventType is not None
        states.setdefault(event.run.runId, []).append(event.eventType.name)
    assert {(first, len(rest)) for first, *rest in states.values()} == {("START", 1)}
    return {event.job.name: event for event in events}


def counts(dataset: InputDataset | OutputDataset) -> tuple[int, int, int]:
    """Return rows, bytes and files of an input or output."""
    facets: dict[str, Any] = (
        dataset.inputFacets or {}
        if isinstance(dataset, InputDataset)
        else dataset.outputFacets or {}
    )
    (statistics,) = (facet for name, facet in facets.items() if "Statistics" in name)
    return statistics.rowCount, statistics.size, statistics.fileCount


def check_failed_run(events: list[RunEvent]) -> None:
    """Check a run for which the orgs are missing: nothing that needs them was built."""
    last = ends(events)
    failed = [name for name, each in last.items() if each.eventType.name == "FAIL"]
    assert sorted(failed) == ["Nightly", "RawPartition.orgs"]
    for name in failed:
        error = last[name].run.facets["errorMessage"]
        assert "is incomplete" in error.message
    assert last["LoadRawTable.metrics"].eventType.name == "COMPLETE"
    assert not any("fct_org_day" in name for name in last)
    assert not any(name.startswith(("Archive", "Sync", "Mail")) for name in last)


def check_recovered_run(events: list[RunEvent], project: Project) -> None:
    """Check all that a finished run of one date has done, by its ledgers."""
    last = ends(events)
    assert {event.eventType.name for event in last.values()} == {"COMPLETE"}
    root = last["Nightly"]
    assert (root.run.facets["nominalTime"].nominalStartTime[:10]) == "2026-11-24"
    for name, event in last.items():
        if name != "Nightly":
            assert event.run.facets["parent"].run.runId == root.run.runId
            assert event.run.facets["parent"].job.name == "Nightly"

    (load,) = project.rows("select * from ops.loads where source = 'orgs'")
    event = last["LoadRawTable.orgs"]
    (raw,), (table, rejects) = event.inputs, event.outputs
    bucket, _, prefix = project.raw_url.removeprefix("s3://").partition("/")
    assert (raw.namespace, raw.name) == (f"s3://{bucket}", f"{prefix}/orgs")
    assert counts(raw) == (load["lines"], load["bytes"], load["objects"])
    assert counts(table)[0] == load["rows_loaded"]
    assert counts(rejects)[0] == load["rejects"]
    partition = raw.inputFacets["subset"].inputCondition.partitions[0]
    assert partition.dimensions == {"dt": "2026-11-24"}
    assert table.name == "nightshift.staging.raw_orgs"

    built = project.rows(
        "select model, rows from ops.model_runs where status = 'success'"
    )
    rows = {row["model"]: row["rows"] for row in built}
    manifest = json.loads((project.folder / "var/dbt/manifest.json").read_text("utf-8"))
    check_dbt_events(last, manifest, rows)

    for archive in project.rows("select * from ops.archives"):
        (written,) = last[f"ArchiveDataset.{archive['dataset']}"].outputs
        assert f"{written.namespace}/{written.name}/" in archive["url"]
        assert counts(written) == (archive["rows"], archive["bytes"], archive["files"])
        lineage = written.facets["columnLineage"].fields
        assert lineage["org_id" if "org_id" in lineage else "org_id__c"]
    (sync,) = project.rows("select * from ops.salesforce_syncs")
    event = last["SyncTrialMetricsToSalesforce"]
    (mart,), (target, rejected) = event.inputs, event.outputs
    assert (mart.name, target.name) == (
        *("nightshift.marts.sf_trial_metrics", "Trial_Metrics__c"),
    )
    assert target.namespace == "salesforce://127.0.0.1"
    assert (counts(target)[0], counts(rejected)[0]) == (
        *(sync["accepted"], sync["rejected"]),
    )
    (source,) = target.facets["columnLineage"].fields["hosts__c"].inputFields
    assert (source.namespace, source.name, source.field) == (
        *(mart.namespace, mart.name, "hosts__c"),
    )
    (page,) = last["MailReport.report"].outputs
    assert f"{page.namespace}/{page.name}".startswith(project.archive_url)


def check_dbt_events(
    last: dict[str, RunEvent], manifest: dict[str, Any], rows: dict[str, int | None]
) -> None:
    """Compare the events of models and tests with those of openlineage-dbt."""
    ours = {
        name: event
        for name, event in last.items()
        if ".build." in name and event.job.facets["dbt_node"].unique_id[:5] != "seed."
    }
    nodes = {event.job.facets["dbt_node"].unique_id for event in ours.values()}
    nodes |= {name for name in manifest["nodes"] if name.startswith("test.")}
    profile = {"type": "duckdb", "path": "var/nightshift.duckdb"}
    dbt = DbtEvents(manifest, profile, nodes, "nightshift-local").completed()
    assert ours and ours.keys() <= dbt.keys()
    for name, event in ours.items():
        expected = dbt[name]
        assert event.job.namespace == expected.job.namespace
        for facet in ("jobType", "dbt_node"):
            assert _values(event.job, facet) == _values(expected.job, facet)
        assert (
            event.run.facets["processing_engine"].version
            == expected.run.facets["processing_engine"].version
        )
        for written, expectation in zip(event.outputs, expected.outputs, strict=True):
            _compare(written, expectation)
            model = written.name.rpartition(".")[2]
            if rows.get(model) is not None:
                assert counts(written)[0] == rows[model]
        inputs = {(each.namespace, each.name): each for each in event.inputs}
        for each in expected.inputs:  # it leaves seeds out
            _compare(inputs[each.namespace, each.name], each)
        if name.endswith(".test"):
            _compare_assertions(event.inputs[0], expected.inputs[0])
        else:
            assert "select" in event.job.facets["sql"].query


def _compare(dataset: Any, expected: Any) -> None:  # noqa: ANN401 - input or output
    assert (dataset.namespace, dataset.name) == (expected.namespace, expected.name)
    for facet in expected.facets.keys() - {"dbt_model", "dataQualityAssertions"}:
        assert _values(dataset, facet) == _values(expected, facet)


def _compare_assertions(dataset: InputDataset, expected: InputDataset) -> None:
    ours, theirs = (
        {each.name: each for each in facets["dataQualityAssertions"].assertions}
        for facets in (dataset.inputFacets or {}, expected.inputFacets or {})
    )
    for name, assertion in theirs.items():
        if name in ours:  # a test of several models belongs to another of them
            for field in ("assertion", "column", "severity", "expected"):
                assert getattr(ours[name], field) == getattr(assertion, field)


def _values(holder: Any, facet: str) -> dict[str, Any]:  # noqa: ANN401 - has facets
    values: dict[str, Any] = attr.asdict(holder.facets[facet])
    return {key: each for key, each in values.items() if key not in BASE_FACET_KEYS}
