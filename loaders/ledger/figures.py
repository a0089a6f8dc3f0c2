"""Figures of past runs, read from the ledger tables."""

from datetime import date
from typing import Any

from loaders.ledger.completion import RERUN
from loaders.warehouse import Connection


def last_data_dates(
    connection: Connection, count: int, *, env: str, version: str
) -> list[date]:
    """Return the latest data dates with a model build, newest first."""
    rows = connection.fetch_all(
        "-- loaders.ledger.figures last data dates\n"
        f"select distinct data_date from {connection.table('ops', 'model_runs')} "
        f"where env = ? and version = ? order by data_date desc limit {int(count)}",
        [env, version],
    )
    return [day for (day,) in rows]


def run_figures(
    connection: Connection, data_date: date, *, env: str, version: str
) -> dict[str, Any]:
    """Return `loads`, `models`, `archives`, `salesforce`, `finished_at` of a data date.

    Each figure comes from the latest row of its source, model or sync.
    """
    scope = [data_date, env, version]
    loads = connection.fetch_all(
        "-- loaders.ledger.figures loads\n"
        "select source, lines, rows_loaded, rejects, objects from ("
        "select *, row_number() over (partition by source order by finished_at desc) "
        f"as recency from {connection.table('ops', 'loads')} where dt = ? "
        "and status != ?) as loads where recency = 1 order by source",
        [data_date, RERUN],
    )
    done, failed, tests, tests_warned, finished_at = connection.fetch_all(
        "-- loaders.ledger.figures model builds\n"
        "select coalesce(sum(case when status = 'success' then 1 else 0 end), 0), "
        "coalesce(sum(case when status = 'success' then 0 else 1 end), 0), "
        "coalesce(sum(tests), 0), coalesce(sum(tests_warned), 0), max(finished_at) "
        "from (select *, row_number() over ("
        "partition by model order by finished_at desc) as recency "
        f"from {connection.table('ops', 'model_runs')} "
        "where data_date = ? and env = ? and version = ? and status != ?) as runs "
        "where recency = 1",
        [*scope, RERUN],
    )[0]
    archives = connection.fetch_one(
        "-- loaders.ledger.figures archives\n"
        f"select count(distinct dataset) from {connection.table('ops', 'archives')} "
        "where dt = ? and env = ? and version = ? and fingerprint != ?",
        [*scope, RERUN],
    )
    syncs = connection.fetch_all(
        "-- loaders.ledger.figures salesforce syncs\n"
        "select status, sent, accepted, rejected, unchanged "
        f"from {connection.table('ops', 'salesforce_syncs')} "
        "where data_date = ? and env = ? and version = ? and status != ? "
        "order by finished_at desc limit 1",
        [*scope, RERUN],
    )
    load_names = ("source", "lines", "rows", "rejects", "objects")
    sync_names = ("status", "sent", "accepted", "rejected", "unchanged")
    return {
        "loads": [dict(zip(load_names, row, strict=True)) for row in loads],
        "models": {
            "done": int(done),
            "failed": int(failed),
            "tests": int(tests),
            "tests_warned": int(tests_warned),
        },
        "archives": archives[0] if archives else 0,
        "salesforce": dict(zip(sync_names, syncs[0], strict=True)) if syncs else {},
        "finished_at": finished_at,
    }
