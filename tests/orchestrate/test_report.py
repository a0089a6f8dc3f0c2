"""The report of a run: its mail, its page in the archive, and when it is complete."""

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

from tests.emulators import smtp, up
from tests.emulators.component import CLOSED_PORT
from tests.emulators.sample.world import World
from tests.emulators.sample.write import write_to_folder
from tests.nightly.project import Project
from tests.nightly.s3_objects import (
    delete_objects,
    list_etags,
    s3_client,
    split_url,
    upload_partitions,
)
from tests.orchestrate.finished_project import FinishedProject

pytestmark = pytest.mark.slow

# A small world is quick. Its org names include those with special characters.
WORLD = World(orgs=14, days=2, until=date(2026, 11, 24), seed=3)
LUIGI_ARGUMENTS = ("Nightly", "--workers", "2", "--data-date", WORLD.until)


@pytest.fixture(scope="module")
def finished(
    tmp_path_factory: pytest.TempPathFactory, workspace: Path, unused_project: Path
) -> Iterator[FinishedProject]:
    """Yield a project with one complete run per date of the world."""
    shutil.rmtree(workspace, ignore_errors=True)
    copy = shutil.copytree(unused_project, workspace / "project")
    folder = tmp_path_factory.mktemp("report")
    write_to_folder(WORLD, folder / "raw")
    with up.running("s3", "smtp", "salesforce", data=folder / "emulators") as services:
        project = Project(copy, services.environment)
        upload_partitions(project, folder / "raw")
        for day in WORLD.dates:
            project.nightshift("run", "--date", day).expect(0)
        mailbox = Path(str(services.details["smtp_mail_folder"]))
        yield FinishedProject(project, mailbox, WORLD.until)


def test_importing_the_tasks_does_not_import_what_few_runs_need() -> None:
    code = "import sys, orchestrate, orchestrate.cli.main; print(*sys.modules)"
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True
    )
    modules = set(result.stdout.split())
    assert "orchestrate.tasks.report" in modules
    assert not {"matplotlib", "openlineage"} & modules


def test_each_run_is_mailed_once_with_its_figures_and_charts(
    finished: FinishedProject,
) -> None:
    first, second = finished.mails()[:2]
    assert f"Trial report {WORLD.first_date}" in first["Subject"]
    assert f"Trial report {WORLD.until}" in second["Subject"]
    html, plain = (second.get_body((kind,)) for kind in ("html", "plain"))
    assert html is not None and plain is not None
    shown = set(re.findall(r'src="cid:([^"]+)"', html.get_content()))
    parts = {str(part["Content-ID"]).strip("<>") for part in second.walk()} - {"None"}
    assert shown == parts
    assert parts
    (trials,) = finished.project.rows(
        "select sum(case when org_day = 1 then 1 else 0 end) as started, "
        "sum(case when account_state = 'trial' then 1 else 0 end) as in_progress, "
        "sum(case when converted_on = generated_date then 1 else 0 end) as converted "
        "from marts.fct_org_trial_metrics as trials "
        "join marts.org_activity as activity "
        "on trials.org_id = activity.org_id and generated_date = metric_date "
        "where generated_date = ?",
        finished.data_date,
    )
    text = plain.get_content()
    for name in ("started", "in progress", "converted"):
        assert re.search(rf" {trials[name.replace(' ', '_')]} +\S+  {name}\b", text)
    (loads,) = finished.project.rows(
        "select sum(lines) as lines, sum(rejects) as rejects from ops.loads "
        "where dt = ?",
        finished.data_date,
    )
    summary = " ".join(text.split())
    assert f"{loads['lines']:,} records of 4 sources. {loads['rejects']:,}" in summary
    assert "There is no earlier Tuesday to compare with." in summary
    for trial in finished.project.rows(
        "select org_id, salesforce_id from marts.interesting_trials "
        "join ops.salesforce_rows on key = cast(org_id as varchar) "
        "where generated_date = ? and trial_rank <= 10",
        finished.data_date,
    ):
        assert f"(org {trial['org_id']})" in text
        assert f"Salesforce: {trial['salesforce_id']}" in text
    assert "<script>alert" not in html.get_content()


def test_page_in_the_archive_has_all_its_charts(finished: FinishedProject) -> None:
    url = f"{finished.report_url}/dt={finished.data_date}/"
    names = set(list_etags(finished.project, url))
    assert {"index.html", "_SUCCESS", "trials.png", "trials-dark.png"} <= names
    s3 = s3_client(finished.project)
    bucket, prefix = split_url(url)
    page = s3.get_object(Bucket=bucket, Key=f"{prefix}index.html")
    assert page["ContentType"].startswith("text/html")
    html = page["Body"].read().decode()
    shown = set(re.findall(r'(?:src|srcset)="([^"]+)"', html))
    assert shown == {name for name in names if name.endswith(".png")}
    chart = s3.get_object(Bucket=bucket, Key=f"{prefix}trials.png")
    assert chart["ContentType"] == "image/png"


def test_finished_run_publishes_no_report_and_imports_no_matplotlib(
    finished: FinishedProject,
) -> None:
    mails = len(finished.mails())
    failing_package = finished.project.folder / "matplotlib"
    failing_package.mkdir()
    (failing_package / "__init__.py").write_text("raise ImportError('matplotlib')")
    try:
        for day in WORLD.dates:
            assert finished.project.run(day)["tasks_done"] == 0
            assert finished.project.plan(day) == []
    finally:
        (failing_package / "__init__.py").unlink()
        failing_package.rmdir()
    assert len(finished.mails()) == mails


def test_deleted_page_is_written_again_without_a_mail(
    finished: FinishedProject,
) -> None:
    mails = len(finished.mails())
    assert delete_objects(finished.project, f"{finished.report_url}/dt={WORLD.until}/")
    assert finished.project.plan(WORLD.until) == [("MailReport", "report")]
    outcome = finished.project.run(WORLD.until)
    assert outcome["tasks_done"] == 1
    assert outcome["figures"]["report"]["mail_status"] == "sent"
    assert outcome["figures"]["report"]["recipients"] == 1
    assert len(finished.mails()) == mails
    assert finished.project.plan(WORLD.until) == []


def test_mail_is_sent_by_the_next_run_after_the_mail_server_was_down(
    finished: FinishedProject,
) -> None:
    project, day = finished.project, finished.data_date
    mails = len(finished.mails())
    page = list_etags(project, f"{finished.report_url}/dt={day}/")
    dead_server = {"NIGHTSHIFT_SMTP__PORT": str(CLOSED_PORT)}
    rerun = ("rerun", "--date", day, "--report", "--json")
    late = project.nightshift(*rerun, **dead_server).expect(0).json
    assert late["figures"]["report"]["mail_status"] == "open"
    assert "NIGHTSHIFT_SMTP__HOST" in late["figures"]["report"]["message"]
    page = list_etags(project, f"{finished.report_url}/dt={day}/")
    assert project.plan(day) == [("MailReport", "report")]
    assert len(finished.mails()) == mails
    assert project.run(day)["tasks_done"] == 1
    assert finished.mail_statuses()[-1] == "sent"
    (mail,) = finished.mails()[mails:]
    assert f"Trial report {day}" in mail["Subject"]
    assert list_etags(project, f"{finished.report_url}/dt={day}/") == page


def test_next_run_mails_the_recipients_who_wait(
    finished: FinishedProject,
) -> None:
    project, day = finished.project, finished.data_date
    mails = len(finished.mails())
    addresses = ["a@example.com", "grey@example.com", "gone@example.com", "nobody"]
    three = {"NIGHTSHIFT_REPORT__RECIPIENTS": json.dumps(addresses)}
    smtp.set_rules(
        finished.mailbox,
        smtp.Rule("RCPT", "450 4.2.0 greylisted", "grey@*"),
        smtp.Rule("RCPT", "550 5.1.1 no such box", "gone@*"),
    )
    rerun = ("rerun", "--date", day, "--report", "--json")
    report = project.nightshift(*rerun, **three).expect(0).json["figures"]["report"]
    assert (report["mail_status"], report["recipients"]) == ("open", 1)
    assert "waiting for grey@example.com: 450 4.2.0 greylisted" in report["message"]
    assert "gone@example.com: 550 5.1.1 no such box" in report["message"]
    assert "'nobody' is not a mail address" in report["message"]
    for command in (("run", "--date", day), LUIGI_ARGUMENTS):
        start = project.luigi if command == LUIGI_ARGUMENTS else project.nightshift
        start(*command, **three).expect(0)
        assert len(finished.mails()) == mails + 1
    status = project.nightshift("status").expect(0)
    assert f"Open report of {day}: grey@example.com" in status.out
    (entry,) = project.nightshift("status", "--json").expect(0).json["open_mails"]
    assert entry["recipient"] == "grey@example.com"
    assert entry["message"] == "450 4.2.0 greylisted"
    smtp.set_rules(finished.mailbox)
    # A run of an earlier date does not concern itself with a later one.
    project.nightshift("run", "--date", WORLD.first_date, **three).expect(0)
    assert len(finished.mails()) == mails + 1
    project.nightshift("run", "--date", day, **three).expect(0)
    first, second = finished.mails()[mails:]
    assert (first["X-RcptTo"], second["X-RcptTo"]) == (addresses[0], addresses[1])
    assert f"Trial report {day}" in second["Subject"]
    assert first["Message-ID"] == second["Message-ID"]
    assert finished.mail_statuses()[-1] == "sent"
    for data_date in WORLD.dates:
        assert project.plan(data_date) == []


def test_mail_that_every_recipient_rejects_fails_the_run(
    finished: FinishedProject,
) -> None:
    project, day = finished.project, finished.data_date
    rejection = smtp.Rule("RCPT", "550 5.1.1 no such box", smtp.RECIPIENT)
    smtp.set_rules(finished.mailbox, rejection)
    rerun = ("rerun", "--date", day, "--report", "--json")
    failed = project.nightshift(*rerun).expect(1).json
    (failure,) = failed["failures"]
    assert smtp.RECIPIENT in failure["error"]
    assert "550 5.1.1 no such box" in failure["error"]
    assert f"nightshift rerun --date {day} --report" in failure["error"]
    smtp.set_rules(finished.mailbox)
    corrected = {"NIGHTSHIFT_REPORT__RECIPIENTS": '["new@example.com"]'}
    outcome = project.run(day, **corrected)
    assert outcome["figures"]["report"]["mail_status"] == "sent"
    assert project.plan(day) == []


def test_without_mail_server_or_recipients_the_run_is_complete(
    finished: FinishedProject,
) -> None:
    project, day = finished.project, finished.data_date
    mails = len(finished.mails())
    no_server = {"NIGHTSHIFT_SMTP__HOST": ""}
    rerun = ("rerun", "--date", day, "--report")
    result = project.nightshift(*rerun, **no_server).expect(0)
    assert "No mail: NIGHTSHIFT_SMTP__HOST is not set." in result.out
    no_recipients = {"NIGHTSHIFT_REPORT__RECIPIENTS": "[]"}
    outcome = project.nightshift(*rerun, "--json", **no_recipients).expect(0).json
    report = outcome["figures"]["report"]
    assert report["mail_status"] == "left_out"
    assert report["message"] == "NIGHTSHIFT_REPORT__RECIPIENTS is not set"
    assert project.plan(day) == []
    assert len(finished.mails()) == mails
    project.nightshift(*rerun).expect(0)
    assert len(finished.mails()) == mails + 1


def test_report_command_writes_the_page_without_a_mail(
    finished: FinishedProject,
) -> None:
    mails = len(finished.mails())
    command = ("report", "--date", finished.data_date, "--json")
    output = finished.project.nightshift(*command).expect(0).json
    page = Path(output["page"])
    assert page.is_relative_to(finished.project.folder / "var" / "report")
    assert "Trials worth a call" in page.read_text(encoding="utf-8")
    assert (page.parent / "trials.png").exists()
    assert output["url"] == f"{finished.report_url}/dt={WORLD.until}/index.html"
    assert finished.project.plan(finished.data_date) == []
    assert len(finished.mails()) == mails


def test_report_command_of_a_date_without_a_run_shows_how_to_run_it(
    finished: FinishedProject,
) -> None:
    result = finished.project.nightshift("report", "--date", "2026-01-31").expect(3)
    assert "nightshift run --date 2026-01-31" in result.err


def test_late_object_updates_the_pages_of_the_days_that_it_changes(
    finished: FinishedProject,
) -> None:
    project, day = finished.project, finished.data_date
    before = list_etags(project, f"{finished.report_url}/dt={WORLD.first_date}/")
    mails = len(finished.mails())
    s3 = s3_client(project)
    bucket, prefix = split_url(f"{project.raw_url}/app_logs/dt={WORLD.first_date}/")
    record = (
        f'{{"event_id":"late-1","ts":"{WORLD.first_date}T10:00:00Z","org_id":1001,'
        '"level":"INFO","event":"page_view"}\n'
    )
    s3.put_object(Bucket=bucket, Key=f"{prefix}late.json", Body=record.encode())
    assert ("MailReport", "report") in project.plan(day)
    project.run(day)
    after = list_etags(project, f"{finished.report_url}/dt={WORLD.first_date}/")
    assert after["index.html"] != before["index.html"]
    bucket, prefix = split_url(f"{project.archive_url}/local/v1/status/index.html")
    history = s3.get_object(Bucket=bucket, Key=prefix)["Body"].read().decode()
    assert "+1 records" in history.partition("Reloaded partitions")[2]
    assert len(finished.mails()) == mails
    for data_date in WORLD.dates:
        assert project.plan(data_date) == []
