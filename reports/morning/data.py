"""The business figures of the report, read from the marts of one data date.

Each section is one query in SQL that DuckDB and Redshift share.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from loaders.config.dbt_project import usage_metrics
from loaders.warehouse import Connection, identifier
from reports.morning.notes import Note, read_notes
from reports.morning.paid_flow import PaidAccountFlow, read_paid_flow
from reports.morning.quality import Quality, read_quality
from reports.morning.request import ReportRequest
from reports.morning.trials import read_trial_days, trials_of, weekly_changes

MAX_ROWS = 10
# The models that the report reads. A report is stale when one of them changes.
MODELS = (
    "account_transitions",
    "big_customer_usage",
    "fct_org_trial_metrics",
    "free_account_usage",
    "interesting_trials",
    "org_activity",
    "paid_account_flow",
    "trial_target_curve",
    "trial_target_metrics",
)
DATE_COLUMNS = {
    "big_customer_usage": "metric_date",
    "free_account_usage": "metric_date",
}

Row = dict[str, Any]


def metric_labels(*, is_included_in_plans: bool = False) -> dict[str, str]:
    """Return the labels of all metrics by name, or of those that plans include."""
    return {
        metric.name: metric.label.lower()
        for metric in usage_metrics()
        if metric.is_included_in_plans or not is_included_in_plans
    }


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
    notes: Sequence[Note] = ()

    @property
    def data_date(self) -> date:
        """The data date of the report."""
        return self.request.data_date

    @property
    def today(self) -> Row:
        """The trial counts of the data date; zeros when there is no trial."""
        return trials_of(self.trial_days, self.data_date)

    @property
    def weekly_changes(self) -> Mapping[str, int | None]:
        """The change of each trial count since the week before, or None."""
        return weekly_changes(self.trial_days, self.data_date)


def read_report(connection: Connection, request: ReportRequest) -> Report:
    """Read the report of a data date; any section may be empty."""
    interesting, customers, free_accounts = _with_record_ids(
        connection,
        request,
        _read_interesting_trials(connection, request),
        _read_customers(connection, request),
        _read_free_accounts(connection, request),
    )
    return Report(
        request=request,
        trial_days=read_trial_days(connection, request.data_date),
        targets=_read_targets(connection, request),
        target_curve=_read_target_curve(connection, request),
        interesting=interesting,
        paid_flow=read_paid_flow(connection, request.data_date),
        customers=customers,
        free_accounts=free_accounts,
        quality=read_quality(
            connection, request.data_date, env=request.env, version=request.version
        ),
        notes=read_notes(connection, request),
    )


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
    return TopRows(trials[:MAX_ROWS], len(trials))


def _with_record_ids(
    connection: Connection, request: ReportRequest, trials: TopRows, *accounts: TopRows
) -> list[TopRows]:
    """Add `salesforce_id` to the rows: of the trial's record, or of the account's.

    An account without a synced record has that of its trial, and the other way round.
    It is '' for an org without any.
    """
    lists = (trials, *accounts)
    keys = sorted({str(row["org_id"]) for top in lists for row in top.rows})
    own, others = _read_salesforce_ids(connection, request.salesforce_object, keys)
    return [
        TopRows([row | {"salesforce_id": _first(row, *ids)} for row in top.rows], total)
        for top, ids in zip(
            lists, [(own, others), *[(others, own)] * len(accounts)], strict=True
        )
        for total in (top.total,)
    ]


def _first(row: Row, *record_ids: Mapping[str, str]) -> str:
    key = str(row["org_id"])
    return next((ids[key] for ids in record_ids if key in ids), "")


def _read_salesforce_ids(
    connection: Connection, salesforce_object: str, keys: list[str]
) -> tuple[dict[str, str], dict[str, str]]:
    """Return the latest record ids by key: of the object, and of other objects."""
    if not keys:
        return {}, {}
    rows = connection.fetch_all(
        "-- reports.morning.data salesforce ids\n"
        "select object, key, salesforce_id from ("
        "select object, key, salesforce_id, row_number() over "
        "(partition by object, key order by accepted_at desc) as recency "
        f"from {connection.table('ops', 'salesforce_rows')} "
        f"where key in ({', '.join('?' for _ in keys)}) "
        "and salesforce_id is not null) as accepted where recency = 1",
        keys,
    )
    own = {key: found for name, key, found in rows if name == salesforce_object}
    return own, {key: found for name, key, found in rows if name != salesforce_object}


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
    for name in metric_labels(is_included_in_plans=True):
        columns += [name, f"included_{name}"]
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
