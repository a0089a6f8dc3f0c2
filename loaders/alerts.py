"""Alerts to services behind apprise URLs: Slack, Teams, PagerDuty, mail, webhooks.

The only importer of apprise. It is imported when there is something to send or to
validate, because that takes a while. Its own log lines may contain parts of a URL, so
they are captured, and shown only after redaction.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import structlog

from loaders.config.alert_urls import CRITICAL, ERROR, WARNING, AlertUrl
from loaders.config.redaction import redact
from loaders.deadlines import call_within
from loaders.errors import ConfigError, NightshiftError
from loaders.ledger.mails import ACCEPTED, OPEN, REJECTED, Delivery

if TYPE_CHECKING:
    from apprise import NotifyBase, NotifyFormat

RECOVERED = "recovered"
TEST = "test"
SETTING = "NIGHTSHIFT_ALERTS__URLS"
TIMEOUT_SECONDS = 30.0
MAX_REASON_LENGTH = 300
# The names that apprise has for a severity.
TYPES = {
    CRITICAL: "failure",
    ERROR: "failure",
    WARNING: "warning",
    RECOVERED: "success",
    TEST: "info",
}

log = structlog.get_logger()


@dataclass(frozen=True)
class Text:
    """One wording of an alert, as plain text and as Markdown, without the title."""

    title: str
    plain: str
    markdown: str


def check(urls: Sequence[AlertUrl]) -> None:
    """Raise `ConfigError` that names each URL that apprise cannot use."""
    problems = []
    for url in urls:
        try:
            _plugin(url)
        except ConfigError as error:
            problems.append(str(error))
    if problems:
        raise ConfigError("\n  ".join(problems))


def send(
    url: AlertUrl, texts: Sequence[Text], *, severity: str, subject: str
) -> Delivery:
    """Send an alert to one service once; return whether the service took it.

    `texts` are wordings from the longest to the shortest. The service gets the first
    one that fits into one of its messages. `subject` identifies what the alert is
    about, so that a service can close its incident when the subject recovers.
    """
    status = OPEN
    try:
        plugin = _plugin(url)
        _identify(plugin, subject)
        text, body_format = _select_text(plugin, texts)
        lines = _capture_log()
        is_sent = call_within(
            TIMEOUT_SECONDS,
            lambda: plugin.notify(
                body=text.markdown if body_format == "markdown" else text.plain,
                title=text.title,
                notify_type=TYPES[severity],
                body_format=body_format,
                overflow="split",
            ),
            subject=f"{SETTING} {url.label}",
        )
        reason = "" if is_sent else _reason(lines)
    except ConfigError as error:  # trying again does not help
        status, reason = REJECTED, str(error)
    except NightshiftError as error:
        reason = str(error)
    except Exception as error:  # a plugin may raise anything, also for a bad answer
        log.exception("alert service failed", service=url.label)
        reason = f"{type(error).__name__}: {error}"
    delivery = (
        Delivery(status, redact(reason)[:MAX_REASON_LENGTH])
        if reason
        else Delivery(ACCEPTED)
    )
    log.info(
        "alert",
        service=url.label,
        severity=severity,
        status=delivery.status,
        reason=delivery.message,
    )
    return delivery


def _plugin(url: AlertUrl) -> "NotifyBase":
    """Return apprise's object for a URL; `ConfigError` if there is none."""
    import apprise
    from apprise.manager_plugins import NotificationManager

    asset = apprise.AppriseAsset(
        app_id="Nightshift", app_desc="Nightshift", async_mode=False
    )
    _capture_log()  # its lines contain parts of the URL
    plugin = apprise.Apprise.instantiate(
        url.url.get_secret_value(), asset=asset, suppress_exceptions=True
    )
    if plugin is not None:
        return plugin
    subject = f"{SETTING} {url.label}"
    services = NotificationManager()  # type: ignore[no-untyped-call]  # of apprise
    if url.scheme not in services and url.scheme not in ("http", "https"):
        raise ConfigError(
            f"{subject} is malformed: apprise has no service {url.scheme}://. Correct "
            "the scheme. The services are listed at https://appriseit.com/services/."
        )
    if url.scheme in services and not services[url.scheme].enabled:
        raise ConfigError(
            f"{subject} needs a package that is not installed. Use another service, "
            "or install it."
        )
    page = (
        getattr(services[url.scheme], "setup_url", "") if url.scheme in services else ""
    )
    raise ConfigError(
        f"{subject} is malformed: apprise cannot read the rest of the URL. Compare it "
        f"with {page or 'https://appriseit.com/services/'}."
    )


def _identify(plugin: "NotifyBase", subject: str) -> None:
    """Let PagerDuty find its incident by the subject, unless the URL has its own key.

    It only uses the key if the URL has `action=map` or `action=resolve`.
    """
    if getattr(plugin, "dedup", "") is None and getattr(plugin, "action", "") == "map":
        plugin.dedup = subject  # type: ignore[attr-defined]  # of one plugin


def _select_text(plugin: "NotifyBase", texts: Sequence[Text]) -> tuple[Text, str]:
    """Return the first text that fits into one message, and its format.

    The last one is cut if it does not fit either.
    """
    from apprise import NotifyFormat

    is_text = plugin.resolve_format(NotifyFormat.MARKDOWN) == NotifyFormat.TEXT
    body_format = NotifyFormat.TEXT if is_text else NotifyFormat.MARKDOWN
    shortened = [_with_short_title(plugin, text) for text in texts]
    for text in shortened:
        if _fits(plugin, text, body_format):
            return text, body_format.value
    return _cut(plugin, shortened[-1]), NotifyFormat.TEXT.value


def _fits(plugin: "NotifyBase", text: Text, body_format: "NotifyFormat") -> bool:
    from apprise import NotifyFormat

    is_text = body_format == NotifyFormat.TEXT
    body = text.plain if is_text else text.markdown
    lines = len(body.splitlines()) + bool(text.title and plugin.title_maxlen <= 0)
    if 0 < plugin.body_max_line_count < lines:
        return False
    # The plugin's own calculation, after conversion to the format that it sends.
    calls = plugin._build_send_calls(
        body=body, title=text.title, body_format=body_format, overflow="split"
    )
    return len(list(calls)) == 1


def _with_short_title(plugin: "NotifyBase", text: Text) -> Text:
    size = plugin.title_maxlen
    if size <= 0 or len(text.title) <= size:
        return text
    return Text(f"{text.title[: size - 3]}...", text.plain, text.markdown)


def _cut(plugin: "NotifyBase", text: Text) -> Text:
    """Return the text cut to the plugin's limit, without a title in the body."""
    title = text.title if plugin.title_maxlen > 0 else ""
    body = text.plain[: plugin.body_maxlen]
    return Text(title, body, body)


class _Collector(logging.Handler):
    """Keeps what apprise logs, and lets nothing else see it."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage())


_collector = _Collector()


def _capture_log() -> list[str]:
    """Return the list to which apprise's lines are added from now on.

    The handler stays, because a call that took too long may log later.
    """
    logger = logging.getLogger("apprise")
    logger.handlers[:], logger.propagate = [_collector], False
    _collector.lines = []
    return _collector.lines


def _reason(lines: Sequence[str]) -> str:
    """Return what apprise logged about a failure, on one line."""
    text = " ".join(" ".join(lines).split())
    return text or "The service did not take the message."
