"""What people are told of a run that failed, and when it is well again."""

import email
import email.policy
import json
from collections.abc import Iterator
from datetime import date
from email.message import EmailMessage
from pathlib import Path

import pytest

from orchestrate.dbt.graph import Graph, Node
from orchestrate.nightly import Nightly
from orchestrate.runs import alerts, blocked
from orchestrate.runs.blocked import Blocked
from orchestrate.runs.outcome import TaskEnd
from orchestrate.tasks.parameters import DEFAULT_ENV
from tests.emulators import smtp, up
from tests.emulators.component import free_port
from tests.emulators.sample.world import World
from tests.emulators.sample.write import write_to_folder
from tests.nightly.deliveries import deliver, put, take_away
from tests.nightly.project import Project, copy_to

WORLD = World(orgs=14, days=1, until=date(2026, 11, 24), seed=3)
ON_CALL = "on-call@example.com"
NIGHT = ("Nightly", "--workers", "2", "--data-date", WORLD.until)


def _node(name: str, *parents: str, sources: str = "") -> Node:
    return Node(
        name=name,
        unique_id=f"model.nightshift.{name}",
        schema="marts",
        relation=name,
        parents=parents,
        own_sources=frozenset(),
        sources=frozenset(sources.split()),
        tests=frozenset(),
        code_checksum="",
    )


GRAPH = Graph(
    {
        node.name: node
        for node in (
            _node("stg_orgs", sources="orgs"),
            _node("stg_requests", sources="web_logs"),
            _node("fct_org_day", "stg_orgs", "stg_requests", sources="orgs web_logs"),
            _node("fct_web_sessions", "stg_requests", sources="web_logs"),
            _node("sf_trial_metrics", "fct_org_day", sources="orgs web_logs"),
        )
    }
)


def _failed(task: str, thing: str = "") -> TaskEnd:
    return TaskEnd(task, f"{task}({thing})", "failed", error="E", thing=thing)


def test_a_partition_keeps_all_that_reads_it_from_being_done() -> None:
    found = blocked.blocked([_failed("RawPartition", "orgs")], GRAPH)
    assert found.models == ("stg_orgs", "fct_org_day", "sf_trial_metrics")
    assert found.datasets == ("org_day",)
    assert found.salesforce and found.report and not found.is_whole_night


def test_a_model_keeps_what_hangs_on_it_from_being_done() -> None:
    found = blocked.blocked([_failed("DbtModel", "fct_web_sessions")], GRAPH)
    assert found == Blocked(report=True)
    found = blocked.blocked([_failed("DbtModel", "fct_org_day")], GRAPH)
    assert found.models == ("sf_trial_metrics",)
    assert found.datasets == ("org_day",)


def test_nothing_waits_for_the_report() -> None:
    assert blocked.blocked([_failed("MailReport", "report")], GRAPH).is_nothing


def test_without_a_readable_project_the_whole_night_waits() -> None:
    assert blocked.blocked([_failed("Nightly")], GRAPH).is_whole_night
    assert blocked.blocked([_failed("LoadRawTable", "orgs")], None).is_whole_night


def test_the_first_cause_is_the_first_of_the_flow() -> None:
    ends = [
        _failed("ArchiveDataset", "org_day"),
        _failed("DbtModel", "fct_web_sessions"),
        _failed("DbtModel", "stg_requests"),
        _failed("LoadRawTable", "metrics"),
    ]
    ordered = blocked.in_order(ends, GRAPH)
    assert [end.thing for end in ordered] == [
        *("metrics", "stg_requests", "fct_web_sessions", "org_day")
    ]


@pytest.mark.parametrize(
    ("task", "thing", "answer", "reason"),
    [
        ("RawPartition", "orgs", "Yes, until sales begins its day", "producer"),
        ("DbtModel", "fct_org_day", "Yes, until sales begins its day", "last values"),
        ("DbtModel", "fct_web_sessions", "Yes", "Salesforce has the night's values"),
        ("ArchiveDataset", "org_day", "Yes", "Salesforce has the night's values"),
        ("MailReport", "report", "Yes", "at any time"),
    ],
)
def test_what_can_wait_and_why(task: str, thing: str, answer: str, reason: str) -> None:
    ends = [_failed(task, thing)]
    told, why = alerts.can_wait(ends, blocked.blocked(ends, GRAPH))
    assert told == answer
    assert reason in why


def test_a_half_sent_night_cannot_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    ends = [_failed("SyncTrialMetricsToSalesforce")]
    found = blocked.blocked(ends, GRAPH)
    monkeypatch.setattr(alerts, "_is_half_sent", lambda: True)
    assert alerts.can_wait(ends, found)[0] == "No"
    monkeypatch.setattr(alerts, "_is_half_sent", lambda: False)
    assert alerts.can_wait(ends, found)[0] == "Yes, until sales begins its day"


def test_the_line_to_go_on_is_the_one_that_was_typed() -> None:
    night = Nightly(data_date=date(2026, 11, 24))
    assert alerts.resume_command(night) == "nightshift run --date 2026-11-24"
    backfill = Nightly(
        data_date=date(2026, 11, 24), data_date_from=date(2026, 11, 20), version="v2"
    )
    assert alerts.resume_command(backfill) == (
        "nightshift backfill --from 2026-11-20 --to 2026-11-24 --version v2"
    )
    other = Nightly(data_date=date(2026, 11, 24), env=f"{DEFAULT_ENV}x; rm -rf")
    assert alerts.resume_command(other).endswith(f"--env '{DEFAULT_ENV}x; rm -rf'")


class Mailbox:
    """A project and the mails that it has sent."""

    def __init__(self, project: Project, folder: Path) -> None:
        self.project, self._folder, self._seen = project, folder, 0

    def new(self) -> list[EmailMessage]:
        """Return the mails that have come since last asked."""
        paths = sorted(self._folder.glob("*.eml"))[self._seen :]
        self._seen += len(paths)
        parsed = (
            email.message_from_bytes(path.read_bytes(), policy=email.policy.default)
            for path in paths
        )
        return [message for message in parsed if isinstance(message, EmailMessage)]


@pytest.fixture(scope="module")
def raw(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("raw")
    write_to_folder(WORLD, folder)
    return folder


@pytest.fixture
def mailbox(tmp_path: Path, raw: Path) -> Iterator[Mailbox]:
    """Give a project with a night's raw partitions, but for the orgs' `_SUCCESS`."""
    with up.running("s3", "smtp", "salesforce", data=tmp_path / "stack") as stack:
        project = copy_to(tmp_path / "project", stack.environment)
        deliver(project, raw)
        take_away(project, f"{project.raw_url}/orgs/dt={WORLD.until}/_SUCCESS")
        yield Mailbox(project, Path(str(stack.details["smtp_mail_folder"])))


def _text(message: EmailMessage) -> str:
    body = message.get_body(("plain",))
    assert body is not None
    return body.get_content()


@pytest.mark.slow
def test_a_failed_run_mails_one_digest_and_its_mending_one_word(
    mailbox: Mailbox,
) -> None:
    project = mailbox.project
    on_call = {"NIGHTSHIFT_ON_CALL__RECIPIENTS": json.dumps([ON_CALL])}
    project.luigi(*NIGHT, **on_call).require(1)
    (digest,) = mailbox.new()
    assert digest["To"] == ON_CALL
    assert digest["Subject"] == (
        f"The night of {WORLD.until} failed: RawPartition orgs (local/v1 on local)"
    )
    told = _text(digest)
    assert f"/orgs/dt={WORLD.until}/ is incomplete" in " ".join(told.split())
    assert "fct_org_day" in told and "Salesforce" in told
    assert "fct_web_sessions" not in told
    assert "CAN IT WAIT UNTIL MORNING? Yes, until sales begins its day." in told
    assert f"nightshift run --date {WORLD.until}" in told
    whole = digest.as_string()
    for name, value in project.environment.items():
        if "SECRET" in name or "PASSWORD" in name:
            assert value not in whole
    project.nightshift("run", "--date", WORLD.until).require(1)
    (digest,) = mailbox.new()
    assert digest["To"] == smtp.RECIPIENT

    put(project, {f"orgs/dt={WORLD.until}/_SUCCESS": b""})
    project.luigi(*NIGHT, **on_call).require(0)
    report, recovered = mailbox.new()
    assert report["To"] == smtp.RECIPIENT
    assert recovered["To"] == ON_CALL
    assert "Trials of" in report["Subject"]
    assert f"The night of {WORLD.until} is well again" in recovered["Subject"]
    assert "It had failed 2 times" in _text(recovered)
    assert "is incomplete" in " ".join(_text(recovered).split())
    runs = project.rows("select command, status from ops.runs order by finished_at")
    assert [(run["command"], run["status"]) for run in runs] == [
        *(("luigi", "failed"), ("run", "failed"), ("luigi", "done"))
    ]

    project.luigi(*NIGHT).require(0)
    project.nightshift("run", "--date", WORLD.until).require(0)
    assert mailbox.new() == []
    assert len(project.rows("select run_id from ops.runs")) == 3


@pytest.mark.slow
def test_without_mail_or_with_a_dead_mail_server_a_failed_run_just_fails(
    mailbox: Mailbox,
) -> None:
    project = mailbox.project
    unset = {"NIGHTSHIFT_SMTP__HOST": ""}
    ended = project.nightshift("run", "--date", WORLD.until, **unset).require(1)
    assert "_SUCCESS" in ended.out
    dead = {"NIGHTSHIFT_SMTP__PORT": str(free_port())}
    ended = project.nightshift("run", "--date", WORLD.until, **dead).require(1)
    assert "_SUCCESS" in ended.out
    assert "was not sent" in ended.err
    assert mailbox.new() == []


@pytest.mark.slow
def test_a_night_that_cannot_be_planned_is_told_of(mailbox: Mailbox) -> None:
    project = mailbox.project
    away = {"AWS_ENDPOINT_URL_S3": f"http://127.0.0.1:{free_port()}"}
    away["AWS_MAX_ATTEMPTS"] = "1"
    project.nightshift("run", "--date", WORLD.until, **away).require(1)
    (digest,) = mailbox.new()
    assert "failed: RawPartition" in digest["Subject"]
    assert "S3 did not answer" in _text(digest)
    assert "fct_org_day" in _text(digest)
    bucket = {"NIGHTSHIFT_RAW_URL": "s3://no-such-bucket/raw"}
    project.nightshift("run", "--date", WORLD.until, **bucket).require(3)
    (digest,) = mailbox.new()
    assert "NIGHTSHIFT_RAW_URL" in _text(digest)
