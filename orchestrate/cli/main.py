"""The `nightshift` command: run a night, see what would run, see what ran.

Results go to standard output (a table to read, or JSON with --json), progress and
errors to standard error. Exit codes: 0 all done, 1 a task failed, 2 done but rows were
rejected beyond the threshold or left for later, 3 bad configuration or arguments.
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
from orchestrate.cli import doctor as examination
from orchestrate.cli import looker as looker_cli
from orchestrate.cli import salesforce as salesforce_cli
from orchestrate.cli import summary
from orchestrate.nightly import Nightly
from orchestrate.planning import run_state
from orchestrate.planning.rerun import request_rerun
from orchestrate.runs.execution import ExitCode, execute, require_past
from orchestrate.tasks import report as morning
from orchestrate.tasks.parameters import DEFAULT_ENV, DEFAULT_VERSION
from reports.console import console
from reports.org import explain
from reports.org import terminal as org_terminal

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    help=(
        "Nightshift: raw logs on S3 to marts, an archive and Salesforce, every night."
        "\n\nEvery command is safe to repeat: what is done is not done again."
        "\n\nExit codes: 0 all done (also when nothing was to do), 1 a task failed, "
        "2 done but rows were rejected beyond the threshold or left for later, "
        "3 bad configuration or arguments."
    ),
)

app.add_typer(salesforce_cli.app, name="salesforce")
app.add_typer(looker_cli.app, name="looker")

Day = Annotated[
    datetime | None,
    typer.Option(
        "--date",
        formats=["%Y-%m-%d"],
        help="data date: a day that has ended (UTC); without it, yesterday",
    ),
]
Env = Annotated[str, typer.Option(help="whose results; a folder of the archive")]
Version = Annotated[str, typer.Option(help="version of the results; a folder")]
Workers = Annotated[
    int, typer.Option(min=1, help="how many tasks run side by side on a server")
]
AsJson = Annotated[bool, typer.Option("--json", help="print JSON instead")]
DEFAULT_WORKERS = 2


@app.command()
def run(
    day: Day = None,
    env: Env = DEFAULT_ENV,
    version: Version = DEFAULT_VERSION,
    workers: Workers = DEFAULT_WORKERS,
    as_json: AsJson = False,
) -> None:
    """Do one night: load, build, test, archive, send to Salesforce.

    After a failure the same command goes on where it stopped.
    """
    data_date = _data_date(day)
    root = Nightly(data_date=data_date, env=env, version=version)
    _execute(root, command="run", workers=workers, as_json=as_json)


@app.command()
def backfill(
    first: Annotated[
        datetime, typer.Option("--from", formats=["%Y-%m-%d"], help="first data date")
    ],
    last: Annotated[
        datetime, typer.Option("--to", formats=["%Y-%m-%d"], help="last data date")
    ],
    env: Env = DEFAULT_ENV,
    version: Version = DEFAULT_VERSION,
    workers: Workers = DEFAULT_WORKERS,
    as_json: AsJson = False,
) -> None:
    """Do a range of nights in one pass; the result is that of night after night."""
    if first > last:
        raise ConfigError(f"--from {first:%Y-%m-%d} is after --to {last:%Y-%m-%d}.")
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
        typer.Option("--from", formats=["%Y-%m-%d"], help="first of a backfill"),
    ] = None,
    env: Env = DEFAULT_ENV,
    version: Version = DEFAULT_VERSION,
    as_json: AsJson = False,
) -> None:
    """Say what a run would do and why, without touching anything."""
    root = Nightly(
        data_date=_data_date(day),
        data_date_from=first.date() if first else None,
        env=env,
        version=version,
    )
    settings.load()
    steps = summary.plan(root)
    summary.show_plan(steps, root, as_json=as_json)


@app.command()
def rerun(
    day: Day = None,
    source: Annotated[
        list[str] | None, typer.Option(help="load this source again (repeatable)")
    ] = None,
    model: Annotated[
        list[str] | None, typer.Option(help="build this model and all below it again")
    ] = None,
    dataset: Annotated[
        list[str] | None, typer.Option(help="archive this dataset again")
    ] = None,
    salesforce: Annotated[
        bool, typer.Option("--salesforce", help="compare and send again")
    ] = False,
    mail_report: Annotated[
        bool, typer.Option("--report", help="write and mail the report again")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Do parts of a night again although they are done; without a part, all of it.

    Results are replaced as a whole, so this is as safe as the first run.
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
    is_to_open: Annotated[
        bool, typer.Option("--open", help="show the page in the browser")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Write a night's report page anew and say where it lies; no mail is sent.

    To mail it once more: nightshift rerun --date D --report
    """
    page = morning.show(run_state.refreshed(_data_date(day), env=env, version=version))
    if as_json:
        print(json.dumps({"page": str(page.path), "url": page.url}, indent=2))
    else:
        console.print(f"{page.path}\n{page.url}", markup=False)
    if is_to_open:
        typer.launch(page.path.as_uri())


@app.command()
def doctor(
    target: Annotated[
        str | None, typer.Option(help="look at this dbt target, not DBT_TARGET's")
    ] = None,
    salesforce: Annotated[
        bool,
        typer.Option(
            "--salesforce", help="count the values that Salesforce would refuse"
        ),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Check what a night needs and say how to mend it: profile, buckets, logins."""
    if target:
        os.environ["DBT_TARGET"] = target
    look = examination.examine_salesforce if salesforce else examination.examine
    checks = look()
    if as_json:
        print(json.dumps({"checks": [asdict(check) for check in checks]}, indent=2))
    else:
        examination.show(checks)
    if not all(check.is_well for check in checks):
        raise typer.Exit(int(ExitCode.MISCONFIGURED))


@app.command()
def status(
    nights: Annotated[int, typer.Option(min=1, help="how many nights to show")] = 7,
    env: Env = DEFAULT_ENV,
    version: Version = DEFAULT_VERSION,
    as_json: AsJson = False,
) -> None:
    """Show the last nights: lines, rejects, models, tests, archive, Salesforce."""
    settings.load()
    summary.show_nights(
        summary.nights(nights, env=env, version=version), as_json=as_json
    )


@app.command("explain-org")
def explain_org(
    org: Annotated[int, typer.Argument(min=1, help="the org's number")],
    day: Day = None,
    env: Env = DEFAULT_ENV,
    version: Version = DEFAULT_VERSION,
    as_json: AsJson = False,
) -> None:
    """Tell one org's story: raw lines, org days, metrics, targets, Salesforce."""
    story = explain.tell(org, _data_date(day), env=env, version=version)
    if as_json:
        print(json.dumps(explain.as_dict(story), indent=2, default=str))
    else:
        org_terminal.show(story)


def main() -> None:
    """Run the command line; every error ends in one message and its exit code."""
    log_file = logs.to_file()
    try:
        # Typer would end bad arguments with 2, which means something else here.
        code = app(standalone_mode=False)
    except TyperException as error:
        told = getattr(error, "format_message", lambda: "stopped")()
        _complain(f"{told} Try --help.")
        code = ExitCode.MISCONFIGURED
    except ConfigError as error:
        _complain(str(error))
        code = ExitCode.MISCONFIGURED
    except NightshiftError as error:
        _complain(f"{error}\nThe log is {log_file}.")
        code = ExitCode.FAILED
    sys.exit(int(code or 0))


def _complain(message: str) -> None:
    progress.console.print("[bold red]nightshift:[/] ", end="")
    progress.console.print(message, markup=False)


def _data_date(day: datetime | None) -> date:
    data_date = day.date() if day else datetime.now(UTC).date() - timedelta(days=1)
    require_past(data_date)
    return data_date


def _execute(root: Nightly, *, command: str, workers: int, as_json: bool) -> None:
    settings.load().require_complete()
    progress.show()
    outcome = execute(root, command=command, workers=workers)
    if outcome.exit_code == ExitCode.MISCONFIGURED:
        raise ConfigError(outcome.failures[0].error)
    if as_json:
        print(json.dumps(summary.as_dict(root, outcome), indent=2, default=str))
    else:
        summary.show(root, outcome)
    raise typer.Exit(int(outcome.exit_code))
