"""The growth marts about accounts.

Builds the rows of org_activity, paid_account_flow, free_account_usage,
big_customer_usage and sf_accounts.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from datetime import date, timedelta

from tests.reference.business import (
    METRICS,
    METRICS_IN_PLANS,
    PAID_PLAN_IDS,
    Constants,
)
from tests.reference.daily_aggregates import DailyAggregates, Mart
from tests.reference.records import Org
from tests.reference.trials import Row

FREE_PLAN_ID = 2
INCLUDED = {"hosts": 5, "integrations": 5, "dashboards": 10, "metrics": 100}
"""The amount of each metric that the free plan includes."""


def account_state(org: Org, day: date, constants: Constants) -> str | None:
    """Return trial, paid, free or expired; None for an org that is not an account.

    The state is paid on a paid plan and free on the free plan. On any other plan it is
    trial during the trial period and expired after it. Internal orgs are not accounts,
    nor are orgs on another plan whose trial has not started.
    """
    if org.is_internal:
        return None
    if org.billing_plan_id in PAID_PLAN_IDS:
        return "paid"
    if org.billing_plan_id == FREE_PLAN_ID:
        return "free"
    if org.trial_started_at is None or day < org.trial_started_at.date():
        return None
    org_day = (day - org.trial_started_at.date()).days + 1
    return "trial" if org_day <= constants.trial_period_days else "expired"


def org_activity(
    states: Iterable[tuple[date, Org]],
    aggregates: DailyAggregates,
    constants: Constants,
) -> Mart:
    """Return one row per org and day on which the org exists, active or not."""
    return [
        {
            "org_id": org.org_id,
            "metric_date": day,
            "org_name": org.org_name,
            "billing_plan_id": org.billing_plan_id,
            "billing_plan_name": org.billing_plan_name,
            "account_state": account_state(org, day, constants),
            "trial_start_date": (
                org.trial_started_at.date() if org.trial_started_at else None
            ),
            "is_internal": org.is_internal,
            "is_paid": org.billing_plan_id in PAID_PLAN_IDS,
            "has_samples": (org.org_id, day) in aggregates.usage,
            **aggregates.columns((org.org_id, day)),
        }
        for day, org in states
    ]


def paid_account_flow(activity: Mart, data_date: date) -> Mart:
    """Return the number of accounts by day, state on the day before and state.

    Accounts that keep their state are counted too. The state is None on a day on which
    an org is not an account. The first day of all has no day before: no account
    changes its state on it.
    """
    if not activity:
        return []
    first_day = min(row["metric_date"] for row in activity)
    state_on = {
        (row["org_id"], row["metric_date"]): row["account_state"]
        for row in activity
        if row["account_state"] is not None
    }
    one_day = timedelta(days=1)
    org_dates = set(state_on) | {(org_id, day + one_day) for org_id, day in state_on}
    transitions = Counter(
        (
            day,
            state_on.get((org_id, max(first_day, day - one_day))),
            state_on.get((org_id, day)),
        )
        for org_id, day in org_dates
        if day <= data_date
    )
    return [
        {
            "day": day,
            "from_state": from_state,
            "to_state": to_state,
            "orgs": orgs,
            "is_change": from_state != to_state,
        }
        for (day, from_state, to_state), orgs in transitions.items()
    ]


def free_account_usage(activity: Mart) -> Mart:
    """Return the free accounts that reach the included amount of any metric."""
    rows = []
    for row in activity:
        above = {metric: row[metric] - INCLUDED[metric] for metric in METRICS_IN_PLANS}
        limits_reached = sum(value >= 0 for value in above.values())
        if row["account_state"] == "free" and limits_reached:
            rows.append(
                select_columns(row, "org_id", "metric_date", "org_name")
                | select_columns(
                    row, "billing_plan_id", "billing_plan_name", *METRICS_IN_PLANS
                )
                | {
                    f"included_{metric}": INCLUDED[metric]
                    for metric in METRICS_IN_PLANS
                }
                | {f"{metric}_above": above[metric] for metric in METRICS_IN_PLANS}
                | {"limits_reached": limits_reached}
            )
    return rows


def big_customer_usage(activity: Mart, constants: Constants) -> Mart:
    """Return all paying orgs of each day, ranked by usage.

    A change is the difference from the same org's usage that many days before, even if
    the org did not pay then. It is None when one of the two days has no samples.
    The rank of a day without samples is by the last samples of the month before.
    """
    month_days = constants.usage_month_days
    sampled = {
        (row["org_id"], row["metric_date"]): row
        for row in activity
        if row["has_samples"]
    }
    paid_by_day: dict[date, Mart] = defaultdict(list)
    for row in activity:
        if row["account_state"] == "paid":
            paid_by_day[row["metric_date"]].append(row)
    rows = []
    for paid_orgs in paid_by_day.values():
        ranked = sorted(
            paid_orgs,
            key=lambda row: _usage_order(row, sampled, month_days),
            reverse=True,
        )
        for rank, row in enumerate(ranked, start=1):
            rows.append(
                select_columns(row, "org_id", "metric_date", "org_name", "has_samples")
                | select_columns(row, "billing_plan_id", "billing_plan_name", *METRICS)
                | {"usage_rank": rank}
                | _changes(row, sampled, month_days)
            )
    return rows


def _usage_order(
    row: Row, sampled: dict[tuple[int, date], Row], month_days: int
) -> tuple[int, ...]:
    last_days = (
        row["metric_date"] - timedelta(days=days) for days in range(month_days + 1)
    )
    known = next(
        (
            sampled[row["org_id"], day]
            for day in last_days
            if (row["org_id"], day) in sampled
        ),
        dict.fromkeys(METRICS, 0),
    )
    usage = (known[metric] for metric in ("hosts", "metrics", "dashboards"))
    return (*usage, known["integrations"], -row["org_id"])


def _changes(row: Row, sampled: dict[tuple[int, date], Row], month_days: int) -> Row:
    changes: Row = {}
    for period, days in (("day", 1), ("week", 7), ("month", month_days)):
        before = sampled.get((row["org_id"], row["metric_date"] - timedelta(days=days)))
        is_comparable = before is not None and row["has_samples"]
        for metric in METRICS:
            changes[f"{metric}_{period}_change"] = (
                row[metric] - before[metric] if is_comparable else None
            )
    return changes


def sf_accounts(activity: Mart, data_date: date) -> Mart:
    """Return the fields of Account for the orgs that are not internal on a data date.

    The change is None when one of the two days has no samples.
    """
    before = {
        row["org_id"]: row["hosts"]
        for row in activity
        if row["metric_date"] == data_date - timedelta(days=28) and row["has_samples"]
    }
    active_days = defaultdict(list)
    for row in activity:
        if row["metric_date"] <= data_date and row["log_events"]:
            active_days[row["org_id"]].append(row["metric_date"])
    return [
        {
            "nightshift_org_id__c": str(row["org_id"]),
            "account_state__c": row["account_state"],
            "billing_plan__c": row["billing_plan_name"],
            "hosts__c": row["hosts"],
            "hosts_change_28_days__c": (
                row["hosts"] - before[row["org_id"]]
                if row["has_samples"] and row["org_id"] in before
                else None
            ),
            "last_active_date__c": max(active_days[row["org_id"]], default=None),
        }
        for row in activity
        if row["metric_date"] == data_date and not row["is_internal"]
    ]


def select_columns(row: Row, *names: str) -> Row:
    """Return the named columns of a row."""
    return {name: row[name] for name in names}
