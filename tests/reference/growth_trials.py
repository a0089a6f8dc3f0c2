"""The growth marts of trials: how a week's trials end, and whom to call today.

What: the rows of trial_trends and interesting_trials.
From: the questions at the end of section 3 of the contract, and what the marts'
descriptions say in words; the texts of the reasons from `reason_codes.csv`.
Changes: when one of those definitions does.
"""

from __future__ import annotations

import csv
import statistics
from collections import defaultdict
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path

from tests.reference.business import (
    METRICS,
    PAID_PLAN_IDS,
    REFERENCE_FOLDER,
    USAGE,
    Constants,
)
from tests.reference.growth import columns
from tests.reference.org_days import Mart
from tests.reference.targets import CONVERTED
from tests.reference.trials import Row

ACTIVATION_ACTIVE_DAYS = 2
WEIGHTS = {"big_footprint": 8, "above_target": 4, "fast_start": 2, "stalled": 1}
FAST_START_DAYS, FAST_START_METRICS = 7, 2
STALLED_DAYS = 3
BIG_FOOTPRINT_FACTOR = 2


def trial_trends(org_days: Mart, data_date: date, constants: Constants) -> Mart:
    """Return a row a week (named by its Monday) in which trials began.

    A restarted trial is a new one. Activated: hosts on one of the trial days, and
    events on two. Converted: a paid day at any time in the window.
    """
    trials: dict[tuple[int, date], Mart] = defaultdict(list)
    for row in org_days:
        trials[row["org_id"], row["trial_start_date"]].append(row)
    weeks: dict[date, list[Mart]] = defaultdict(list)
    for (_, start), days in trials.items():
        weeks[start - timedelta(days=start.weekday())].append(days)
    window = constants.trial_period_days + constants.extra_conversion_period_days
    return [
        _trend(monday, of_week, window_end=window - 1, data_date=data_date)
        for monday, of_week in weeks.items()
    ]


def _trend(
    monday: date, trials: list[Mart], *, window_end: int, data_date: date
) -> Row:
    days_to_convert = [paid[0] for days in trials if (paid := _paid_days(days))]
    last_day = monday + timedelta(days=6 + window_end - 1)
    return {
        "cohort_week": monday,
        "trials": len(trials),
        "trials_seen_late": sum(
            min(day["org_day"] for day in days) > 1 for days in trials
        ),
        "activated": sum(map(_is_activated, trials)),
        "converted": len(days_to_convert),
        "conversion_rate": len(days_to_convert) / len(trials),
        "median_days_to_convert": (
            statistics.median(days_to_convert) if days_to_convert else None
        ),
        "is_settled": last_day <= data_date,
    }


def _paid_days(days: Mart) -> list[int]:
    paid = (day for day in days if day["billing_plan_id"] in PAID_PLAN_IDS)
    return sorted(day["org_day"] for day in paid)


def _is_activated(days: Mart) -> bool:
    trial_days = [day for day in days if day["is_in_trial"]]
    has_hosts = any(day["hosts"] > 0 for day in trial_days)
    active_days = sum(day["log_events"] > 0 for day in trial_days)
    return has_hosts and active_days >= ACTIVATION_ACTIVE_DAYS


def interesting_trials(snapshots: Mart, targets: Mart, constants: Constants) -> Mart:
    """Return each night's trials that have a reason for a call, the best first.

    `snapshots` and `targets` are rows of fct_org_trial_metrics and
    trial_target_metrics.
    """
    converted = converted_targets(targets)
    meanings = _meanings()
    nights: dict[date, Mart] = defaultdict(list)
    for snapshot in snapshots:
        codes = reasons(snapshot, converted, constants.trial_period_days)
        if codes:
            row = _interesting(snapshot, codes, meanings)
            nights[snapshot["generated_date"]].append(row)
    rows = []
    for of_night in nights.values():
        for rank, row in enumerate(sorted(of_night, key=_interest), start=1):
            rows.append(row | {"trial_rank": rank})
    return rows


def converted_targets(targets: Mart) -> dict[tuple[date, str], Row]:
    """Return the rows of the converted cohort by night and metric."""
    return {
        (row["generated_date"], row["metric_name"]): row
        for row in targets
        if row["cohort"] == CONVERTED
    }


def reasons(
    snapshot: Row, converted: dict[tuple[date, str], Row], trial_period_days: int
) -> list[str]:
    """Return the codes of why to call, in the order of the alphabet.

    None for those who pay. Above target: meets all targets there are. Big
    footprint: hosts or metrics at twice the upper quartile of converted trials.
    Fast start: two targets met within the first seven days. Stalled: no event on
    this day and the two before it, from day 4 until the trial ends. A target of 0
    is none.
    """
    if snapshot["is_paid"]:
        return []
    targets = {
        metric: converted.get((snapshot["generated_date"], metric), {})
        for metric in METRICS
    }
    valued = [
        metric
        for metric in METRICS
        if (targets[metric].get("median_value") or 0) > 0
        and snapshot[metric] is not None
    ]
    met = [m for m in valued if snapshot[m] >= targets[m]["median_value"]]
    big = [
        metric
        for metric in {"hosts", "metrics"}.intersection(valued)
        if snapshot[metric] >= targets[metric]["p75"] * BIG_FOOTPRINT_FACTOR
    ]
    is_early = snapshot["org_day"] <= FAST_START_DAYS
    found = {
        "above_target": bool(valued) and met == valued,
        "big_footprint": bool(big),
        "fast_start": is_early and len(met) >= FAST_START_METRICS,
        "stalled": STALLED_DAYS < snapshot["org_day"] <= trial_period_days
        and _is_quiet(snapshot),
    }
    return [code for code, is_found in found.items() if is_found]


def _is_quiet(snapshot: Row) -> bool:
    last = snapshot["last_active_date"]
    quiet_since = snapshot["generated_date"] - timedelta(days=STALLED_DAYS)
    return last is None or last <= quiet_since


def _interesting(snapshot: Row, codes: list[str], meanings: dict[str, str]) -> Row:
    weightiest_first = sorted(codes, key=WEIGHTS.__getitem__, reverse=True)
    return columns(
        snapshot,
        *("org_id", "generated_date", "billing_plan_id", "org_name"),
        *("billing_plan_name", "org_day", "days_left_in_trial", *USAGE),
        *("active_days", "active_users", "target_attainment", "trial_start_date"),
        "last_active_date",
    ) | {
        "reasons": ",".join(codes),
        "reasons_in_words": " ".join(f"{meanings[code]}." for code in weightiest_first),
    }


def _interest(row: Row) -> tuple[object, ...]:
    weight = sum(WEIGHTS[code] for code in row["reasons"].split(","))
    attainment = Decimal(row["target_attainment"] or 0)
    for places in ("0.000001", "0.0001"):
        attainment = attainment.quantize(Decimal(places), rounding=ROUND_HALF_UP)
    hosts = row["hosts"] or 0
    return -weight, -attainment, row["days_left_in_trial"], -hosts, row["org_id"]


def _meanings(folder: Path = REFERENCE_FOLDER) -> dict[str, str]:
    with (folder / "reason_codes.csv").open(encoding="utf-8", newline="") as file:
        return {row["reason_code"]: row["meaning"] for row in csv.DictReader(file)}
