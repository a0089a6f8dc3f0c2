"""The run history on the terminal: runs, slowest models, volumes, alerts."""

from collections.abc import Sequence

from loaders import warehouse
from loaders.errors import ConfigError
from orchestrate.cli.tables import duration, make_table, print_rows
from orchestrate.runs import history_page
from reports.console import console, print_json, printable
from reports.history.data import History, Volume, read_history

MAX_SHOWN_RUNS = 10
MAX_SHOWN_DATES = 5
MAX_ERROR_LENGTH = 200
OPTIONAL_COLUMNS = ("run", "command", "tasks")
NO_VALUE = "-"


def print_history(*, env: str, version: str, as_json: bool) -> None:
    """Print the history as tables or as JSON."""
    history = read(env=env, version=version)
    if as_json:
        from reports.history import page

        print_json(page.as_dict(history))
        return
    if not history.runs:
        console.print("No run is recorded yet. Run: nightshift run --date D")
        return
    _print_runs(history)
    _print_models(history)
    _print_volumes(history.volumes)
    for alert in history.alerts[:MAX_SHOWN_RUNS]:
        console.print(
            f"Alert {alert.at:%Y-%m-%d %H:%M} UTC: {printable(alert.subject)}"
        )


def write_page(*, env: str, version: str, as_json: bool) -> history_page.Page:
    """Write the page again, and print its path and URL."""
    read(env=env, version=version)
    written = history_page.write(env=env, version=version)
    if as_json:
        print_json({"page": str(written.path), "url": written.url})
    else:
        console.print(f"{written.path}\n{written.url or written.problem}")
    return written


def read(*, env: str, version: str) -> History:
    """Return the history; `ConfigError` if there is no warehouse yet."""
    if not warehouse.exists():
        raise ConfigError(
            "There is no history yet: the warehouse does not exist. "
            "Run the pipeline first: nightshift run --date D"
        )
    with warehouse.session() as connection:
        return read_history(connection, env=env, version=version)


def _print_runs(history: History) -> None:
    rows = [
        {
            "data date": str(run.data_date)
            if run.data_date_from == run.data_date
            else f"{run.data_date_from} to {run.data_date}",
            "outcome": run.outcome,
            "started (UTC)": f"{run.started_at:%Y-%m-%d %H:%M}",
            "duration": duration(run.seconds),
            "tasks": NO_VALUE if run.tasks_done is None else str(run.tasks_done),
            "command": run.command,
            "run": run.run_id,
        }
        for run in history.runs[:MAX_SHOWN_RUNS]
    ]
    print_rows("Runs", rows, optional=OPTIONAL_COLUMNS)
    for run in history.runs[:MAX_SHOWN_RUNS]:
        if run.first_error:
            error = " ".join(run.first_error.split())[:MAX_ERROR_LENGTH]
            console.print(f"{run.data_date} {run.outcome}: {error}")


def _print_models(history: History) -> None:
    table = make_table(
        "Slowest models", "model", "duration", "duration\nmedian", "builds"
    )
    for time in history.models[:MAX_SHOWN_RUNS]:
        typical = time.median_seconds
        table.add_row(
            time.model,
            f"{time.seconds:.1f} s",
            NO_VALUE if typical is None else f"{typical:.1f} s",
            str(time.builds),
        )
    console.print_table(table)


def _print_volumes(volumes: Sequence[tuple[str, Sequence[Volume]]]) -> None:
    table = make_table("Volumes", "source", "partition", "lines", "rows", "rejects")
    for source, days in volumes:
        for day in days[-MAX_SHOWN_DATES:]:
            table.add_row(
                source,
                str(day.dt),
                f"{day.lines:,}",
                f"{day.rows:,}",
                f"{day.rejects:,}",
            )
    console.print_table(table)
