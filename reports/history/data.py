"""The figures of the history page, read from the ledgers with one query each."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import groupby
from statistics import median
from typing import Any

from loaders.ledger import now
from loaders.ledger.completion import RERUN, SUCCESS
from loaders.ledger.run_outcomes import RUNNING, RunOutcome, read_run_outcomes
from loaders.warehouse import Connection, missing_columns
from loaders.warehouse.relations import list_relations
from reports.history.latest_date import LatestDate, read_latest_date

MAX_RUNS = 30
MAX_CHARTS = 5  # runs with a chart of their tasks
MAX_MODELS = 12
MAX_ALERTS = 20
MAX_DATES = 30
# Builds of this time make a model's median.
BASELINE = timedelta(days=60)
LEDGERS = (
    "alerts",
    "archives",
    "load_rejects",
    "loads",
    "model_runs",
    "reports",
    "runs",
    "salesforce_rejects",
    "salesforce_syncs",
)

Row = tuple[Any, ...]


@dataclass(frozen=True)
class TaskBar:
    """One task of a run: its kind, name, start and duration in seconds.

    `start` counts from the start of the run. `seconds` is 0 for archives and reports of
    earlier versions, of which the ledgers have only the end.
    """

    kind: str
    name: str
    start: float
    seconds: float
    has_failed: bool = False


@dataclass(frozen=True)
class RunChart:
    """The tasks of one run in the order of their start, and the seconds of the axis."""

    run: RunOutcome
    bars: Sequence[TaskBar]
    seconds: float


@dataclass(frozen=True)
class ModelTime:
    """The latest duration of a model beside the median of its own earlier builds.

    `median_seconds` and `ratio` are None for a model that was built once.
    """

    model: str
    seconds: float
    median_seconds: float | None
    builds: int

    @property
    def ratio(self) -> float | None:
        """The latest duration as a multiple of the median."""
        return self.seconds / self.median_seconds if self.median_seconds else None


@dataclass(frozen=True)
class Volume:
    """What was last loaded of one partition."""

    source: str
    dt: date
    lines: int
    rows: int
    rejects: int
    bytes: int


@dataclass(frozen=True)
class Alert:
    """One alert or recovery alert that a run sent."""

    at: datetime
    subject: str
    run_id: str


@dataclass(frozen=True)
class History:
    """Everything on the page. Each part may be empty.

    `volumes` holds the latest partitions by source, `report_dates` the data dates that
    have a report page. `latest_date` is None before the first model is built.
    """

    env: str
    version: str
    read_at: datetime
    runs: Sequence[RunOutcome] = ()
    charts: Sequence[RunChart] = ()
    models: Sequence[ModelTime] = ()
    volumes: Sequence[tuple[str, Sequence[Volume]]] = ()
    alerts: Sequence[Alert] = ()
    report_dates: frozenset[date] = frozenset()
    latest_date: LatestDate | None = None


def read_history(connection: Connection, *, env: str, version: str) -> History:
    """Read the history of an environment; it is empty before the first run."""
    schema = connection.schema("ops").strip('"')
    if not {(schema, name) for name in LEDGERS} <= list_relations(connection):
        return History(env, version, now())
    scope = [env, version]
    runs = read_run_outcomes(connection, env=env, version=version)[:MAX_RUNS]
    return History(
        env,
        version,
        now(),
        runs=runs,
        charts=_read_charts(connection, runs),
        models=_read_model_times(connection, scope),
        volumes=_read_volumes(connection),
        alerts=_read_alerts(connection, scope),
        report_dates=_read_report_dates(connection, scope),
        latest_date=read_latest_date(connection, env=env, version=version),
    )


def _read_charts(connection: Connection, runs: Sequence[RunOutcome]) -> list[RunChart]:
    """Return the tasks of the latest runs that did something."""
    if not runs:
        return []
    earliest = runs[-1].started_at
    tasks = _read_tasks(connection, earliest)
    charts: list[RunChart] = []
    for run in runs:
        bars = [_bar(run, row) for row in tasks if row[0] == run.run_id]
        if not bars and not run.first_error:
            continue
        bars.sort(key=lambda bar: (bar.start, bar.kind, bar.name))
        end = max((bar.start + bar.seconds for bar in bars), default=0.0)
        charts.append(RunChart(run, bars, max(end, run.seconds or 0.0, 1.0)))
        if len(charts) == MAX_CHARTS:
            break
    return charts


def _bar(run: RunOutcome, row: Row) -> TaskBar:
    _, kind, name, started_at, seconds, finished_at, status = row
    if started_at is None:
        started_at = finished_at - timedelta(seconds=float(seconds or 0.0))
        length = float(seconds or 0.0)
    else:
        length = (finished_at - started_at).total_seconds()
    start = (started_at - run.started_at).total_seconds()
    return TaskBar(kind, name, max(0.0, start), max(0.0, length), status == "failed")


def _read_tasks(connection: Connection, earliest: datetime) -> list[Row]:
    """Return run, kind, name, start, seconds, end and status of each task.

    A build of several data dates has one row per date; together they are one task. So
    do a report's page and each change of its mail status; the first row of a mail that
    is sent without a page is from its start.
    """
    no_time, no_number = "cast(null as timestamp)", "cast(null as double precision)"
    day = "cast({} as varchar(10))"
    started_at = {
        ledger: no_time
        if "started_at" in {c.name for c in missing_columns(connection, ledger)}
        else "started_at"
        for ledger in ("archives", "reports")
    }
    return connection.fetch_all(
        "-- reports.history.data tasks\n"
        f"select run_id, 'load', source || ' ' || {day.format('dt')}, started_at, "
        f"{no_number}, finished_at, 'success' from {connection.table('ops', 'loads')} "
        "where finished_at >= ? and status != ? "
        "union all select run_id, 'model', model, min(started_at), max(seconds), "
        f"max(finished_at), min(status) from (select *, {no_time} as started_at "
        f"from {connection.table('ops', 'model_runs')}) as builds "
        "where finished_at >= ? and status != ? group by run_id, model "
        f"union all select run_id, 'archive', dataset || ' ' || {day.format('dt')}, "
        f"{started_at['archives']}, {no_number}, finished_at, 'success' "
        f"from {connection.table('ops', 'archives')} "
        "where finished_at >= ? and fingerprint != ? "
        f"union all select run_id, 'sync', object, started_at, {no_number}, "
        f"finished_at, status from {connection.table('ops', 'salesforce_syncs')} "
        "where finished_at >= ? and status != ? "
        f"union all select run_id, 'report', report || ' ' || "
        f"{day.format('data_date')}, coalesce(min({started_at['reports']}), "
        f"min(finished_at)), {no_number}, max(finished_at), "
        f"'success' from {connection.table('ops', 'reports')} "
        "where finished_at >= ? and fingerprint != ? "
        "group by run_id, report, data_date",
        [earliest, RERUN] * 5,
    )


def _read_model_times(connection: Connection, scope: list[Any]) -> list[ModelTime]:
    """Return the models whose latest build was the slowest, slowest first."""
    rows = connection.fetch_all(
        "-- reports.history.data model times\n"
        "select model, run_id, max(seconds), max(finished_at) "
        f"from {connection.table('ops', 'model_runs')} where env = ? and version = ? "
        "and status = ? and finished_at >= ? group by model, run_id "
        "order by model, max(finished_at)",
        [*scope, SUCCESS, now() - BASELINE],
    )
    times = []
    for model, builds in groupby(rows, key=lambda row: str(row[0])):
        *earlier, latest = [float(row[2]) for row in builds]
        typical = median(earlier) if earlier else None
        times.append(ModelTime(model, latest, typical, len(earlier) + 1))
    return sorted(times, key=lambda time: (-time.seconds, time.model))[:MAX_MODELS]


def _read_volumes(
    connection: Connection,
) -> list[tuple[str, Sequence[Volume]]]:
    """Return the latest load of each of the last partitions, by source and date."""
    rows = connection.fetch_all(
        "-- reports.history.data volumes\n"
        "select source, dt, lines, rows_loaded, rejects, bytes from ("
        "select source, dt, lines, rows_loaded, rejects, bytes, "
        "row_number() over (partition by source, dt order by finished_at desc) "
        "as recency, dense_rank() over (partition by source order by dt desc) as age "
        f"from {connection.table('ops', 'loads')} where status != ?) as loads "
        f"where recency = 1 and age <= {MAX_DATES} order by source, dt",
        [RERUN],
    )
    volumes = [Volume(row[0], row[1], *(int(n or 0) for n in row[2:])) for row in rows]
    return [
        (source, tuple(group))
        for source, group in groupby(volumes, key=lambda volume: volume.source)
    ]


def _read_alerts(connection: Connection, scope: list[Any]) -> list[Alert]:
    rows = connection.fetch_all(
        "-- reports.history.data alerts\n"
        "select min(finished_at), subject, run_id "
        f"from {connection.table('ops', 'alerts')} where env = ? and version = ? "
        "group by alert, subject, run_id "
        f"order by min(finished_at) desc limit {MAX_ALERTS}",
        scope,
    )
    return [Alert(*row) for row in rows]


def _read_report_dates(connection: Connection, scope: list[Any]) -> frozenset[date]:
    rows = connection.fetch_all(
        "-- reports.history.data reports\n"
        f"select distinct data_date from {connection.table('ops', 'reports')} "
        "where env = ? and version = ? and fingerprint != ?",
        [*scope, RERUN],
    )
    return frozenset(day for (day,) in rows)


def is_over(run: RunOutcome) -> bool:
    """Return whether a run has ended, well or badly."""
    return run.outcome != RUNNING
