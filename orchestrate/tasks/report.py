"""The morning report: writes its page to the archive and mails it, after all else.

`reports.morning.publishing` takes a second to import because of its charts, so it is
imported only when there is a report to write.
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
from loaders.ledger import reports as report_ledger
from orchestrate import progress
from orchestrate.planning import archives, reports, run_state
from orchestrate.planning.archives import DATASETS
from orchestrate.planning.run_state import RunState
from orchestrate.run_id import RUN_ID
from orchestrate.tasks.export import ArchiveDataset, SyncTrialMetricsToSalesforce
from orchestrate.tasks.parameters import (
    DATA_DATE_FROM,
    ENV,
    NUM_RETRIES,
    RETRY_SLEEP,
    VERSION,
    warehouse_slots,
)
from orchestrate.tasks.retries import retry
from orchestrate.tasks.targets import LedgerTarget
from orchestrate.tasks.transform import DbtModel

if TYPE_CHECKING:
    from reports.morning.publishing import RenderedReport

FOLDER = PROJECT / "var" / "report"
REPORTED_MODEL = "fct_org_trial_metrics"


class MailReport(luigi.Task):
    """Publish the data date's report in the archive and mail it to its recipients."""

    data_date = luigi.DateParameter(description="the data date of the run")
    env = ENV
    version = VERSION
    data_date_from = DATA_DATE_FROM
    scope = luigi.Parameter(default="", significant=False)
    num_retries = NUM_RETRIES
    retry_sleep = RETRY_SLEEP

    # Not a parameter: the task's subject in the plan and in messages.
    dataset = reports.REPORT

    @property
    def resources(self) -> dict[str, int]:
        """Allow one reader at a time if the warehouse has a single slot."""
        return warehouse_slots()

    def requires(self) -> Iterator[luigi.Task]:
        """Require every model and archive, and the Salesforce sync."""
        for model in self._state().graph.nodes:
            yield self.clone(DbtModel, model=model)
        for dataset in DATASETS:
            yield self.clone(ArchiveDataset, dataset=dataset)
        yield self.clone(SyncTrialMetricsToSalesforce)

    def output(self) -> LedgerTarget:
        """Return a target that exists once the page is written and the mail sent."""
        return LedgerTarget(self)

    def run(self) -> None:
        """Write the pages that are outdated; mail the report of the data date once."""
        retry(
            self._publish_stale_reports,
            num_retries=self.num_retries,
            retry_sleep=self.retry_sleep,
        )

    def stale_reason(self) -> str:
        """Return the first day whose report must be published and why, or ''."""
        state = self._state()
        for day in reports.affected_days(state):
            if reason := reports.stale_reason(state, day):
                return f"{day}: {reason}"
        return ""

    def _publish_stale_reports(self) -> None:
        archives.clear_cache()
        state = run_state.reload_ledgers(
            self.data_date, self.data_date_from, env=self.env, version=self.version
        )
        for day in reports.affected_days(state):
            if reports.stale_reason(state, day):
                _publish(state, day)

    def _state(self) -> RunState:
        first: date | None = self.data_date_from
        return run_state.load(self.data_date, first, env=self.env, version=self.version)


def _publish(state: RunState, day: date) -> None:
    """Write the day's page if it is outdated, and mail the report if that is due.

    A report is mailed once, by the run of its own data date.
    """
    watch = progress.Stopwatch()
    rendered = _prepare(state, day)
    mail_status = _mail_status(state, day)
    is_mail_due = day == state.data_date and mail_status != report_ledger.SENT
    if reports.page_stale_reason(state, day):
        _write(rendered, state, "" if is_mail_due else mail_status)
    progress.print_line("MailReport page", day=day, seconds=watch.seconds)
    if is_mail_due:
        _mail(rendered, state)


@dataclass(frozen=True)
class Page:
    """Where a report's page is stored: on this disk and on S3."""

    path: Path
    url: str


def newest_report_date(*, env: str, version: str) -> date:
    """Return the newest data date that has a report; `ConfigError` if there is none."""
    state = run_state.reload(date.min, env=env, version=version)
    dates = [day for model, day in state.completed.models if model == REPORTED_MODEL]
    if not dates:
        raise ConfigError(
            f"There is no report yet: {REPORTED_MODEL} was never built. "
            "Run the pipeline first: nightshift run --date D"
        )
    return max(dates)


def write_page(state: RunState) -> Page:
    """Write the page of the run's data date to S3 and to this disk.

    Raises `ConfigError` if the models of the report were never built for the date.
    """
    day = state.data_date
    if (REPORTED_MODEL, day) not in state.completed.models:
        raise ConfigError(
            f"There is no report for {day}: {REPORTED_MODEL} was never built for that "
            f"date. Run the pipeline first: nightshift run --date {day}"
        )
    from reports.morning import publishing

    rendered = _prepare(state, day)
    _write(rendered, state, _mail_status(state, day))
    return Page(
        path=publishing.write_folder(rendered, FOLDER / f"dt={day}"),
        url=publishing.page_url(archives.root_url(state), rendered.report.request),
    )


def _prepare(state: RunState, day: date) -> "RenderedReport":
    from reports.morning import publishing

    url = settings.load().salesforce.instance_url or ""
    request = reports.report_request(state, day, salesforce_url=url)
    return publishing.prepare_report(request)


def _write(rendered: "RenderedReport", state: RunState, mail_status: str) -> None:
    from reports.morning import publishing

    with warehouse.transaction() as connection:
        warehouse.ensure_tables(connection)
    publishing.write_page(rendered, archives.root_url(state))
    _record(rendered, state, mail_status or report_ledger.PENDING)


def _mail(rendered: "RenderedReport", state: RunState) -> None:
    """Mail the report, or record why no mail is sent."""
    from reports.morning import publishing

    watch = progress.Stopwatch()
    config = settings.load()
    recipients = mail.report_recipients(config)
    if missing := mail.missing_setting(config.smtp, recipients):
        _record(rendered, state, report_ledger.LEFT_OUT, message=missing)
        progress.print_line(f"MailReport sent no mail: {missing}", outcome="warn")
        return
    url = publishing.page_url(archives.root_url(state), rendered.report.request)
    message = publishing.mail_message(rendered, url)
    rejected = mail.send(message, config.smtp, recipients)
    _record(
        rendered,
        state,
        report_ledger.SENT,
        recipients=len(recipients.addresses) - len(rejected),
        message=f"rejected by the mail server: {', '.join(rejected)}"
        if rejected
        else "",
    )
    progress.print_line("MailReport mail", day=state.data_date, seconds=watch.seconds)


def _record(
    rendered: "RenderedReport",
    state: RunState,
    mail_status: str,
    *,
    recipients: int = 0,
    message: str = "",
) -> None:
    from reports.morning import publishing

    day = rendered.report.data_date
    report_ledger.record(
        report_ledger.ReportRecord(
            data_date=day,
            env=state.env,
            version=state.version,
            url=publishing.page_url(archives.root_url(state), rendered.report.request),
            fingerprint=reports.fingerprint(state, day),
            mail_status=mail_status,
            run_id=RUN_ID,
            recipients=recipients,
            message=message,
        )
    )


def _mail_status(state: RunState, day: date) -> str:
    record = state.completed.reports.get(day)
    return (record[1] or "") if record else ""
