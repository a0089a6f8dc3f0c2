"""Letters reach a mail server whole, and what goes wrong is said in words."""

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
from loaders.config.settings import OnCall, Report, Settings, Smtp
from loaders.errors import ConfigError, TransientError
from loaders.mail import Letter, Recipients
from tests.emulators import up
from tests.emulators.component import HOST, free_port

PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256))
LETTER = Letter(
    subject="Trials of 2026-11-24",
    text="Fünf Orgs.\n.\nFrom here on, dots.\n",
    html='<p>Fünf Orgs. <img src="cid:flow.1@nightshift" alt="flow"></p>',
    reference="report.2026-11-24.1",
    pictures={"flow.1@nightshift": PNG},
)


def _to(*addresses: str) -> Recipients:
    return Recipients("NIGHTSHIFT_REPORT__RECIPIENTS", addresses or ("a@example.com",))


def _server(port: int) -> Smtp:
    return Smtp(host=HOST, port=port, sender="n@example.com")


def test_a_letter_arrives_with_its_text_its_html_and_its_pictures(
    tmp_path: Path,
) -> None:
    with up.running("smtp", data=tmp_path) as stack:
        port = int(stack.environment["NIGHTSHIFT_SMTP__PORT"])
        to = _to("a@example.com", "Sales <sales@example.com>")
        assert mail.send(LETTER, _server(port), to) == []
        found = Path(str(stack.details["smtp_mail_folder"]))
        (path,) = found.glob("*.eml")
        raw = path.read_bytes()
    message = email.message_from_bytes(raw, policy=email.policy.default)
    assert isinstance(message, EmailMessage)
    assert message["Subject"] == LETTER.subject
    assert message["To"] == "a@example.com, Sales <sales@example.com>"
    assert message["From"] == "Nightshift <n@example.com>"
    assert message["Message-ID"] == "<report.2026-11-24.1@example.com>"
    text, html = (message.get_body((kind,)) for kind in ("plain", "html"))
    assert text is not None and html is not None
    assert text.get_content().splitlines() == LETTER.text.splitlines()
    assert html.get_content().strip() == LETTER.html
    pictures = {
        part["Content-ID"]: part for part in message.walk() if part["Content-ID"]
    }
    assert list(pictures) == ["<flow.1@nightshift>"]
    (picture,) = pictures.values()
    assert picture.get_content() == PNG
    assert picture.get_content_disposition() == "inline"


def test_no_header_can_be_brought_along() -> None:
    hostile = Letter("A\r\nBcc: evil@example.com", "t", "<p>h</p>", reference="r")
    message = mail.compose(hostile, sender="n@example.com", to=_to("a@b.example"))
    assert message["Bcc"] is None
    assert message["Subject"] == "A Bcc: evil@example.com"
    for recipient in (
        "a@b.example\nBcc: evil@example.com",
        "nobody",
        "@b.example",
        " ",
    ):
        with pytest.raises(ConfigError, match="NIGHTSHIFT_REPORT__RECIPIENTS"):
            mail.compose(LETTER, sender="n@example.com", to=_to(recipient))
    with pytest.raises(ConfigError, match="NIGHTSHIFT_SMTP__SENDER"):
        mail.compose(LETTER, sender="n@x\r\nX: y", to=_to("a@b.example"))


def test_a_server_that_is_not_there_is_transient() -> None:
    with pytest.raises(TransientError, match="NIGHTSHIFT_SMTP__HOST"):
        mail.send(LETTER, _server(free_port()), _to())


def test_a_server_that_hangs_up_is_transient() -> None:
    with socket.socket() as listener:
        listener.bind((HOST, 0))
        listener.listen()
        listener.settimeout(5)
        hang_up = threading.Thread(target=lambda: listener.accept()[0].close())
        hang_up.start()
        with pytest.raises(TransientError):
            mail.send(LETTER, _server(listener.getsockname()[1]), _to())
        hang_up.join()


class Refusing:
    """Answers each recipient and each mail as told."""

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
        """Take the recipient `good@` in any case."""
        if address.startswith("good@"):
            envelope.rcpt_tos.append(address)
            return "250 OK"
        if self.recipient.startswith("250"):
            envelope.rcpt_tos.append(address)
        return self.recipient

    async def handle_DATA(
        self, server: SMTP, session: Session, envelope: Envelope
    ) -> str:
        """Answer the mail."""
        return self.data


@contextmanager
def serving(handler: Refusing) -> Iterator[int]:
    controller = Controller(handler, hostname=HOST, port=free_port())
    controller.start()
    try:
        yield controller.port
    finally:
        controller.stop()


@pytest.mark.parametrize(
    ("answers", "error", "told"),
    [
        ({"recipient": "550 no such box"}, ConfigError, "RECIPIENTS"),
        ({"recipient": "450 grey list"}, TransientError, "450 grey list"),
        ({"data": "552 too big"}, ConfigError, "552 too big"),
        ({"data": "451 come again"}, TransientError, "451 come again"),
    ],
)
def test_a_refusal_is_told_by_what_the_reader_does_next(
    answers: dict[str, str], error: type[Exception], told: str
) -> None:
    with serving(Refusing(**answers)) as port, pytest.raises(error, match=told):
        mail.send(LETTER, _server(port), _to())


def test_one_bad_address_does_not_keep_the_mail_from_the_others() -> None:
    with serving(Refusing(recipient="550 no such box")) as port:
        to = _to("good@example.com", "gone@example.com")
        assert mail.send(LETTER, _server(port), to) == ["gone@example.com"]


def test_mail_is_left_out_when_it_is_not_set_up() -> None:
    assert mail.why_no_mail(_server(25), _to()) == ""
    nobody = Recipients("NIGHTSHIFT_REPORT__RECIPIENTS", [])
    told = mail.why_no_mail(_server(25), nobody)
    assert told == "NIGHTSHIFT_REPORT__RECIPIENTS is not set"
    assert mail.why_no_mail(Smtp(), _to()) == "NIGHTSHIFT_SMTP__HOST is not set"


def test_failures_are_told_to_who_is_on_call_or_else_to_the_readers() -> None:
    readers = Settings(report=Report(recipients=["a@b.example"]), _env_file=None)
    assert mail.on_call(readers) == mail.report_readers(readers)
    both = readers.model_copy(update={"on_call": OnCall(recipients=["c@d.example"])})
    assert mail.on_call(both) == Recipients(
        "NIGHTSHIFT_ON_CALL__RECIPIENTS", ["c@d.example"]
    )
    assert mail.report_readers(both).addresses == ["a@b.example"]


def test_recipients_are_lists_in_the_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("NIGHTSHIFT_REPORT__RECIPIENTS", json.dumps(["a@b.example"]))
    monkeypatch.setenv("NIGHTSHIFT_ON_CALL__RECIPIENTS", json.dumps(["c@d.example"]))
    given = Settings(_env_file=None)
    assert mail.report_readers(given).addresses == ["a@b.example"]
    assert mail.on_call(given).addresses == ["c@d.example"]
