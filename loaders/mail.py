"""Mail, by SMTP: whether the server would take one from us."""

import smtplib
import ssl

from loaders.errors import ConfigError, TransientError
from loaders.settings import Smtp

TIMEOUT_SECONDS = 20


def check(smtp: Smtp) -> str:
    """Connect, log in where set, say goodbye; return what the server said.

    `ConfigError` names the setting to mend, `TransientError` when nobody answers.
    """
    if not smtp.host or not smtp.sender:
        raise ConfigError("Set NIGHTSHIFT_SMTP__HOST and NIGHTSHIFT_SMTP__SENDER.")
    try:
        with smtplib.SMTP(smtp.host, smtp.port, timeout=TIMEOUT_SECONDS) as server:
            if smtp.starttls:
                server.starttls(context=ssl.create_default_context())
            if smtp.username and smtp.password:
                server.login(smtp.username, smtp.password.get_secret_value())
            code, answer = server.noop()
    except smtplib.SMTPAuthenticationError:
        raise ConfigError(
            f"{smtp.host}:{smtp.port} refuses NIGHTSHIFT_SMTP__USERNAME and PASSWORD."
        ) from None
    except (OSError, smtplib.SMTPException) as error:
        raise TransientError(
            f"{smtp.host}:{smtp.port} does not answer as a mail server "
            f"({type(error).__name__}). Check NIGHTSHIFT_SMTP__HOST, PORT and STARTTLS."
        ) from None
    return f"{smtp.host}:{smtp.port} says {code} {answer.decode(errors='replace')}"
