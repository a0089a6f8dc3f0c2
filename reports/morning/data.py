"""The business figures of the report, read from the marts of one data date.

Each section is one query in SQL that DuckDB and Redshift share.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

from loaders.warehouse import Connection, identifier
from reports.morning.paid_flow import PaidAccountFlow, read_paid_flow
from reports.morning.quality import Quality, read_quality
from reports.org.queries import METRICS

MAX_ROWS = 10
METRIC_LABELS = {
    metric: "custom metrics" if metric == "metrics" else metric for metric in METRICS
}
TRIAL_HISTORY_DAYS = 14
# The models that the report reads. A report is stale when one of them changes.
MODELS = (
    "account_transitions",
    "big_customer_usage",
    "fct_org_day",
    "fct_org_trial_metrics",
    "free_account_usage",
    "interesting_trials",
    "paid_account_flow",
    "trial_target_curve",
    "trial_target_metrics",
)
DATE_COLUMNS = {
    "big_customer_usage": "metric_date",
    "free_account_usage": "metric_date",
}

Row = dict[str, Any]


@dataclass(frozen=True)
class ReportRequest:
    """What to report on: data date, environment, and the dbt vars of its models.

    `changed_partitions` are older than the run's window and changed after they were
    loaded: source, dt, and the command that takes the change in.
    """

    data_date: date
    env: str
    version: str
    variables: Mapping[str, Any]
    salesforce_object: str
    salesforce_url: str = ""
    changed_partitions: Sequence[Row] = ()


@dataclass(frozen=True)
class TopRows:
    """The first rows of a list, and the total number of rows."""

    rows: Sequence[Row]
    total: int

    @property
    def remaining(self) -> int:
        """Number of rows that are not shown."""
        return self.total - len(self.rows)


@dataclass(frozen=True)
class Report:
    """All figures of the page and the mail."""

    request: ReportRequest
    trial_days: Sequence[Row]
    targets: Sequence[Row]
    target_curve: Sequence[Row]
    interesting: TopRows
    paid_flow: PaidAccountFlow
    customers: TopRows
    free_accounts: TopRows
    quality: Quality = field(repr=False)

    @property
    def data_date(self) -> date:
        """The data date of the report."""
        return self.request.data_date

    @property
    def today(self) -> Row:
        """The trial counts of the data date; zeros when there is no trial."""
        if self.trial_days and self.trial_days[-1]["day"] == self.data_date:
            return self.trial_days[-1]
        names = ("started", "in_trial", "active", "stalled", "converted")
        return {"day": self.data_date, **dict.fromkeys(names, 0)}


def read_report(connection: Connection, request: ReportRequest) -> Report:
    """Read the report of a data date; any section may be empty."""
    return Report(
        request=request,
        trial_days=_read_trial_days(connection, request),
        targets=_read_targets(connection, request),
        target_curve=_read_target_curve(connection, request),
        interesting=_read_interesting_trials(connection, request),
        paid_flow=read_paid_flow(connection, request.data_date),
        customers=_read_customers(connection, request),
        free_accounts=_read_free_accounts(connection, request),
        quality=read_quality(
            connection,
            request.data_date,
            env=request.env,
            version=request.version,
            baseline_days=int(request.variables["volume_baseline_days"]),
        ),
    )


def _read_trial_days(connection: Connection, request: ReportRequest) -> list[Row]:
    """Count trials on each recent day that has a snapshot.

    `stalled` counts unpaid trials without a log event for `stalled_days` days, which
    is also the condition of the reason code `stalled`.
    """
    trial_days = int(request.variables["trial_period_days"])
    stalled_days = int(request.variables["stalled_days"])
    is_open = f"trials.org_day <= {trial_days} and not trials.is_paid"
    has_no_recent_events = (
        "(trials.last_active_date is null "
        f"or trials.last_active_date <= trials.generated_date - {stalled_days})"
    )
    conditions = {
        "started": "trials.trial_start_date = trials.generated_date",
        "in_trial": is_open,
        "active": f"{is_open} and org_days.log_events > 0",
        "stalled": (
            f"{is_open} and trials.org_day > {stalled_days} and {has_no_recent_events}"
        ),
        "converted": "trials.converted_on = trials.generated_date",
    }
    counts = ", ".join(
        f"sum(case when {condition} then 1 else 0 end) as {name}"
        for name, condition in conditions.items()
    )
    rows = connection.fetch_all(
        "-- reports.morning.data trial days\n"
        f"select trials.generated_date, {counts} "
        f"from {connection.table('marts', 'fct_org_trial_metrics')} as trials "
        f"inner join {connection.table('marts', 'fct_org_day')} as org_days "
        "on trials.org_id = org_days.org_id "
        "and trials.generated_date = org_days.metric_date "
        "where trials.generated_date between ? and ? group by 1 order by 1",
        [request.data_date - timedelta(days=TRIAL_HISTORY_DAYS - 1), request.data_date],
    )
    return [
        {"day": day, **dict(zip(conditions, map(int, values), strict=True))}
        for day, *values in rows
    ]


def _read_targets(connection: Connection, request: ReportRequest) -> list[Row]:
    columns = ["cohort", "metric_name", "orgs", "median_value", "p25", "p75"]
    return _read_mart(
        connection, request, "trial_target_metrics", columns, "metric_name"
    )


def _read_target_curve(connection: Connection, request: ReportRequest) -> list[Row]:
    columns = ["cohort", "metric_name", "org_day", "median_value"]
    return _read_mart(connection, request, "trial_target_curve", columns, "org_day")


def _read_interesting_trials(connection: Connection, request: ReportRequest) -> TopRows:
    columns = ["org_id", "org_name", "reasons", "reasons_in_words", "trial_rank"]
    columns += ["org_day", "days_left_in_trial", "hosts", "metrics", "active_users"]
    columns += ["target_attainment", "last_active_date"]
    trials = _read_mart(
        connection, request, "interesting_trials", columns, "trial_rank"
    )
    top = trials[:MAX_ROWS]
    record_ids = _read_salesforce_ids(
        connection, request, [str(row["org_id"]) for row in top]
    )
    return TopRows(
        [
            row | {"salesforce_id": record_ids.get(str(row["org_id"]), "")}
            for row in top
        ],
        len(trials),
    )


def _read_salesforce_ids(
    connection: Connection, request: ReportRequest, keys: list[str]
) -> dict[str, str]:
    """Return the latest Salesforce record id by key."""
    if not keys:
        return {}
    rows = connection.fetch_all(
        "-- reports.morning.data salesforce ids\n"
        "select key, salesforce_id from (select key, salesforce_id, row_number() over "
        "(partition by key order by accepted_at desc) as recency "
        f"from {connection.table('ops', 'salesforce_rows')} "
        f"where object = ? and key in ({', '.join('?' for _ in keys)}) "
        "and salesforce_id is not null) as accepted where recency = 1",
        [request.salesforce_object, *keys],
    )
    return dict(rows)


def _read_customers(connection: Connection, request: ReportRequest) -> TopRows:
    """Read paid accounts, largest absolute change in hosts within a week first."""
    columns = ["org_id", "org_name", "billing_plan_name", "usage_rank", "hosts"]
    columns += ["hosts_day_change", "hosts_week_change", "hosts_month_change"]
    columns += ["metrics", "metrics_week_change"]
    customers = _read_mart(
        connection, request, "big_customer_usage", columns, "usage_rank"
    )
    customers.sort(
        key=lambda row: (
            -abs(row["hosts_week_change"] or row["hosts_day_change"] or 0),
            row["usage_rank"],
        ),
    )
    return TopRows(customers[:MAX_ROWS], len(customers))


def _read_free_accounts(connection: Connection, request: ReportRequest) -> TopRows:
    columns = ["org_id", "org_name", "limits_reached"]
    columns += [f"{prefix}{name}" for name in METRICS for prefix in ("", "included_")]
    accounts = _read_mart(connection, request, "free_account_usage", columns, "org_id")
    accounts.sort(
        key=lambda row: (-row["limits_reached"], -row["hosts"], row["org_id"])
    )
    return TopRows(accounts[:MAX_ROWS], len(accounts))


def _read_mart(
    connection: Connection,
    request: ReportRequest,
    mart: str,
    columns: list[str],
    order_by: str,
) -> list[Row]:
    """Return a mart's rows of the data date as dictionaries."""
    date_column = identifier(DATE_COLUMNS.get(mart, "generated_date"))
    rows = connection.fetch_all(
        f"-- reports.morning.data {mart}\n"
        f"select {', '.join(map(identifier, columns))} "
        f"from {connection.table('marts', mart)} "
        f"where {date_column} = ? order by {identifier(order_by)}",
        [request.data_date],
    )
    return [dict(zip(columns, row, strict=True)) for row in rows]
