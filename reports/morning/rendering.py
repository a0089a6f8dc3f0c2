"""The report and the alerts as HTML and plain text, rendered from jinja2 templates.

HTML is escaped; names and messages pass through `reports.morning.names` first.
"""

import textwrap
from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from reports.morning import names
from reports.morning.data import Report, metric_labels
from reports.morning.links import Links
from reports.morning.quality import summarize
from reports.morning.request import ReportRequest
from reports.morning.sections import sections_of

if TYPE_CHECKING:
    from reports.morning.charts import Chart

TEMPLATES = Path(__file__).parent / "templates"
TEXT_WIDTH = 76
COHORTS = ("converted", "not_converted")
NO_VALUE = "\u2013"  # an en dash
MINUS = "\u2212"


def mail_subject(report: Report) -> str:
    """Return the mail's subject: figures only, no customer names."""
    today = report.today
    summary = summarize(report.quality, report.data_date)
    prefix = "" if summary.succeeded else f"[{summary.headline}] "
    return (
        f"{prefix}Trial report {report.data_date}: {today['started']} started, "
        f"{today['converted']} converted, {today['stalled']} stalled"
    )


def page_html(
    report: Report, charts: Mapping[str, "Chart"], *, written_at: datetime
) -> str:
    """Return the page; it shows the charts as `{name}.png` in its own folder."""
    return _render("report.html", report, charts, written_at)


def mail_html(
    report: Report, charts: Mapping[str, "Chart"], *, written_at: datetime, url: str
) -> str:
    """Return the mail's HTML; it shows the charts inline by content id."""
    return _render("report.html", report, charts, written_at, url=url)


def mail_text(
    report: Report, charts: Mapping[str, "Chart"], *, written_at: datetime, url: str
) -> str:
    """Return the report as plain text."""
    return _render("report.txt", report, charts, written_at, url=url)


def preheader(report: Report) -> str:
    """Return the text that mail clients show beside the subject: figures, no names."""
    today, flow = report.today, report.paid_flow
    calls = report.interesting.total
    return (
        f"{_counted(calls, 'trial')} worth a call, "
        f"{today['in_progress']:,} in progress, {today['active']:,} of them active. "
        f"Paid accounts this week: +{flow.gained:,} new, {MINUS}{flow.lost:,} lost."
    )


def render_alert(template: str, context: Mapping[str, Any]) -> str:
    """Return an alert or recovery alert; `template` is a file such as failed.html."""
    return render(template, context)


def render(template: str, context: Mapping[str, Any]) -> str:
    """Return the text of a template for a context."""
    return _environment().get_template(template).render(context)


def content_id(name: str, data_date: date) -> str:
    """Return the content id of a chart in the mail of a data date."""
    return f"{name}.{data_date}@nightshift"


def _render(
    template: str,
    report: Report,
    charts: Mapping[str, "Chart"],
    written_at: datetime,
    *,
    url: str = "",
) -> str:
    """Render the page, or the mail if there is the `url` of the page."""
    request = report.request
    sections = sections_of(report, charts)
    context = {
        "report": report,
        "summary": summarize(report.quality, report.data_date),
        "sections": [section for section in sections if section.is_shown],
        "folded": [section.nothing for section in sections if not section.is_shown],
        "charts": charts,
        "targets": _targets_by_metric(report),
        "metric_labels": metric_labels(),
        "plan_metric_labels": metric_labels(is_included_in_plans=True),
        "links": Links(request.data_date, request.salesforce_url, request.looker_url),
        "preheader": preheader(report),
        "written_at": written_at,
        "is_mail": bool(url),
        "url": url,
        "history_url": _history_url(url),
        "content_id": content_id,
    }
    return render(template, context)


def _history_url(page_url: str) -> str:
    """Return the URL of the run history from that of a page, `report/dt=D/index.html`.

    It is relative where there is no URL, because both have the same root.
    """
    return f"{page_url.rsplit('/', 3)[0] if page_url else '../..'}/status/index.html"


def _targets_by_metric(report: Report) -> dict[str, dict[str, Any]]:
    """Return target rows by metric and cohort; a missing cohort has no values."""
    targets: dict[str, dict[str, Any]] = {}
    no_values = dict.fromkeys(("median_value", "p25", "p75"))
    for row in report.targets:
        by_cohort = targets.setdefault(
            row["metric_name"], dict.fromkeys(COHORTS, no_values)
        )
        by_cohort[row["cohort"]] = row
    return {metric: targets[metric] for metric in metric_labels() if metric in targets}


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=select_autoescape(["html"]),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {
        "name": names.name_as_html,
        "plain_name": names.name_as_text,
        "breakable": names.breakable,
        "one_line": names.single_line,
        "wrapped": _wrapped,
        "number": _number,
        "signed": _signed,
        "percent": _percent,
        "short_date": _short_date,
        "weekday": lambda value: f"{value:%A}",
        "long_date": _long_date,
        "counted": _counted,
        "time_left": _time_left,
        "timestamp": lambda value: f"{value:%Y-%m-%d %H:%M}",
        "duration": _duration,
        "seconds": lambda value: NO_VALUE if value is None else f"{value:,.1f} s",
        "words": lambda code: str(code).replace("_", " "),
    }
    return environment


def _number(value: float | Decimal | None) -> str:
    if value is None:
        return NO_VALUE
    rounded = round(Decimal(str(value)), 1)  # a float holds 15 digits only
    is_whole = rounded == int(rounded)
    return f"{int(rounded):,}" if is_whole else f"{rounded:,}"


def _signed(value: float | Decimal | None) -> str:
    """Return a change with its sign; the minus is the typographic one."""
    if value is None:
        return NO_VALUE
    if not value:
        return "±0"
    return f"{'+' if value > 0 else MINUS}{_number(value if value > 0 else -value)}"


def _percent(value: float | None) -> str:
    return NO_VALUE if value is None else f"{float(value):.0%}"


def _short_date(value: date | datetime | None) -> str:
    return NO_VALUE if value is None else f"{value.day} {value:%b}"


def _long_date(value: date) -> str:
    return f"{value:%A}, {value.day} {value:%B %Y}"


def _wrapped(text: object, indent: int = 0) -> str:
    """Wrap a text to the mail's width and indent all lines but the first."""
    lines = textwrap.wrap(names.single_line(text), TEXT_WIDTH - indent)
    return ("\n" + " " * indent).join(lines)


def _time_left(trial: Mapping[str, Any], request: ReportRequest) -> str:
    """Return the rest of a trial in words, such as `3 days left` or `last day`."""
    if trial["days_left_in_trial"]:
        return f"{_counted(trial['days_left_in_trial'], 'day')} left"
    is_over = trial["org_day"] > int(request.variables["trial_period_days"])
    return "trial over" if is_over else "last day"


def _duration(seconds: float | None) -> str:
    """Return a duration in its two greatest units, such as `4 min 05 s`."""
    if seconds is None:
        return NO_VALUE
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02} s" if minutes else f"{seconds:.0f} s"
    return f"{minutes // 60} h {minutes % 60:02} min"


def _counted(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
