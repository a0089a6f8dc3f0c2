"""The report of a night: its mail, its page in the archive, and when both are done."""

import email
import email.policy
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from email.message import EmailMessage
from pathlib import Path

import pytest

from tests.emulators import up
from tests.emulators.component import free_port
from tests.emulators.sample.world import World
from tests.emulators.sample.write import write_to_folder
from tests.nightly.deliveries import client, deliver, listing, place, take_away
from tests.nightly.project import Project, copy_to

pytestmark = pytest.mark.slow

# Few enough to be quick; their names are the tricky ones of the sample world.
WORLD = World(orgs=14, days=2, until=date(2026, 11, 24), seed=3)
PICTURES = ("flow", "targets", "trials")


@dataclass(frozen=True)
class Reported:
    """A project whose nights are done, and the folder that its mails arrive in."""

    project: Project
    mailbox: Path
    data_date: date

    @property
    def report_url(self) -> str:
        """Where the reports lie."""
        return f"{self.project.archive_url}/local/v1/report"

    def mails(self) -> list[EmailMessage]:
        """Return every mail that has arrived, the oldest first."""
        return [_parsed(path) for path in sorted(self.mailbox.glob("*.eml"))]

    def statuses(self) -> list[str | None]:
        """Return what the ledger says of the night's mail, the oldest word first."""
        rows = self.project.rows(
            "select mail_status from ops.reports where data_date = ? "
            "order by finished_at",
            self.data_date,
        )
        return [row["mail_status"] for row in rows]


def _parsed(path: Path) -> EmailMessage:
    message = email.message_from_bytes(path.read_bytes(), policy=email.policy.default)
    assert isinstance(message, EmailMessage)
    return message


@pytest.fixture(scope="module")
def reported(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reported]:
    """Give nights of a small company that went well: a backfill and a night."""
    folder = tmp_path_factory.mktemp("reported")
    write_to_folder(WORLD, folder / "raw")
    with up.running("s3", "smtp", "salesforce", data=folder / "stack") as stack:
        project = copy_to(folder / "project", stack.environment)
        deliver(project, folder / "raw")
        for night in WORLD.dates:
            project.nightshift("run", "--date", night).require(0)
        mailbox = Path(str(stack.details["smtp_mail_folder"]))
        yield Reported(project, mailbox, WORLD.until)


def test_what_draws_is_not_imported_with_the_tasks() -> None:
    line = "import sys, orchestrate, orchestrate.cli.main; print(*sys.modules)"
    told = subprocess.run([sys.executable, "-c", line], capture_output=True, text=True)
    assert "orchestrate.tasks.report" in told.stdout.split()
    assert "matplotlib" not in told.stdout.split()


def test_each_night_is_mailed_once_with_its_figures_and_pictures(
    reported: Reported,
) -> None:
    first, second = reported.mails()[:2]
    assert f"Trials of {WORLD.first}" in first["Subject"]
    assert f"Trials of {WORLD.until}" in second["Subject"]
    html, text = (second.get_body((kind,)) for kind in ("html", "plain"))
    assert html is not None and text is not None
    shown = set(re.findall(r'src="cid:([^"]+)"', html.get_content()))
    parts = {str(part["Content-ID"]).strip("<>") for part in second.walk()} - {"None"}
    assert shown == parts
    assert len(parts) >= 2
    (trials,) = reported.project.rows(
        "select sum(case when org_day = 1 then 1 else 0 end) as started, "
        "sum(case when org_day <= 14 and not is_paid then 1 else 0 end) as open, "
        "sum(case when converted_on = generated_date then 1 else 0 end) as converting "
        "from marts.fct_org_trial_metrics where generated_date = ?",
        reported.data_date,
    )
    told = text.get_content()
    assert f"{trials['started']} started" in told
    assert f"of {trials['open']} in progress" in told
    assert f"{trials['converting']} converting" in told
    for load in reported.project.rows(
        "select source, lines from ops.loads where dt = ?", reported.data_date
    ):
        assert re.search(rf"{load['source']} +{load['lines']:,} ", told)
    for trial in reported.project.rows(
        "select org_id, salesforce_id from marts.interesting_trials "
        "join ops.salesforce_rows on key = cast(org_id as varchar) "
        "where generated_date = ? and trial_rank <= 10",
        reported.data_date,
    ):
        assert f"(org {trial['org_id']})" in told
        assert f"Salesforce: {trial['salesforce_id']}" in told
    assert "<script>alert" not in html.get_content()


def test_the_page_stands_alone_in_the_archive(reported: Reported) -> None:
    url = f"{reported.report_url}/dt={reported.data_date}/"
    names = set(listing(reported.project, url))
    assert {"index.html", "_SUCCESS", "trials.png", "trials-dark.png"} <= names
    s3 = client(reported.project)
    bucket, prefix = place(url)
    page = s3.get_object(Bucket=bucket, Key=f"{prefix}index.html")
    assert page["ContentType"].startswith("text/html")
    html = page["Body"].read().decode()
    shown = set(re.findall(r'(?:src|srcset)="([^"]+)"', html))
    assert shown == {name for name in names if name.endswith(".png")}
    picture = s3.get_object(Bucket=bucket, Key=f"{prefix}trials.png")
    assert picture["ContentType"] == "image/png"


def test_a_finished_night_is_not_reported_again_and_draws_nothing(
    reported: Reported,
) -> None:
    mails = len(reported.mails())
    trap = reported.project.folder / "matplotlib"
    trap.mkdir()
    (trap / "__init__.py").write_text("raise ImportError('matplotlib')")
    try:
        for night in WORLD.dates:
            assert reported.project.run(night)["tasks_done"] == 0
            assert reported.project.plan(night) == []
    finally:
        (trap / "__init__.py").unlink()
        trap.rmdir()
    assert len(reported.mails()) == mails


def test_a_page_that_was_deleted_is_written_again_without_a_mail(
    reported: Reported,
) -> None:
    mails = len(reported.mails())
    assert take_away(reported.project, f"{reported.report_url}/dt={WORLD.until}/")
    assert reported.project.plan(WORLD.until) == [("MailReport", "report")]
    told = reported.project.run(WORLD.until)
    assert told["tasks_done"] == 1
    assert told["night"]["report"]["mail_status"] == "sent"
    assert told["night"]["report"]["recipients"] == 1
    assert len(reported.mails()) == mails
    assert reported.project.plan(WORLD.until) == []


def test_a_mail_server_that_is_down_leaves_the_night_done_and_the_mail_to_do(
    reported: Reported,
) -> None:
    project, night = reported.project, reported.data_date
    mails = len(reported.mails())
    away = {"NIGHTSHIFT_SMTP__PORT": str(free_port())}
    ask = ("rerun", "--date", night, "--report", "--json")
    ended = project.nightshift(*ask, **away).require(1)
    assert [failure["task"] for failure in ended.json["failures"]] == ["MailReport"]
    assert "NIGHTSHIFT_SMTP__HOST" in ended.json["failures"][0]["error"]
    assert ended.json["night"]["report"]["mail_status"] == "pending"
    assert project.plan(night) == [("MailReport", "report")]
    assert len(reported.mails()) == mails
    told = project.run(night)
    assert told["tasks_done"] == 1
    assert reported.statuses()[-1] == "sent"
    subjects = [mail["Subject"] for mail in reported.mails()[mails:]]
    assert len(subjects) == 2
    assert f"Trials of {night}" in subjects[0]
    assert f"The night of {night} is well again" in subjects[1]


def test_without_a_mail_server_or_recipients_the_page_is_written_and_the_night_done(
    reported: Reported,
) -> None:
    project, night = reported.project, reported.data_date
    mails = len(reported.mails())
    unset = {"NIGHTSHIFT_SMTP__HOST": ""}
    told = project.nightshift("rerun", "--date", night, "--report", **unset).require(0)
    assert "No mail: NIGHTSHIFT_SMTP__HOST is not set." in told.out
    nobody = {"NIGHTSHIFT_REPORT__RECIPIENTS": "[]"}
    ask = ("rerun", "--date", night, "--report", "--json")
    report = project.nightshift(*ask, **nobody).require(0).json["night"]["report"]
    assert report["mail_status"] == "left_out"
    assert report["message"] == "NIGHTSHIFT_REPORT__RECIPIENTS is not set"
    assert project.plan(night) == []
    assert len(reported.mails()) == mails
    project.nightshift(*ask).require(0)
    assert len(reported.mails()) == mails + 1


def test_report_shows_a_nights_page(reported: Reported) -> None:
    ask = ("report", "--date", reported.data_date, "--json")
    mails = len(reported.mails())
    told = reported.project.nightshift(*ask).require(0).json
    page = Path(told["page"])
    assert page.is_relative_to(reported.project.folder / "var" / "report")
    assert "Trials worth a call" in page.read_text(encoding="utf-8")
    assert (page.parent / "trials.png").exists()
    assert told["url"] == f"{reported.report_url}/dt={WORLD.until}/index.html"
    assert reported.project.plan(reported.data_date) == []
    assert len(reported.mails()) == mails


def test_report_of_a_night_that_never_was_says_how_to_run_it(
    reported: Reported,
) -> None:
    ended = reported.project.nightshift("report", "--date", "2026-01-31").require(3)
    assert "nightshift run --date 2026-01-31" in ended.err


def test_a_late_file_renews_the_pages_of_the_days_that_it_changes(
    reported: Reported,
) -> None:
    project, night = reported.project, reported.data_date
    before = listing(project, f"{reported.report_url}/dt={WORLD.first}/")
    mails = len(reported.mails())
    s3 = client(project)
    bucket, prefix = place(f"{project.raw_url}/app_logs/dt={WORLD.first}/")
    line = (
        f'{{"event_id":"late-1","ts":"{WORLD.first}T10:00:00Z","org_id":1001,'
        '"level":"INFO","event":"page_view"}\n'
    )
    s3.put_object(Bucket=bucket, Key=f"{prefix}late.json", Body=line.encode())
    assert ("MailReport", "report") in project.plan(night)
    project.run(night)
    after = listing(project, f"{reported.report_url}/dt={WORLD.first}/")
    assert after["index.html"] != before["index.html"]
    key = f"{place(reported.report_url)[1]}/dt={night}/index.html"
    page = s3.get_object(Bucket=place(reported.report_url)[0], Key=key)["Body"].read()
    assert b"loaded again" in page
    assert len(reported.mails()) == mails
    for each in WORLD.dates:
        assert project.plan(each) == []
