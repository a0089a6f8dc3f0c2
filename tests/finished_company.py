"""A small company whose nights are done, for tests that only look at what is there."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from tests.emulators.sample.rates import clean
from tests.emulators.sample.world import World
from tests.emulators.sample.write import write_to_folder
from tests.nightly.deliveries import deliver
from tests.nightly.project import Project, copy_to
from tests.reference import read_world

WORLD = World(orgs=50, days=4, until=date(2026, 11, 24), seed=3, rates=clean())
PATIENCE_SECONDS = 900
REFUSED_OBJECT = "part-90000.json"


@dataclass(frozen=True)
class Finished:
    """A project, the folder of its raw partitions, and its last night.

    `refused_org` is named in one line of that night's metrics that cannot be a row.
    """

    project: Project
    raw: Path
    data_date: date
    refused_org: int


def finish(folder: Path, environment: Mapping[str, str]) -> Finished:
    """Do the nights of the company in a copy of the project under `folder`.

    Salesforce may refuse an org for its name, and the night then ends with 2.
    """
    raw = folder / "raw"
    write_to_folder(WORLD, raw)
    orgs = read_world(raw, dates=[WORLD.until]).rows("orgs", until=WORLD.until)
    refused_org = min(org.org_id for org in orgs)
    line = {"org_id": refused_org, "sampled_at": "at noon", "hosts": 1}
    line |= {"dashboards": 1, "metrics": 1, "integrations": []}
    partition = raw / "metrics" / f"dt={WORLD.until}"
    (partition / REFUSED_OBJECT).write_text(json.dumps(line) + "\n", encoding="utf-8")
    prefixes = {
        name: f"{environment[name]}/{folder.name}"
        for name in ("NIGHTSHIFT_RAW_URL", "NIGHTSHIFT_ARCHIVE_URL")
    }
    project = copy_to(folder / "project", {**environment, **prefixes})
    deliver(project, raw)
    dates = ("--from", WORLD.first, "--to", WORLD.until)
    with project.started("backfill", *dates) as process:
        told, _ = process.communicate(timeout=PATIENCE_SECONDS)
    assert process.returncode in (0, 2), told
    (night, *_) = project.nightshift("status", "--json").require(0).json["nights"]
    assert night["models"]["failed"] == 0 < night["salesforce"]["accepted"], told
    return Finished(project, raw, WORLD.until, refused_org)
