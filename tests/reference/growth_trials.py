"""The growth marts about trials.

Builds the rows of trial_trends and interesting_trials. The sentences for the reasons
come from `seeds/reason_codes.csv`.
"""

from __future__ import annotations

import csv
from collections import defaultdict
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path

from tests.reference.business import (
    BIG_FOOTPRINT_METRICS,
    METRICS,
    PAID_PLAN_IDS,
    SEEDS_FOLDER,
    Constants,
)
from tests.reference.daily_aggregates import Mart
from tests.reference.growth import FREE_PLAN_ID, select_columns
from tests.reference.targets import CONVERTED
from tests.reference.trials import MEDIAN, Row, quantile

WEIGHTS = {"big_footprint": 8, "above_target": 4, "fast_start": 2, "stalled": 1}


def trial_trends(org_days: Mart, data_date: date, constants: Constants) -> Mart:
    """Return one row per week in which trials started, identified by its Monday.

    A restarted trial is a new trial. A trial is activated when it had hosts on any
    trial day and log events on at least two. It is converted when any day of its
    trial or conversion period is on a paid plan. The conversion rate is None until all
    trials of the week are over.
    """
    trials: dict[tuple[int, date], Mart] = defaultdict(list)
    for row in org_days:
        trials[row["org_id"], row["trial_start_date"]].append(row)
    weeks: dict[date, list[Mart]] = defaultdict(list)
    for (_, start), days in trials.items():
        weeks[start - timedelta(days=start.weekday())].append(days)
    window_days = constants.trial_period_days + constants.extra_conversion_period_days
    return [
        _weekly_trend(
            monday,
            week_trials,
            last_org_day=window_days - 1,
            constants=constants,
            data_date=data_date,
        )
        for monday, week_trials in weeks.items()
    ]


def _weekly_trend(
    monday: date,
    trials: list[Mart],
    *,
    last_org_day: int,
    constants: Constants,
    data_date: date,
) -> Row:
    days_to_convert = [paid[0] for days in trials if (paid := _paid_org_days(days))]
    sunday = monday + timedelta(days=6)
    last_window_end = sunday + timedelta(days=last_org_day - 1)
    last_start = max(days[0]["trial_start_date"] for days in trials)
    last_trial_day = last_start + timedelta(days=constants.trial_period_days - 1)
    are_over = last_trial_day < data_date and sunday <= data_date
    return {
        "cohort_week": monday,
        "trials": len(trials),
        "trials_seen_late": sum(
            min(day["org_day"] for day in days) > 1 for days in trials
        ),
        "activated": sum(_is_activated(days, constants) for days in trials),
        "converted": len(days_to_convert),
        "conversion_rate": len(days_to_convert) / len(trials) if are_over else None,
        "median_days_to_convert": quantile(days_to_convert, MEDIAN),
        "is_settled": last_window_end <= data_date,
    }


def _paid_org_days(days: Mart) -> list[int]:
    paid = (day for day in days if day["billing_plan_id"] in PAID_PLAN_IDS)
    return sorted(day["org_day"] for day in paid)


def _is_activated(days: Mart, constants: Constants) -> bool:
    trial_days = [day for day in days if day["is_in_trial"]]
    has_hosts = any(day["hosts"] > 0 for day in trial_days)
    active_days = sum(day["log_events"] > 0 for day in trial_days)
    return has_hosts and active_days >= constants.activation_active_days


def interesting_trials(snapshots: Mart, targets: Mart, constants: Constants) -> Mart:
    """Return the trials of each data date that sales should call, ranked.

    `snapshots` and `targets` are rows of fct_org_trial_metrics and
    trial_target_metrics.
    """
    converted = converted_targets(targets)
    meanings = _read_meanings()
    by_date: dict[date, Mart] = defaultdict(list)
    for snapshot in snapshots:
        codes = reason_codes(snapshot, converted, constants)
        if codes:
            row = _interesting_trial(snapshot, codes, meanings)
            by_date[snapshot["generated_date"]].append(row)
    return [
        row | {"trial_rank": rank}
        for unranked in by_date.values()
        for rank, row in enumerate(
            sorted(
                unranked, key=lambda row: _rank_order(row, constants.trial_period_days)
            ),
            start=1,
        )
    ]


def converted_targets(targets: Mart) -> dict[tuple[date, str], Row]:
    """Return the rows of the converted cohort by generated_date and metric name."""
    return {
        (row["generated_date"], row["metric_name"]): row
        for row in targets
        if row["cohort"] == CONVERTED
    }


def reason_codes(
    snapshot: Row, converted: dict[tuple[date, str], Row], constants: Constants
) -> list[str]:
    """Return the reasons to call an org, in alphabetical order.

    Orgs on a paid or the free plan have none, nor have those whose trial ended more
    than `follow_up_days` ago. A target of 0 counts as no target. An org without log
    events on the last `stalled_days` days can only be stalled.

    - above_target: meets all targets.
    - big_footprint: has a multiple of the p75 of converted trials in hosts or metrics.
    - fast_start: meets some targets within the first days.
    - stalled: has no log events, its trial runs and began before those days.
    """
    if snapshot["is_paid"] or snapshot["billing_plan_id"] == FREE_PLAN_ID:
        return []
    last_day_of_trial = constants.trial_period_days
    if snapshot["org_day"] > last_day_of_trial + constants.follow_up_days:
        return []
    if _is_inactive(snapshot, constants):
        is_stalled = constants.stalled_days < snapshot["org_day"] <= last_day_of_trial
        return ["stalled"] if is_stalled else []
    targets = {
        metric: converted.get((snapshot["generated_date"], metric), {})
        for metric in METRICS
    }
    measurable = [
        metric
        for metric in METRICS
        if (targets[metric].get("median_value") or 0) > 0
        and snapshot[metric] is not None
    ]
    met = [
        metric
        for metric in measurable
        if snapshot[metric] >= targets[metric]["median_value"]
    ]
    has_big_footprint = any(
        snapshot[metric] >= targets[metric]["p75"] * constants.big_footprint_factor
        for metric in set(BIG_FOOTPRINT_METRICS).intersection(measurable)
    )
    is_early = snapshot["org_day"] <= constants.fast_start_days
    applies = {
        "above_target": bool(measurable) and met == measurable,
        "big_footprint": has_big_footprint,
        "fast_start": is_early and len(met) >= constants.fast_start_metrics,
    }
    return [code for code, is_true in applies.items() if is_true]


def _is_inactive(snapshot: Row, constants: Constants) -> bool:
    last = snapshot["last_active_date"]
    inactive_since = snapshot["generated_date"] - timedelta(days=constants.stalled_days)
    return last is None or last <= inactive_since


def _interesting_trial(
    snapshot: Row, codes: list[str], meanings: dict[str, str]
) -> Row:
    by_weight = sorted(codes, key=WEIGHTS.__getitem__, reverse=True)
    return select_columns(
        snapshot,
        *("org_id", "generated_date", "billing_plan_id", "org_name"),
        *("billing_plan_name", "org_day", "days_left_in_trial", *METRICS),
        *("active_days", "active_users", "target_attainment", "trial_start_date"),
        "last_active_date",
    ) | {
        "reasons": ",".join(codes),
        "reasons_in_words": " ".join(f"{meanings[code]}." for code in by_weight),
    }


def _rank_order(row: Row, trial_period_days: int) -> tuple[object, ...]:
    is_over = row["org_day"] > trial_period_days
    weight = sum(WEIGHTS[code] for code in row["reasons"].split(","))
    attainment = Decimal(row["target_attainment"] or 0)
    # As in the mart, so that floating-point noise does not decide the rank.
    for decimals in ("0.000001", "0.0001"):
        attainment = attainment.quantize(Decimal(decimals), rounding=ROUND_HALF_UP)
    hosts = row["hosts"] or 0
    days_left = row["days_left_in_trial"]
    return is_over, -weight, -attainment, days_left, -hosts, row["org_id"]


def _read_meanings(folder: Path = SEEDS_FOLDER) -> dict[str, str]:
    with (folder / "reason_codes.csv").open(encoding="utf-8", newline="") as file:
        return {row["reason_code"]: row["meaning"] for row in csv.DictReader(file)}
