"""The growth marts of accounts: who they are, what they pay, what they use.

What: the rows of org_activity, paid_account_flow, free_account_usage and
big_customer_usage.
From: the questions at the end of section 3 of the contract, and what the marts'
descriptions say in words.
Changes: when one of those definitions does.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from datetime import date, timedelta

from tests.reference.business import PAID_PLAN_IDS, USAGE, Constants
from tests.reference.org_days import DailySums, Mart, sums_of
from tests.reference.records import Org
from tests.reference.trials import Row

FREE_PLAN_ID = 2
INCLUDED = {"hosts": 5, "integrations": 5, "dashboards": 10, "metrics": 100}
"""What the free plan includes of each metric."""

DAYS_BEFORE = {"day": 1, "week": 7, "month": 28}
"""How far back each change looks."""


def account_state(org: Org, day: date, constants: Constants) -> str | None:
    """Return trial, paid, free or expired; None for an org that is no account.

    A paid plan is paid and the free plan is free, whatever the day. On any other
    plan it is a trial while its days last and expired after them. Internal orgs are
    no accounts; nor are orgs without such a plan whose trial has not begun.
    """
    if org.is_internal:
        return None
    if org.billing_plan_id in PAID_PLAN_IDS:
        return "paid"
    if org.billing_plan_id == FREE_PLAN_ID:
        return "free"
    if org.trial_started_at is None or day < org.trial_started_at.date():
        return None
    lasted = (day - org.trial_started_at.date()).days + 1
    return "trial" if lasted <= constants.trial_period_days else "expired"


def org_activity(
    states: Iterable[tuple[date, Org]], sums: DailySums, constants: Constants
) -> Mart:
    """Return a row for every org and day on which it is known, active or not."""
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
            "has_samples": (org.org_id, day) in sums.sampled,
            **sums_of((org.org_id, day), sums),
        }
        for day, org in states
    ]


def paid_account_flow(activity: Mart, data_date: date) -> Mart:
    """Return how many accounts went from which state to which, on each day.

    Of each account: its state the day before and on the day, None where it has
    none; those that stay where they are count as well.
    """
    state_on = {
        (row["org_id"], row["metric_date"]): row["account_state"]
        for row in activity
        if row["account_state"] is not None
    }
    one_day = timedelta(days=1)
    days = set(state_on) | {(org_id, day + one_day) for org_id, day in state_on}
    moves = Counter(
        (day, state_on.get((org_id, day - one_day)), state_on.get((org_id, day)))
        for org_id, day in days
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
        for (day, from_state, to_state), orgs in moves.items()
    ]


def free_account_usage(activity: Mart) -> Mart:
    """Return the free accounts that use all of a metric that is included, or more."""
    rows = []
    for row in activity:
        above = {metric: row[metric] - INCLUDED[metric] for metric in USAGE}
        reached = sum(value >= 0 for value in above.values())
        if row["account_state"] == "free" and reached:
            rows.append(
                columns(row, "org_id", "metric_date", "org_name")
                | columns(row, "billing_plan_id", "billing_plan_name", *USAGE)
                | {f"included_{metric}": INCLUDED[metric] for metric in USAGE}
                | {f"{metric}_above": above[metric] for metric in USAGE}
                | {"limits_reached": reached}
            )
    return rows


def big_customer_usage(activity: Mart) -> Mart:
    """Return all paying orgs of each day, the one with the most hosts first.

    A change is against the same org that many days before, paying then or not;
    None when one of both days has no samples.
    """
    sampled = {
        (row["org_id"], row["metric_date"]): row
        for row in activity
        if row["has_samples"]
    }
    by_day: dict[date, Mart] = defaultdict(list)
    for row in activity:
        if row["account_state"] == "paid":
            by_day[row["metric_date"]].append(row)
    rows = []
    for of_day in by_day.values():
        for rank, row in enumerate(sorted(of_day, key=_size, reverse=True), start=1):
            rows.append(
                columns(row, "org_id", "metric_date", "org_name", "has_samples")
                | columns(row, "billing_plan_id", "billing_plan_name", *USAGE)
                | {"usage_rank": rank}
                | _changes(row, sampled)
            )
    return rows


def _size(row: Row) -> tuple[int, ...]:
    sizes = (row[metric] for metric in ("hosts", "metrics", "dashboards"))
    return (*sizes, row["integrations"], -row["org_id"])


def _changes(row: Row, sampled: dict[tuple[int, date], Row]) -> Row:
    changes: Row = {}
    for period, days in DAYS_BEFORE.items():
        before = sampled.get((row["org_id"], row["metric_date"] - timedelta(days=days)))
        is_known = before is not None and row["has_samples"]
        for metric in USAGE:
            changes[f"{metric}_{period}_change"] = (
                row[metric] - before[metric] if is_known else None
            )
    return changes


def columns(row: Row, *names: str) -> Row:
    """Return those columns of a row."""
    return {name: row[name] for name in names}
