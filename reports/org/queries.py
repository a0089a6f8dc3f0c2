"""One org's way through the warehouse: raw lines, org days, trial metrics, targets.

Read from staging, marts and ledgers as they are now, for one org and data date; it
changes when a partition or a night is loaded or built again.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from loaders.warehouse import Connection

METRICS = ("hosts", "integrations", "dashboards", "metrics")
CONVERTED = "converted"
# Source: its table, and the time that says to which day a line belongs.
TIMED_SOURCES = {
    "metrics": ("raw_metrics", "sampled_at"),
    "app_logs": ("raw_app_logs", "ts"),
}
TOLD_BY = ("fct_org_day", "fct_org_trial_metrics", "fct_web_sessions")
TOLD_BY += ("int_trial_metrics_for_salesforce", "interesting_trials", "org_activity")
TOLD_BY += ("trial_target_metrics",)
ACCOUNT_COLUMNS = ("dt", "object_key", "org_name", "billing_plan_id")
ACCOUNT_COLUMNS += ("billing_plan_name", "is_internal", "trial_started_at")
ACCOUNT_COLUMNS += ("updated_at",)

Record = dict[str, Any]


@dataclass(frozen=True)
class RawObject:
    """Lines about the org in one object; those too late or early are not counted."""

    source: str
    dt: date
    object_key: str
    lines: int
    counted: int


@dataclass(frozen=True)
class Reject:
    """A refused line that names the org."""

    source: str
    dt: date
    object_key: str
    line_number: int | None
    reason: str
    line: str


@dataclass(frozen=True)
class Term:
    """What one metric adds to the attainment; no share without a value and a target."""

    metric: str
    value: float | None
    target: float | None

    @property
    def share(self) -> float | None:
        """The least of 1 and value by target."""
        if self.value is None or not self.target:
            return None
        return min(1.0, self.value / self.target)


def built_dates(connection: Connection, *, env: str, version: str) -> list[date]:
    """Return the data dates of which all that is told here was built, oldest first."""
    marks = ", ".join("?" for _ in TOLD_BY)
    rows = connection.fetch_all(
        "-- reports.org.queries built dates\n"
        f"select data_date from {connection.table('ops', 'model_runs')} "
        f"where model in ({marks}) and status = 'success' and env = ? and version = ? "
        f"group by 1 having count(distinct model) = {len(TOLD_BY)} order by 1",
        [*TOLD_BY, env, version],
    )
    return [day for (day,) in rows]


def account(connection: Connection, org_id: int, *, until: date) -> Record | None:
    """Return the org's latest export line up to a day; None for an unknown org."""
    row = connection.fetch_one(
        "-- reports.org.queries account\n"
        f"select {', '.join(ACCOUNT_COLUMNS)} "
        f"from {connection.table('staging', 'raw_orgs')} "
        "where org_id = ? and dt <= ? order by dt desc, updated_at desc limit 1",
        [org_id, until],
    )
    return None if row is None else _record(ACCOUNT_COLUMNS, row)


def raw_objects(
    connection: Connection,
    org_id: int,
    *,
    days: tuple[date, date],
    late_arrival_days: int,
) -> list[RawObject]:
    """Return the S3 objects of these partitions that hold lines about the org.

    A request in the web logs names no org; those of its users count, on days on which
    a session of theirs is the org's.
    """
    found = [
        *_export_objects(connection, org_id, days),
        *_timed_objects(connection, org_id, days, late_arrival_days),
        *_web_objects(connection, org_id, days, late_arrival_days),
    ]
    return sorted(found, key=lambda each: (each.dt, each.source, each.object_key))


def rejects(
    connection: Connection, org_id: int, *, days: tuple[date, date]
) -> list[Reject]:
    """Return refused lines that name the org, of each partition's latest load."""
    rows = connection.fetch_all(
        "-- reports.org.queries rejects\n"
        "select refused.source, refused.dt, refused.object_key, refused.line_number, "
        "refused.reason, refused.line "
        f"from {connection.table('ops', 'load_rejects')} as refused "
        "inner join (select load_id, row_number() over ("
        "partition by source, dt order by finished_at desc) as recency "
        f"from {connection.table('ops', 'loads')} "
        "where dt between ? and ? and status = 'loaded') as loads "
        "on refused.load_id = loads.load_id "
        "where loads.recency = 1 and refused.line like ? "
        "order by refused.dt, refused.source, refused.object_key, refused.line_number",
        [*days, f"%org_id%{org_id}%"],
    )
    named = re.compile(rf"\"org_id\"\s*:\s*\"?{org_id}\b(?!\.)")
    return [Reject(*row) for row in rows if named.search(row[-1] or "")]


def org_days(
    connection: Connection, org_id: int, *, trial_start_date: date, until: date
) -> list[Record]:
    """Return the org's days of one trial, oldest first."""
    return _records(
        connection,
        "fct_org_day",
        "org_id = ? and trial_start_date = ? and metric_date <= ? order by metric_date",
        [org_id, trial_start_date, until],
    )


def trial_metrics(
    connection: Connection, org_id: int, *, data_date: date
) -> Record | None:
    """Return the org's snapshot of a night; None when it was not in its window."""
    return _of_night(connection, "fct_org_trial_metrics", org_id, data_date)


def reasons(connection: Connection, org_id: int, *, data_date: date) -> Record | None:
    """Return why the org's trial is interesting that night; None if it is not."""
    return _of_night(connection, "interesting_trials", org_id, data_date)


def activity(connection: Connection, org_id: int, *, day: date) -> Record | None:
    """Return the org's activity of a day, in trial or not."""
    found = _records(
        connection, "org_activity", "org_id = ? and metric_date = ?", [org_id, day]
    )
    return found[0] if found else None


def attainment_terms(
    connection: Connection, snapshot: Record, *, data_date: date
) -> list[Term]:
    """Return value and target of each metric, as the night had them."""
    targets = dict(
        connection.fetch_all(
            "-- reports.org.queries targets\n"
            "select metric_name, median_value "
            f"from {connection.table('marts', 'trial_target_metrics')} "
            "where generated_date = ? and cohort = ?",
            [data_date, CONVERTED],
        )
    )
    return [
        Term(metric, plain(snapshot[metric]), plain(targets.get(metric)))
        for metric in METRICS
    ]


def exported(
    connection: Connection, org_id: int, *, data_date: date, key: str, day: str
) -> Record | None:
    """Return the row for Salesforce of a night, by the names of its key and day."""
    found = _records(
        connection,
        "int_trial_metrics_for_salesforce",
        f"{key} = ? and {day} = ?",
        [str(org_id), data_date],
        schema="intermediate",
    )
    return found[0] if found else None


def plain(value: Any) -> Any:  # noqa: ANN401 - any column's
    """Return a driver's value as JSON has it: numbers without a fixed scale."""
    return float(value) if isinstance(value, Decimal) else value


def _export_objects(
    connection: Connection, org_id: int, days: tuple[date, date]
) -> Iterator[RawObject]:
    rows = connection.fetch_all(
        "-- reports.org.queries raw_orgs\n"
        "select dt, object_key, count(*) "
        f"from {connection.table('staging', 'raw_orgs')} "
        "where org_id = ? and dt between ? and ? group by 1, 2",
        [org_id, *days],
    )
    for dt, key, lines in rows:
        yield RawObject("orgs", dt, key, lines, lines)


def _timed_objects(
    connection: Connection, org_id: int, days: tuple[date, date], late: int
) -> Iterator[RawObject]:
    for source, (table, at) in TIMED_SOURCES.items():
        rows = connection.fetch_all(
            f"-- reports.org.queries {table}\n"
            f"select dt, object_key, count(*), {_counted(at, late)} "
            f"from {connection.table('staging', table)} "
            "where org_id = ? and dt between ? and ? group by 1, 2",
            [org_id, *days],
        )
        for row in rows:
            yield RawObject(source, *row)


def _web_objects(
    connection: Connection, org_id: int, days: tuple[date, date], late: int
) -> Iterator[RawObject]:
    rows = connection.fetch_all(
        "-- reports.org.queries raw_web_logs\n"
        f"select dt, object_key, count(*), {_counted('requested_at', late)} "
        f"from {connection.table('staging', 'raw_web_logs')} as requests "
        "inner join (select distinct user_id, session_date "
        f"from {connection.table('marts', 'fct_web_sessions')} where org_id = ?) "
        "as visits on requests.user_id = visits.user_id "
        "and cast(requests.requested_at as date) = visits.session_date "
        "where dt between ? and ? group by 1, 2",
        [org_id, *days],
    )
    for row in rows:
        yield RawObject("web_logs", *row)


def _counted(at: str, late_arrival_days: int) -> str:
    """Count the lines whose own day their partition may still tell of."""
    own = f"cast({at} as date)"
    return (
        f"count(case when {own} between dt - {int(late_arrival_days)} and dt "
        "then 1 end)"
    )


def _of_night(
    connection: Connection, mart: str, org_id: int, data_date: date
) -> Record | None:
    found = _records(
        connection, mart, "org_id = ? and generated_date = ?", [org_id, data_date]
    )
    return found[0] if found else None


def _records(
    connection: Connection,
    relation: str,
    where: str,
    parameters: Sequence[object],
    *,
    schema: str = "marts",
) -> list[Record]:
    table = connection.table(schema, relation)
    names = [name for name, _ in connection.columns(f"select * from {table}")]
    rows = connection.fetch_all(
        f"-- reports.org.queries {relation}\nselect * from {table} where {where}",
        parameters,
    )
    return [_record(names, row) for row in rows]


def _record(names: Sequence[str], row: Sequence[Any]) -> Record:
    return {name: plain(value) for name, value in zip(names, row, strict=True)}
