"""`nightshift doctor`: checks everything that a run needs."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from uuid import uuid4

import structlog

from loaders import alerts, mail, s3, warehouse
from loaders.config import dbt_profile, environment, recipients, settings
from loaders.config import salesforce_mapping as mapping
from loaders.config.redaction import redact
from loaders.errors import ConfigError, NightshiftError
from loaders.ledger import mails
from loaders.ledger.retired_models import retired_relations
from loaders.lineage import sender
from loaders.salesforce_api import client, preflight
from loaders.salesforce_api import doctor as salesforce_doctor
from orchestrate.dbt import graph
from orchestrate.logs import LOG_FILE
from orchestrate.planning.exports import scheduled_exports
from orchestrate.runs import alert_trial
from reports.console import Text, console, indented

NOT_CHECKED = "not checked"

log = structlog.get_logger()


@dataclass(frozen=True)
class Check:
    """The result of one check; `message` is the finding, or the error and its fix."""

    name: str
    passed: bool
    message: str


def run_checks() -> list[Check]:
    """Run all checks, also after one has failed."""
    checks: list[Check] = []
    for name, check in (
        ("settings", _check_settings),
        ("dbt profile", _check_profile),
        ("dbt project", _check_project),
        ("warehouse", _check_warehouse),
        ("raw bucket", _check_raw_bucket),
        ("archive bucket", _check_archive_bucket),
        ("salesforce", _check_salesforce),
        ("mail", _check_mail),
        *([("alerts", _check_alerts)] if _has_alerts() else []),
        *([("lineage", _check_lineage)] if sender.is_configured() else []),
    ):
        checks.append(_run(name, check, checks))
    return [*checks, check_retired_models(checks)]


def run_salesforce_checks() -> list[Check]:
    """Check each value of the mart against its Salesforce field; write nothing."""
    try:
        config = settings.load().salesforce
        findings = [
            finding
            for export in scheduled_exports()
            for finding in salesforce_doctor.check(
                mapping.load(model=export.model), config
            )
        ]
    except NightshiftError as error:
        return [Check("salesforce", False, str(error))]
    if not findings:
        return [Check("salesforce", True, "every value of the mart fits its field")]
    return [
        Check(
            finding.subject,
            False,
            f"{finding.problem}"
            f"{f' in {finding.rows:,} row(s)' if finding.rows is not None else ''}. "
            f"{finding.next_step}",
        )
        for finding in findings
    ]


def send_test_alert() -> list[Check]:
    """Send a test alert to each service, and by mail to on call."""
    config, problems = settings.load_valid()
    urls, to = config.alerts.urls, recipients.on_call_recipients(config)
    checks = [
        Check(name, False, f"{NOT_CHECKED}, because it is malformed: {problem}")
        for name, problem in problems.items()
        if name == alerts.SETTING
    ]
    for url in urls:
        delivery = alert_trial.send_to_service(url)
        is_sent = delivery.status == mails.ACCEPTED
        message = "took the test alert" if is_sent else delivery.message
        checks.append(Check(url.label, is_sent, message))
    if not recipients.missing_setting(config.smtp, to):
        checks.append(_run("mail to on call", alert_trial.send_by_mail, ()))
    if not checks:
        message = f"nobody receives alerts. Set {alerts.SETTING} or {to.setting}"
        checks.append(Check("alerts", False, message))
    return checks


def check_retired_models(earlier: Sequence[Check] = ()) -> Check:
    """List the relations of models that were removed from the project.

    They are harmless, so the check always passes. Its message has the command that
    drops them.
    """
    check = _run("retired models", _check_retired_relations, earlier)
    message = check.message
    if not check.passed and not message.startswith(NOT_CHECKED):
        message = f"{NOT_CHECKED}: {message}"
    return Check(check.name, True, message)


def print_checks(checks: list[Check]) -> None:
    """Print one line per check."""
    for check in checks:
        symbol, colour = ("✔", "green") if check.passed else ("✘", "red")
        line = Text(f"{symbol} ", style=colour).append(f"{check.name:<16}", "bold")
        console.print(line.append(indented(check.message)))


def _run(name: str, check: Callable[[], str], earlier: Sequence[Check]) -> Check:
    """Run a check; refer to the earlier check that failed with the same error."""
    try:
        return Check(name, True, check())
    except NightshiftError as error:
        message = str(error)
    except Exception as error:  # must not hide the results of the other checks
        log.exception("check failed", check=name)
        message = f"Unexpected {type(error).__name__}: {error}. See {LOG_FILE}."
    causes = (other.name for other in earlier if other.message == message)
    if cause := next(causes, ""):
        message = f"{NOT_CHECKED}, because {cause} failed"
    return Check(name, False, redact(message))


def _settings_of(*prefixes: str) -> settings.Settings:
    """Return the settings; `ConfigError` if one with these prefixes is malformed."""
    environment.require_readable()
    valid, problems = settings.load_valid()
    names = [name for name in problems if name.startswith(prefixes)]
    if names:
        raise ConfigError(f"{NOT_CHECKED}, because {', '.join(names)} is malformed")
    return valid


def _check_settings() -> str:
    settings.load().require_complete()
    file = environment.applied_file()
    source = f"the environment and {file}" if file else "the environment"
    return f"all required settings are set, in {source}"


def _check_profile() -> str:
    target = dbt_profile.target()
    return f"{dbt_profile.profiles_file()}, target {target.name} ({target.engine})"


def _check_project() -> str:
    return f"{len(graph.load().nodes)} models and seeds"


def _check_warehouse() -> str:
    with warehouse.transaction() as connection:
        warehouse.ensure_tables(connection)
    return f"{warehouse.location()}: schemas {', '.join(warehouse.SCHEMAS)} exist"


def _check_raw_bucket() -> str:
    url = _settings_of("NIGHTSHIFT_RAW_URL").required_raw_url()
    s3.check_listing(url)
    return f"{url} can be listed"


def _check_archive_bucket() -> str:
    """Write and delete an object, because the archive needs both permissions."""
    archive_url = _settings_of("NIGHTSHIFT_ARCHIVE_URL").required_archive_url()
    object_url = f"{archive_url}/.doctor-{uuid4().hex}"
    s3.write(object_url, b"")
    s3.delete([object_url])
    return f"{archive_url} can be written"


def _check_salesforce() -> str:
    config = _settings_of("NIGHTSHIFT_SALESFORCE__").salesforce
    connection = client.connect(config)
    try:
        destinations = [
            preflight.check(
                connection,
                mapping.load(model=export.model),
                expect_sandbox=config.expect_sandbox,
            )
            for export in scheduled_exports()
        ]
    finally:
        connection.close()
    kind = "sandbox" if destinations[0].is_sandbox else "production"
    objects = " and ".join(destination.object for destination in destinations)
    found = dict.fromkeys(text for item in destinations for text in item.warnings)
    return (
        f"Salesforce org {destinations[0].salesforce_org_id} ({kind}) has all fields "
        f"of {objects}{''.join(f'; {warning}' for warning in found)}"
    )


def _check_mail() -> str:
    config = _settings_of(
        "NIGHTSHIFT_SMTP__", "NIGHTSHIFT_REPORT__", "NIGHTSHIFT_ON_CALL__"
    )
    settings_of_recipients = (
        recipients.report_recipients(config),
        recipients.on_call_recipients(config),
    )
    smtp = config.smtp
    if not any(
        (smtp.host, smtp.sender, *(to.addresses for to in settings_of_recipients))
    ):
        return (
            "nothing is mailed: NIGHTSHIFT_SMTP__HOST, NIGHTSHIFT_SMTP__SENDER and "
            "NIGHTSHIFT_REPORT__RECIPIENTS are not set"
        )
    readers, on_call = (
        ", ".join(to.addresses) or f"nobody ({to.setting} is not set)"
        for to in settings_of_recipients
    )
    connection = mail.check(smtp, settings_of_recipients)
    return f"{connection}; reports go to {readers}, alerts go to {on_call}"


def _has_alerts() -> bool:
    config, problems = settings.load_valid()
    malformed = any(name.startswith("NIGHTSHIFT_ALERTS__") for name in problems)
    return bool(config.alerts.urls or config.alerts.heartbeat_url or malformed)


def _check_alerts() -> str:
    config = _settings_of("NIGHTSHIFT_ALERTS__").alerts
    alerts.check(config.urls)
    services = [f"{url.label}: {', '.join(url.severities)}" for url in config.urls]
    monitor = "is" if config.heartbeat_url else "is not"
    return (
        f"{'; '.join(services) or f'no service ({alerts.SETTING} is not set)'}; the "
        f"heartbeat URL {monitor} set"
    )


def _check_lineage() -> str:
    """Validate OpenLineage's settings; nothing is sent, as there is no test event."""
    from loaders.lineage import client as lineage_client

    transport = lineage_client.connect().transport
    return f"OpenLineage's settings are valid (transport {transport.kind})"


def _check_retired_relations() -> str:
    relations: list[str] = []
    if warehouse.exists():
        nodes = graph.load().nodes
        with warehouse.session() as connection:
            relations = retired_relations(
                connection,
                models=nodes,
                relations={(node.schema, node.relation) for node in nodes.values()},
            )
    if not relations:
        return "no relation of a removed model exists"
    return (
        f"relations of removed models exist: {', '.join(relations)}. Drop them: "
        f"dbt run-operation drop_retired_models --target {dbt_profile.target().name}"
    )
