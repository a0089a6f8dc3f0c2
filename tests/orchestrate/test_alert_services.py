"""Alerts to services: one per failure and one when it recovers, whatever happens."""

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date

import pytest
import structlog

from loaders import alerts, warehouse
from loaders.config import settings
from loaders.errors import TransientError
from loaders.ledger import alerts as ledger
from loaders.ledger import mails
from orchestrate.dbt import graph
from orchestrate.nightly import Nightly
from orchestrate.runs import execution
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


def _unavailable(*_: object, **__: object) -> None:
    raise TransientError("The warehouse is unavailable.")


def test_alert_is_sent_without_a_ledger(
    webhook: Receiver, set_urls: SetUrls, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledger, "record", _unavailable)
    monkeypatch.setattr(mails, "start", _unavailable)
    set_urls(f"json://{webhook.address}")
    _finish(FAILURE)
    assert len(_messages(webhook)) == 1


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


CAUSE = "LoadRawTable orgs"
LIMITED = [
    "slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkOXrIdevi7FQ/#general",
    "workflows://host:443/643e69f83c8944438d6811917/KODuebWbDGYFr0z0eu6Rj8aUKz",
    "pagerduty://" + "a" * 32 + "@" + "b" * 32,
    "opsgenie://a3bf1d8a-1f1e-4a5e-a2e7-aaaaaaaaaaaa/@user",
    "discord://4174216298/JHMHI8qBe7bk2ZwO5U711o3dV_js",
    "tgram://123456789:abcdefg_hijklmnop/12315544/",
    "vonage://abcd1234:abcdefghijklmnop@15551230000/15551231234",
    "ntfy://ntfy.sh/topic",
    "zulip://bot@org/abcdefghijklmnopqrstuvwxyz012345/channel",
    "gchat://workspace/webhook-key/webhook-token",
    "bsky://user@abcd-efgh-ijkl-mnop",
    "plivo://" + "a" * 25 + "@" + "b" * 40 + "/15551232000/15551231234",
    "mailto://user:pass@example.com",
    "kodi://localhost",
]


@pytest.mark.parametrize("url", LIMITED)
def test_limits_of_a_service_never_cost_the_remedy(url: str, set_urls: SetUrls) -> None:
    from orchestrate.runs.alert_text import Alert, wordings

    set_urls(url)
    (entry,) = settings.load().alerts.urls
    plugin = alerts._plugin(entry)
    alert = Alert(
        "error",
        f"The run for {DAY} failed: {CAUSE} (local/v1 on local)",
        root_cause=CAUSE,
        error="The object is damaged: " + "é<b>*x*_y_`z`\n" * 400,
        command=COMMAND,
        can_wait="No",
        reason="r" * 500,
        others=[[f"DbtModel m{n}", "e" * 900] for n in range(30)],
        blocked={"models": [f"model_number_{n}" for n in range(200)]},
    )
    text, body_format = alerts._select_text(plugin, wordings(alert))
    body = text.plain if body_format == "text" else text.markdown
    (call,) = plugin._build_send_calls(
        body=body, title=text.title, body_format=body_format
    )
    sent = f"{call['title']}\n{call['body']}"
    assert len(call["body"]) <= plugin.body_maxlen
    assert len(call["title"]) <= max(plugin.title_maxlen, 0)
    assert COMMAND in sent.replace("\\", "") and CAUSE in sent
    if plugin.body_maxlen > 300:
        assert "damaged" in sent
    lines = plugin.body_max_line_count
    assert not lines or len(call["body"].splitlines()) <= lines


@pytest.mark.parametrize(
    ("value", "parts"),
    [
        ("slack://s3cret", ["entry 1 (slack)"]),
        ("json://ok slakc://s3cret/x", ["entry 2 (slakc)", "no service"]),
        ('["pagerduty://s3cret"]', ["entry 1 (pagerduty)"]),
        ("s3cret", ["entry 1 is not a URL"]),
        ('{"url": "s3cret://x"}', ["must be a list"]),
        ('["json://s3cret', ["not valid JSON"]),
        ('[{"url": "json://s3cret", "to": 1}]', ["entry 1 (json)", "unknown key"]),
        ('[{"slack://s3cret": "x"}]', ["entry 1", "no URL", "unknown key"]),
        ('[{"url": "json://s3cret", "severities": ["page"]}]', ["unknown severity"]),
        ('[{"url": "json://s3cret", "severities": []}]', ["critical, error, warning"]),
        ("[7]", ["entry 1 has no URL"]),
        ("json://s3cret/,slack://x", ["several URLs"]),
    ],
)
def test_malformed_urls_are_named_without_their_secrets(
    value: str, parts: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NIGHTSHIFT_ALERTS__URLS", value)
    settings.load.cache_clear()
    with pytest.raises(settings.ConfigError) as caught:
        alerts.check(settings.load().alerts.urls)
    message = str(caught.value)
    assert all(part in message for part in parts), message
    assert "NIGHTSHIFT_ALERTS__URLS" in message and "s3cret" not in message
