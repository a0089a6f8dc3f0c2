"""What was loaded and rejected for the newest data date, beside what is usual."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from loaders import ledger
from loaders.ledger.rejects import CAN_BE_LOCATED
from loaders.ledger.salesforce import WITHDRAWN
from loaders.warehouse import Connection
from reports.morning.baseline import read_baseline

MAX_REJECT_REASONS = 12
MAX_RELOADS = 20
MAX_SALESFORCE_CODES = 5

Row = dict[str, Any]


@dataclass(frozen=True)
class LatestDate:
    """The loads of a data date, its rejects by reason, and what it loaded again.

    Each of `sources` has `lines`, `rows`, `rejects`, `ratio` to the baseline, and
    `rejects_word`. `baseline` says what they are compared with.
    """

    data_date: date
    baseline: str
    sources: Sequence[Row]
    reject_reasons: Sequence[Row] = ()
    reloads: Sequence[Row] = ()
    salesforce_rejects: Sequence[Row] = ()

    @property
    def not_located(self) -> int:
        """Number of rejected records without object and line number."""
        return max((int(row["not_located"]) for row in self.reject_reasons), default=0)


def read_latest_date(
    connection: Connection, *, env: str, version: str
) -> LatestDate | None:
    """Read the newest data date with a model build; None before the first one."""
    days = ledger.last_data_dates(connection, 1, env=env, version=version)
    if not days:
        return None
    (day,) = days
    baseline = read_baseline(connection, day)
    return LatestDate(
        data_date=day,
        baseline=baseline.label,
        sources=[
            load
            | {
                "ratio": baseline.ratio(load["source"], load["lines"]),
                "rejects_word": baseline.rejects_word(load["source"], load["rejects"]),
            }
            for load in _read_loads(connection, day)
        ],
        reject_reasons=_read_reject_reasons(connection, day),
        reloads=_read_reloads(connection, day, env=env, version=version),
        salesforce_rejects=_read_salesforce_rejects(connection, [day, env, version]),
    )


def _read_loads(connection: Connection, data_date: date) -> list[Row]:
    rows = connection.fetch_all(
        "-- reports.history.latest_date loads\n"
        "select source, lines, rows_loaded, rejects from ("
        "select *, row_number() over (partition by source order by finished_at desc) "
        f"as recency from {connection.table('ops', 'loads')} where dt = ? "
        "and status != ?) as loads where recency = 1 order by source",
        [data_date, ledger.RERUN],
    )
    names = ("source", "lines", "rows", "rejects")
    return [dict(zip(names, row, strict=True)) for row in rows]


def _read_reject_reasons(connection: Connection, data_date: date) -> list[Row]:
    """Count the rejected records of the latest loads by source and reason.

    `not_located` is the number of all of them that have no object and line number and
    can get them.
    """
    rows = connection.fetch_all(
        "-- reports.history.latest_date reject reasons\n"
        "select rejects.source, rejects.reason, count(*) as records, "
        f"sum(sum(case when {CAN_BE_LOCATED} then 1 else 0 end)) over () "
        f"from {connection.table('ops', 'load_rejects')} as rejects "
        "inner join (select load_id, row_number() over ("
        "partition by source order by finished_at desc) as recency "
        f"from {connection.table('ops', 'loads')} where dt = ? and status != ?"
        ") as loads on rejects.load_id = loads.load_id and loads.recency = 1 "
        f"group by 1, 2 order by 3 desc, 1, 2 limit {MAX_REJECT_REASONS}",
        [data_date, ledger.RERUN],
    )
    names = ("source", "reason", "records", "not_located")
    return [dict(zip(names, row, strict=True)) for row in rows]


def _read_reloads(
    connection: Connection, data_date: date, *, env: str, version: str
) -> list[Row]:
    """List earlier partitions that runs of the data date reloaded."""
    loads = connection.table("ops", "loads")
    rows = connection.fetch_all(
        "-- reports.history.latest_date reloads\n"
        "select source, dt, lines, lines_before from ("
        "select source, dt, lines, run_id, lag(lines) over ("
        "partition by source, dt order by finished_at) as lines_before "
        f"from {loads} where dt < ? and status != ?) as reloads "
        "where lines_before is not null and run_id in ("
        f"select run_id from {loads} where dt = ? and status != ? union "
        f"select run_id from {connection.table('ops', 'model_runs')} "
        "where data_date = ? and env = ? and version = ?) "
        f"order by 2 desc, 1 limit {MAX_RELOADS}",
        [*(data_date, ledger.RERUN) * 2, data_date, env, version],
    )
    names = ("source", "dt", "records", "records_before")
    return [dict(zip(names, row, strict=True)) for row in rows]


def _read_salesforce_rejects(
    connection: Connection, run_key: list[object]
) -> list[Row]:
    """Count the orgs that Salesforce rejected in the latest sync, by error code."""
    rows = connection.fetch_all(
        "-- reports.history.latest_date salesforce rejects\n"
        "select rejects.code, count(distinct rejects.object || ' ' || rejects.key) "
        "as orgs "
        f"from {connection.table('ops', 'salesforce_rejects')} as rejects "
        "inner join (select sync_id, row_number() over ("
        "partition by object order by finished_at desc) "
        f"as recency from {connection.table('ops', 'salesforce_syncs')} "
        "where data_date = ? and env = ? and version = ? "
        f"and status != '{ledger.RERUN}') as syncs "
        "on rejects.sync_id = syncs.sync_id and syncs.recency = 1 "
        f"where rejects.code != '{WITHDRAWN}' "
        f"group by 1 order by 2 desc, 1 limit {MAX_SALESFORCE_CODES}",
        run_key,
    )
    return [{"code": code, "orgs": orgs} for code, orgs in rows]
