"""docs/lineage.md lists every job and facet that a run sends to OpenLineage."""

import re
from datetime import date, datetime
from pathlib import Path

import pytest

from loaders.config.environment import PROJECT
from orchestrate import Nightly, steps
from orchestrate.dbt import lineage as dbt_lineage
from orchestrate.dbt import manifest
from orchestrate.planning.archives import DATASETS
from orchestrate.runs import lineage
from orchestrate.runs.outcome import ExitCode, Outcome, TaskResult
from orchestrate.steps import Step
from tests.emulators.receiver import Receiver
from tests.orchestrate.lineage_checks import ends
from tests.orchestrate.lineage_events import take

DAY = date(2026, 11, 24)
STARTED_AT = datetime(2026, 11, 25, 1)
PAGE = PROJECT / "docs" / "lineage.md"


def _all_steps() -> None:
    """Complete one step of every task."""
    for source in ("orgs", "metrics"):
        Step("LoadRawTable", source, [DAY]).complete(
            **dict.fromkeys(("lines", "rows", "rejects", "bytes", "files"), 1)
        )
    Step(steps.MODEL, "billing_plans", [DAY], "an-id").complete(rows=4)
    Step(steps.MODEL, "fct_org_day", [DAY], "an-id").complete(rows=4)
    unique_id = next(
        name
        for name, node in manifest.last_parsed()["nodes"].items()
        if node["resource_type"] == "test"
    )
    outcomes = [steps.TestOutcome(unique_id, "pass", 0)]
    Step(steps.MODEL_TESTS, "fct_org_day", [DAY], "an-id").complete(outcomes)
    for dataset in DATASETS:
        Step("ArchiveDataset", dataset, [DAY]).complete(rows=1, bytes=1, files=1)
    for task in ("SyncTrialMetricsToSalesforce", "SyncAccountsToSalesforce"):
        Step(task, "", [DAY]).complete(rows=1, rejects=0)
    Step("MailReport", "report", [DAY]).complete()


def _table(heading: str) -> list[list[str]]:
    """Return the cells of the rows below a heading of the page."""
    section = PAGE.read_text("utf-8").partition(f"## {heading}\n")[2]
    table = section.partition("\n## ")[0].partition("\n\n| dataset |")[0]
    rows = re.findall(r"^\| (.*) \|$", table, re.M)[1:]
    return [row.split(" | ") for row in rows]


def test_page_lists_every_job_dataset_and_facet(
    lineage_receiver: Receiver, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    node = manifest.last_parsed()["nodes"]["model.nightshift.fct_org_day"]
    compiled = tmp_path / "compiled" / "nightshift" / node["original_file_path"]
    compiled.parent.mkdir(parents=True)
    compiled.write_text("select 1")
    monkeypatch.setattr(dbt_lineage, "TARGET_FOLDER", tmp_path)
    lineage.run_started(Nightly(data_date=DAY, env="local"), STARTED_AT)
    _all_steps()
    failure = TaskResult("RawPartition", "", "failed", subject="web_logs", error="no")
    lineage.run_ended(Outcome("a-run", ExitCode.FAILED, (failure,)))
    events = take(lineage_receiver)
    last = ends(events)

    jobs = {cells[0]: cells[1:] for cells in _table("Jobs and datasets")}
    patterns = {
        name: re.sub(r"[A-Z_]{2,}", r"[\\w.]+", re.escape(name.strip("`")))
        for name in jobs
    }
    for name in last:  # each job is in one row, and each row has a job
        assert sum(bool(re.fullmatch(each, name)) for each in patterns.values()) == 1
    for pattern in patterns.values():
        assert any(re.fullmatch(pattern, name) for name in last), pattern

    used: dict[str, set[str]] = {kind: set() for kind in ("run", "job", "dataset")}
    for event in events:
        used["run"].update(event.run.facets or {})
        used["job"].update(event.job.facets or {})
        for read in event.inputs or []:
            used["dataset"].update(read.facets or {}, read.inputFacets or {})
        for written in event.outputs or []:
            used["dataset"].update(written.facets or {}, written.outputFacets or {})
    listed: dict[str, set[str]] = {kind: set() for kind in used}
    for names, kind, _ in _table("Facets"):
        listed[kind].update(re.findall(r"`(\w+)`", names))
    assert listed["job"] - used["job"] == {"sourceCodeLocation"}  # if switched on
    listed["job"] &= used["job"]
    assert listed == used
