"""A project with finished runs of a small company, for tests that only read it."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from tests.emulators.sample.rates import clean_rates
from tests.emulators.sample.world import World
from tests.emulators.sample.write import write_to_folder
from tests.nightly.project import TIMEOUT_SECONDS, Project
from tests.nightly.s3_objects import upload_partitions
from tests.nightly.template import Template, prepare_template
from tests.reference import read_raw_data

WORLD = World(orgs=50, days=4, until=date(2026, 11, 24), seed=3, rates=clean_rates())
REJECTED_OBJECT = "part-90000.json"


@dataclass(frozen=True)
class SharedProject:
    """A project, the folder of its raw partitions, and its last data date.

    One line of that day's metrics names `rejected_org` and is rejected.
    """

    project: Project
    raw: Path
    data_date: date
    rejected_org: int


def prepare(
    folder: Path,
    workspace: Path,
    shared_environment: Mapping[str, str],
    *,
    parsed_dbt: Path,
) -> None:
    """Backfill all dates in `workspace` and save the project in `folder`."""
    raw = folder / "raw"
    write_to_folder(WORLD, raw)
    org = _first_org(raw)
    line = {"org_id": org, "sampled_at": "at noon", "hosts": 1}
    line |= {"dashboards": 1, "metrics": 1, "integrations": []}
    partition = raw / "metrics" / f"dt={WORLD.until}"
    (partition / REJECTED_OBJECT).write_text(json.dumps(line) + "\n", encoding="utf-8")
    (folder / "rejected_org").write_text(str(org), encoding="utf-8")
    template = _template(folder)
    prepare_template(
        template,
        workspace,
        shared_environment,
        run=lambda project: _backfill(project, raw),
        parsed_dbt=parsed_dbt,
    )


@contextmanager
def restored(
    folder: Path, workspace: Path, shared_environment: Mapping[str, str]
) -> Iterator[SharedProject]:
    """Yield a copy, in `workspace`, of the project saved in `folder`."""
    org = int((folder / "rejected_org").read_text(encoding="utf-8"))
    with _template(folder).restored(workspace, shared_environment) as project:
        yield SharedProject(project, folder / "raw", WORLD.until, org)


def _template(folder: Path) -> Template:
    return Template(folder / "template", WORLD.until)


def _backfill(project: Project, raw: Path) -> None:
    """Backfill all dates. The exit code is 2 if Salesforce rejects an org's name."""
    upload_partitions(project, raw)
    dates = ("--from", WORLD.first_date, "--to", WORLD.until)
    with project.start("backfill", *dates) as process:
        output, _ = process.communicate(timeout=TIMEOUT_SECONDS)
    assert process.returncode in (0, 2), output
    (run,) = project.rows("select sum(accepted) as accepted from ops.salesforce_syncs")
    assert run["accepted"] > 0, output


def _first_org(raw: Path) -> int:
    orgs = read_raw_data(raw, dates=[WORLD.until]).records("orgs", until=WORLD.until)
    return min(org.org_id for org in orgs)
