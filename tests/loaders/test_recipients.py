"""Who receives mails, as the settings list them."""

import json

import pytest

from loaders.config import recipients
from loaders.config.recipients import Recipients
from loaders.config.settings import OnCall, Report, Settings, Smtp, load_valid

SETTING = "NIGHTSHIFT_REPORT__RECIPIENTS"
SMTP = Smtp(host="mail.example.com", sender="n@example.com")


def test_missing_mail_settings_are_named() -> None:
    assert recipients.missing_setting(SMTP, Recipients(SETTING, ["a@b.example"])) == ""
    missing = recipients.missing_setting(SMTP, Recipients(SETTING, []))
    assert missing == f"{SETTING} is not set"
    assert (
        recipients.missing_setting(Smtp(), Recipients(SETTING, ["a@b.example"]))
        == "NIGHTSHIFT_SMTP__HOST is not set"
    )


def test_alerts_go_to_on_call_or_else_to_the_report_recipients() -> None:
    without_on_call = Settings(report=Report(recipients=["a@b.example"]))
    assert recipients.on_call_recipients(
        without_on_call
    ) == recipients.report_recipients(without_on_call)
    with_on_call = without_on_call.model_copy(
        update={"on_call": OnCall(recipients=["c@d.example"])}
    )
    assert recipients.on_call_recipients(with_on_call) == Recipients(
        "NIGHTSHIFT_ON_CALL__RECIPIENTS", ["c@d.example"]
    )
    assert recipients.report_recipients(with_on_call).addresses == ["a@b.example"]


def test_recipients_are_read_from_the_environment_as_json_lists(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("NIGHTSHIFT_REPORT__RECIPIENTS", json.dumps(["a@b.example"]))
    monkeypatch.setenv("NIGHTSHIFT_ON_CALL__RECIPIENTS", json.dumps(["c@d.example"]))
    settings, _ = load_valid()
    assert recipients.report_recipients(settings).addresses == ["a@b.example"]
    assert recipients.on_call_recipients(settings).addresses == ["c@d.example"]
