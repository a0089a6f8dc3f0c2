"""Mail over SMTP: which recipients the mail server has accepted, and why not others.

`classify` maps every exception of `smtplib`, sockets and TLS to one of the project's
errors.
"""

import smtplib
import socket
import ssl
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager, suppress

import structlog

from loaders.config.addresses import MailAddress
from loaders.config.recipients import (
    Recipients,
    sender_address,
    valid_addresses,
)
from loaders.config.redaction import redact
from loaders.config.settings import Smtp
from loaders.errors import ConfigError, NightshiftError, TransientError
from loaders.ledger.mails import ACCEPTED, OPEN, REJECTED, Delivery
from loaders.mime import Message, compose

TIMEOUT_SECONDS = 20
IMPLICIT_TLS_PORT = 465
SUCCESS_CODES = range(200, 300)
TRANSIENT_CODES = range(400, 500)
FINAL_CODES = range(500, 600)
MAX_REPLY_LENGTH = 500
# TLS errors that are not about settings.
LOST_CONNECTIONS = (
    *(ssl.SSLEOFError, ssl.SSLZeroReturnError, ssl.SSLSyscallError),
    *(ssl.SSLWantReadError, ssl.SSLWantWriteError),
)

log = structlog.get_logger()


def send(
    message: Message, smtp: Smtp, to: Recipients, *, only: Collection[str] | None = None
) -> dict[str, Delivery]:
    """Send the message once; return for each recipient's key what became of it.

    `only` restricts the recipients to these keys. A reply 4xx, a lost connection or an
    unreachable server leaves recipients open, also if the server may have the message:
    two copies are better than none. A reply 5xx to a recipient is final.

    Raises `ConfigError` with the setting to correct if the server rejects the login,
    the sender or the message and nobody received it.
    """
    sender = sender_address(smtp)
    parsed = to.parsed().items()
    wanted = [(key, item) for key, item in parsed if only is None or key in only]
    addresses = [item for _, item in wanted if isinstance(item, MailAddress)]
    deliveries = {
        key: Delivery(REJECTED, f"{error} Correct {to.setting}.")
        for key, error in wanted
        if isinstance(error, ValueError)
    }
    if addresses:
        deliveries |= _send_all(message, smtp, sender, addresses)
    for recipient, delivery in deliveries.items():
        log.info("mail", to=recipient, status=delivery.status, reply=delivery.message)
    return deliveries


def check(smtp: Smtp, recipients: Sequence[Recipients]) -> str:
    """Connect to the mail server, log in if configured, and describe the connection.

    Raises `ConfigError` with the setting to correct, also for an address that the
    server cannot take, and `TransientError` if the server is unreachable.
    """
    addresses = valid_addresses(smtp, recipients)
    with _session(smtp) as (server, security):
        code, reply = server.noop()
        if code not in SUCCESS_CODES:
            raise smtplib.SMTPResponseException(code, reply)
        has_smtputf8 = server.has_extn("smtputf8")
    needing = (item for item in addresses if item[1].needs_smtputf8)
    lacking = [f"{address.addr_spec} of {name}" for name, address in needing]
    if lacking and not has_smtputf8:
        raise ConfigError(
            f"{_server_name(smtp)} has no SMTPUTF8. Correct {', '.join(lacking)}."
        )
    login = f"login as {smtp.username}" if smtp.username else "no login"
    return f"{smtp.host}:{smtp.port}, {security}, {login}"


def classify(error: Exception, smtp: Smtp) -> NightshiftError:
    """Return the project's error for an exception of a mail session.

    A temporary reply, a lost connection or an unreachable server is a
    `TransientError`. A setting to correct is a `ConfigError`. Anything else is a
    `NightshiftError` with the library's text.
    """
    server = _server_name(smtp)
    if isinstance(error, NightshiftError):
        return error
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        code, reply = min(error.recipients.values(), default=(0, b"no reply"))
        error = smtplib.SMTPResponseException(code, reply)
    if isinstance(error, smtplib.SMTPResponseException):
        return _classify_reply(error, smtp)
    if isinstance(error, (smtplib.SMTPServerDisconnected, *LOST_CONNECTIONS)):
        return TransientError(f"{server} closed the connection. Run again later.")
    if isinstance(error, ssl.SSLError):
        if isinstance(error, ssl.SSLCertVerificationError):
            reason = getattr(error, "verify_message", error)
            return ConfigError(
                f"{server} has an invalid certificate: {reason}. Correct "
                "NIGHTSHIFT_SMTP__HOST, or ask the server's administrator. This system "
                "must know the certificate authority."
            )
        return ConfigError(
            f"{server} does not speak TLS ({getattr(error, 'reason', error)}). Correct "
            "NIGHTSHIFT_SMTP__PORT or NIGHTSHIFT_SMTP__STARTTLS."
        )
    is_unknown = isinstance(error, socket.gaierror | socket.herror | UnicodeError)
    if is_unknown and getattr(error, "errno", None) != socket.EAI_AGAIN:
        return ConfigError(f"{server} is unknown. Correct NIGHTSHIFT_SMTP__HOST.")
    if isinstance(error, OSError) and not isinstance(error, smtplib.SMTPException):
        return TransientError(
            f"{server} is unreachable ({type(error).__name__}). "
            "Check NIGHTSHIFT_SMTP__HOST, NIGHTSHIFT_SMTP__PORT and "
            "NIGHTSHIFT_SMTP__STARTTLS, then run again."
        )
    text = f"{type(error).__name__}: {_one_line(str(error), smtp)}"
    if isinstance(error, smtplib.SMTPNotSupportedError):
        return ConfigError(
            f"{server} does not support what the settings require ({text}). Check "
            "NIGHTSHIFT_SMTP__STARTTLS and NIGHTSHIFT_SMTP__USERNAME."
        )
    return NightshiftError(f"{server} could not be used ({text}). Check the settings.")


def _send_all(
    message: Message, smtp: Smtp, sender: MailAddress, addresses: Sequence[MailAddress]
) -> dict[str, Delivery]:
    """Send the message to valid addresses in one session."""
    deliveries: dict[str, Delivery] = {}
    try:
        with _session(smtp) as (server, _):
            has_smtputf8 = server.has_extn("smtputf8")
            if sender.needs_smtputf8 and not has_smtputf8:
                raise ConfigError(
                    f"{_no_smtputf8(smtp, sender)} Correct NIGHTSHIFT_SMTP__SENDER."
                )
            # Later servers may lack SMTPUTF8, so only those who need it depend on it.
            for needs_smtputf8 in (False, True):
                group = [a for a in addresses if a.needs_smtputf8 == needs_smtputf8]
                if needs_smtputf8 and not has_smtputf8:
                    for address in group:
                        reason = _no_smtputf8(smtp, address)
                        deliveries[address.key] = Delivery(REJECTED, reason)
                elif group:
                    _send_group(server, message, smtp, group, deliveries)
    except NightshiftError as error:
        is_transient = isinstance(error, TransientError)
        has_accepted = any(item.status == ACCEPTED for item in deliveries.values())
        if not is_transient and not has_accepted:
            raise
        rest = Delivery(OPEN if is_transient else REJECTED, str(error))
        return {address.key: rest for address in addresses} | deliveries
    return deliveries


def _send_group(
    server: smtplib.SMTP,
    message: Message,
    smtp: Smtp,
    addresses: Sequence[MailAddress],
    deliveries: dict[str, Delivery],
) -> None:
    """Send the message in one transaction; add each final result to `deliveries`."""
    sender = sender_address(smtp)
    mime_message = compose(message, sender=sender, to=addresses)
    is_utf8 = any(address.needs_smtputf8 for address in (sender, *addresses))
    options = ["SMTPUTF8"] if is_utf8 else []
    code, reply = server.mail(sender.addr_spec, options)
    if code not in SUCCESS_CODES:
        raise smtplib.SMTPSenderRefused(code, reply, sender.addr_spec)
    accepted = []
    for address in addresses:
        code, reply = server.rcpt(address.addr_spec)
        if code in SUCCESS_CODES:
            accepted.append(address.key)
        else:
            status = REJECTED if code in FINAL_CODES else OPEN
            text = f"{code} {_one_line(reply, smtp)}"
            deliveries[address.key] = Delivery(status, text)
    if not accepted:
        server.rset()
        return
    code, reply = server.data(mime_message.as_bytes())
    if code not in SUCCESS_CODES:
        raise smtplib.SMTPDataError(code, reply)
    deliveries |= dict.fromkeys(accepted, Delivery(ACCEPTED))


@contextmanager
def _session(smtp: Smtp) -> Iterator[tuple[smtplib.SMTP, str]]:
    """Open a session with TLS and login; yield it and how it is secured."""
    try:
        context = ssl.create_default_context()
        host, port = smtp.host or "", smtp.port
        server = (
            smtplib.SMTP_SSL(host, port, timeout=TIMEOUT_SECONDS, context=context)
            if port == IMPLICIT_TLS_PORT
            else smtplib.SMTP(host, port, timeout=TIMEOUT_SECONDS)
        )
        try:
            security = _secure(server, smtp, context)
            server.ehlo_or_helo_if_needed()
            _log_in(server, smtp, is_encrypted=isinstance(server.sock, ssl.SSLSocket))
            yield server, security
            with suppress(OSError):  # the results are known; this ends the session
                server.quit()
        finally:
            server.close()
    except (OSError, ValueError) as error:
        raise classify(error, smtp) from None  # a reply may contain secrets


def _secure(server: smtplib.SMTP, smtp: Smtp, context: ssl.SSLContext) -> str:
    """Start TLS where it is required or offered; return how the session is secured."""
    if isinstance(server, smtplib.SMTP_SSL):
        return "TLS"
    if smtp.starttls == "never":
        return "no encryption (NIGHTSHIFT_SMTP__STARTTLS=never)"
    server.ehlo_or_helo_if_needed()
    if server.has_extn("starttls"):
        server.starttls(context=context)
        return "STARTTLS"
    if smtp.starttls == "always":
        raise ConfigError(
            f"{_server_name(smtp)} does not offer STARTTLS. Correct "
            "NIGHTSHIFT_SMTP__PORT, or NIGHTSHIFT_SMTP__STARTTLS=always."
        )
    return "no encryption (the server does not offer STARTTLS)"


def _log_in(server: smtplib.SMTP, smtp: Smtp, *, is_encrypted: bool) -> None:
    password = smtp.password.get_secret_value() if smtp.password else ""
    if not smtp.username and not password:
        return
    if not smtp.username or not password or not f"{smtp.username}{password}".isascii():
        raise ConfigError(
            "Set both NIGHTSHIFT_SMTP__USERNAME and NIGHTSHIFT_SMTP__PASSWORD, in "
            "ASCII, or none of them."
        )
    if not is_encrypted and smtp.starttls != "never":
        raise ConfigError(
            f"{_server_name(smtp)} does not offer STARTTLS, so the password was not "
            "sent. Use a port with TLS (NIGHTSHIFT_SMTP__PORT=465), or allow a "
            "password in clear text with NIGHTSHIFT_SMTP__STARTTLS=never."
        )
    server.login(smtp.username, password)


def _classify_reply(
    error: smtplib.SMTPResponseException, smtp: Smtp
) -> NightshiftError:
    server, code = _server_name(smtp), error.smtp_code
    reply = f"{code} {_one_line(error.smtp_error, smtp)}"
    if code in TRANSIENT_CODES:
        return TransientError(f"{server} rejected the mail: {reply}. Run again later.")
    if isinstance(error, smtplib.SMTPAuthenticationError):
        return ConfigError(
            f"{server} rejected the login: {reply}. "
            "Correct NIGHTSHIFT_SMTP__USERNAME and NIGHTSHIFT_SMTP__PASSWORD."
        )
    if code not in FINAL_CODES:
        return ConfigError(
            f"{server} does not answer like a mail server: {reply}. "
            "Correct NIGHTSHIFT_SMTP__HOST and NIGHTSHIFT_SMTP__PORT."
        )
    return ConfigError(
        f"{server} rejected the mail: {reply}. Check NIGHTSHIFT_SMTP__SENDER, or ask "
        "the mail server's administrator."
    )


def _no_smtputf8(smtp: Smtp, address: MailAddress) -> str:
    return f"{_server_name(smtp)} has no SMTPUTF8, which {address.addr_spec} needs."


def _server_name(smtp: Smtp) -> str:
    return f"The mail server {smtp.host}:{smtp.port}"


def _one_line(reply: bytes | str, smtp: Smtp) -> str:
    """Return a server's reply for messages: one line, printable, without secrets."""
    text = reply.decode(errors="replace") if isinstance(reply, bytes) else str(reply)
    password = smtp.password.get_secret_value() if smtp.password else ""
    login = f"\0{smtp.username}\0{password}"
    text = redact(" ".join(text.split()), (password, login))[:MAX_REPLY_LENGTH]
    return "".join(character if character.isprintable() else "?" for character in text)
