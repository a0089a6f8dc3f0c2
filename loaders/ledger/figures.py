"""Figures of data dates and of single runs, read from the ledger tables."""

from datetime import date
from typing import Any

from loaders.config.salesforce_mapping import SALESFORCE_OBJECT
from loaders.ledger.completion import RERUN, SUCCESS
from loaders.ledger.drift import latest_checks, open_findings
from loaders.warehouse import Connection

LOAD_COLUMNS = ("source", "lines", "rows", "rejects", "objects")
SYNC_COLUMNS = ("status", "sent", "accepted", "rejected", "unchanged")
ADDED_COLUMNS = ("unmatched", "known_rejects")  # earlier versions did not have them
REPORT_COLUMNS = ("url", "mail_status", "recipients", "message")


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


def data_date_figures(
    connection: Connection, data_date: date, *, env: str, version: str
) -> dict[str, Any]:
    """Return `loads`, `models`, `archives`, `salesforce`, `drift`, `finished_at`.

    Each figure comes from the latest row of its source, model or sync of the data date.
    `salesforce` is that of the trial metrics, `salesforce_objects` has all objects.
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
    syncs = _latest_syncs(
        connection, "data_date = ? and env = ? and version = ?", scope
    )
    return {
        "loads": [dict(zip(LOAD_COLUMNS, row, strict=True)) for row in loads],
        "models": {
            "done": int(done),
            "failed": int(failed),
            "tests": int(tests),
            "tests_warned": int(tests_warned),
        },
        "archives": archives[0] if archives else 0,
        "salesforce": syncs.get(SALESFORCE_OBJECT, {}),
        "salesforce_objects": syncs,
        "drift": open_findings(latest_checks(connection, data_date=data_date)),
        "finished_at": finished_at,
    }


def _latest_syncs(
    connection: Connection, condition: str, parameters: list[object]
) -> dict[str, dict[str, Any]]:
    """Return the figures of the latest sync of each object, by object.

    Numbers that an earlier version did not record are 0.
    """
    table = connection.table("ops", "salesforce_syncs")
    sender = "-- loaders.ledger.figures"
    columns = connection.columns(f"{sender} sync columns\nselect * from {table}")
    existing = {name for name, _ in columns}
    added = ", ".join(
        f"coalesce({name}, 0)" if name in existing else "0" for name in ADDED_COLUMNS
    )
    names = (*SYNC_COLUMNS, *ADDED_COLUMNS)
    rows = connection.fetch_all(
        f"{sender} latest syncs\n"
        f"select object, {', '.join(SYNC_COLUMNS)}, {added} from ("
        "select *, row_number() over (partition by object order by finished_at desc) "
        f"as recency from {table} where {condition} and status != ?) as syncs "
        "where recency = 1 order by object",
        [*parameters, RERUN],
    )
    return {name: dict(zip(names, values, strict=True)) for name, *values in rows}


def run_figures(connection: Connection, run_id: str, data_date: date) -> dict[str, Any]:
    """Return `loads`, `models`, `archives`, `salesforce`, `drift`, `report` of a run.

    They count what this run did, on all its data dates. A part that it did not do is
    empty or 0. `report` is that of `data_date`.
    """
    loads = connection.fetch_all(
        "-- loaders.ledger.figures loads of a run\n"
        "select source, cast(sum(lines) as bigint), cast(sum(rows_loaded) as bigint), "
        "cast(sum(rejects) as bigint), cast(sum(objects) as bigint), count(*) "
        f"from {connection.table('ops', 'loads')} "
        "where run_id = ? and status != ? group by source order by source",
        [run_id, RERUN],
    )
    statuses = connection.fetch_all(
        "-- loaders.ledger.figures models of a run\n"
        "select status, count(*), coalesce(sum(tests), 0), "
        "coalesce(sum(tests_warned), 0) from (select *, row_number() over ("
        "partition by model order by finished_at desc, data_date desc) as recency "
        f"from {connection.table('ops', 'model_runs')} "
        "where run_id = ? and status != ?) as builds where recency = 1 group by status",
        [run_id, RERUN],
    )
    archives = connection.fetch_one(
        "-- loaders.ledger.figures archives of a run\n"
        "select count(*) from (select distinct dataset, dt "
        f"from {connection.table('ops', 'archives')} "
        "where run_id = ? and fingerprint != ?) as written",
        [run_id, RERUN],
    )
    syncs = _latest_syncs(connection, "run_id = ?", [run_id])
    report = connection.fetch_one(
        "-- loaders.ledger.figures report of a run\n"
        f"select {', '.join(REPORT_COLUMNS)} "
        f"from {connection.table('ops', 'reports')} where run_id = ? "
        "and data_date = ? and fingerprint != ? order by finished_at desc limit 1",
        [run_id, data_date, RERUN],
    )
    return {
        "loads": [
            dict(zip((*LOAD_COLUMNS, "partitions"), row, strict=True)) for row in loads
        ],
        "models": {
            "done": sum(row[1] for row in statuses if row[0] == SUCCESS),
            "failed": sum(row[1] for row in statuses if row[0] != SUCCESS),
            "tests": sum(int(row[2]) for row in statuses),
            "tests_warned": sum(int(row[3]) for row in statuses),
        },
        "archives": archives[0] if archives else 0,
        "salesforce": syncs.get(SALESFORCE_OBJECT, {}),
        "salesforce_objects": syncs,
        "drift": open_findings(latest_checks(connection, run_id=run_id)),
        "report": dict(zip(REPORT_COLUMNS, report, strict=True)) if report else {},
    }
