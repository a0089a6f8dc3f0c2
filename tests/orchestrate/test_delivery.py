"""Alerts and reports reach each recipient once, over several attempts and runs."""

from collections import Counter
from datetime import date, timedelta

import pytest

from loaders import ledger, mail, warehouse
from loaders.config.recipients import Recipients
from loaders.errors import ConfigError
from loaders.ledger import mails
from loaders.ledger.mails import ACCEPTED, EXPIRED, OPEN, REJECTED, WITHDRAWN, Delivery
from loaders.mime import Message
from orchestrate.runs.outcome import TaskResult
from orchestrate.tasks.delivery import deliver, describe
from tests.emulators.smtp import DISCONNECT, MailServer, Rule
from tests.orchestrate.conftest import ON_CALL, Configure

pytestmark = pytest.mark.usefixtures("own_warehouse")

DAY = date(2026, 11, 24)
GOOD, GREY, GONE = ON_CALL
TO = Recipients("NIGHTSHIFT_ON_CALL__RECIPIENTS", ON_CALL)
MESSAGE = Message("Subject", "Text.\n", "<p>Text.</p>", "report.1")
REPORT = mails.Mail("report.1", mails.REPORT, DAY, "local", "v1")
BUSY = Rule("RCPT", "450 4.2.0 greylisted", GREY)
NO_BOX = Rule("RCPT", "550 5.1.1 no such box", GONE)
FAILURE = TaskResult("LoadRawTable", "LoadRawTable(orgs)", "failed", error="E7")


def _deliver(*, num_retries: int = 3) -> dict[str, Delivery]:
    states = mails.start(REPORT, TO.parsed(), run_id="r")
    return deliver(
        MESSAGE,
        TO,
        states,
        record=lambda results: mails.record(REPORT, results, run_id="r"),
        num_retries=num_retries,
        retry_sleep=0.001,
    )


def _statuses(states: dict[str, Delivery]) -> list[str]:
    return [states[name].status for name in (GOOD, GREY, GONE)]


def _open() -> list[str]:
    with warehouse.session() as connection:
        found = mails.open_recipients(connection, env="local", version="v1")
    return [entry.recipient for entry in found]


@pytest.mark.parametrize(
    ("rules", "expected", "attempts"),
    [
        ([], [ACCEPTED, ACCEPTED, ACCEPTED], [1, 1, 1]),
        ([NO_BOX], [ACCEPTED, ACCEPTED, REJECTED], [1, 1, 1]),
        (
            [Rule("RCPT", "450 greylisted", GREY, times=2)],
            [ACCEPTED, ACCEPTED, ACCEPTED],
            [1, 3, 1],
        ),
        ([BUSY, NO_BOX], [ACCEPTED, OPEN, REJECTED], [1, 4, 1]),
        (
            [Rule("DATA", "451 later", GREY, times=1)],
            [ACCEPTED, ACCEPTED, ACCEPTED],
            [2, 2, 2],
        ),
        ([Rule("MAIL", "421 busy", times=3)], [ACCEPTED] * 3, [1, 1, 1]),
        ([Rule("DATA", DISCONNECT, GREY, times=1)], [ACCEPTED] * 3, [2, 2, 2]),
        ([Rule("MAIL", "451 later")], [OPEN] * 3, [0, 0, 0]),
    ],
)
def test_only_open_recipients_are_tried_again(
    server: MailServer,
    configured: Configure,
    rules: list[Rule],
    expected: list[str],
    attempts: list[int],
) -> None:
    server.set_rules(*rules)
    with configured():
        states = _deliver()
    assert _statuses(states) == expected
    tried = Counter(server.commands)
    assert [tried["RCPT", name] for name in (GOOD, GREY, GONE)] == attempts
    assert len(_open()) == expected.count(OPEN)
    received = ", ".join(server.envelopes()).split(", ")
    assert received.count(GOOD) == (GOOD in received)


def test_next_run_sends_to_open_recipients_alone(
    server: MailServer, configured: Configure
) -> None:
    server.set_rules(BUSY, NO_BOX)
    with configured():
        assert describe(_deliver()) == (
            f"waiting for {GREY}: {BUSY.reply}; rejected {GONE}: {NO_BOX.reply}"
        )
        assert _open() == [GREY]
        server.set_rules()
        assert _statuses(_deliver()) == [ACCEPTED, ACCEPTED, REJECTED]
        assert _statuses(_deliver()) == [ACCEPTED, ACCEPTED, REJECTED]
    assert server.envelopes() == [GOOD, GREY]
    assert _open() == []


def test_killed_run_does_not_send_again_to_who_has_the_mail(
    server: MailServer, configured: Configure, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.set_rules(BUSY)
    send, calls = mail.send, iter(range(9))

    def killed_at_the_second_attempt(*args: object, **more: object) -> object:
        if next(calls):
            raise KeyboardInterrupt
        return send(*args, **more)  # type: ignore[arg-type] # passed on unchanged

    with configured():
        monkeypatch.setattr(mail, "send", killed_at_the_second_attempt)
        with pytest.raises(KeyboardInterrupt):
            _deliver()
        monkeypatch.setattr(mail, "send", send)
        server.set_rules()
        _deliver()
    assert server.envelopes() == [f"{GOOD}, {GONE}", GREY]


def test_recipients_change_between_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    mails.start(REPORT, [GOOD, GREY], run_id="r")
    mails.record(REPORT, {GOOD: Delivery(ACCEPTED)}, run_id="r")
    states = mails.start(REPORT, [GOOD, GONE], run_id="r")
    assert _statuses(states) == [ACCEPTED, WITHDRAWN, OPEN]
    later = ledger.now() + timedelta(days=mails.OPEN_DAYS, seconds=1)
    monkeypatch.setattr(ledger, "now", lambda: later)
    assert mails.start(REPORT, [GONE], run_id="r")[GONE].status == EXPIRED
    assert _open() == []


def test_new_mail_of_a_report_replaces_an_open_one() -> None:
    mails.start(REPORT, [GOOD, GREY], run_id="r")
    other_day = mails.Mail("other", mails.REPORT, date(2026, 11, 23), "local", "v1")
    mails.start(other_day, [GONE], run_id="r")
    newer = mails.Mail("report.2", mails.REPORT, DAY, "local", "v1")
    mails.start(newer, [GOOD], run_id="r")
    assert sorted(_open()) == [GONE, GOOD]


def test_result_is_final_if_the_clock_is_set_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    mails.start(REPORT, [GOOD], run_id="r")
    earlier = ledger.now() - timedelta(hours=1)
    monkeypatch.setattr(ledger, "now", lambda: earlier)
    mails.record(REPORT, {GOOD: Delivery(ACCEPTED)}, run_id="r")
    assert _open() == []


def test_settings_that_allow_no_mail_are_an_error(
    server: MailServer, configured: Configure
) -> None:
    with (
        configured(SMTP__STARTTLS="always"),
        pytest.raises(ConfigError, match="STARTTLS"),
    ):
        _deliver()
    assert sorted(_open()) == [GONE, GOOD, GREY]
