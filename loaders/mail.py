"""Mail over SMTP: messages with a plain text, an HTML version and inline images.

The settings name the server and the recipients. Sending raises an error if the server
does not accept the message; the caller decides whether that fails the run.
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
class Message:
    """A mail to send; `images` maps content ids to PNG bytes.

    `reference` becomes the message id. Sending the same reference again produces the
    same message id, so that a mail client can recognize the duplicate.
    """

    subject: str
    text: str
    html: str
    reference: str
    images: Mapping[str, bytes] = field(default_factory=dict)


@dataclass(frozen=True)
class Recipients:
    """Mail addresses, and the name of the setting that lists them."""

    setting: str
    addresses: Sequence[str]


def report_recipients(settings: Settings) -> Recipients:
    """Return the recipients of the morning report."""
    return Recipients("NIGHTSHIFT_REPORT__RECIPIENTS", settings.report.recipients)


def on_call_recipients(settings: Settings) -> Recipients:
    """Return the recipients of alerts: on-call, or else the report's recipients."""
    if settings.on_call.recipients:
        return Recipients("NIGHTSHIFT_ON_CALL__RECIPIENTS", settings.on_call.recipients)
    return report_recipients(settings)


def missing_setting(smtp: Smtp, to: Recipients) -> str:
    """Return `NAME is not set` for the first missing setting, '' if none is missing."""
    for name, value in (
        ("NIGHTSHIFT_SMTP__HOST", smtp.host),
        (to.setting, to.addresses),
    ):
        if not value:
            return f"{name} is not set"
    return ""


def send(message: Message, smtp: Smtp, to: Recipients) -> list[str]:
    """Send the message to all recipients; return the addresses that were rejected.

    Raises `ConfigError` with the setting to correct, or `TransientError` if the server
    is unreachable, is busy, or rejects every recipient temporarily.
    """
    mime_message = compose(message, sender=_sender(smtp), to=to)
    with _connection(smtp) as server:
        rejected = _transmit(server, mime_message, to)
    for recipient, (code, reply) in rejected.items():
        log.warning("recipient rejected", to=recipient, code=code, reply=str(reply))
    log.info("mail sent", subject=message.subject, recipients=len(to.addresses))
    return sorted(rejected)


def compose(message: Message, *, sender: str, to: Recipients) -> EmailMessage:
    """Return the MIME message: text and HTML as alternatives, images inline."""
    mime_message = EmailMessage()
    from_address = _address("NIGHTSHIFT_SMTP__SENDER", sender, name=SENDER_NAME)
    mime_message["Subject"] = " ".join(message.subject.split())
    mime_message["From"] = from_address
    mime_message["To"] = [_address(to.setting, address) for address in to.addresses]
    mime_message["Date"] = format_datetime(datetime.now(UTC))
    mime_message["Message-ID"] = f"<{message.reference}@{from_address.domain}>"
    mime_message["Auto-Submitted"] = "auto-generated"
    mime_message.set_content(message.text)
    mime_message.add_alternative(message.html, subtype="html")
    _, html_part = mime_message.iter_parts()
    for content_id, png in message.images.items():
        html_part.add_related(
            png,
            maintype="image",
            subtype="png",
            cid=f"<{content_id}>",
            disposition="inline",
            filename=f"{content_id.partition('.')[0]}.png",
        )
    return mime_message


def check(smtp: Smtp) -> str:
    """Connect to the mail server, log in if configured, and return its reply.

    Raises `ConfigError` with the setting to correct, or `TransientError` if the server
    is unreachable.
    """
    _sender(smtp)
    with _connection(smtp) as server:
        code, reply = server.noop()
    return f"{smtp.host}:{smtp.port} answered {code} {_one_line(reply)}"


def _sender(smtp: Smtp) -> str:
    if not smtp.host or not smtp.sender:
        raise ConfigError(
            "Mail needs a server and a sender. Set NIGHTSHIFT_SMTP__HOST and "
            "NIGHTSHIFT_SMTP__SENDER."
        )
    return smtp.sender


def _address(setting: str, text: str, *, name: str = "") -> Address:
    """Parse one address; `ConfigError` if it is invalid or contains a line break."""
    display_name, address = parseaddr(text)
    local, _, domain = address.rpartition("@")
    if not local or not domain or any(ord(character) < ord(" ") for character in text):
        raise ConfigError(
            f"{setting} contains {text!r}, which is not a mail address. Correct it."
        )
    return Address(display_name or name, local, domain)


@contextmanager
def _connection(smtp: Smtp) -> Iterator[smtplib.SMTP]:
    """Open an SMTP session, with STARTTLS and login if set; classify its errors."""
    server_name = f"The mail server {smtp.host}:{smtp.port}"
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
            f"{server_name} rejected the login. "
            "Correct NIGHTSHIFT_SMTP__USERNAME and NIGHTSHIFT_SMTP__PASSWORD."
        ) from None
    except smtplib.SMTPResponseException as error:
        raise _rejection(server_name, error.smtp_code, error.smtp_error) from None
    except (OSError, smtplib.SMTPException) as error:
        raise TransientError(
            f"{server_name} is unreachable ({type(error).__name__}). "
            "Check NIGHTSHIFT_SMTP__HOST, NIGHTSHIFT_SMTP__PORT and "
            "NIGHTSHIFT_SMTP__STARTTLS, then run again."
        ) from None


def _transmit(
    server: smtplib.SMTP, message: EmailMessage, to: Recipients
) -> dict[str, tuple[int, bytes]]:
    """Send the message; return the server's reply for each rejected recipient.

    Raises an error if the server rejects all of them.
    """
    try:
        return server.sendmail(
            message["From"].addresses[0].addr_spec,
            [address.addr_spec for address in message["To"].addresses],
            message.as_bytes(policy=SMTP),
        )
    except smtplib.SMTPRecipientsRefused as error:
        raise _rejection_of_all(to.setting, error.recipients) from None


def _rejection_of_all(
    setting: str, replies: Mapping[str, tuple[int, bytes]]
) -> NightshiftError:
    """Classify the replies; one temporary rejection makes the error transient."""
    code, reply = min(replies.values(), key=lambda item: item[0])
    if code in TRANSIENT_CODES:
        return _rejection("The mail server", code, reply)
    return ConfigError(
        f"The mail server rejected every recipient: {code} {_one_line(reply)}. "
        f"Correct {setting}."
    )


def _rejection(server: str, code: int, reply: bytes | str) -> NightshiftError:
    text = f"{server} rejected the mail: {code} {_one_line(reply)}."
    if code in TRANSIENT_CODES:
        return TransientError(f"{text} Run again later.")
    return ConfigError(
        f"{text} Check NIGHTSHIFT_SMTP__SENDER, or ask the mail server's administrator."
    )


def _one_line(reply: bytes | str) -> str:
    text = reply.decode(errors="replace") if isinstance(reply, bytes) else reply
    return " ".join(text.split())
