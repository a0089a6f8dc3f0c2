"""Trial snapshots: the rows of fct_org_trial_metrics and of the Salesforce export."""

from __future__ import annotations

import math
from collections.abc import Sequence
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction

from tests.reference.business import METRICS, METRICS_IN_SALESFORCE, PAID_PLAN_IDS

Row = dict[str, object]

P25, MEDIAN, P75 = Fraction(1, 4), Fraction(1, 2), Fraction(3, 4)


def quantile(values: Sequence[int], fraction: Fraction) -> Fraction | None:
    """Return the quantile of the values with linear interpolation; None without values.

    This is SQL's `percentile_cont(fraction)`, computed exactly.
    """
    if not values:
        return None
    ordered = sorted(values)
    position = fraction * (len(ordered) - 1)
    below, above = ordered[math.floor(position)], ordered[math.ceil(position)]
    return below + (above - below) * (position - math.floor(position))


def trial_metrics(days: list[Row], trial_period_days: int) -> Row:
    """Return a row of fct_org_trial_metrics, without its target attainment.

    `days` are the org's fct_org_day rows of one trial in date order; the last one is
    the row of the generated_date. If none of them is a trial day, sums are 0 and
    latest, maximum and median values are None.
    """
    last_day = days[-1]
    trial_days = [day for day in days if day["org_day"] <= trial_period_days]
    paid_days = [day for day in days if day["billing_plan_id"] in PAID_PLAN_IDS]
    active_dates = [day["metric_date"] for day in days if day["log_events"] > 0]
    return {
        "org_id": last_day["org_id"],
        "generated_date": last_day["metric_date"],
        "org_day": last_day["org_day"],
        "trial_start_date": last_day["trial_start_date"],
        "days_left_in_trial": max(0, trial_period_days - last_day["org_day"]),
        "org_name": last_day["org_name"],
        "billing_plan_id": last_day["billing_plan_id"],
        "billing_plan_name": last_day["billing_plan_name"],
        "is_paid": last_day["billing_plan_id"] in PAID_PLAN_IDS,
        "converted_on": paid_days[0]["metric_date"] if paid_days else None,
        "days_to_convert": paid_days[0]["org_day"] if paid_days else None,
        "trial_days": len(trial_days),
        **_usage_columns(trial_days),
        "active_days": sum(day["log_events"] > 0 for day in trial_days),
        "last_active_date": max(active_dates, default=None),
        "active_users": max((day["active_users"] for day in trial_days), default=None),
        "log_events": sum(day["log_events"] for day in trial_days),
        "sessions": sum(day["sessions"] for day in trial_days),
        "target_attainment": None,
    }


def _usage_columns(trial_days: list[Row]) -> Row:
    """Return the latest, maximum and median value of each metric."""
    usage: Row = {}
    for metric in METRICS:
        values = [day[metric] for day in trial_days]
        usage[metric] = values[-1] if values else None
        usage[f"max_{metric}"] = max(values, default=None)
        usage[f"median_{metric}"] = quantile(values, MEDIAN)
    return usage


def target_attainment(
    snapshot: Row, targets: dict[str, Fraction | None]
) -> float | None:
    """Return the mean of value / target over the metrics, at most 1.

    Each ratio is capped at 1. A metric is left out when its target is 0 or missing or
    when it has no value. Returns None when all metrics are left out.
    """
    exact = _exact_attainment(snapshot, targets)
    return None if exact is None else float(exact)


def _exact_attainment(
    snapshot: Row, targets: dict[str, Fraction | None]
) -> Fraction | None:
    attained = [
        min(Fraction(1), Fraction(snapshot[metric]) / targets[metric])
        for metric in METRICS
        if targets.get(metric) and snapshot[metric] is not None
    ]
    return sum(attained) / len(attained) if attained else None


def salesforce_row(
    snapshot: Row, targets: dict[str, Fraction | None], reasons: Sequence[str]
) -> Row:
    """Return the fields of Trial_Metrics__c for a snapshot.

    The attainment is a percentage with one decimal, rounded half up from the exact
    value; it is a float, because the mart computes it with floats. Without `reasons`
    (reason codes) the field is cleared.
    """
    percentage = to_percent(_exact_attainment(snapshot, targets))
    return {
        "org_id__c": str(snapshot["org_id"]),
        "org_name__c": snapshot["org_name"],
        "generated_date__c": snapshot["generated_date"],
        "trial_start_date__c": snapshot["trial_start_date"],
        "org_day__c": snapshot["org_day"],
        "days_left_in_trial__c": snapshot["days_left_in_trial"],
        "billing_plan__c": snapshot["billing_plan_name"],
        "is_paid__c": snapshot["is_paid"],
        "converted_on__c": snapshot["converted_on"],
        **{f"{metric}__c": snapshot[metric] for metric in METRICS_IN_SALESFORCE},
        **{
            f"median_{metric}__c": snapshot[f"median_{metric}"]
            for metric in METRICS_IN_SALESFORCE
        },
        "active_days__c": snapshot["active_days"],
        "active_users__c": snapshot["active_users"],
        "last_active_date__c": snapshot["last_active_date"],
        "target_attainment__c": None if percentage is None else float(percentage),
        "interesting_reasons__c": ",".join(reasons) or None,
    }


def to_percent(share: Fraction | None) -> Decimal | None:
    """Return 100 * share with one decimal, rounded half up."""
    if share is None:
        return None
    percentage = Decimal(share.numerator * 100) / Decimal(share.denominator)
    return percentage.quantize(Decimal("0.1"), rounding=ROUND_HALF_UP)
