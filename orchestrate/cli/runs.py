"""The commands that run the pipeline or show what a run would do."""

from datetime import datetime
from typing import Annotated

import typer

from loaders.config import settings
from loaders.errors import ConfigError, NightshiftError
from orchestrate import progress
from orchestrate.cli import plans, summary
from orchestrate.cli.options import (
    DEFAULT_WORKERS,
    AsJson,
    Day,
    Env,
    Version,
    Workers,
    parse_data_date,
)
from orchestrate.nightly import Nightly
from orchestrate.planning import finality, run_state
from orchestrate.planning.rerun import request_rerun
from orchestrate.runs.execution import execute
from orchestrate.tasks.parameters import DEFAULT_ENV, DEFAULT_VERSION


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
    data_date = parse_data_date(day)
    root = Nightly(data_date=data_date, env=env, version=version)
    _execute(root, command="run", workers=workers, as_json=as_json)


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
        data_date=parse_data_date(last),
        data_date_from=first.date(),
        env=env,
        version=version,
    )
    _execute(root, command="backfill", workers=workers, as_json=as_json)


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
        data_date=parse_data_date(day),
        data_date_from=first.date() if first else None,
        env=env,
        version=version,
    )
    settings.load()
    plans.print_plan(plans.plan(root), root, as_json=as_json)


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
    root = Nightly(data_date=parse_data_date(day))
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


def _execute(root: Nightly, *, command: str, workers: int, as_json: bool) -> None:
    settings.load().require_complete()
    _require_open(root)
    progress.enable()
    outcome = execute(root, command=command, workers=workers)
    summary.print_outcome(root, outcome, as_json=as_json)
    raise typer.Exit(int(outcome.exit_code))


def _require_open(root: Nightly) -> None:
    """Raise `ConfigError` for a final date before anything starts or is recorded."""
    try:
        state = run_state.load(
            root.data_date, root.data_date_from, env=root.env, version=root.version
        )
    except NightshiftError:
        return  # The run meets the same problem and reports it.
    finality.require_open(state.completed, state.data_date_from)
