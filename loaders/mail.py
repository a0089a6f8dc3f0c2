"""Mail, by SMTP: letters with a text, the same as HTML, and pictures inline.

Recipients and the server are settings. A letter that the server did not take is an
error; whoever sends it decides what that means for the night.
"""

import smtplib
import ssl
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, parseaddr

import structlog

from loaders.config.settings import Settings, Smtp
from loaders.errors import ConfigError, NightshiftError, TransientError

TIMEOUT_SECONDS = 20
SENDER_NAME = "Nightshift"
TRANSIENT_CODES = range(400, 500)

log = structlog.get_logger()


@dataclass(frozen=True)
class Letter:
    """A mail to be sent; `pictures` are PNG bytes by content id.

    `reference` names what the mail is of: a second one of the same reference has the
    same message id, so that a mailbox can tell that it is a copy.
    """

    subject: str
    text: str
    html: str
    reference: str
    pictures: Mapping[str, bytes] = field(default_factory=dict)


@dataclass(frozen=True)
class Recipients:
    """Mail addresses, and the setting that names them."""

    setting: str
    addresses: Sequence[str]


def report_readers(settings: Settings) -> Recipients:
    """Return who gets the report."""
    return Recipients("NIGHTSHIFT_REPORT__RECIPIENTS", settings.report.recipients)


def on_call(settings: Settings) -> Recipients:
    """Return who is told of failures; the report's readers when nobody is named."""
    if settings.on_call.recipients:
        return Recipients("NIGHTSHIFT_ON_CALL__RECIPIENTS", settings.on_call.recipients)
    return report_readers(settings)


def why_no_mail(smtp: Smtp, to: Recipients) -> str:
    """Say which setting is missing for mail to be sent, or ''."""
    for name, value in (
        ("NIGHTSHIFT_SMTP__HOST", smtp.host),
        (to.setting, to.addresses),
    ):
        if not value:
            return f"{name} is not set"
    return ""


def send(letter: Letter, smtp: Smtp, to: Recipients) -> list[str]:
    """Send the letter to all recipients; return those whom the server refused.

    `ConfigError` names the setting to mend, `TransientError` when nobody answers or
    the server asks to come again.
    """
    message = compose(letter, sender=_sender(smtp), to=to)
    with _server(smtp) as server:
        refused = _handed_over(server, message, to)
    for recipient, (code, answer) in refused.items():
        log.warning("recipient refused", to=recipient, code=code, answer=str(answer))
    log.info("mailed", subject=letter.subject, recipients=len(to.addresses))
    return sorted(refused)


def compose(letter: Letter, *, sender: str, to: Recipients) -> EmailMessage:
    """Return the message: text and HTML as alternatives, pictures with the HTML."""
    message = EmailMessage()
    message["Subject"] = " ".join(letter.subject.split())
    message["From"] = _address("NIGHTSHIFT_SMTP__SENDER", sender, name=SENDER_NAME)
    message["To"] = [_address(to.setting, address) for address in to.addresses]
    message["Date"] = format_datetime(datetime.now(UTC))
    message["Message-ID"] = (
        f"<{letter.reference}@{message['From'].addresses[0].domain}>"
    )
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(letter.text)
    message.add_alternative(letter.html, subtype="html")
    html = message.get_payload()[-1]
    for content_id, png in letter.pictures.items():
        html.add_related(
            png,
            maintype="image",
            subtype="png",
            cid=f"<{content_id}>",
            disposition="inline",
            filename=f"{content_id.partition('.')[0]}.png",
        )
    return message


def check(smtp: Smtp) -> str:
    """Connect, log in where set, say goodbye; return what the server said.

    `ConfigError` names the setting to mend, `TransientError` when nobody answers.
    """
    _sender(smtp)
    with _server(smtp) as server:
        code, answer = server.noop()
    return f"{smtp.host}:{smtp.port} says {code} {answer.decode(errors='replace')}"


def _sender(smtp: Smtp) -> str:
    if not smtp.host or not smtp.sender:
        raise ConfigError("Set NIGHTSHIFT_SMTP__HOST and NIGHTSHIFT_SMTP__SENDER.")
    return smtp.sender


def _address(setting: str, given: str, *, name: str = "") -> Address:
    """Return one address; `ConfigError` for what is none or brings a header along."""
    own_name, address = parseaddr(given)
    local, _, domain = address.rpartition("@")
    if not local or not domain or any(ord(letter) < ord(" ") for letter in given):
        raise ConfigError(f"{setting} holds {given!r}, which is not a mail address.")
    return Address(own_name or name, local, domain)


@contextmanager
def _server(smtp: Smtp) -> Iterator[smtplib.SMTP]:
    """Open a session, encrypted and logged in where set; explain what goes wrong."""
    place = f"{smtp.host}:{smtp.port}"
    try:
        with smtplib.SMTP(
            smtp.host or "", smtp.port, timeout=TIMEOUT_SECONDS
        ) as server:
            if smtp.starttls:
                server.starttls(context=ssl.create_default_context())
            if smtp.username and smtp.password:
                server.login(smtp.username, smtp.password.get_secret_value())
            yield server
    except smtplib.SMTPAuthenticationError:
        raise ConfigError(
            f"{place} refuses NIGHTSHIFT_SMTP__USERNAME and PASSWORD."
        ) from None
    except smtplib.SMTPResponseException as error:
        raise _refused(place, error.smtp_code, error.smtp_error) from None
    except (OSError, smtplib.SMTPException) as error:
        raise TransientError(
            f"{place} does not answer as a mail server "
            f"({type(error).__name__}). Check NIGHTSHIFT_SMTP__HOST, PORT and STARTTLS."
        ) from None


def _handed_over(
    server: smtplib.SMTP, message: EmailMessage, to: Recipients
) -> dict[str, tuple[int, bytes]]:
    """Return the server's answer to each recipient that it refused; not to be all."""
    try:
        return server.sendmail(
            message["From"].addresses[0].addr_spec,
            [address.addr_spec for address in message["To"].addresses],
            message.as_bytes(policy=SMTP),
        )
    except smtplib.SMTPRecipientsRefused as error:
        raise _refused_by_all(to.setting, error.recipients) from None


def _refused_by_all(
    setting: str, answers: Mapping[str, tuple[int, bytes]]
) -> NightshiftError:
    """Come again when one of the refusals was for now only."""
    code, answer = min(answers.values(), key=lambda told: told[0])
    if code in TRANSIENT_CODES:
        return _refused("The mail server", code, answer)
    return ConfigError(
        f"The mail server refuses every recipient: {code} {_told(answer)}. "
        f"Correct {setting}."
    )


def _refused(place: str, code: int, answer: bytes | str) -> NightshiftError:
    told = f"{place} refuses the mail: {code} {_told(answer)}."
    if code in TRANSIENT_CODES:
        return TransientError(f"{told} Run again later.")
    return ConfigError(
        f"{told} Ask who runs the mail server; NIGHTSHIFT_SMTP__SENDER may be at fault."
    )


def _told(answer: bytes | str) -> str:
    text = answer.decode(errors="replace") if isinstance(answer, bytes) else answer
    return " ".join(text.split())
