"""Failed and recovered runs: mails, alerts, heartbeats, metrics, lineage and logs."""

import email
import email.policy
import json
import re
import shutil
import socket
from collections.abc import Iterator
from contextlib import suppress
from datetime import date
from email.message import EmailMessage
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from loaders.metrics import METRICS
from tests.emulators import smtp, up
from tests.emulators.component import CLOSED_PORT, HOST
from tests.emulators.receiver import Receiver, receiving
from tests.emulators.sample.world import World
from tests.emulators.sample.write import write_to_folder
from tests.nightly.project import Project
from tests.nightly.s3_objects import delete_objects, upload_objects, upload_partitions
from tests.orchestrate import lineage_events
from tests.orchestrate.lineage_checks import check_failed_run, check_recovered_run

WORLD = World(orgs=14, days=1, until=date(2026, 11, 24), seed=3)
ON_CALL = "on-call@example.com"
LUIGI_ARGUMENTS = ("Nightly", "--workers", "2", "--data-date", WORLD.until)
BEFORE_BUSINESS_HOURS = "Yes, but fix it before business hours"


class Mailbox:
    """A project and the mails that it sends."""

    def __init__(self, project: Project, folder: Path) -> None:
        self.project, self._folder, self._read = project, folder, 0

    def read_new(self) -> list[EmailMessage]:
        """Return the mails that arrived since the last call."""
        paths = sorted(self._folder.glob("*.eml"))[self._read :]
        self._read += len(paths)
        parsed = (
            email.message_from_bytes(path.read_bytes(), policy=email.policy.default)
            for path in paths
        )
        return [message for message in parsed if isinstance(message, EmailMessage)]


@pytest.fixture
def webhook() -> Iterator[Receiver]:
    """Run a service that takes alerts and heartbeats."""
    with receiving() as receiver:
        yield receiver


@pytest.fixture
def lineage() -> Iterator[Receiver]:
    """Run a service that takes OpenLineage events."""
    with receiving() as receiver:
        yield receiver


class Statsd:
    """An agent that takes metrics by UDP."""

    def __init__(self, receiver: socket.socket) -> None:
        receiver.bind((HOST, 0))
        receiver.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8_000_000)
        receiver.setblocking(False)
        self._receiver = receiver
        self.address = f"{HOST}:{receiver.getsockname()[1]}"

    def take(self) -> list[tuple[str, float, str]]:
        """Return name, value and tags of each metric since the last call."""
        lines: list[str] = []
        with suppress(BlockingIOError):
            while True:
                lines += self._receiver.recv(65_535).decode().splitlines()
        found = [re.fullmatch(r"([^:]+):([^|]+)\|\w\|#(.*)", line) for line in lines]
        return [(f[1], float(f[2]), f[3]) for f in found if f]


@pytest.fixture
def statsd() -> Iterator[Statsd]:
    """Run an agent that takes metrics."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
        yield Statsd(receiver)


@pytest.fixture(scope="module")
def raw(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("raw")
    write_to_folder(WORLD, folder)
    return folder


@pytest.fixture
def mailbox(
    tmp_path: Path, raw: Path, workspace: Path, unused_project: Path
) -> Iterator[Mailbox]:
    """Yield a project with raw partitions, but without the `_SUCCESS` of orgs."""
    shutil.rmtree(workspace, ignore_errors=True)
    folder = shutil.copytree(unused_project, workspace / "project")
    with up.running(
        "s3", "smtp", "salesforce", data=tmp_path / "emulators"
    ) as services:
        project = Project(folder, services.environment)
        upload_partitions(project, raw)
        delete_objects(project, f"{project.raw_url}/orgs/dt={WORLD.until}/_SUCCESS")
        yield Mailbox(project, Path(str(services.details["smtp_mail_folder"])))


def _text(message: EmailMessage) -> str:
    """Return the plain text on one line, because it is wrapped."""
    body = message.get_body(("plain",))
    assert body is not None
    return " ".join(body.get_content().split())


def _values(path: Path) -> dict[str, list[float]]:
    """Return the values of each metric of a file for Prometheus."""
    values: dict[str, list[float]] = {}
    for family in text_string_to_metric_families(path.read_text("utf-8")):
        values[family.name] = [sample.value for sample in family.samples]
    return values


def _tasks_in(log: str) -> set[str | None]:
    """Return the tasks that the lines of a log name; each line is a JSON object."""
    lines = [json.loads(line) for line in log.splitlines()]
    assert all(line["run_id"] and "data_date" in line for line in lines)
    assert {line["data_date"] for line in lines} <= {None, str(WORLD.until)}
    return {line["task"] for line in lines}


@pytest.mark.slow
def test_failed_run_sends_one_alert_and_its_recovery_another(
    mailbox: Mailbox, webhook: Receiver, lineage: Receiver, statsd: Statsd
) -> None:
    project = mailbox.project
    project.environment["OPENLINEAGE_URL"] = f"http://{lineage.address}"
    project.environment["NIGHTSHIFT_LOG_FORMAT"] = ""  # the same as not set
    project.environment["NIGHTSHIFT_ALERTS__URLS"] = f"json://{webhook.address}/hook"
    project.environment["NIGHTSHIFT_ALERTS__HEARTBEAT_URL"] = (
        f"http://{webhook.address}/ping?from=test"
    )
    metrics_file = project.folder / "nightshift.prom"
    project.environment["NIGHTSHIFT_METRICS__PROMETHEUS_FILE"] = str(metrics_file)
    project.environment["NIGHTSHIFT_METRICS__STATSD"] = statsd.address
    # Luigi's own metrics, and the events that it sends to the API of Datadog.
    project.environment["DATADOG_HOST"] = f"http://{webhook.address}/datadog"
    project.replace_text(
        "luigi.cfg", "[scheduler]\n", "[scheduler]\nmetrics_collector = datadog\n"
    )
    host, _, port = statsd.address.partition(":")
    with (project.folder / "luigi.cfg").open("a") as file:
        file.write(f"[datadog]\nstatsd_host = {host}\nstatsd_port = {port}\n")
    on_call = {"NIGHTSHIFT_ON_CALL__RECIPIENTS": json.dumps([ON_CALL])}
    project.luigi(*LUIGI_ARGUMENTS, **on_call).expect(1)
    (alert,) = mailbox.read_new()
    assert alert["To"] == ON_CALL
    assert alert["Subject"] == (
        f"The run for {WORLD.until} failed: RawPartition orgs (local/v1 on local)"
    )
    text = _text(alert)
    assert f"/orgs/dt={WORLD.until}/ is incomplete" in text
    assert "fct_org_day" in text and "Salesforce" in text
    assert "fct_web_sessions" not in text
    assert f"CAN IT WAIT UNTIL MORNING? {BEFORE_BUSINESS_HOURS}." in text
    assert f"nightshift run --date {WORLD.until}" in text
    source = alert.as_string()
    for name, value in project.environment.items():
        if "SECRET" in name or "PASSWORD" in name:
            assert value not in source
    check_failed_run(lineage_events.take(lineage))
    as_json = {"NIGHTSHIFT_LOG_FORMAT": "json"}
    result = project.nightshift("run", "--date", WORLD.until, **as_json).expect(1)
    assert _tasks_in(result.err) >= {None}  # every line is a JSON object
    (alert,) = mailbox.read_new()
    assert alert["To"] == smtp.RECIPIENT
    assert _values(metrics_file)["nightshift_run_success"] == [0]
    again = lineage_events.take(lineage)
    assert {event.job.name for event in again} == {"Nightly", "RawPartition.orgs"}

    upload_objects(project, {f"orgs/dt={WORLD.until}/_SUCCESS": b""})
    result = project.luigi(*LUIGI_ARGUMENTS, **on_call).expect(0)
    assert {"LoadRawTable orgs", "MailReport report"} <= _tasks_in(result.err)
    report, recovery = mailbox.read_new()
    assert report["To"] == smtp.RECIPIENT
    assert recovery["To"] == ON_CALL
    assert "Trial report" in report["Subject"]
    assert f"The run for {WORLD.until} recovered" in recovery["Subject"]
    assert "It failed 2 times" in _text(recovery)
    assert "is incomplete" in _text(recovery)
    runs = project.rows("select command, status from ops.runs order by finished_at")
    assert [(run["command"], run["status"]) for run in runs] == [
        *(("luigi", "failed"), ("run", "failed"), ("luigi", "done"))
    ]

    check_recovered_run(lineage_events.take(lineage), project)
    values = _values(metrics_file)
    assert values.keys() == METRICS.keys()
    assert values["nightshift_run_success"] == [1]
    (loads,) = project.rows("select sum(lines) as lines from ops.loads")
    assert sum(values["nightshift_source_lines"]) == loads["lines"]
    assert min(values["nightshift_salesforce_api_calls"]) > 3
    lines = (project.folder / "var" / "logs" / "nightshift.log").read_text("utf-8")
    assert {"LoadRawTable orgs", "MailReport report"} <= _tasks_in(lines)
    assert '"dbt_event": "LogModelResult"' in lines

    metrics = statsd.take()
    assert [v for n, v, _ in metrics if n == "nightshift.run_success"] == [0, 0, 1]
    of_luigi = {(name, tags.partition(",")[0]) for name, _, tags in metrics}
    assert ("luigi.task.failed", "task_name:RawPartition.orgs") in of_luigi
    assert ("luigi.task.done", "task_name:MailReport") in of_luigi

    requests = webhook.take()
    events = [each for each in requests if each.path.startswith("/datadog/")]
    # The receiver's replies are not those of Datadog, which fails no run.
    assert any(b"task_name:MailReport" in each.body for each in events)
    assert '"event": "task not measured"' in lines
    alerts = [json.loads(each.body) for each in requests if each.path == "/hook"]
    assert [alert["type"] for alert in alerts] == ["failure", "success"]
    assert f"nightshift run --date {WORLD.until}" in alerts[0]["message"]
    assert "is incomplete" in alerts[0]["message"]
    pages = f"{project.archive_url}/local/v1"
    report = f"{pages}/report/dt={WORLD.until}/index.html"
    for alert, label in (
        (alerts[0], "Report (not written yet)"),
        (alerts[1], "Report"),
    ):
        text = alert["message"].replace("*", "")
        assert re.search(rf"{re.escape(label)}: http\S+ \({report}\)", text)
        assert f"({pages}/status/index.html)" in text
    calls = [each.path for each in requests if each.method == "GET"]
    start, fail, success = (f"/ping{end}?from=test" for end in ("/start", "/fail", ""))
    assert calls == [start, fail, start, fail, start, success]

    project.luigi(*LUIGI_ARGUMENTS).expect(0)
    project.nightshift("run", "--date", WORLD.until).expect(0)
    assert mailbox.read_new() == []
    assert [each.path for each in webhook.take()] == [start, success] * 2
    assert len(project.rows("select run_id from ops.runs")) == 3
    assert lineage.take() == []  # there was nothing to do


@pytest.mark.slow
def test_missing_or_dead_mail_server_does_not_change_the_exit_code(
    mailbox: Mailbox,
) -> None:
    project = mailbox.project
    no_server = {"NIGHTSHIFT_SMTP__HOST": ""}
    result = project.nightshift("run", "--date", WORLD.until, **no_server).expect(1)
    assert "_SUCCESS" in result.err
    dead_server = {"NIGHTSHIFT_SMTP__PORT": str(CLOSED_PORT)}
    result = project.nightshift("run", "--date", WORLD.until, **dead_server).expect(1)
    assert "_SUCCESS" in result.err
    assert f"waiting for {smtp.RECIPIENT}" in result.err
    assert mailbox.read_new() == []


@pytest.mark.slow
def test_run_that_cannot_be_scheduled_sends_an_alert(mailbox: Mailbox) -> None:
    project = mailbox.project
    no_s3 = {"AWS_ENDPOINT_URL_S3": f"http://127.0.0.1:{CLOSED_PORT}"}
    no_s3["AWS_MAX_ATTEMPTS"] = "1"
    project.nightshift("run", "--date", WORLD.until, **no_s3).expect(1)
    (alert,) = mailbox.read_new()
    assert "failed: Nightly" in alert["Subject"]
    assert "S3 is unreachable" in _text(alert)
    no_bucket = {"NIGHTSHIFT_RAW_URL": "s3://no-such-bucket/raw"}
    project.nightshift("run", "--date", WORLD.until, **no_bucket).expect(3)
    (alert,) = mailbox.read_new()
    assert "NIGHTSHIFT_RAW_URL" in _text(alert)
