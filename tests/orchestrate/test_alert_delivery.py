"""An alert reaches everybody, and what goes wrong with it hides nothing."""

from datetime import date

import pytest

from loaders import warehouse
from loaders.errors import TransientError
from loaders.ledger import alerts, mails
from orchestrate.nightly import Nightly
from orchestrate.runs import execution
from orchestrate.runs.outcome import ExitCode, Outcome, TaskResult
from reports.morning import rendering
from tests.emulators.component import CLOSED_PORT
from tests.emulators.smtp import DISCONNECT, MailServer, Rule
from tests.orchestrate.conftest import ON_CALL, Configure

pytestmark = pytest.mark.usefixtures("own_warehouse")

DAY = date(2026, 11, 24)
GOOD, GREY, GONE = ON_CALL
BUSY = Rule("RCPT", "450 4.2.0 greylisted", GREY)
FAILURE = TaskResult("LoadRawTable", "LoadRawTable(orgs)", "failed", error="E7")


def _open() -> list[str]:
    with warehouse.session() as connection:
        found = mails.open_recipients(connection, env="local", version="v1")
    return [entry.recipient for entry in found]


def _finish(exit_code: ExitCode = ExitCode.FAILED) -> list[dict[str, object]]:
    """End a run; return the rows of `ops.runs`."""
    results = (FAILURE,) if exit_code else ()
    outcome = Outcome("run-1", exit_code, results)
    root = Nightly(data_date=DAY, env="local", version="v1")
    execution.start_run(root, command="run")
    execution.finish_run(outcome)
    with warehouse.session() as connection:
        runs = connection.table("ops", "runs")
        return connection.fetch_all(f"select exit_code, message from {runs}")


def test_alert_that_waits_is_sent_by_the_next_run(
    server: MailServer,
    configured: Configure,
    capsys: pytest.CaptureFixture[str],
) -> None:
    server.set_rules(BUSY)
    with configured():
        assert _finish() == [(1, "E7")]
        (line,) = capsys.readouterr().err.splitlines()
        assert f"waiting for {GREY}: {BUSY.reply}" in line
        assert _open() == [GREY]
        server.set_rules()
        _finish(ExitCode.DONE)
        assert capsys.readouterr().err == ""
    first, second, recovery = server.envelopes()
    assert (first, second) == (f"{GOOD}, {GONE}", GREY)
    assert recovery == f"{GOOD}, {GREY}, {GONE}"
    text = (server.folder / "0002.eml").read_text(encoding="utf-8")
    assert "Subject: The run for 2026-11-24 failed" in text
    assert "E7" in text
    assert _open() == []


def _broken_template(*_: object) -> str:
    raise KeyError("template")


def _unavailable(*_: object, **__: object) -> None:
    raise TransientError("The warehouse is unavailable.")


@pytest.mark.parametrize(
    ("values", "rules", "expected"),
    [
        ({"SMTP__PORT": str(CLOSED_PORT)}, [], "NIGHTSHIFT_SMTP__HOST"),
        ({"SMTP__HOST": "no-such-host.invalid"}, [], "NIGHTSHIFT_SMTP__HOST"),
        ({"SMTP__SENDER": "nobody"}, [], "NIGHTSHIFT_SMTP__SENDER"),
        ({"SMTP__SENDER": ""}, [], "NIGHTSHIFT_SMTP__SENDER"),
        ({"SMTP__SENDER": "jürgen@example.com"}, [], "SMTPUTF8"),
        ({"SMTP__STARTTLS": "always"}, [], "STARTTLS"),
        ({"SMTP__USERNAME": "u", "SMTP__PASSWORD": "secret"}, [], "STARTTLS"),
        ({"ON_CALL__RECIPIENTS": '["jürgen@example.com"]'}, [], "SMTPUTF8"),
        ({"ON_CALL__RECIPIENTS": '["nobody"]'}, [], "'nobody'"),
        ({}, [Rule("RCPT", "550 no such box")], "550 no such box"),
        ({}, [Rule("RCPT", "450 later")], "450 later"),
        ({}, [Rule("MAIL", "553 not allowed")], "553 not allowed"),
        ({}, [Rule("DATA", "554 spam")], "554 spam"),
        ({}, [Rule("DATA", DISCONNECT)], "closed the connection"),
    ],
)
def test_failing_alert_does_not_hide_the_failure(
    server: MailServer,
    configured: Configure,
    capsys: pytest.CaptureFixture[str],
    values: dict[str, str],
    rules: list[Rule],
    expected: str,
) -> None:
    server.set_rules(*rules)
    with configured(**values):
        assert _finish() == [(1, "E7")]
    (line,) = capsys.readouterr().err.splitlines()
    assert expected in line
    assert "secret" not in line


def test_bug_in_an_alert_does_not_hide_the_failure(
    configured: Configure,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(rendering, "render_alert", _broken_template)
    with configured():
        assert _finish() == [(1, "E7")]
    (line,) = capsys.readouterr().err.splitlines()
    assert "KeyError" in line


def test_alert_is_sent_without_a_ledger(
    server: MailServer, configured: Configure, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(alerts, "record", _unavailable)
    server.set_rules(Rule("RCPT", "450 greylisted", GREY, times=1))
    with configured():
        assert _finish() == [(1, "E7")]
    assert server.envelopes() == [f"{GOOD}, {GONE}", GREY]
