"""The latest data dates, read from the ledgers, as a table or as JSON.

A date's outcome is that of the latest run that includes it. Its figures are those of
its latest loads, models, archives and sync.
"""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import date, timedelta
from typing import Any

from loaders import ledger, warehouse
from loaders.errors import NightshiftError
from loaders.ledger.drift import check_command, latest_checks, open_findings
from loaders.ledger.mails import open_recipients
from loaders.ledger.run_outcomes import (
    DONE,
    REJECTED,
    RUNNING,
    RunOutcome,
    read_run_outcomes,
)
from loaders.warehouse import Connection
from orchestrate.cli.expectation import Expectation
from orchestrate.cli.sync_results import (
    print_permanent_rejects,
    read_permanent_rejects,
)
from orchestrate.cli.tables import duration, print_rows
from orchestrate.nightly import Nightly
from orchestrate.planning.changed_partitions import ChangedPartition, find_for_status
from orchestrate.runs.remedy import resume_command
from reports.console import console, indented, print_json, printable, styled

# Left out on narrow terminals, in this order. --json has all of them.
OPTIONAL_COLUMNS = (
    *(
        "sf\nunmatched",
        "sf\nunchanged",
        "archived",
        "sf\naccepted",
        "tests\nwarned",
        "finished (UTC)",
    ),
    *("models", "sf\nsent", "rejects", "sf\nrejected", "lines"),
)
MAX_ERROR_LENGTH = 500
NO_VALUE = "-"


@dataclass(frozen=True)
class Status:
    """What `nightshift status` shows.

    `runs` has the latest data dates, newest first, `open_mails` who waits for a mail.
    `changed_partitions` changed on S3 after they were loaded, and no run will load them
    by itself; if S3 cannot be listed, they are not known and `unchecked` has the cause.
    `drift` has what the last check of each Salesforce object found, `rejects` the rows
    that Salesforce will always reject, by object and code.
    """

    runs: list[dict[str, Any]] = field(default_factory=list)
    open_mails: list[dict[str, Any]] = field(default_factory=list)
    changed_partitions: list[ChangedPartition] = field(default_factory=list)
    unchecked: str = ""
    drift: list[dict[str, str]] = field(default_factory=list)
    rejects: list[dict[str, Any]] = field(default_factory=list)


def read_status(count: int, *, env: str, version: str) -> Status:
    """Return the status of the last `count` data dates; S3 need not be reachable."""
    runs = _read_runs(count, env=env, version=version)
    mails = _read_open_mails(env=env, version=version)
    status = Status(runs, mails, **_read_salesforce())
    try:
        changed = find_for_status(env=env, version=version) if runs else []
    except NightshiftError as error:
        return replace(status, unchecked=str(error))
    return replace(status, changed_partitions=changed)


def _read_salesforce() -> dict[str, Any]:
    """Return the drift and the permanent rejects of all objects."""
    if not warehouse.exists():
        return {}
    with warehouse.session() as connection:
        drift = open_findings(latest_checks(connection))
        if not ledger.table_exists(connection, "salesforce_rejects"):
            return {"drift": drift}
        rejects = read_permanent_rejects(connection)
    return {"drift": drift, "rejects": rejects}


def _read_runs(count: int, *, env: str, version: str) -> list[dict[str, Any]]:
    """Return outcome and figures of the last `count` data dates, newest first."""
    if not warehouse.exists():
        return []
    with warehouse.session() as connection:
        if not ledger.table_exists(connection):
            return []
        outcomes = read_run_outcomes(connection, env=env, version=version)
        days = {
            *ledger.last_data_dates(connection, count, env=env, version=version),
            *(day for run in outcomes for day in _last_days(run, count)),
        }
        return [
            _read_day(connection, day, outcomes, env=env, version=version)
            for day in sorted(days, reverse=True)[:count]
        ]


def _last_days(run: RunOutcome, count: int) -> Iterator[date]:
    """Yield the last data dates of a run, at most `count`."""
    days = (run.data_date - run.data_date_from).days + 1
    for number in range(min(days, count)):
        yield run.data_date - timedelta(days=number)


def _read_day(
    connection: Connection,
    day: date,
    outcomes: Sequence[RunOutcome],
    *,
    env: str,
    version: str,
) -> dict[str, Any]:
    figures = ledger.data_date_figures(connection, day, env=env, version=version)
    # The newest is first. There is none for dates from before runs were recorded.
    run = next((r for r in outcomes if r.data_date_from <= day <= r.data_date), None)
    if run is None:
        return {"data_date": day, "outcome": "", "first_error": "", **figures}
    return {
        "data_date": day,
        "outcome": run.outcome,
        "command": run.command,
        "run_id": run.run_id,
        "run_from": run.data_date_from,
        "run_to": run.data_date,
        "exit_code": run.exit_code,
        "started_at": run.started_at,
        "seconds": run.seconds,
        "first_error": run.first_error or _rejects_error(run, figures),
        "next_step": _next_step(run, env=env, version=version),
        **figures,
        "finished_at": run.finished_at,
    }


def _rejects_error(run: RunOutcome, figures: dict[str, Any]) -> str:
    if run.outcome != REJECTED:
        return ""
    syncs = figures["salesforce_objects"]
    rejected = sum(sync["rejected"] for sync in syncs.values())
    names = ", ".join(name for name, sync in syncs.items() if sync["rejected"])
    count = f"{rejected:,}" if rejected else "all"
    return f"Salesforce has not accepted {count} rows{names and f' of {names}'}."


def _next_step(run: RunOutcome, *, env: str, version: str) -> str:
    """Return the command that continues after a run, or ''."""
    if run.outcome in (DONE, RUNNING):
        return ""
    if run.outcome == REJECTED:
        return "nightshift salesforce rejects"
    root = Nightly(
        data_date=run.data_date,
        data_date_from=run.data_date_from,
        env=env,
        version=version,
    )
    return resume_command(root)


def _read_open_mails(*, env: str, version: str) -> list[dict[str, Any]]:
    """Return who waits for a report or an alert, since when, and the latest reply."""
    if not warehouse.exists():
        return []
    with warehouse.session() as connection:
        waiting = open_recipients(connection, env=env, version=version)
    return [
        {
            "kind": entry.mail.kind,
            "data_date": entry.mail.data_date,
            "recipient": entry.recipient,
            "since": entry.since,
            "message": entry.message,
        }
        for entry in waiting
    ]


def print_status(
    status: Status, expected: Expectation | None = None, *, as_json: bool
) -> None:
    """Print one row per data date, the error and next step of each failed run.

    Then print who waits for a mail, the partitions that changed on S3, and whether
    yesterday is done if that is `expected`.
    """
    if as_json:
        extra = {"expected": asdict(expected)} if expected else {}
        print_json({**asdict(status), **extra})
        return
    _print_tables(status)
    if expected:
        style = "bold red" if expected.is_late else ""
        console.print(styled(expected.message, style))


def _print_tables(status: Status) -> None:
    if not status.runs:
        console.print("No run yet. Start one: nightshift run --date D")
        return
    rows = [_row(run) for run in status.runs]
    print_rows("Latest runs", rows, optional=OPTIONAL_COLUMNS)
    printed = set()
    for run in status.runs:
        if run["first_error"] and run["run_id"] not in printed:
            printed.add(run["run_id"])
            _print_error(run)
    _print_open_mails(status.open_mails)
    _print_changed_partitions(status)
    print_permanent_rejects(status.rejects)
    for item in status.drift:
        console.print(styled(f"\nDrift of {item['object']}:", "bold"), item["message"])
        console.print(f"  Show it: {check_command(item['object'])}")
        console.print(f"  Next: {item['repair']}")


def _print_open_mails(open_mails: Sequence[dict[str, Any]]) -> None:
    for mail in open_mails:
        console.print(
            styled(f"\nOpen {mail['kind']} of {mail['data_date']}:", "bold"),
            f"{mail['recipient']} waits since {mail['since']:%Y-%m-%d %H:%M} UTC. "
            f"{printable(mail['message'])}",
        )
    if open_mails:
        console.print("  Next: any run sends them again.")


def _print_changed_partitions(status: Status) -> None:
    if status.unchecked:
        unchecked = indented(status.unchecked)
        console.print(f"\nChanged partitions are not known: {unchecked}")
    if status.changed_partitions:
        title = "\nPartitions that changed on S3 after they were loaded:"
        console.print(styled(title, "bold"))
    for item in status.changed_partitions:
        console.print(f"  {item.source} dt={item.dt}. Next: {item.command}")


def _row(run: dict[str, Any]) -> dict[str, str]:
    loads, models, sync = run["loads"], run["models"], run["salesforce"]
    built = models["done"] + models["failed"]
    finished_at = run["finished_at"]
    return {
        "data date": str(run["data_date"]),
        "outcome": run["outcome"] or NO_VALUE,
        "duration": duration(run.get("seconds")),
        "lines": _total(loads, "lines"),
        "rejects": _total(loads, "rejects"),
        "models": f"{models['done']} of {built}"
        if models["failed"]
        else str(built or NO_VALUE),
        "tests\nwarned": str(models["tests_warned"]) if built else NO_VALUE,
        "archived": str(run["archives"] or NO_VALUE),
        **{
            f"sf\n{name}": f"{sync[name]:,}" if sync else NO_VALUE
            for name in ("sent", "accepted", "unchanged", "rejected")
        },
        "sf\nunmatched": _total(list(run["salesforce_objects"].values()), "unmatched"),
        "finished (UTC)": f"{finished_at:%Y-%m-%d %H:%M}" if finished_at else NO_VALUE,
    }


def _total(loads: list[dict[str, Any]], name: str) -> str:
    return f"{sum(load[name] for load in loads):,}" if loads else NO_VALUE


def _print_error(run: dict[str, Any]) -> None:
    first, last = run["run_from"], run["run_to"]
    days = str(last) if first == last else f"{first} to {last}"
    error = run["first_error"]
    if console.is_terminal and len(error) > MAX_ERROR_LENGTH:
        error = f"{error[:MAX_ERROR_LENGTH]} … (all of it: nightshift status --json)"
    console.print(styled(f"\n{days} {run['outcome']}:", "bold"), indented(error))
    console.print(f"  Next: {run['next_step']}")
