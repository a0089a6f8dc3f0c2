"""The figures of a data date in the ledgers, for the metrics of a run."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime

from loaders.ledger.completion import RERUN, SUCCESS
from loaders.warehouse import Connection, create_tables

SYNC_COLUMNS = (
    *("sent", "accepted", "rejected", "known_rejects", "unchanged", "api_calls"),
)


@dataclass(frozen=True)
class LoadFigures:
    """The latest load of a source."""

    source: str
    lines: int
    rows: int
    rejects: int
    bytes: int
    started_at: datetime
    finished_at: datetime


@dataclass(frozen=True)
class ModelFigures:
    """The latest build of a model; a view has no rows."""

    model: str
    rows: int | None
    seconds: float
    tests: int
    tests_warned: int
    status: str


def latest_loads(connection: Connection, data_date: date) -> list[LoadFigures]:
    """Return the latest load of each source for a date."""
    rows = connection.fetch_all(
        "-- loaders.ledger.samples loads\n"
        "select source, lines, rows_loaded, rejects, bytes, started_at, finished_at "
        "from (select *, row_number() over (partition by source "
        f"order by finished_at desc) as recency from {connection.table('ops', 'loads')}"
        " where dt = ? and status != ?) as loads where recency = 1 order by source",
        [data_date, RERUN],
    )
    return [LoadFigures(*row) for row in rows]


def latest_builds(
    connection: Connection, data_date: date, *, env: str, version: str
) -> list[ModelFigures]:
    """Return the latest build of each model for a date, also if it failed."""
    rows = connection.fetch_all(
        "-- loaders.ledger.samples model builds\n"
        'select model, "rows", seconds, coalesce(tests, 0), coalesce(tests_warned, 0), '
        "status from (select *, row_number() over (partition by model "
        "order by finished_at desc) as recency "
        f"from {connection.table('ops', 'model_runs')} where data_date = ? "
        "and env = ? and version = ? and status != ?) as runs "
        "where recency = 1 order by model",
        [data_date, env, version, RERUN],
    )
    return [ModelFigures(*row) for row in rows]


def latest_syncs(
    connection: Connection, data_date: date, *, env: str, version: str
) -> dict[str, dict[str, int]]:
    """Return the counts of the latest sync of each Salesforce object for a date."""
    create_tables.add_columns(connection, "salesforce_syncs")
    rows = connection.fetch_all(
        "-- loaders.ledger.samples syncs\n"
        f"select object, {', '.join(SYNC_COLUMNS)} from (select *, row_number() over "
        "(partition by object order by finished_at desc) as recency "
        f"from {connection.table('ops', 'salesforce_syncs')} where data_date = ? "
        "and env = ? and version = ? and status != ?) as syncs "
        "where recency = 1 order by object",
        [data_date, env, version, RERUN],
    )
    return {
        name: {
            column: int(count)
            for column, count in zip(SYNC_COLUMNS, counts, strict=True)
            if count is not None
        }
        for name, *counts in rows
    }


def newest_data_dates(
    connection: Connection, models: Collection[str], *, env: str, version: str
) -> dict[str, date]:
    """Return the newest data date that is built of each of these models."""
    rows = connection.fetch_all(
        "-- loaders.ledger.samples newest data dates\n"
        f"select model, max(data_date) from {connection.table('ops', 'model_runs')} "
        "where env = ? and version = ? and status = ? group by model order by model",
        [env, version, SUCCESS],
    )
    return {model: day for model, day in rows if model in models}
