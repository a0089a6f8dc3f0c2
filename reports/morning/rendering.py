"""The report and the notices as HTML and as plain text, from jinja2 templates.

Everything that comes from outside is escaped; names pass `names`, too.
"""

import textwrap
from collections.abc import Mapping
from datetime import date, datetime
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from reports.morning import names
from reports.morning.data import METRICS, Asked, Report
from reports.morning.quality import Verdict, verdict

TEMPLATES = Path(__file__).parent / "templates"
TEXT_WIDTH = 76
COHORTS = ("converted", "not_converted")
NOTHING = "\u2013"  # an en dash
MINUS = "\u2212"


def subject(report: Report) -> str:
    """Return the mail's subject: figures only, no names."""
    today = report.today
    found = "" if verdict(report.quality, report.data_date).is_green else "look: "
    return (
        f"{found}Trials of {report.data_date}: {today['started']} started, "
        f"{today['converting']} converting, {today['at_risk']} at risk"
    )


def page(report: Report, pictures: Mapping[str, Any], *, written_at: datetime) -> str:
    """Return the page; its pictures lie beside it as `{name}.png`."""
    return _report("report.html", report, pictures, written_at, is_mail=False)


def mail_html(
    report: Report, pictures: Mapping[str, Any], *, written_at: datetime, url: str
) -> str:
    """Return the mail's HTML; its pictures are inline by content id."""
    return _report("report.html", report, pictures, written_at, is_mail=True, url=url)


def mail_text(
    report: Report, pictures: Mapping[str, Any], *, written_at: datetime, url: str
) -> str:
    """Return the report as plain text that needs no pictures."""
    return _report("report.txt", report, pictures, written_at, is_mail=True, url=url)


def notice(template: str, told: Mapping[str, Any]) -> str:
    """Return a notice about a run: `failed` or `recovered`, as .html or .txt."""
    return _environment().get_template(template).render(told)


def content_id(name: str, data_date: date) -> str:
    """Return the content id of a picture in the mail of a data date."""
    return f"{name}.{data_date}@nightshift"


def _report(
    template: str,
    report: Report,
    pictures: Mapping[str, Any],
    written_at: datetime,
    *,
    is_mail: bool,
    url: str = "",
) -> str:
    found: Verdict = verdict(report.quality, report.data_date)
    return (
        _environment()
        .get_template(template)
        .render(
            report=report,
            verdict=found,
            pictures=pictures,
            targets=_targets_by_metric(report),
            metrics=METRICS,
            written_at=written_at,
            is_mail=is_mail,
            url=url,
            content_id=content_id,
        )
    )


def _targets_by_metric(report: Report) -> dict[str, dict[str, Any]]:
    """Return each metric's row by cohort; a cohort without orgs has none of values."""
    found: dict[str, dict[str, Any]] = {}
    nothing = dict.fromkeys(("median_value", "p25", "p75"))
    for row in report.targets:
        cohorts = found.setdefault(row["metric_name"], dict.fromkeys(COHORTS, nothing))
        cohorts[row["cohort"]] = row
    return {metric: found[metric] for metric in METRICS if metric in found}


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
        "name": names.as_html,
        "plain_name": names.as_text,
        "breakable": names.breakable,
        "one_line": names.on_one_line,
        "wrapped": _wrapped,
        "number": _number,
        "signed": _signed,
        "percent": _percent,
        "day": _day,
        "long_day": _long_day,
        "things": _things,
        "time_left": _time_left,
        "words": lambda code: str(code).replace("_", " "),
    }
    return environment


def _number(value: float | None) -> str:
    if value is None:
        return NOTHING
    rounded = round(float(value), 1)
    return f"{rounded:,.0f}" if rounded == int(rounded) else f"{rounded:,.1f}"


def _signed(value: float | None) -> str:
    """Return a change as people write it, with a real minus."""
    if value is None:
        return NOTHING
    if not value:
        return "±0"
    return f"{'+' if value > 0 else MINUS}{_number(abs(value))}"


def _percent(value: float | None) -> str:
    return NOTHING if value is None else f"{float(value):.0%}"


def _day(value: date | datetime | None) -> str:
    return NOTHING if value is None else f"{value.day} {value:%b}"


def _wrapped(text: object, indent: int = 0) -> str:
    """Return a text in lines of the mail's width, all but the first indented."""
    lines = textwrap.wrap(names.on_one_line(text), TEXT_WIDTH - indent)
    return ("\n" + " " * indent).join(lines)


def _long_day(value: date) -> str:
    return f"{value:%A}, {value.day} {value:%B %Y}"


def _time_left(trial: Mapping[str, Any], asked: Asked) -> str:
    """Return how long a trial still lasts; on its last day no day is left."""
    if trial["days_left_in_trial"]:
        return f"{_things(trial['days_left_in_trial'], 'day')} left"
    is_over = trial["org_day"] > int(asked.variables["trial_period_days"])
    return "trial over" if is_over else "last day"


def _things(count: int, thing: str) -> str:
    return f"{count:,} {thing}{'' if count == 1 else 's'}"
