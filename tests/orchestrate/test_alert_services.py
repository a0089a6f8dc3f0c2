"""Alerts to services: one per failure and one when it recovers, whatever happens."""

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date, timedelta
from urllib.parse import quote

import pytest
import structlog

from loaders import alerts, warehouse
from loaders.config import settings
from loaders.errors import TransientError
from loaders.ledger import alerts as ledger
from loaders.ledger import mails, reports
from orchestrate.dbt import graph
from orchestrate.nightly import Nightly
from orchestrate.runs import execution, links
from orchestrate.runs.outcome import ExitCode, Outcome, TaskResult
from tests.emulators.component import CLOSED_PORT, HOST
from tests.emulators.receiver import Receiver, receiving
from tests.emulators.smtp import MailServer, serving
from tests.orchestrate.conftest import ON_CALL, Configure
from tests.orchestrate.test_alerts import GRAPH

DAY = date(2026, 11, 24)
FAILURE = TaskResult(
    "LoadRawTable",
    "LoadRawTable(orgs)",
    "failed",
    subject="orgs",
    error="s3://raw/orgs/dt=2026-11-24/ part-3 is truncated at byte 512 `x`.",
)
COMMAND = f"nightshift run --date {DAY}"
SetUrls = Callable[..., None]


@pytest.fixture
def webhook() -> Iterator[Receiver]:
    """Run a service that takes alerts."""
    with receiving() as receiver:
        yield receiver


@pytest.fixture
def set_urls(monkeypatch: pytest.MonkeyPatch) -> SetUrls:
    """Return what sets the services, as entries of the JSON list."""

    def set_them(*entries: object) -> None:
        monkeypatch.setenv("NIGHTSHIFT_ALERTS__URLS", json.dumps(entries))
        settings.load.cache_clear()

    return set_them


@pytest.fixture(autouse=True)
def _models(own_warehouse: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the failed source block models."""
    monkeypatch.setattr(graph, "load", lambda: GRAPH)


_numbers = iter(range(1, 1000))


def _finish(*failures: TaskResult, code: ExitCode | None = None) -> None:
    """End a run."""
    outcome = Outcome(
        f"run-{next(_numbers)}",
        code or (ExitCode.FAILED if failures else ExitCode.DONE),
        failures,
    )
    root = Nightly(data_date=DAY, env="local", version="v1")
    execution.start_run(root, command="run")
    execution.finish_run(outcome)


def _messages(receiver: Receiver) -> list[dict[str, str]]:
    return [json.loads(request.body) for request in receiver.take()]


def test_service_gets_one_alert_per_failure_and_one_recovery(
    webhook: Receiver, set_urls: SetUrls
) -> None:
    set_urls(f"json://{webhook.address}/hook")
    _finish(FAILURE, replace(FAILURE, task="DbtModel", subject="stg_orgs"))
    (alert,) = _messages(webhook)
    assert alert["title"] == (
        f"The run for {DAY} failed: LoadRawTable orgs (local/v1 on local)"
    )
    assert alert["type"] == "failure"
    text = alert["message"]
    expected = ("LoadRawTable orgs", "truncated at byte 512", COMMAND, "stg_orgs")
    assert all(part in text for part in expected), text
    assert "Can it wait until morning?" in text and "business hours" in text
    # The same failure, though with other numbers, is known already.
    error = FAILURE.error.replace("512", "1024").replace("part-3", "part-7")
    _finish(replace(FAILURE, error=error))
    _finish(replace(FAILURE, error=error))
    assert _messages(webhook) == []
    # Another one is not.
    _finish(replace(FAILURE, error="The partition is missing."))
    (alert,) = _messages(webhook)
    assert "is missing" in alert["message"]
    _finish()
    (recovery,) = _messages(webhook)
    assert recovery["type"] == "success" and "recovered" in recovery["title"]
    assert "It failed 4 times" in recovery["message"]
    _finish()
    assert _messages(webhook) == []
    # After the recovery, the same failure is a new one.
    _finish(FAILURE)
    assert len(_messages(webhook)) == 1


def test_each_service_gets_its_own_severities(
    webhook: Receiver, set_urls: SetUrls
) -> None:
    url = f"json://{webhook.address}"
    set_urls(
        {"url": f"{url}/critical", "severities": ["critical"]},
        {"url": f"{url}/errors", "severities": ["critical", "error"]},
        {"url": f"{url}/warnings", "severities": ["warning"]},
        f"{url}/all",
    )
    _finish(FAILURE)
    assert [request.path for request in webhook.take()] == ["/errors", "/all"]
    _finish()  # The recovery goes to those who know of the failure.
    assert [request.path for request in webhook.take()] == ["/errors", "/all"]


def test_service_that_is_down_hides_nothing_and_gets_the_alert_later(
    webhook: Receiver, set_urls: SetUrls, capsys: pytest.CaptureFixture[str]
) -> None:
    set_urls(f"json://{webhook.address}/a", f"json://{webhook.address}/b")
    webhook.statuses = [503, 200, 503, 503, 503, 503]
    _finish(FAILURE)
    paths = [request.path for request in webhook.take()]
    assert paths[:2] == ["/a", "/b"] and set(paths[2:]) == {"/a"} and len(paths) > 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "entry 1 (json)" in line and "503" in line
    with warehouse.session() as connection:
        runs = connection.table("ops", "runs")
        assert connection.fetch_all(f"select exit_code from {runs}") == [(1,)]
        waiting = mails.open_recipients(connection, env="local", version="v1")
        assert [entry.mail.kind for entry in waiting] == [mails.SERVICE_ALERT]
    webhook.statuses = []
    _finish(FAILURE)
    (late,) = webhook.take()
    assert late.path == "/a" and COMMAND in late.body.decode()
    _finish()
    assert {request.path for request in webhook.take()} == {"/a", "/b"}


@pytest.mark.parametrize(
    ("page_of", "label", "shown"),
    [
        (None, "Report (not written yet)", DAY),
        (DAY - timedelta(days=2), "Newest report (2026-11-22)", date(2026, 11, 22)),
        (DAY, "Report", DAY),
        (DAY + timedelta(days=1), "Report (not written yet)", DAY),
    ],
)
def test_alert_links_to_the_report_the_history_and_luigid(
    page_of: date | None,
    label: str,
    shown: date,
    webhook: Receiver,
    set_urls: SetUrls,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("NIGHTSHIFT_ARCHIVE_URL", "s3://acme/archive")
    monkeypatch.setattr(links.scheduler, "url", lambda: "http://luigid:8082")
    monkeypatch.setattr(execution.history_page, "update", lambda **_: None)
    set_urls(f"json://{webhook.address}")
    folder = "s3://acme/archive/local/v1"
    if page_of:
        warehouse.create_missing_tables()
        page = f"{folder}/report/dt={page_of}/index.html"
        key = {"env": "local", "version": "v1", "run_id": "earlier"}
        reports.record(
            reports.ReportRecord(
                page_of, url=page, fingerprint="f", mail_status=reports.SENT, **key
            )
        )
    _finish(FAILURE)
    text = _messages(webhook)[0]["message"].replace("*", "")
    for name, url in (
        (label, f"{folder}/report/dt={shown}/index.html"),
        ("Run history", f"{folder}/status/index.html"),
    ):
        key = re.escape(quote(url.removeprefix("s3://acme/")))
        address = rf"{re.escape(name)}: https?://\S+{key} \({re.escape(url)}\)"
        assert re.search(address, text), text
    assert "Luigi: http://luigid:8082/static/visualiser/" in text


def _unavailable(*_: object, **__: object) -> None:
    raise TransientError("The warehouse is unavailable.")


def test_alert_is_sent_without_a_ledger(
    webhook: Receiver, set_urls: SetUrls, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledger, "record", _unavailable)
    monkeypatch.setattr(mails, "start", _unavailable)
    monkeypatch.setattr(links, "newest_page", _unavailable)
    monkeypatch.setattr(execution.history_page, "update", lambda **_: None)
    monkeypatch.setenv("NIGHTSHIFT_ARCHIVE_URL", "s3://acme/archive")
    set_urls(f"json://{webhook.address}")
    _finish(FAILURE)
    (alert,) = _messages(webhook)
    assert "archive/local/v1/status/index.html" in alert["message"]


def test_mail_to_on_call_stays_beside_the_services(
    webhook: Receiver, set_urls: SetUrls, server: MailServer, configured: Configure
) -> None:
    with configured():
        set_urls(f"json://{webhook.address}")
        _finish(FAILURE)
        _finish(FAILURE)
        _finish()
    assert server.envelopes() == [", ".join(ON_CALL)] * 3
    assert len(_messages(webhook)) == 2


def test_service_may_be_a_mail_server(
    server: MailServer, set_urls: SetUrls, capsys: pytest.CaptureFixture[str]
) -> None:
    with serving(server, smtputf8=False) as port:
        set_urls(
            f"mailto://{HOST}:{port}?from=n@example.com&to=a@example.com&mode=insecure"
        )
        _finish(FAILURE)
    assert server.envelopes() == ["a@example.com"]
    text = (server.folder / "0001.eml").read_text(encoding="utf-8")
    assert COMMAND in text.replace("=\n", "")
    assert capsys.readouterr().err == ""


# Each with what must not appear anywhere. They are all unreachable.
SECRET_URLS = [
    (
        "json://u5er:passw0rd@{host}/t0ken-in-path?+X-Key=h3ader",
        "passw0rd t0ken-in-path",
    ),
    ("xml://{host}/hook/abcdef012345?:field=paylo4d", "abcdef012345 paylo4d"),
    ("form://user:p%40ssw0rd@{host}/", "p%40ssw0rd p@ssw0rd"),
    ("mailto://user:hunter22@{host}?from=a@b.example&to=c@d.example", "hunter22"),
    ("gotify://{host}/Agt0tifytok3n", "Agt0tifytok3n"),
    ("ntfy://u:tk_AgQdq7mVBoFD37zQ@{host}/my-topic", "tk_AgQdq7mVBoFD37zQ"),
    (
        "mmost://{host}/3ccdd113474722377935511fc85d3dd4",
        "3ccdd113474722377935511fc85d3dd4",
    ),
    ("rocket://user:l0ngpassword@{host}/#channel", "l0ngpassword"),
    ("workflows://{host}/w0rkfl0w1d/s1gnature", "w0rkfl0w1d s1gnature"),
]


@pytest.mark.parametrize(("url", "secrets"), SECRET_URLS)
def test_secrets_of_urls_appear_nowhere(
    url: str,
    secrets: str,
    set_urls: SetUrls,
    capsys: pytest.CaptureFixture[str],
) -> None:
    set_urls(url.format(host=f"{HOST}:{CLOSED_PORT}"))
    alerts.check(settings.load().alerts.urls)
    with structlog.testing.capture_logs() as lines:
        _finish(FAILURE)
    with warehouse.session() as connection:
        tables = [
            connection.fetch_all(f"select * from {connection.table('ops', name)}")
            for name in ("alerts", "mails", "runs")
        ]
    shown = capsys.readouterr()
    text = f"{lines}{tables}{shown.out}{shown.err}{settings.load()!r}"
    assert "entry 1 (" in text  # the failed attempt is reported
    for secret in secrets.split():
        assert secret not in text
