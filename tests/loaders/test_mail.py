"""Mail arrives complete, and SMTP errors are classified."""

import email
import email.policy
import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from email.message import EmailMessage
from pathlib import Path

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from loaders import mail
from loaders.config.settings import OnCall, Report, Settings, Smtp, load_valid
from loaders.errors import ConfigError, TransientError
from loaders.mail import Message, Recipients
from tests.emulators import up
from tests.emulators.component import HOST, free_port

PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256))
MESSAGE = Message(
    subject="Trial report 2026-11-24",
    text="Fünf Orgs.\n.\nFrom here on, dots.\n",
    html='<p>Fünf Orgs. <img src="cid:flow.1@nightshift" alt="flow"></p>',
    reference="report.2026-11-24.1",
    images={"flow.1@nightshift": PNG},
)


def _recipients(*addresses: str) -> Recipients:
    return Recipients("NIGHTSHIFT_REPORT__RECIPIENTS", addresses or ("a@example.com",))


def _smtp(port: int) -> Smtp:
    return Smtp(host=HOST, port=port, sender="n@example.com")


def test_message_arrives_with_text_html_and_images(tmp_path: Path) -> None:
    with up.running("smtp", data=tmp_path) as emulators:
        port = int(emulators.environment["NIGHTSHIFT_SMTP__PORT"])
        to = _recipients("a@example.com", "Sales <sales@example.com>")
        assert mail.send(MESSAGE, _smtp(port), to) == []
        folder = Path(str(emulators.details["smtp_mail_folder"]))
        (path,) = folder.glob("*.eml")
        raw = path.read_bytes()
    received = email.message_from_bytes(raw, policy=email.policy.default)
    assert isinstance(received, EmailMessage)
    assert received["Subject"] == MESSAGE.subject
    assert received["To"] == "a@example.com, Sales <sales@example.com>"
    assert received["From"] == "Nightshift <n@example.com>"
    assert received["Message-ID"] == "<report.2026-11-24.1@example.com>"
    text, html = (received.get_body((kind,)) for kind in ("plain", "html"))
    assert text is not None and html is not None
    assert text.get_content().splitlines() == MESSAGE.text.splitlines()
    assert html.get_content().strip() == MESSAGE.html
    images = {
        part["Content-ID"]: part for part in received.walk() if part["Content-ID"]
    }
    assert list(images) == ["<flow.1@nightshift>"]
    (image,) = images.values()
    assert image.get_content() == PNG
    assert image.get_content_disposition() == "inline"


def test_line_breaks_cannot_inject_headers() -> None:
    hostile = Message("A\r\nBcc: evil@example.com", "t", "<p>h</p>", reference="r")
    message = mail.compose(
        hostile, sender="n@example.com", to=_recipients("a@b.example")
    )
    assert message["Bcc"] is None
    assert message["Subject"] == "A Bcc: evil@example.com"
    for recipient in (
        "a@b.example\nBcc: evil@example.com",
        "nobody",
        "@b.example",
        " ",
    ):
        with pytest.raises(ConfigError, match="NIGHTSHIFT_REPORT__RECIPIENTS"):
            mail.compose(MESSAGE, sender="n@example.com", to=_recipients(recipient))
    with pytest.raises(ConfigError, match="NIGHTSHIFT_SMTP__SENDER"):
        mail.compose(MESSAGE, sender="n@x\r\nX: y", to=_recipients("a@b.example"))


def test_unreachable_server_is_transient() -> None:
    with pytest.raises(TransientError, match="NIGHTSHIFT_SMTP__HOST"):
        mail.send(MESSAGE, _smtp(free_port()), _recipients())


def test_server_that_closes_the_connection_is_transient() -> None:
    with socket.socket() as listener:
        listener.bind((HOST, 0))
        listener.listen()
        listener.settimeout(5)
        hang_up = threading.Thread(target=lambda: listener.accept()[0].close())
        hang_up.start()
        with pytest.raises(TransientError):
            mail.send(MESSAGE, _smtp(listener.getsockname()[1]), _recipients())
        hang_up.join()


class RejectingHandler:
    """SMTP handler with fixed replies to recipients and to messages."""

    def __init__(self, *, recipient: str = "250 OK", data: str = "250 OK") -> None:
        self.recipient, self.data = recipient, data

    async def handle_RCPT(
        self,
        server: SMTP,
        session: Session,
        envelope: Envelope,
        address: str,
        options: list[str],
    ) -> str:
        """Accept addresses that start with `good@`; give others the fixed reply."""
        if address.startswith("good@"):
            envelope.rcpt_tos.append(address)
            return "250 OK"
        if self.recipient.startswith("250"):
            envelope.rcpt_tos.append(address)
        return self.recipient

    async def handle_DATA(
        self, server: SMTP, session: Session, envelope: Envelope
    ) -> str:
        """Return the fixed reply to a message."""
        return self.data


@contextmanager
def serving(handler: RejectingHandler) -> Iterator[int]:
    """Run an SMTP server with this handler; yield its port."""
    controller = Controller(handler, hostname=HOST, port=free_port())
    controller.start()
    try:
        yield controller.port
    finally:
        controller.stop()


@pytest.mark.parametrize(
    ("replies", "error", "text"),
    [
        ({"recipient": "550 no such box"}, ConfigError, "RECIPIENTS"),
        ({"recipient": "450 grey list"}, TransientError, "450 grey list"),
        ({"data": "552 too big"}, ConfigError, "552 too big"),
        ({"data": "451 come again"}, TransientError, "451 come again"),
    ],
)
def test_smtp_rejection_is_classified_by_its_code(
    replies: dict[str, str], error: type[Exception], text: str
) -> None:
    handler = RejectingHandler(**replies)
    with serving(handler) as port, pytest.raises(error, match=text):
        mail.send(MESSAGE, _smtp(port), _recipients())


def test_other_recipients_receive_the_mail_when_one_is_rejected() -> None:
    with serving(RejectingHandler(recipient="550 no such box")) as port:
        to = _recipients("good@example.com", "gone@example.com")
        assert mail.send(MESSAGE, _smtp(port), to) == ["gone@example.com"]


def test_missing_mail_settings_are_named() -> None:
    assert mail.missing_setting(_smtp(25), _recipients()) == ""
    no_recipients = Recipients("NIGHTSHIFT_REPORT__RECIPIENTS", [])
    missing = mail.missing_setting(_smtp(25), no_recipients)
    assert missing == "NIGHTSHIFT_REPORT__RECIPIENTS is not set"
    assert (
        mail.missing_setting(Smtp(), _recipients())
        == "NIGHTSHIFT_SMTP__HOST is not set"
    )


def test_alerts_go_to_on_call_or_else_to_the_report_recipients() -> None:
    without_on_call = Settings(report=Report(recipients=["a@b.example"]))
    assert mail.on_call_recipients(without_on_call) == mail.report_recipients(
        without_on_call
    )
    with_on_call = without_on_call.model_copy(
        update={"on_call": OnCall(recipients=["c@d.example"])}
    )
    assert mail.on_call_recipients(with_on_call) == Recipients(
        "NIGHTSHIFT_ON_CALL__RECIPIENTS", ["c@d.example"]
    )
    assert mail.report_recipients(with_on_call).addresses == ["a@b.example"]


def test_recipients_are_read_from_the_environment_as_json_lists(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("NIGHTSHIFT_REPORT__RECIPIENTS", json.dumps(["a@b.example"]))
    monkeypatch.setenv("NIGHTSHIFT_ON_CALL__RECIPIENTS", json.dumps(["c@d.example"]))
    settings, _ = load_valid()
    assert mail.report_recipients(settings).addresses == ["a@b.example"]
    assert mail.on_call_recipients(settings).addresses == ["c@d.example"]
