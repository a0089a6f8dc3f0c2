"""Erasure and retention in a finished project: nothing remains, and nothing returns.

One project takes all steps, because each needs the state that the earlier ones left.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from tests.nightly.project import Project
from tests.nightly.s3_objects import (
    download_objects,
    list_etags,
    s3_client,
    split_url,
)
from tests.nightly.template import Template

pytestmark = pytest.mark.slow

# Before everything that runs of the world's days read.
SHIFT_DAYS = 60
RETENTION = {
    "NIGHTSHIFT_RETENTION__STAGING_DAYS": "41",
    "NIGHTSHIFT_RETENTION__ARCHIVE_DAYS": "34",
}


@dataclass
class World:
    """The project, its last day, and what identifies whom the tests erase."""

    project: Project
    day: date
    org: int
    user: int
    texts: list[str] = field(default_factory=list)

    @property
    def final_day(self) -> date:
        """A day whose partitions retention removes."""
        return self.day - timedelta(days=SHIFT_DAYS)

    def bytes_found(self, folder: Path) -> set[str]:
        """Return the texts that the warehouse, the archive or `var/` contain."""
        content = self.project.warehouse.read_bytes()
        for path in (self.project.folder / "var").rglob("*"):
            if path.is_file() and path.suffix in (".log", ".html", ".txt"):
                content += path.read_bytes()
        environment = self.project.environment
        download_objects(self.project.archive_url, folder, environment=environment)
        for path in folder.rglob("*"):
            if path.suffix == ".parquet":
                with duckdb.connect() as connection:
                    rows = connection.execute("from read_parquet(?)", [str(path)])
                    content += repr(rows.fetchall()).encode()
            elif path.is_file():
                content += path.read_bytes()
        return {text for text in self.texts if text.encode() in content}

    def marts(self) -> dict[str, list[Any]]:
        """Return the rows of all models, sorted."""
        with duckdb.connect(str(self.project.warehouse), read_only=True) as connection:
            names = connection.execute(
                "select table_schema || '.' || table_name "
                "from information_schema.tables "
                "where table_schema in ('intermediate', 'marts') order by 1"
            ).fetchall()
            return {
                name: sorted(connection.execute(f"from {name}").fetchall(), key=repr)
                for (name,) in names
            }

    def rows_with(self, column: str, value: int) -> dict[str, int]:
        """Return the number of rows with the value by table, where there are any."""
        with duckdb.connect(str(self.project.warehouse), read_only=True) as connection:
            tables = connection.execute(
                "select schema_name || '.' || table_name from duckdb_columns() "
                "where column_name = ? and schema_name in "
                "('staging', 'intermediate', 'marts')",
                [column],
            ).fetchall()
            counts = {
                name: len(
                    connection.execute(
                        f"select 1 from {name} where {column} = ?", [value]
                    ).fetchall()
                )
                for (name,) in tables
            }
        return {name: count for name, count in counts.items() if count}


@pytest.fixture(scope="module")
def world(
    finished_template: Template,
    workspace: Path,
    parsed_dbt: Path,
    shared_emulators: dict[str, str],
) -> Iterator[World]:
    """Yield a finished project with copies of its days long before, and a log line."""
    with finished_template.restored(
        workspace, shared_emulators, parsed_dbt=parsed_dbt
    ) as project:
        (subject,) = project.rows(
            "select logs.org_id, min(web.user_id) as user_id "
            "from staging.raw_app_logs as logs inner join staging.raw_web_logs as web "
            "on web.user_id = logs.user_id "
            "inner join staging.raw_orgs as orgs on orgs.org_id = logs.org_id "
            "inner join ops.salesforce_state as state "
            "on state.key = cast(logs.org_id as varchar) "
            "where owner_email is not null and length(org_name) >= 5 "
            "and not exists (select 1 from staging.raw_orgs as other "
            "where other.org_id != orgs.org_id "
            "and position(orgs.org_name in other.org_name) > 0) "
            "group by 1 order by count(*) desc, 1 limit 1"
        )
        (other,) = project.rows(
            "select user_id from staging.raw_web_logs where user_id not in ("
            "select user_id from staging.raw_app_logs where org_id = ?"
            " and user_id is not null) group by 1 order by count(*) desc, 1 limit 1",
            subject["org_id"],
        )
        world = World(
            project, finished_template.data_date, subject["org_id"], other["user_id"]
        )
        # Names that no other org has, also not as a part.
        texts = project.rows(
            "select distinct org_name, owner_email from staging.raw_orgs as own "
            "where org_id = ? and owner_email is not null and not exists ("
            "select 1 from staging.raw_orgs as other where other.org_id != own.org_id "
            "and position(own.org_name in other.org_name) > 0)",
            world.org,
        )
        world.texts = sorted({text for row in texts for text in row.values()})
        log = project.folder / "var" / "logs" / "nightshift.log"
        with log.open("a", encoding="utf-8") as file:
            file.write(f'{{"event": "mail to {texts[0]["owner_email"]}"}}\n')
        _copy_days(project, world.day)
        yield world


def _copy_days(project: Project, day: date) -> None:
    """Add partitions from long before to staging, and one to the archive."""
    bucket, prefix = split_url(f"{project.archive_url}/local/v1/org_day/dt=")
    old_day = day - timedelta(days=SHIFT_DAYS)
    for name in list_etags(project, f"s3://{bucket}/{prefix}{day}/"):
        s3_client(project).copy_object(
            Bucket=bucket,
            Key=f"{prefix}{old_day}/{name}",
            CopySource={"Bucket": bucket, "Key": f"{prefix}{day}/{name}"},
        )
    for table in ("raw_orgs", "raw_metrics", "raw_app_logs", "raw_web_logs"):
        project.execute(
            f"insert into staging.{table} "
            f"select * replace (dt - {SHIFT_DAYS} as dt) from staging.{table}"
        )
    project.execute(
        f"insert into ops.loads select * replace (dt - {SHIFT_DAYS} as dt, "
        "load_id || 'old' as load_id) from ops.loads"
    )


def test_an_erased_org_and_user_leave_no_trace(world: World, tmp_path: Path) -> None:
    project, org, user = world.project, world.org, world.user
    assert world.bytes_found(tmp_path / "before") == set(world.texts)
    preview = project.nightshift("erase", "--org", org, "--dry-run", "--json")
    unknown = project.nightshift("erase", "--org", 987654, "--yes")
    assert "987654" in unknown.expect(3).err
    assert "--yes" in project.nightshift("erase", "--org", org).expect(3).err
    assert world.bytes_found(tmp_path / "dry") == set(world.texts)
    erased = project.nightshift("erase", "--org", org, "--yes", "--json").expect(0).json
    assert preview.expect(0).json | {"dry_run": False} == erased
    project.nightshift("erase", "--user", user, "--yes").expect(0)
    assert world.bytes_found(tmp_path / "after") == set()
    assert erased["lines"] > 0
    assert erased["files"]
    assert erased["remaining"]["raw_objects"]
    assert erased["remaining"]["salesforce_records"]
    loads = project.rows("from ops.loads where status = 'loaded'")
    assert sum(row["erased"] or 0 for row in loads) > erased["lines"]
    for row in loads:
        left_out = row["erased"] or 0
        assert row["lines"] == row["rows_loaded"] + row["rejects"] + left_out
    assert world.rows_with("org_id", org) == world.rows_with("user_id", user) == {}
    assert not any(key.endswith("_SUCCESS") for key in erased["files"])
    (mail,) = project.rows("select count(*) as n from ops.erasures where is_requested")
    assert mail["n"] == 2


def test_the_next_run_equals_a_full_refresh_and_a_reload_brings_nothing_back(
    world: World, tmp_path: Path
) -> None:
    project, day = world.project, world.day
    project.run(day)
    incremental = world.marts()
    project.dbt("run", "--full-refresh", "--vars", f"data_date: {day}").expect(0)
    assert world.marts() == incremental
    sources = ("orgs", "app_logs", "web_logs")
    options = [option for source in sources for option in ("--source", source)]
    project.nightshift("rerun", "--date", day, *options).expect(0)
    assert world.marts() == incremental
    assert world.bytes_found(tmp_path / "reloaded") == set()
    again = project.nightshift("erase", "--org", world.org, "--yes", "--json")
    assert again.expect(0).json["was_erased_before"]
    assert again.json["remaining"]["salesforce_records"]


def test_removed_days_are_final(world: World) -> None:
    project, day, final = world.project, world.day, world.final_day
    before = world.marts()
    archived = project.archive_url + f"/local/v1/org_day/dt={final}/"
    assert list_etags(project, archived)
    short = {"NIGHTSHIFT_RETENTION__STAGING_DAYS": "40"}
    assert " 41 " in project.nightshift("retention", **short).expect(3).err
    command = ("retention", "--json")
    planned = project.nightshift(*command, "--dry-run", **RETENTION).expect(0).json
    assert project.rows("from staging.raw_orgs where dt <= ?", final)
    removed = project.nightshift(*command, **RETENTION).expect(0).json
    assert planned["removed"] == removed["removed"]
    kinds = {(item["kind"], item["name"]) for item in removed["removed"]}
    assert {("staging", "web_logs"), ("archive", "local/v1/org_day")} <= kinds
    assert not project.nightshift(*command, **RETENTION).expect(0).json["removed"]
    assert not project.rows("from staging.raw_orgs where dt <= ?", final)
    assert not list_etags(project, archived)
    assert project.plan(day) == []
    assert project.plan(final) == []
    for arguments in (("run",), ("rerun", "--source", "orgs")):
        result = project.nightshift(*arguments, "--date", final)
        assert "is final" in result.expect(3).err
    backfill = project.nightshift("backfill", "--from", final, "--to", day)
    assert "is final" in backfill.expect(3).err
    full = ("run", "--full-refresh", "--select")
    refused = project.dbt(*full, "int_org_usage_daily")
    assert refused.code != 0
    assert "These days are final" in refused.out
    variables = ("--vars", f"data_date: {day}")
    project.dbt(*full, "org_trial_metrics_latest", *variables).expect(0)
    # A changed model keeps the final days too.
    project.replace_text(
        "models/intermediate/int_org_usage_daily.sql",
        "-- Duplicate samples do not change a maximum.",
        "-- Duplicates do not change a maximum.",
    )
    project.run(day)
    assert world.marts() == before
