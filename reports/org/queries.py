"""Queries for one org: its account, org days, trial metrics, targets and export."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from loaders.config.dbt_project import usage_metrics
from loaders.warehouse import Connection

CONVERTED = "converted"
# A data date can be traced once all of these are built for it.
REQUIRED_MODELS = (
    "fct_org_day",
    "fct_org_trial_metrics",
    "fct_web_sessions",
    "sf_trial_metrics_by_date",
    "interesting_trials",
    "org_activity",
    "trial_target_metrics",
)
ACCOUNT_COLUMNS = (
    "partition_date",
    "org_name",
    "billing_plan_id",
    "billing_plan_name",
    "is_internal",
    "trial_started_at",
    "updated_at",
)

Record = dict[str, Any]


@dataclass(frozen=True)
class AttainmentTerm:
    """One metric's part of the target attainment."""

    metric: str
    value: int | None
    target: Decimal | None

    @property
    def share(self) -> float | None:
        """Value divided by target, at most 1; None when a value or target is missing.

        A target of 0 counts as missing.
        """
        if self.value is None or not self.target:
            return None
        return min(1.0, float(self.value) / float(self.target))


def read_built_dates(connection: Connection, *, env: str, version: str) -> list[date]:
    """Return the data dates for which all required models are built, oldest first."""
    placeholders = ", ".join("?" for _ in REQUIRED_MODELS)
    rows = connection.fetch_all(
        "-- reports.org.queries built dates\n"
        f"select data_date from {connection.table('ops', 'model_runs')} "
        f"where model in ({placeholders}) and status = 'success' "
        "and env = ? and version = ? group by 1 "
        f"having count(distinct model) = {len(REQUIRED_MODELS)} order by 1",
        [*REQUIRED_MODELS, env, version],
    )
    return [data_date for (data_date,) in rows]


def read_account(connection: Connection, org_id: int, *, until: date) -> Record | None:
    """Return the org's latest export record up to a day; None for an unknown org."""
    row = connection.fetch_one(
        "-- reports.org.queries account\n"
        f"select {', '.join(ACCOUNT_COLUMNS)} "
        f"from {connection.table('staging', 'stg_app__orgs')} "
        "where org_id = ? and partition_date <= ? order by partition_date desc limit 1",
        [org_id, until],
    )
    return None if row is None else _as_record(ACCOUNT_COLUMNS, row)


def read_org_days(
    connection: Connection, org_id: int, *, trial_start_date: date, until: date
) -> list[Record]:
    """Return the org's days of one trial, oldest first."""
    return _read_rows(
        connection,
        "fct_org_day",
        "org_id = ? and trial_start_date = ? and metric_date <= ? order by metric_date",
        [org_id, trial_start_date, until],
    )


def read_trial_metrics(
    connection: Connection, org_id: int, *, data_date: date
) -> Record | None:
    """Return the org's snapshot of a data date; None outside of its trial window."""
    return _read_snapshot(connection, "fct_org_trial_metrics", org_id, data_date)


def read_interesting_trial(
    connection: Connection, org_id: int, *, data_date: date
) -> Record | None:
    """Return the org's row in `interesting_trials`, or None."""
    return _read_snapshot(connection, "interesting_trials", org_id, data_date)


def read_activity(
    connection: Connection, org_id: int, *, metric_date: date
) -> Record | None:
    """Return the org's row in `org_activity`, or None."""
    rows = _read_rows(
        connection,
        "org_activity",
        "org_id = ? and metric_date = ?",
        [org_id, metric_date],
    )
    return rows[0] if rows else None


def read_attainment_terms(
    connection: Connection, snapshot: Record, *, data_date: date
) -> list[AttainmentTerm]:
    """Return each metric's value and target as of the data date."""
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
        AttainmentTerm(metric.name, snapshot[metric.name], targets.get(metric.name))
        for metric in usage_metrics()
    ]


def read_export_row(
    connection: Connection,
    org_id: int,
    *,
    data_date: date,
    key_column: str,
    date_column: str,
) -> Record | None:
    """Return the org's row of the Salesforce export, or None."""
    rows = _read_rows(
        connection,
        "sf_trial_metrics_by_date",
        f"{key_column} = ? and {date_column} = ?",
        [str(org_id), data_date],
        schema="intermediate",
    )
    return rows[0] if rows else None


def _read_snapshot(
    connection: Connection, mart: str, org_id: int, data_date: date
) -> Record | None:
    rows = _read_rows(
        connection, mart, "org_id = ? and generated_date = ?", [org_id, data_date]
    )
    return rows[0] if rows else None


def _read_rows(
    connection: Connection,
    relation: str,
    where: str,
    parameters: Sequence[object],
    *,
    schema: str = "marts",
) -> list[Record]:
    table = connection.table(schema, relation)
    columns = connection.columns(
        f"-- reports.org.queries list columns\nselect * from {table}"
    )
    names = [name for name, _ in columns]
    rows = connection.fetch_all(
        f"-- reports.org.queries {relation}\nselect * from {table} where {where}",
        parameters,
    )
    return [_as_record(names, row) for row in rows]


def _as_record(names: Sequence[str], row: Sequence[Any]) -> Record:
    return dict(zip(names, row, strict=True))
