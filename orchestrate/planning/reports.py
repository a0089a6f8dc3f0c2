"""Which reports a night must bring out, and why: new ones, and those out of date."""

import hashlib
from collections.abc import Mapping
from datetime import date
from typing import Any

from loaders import archive, ledger
from loaders.config.dbt_project import project_vars
from loaders.ledger.reports import PENDING
from loaders.salesforce.mapping import SALESFORCE_MODEL
from orchestrate.planning import archives as archive_planning
from orchestrate.planning.run_state import ASKED, SALESFORCE_OBJECT, Night
from reports.morning.data import MODELS, Asked

REPORT = "report"


def days(night: Night) -> list[date]:
    """Return the night's own date, and those before whose report it may change."""
    earlier = [
        day for day in archive_planning.days(night) if day in night.marks.reports
    ]
    return sorted({*earlier, night.data_date})


def why(night: Night, day: date) -> str:
    """Say why the day's report must be brought out, or ''."""
    mark = night.marks.reports.get(day)
    if mark and mark[1] == PENDING and not why_page(night, day):
        return "its mail was not sent"
    return why_page(night, day)


def why_page(night: Night, day: date) -> str:
    """Say why the day's page must be written, or ''."""
    mark = night.marks.reports.get(day)
    if mark is None:
        return "never written"
    if mark[0] == ledger.RERUN:
        return ASKED
    if day == night.last_date and night.why_sync(SALESFORCE_MODEL):
        return "Salesforce is synced anew"
    if mark[0] != fingerprint(night, day):
        return "what it tells changed"
    if day not in archive.finished_days(archive_planning.root(night), REPORT):
        return "missing on S3"
    return ""


def fingerprint(night: Night, day: date) -> str:
    """Digest what the day's report is made from: its models' rows, and the sync."""
    synced = night.marks.syncs.get((SALESFORCE_OBJECT, day), ("", ""))
    made_from = [night.wanted_fingerprint(model, day) for model in MODELS]
    return hashlib.sha256("\0".join([*made_from, *synced]).encode()).hexdigest()


def asked(night: Night, day: date, *, salesforce_url: str) -> Asked:
    """Return what the report of a day is asked to be."""
    variables: Mapping[str, Any] = project_vars()
    return Asked(
        data_date=day,
        env=night.env,
        version=night.version,
        variables=variables,
        salesforce_object=SALESFORCE_OBJECT,
        salesforce_url=salesforce_url,
    )
