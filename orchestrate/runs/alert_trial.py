"""A test alert, which shows that alerts reach the people who expect them."""

import socket

from loaders import alerts, mail
from loaders.config import recipients, settings
from loaders.config.alert_urls import AlertUrl
from loaders.errors import NightshiftError
from loaders.ledger.mails import ACCEPTED, Delivery
from loaders.mime import Message
from orchestrate.run_id import RUN_ID
from orchestrate.runs.alert_text import Alert, wordings
from orchestrate.tasks.delivery import describe

SUBJECT = "nightshift test alert"


def send_to_service(url: AlertUrl) -> Delivery:
    """Send the test alert to one service once."""
    texts = wordings(_alert())
    return alerts.send(url, texts, severity=alerts.TEST, subject=SUBJECT)


def send_by_mail() -> str:
    """Mail the test alert to on call; return who has it.

    Raises `NightshiftError` with the mail server's reply if somebody does not.
    """
    config = settings.load_valid()[0]
    to = recipients.on_call_recipients(config)
    alert = _alert()
    text = wordings(alert)[0].plain
    message = Message(alert.title, text, "", f"test.{RUN_ID}")
    states = mail.send(message, config.smtp, to)
    if any(state.status != ACCEPTED for state in states.values()):
        raise NightshiftError(f"The mail server {describe(states)}.")
    return f"sent to {', '.join(states)}"


def _alert() -> Alert:
    return Alert(
        alerts.TEST,
        f"Test alert of Nightshift on {socket.gethostname()}",
        notes=[
            "If you can read this, alerts about failed runs reach you. "
            "No action is needed."
        ],
    )
