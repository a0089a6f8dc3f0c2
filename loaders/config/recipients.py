"""Who receives mails, as the settings list them."""

from collections.abc import Sequence
from dataclasses import dataclass

from loaders.config.addresses import MailAddress, parse_address
from loaders.config.settings import Settings, Smtp
from loaders.errors import ConfigError

MAX_KEY_LENGTH = 254


@dataclass(frozen=True)
class Recipients:
    """Mail addresses, and the name of the setting that lists them."""

    setting: str
    addresses: Sequence[str]

    def parsed(self) -> dict[str, MailAddress | ValueError]:
        """Return each address once, by its key; an error for a malformed one.

        Addresses that differ only in case are the same recipient.
        """
        parsed: dict[str, MailAddress | ValueError] = {}
        for text in self.addresses:
            try:
                address = parse_address(text)
                parsed.setdefault(address.key, address)
            except ValueError as error:
                parsed[ascii(text)[:MAX_KEY_LENGTH]] = error
        return parsed


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


def sender_address(smtp: Smtp) -> MailAddress:
    """Return the sender; `ConfigError` if it or the mail server is not set."""
    if not smtp.host or not smtp.sender:
        raise ConfigError(
            "Mail needs a server and a sender. Set NIGHTSHIFT_SMTP__HOST and "
            "NIGHTSHIFT_SMTP__SENDER."
        )
    try:
        return parse_address(smtp.sender)
    except ValueError as error:
        raise ConfigError(f"NIGHTSHIFT_SMTP__SENDER: {error} Correct it.") from None


def valid_addresses(
    smtp: Smtp, recipients: Sequence[Recipients]
) -> list[tuple[str, MailAddress]]:
    """Return (setting, address) of the sender and of all recipients.

    Raises `ConfigError` that names each malformed address.
    """
    addresses = [("NIGHTSHIFT_SMTP__SENDER", sender_address(smtp))]
    problems = []
    for to in recipients:
        for address in to.parsed().values():
            if isinstance(address, MailAddress):
                addresses.append((to.setting, address))
            else:
                problems.append(f"{to.setting}: {address}")
    if problems:
        raise ConfigError(f"{' '.join(dict.fromkeys(problems))} Correct the settings.")
    return addresses
