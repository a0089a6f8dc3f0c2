"""Delivery of alerts: by mail to on call, and to the services of the settings.

What goes wrong with an alert is one more line on standard error and in the log. It
never changes the run's outcome. Who waits for an alert gets it from the next run.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress

import luigi
import structlog

from loaders import alerts as services
from loaders import warehouse
from loaders.config import recipients, redaction, settings
from loaders.config.alert_urls import AlertUrl
from loaders.errors import NightshiftError, TransientError
from loaders.ledger import alerts as ledger
from loaders.ledger import mails
from loaders.ledger.mails import ALERT, OPEN, SERVICE_ALERT, Delivery, Mail
from loaders.mime import Message
from orchestrate import progress
from orchestrate.run_id import RUN_ID
from orchestrate.runs.alert_text import Alert, wordings
from orchestrate.tasks.delivery import Deliveries, deliver, describe, select
from orchestrate.tasks.report import MailReport
from orchestrate.tasks.retries import retry

log = structlog.get_logger()


def has_mail() -> bool:
    """Return whether alerts go out by mail."""
    config = settings.load_valid()[0]
    to = recipients.on_call_recipients(config)
    return not recipients.missing_setting(config.smtp, to)


def service_urls(severity: str = "") -> list[AlertUrl]:
    """Return the services that receive alerts of this severity; default: all."""
    urls = settings.load_valid()[0].alerts.urls
    return [url for url in urls if not severity or severity in url.severities]


def record(alert: Mail, content: ledger.AlertRecord, *, run_id: str) -> None:
    """Record an alert, if the warehouse is available."""
    with _logged():
        ledger.record(alert, content, run_id=run_id)


def send_mail(
    root: luigi.Task,
    alert: Mail,
    message: Message,
    only: Collection[str] | None = None,
) -> None:
    """Mail an alert to on call, or an earlier one to those in `only`.

    An alert is also sent if the warehouse, which has the ledger, is unavailable.
    """
    config = settings.load_valid()[0]
    to = recipients.on_call_recipients(config)
    wanted = list(to.parsed() if only is None else set(to.parsed()) & set(only))
    if recipients.missing_setting(config.smtp, to):
        wanted = []
    report = root.clone(MailReport)
    with _recorded(alert, wanted) as (states, record_results):
        states = deliver(
            message,
            to,
            states,
            record=record_results,
            num_retries=report.num_retries,
            retry_sleep=report.retry_sleep,
        )
    if problems := describe({key: states[key] for key in wanted}):
        warn(f"Alert “{message.subject}”: {problems}")


def send_to_services(
    root: luigi.Task,
    reference: Mail,
    alert: Alert,
    urls: Sequence[AlertUrl],
    only: Collection[str] | None = None,
) -> None:
    """Send an alert to services that do not have it, or to those in `only`.

    A service that does not take it is tried again, alone, as often as a mail.
    """
    by_key = {url.key: url for url in urls if only is None or url.key in only}
    texts = wordings(alert)
    report = root.clone(MailReport)
    subject = f"nightshift {reference.env}/{reference.version} {reference.data_date}"
    with _recorded(reference, list(by_key)) as (states, record_results):
        current = {key: states[key] for key in by_key}

        def attempt() -> None:
            results = {
                key: services.send(
                    by_key[key], texts, severity=alert.severity, subject=subject
                )
                for key in select(current, OPEN)
            }
            current.update(results)
            record_results(results)
            if select(results, OPEN):
                raise TransientError(_describe(current, by_key))

        with suppress(TransientError):  # a later run tries again
            retry(
                attempt,
                num_retries=report.num_retries,
                retry_sleep=report.retry_sleep,
            )
    if problems := _describe(current, by_key):
        warn(f"Alert “{alert.title}”: {problems}")


def send_open(root: luigi.Task) -> None:
    """Send alerts of earlier runs to the recipients who still wait for them."""
    if not warehouse.exists():
        return
    with warehouse.session() as connection:
        waiting: dict[Mail, list[str]] = {}
        for entry in mails.open_recipients(
            connection, env=root.env, version=root.version
        ):
            if entry.mail.kind in (ALERT, SERVICE_ALERT):
                waiting.setdefault(entry.mail, []).append(entry.recipient)
        contents = {alert: ledger.read(connection, alert) for alert in waiting}
    for alert, content in contents.items():
        if alert.kind == ALERT:
            message = Message(content.subject, content.text, "", alert.reference)
            send_mail(root, alert, message, only=waiting[alert])
        else:
            parts = Alert(**content.content) if content.content else None
            earlier = parts or Alert(services.RECOVERED, content.subject)
            send_to_services(root, alert, earlier, service_urls(), only=waiting[alert])


def warn(text: str) -> None:
    """Print one line if enabled, and log it; Luigi's command prints the log."""
    line = " ".join(redaction.redact(text).split())
    log.error("alert", problem=line)
    progress.print_line(line, outcome="failed")


@contextmanager
def _recorded(
    alert: Mail, wanted: Sequence[str]
) -> Iterator[tuple[Deliveries, Callable[[Deliveries], None]]]:
    """Yield the state of each recipient, and what records the results of an attempt.

    Without a warehouse, nobody has the alert and nothing is recorded.
    """
    states: Deliveries = dict.fromkeys(wanted, Delivery(OPEN))
    is_recorded = False
    with _logged():
        states = mails.start(alert, wanted, run_id=RUN_ID)
        is_recorded = True

    def record_results(results: Deliveries) -> None:
        if is_recorded:
            with _logged():
                mails.record(alert, results, run_id=RUN_ID)

    yield states, record_results


def _describe(states: Mapping[str, Delivery], urls: Mapping[str, AlertUrl]) -> str:
    return describe(
        {f"{services.SETTING} {urls[key].label}": states[key] for key in states}
    )


@contextmanager
def _logged() -> Iterator[None]:
    """Log an error of the ledger instead of raising it."""
    try:
        yield
    except NightshiftError as error:
        log.error("state of the alert not recorded", error=str(error))
