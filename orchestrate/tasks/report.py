"""The morning report: its page in the archive and its mail, after all else.

What draws and renders takes a second to import: only when there is something to do.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import luigi

from loaders import mail, warehouse
from loaders.config import settings
from loaders.config.settings import PROJECT
from loaders.errors import ConfigError
from loaders.ledger import reports
from orchestrate import progress
from orchestrate.planning import archives as archive_planning
from orchestrate.planning import reports as report_planning
from orchestrate.planning import run_state
from orchestrate.planning.archives import DATASETS
from orchestrate.run_id import RUN_ID
from orchestrate.tasks.export import (
    ArchiveDataset,
    SyncTrialMetricsToSalesforce,
)
from orchestrate.tasks.parameters import (
    DATA_DATE_FROM,
    ENV,
    NUM_RETRIES,
    RETRY_SLEEP,
    VERSION,
    warehouse_slots,
)
from orchestrate.tasks.retries import retried
from orchestrate.tasks.targets import LedgerTarget
from orchestrate.tasks.transform import DbtModel

if TYPE_CHECKING:
    from reports.morning.publishing import Edition

FOLDER = PROJECT / "var" / "report"
REPORTED_MODEL = "fct_org_trial_metrics"


class MailReport(luigi.Task):
    """The data date's report lies in the archive, and its readers have it by mail."""

    data_date = luigi.DateParameter(description="the data date of the night")
    env = ENV
    version = VERSION
    data_date_from = DATA_DATE_FROM
    scope = luigi.Parameter(default="", significant=False)
    num_retries = NUM_RETRIES
    retry_sleep = RETRY_SLEEP

    dataset = report_planning.REPORT

    @property
    def resources(self) -> dict[str, int]:
        """One reader at a time where the warehouse has one slot."""
        return warehouse_slots()

    def requires(self) -> Iterator[luigi.Task]:
        """Come after everything else of the night."""
        for model in self._night().graph.nodes:
            yield self.clone(DbtModel, model=model)
        for dataset in DATASETS:
            yield self.clone(ArchiveDataset, dataset=dataset)
        yield self.clone(SyncTrialMetricsToSalesforce)

    def output(self) -> LedgerTarget:
        """Be done when ledger and S3 have the page, and the mail is out."""
        return LedgerTarget(self)

    def run(self) -> None:
        """Write the pages that are out of date; mail the night's own, once."""
        retried(
            self._bring_out, num_retries=self.num_retries, retry_sleep=self.retry_sleep
        )

    def why(self) -> str:
        """Return which report must be brought out and why, or ''."""
        state = self._night()
        reasons = (
            (day, report_planning.why(state, day))
            for day in report_planning.days(state)
        )
        return next((f"{day}: {reason}" for day, reason in reasons if reason), "")

    def _bring_out(self) -> None:
        archive_planning.forget()
        state = run_state.remarked(
            self.data_date, self.data_date_from, env=self.env, version=self.version
        )
        for day in report_planning.days(state):
            if report_planning.why(state, day):
                bring_out(state, day)

    def _night(self) -> run_state.Night:
        first: date | None = self.data_date_from
        return run_state.of(self.data_date, first, env=self.env, version=self.version)


def bring_out(state: run_state.Night, day: date) -> None:
    """Write the day's page where it is out of date, and mail it once, if it is due.

    An earlier day's page is written anew without a mail.
    """
    watch = progress.Stopwatch()
    edition = _prepare(state, day)
    is_due = day == state.data_date and _mail_status(state, day) != reports.SENT
    if report_planning.why_page(state, day):
        _write(edition, state, "" if is_due else _mail_status(state, day))
    progress.line("MailReport page", day=day, seconds=watch.seconds)
    if is_due:
        _mail(edition, state)


@dataclass(frozen=True)
class Page:
    """Where a report's page lies: on this disk, and on S3."""

    path: Path
    url: str


def show(state: run_state.Night) -> Page:
    """Write the night's page anew, to S3 and to this disk.

    `ConfigError` when the night has not got so far.
    """
    day = state.data_date
    if (REPORTED_MODEL, day) not in state.marks.models:
        raise ConfigError(
            f"The night of {day} has no report: {REPORTED_MODEL} was never built for "
            f"it. Run the night first: nightshift run --date {day}"
        )
    from reports.morning import publishing as edition

    made = _prepare(state, day)
    _write(made, state, _mail_status(state, day))
    return Page(
        path=edition.write_folder(made, FOLDER / f"dt={day}"),
        url=edition.page_url(archive_planning.root(state), made.report.asked),
    )


def _prepare(state: run_state.Night, day: date) -> "Edition":
    from reports.morning import publishing as edition

    url = settings.load().salesforce.instance_url or ""
    return edition.prepare(report_planning.asked(state, day, salesforce_url=url))


def _write(edition: "Edition", state: run_state.Night, mail_status: str) -> None:
    from reports.morning.publishing import write_page

    with warehouse.transaction() as connection:
        warehouse.ensure_tables(connection)
    write_page(edition, archive_planning.root(state))
    _record(edition, state, mail_status or reports.PENDING)


def _mail(edition: "Edition", state: run_state.Night) -> None:
    """Send the night's report, or note why it is not sent."""
    from reports.morning.publishing import letter, page_url

    watch = progress.Stopwatch()
    given = settings.load()
    to = mail.report_readers(given)
    if missing := mail.why_no_mail(given.smtp, to):
        _record(edition, state, reports.LEFT_OUT, message=missing)
        progress.line(f"MailReport mail left out: {missing}", outcome="warn")
        return
    url = page_url(archive_planning.root(state), edition.report.asked)
    refused = mail.send(letter(edition, url), given.smtp, to)
    _record(
        edition,
        state,
        reports.SENT,
        recipients=len(to.addresses) - len(refused),
        message=f"refused by the server: {', '.join(refused)}" if refused else "",
    )
    progress.line("MailReport mail", day=state.data_date, seconds=watch.seconds)


def _record(
    edition: "Edition",
    state: run_state.Night,
    mail_status: str,
    *,
    recipients: int = 0,
    message: str = "",
) -> None:
    from reports.morning.publishing import page_url

    day = edition.report.data_date
    reports.record(
        reports.Entry(
            data_date=day,
            env=state.env,
            version=state.version,
            url=page_url(archive_planning.root(state), edition.report.asked),
            fingerprint=report_planning.fingerprint(state, day),
            mail_status=mail_status,
            run_id=RUN_ID,
            recipients=recipients,
            message=message,
        )
    )


def _mail_status(state: run_state.Night, day: date) -> str:
    mark = state.marks.reports.get(day)
    return (mark[1] or "") if mark else ""
