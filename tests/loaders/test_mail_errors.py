"""Every exception of a mail session becomes one of the project's errors."""

import inspect
import smtplib
import socket
import ssl

import idna
import pytest

from loaders import mail
from loaders.config.redaction import redact
from loaders.config.settings import Smtp
from loaders.errors import ConfigError, NightshiftError, TransientError
from tests.emulators.component import CLOSED_PORT

SMTP = Smtp(host="mail.example.com", sender="n@example.com")


def test_echoed_auth_commands_are_redacted() -> None:
    assert redact("bad: AUTH PLAIN AHVzZXIAcGFzcw==") == "bad: AUTH PLAIN ***"
    assert redact("auth login dXNlcm5hbWU= no") == "auth login *** no"
    assert redact("250 AUTH PLAIN LOGIN") == "250 AUTH PLAIN LOGIN"


REPLY_ERRORS: dict[type[Exception], Exception] = {
    smtplib.SMTPResponseException: smtplib.SMTPResponseException(554, b"no"),
    smtplib.SMTPConnectError: smtplib.SMTPConnectError(554, b"no"),
    smtplib.SMTPHeloError: smtplib.SMTPHeloError(501, b"no"),
    smtplib.SMTPSenderRefused: smtplib.SMTPSenderRefused(550, b"no", "n@x"),
    smtplib.SMTPDataError: smtplib.SMTPDataError(552, b"no"),
    smtplib.SMTPAuthenticationError: smtplib.SMTPAuthenticationError(535, b"no"),
    smtplib.SMTPRecipientsRefused: smtplib.SMTPRecipientsRefused({"a@x": (550, b"no")}),
}
OTHER_ERRORS: dict[type[Exception], type[NightshiftError]] = {
    smtplib.SMTPException: NightshiftError,
    smtplib.SMTPNotSupportedError: ConfigError,
    smtplib.SMTPServerDisconnected: TransientError,
    ssl.SSLError: ConfigError,
    ssl.SSLCertVerificationError: ConfigError,
    ssl.SSLEOFError: TransientError,
    ssl.SSLZeroReturnError: TransientError,
    ssl.SSLSyscallError: TransientError,
    ssl.SSLWantReadError: TransientError,
    ssl.SSLWantWriteError: TransientError,
    socket.gaierror: ConfigError,
    socket.herror: ConfigError,
    TimeoutError: TransientError,
    ConnectionRefusedError: TransientError,
    ConnectionResetError: TransientError,
    BrokenPipeError: TransientError,
    OSError: TransientError,
    UnicodeError: ConfigError,
    idna.IDNAError: ConfigError,
    ValueError: NightshiftError,
    KeyError: NightshiftError,
}


def test_every_exception_of_the_libraries_is_classified() -> None:
    known = {*REPLY_ERRORS, *OTHER_ERRORS}
    for module in (smtplib, ssl, socket):
        for _, kind in inspect.getmembers(module, inspect.isclass):
            is_own = kind.__module__ == module.__name__ and kind.__name__[0] != "_"
            if issubclass(kind, Exception) and is_own:
                assert kind in known, kind


@pytest.mark.parametrize("kind", sorted(OTHER_ERRORS, key=str), ids=str)
def test_exception_becomes_an_error_with_a_text(kind: type[Exception]) -> None:
    error = kind("text")
    if kind is ssl.SSLCertVerificationError:
        error.verify_message = "self-signed"  # type: ignore[attr-defined] # set by ssl
    classified = mail.classify(error, SMTP)
    assert type(classified) is OTHER_ERRORS[kind]
    assert "mail.example.com:587" in str(classified)
    assert len(str(classified)) > 60


@pytest.mark.parametrize("kind", sorted(REPLY_ERRORS, key=str), ids=str)
@pytest.mark.parametrize(
    ("code", "expected"),
    [(421, TransientError), (454, TransientError), (None, ConfigError)],
)
def test_reply_is_classified_by_its_code(
    kind: type[Exception], code: int | None, expected: type[NightshiftError]
) -> None:
    error = REPLY_ERRORS[kind]
    if code and isinstance(error, smtplib.SMTPRecipientsRefused):
        error = smtplib.SMTPRecipientsRefused({"a@x": (code, b"later")})
    elif code:
        error = kind(code, b"later", *error.args[2:])
    classified = mail.classify(error, SMTP)
    assert type(classified) is expected
    assert str(code or "no") in str(classified)


def test_temporary_failure_of_the_name_service_is_transient() -> None:
    error = socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")
    assert type(mail.classify(error, SMTP)) is TransientError


@pytest.mark.parametrize("host", ["no-such-host.invalid", "a..b", "x" * 70 + ".de"])
def test_unknown_host_is_a_setting(host: str) -> None:
    smtp = Smtp(host=host, port=CLOSED_PORT, sender="n@example.com")
    with pytest.raises(NightshiftError, match="NIGHTSHIFT_SMTP__HOST"):
        mail.check(smtp, [])
