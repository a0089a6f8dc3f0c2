"""The morning report: writes its page to the archive and mails it, after all else.

`reports.morning.publishing` takes a second to import because of its charts, so it is
imported only when there is a report to write.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import luigi
import structlog

from loaders import warehouse
from loaders.config import recipients, settings
from loaders.config.settings import PROJECT
from loaders.errors import ConfigError, NightshiftError
from loaders.ledger import mails
from loaders.ledger import reports as report_ledger
from orchestrate import progress, steps
from orchestrate.planning import archives, causes, reports, run_state
from orchestrate.planning.archives import DATASETS
from orchestrate.planning.run_state import RunState
from orchestrate.run_id import RUN_ID
from orchestrate.tasks.archive import ArchiveDataset
from orchestrate.tasks.delivery import deliver, describe, select
from orchestrate.tasks.export import scheduled_syncs
from orchestrate.tasks.outermost import outermost
from orchestrate.tasks.parameters import (
    DATA_DATE_FROM,
    ENV,
    NUM_RETRIES,
    RETRY_SLEEP,
    SCOPE,
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
MAIL_DUE = ("", report_ledger.PENDING, report_ledger.LEFT_OUT)

log = structlog.get_logger()


class MailReport(luigi.Task):
    """Publish the data date's report in the archive and mail it to its recipients."""

    data_date = luigi.DateParameter(description="the data date of the run")
    env = ENV
    version = VERSION
    data_date_from = DATA_DATE_FROM
    scope = SCOPE
    num_retries = NUM_RETRIES
    retry_sleep = RETRY_SLEEP

    # Not a parameter: the task's subject in the plan and in messages.
    dataset = reports.REPORT

    @property
    def resources(self) -> dict[str, int]:
        """Allow one reader at a time if the warehouse has a single slot."""
        return warehouse_slots()

    def requires(self) -> Iterator[luigi.Task]:
        """Require every model and archive, and the Salesforce syncs."""
        yield from outermost(self._upstream_tasks())

    def output(self) -> LedgerTarget:
        """Return a target that exists once the page is written and the mail sent."""
        return LedgerTarget(self)

    def run(self) -> None:
        """Write outdated pages, mail the data date's report, send open mails again."""
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
        return reports.open_mail_reason(state)

    def upstream_cause(self) -> str:
        """Return what makes the report's models stale, for the plan, or ''."""
        return causes.cause_of_report(self._state())

    def _upstream_tasks(self) -> Iterator[luigi.Task]:
        for model in self._state().graph.nodes:
            yield self.clone(DbtModel, model=model)
        for dataset in DATASETS:
            yield self.clone(ArchiveDataset, dataset=dataset)
        yield from map(self.clone, scheduled_syncs())

    def _publish_stale_reports(self) -> None:
        archives.clear_cache()
        state = run_state.reload_ledgers(
            self.data_date, self.data_date_from, env=self.env, version=self.version
        )
        for day in reports.affected_days(state):
            if reports.stale_reason(state, day):
                self._publish(state, day)
        for day in reports.open_mail_days(state):
            self._send_open_mail(state, day)

    def _publish(self, state: RunState, day: date) -> None:
        """Write the day's page if it is outdated, and mail the report if that is due.

        A report is mailed once, by the run of its own data date.
        """
        with steps.step("MailReport", reports.REPORT, [day]):
            watch = progress.Stopwatch()
            rendered = _prepare(state, day)
            mail_status = _mail_status(state, day)
            is_mail_due = day == state.data_date and mail_status in MAIL_DUE
            if reports.page_stale_reason(state, day):
                _write(rendered, state, "" if is_mail_due else mail_status)
            progress.print_line("MailReport page", day=day, seconds=watch.seconds)
            if is_mail_due:
                self._mail(rendered, state)

    def _send_open_mail(self, state: RunState, day: date) -> None:
        """Send the mail of a day, which may be another run's, to who waits for it."""
        try:
            self._mail(_prepare(state, day), state)
        except NightshiftError as error:
            if day == state.data_date:
                raise
            # Another date's mail does not fail this run. The next run tries again.
            log.warning("open mail not sent", day=str(day), error=str(error))
            progress.print_line(f"MailReport mail: {error}", day=day, outcome="warn")

    def _mail(self, rendered: "RenderedReport", state: RunState) -> None:
        """Mail the report to who does not have it yet, or record why it is not sent."""
        from reports.morning import publishing

        watch = progress.Stopwatch()
        day = rendered.report.data_date
        config = settings.load()
        to = recipients.report_recipients(config)
        missing = recipients.missing_setting(config.smtp, to)
        reference = reports.mail_reference(state, day)
        mail = mails.Mail(reference, mails.REPORT, day, state.env, state.version)
        wanted = () if missing else to.parsed()
        if not missing:
            # From here on, also a run of another date delivers this mail.
            _record_mail(state, day, report_ledger.OPEN)
        states = mails.start(mail, wanted, run_id=RUN_ID)
        url = publishing.page_url(archives.root_url(state), rendered.report.request)
        states = deliver(
            publishing.mail_message(rendered, url, reference=reference),
            to,
            states,
            record=lambda results: mails.record(mail, results, run_id=RUN_ID),
            num_retries=self.num_retries,
            retry_sleep=self.retry_sleep,
        )
        message = missing or describe(states)
        accepted = len(select(states, mails.ACCEPTED))
        status = _status_of(states, missing)
        _record_mail(state, day, status, recipients=accepted, message=message)
        if status == report_ledger.PENDING:
            raise NightshiftError(
                f"Nobody received the report of {day}. The mail server {message}. "
                f"Correct {to.setting}, then mail the report again: "
                f"nightshift rerun --date {day} --report"
            )
        progress.print_line(
            f"MailReport mail: {message}" if message else "MailReport mail",
            day=day,
            seconds=watch.seconds,
            outcome="warn" if message else "done",
        )

    def _state(self) -> RunState:
        first: date | None = self.data_date_from
        return run_state.load(self.data_date, first, env=self.env, version=self.version)


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

    return publishing.prepare_report(reports.report_request(state, day))


def _write(rendered: "RenderedReport", state: RunState, mail_status: str) -> None:
    from reports.morning import publishing

    warehouse.create_missing_tables(RUN_ID)
    publishing.write_page(rendered, archives.root_url(state))
    _record(rendered, state, mail_status or report_ledger.PENDING)


def _record(rendered: "RenderedReport", state: RunState, mail_status: str) -> None:
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
            started_at=rendered.started_at,
        )
    )


def _record_mail(
    state: RunState,
    day: date,
    mail_status: str,
    *,
    recipients: int = 0,
    message: str = "",
) -> None:
    report_ledger.update_mail_status(
        day,
        mail_status,
        env=state.env,
        version=state.version,
        run_id=RUN_ID,
        recipients=recipients,
        message=message,
    )


def _status_of(states: Mapping[str, mails.Delivery], missing: str) -> str:
    """Return the mail status of a report from the states of its recipients."""
    if select(states, mails.OPEN):
        return report_ledger.OPEN
    if select(states, mails.ACCEPTED):
        return report_ledger.SENT
    if missing:
        return report_ledger.LEFT_OUT
    is_rejected = bool(select(states, mails.REJECTED))
    return report_ledger.PENDING if is_rejected else report_ledger.EXPIRED


def _mail_status(state: RunState, day: date) -> str:
    return state.completed.reports.get(day, ("", None))[1] or ""
