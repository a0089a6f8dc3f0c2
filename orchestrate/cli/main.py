"""The `nightshift` command: runs the pipeline, shows plans and results.

Results go to standard output (tables, or JSON with --json), progress and errors to
standard error. Exit codes: 0 all done, 1 a task failed, 2 done, but Salesforce has not
accepted all rows, 3 bad configuration or arguments.
"""

import json
import os
import sys
from dataclasses import asdict
from datetime import UTC, date, datetime, timedelta
from typing import Annotated

import typer
from typer.exceptions import TyperException

from loaders.config import settings
from loaders.errors import ConfigError, NightshiftError
from orchestrate import logs, progress
from orchestrate.cli import doctor, looker, salesforce, summary
from orchestrate.nightly import Nightly
from orchestrate.planning import run_state
from orchestrate.planning.rerun import request_rerun
from orchestrate.runs.execution import execute, require_past
from orchestrate.runs.outcome import ExitCode
from orchestrate.tasks.parameters import DEFAULT_ENV, DEFAULT_VERSION
from orchestrate.tasks.report import write_page
from reports.console import console
from reports.org import explain, terminal

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    help=(
        "Nightshift: loads raw logs from S3, builds marts, and publishes them to "
        "Looker, an S3 archive and Salesforce."
        "\n\nEvery command is safe to repeat: work that is done is not repeated."
        "\n\nExit codes: 0 all done (also if there was nothing to do), 1 a task "
        "failed, 2 done, but Salesforce has not accepted all rows, 3 bad configuration "
        "or arguments."
    ),
)

app.add_typer(salesforce.app, name="salesforce")
app.add_typer(looker.app, name="looker")

Day = Annotated[
    datetime | None,
    typer.Option(
        "--date",
        formats=["%Y-%m-%d"],
        help="Data date: a day that has ended (UTC). Default: yesterday.",
    ),
]
Env = Annotated[
    str, typer.Option(help="Name that separates results: first folder of the archive.")
]
Version = Annotated[
    str, typer.Option(help="Version of the results: second folder of the archive.")
]
Workers = Annotated[
    int, typer.Option(min=1, help="Parallel tasks on Redshift. DuckDB uses one.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
DEFAULT_WORKERS = 2


@app.command()
def run(
    day: Day = None,
    env: Env = DEFAULT_ENV,
    version: Version = DEFAULT_VERSION,
    workers: Workers = DEFAULT_WORKERS,
    as_json: AsJson = False,
) -> None:
    """Run the pipeline for one date: load, build, test, archive, send, report.

    After a failure, the same command resumes where the run stopped.
    """
    data_date = _data_date(day)
    root = Nightly(data_date=data_date, env=env, version=version)
    _execute(root, command="run", workers=workers, as_json=as_json)


@app.command()
def backfill(
    first: Annotated[
        datetime, typer.Option("--from", formats=["%Y-%m-%d"], help="First data date.")
    ],
    last: Annotated[
        datetime, typer.Option("--to", formats=["%Y-%m-%d"], help="Last data date.")
    ],
    env: Env = DEFAULT_ENV,
    version: Version = DEFAULT_VERSION,
    workers: Workers = DEFAULT_WORKERS,
    as_json: AsJson = False,
) -> None:
    """Backfill a date range in one pass, with the results of one run per date."""
    if first > last:
        raise ConfigError(
            f"--from {first:%Y-%m-%d} is after --to {last:%Y-%m-%d}. Swap the dates."
        )
    root = Nightly(
        data_date=_data_date(last),
        data_date_from=first.date(),
        env=env,
        version=version,
    )
    _execute(root, command="backfill", workers=workers, as_json=as_json)


@app.command()
def plan(
    day: Day = None,
    first: Annotated[
        datetime | None,
        typer.Option(
            "--from", formats=["%Y-%m-%d"], help="First data date of a backfill."
        ),
    ] = None,
    env: Env = DEFAULT_ENV,
    version: Version = DEFAULT_VERSION,
    as_json: AsJson = False,
) -> None:
    """Show what a run would do and why, without changing anything."""
    root = Nightly(
        data_date=_data_date(day),
        data_date_from=first.date() if first else None,
        env=env,
        version=version,
    )
    settings.load()
    summary.print_plan(summary.plan(root), root, as_json=as_json)


@app.command()
def rerun(
    day: Day = None,
    source: Annotated[
        list[str] | None, typer.Option(help="Reload this source (repeatable).")
    ] = None,
    model: Annotated[
        list[str] | None,
        typer.Option(help="Rebuild this model and its descendants (repeatable)."),
    ] = None,
    dataset: Annotated[
        list[str] | None, typer.Option(help="Archive this dataset again (repeatable).")
    ] = None,
    salesforce: Annotated[
        bool, typer.Option("--salesforce", help="Sync to Salesforce again.")
    ] = False,
    mail_report: Annotated[
        bool, typer.Option("--report", help="Write and mail the report again.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Repeat finished parts of a run; without an option, all parts.

    Results are replaced as a whole, so a rerun is as safe as the first run.
    """
    root = Nightly(data_date=_data_date(day))
    settings.load().require_complete()
    request_rerun(
        root.data_date,
        env=root.env,
        version=root.version,
        sources=source,
        models=model,
        datasets=dataset,
        salesforce=salesforce,
        report=mail_report,
    )
    _execute(root, command="rerun", workers=DEFAULT_WORKERS, as_json=as_json)


@app.command()
def report(
    day: Day = None,
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
    state = run_state.reload(_data_date(day), env=env, version=version)
    page = write_page(state)
    if as_json:
        print(json.dumps({"page": str(page.path), "url": page.url}, indent=2))
    else:
        console.print(f"{page.path}\n{page.url}", markup=False)
    if open_page:
        typer.launch(page.path.as_uri())


@app.command("doctor")
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
    as_json: AsJson = False,
) -> None:
    """Check everything that a run needs, and show how to fix each problem."""
    if target:
        os.environ["DBT_TARGET"] = target
    checks = doctor.run_salesforce_checks() if salesforce else doctor.run_checks()
    if as_json:
        print(json.dumps({"checks": [asdict(check) for check in checks]}, indent=2))
    else:
        doctor.print_checks(checks)
    if not all(check.passed for check in checks):
        raise typer.Exit(int(ExitCode.MISCONFIGURED))


@app.command()
def status(
    count: Annotated[
        int, typer.Option("--nights", min=1, help="Number of data dates to show.")
    ] = 7,
    env: Env = DEFAULT_ENV,
    version: Version = DEFAULT_VERSION,
    as_json: AsJson = False,
) -> None:
    """Show the latest runs: lines, rejects, models, tests, archive, Salesforce."""
    settings.load()
    runs = summary.read_runs(count, env=env, version=version)
    summary.print_runs(runs, as_json=as_json)


@app.command("explain-org")
def explain_org(
    org: Annotated[int, typer.Argument(min=1, help="The org's id.")],
    day: Day = None,
    env: Env = DEFAULT_ENV,
    version: Version = DEFAULT_VERSION,
    as_json: AsJson = False,
) -> None:
    """Trace one org: raw records, org days, metrics, targets, Salesforce."""
    trace = explain.trace_org(org, _data_date(day), env=env, version=version)
    if as_json:
        print(json.dumps(explain.as_dict(trace), indent=2, default=str))
    else:
        terminal.print_trace(trace)


def main() -> None:
    """Run the command line; print one message for any error and set the exit code."""
    log_file = logs.log_to_file()
    try:
        # In standalone mode, Typer exits with 2 for bad arguments, but 2 means rejects.
        code = app(standalone_mode=False)
    except TyperException as error:
        message = getattr(error, "format_message", lambda: "Aborted.")()
        _print_error(f"{message} Try --help.")
        code = ExitCode.MISCONFIGURED
    except ConfigError as error:
        _print_error(str(error))
        code = ExitCode.MISCONFIGURED
    except NightshiftError as error:
        _print_error(f"{error}\nThe log is {log_file}.")
        code = ExitCode.FAILED
    sys.exit(int(code or 0))


def _print_error(message: str) -> None:
    progress.console.print("[bold red]nightshift:[/] ", end="")
    progress.console.print(message, markup=False)


def _data_date(day: datetime | None) -> date:
    data_date = day.date() if day else datetime.now(UTC).date() - timedelta(days=1)
    require_past(data_date)
    return data_date


def _execute(root: Nightly, *, command: str, workers: int, as_json: bool) -> None:
    settings.load().require_complete()
    progress.enable()
    outcome = execute(root, command=command, workers=workers)
    if outcome.exit_code == ExitCode.MISCONFIGURED:
        raise ConfigError(outcome.failures[0].error)
    if as_json:
        print(json.dumps(summary.as_dict(root, outcome), indent=2, default=str))
    else:
        summary.print_outcome(root, outcome)
    raise typer.Exit(int(outcome.exit_code))
