"""The commands that show results and check the setup."""

import os
import webbrowser
from dataclasses import asdict
from datetime import datetime
from typing import Annotated

import typer

from loaders.config import settings
from orchestrate.cli import doctor, expectation
from orchestrate.cli import history as run_history
from orchestrate.cli import status as status_table
from orchestrate.cli.options import (
    AsJson,
    Day,
    Env,
    Version,
    parse_data_date,
    require_id,
)
from orchestrate.planning import run_state
from orchestrate.runs.outcome import ExitCode
from orchestrate.tasks.parameters import DEFAULT_ENV, DEFAULT_VERSION
from orchestrate.tasks.report import newest_report_date, write_page
from reports.console import console, error_console, print_json
from reports.org import explain, terminal


def report(
    day: Annotated[
        datetime | None,
        typer.Option(
            "--date",
            formats=["%Y-%m-%d"],
            help="Data date. Default: the newest with a report.",
        ),
    ] = None,
    env: Env = DEFAULT_ENV,
    version: Version = DEFAULT_VERSION,
    open_page: Annotated[
        bool, typer.Option("--open", help="Open the page in the browser.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Write a date's report page again and print its path and URL; send no mail.

    To mail it again: nightshift rerun --date D --report
    """
    data_date = day.date() if day else newest_report_date(env=env, version=version)
    page = write_page(run_state.reload(data_date, env=env, version=version))
    if as_json:
        print_json({"page": str(page.path), "url": page.url})
    else:
        console.print(f"{page.path}\n{page.url}")
    if open_page and not webbrowser.open(page.path.as_uri()):
        error_console.print("No browser could be started. Open the page yourself.")


def check_setup(
    target: Annotated[
        str | None, typer.Option(help="dbt target to check. Default: DBT_TARGET.")
    ] = None,
    salesforce: Annotated[
        bool,
        typer.Option(
            "--salesforce",
            help="Only check the mart's values against the fields in Salesforce.",
        ),
    ] = False,
    send_test_alert: Annotated[
        bool,
        typer.Option(
            "--send-test-alert",
            help="Only send a test alert to everybody who receives alerts.",
        ),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Check everything that a run needs, and show how to fix each problem."""
    if target:
        os.environ["DBT_TARGET"] = target
    if send_test_alert:
        checks = doctor.send_test_alert()
    else:
        checks = doctor.run_salesforce_checks() if salesforce else doctor.run_checks()
    if as_json:
        print_json({"checks": [asdict(check) for check in checks]})
    else:
        doctor.print_checks(checks)
    if not all(check.passed for check in checks):
        raise typer.Exit(int(ExitCode.MISCONFIGURED))


def status(
    count: Annotated[
        int, typer.Option("--nights", min=1, help="Number of data dates to show.")
    ] = 7,
    expect_by: Annotated[
        str | None,
        typer.Option(
            metavar="HH:MM",
            help="Exit 1 if yesterday is not done and it is later than this (UTC).",
        ),
    ] = None,
    env: Env = DEFAULT_ENV,
    version: Version = DEFAULT_VERSION,
    as_json: AsJson = False,
) -> None:
    """Show the latest runs: outcome, duration, first error, lines, Salesforce."""
    by = expectation.parse_time(expect_by) if expect_by is not None else None
    settings.load()
    latest = status_table.read_status(count, env=env, version=version)
    found = expectation.check_now(by, env=env, version=version) if by else None
    status_table.print_status(latest, found, as_json=as_json)
    if found and found.is_late:
        raise typer.Exit(int(ExitCode.FAILED))


def history(
    env: Env = DEFAULT_ENV,
    version: Version = DEFAULT_VERSION,
    as_html: Annotated[
        bool,
        typer.Option("--html", help="Write the page again, and print path and URL."),
    ] = False,
    open_page: Annotated[
        bool, typer.Option("--open", help="Write the page and open it in the browser.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Show the run history: runs, slowest models, volumes and rejects, alerts.

    Each run writes it as a page with a chart of its tasks, beside the reports.
    """
    settings.load()
    if not (as_html or open_page):
        run_history.print_history(env=env, version=version, as_json=as_json)
        return
    written = run_history.write_page(env=env, version=version, as_json=as_json)
    if open_page and not webbrowser.open(written.path.as_uri()):
        error_console.print("No browser could be started. Open the page yourself.")


def explain_org(
    org: Annotated[
        int,
        typer.Argument(
            callback=require_id, help="The org's id. A negative one after `--`."
        ),
    ],
    day: Day = None,
    env: Env = DEFAULT_ENV,
    version: Version = DEFAULT_VERSION,
    as_json: AsJson = False,
) -> None:
    """Trace one org: raw records, org days, metrics, targets, Salesforce."""
    trace = explain.trace_org(org, parse_data_date(day), env=env, version=version)
    if as_json:
        print_json(explain.as_dict(trace))
    else:
        terminal.print_trace(trace)
