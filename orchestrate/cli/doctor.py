"""Check each thing that a night needs, and say how to mend what is not well."""

from collections.abc import Callable
from dataclasses import dataclass
from uuid import uuid4

from rich.text import Text

from loaders import mail, s3, warehouse
from loaders.config import dbt_profile, settings
from loaders.errors import NightshiftError
from loaders.salesforce import client as salesforce_client
from loaders.salesforce import doctor as field_doctor
from loaders.salesforce import mapping, preflight
from orchestrate.dbt import graph as dbt_graph
from reports.console import console


@dataclass(frozen=True)
class Check:
    """One thing that was looked at; `told` is the finding or the remedy."""

    name: str
    is_well: bool
    told: str


def examine() -> list[Check]:
    """Look at everything, whatever fails first."""
    return [
        _checked(name, look)
        for name, look in (
            ("settings", _settings),
            ("dbt profile", _profile),
            ("dbt project", _project),
            ("warehouse", _warehouse),
            ("raw bucket", _raw_bucket),
            ("archive bucket", _archive_bucket),
            ("salesforce", _salesforce),
            ("mail", _mail),
        )
    ]


def examine_salesforce() -> list[Check]:
    """Hold the mart against the object, value by value; nothing is written."""
    try:
        findings = field_doctor.check(mapping.load(), settings.load().salesforce)
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


def show(checks: list[Check]) -> None:
    """Print one line a check, and the remedy of each that failed."""
    for check in checks:
        mark, colour = ("✔", "green") if check.is_well else ("✘", "red")
        text = Text(f"{mark} ", style=colour).append(f"{check.name:<16}", style="bold")
        console.print(text.append(check.told))


def _checked(name: str, look: Callable[[], str]) -> Check:
    try:
        return Check(name, True, look())
    except NightshiftError as error:
        return Check(name, False, str(error))


def _settings() -> str:
    settings.load().require_complete()
    return "all that a night needs is set"


def _profile() -> str:
    target = dbt_profile.target()
    return f"{dbt_profile.profiles_file()}, target {target.name} ({target.engine})"


def _project() -> str:
    graph = dbt_graph.load()
    return f"{len(graph.nodes)} models and seeds"


def _warehouse() -> str:
    with warehouse.transaction() as connection:
        warehouse.ensure_tables(connection)
    return f"{warehouse.location()}: schemas {', '.join(warehouse.SCHEMAS)} are there"


def _raw_bucket() -> str:
    url = settings.load().required_raw_url()
    s3.check_bucket(url)
    return f"{url} can be listed"


def _archive_bucket() -> str:
    """Write and delete: the archive needs both."""
    url = f"{settings.load().required_archive_url()}/.doctor-{uuid4().hex}"
    s3.write(url, b"")
    s3.delete([url])
    return f"{settings.load().required_archive_url()} can be written"


def _salesforce() -> str:
    mine = settings.load().salesforce
    connected = salesforce_client.connect(mine)
    try:
        wanted = mapping.load()
        found = preflight.check(connected, wanted, expect_sandbox=mine.expect_sandbox)
    finally:
        connected.close()
    kind = "sandbox" if found.is_sandbox else "production"
    notes = "".join(f"; {warning}" for warning in found.warnings)
    return f"org {found.org_id} ({kind}) takes all fields of {found.object}{notes}"


def _mail() -> str:
    mine = settings.load()
    readers, on_call = (
        ", ".join(to.addresses) or f"nobody ({to.setting} is not set)"
        for to in (mail.report_readers(mine), mail.on_call(mine))
    )
    said = mail.check(mine.smtp)
    return f"{said}; the report goes to {readers}, failures to {on_call}"
