"""One org's trial as it looked on one night.

What: the row of fct_org_trial_metrics, and what Salesforce gets of it.
From: `marts.fct_org_trial_metrics` in section 3 of the contract, fields in 4.
Changes: when a column of either does.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction

from tests.reference.business import METRICS, PAID_PLAN_IDS, USAGE

Row = dict[str, object]


def quantile(values: Sequence[int], share: float) -> float | None:
    """Return the value that `share` of the values lie below; None without values.

    Between two values it interpolates linearly, as `percentile_cont` does.
    """
    if not values:
        return None
    ordered = sorted(values)
    position = share * (len(ordered) - 1)
    below, above = ordered[math.floor(position)], ordered[math.ceil(position)]
    return below + (above - below) * (position - math.floor(position))


def trial_metrics(days: list[Row], trial_period_days: int) -> Row:
    """Return an org's snapshot, its target attainment still missing.

    `days`: the org's fct_org_day rows of one trial up to the night, in order; the
    last one is the night's own. Over the trial days, sums of nothing are 0; what
    is the latest, greatest or middle of nothing is None.
    """
    final = days[-1]
    trial_days = [day for day in days if day["org_day"] <= trial_period_days]
    paid_days = [day for day in days if day["billing_plan_id"] in PAID_PLAN_IDS]
    active_dates = [day["metric_date"] for day in days if day["log_events"] > 0]
    return {
        "org_id": final["org_id"],
        "generated_date": final["metric_date"],
        "org_day": final["org_day"],
        "trial_start_date": final["trial_start_date"],
        "days_left_in_trial": max(0, trial_period_days - final["org_day"]),
        "org_name": final["org_name"],
        "billing_plan_id": final["billing_plan_id"],
        "billing_plan_name": final["billing_plan_name"],
        "is_paid": final["billing_plan_id"] in PAID_PLAN_IDS,
        "converted_on": paid_days[0]["metric_date"] if paid_days else None,
        "days_to_convert": paid_days[0]["org_day"] if paid_days else None,
        "trial_days": len(trial_days),
        **_usage_of(trial_days),
        "active_days": sum(day["log_events"] > 0 for day in trial_days),
        "last_active_date": max(active_dates, default=None),
        "active_users": max((day["active_users"] for day in trial_days), default=None),
        "log_events": sum(day["log_events"] for day in trial_days),
        "sessions": sum(day["sessions"] for day in trial_days),
        "target_attainment": None,
    }


def _usage_of(trial_days: list[Row]) -> Row:
    """Return the metrics on the latest trial day, their maxima and medians."""
    usage: Row = {}
    for metric in METRICS:
        values = [day[metric] for day in trial_days]
        usage[metric] = values[-1] if values else None
        usage[f"max_{metric}"] = max(values, default=None)
        usage[f"median_{metric}"] = statistics.median(values) if values else None
    return usage


def target_attainment(snapshot: Row, targets: dict[str, float | None]) -> float | None:
    """Return how much of the targets the org has reached, 0 to 1.

    The mean over the four metrics of value / target, each at most 1. A metric
    whose target is 0 or missing is left out, and so is one without a value; None
    when nothing is left.
    """
    exact = _exact_attainment(snapshot, targets)
    return None if exact is None else float(exact)


def _exact_attainment(
    snapshot: Row, targets: dict[str, float | None]
) -> Fraction | None:
    reached = [
        min(Fraction(1), Fraction(snapshot[metric]) / Fraction(targets[metric]))
        for metric in METRICS
        if targets.get(metric) and snapshot[metric] is not None
    ]
    return sum(reached) / len(reached) if reached else None


def salesforce_row(
    snapshot: Row, targets: dict[str, float | None], reasons: Sequence[str]
) -> Row:
    """Return the fields of Trial_Metrics__c for a snapshot, in the contract's order.

    The attainment is a percentage of one decimal, halves rounded up from the exact
    value. `reasons` are the codes of why to call; none clear the field.
    """
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
        **{f"{metric}__c": snapshot[metric] for metric in USAGE},
        **{f"median_{metric}__c": snapshot[f"median_{metric}"] for metric in USAGE},
        "active_days__c": snapshot["active_days"],
        "active_users__c": snapshot["active_users"],
        "last_active_date__c": snapshot["last_active_date"],
        "target_attainment__c": percent(_exact_attainment(snapshot, targets)),
        "interesting_reasons__c": ",".join(reasons) or None,
    }


def percent(share: Fraction | None) -> Decimal | None:
    """Return 100 x share to one decimal, halves away from zero."""
    if share is None:
        return None
    percentage = Decimal(share.numerator * 100) / Decimal(share.denominator)
    return percentage.quantize(Decimal("0.1"), rounding=ROUND_HALF_UP)
