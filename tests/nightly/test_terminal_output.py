"""Every command with hostile data, on terminals whose encoding is not UTF-8."""

import json
import shutil
import stat
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from tests.emulators.sample.world import World
from tests.nightly.project import CommandResult, Project
from tests.nightly.s3_objects import upload_objects, upload_partitions
from tests.nightly.salesforce_records import log_in

FinishedRun = tuple[Project, date]

FORGED = "The run is complete"
HOSTILE = f"[/b] [link=x] \x1b[31m\x9b31m\u202e\x07 ü → ✔ 😀\n{FORGED}"
OBJECT = "Trial_Metrics__c"


def _add_hostile_data(project: Project, day: date) -> int:
    """Put hostile text into a reject, a record and an org's name; return the org."""
    (org,) = project.rows(
        "select org_id from marts.fct_org_trial_metrics where generated_date = ? "
        "order by 1 limit 1",
        day,
    )
    text = HOSTILE.replace("'", "''")
    project.execute(
        "insert into ops.salesforce_rejects (sync_id, object, key, code, message, "
        "fields, attempt, job_id, payload_hash, is_transient, rejected_at, run_id) "
        "values "
        f"('s', '{OBJECT}', '[/b]', '{text}', '{text}', '{text}', 1, 'j', "
        "'h', false, timestamp '2026-11-24 01:00:00', 'r')"
    )
    project.execute(
        "insert into ops.load_rejects select * replace ("
        f"'{text}' as object_key, '{text}' as line, 1 as line_number) "
        "from ops.load_rejects limit 1"
    )
    project.execute(
        "insert into ops.load_rejects select * replace ("
        f"'{text}' as source, date '2020-01-01' as dt) from ops.load_rejects limit 1"
    )
    project.execute(f"update ops.load_objects set object_key = '{text}'")
    project.execute(f"update ops.runs set message = '{text}', status = 'failed'")
    key = str(org["org_id"])
    session, base = log_in(project)
    for name, field, value in (
        ("Trial_Metrics__c/org_id__c", "org_name__c", HOSTILE),
        ("Account/nightshift_org_id__c", "Name", key),
    ):
        address = f"{base}/sobjects/{name}/{key}"
        session.patch(address, json={field: value}, timeout=30).raise_for_status()
    project.execute(f"update marts.sf_trial_metrics set org_name__c = '{text}'")
    project.execute(f"update marts.sf_accounts set billing_plan__c = '{text}'")
    project.execute(f"update staging.raw_orgs set org_name = '{text}'")
    project.execute(f"update marts.fct_org_trial_metrics set org_name = '{text}'")
    return int(org["org_id"])


def _require_plain_text(result: CommandResult, *, is_json: bool) -> None:
    """Check that only printable ASCII was written, no traceback, no forged line."""
    shown = result.out + result.err
    assert "Traceback" not in shown and "UnicodeEncodeError" not in shown, shown
    assert shown.isascii()
    assert not {c for c in shown if not c.isprintable()} - {"\n"}, shown
    assert f"\n{FORGED}" not in shown, shown
    if is_json:
        json.loads(result.out)


def _show(
    project: Project, command: tuple[object, ...], code: int, *, shows_data: bool
) -> None:
    """Run a command in ASCII, also with --json if it succeeds; check its output."""
    result = project.nightshift(*command, PYTHONIOENCODING="ascii").expect(code)
    _require_plain_text(result, is_json=False)
    assert not shows_data or "[/b]" in result.out + result.err, command
    if code == 0:
        line = (*command, "--json")
        result = project.nightshift(*line, PYTHONIOENCODING="ascii").expect(0)
        _require_plain_text(result, is_json=True)


@pytest.mark.slow
def test_failing_run_and_history_show_hostile_data(finished_run: FinishedRun) -> None:
    project, day = finished_run
    _add_hostile_data(project, day)
    upload_objects(project, {f"orgs/dt={day}/[/b]\x9b→.gz": b"not gzip"})
    _show(project, ("salesforce", "history", "[/b]"), 0, shows_data=True)
    _show(project, ("run", "--date", day), 1, shows_data=True)
    _show(project, (HOSTILE,), 3, shows_data=True)
    unprotected = [
        path.relative_to(project.folder).as_posix()
        for path in [project.folder / "var", *(project.folder / "var").iterdir()]
        if path.stat().st_mode & 0o077
    ]
    assert not unprotected


@pytest.mark.slow
def test_all_commands_show_hostile_data(finished_run: FinishedRun) -> None:
    project, day = finished_run
    copy = project.folder / "before.duckdb"
    shutil.copy(project.warehouse, copy)
    org = _add_hostile_data(project, day)
    retention = {"NIGHTSHIFT_RETENTION__REJECTS_DAYS": "99"}
    project = replace(project, environment={**project.environment, **retention})
    mart = ("--model", "fct_org_trial_metrics", "--show-personal")
    problems: list[str] = []
    for command, code, shows_data in (
        (("salesforce", "rejects"), 0, True),
        (("salesforce", "history", HOSTILE), 0, True),
        (("salesforce", "diff", "--check-drift"), 0, True),
        (("salesforce", "diff", "--object", "Account"), 0, True),
        (("salesforce", "sync", "--dry-run"), 0, True),
        (("explain-org", org, "--date", day), 0, True),
        (("rejects",), 0, True),
        (("status",), 0, True),
        (("history",), 0, True),
        (("plan", "--date", day), 0, False),
        (("report", "--date", day), 0, False),
        (("doctor",), 0, False),
        (("looker", "build", "--check"), 0, False),
        (("status", "--env", HOSTILE), 3, False),
        (("rerun", "--model", HOSTILE), 3, True),
        (("explain-org", HOSTILE), 3, False),
        (("sync", "--help"), 3, False),
        (("compare", "--against", copy, *mart), 0, True),
        (("compare", "--against", copy, "--model", HOSTILE), 3, True),
        (("compare", "--against", HOSTILE), 3, True),
        (("retention", "--dry-run"), 0, True),
        (("retention",), 0, True),
        (("erase", "--user", HOSTILE), 3, False),
        (("erase", "--org", org, "--dry-run"), 0, True),
        (("erase", "--org", org, "--yes"), 0, True),
    ):
        try:
            _show(project, command, code, shows_data=shows_data)
        except AssertionError as error:
            problems.append(f"{command}: {error}")
    assert not problems, "\n\n".join(problems)


@pytest.mark.slow
@pytest.mark.parametrize("encoding", ["latin-1", "cp1252", "ascii:strict"])
def test_help_and_plan_in_other_encodings(project: Project, encoding: str) -> None:
    for command in (("--help",), ("run", "--help"), ("status",), ("--bogus→",)):
        result = project.nightshift(*command, PYTHONIOENCODING=encoding)
        assert result.code in (0, 3), result.err
        assert "Traceback" not in result.err


@pytest.mark.slow
def test_luigi_command_shows_hostile_data(finished_run: FinishedRun) -> None:
    project, day = finished_run
    upload_objects(project, {f"orgs/dt={day}/[/b]\x9b→.gz": b"not gzip"})
    line = ("Nightly", "--data-date", day)
    result = project.luigi(*line, PYTHONIOENCODING="ascii").expect(1)
    _require_plain_text(result, is_json=False)
    assert "[/b]" in result.err
    result = project.luigi(*line, "--env", HOSTILE, PYTHONIOENCODING="ascii").expect(3)
    _require_plain_text(result, is_json=False)
    assert "--env" in result.err and "is not a valid name" in result.err


@pytest.mark.slow
def test_new_project_writes_private_files_only(
    project: Project, four_day_world: tuple[World, Path]
) -> None:
    world, raw = four_day_world
    upload_partitions(project, raw, dates=world.dates[:1])
    before = {path: path.stat().st_mode for path in project.folder.iterdir()}
    project.run(world.first_date)
    project.nightshift("report", "--date", world.first_date).expect(0)
    project.luigi("BuildOrgDays", "--data-date", world.first_date).expect(0)
    folder = project.folder / "var"
    dbt = folder / "dbt"  # parsed before by another project, in folders of the test
    modes = {
        path.relative_to(folder).as_posix(): stat.S_IMODE(path.stat().st_mode)
        for path in folder.rglob("*")
        if not path.is_relative_to(dbt)
    }
    assert {"nightshift.duckdb", "logs/nightshift.log", "report"} <= modes.keys()
    assert {mode for mode in modes.values()} == {0o600, 0o700}, modes
    assert stat.S_IMODE(folder.stat().st_mode) == stat.S_IMODE(dbt.stat().st_mode)
    del before[folder]
    assert before == {path: path.stat().st_mode for path in before}
