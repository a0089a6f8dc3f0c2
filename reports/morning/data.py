"""What the report tells of the business, read from the marts of one data date.

Marts of the growth folder and of the trials; portable SQL, one query a section. It
changes when a section or a mart's column does.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

from loaders.warehouse import Connection, identifier
from reports.morning.quality import Quality, read_quality
from reports.org.queries import METRICS

SHOWN_ROWS = 10
SERIES_DAYS = 14
FLOW_DAYS = 7
# The models that the report reads: it is out of date when one of them changes.
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

Row = dict[str, Any]


@dataclass(frozen=True)
class Asked:
    """Which report: its data date, whose results, and the dbt vars they come from."""

    data_date: date
    env: str
    version: str
    variables: Mapping[str, Any]
    salesforce_object: str
    salesforce_url: str = ""


@dataclass(frozen=True)
class Listing:
    """The first rows of a list, and how many it has in all."""

    rows: Sequence[Row]
    total: int

    @property
    def more(self) -> int:
        """How many are not shown."""
        return self.total - len(self.rows)


@dataclass(frozen=True)
class Flow:
    """Paid accounts over the week: moves a day, what they mean, and the stock."""

    moves: Sequence[Row]
    paid_before: int | None
    paid_now: int
    since: date | None

    @property
    def meanings(self) -> list[Row]:
        """Moves of the week by what they mean, the most frequent first."""
        totals: dict[str, int] = {}
        for move in self.moves:
            totals[move["meaning"]] = totals.get(move["meaning"], 0) + move["orgs"]
        ordered = sorted(totals.items(), key=lambda item: (-item[1], item[0]))
        return [{"meaning": meaning, "orgs": orgs} for meaning, orgs in ordered]

    @property
    def gained(self) -> int:
        """Accounts that came to pay."""
        return sum(move["orgs"] for move in self.moves if move["to_state"] == "paid")

    @property
    def lost(self) -> int:
        """Accounts that stopped paying."""
        return sum(move["orgs"] for move in self.moves if move["from_state"] == "paid")


@dataclass(frozen=True)
class Report:
    """Everything that the page, the mail and its text tell."""

    asked: Asked
    trial_days: Sequence[Row]
    targets: Sequence[Row]
    curve: Sequence[Row]
    interesting: Listing
    flow: Flow
    customers: Listing
    free_accounts: Listing
    quality: Quality = field(repr=False)

    @property
    def data_date(self) -> date:
        """The day that the report is of."""
        return self.asked.data_date

    @property
    def today(self) -> Row:
        """The trials' figures of the data date: zeros when it has no trial."""
        if self.trial_days and self.trial_days[-1]["day"] == self.data_date:
            return self.trial_days[-1]
        names = ("started", "in_trial", "active", "at_risk", "converting")
        return {"day": self.data_date, **dict.fromkeys(names, 0)}


def read(connection: Connection, asked: Asked) -> Report:
    """Read the whole report of a data date; each part may be empty."""
    return Report(
        asked=asked,
        trial_days=_trial_days(connection, asked),
        targets=_targets(connection, asked),
        curve=_curve(connection, asked),
        interesting=_interesting(connection, asked),
        flow=_flow(connection, asked),
        customers=_customers(connection, asked),
        free_accounts=_free_accounts(connection, asked),
        quality=read_quality(
            connection,
            asked.data_date,
            env=asked.env,
            version=asked.version,
            usual_days=int(asked.variables["volume_days"]),
        ),
    )


def _trial_days(connection: Connection, asked: Asked) -> list[Row]:
    """Count trials on each of the last days that had a night.

    At risk is who neither pays nor has logged an event for `stalled_days`.
    """
    trial = int(asked.variables["trial_period_days"])
    stalled = int(asked.variables["stalled_days"])
    is_open = f"trials.org_day <= {trial} and not trials.is_paid"
    silent = (
        "(trials.last_active_date is null "
        f"or trials.last_active_date <= trials.generated_date - {stalled})"
    )
    counted = {
        "started": "trials.trial_start_date = trials.generated_date",
        "in_trial": is_open,
        "active": f"{is_open} and org_days.log_events > 0",
        "at_risk": f"{is_open} and trials.org_day > {stalled} and {silent}",
        "converting": "trials.converted_on = trials.generated_date",
    }
    sums = ", ".join(
        f"sum(case when {condition} then 1 else 0 end) as {name}"
        for name, condition in counted.items()
    )
    rows = connection.fetch_all(
        "-- reports.morning trial days\n"
        f"select trials.generated_date, {sums} "
        f"from {connection.table('marts', 'fct_org_trial_metrics')} as trials "
        f"inner join {connection.table('marts', 'fct_org_day')} as org_days "
        "on trials.org_id = org_days.org_id "
        "and trials.generated_date = org_days.metric_date "
        "where trials.generated_date between ? and ? group by 1 order by 1",
        [asked.data_date - timedelta(days=SERIES_DAYS - 1), asked.data_date],
    )
    return [
        {"day": day, **dict(zip(counted, map(int, counts), strict=True))}
        for day, *counts in rows
    ]


def _targets(connection: Connection, asked: Asked) -> list[Row]:
    columns = ["cohort", "metric_name", "orgs", "median_value", "p25", "p75"]
    return _rows(connection, asked, "trial_target_metrics", columns, "metric_name")


def _curve(connection: Connection, asked: Asked) -> list[Row]:
    columns = ["cohort", "metric_name", "org_day", "median_value"]
    return _rows(connection, asked, "trial_target_curve", columns, "org_day")


def _interesting(connection: Connection, asked: Asked) -> Listing:
    columns = ["org_id", "org_name", "reasons", "reasons_in_words", "trial_rank"]
    columns += ["org_day", "days_left_in_trial", "hosts", "metrics", "active_users"]
    columns += ["target_attainment", "last_active_date"]
    found = _rows(connection, asked, "interesting_trials", columns, "trial_rank")
    shown = found[:SHOWN_ROWS]
    ids = _salesforce_ids(connection, asked, [str(row["org_id"]) for row in shown])
    told = [row | {"salesforce_id": ids.get(str(row["org_id"]), "")} for row in shown]
    return Listing(told, len(found))


def _salesforce_ids(
    connection: Connection, asked: Asked, keys: list[str]
) -> dict[str, str]:
    """Return the record id that Salesforce last gave for each of a few keys."""
    if not keys:
        return {}
    rows = connection.fetch_all(
        "-- reports.morning salesforce ids\n"
        "select key, salesforce_id from (select key, salesforce_id, row_number() over "
        "(partition by key order by accepted_at desc) as recency "
        f"from {connection.table('ops', 'salesforce_rows')} "
        f"where object = ? and key in ({', '.join('?' for _ in keys)}) "
        "and salesforce_id is not null) as accepted where recency = 1",
        [asked.salesforce_object, *keys],
    )
    return dict(rows)


def _flow(connection: Connection, asked: Asked) -> Flow:
    """Read a week's moves; on the first day of all nobody moved, all were found."""
    table = connection.table("marts", "paid_account_flow")
    week = [asked.data_date - timedelta(days=FLOW_DAYS - 1), asked.data_date]
    moves = connection.fetch_all(
        "-- reports.morning flow\n"
        "select flow.day, flow.from_state, flow.to_state, flow.orgs, "
        "coalesce(transitions.meaning, 'Moves in a way that is not foreseen') "
        f"from {table} as flow "
        f"left join {connection.table('staging', 'account_transitions')} as transitions"
        " on coalesce(flow.from_state, '') = coalesce(transitions.from_state, '') "
        "and coalesce(flow.to_state, '') = coalesce(transitions.to_state, '') "
        "where flow.is_change and flow.day between ? and ? "
        f"and flow.day > (select min(day) from {table}) order by 1, 2, 3",
        week,
    )
    since, before, now = connection.fetch_all(
        "-- reports.morning paid stock\n"
        "select min(day), "
        "sum(case when day = first_day and from_state = 'paid' then orgs else 0 end), "
        "sum(case when day = ? and to_state = 'paid' then orgs else 0 end) "
        f"from (select *, min(day) over () as first_day from {table} "
        "where day between ? and ? "
        f"and day > (select min(day) from {table})) as week",
        [asked.data_date, *week],
    )[0]
    names = ("day", "from_state", "to_state", "orgs", "meaning")
    return Flow(
        moves=[dict(zip(names, row, strict=True)) for row in moves],
        paid_before=None if since is None else int(before),
        paid_now=int(now or 0),
        since=since,
    )


def _customers(connection: Connection, asked: Asked) -> Listing:
    """Read the biggest customers, those that moved most within a week first."""
    columns = ["org_id", "org_name", "billing_plan_name", "usage_rank", "hosts"]
    columns += ["hosts_day_change", "hosts_week_change", "hosts_month_change"]
    columns += ["metrics", "metrics_week_change"]
    found = _rows(connection, asked, "big_customer_usage", columns, "usage_rank")
    moved = sorted(
        found,
        key=lambda row: (
            -abs(row["hosts_week_change"] or row["hosts_day_change"] or 0),
            row["usage_rank"],
        ),
    )
    return Listing(moved[:SHOWN_ROWS], len(found))


def _free_accounts(connection: Connection, asked: Asked) -> Listing:
    columns = ["org_id", "org_name", "limits_reached"]
    columns += [f"{part}{name}" for name in METRICS for part in ("", "included_")]
    found = _rows(connection, asked, "free_account_usage", columns, "org_id")
    found.sort(key=lambda row: (-row["limits_reached"], -row["hosts"], row["org_id"]))
    return Listing(found[:SHOWN_ROWS], len(found))


DAY_COLUMNS = {"big_customer_usage": "metric_date", "free_account_usage": "metric_date"}


def _rows(
    connection: Connection, asked: Asked, mart: str, columns: list[str], order_by: str
) -> list[Row]:
    """Return a mart's rows of the data date as dictionaries."""
    day = identifier(DAY_COLUMNS.get(mart, "generated_date"))
    found = connection.fetch_all(
        f"-- reports.morning {mart}\n"
        f"select {', '.join(map(identifier, columns))} "
        f"from {connection.table('marts', mart)} "
        f"where {day} = ? order by {identifier(order_by)}",
        [asked.data_date],
    )
    return [dict(zip(columns, row, strict=True)) for row in found]
