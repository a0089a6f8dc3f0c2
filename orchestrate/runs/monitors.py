"""What other systems get to know of a run: heartbeat, metrics and lineage.

Nothing here changes the outcome of a run.
"""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta

import luigi
import structlog

from loaders import heartbeat, ledger, metrics, warehouse
from loaders.errors import NightshiftError
from loaders.ledger import samples as figures
from loaders.metrics import Sample
from orchestrate import progress
from orchestrate.dbt import graph
from orchestrate.runs import lineage
from orchestrate.runs.outcome import ExitCode, Outcome

MART_SCHEMA = "marts"

log = structlog.get_logger()


def run_started(root: luigi.Task, started_at: datetime) -> None:
    """Call the monitor that expects a run, and observe the run's steps."""
    _ping(heartbeat.START)
    lineage.run_started(root, started_at)


def work_started() -> None:
    """Report that the run has something to do."""
    lineage.work_started()


def run_ended(
    root: luigi.Task, outcome: Outcome, command: str, started_at: datetime
) -> None:
    """Report how a run ended, which only exit code 0 makes a success."""
    lineage.run_ended(outcome)
    is_done = outcome.exit_code == ExitCode.DONE
    _ping(heartbeat.SUCCESS if is_done else heartbeat.FAIL)
    if metrics.is_configured():
        samples = list(_of_run(root, outcome, command, started_at))
        try:
            samples += _of_ledgers(root)
        except NightshiftError as error:
            log.warning("metrics without the ledgers", error=str(error))
        for problem in metrics.publish(samples, env=root.env, version=root.version):
            progress.print_line(problem, outcome="warn")


def _ping(event: str) -> None:
    if problem := heartbeat.ping(event):
        progress.print_line(problem, outcome="warn")


def _of_run(
    root: luigi.Task, outcome: Outcome, command: str, started_at: datetime
) -> Iterator[Sample]:
    finished_at = ledger.now()
    for name, value in (
        ("seconds", (finished_at - started_at).total_seconds()),
        ("success", outcome.exit_code == ExitCode.DONE),
        ("exit_code", outcome.exit_code),
        ("tasks_done", len(outcome.done)),
        ("tasks_failed", len(outcome.failures)),
        ("finished_timestamp_seconds", finished_at.replace(tzinfo=UTC).timestamp()),
        ("data_date_timestamp_seconds", _midnight(root.data_date)),
    ):
        yield Sample(f"nightshift_run_{name}", float(value), (command,))


def _of_ledgers(root: luigi.Task) -> list[Sample]:
    """Return the figures of the run's data date and how old each mart is."""
    if not warehouse.exists():
        return []
    day, scope = root.data_date, {"env": root.env, "version": root.version}
    marts = {n.name for n in graph.load().nodes.values() if n.schema == MART_SCHEMA}
    with warehouse.session() as connection:
        if not ledger.table_exists(connection):
            return []
        return [
            *_of_loads(figures.latest_loads(connection, day)),
            *_of_builds(figures.latest_builds(connection, day, **scope)),
            *_of_syncs(figures.latest_syncs(connection, day, **scope)),
            *_of_marts(figures.newest_data_dates(connection, marts, **scope)),
        ]


def _of_loads(loads: list[figures.LoadFigures]) -> Iterator[Sample]:
    for load in loads:
        seconds = (load.finished_at - load.started_at).total_seconds()
        for name, value in (
            ("lines", load.lines),
            ("rows", load.rows),
            ("rejects", load.rejects),
            ("bytes", load.bytes),
            ("seconds", seconds),
        ):
            yield Sample(f"nightshift_source_{name}", float(value), (load.source,))


def _of_builds(builds: list[figures.ModelFigures]) -> Iterator[Sample]:
    for build in builds:
        for name, value in (
            ("rows", build.rows),
            ("seconds", build.seconds),
            ("tests", build.tests),
            ("tests_warned", build.tests_warned),
            ("failed", build.status != ledger.SUCCESS),
        ):
            if value is not None:
                yield Sample(f"nightshift_model_{name}", float(value), (build.model,))


def _of_syncs(syncs: dict[str, dict[str, int]]) -> Iterator[Sample]:
    for object_name, counts in syncs.items():
        for name, count in counts.items():
            yield Sample(f"nightshift_salesforce_{name}", float(count), (object_name,))


def _of_marts(dates: dict[str, date]) -> Iterator[Sample]:
    now = datetime.now(UTC).timestamp()
    for mart, day in dates.items():
        start = _midnight(day)
        yield Sample("nightshift_mart_data_date_timestamp_seconds", start, (mart,))
        age = now - _midnight(day + timedelta(days=1))
        yield Sample("nightshift_mart_age_seconds", age, (mart,))


def _midnight(day: date) -> float:
    return datetime.combine(day, time(), UTC).timestamp()
