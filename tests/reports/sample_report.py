"""A sample report for tests, with hostile names in every section."""

from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any

from orchestrate.runs.blocked import Blocked
from reports.morning.baseline import Baseline
from reports.morning.data import MAX_ROWS, Report, TopRows, metric_labels
from reports.morning.notes import Note
from reports.morning.paid_flow import PaidAccountFlow
from reports.morning.quality import Quality
from reports.morning.request import ReportRequest
from reports.morning.trials import COUNTS

DATA_DATE = date(2026, 11, 24)
WRITTEN_AT = datetime(2026, 11, 25, 4, 30)
RECORD_ID = "a015f0000000008AAA"
SCRIPT = "<script>document.title='hacked'</script>"
HOSTILE_NAMES = (
    SCRIPT,
    "Line one\r\nBcc: everybody@example.com",
    "\u202eevil\u202c شركة الليل",
    "שלום עולם בע״מ",
    "🚀 Rocket 👩\u200d👩\u200d👧\u200d👦 Family",
    "ä" * 300,
    "W" * 300,
    '=HYPERLINK("https://evil.example","free money")',
    '"><img src=x onerror=alert(1)>',
    "{{ 7 * 7 }} {% raw %} ${HOME} %s",
    "separators \u2028 and \x85 and \x00 within",
    None,
)
SYNC = {
    "status": "success",
    "sent": 33,
    "accepted": 33,
    "rejected": 0,
    "unchanged": 2,
    "unmatched": 0,
    "known_rejects": 0,
}
EMPTY_QUALITY = Quality(
    figures={
        "loads": [],
        "models": {"done": 40, "failed": 0, "tests": 122, "tests_warned": 0},
        "archives": 4,
        "salesforce": SYNC,
        "salesforce_objects": {"Trial_Metrics__c": SYNC},
        "finished_at": WRITTEN_AT,
    },
    baseline=Baseline(DATA_DATE),
    test_warnings={},
)

ALERT_CONTEXT = {
    "data_date": DATA_DATE,
    "environment": "prod/v1 on prod",
    "run_id": "20261125T041500-4711-0badca",
    "command": "nightshift backfill --from 2026-11-20 --to 2026-11-24",
    "done": 12,
    "written_at": WRITTEN_AT,
    "is_mail": True,
    "root_cause": {
        "name": "DbtModel fct_org_day",
        "error": f"{SCRIPT}\n{'/long' * 90}",
    },
    "others": [{"name": f"DbtModel {'int_long_' * 9}", "error": "x" * 300}],
    "more": 2,
    "blocked": Blocked(
        models=tuple(f"int_{'very_long_name_' * 5}{number}" for number in range(20)),
        datasets=("org_day",),
        salesforce=True,
        report=True,
    ),
    "can_wait": "No",
    "reason": "Some of the values were already sent to Salesforce.",
}


def report(**changes: Any) -> Report:  # noqa: ANN401 - any field of the report
    """Return a report with data in each section, with `changes` applied."""
    complete = Report(
        request=_request(),
        trial_days=_trial_days(),
        targets=_targets(),
        target_curve=_target_curve(),
        interesting=TopRows(
            [_trial(rank, name) for rank, name in enumerate(HOSTILE_NAMES, 1)], 60
        ),
        paid_flow=_paid_flow(),
        customers=TopRows(
            [_customer(rank, name) for rank, name in enumerate(HOSTILE_NAMES, 1)],
            len(HOSTILE_NAMES),
        ),
        free_accounts=TopRows([_free_account(name) for name in HOSTILE_NAMES], 12),
        quality=_quality(),
        notes=[Note("orgs 2026-10-30 changed. Take it in:", "nightshift run")],
    )
    return replace(complete, **changes)


def empty_report() -> Report:
    """Return the report for a warehouse without accounts."""
    no_rows = TopRows([], 0)
    return report(
        trial_days=[],
        targets=[],
        target_curve=[],
        interesting=no_rows,
        paid_flow=PaidAccountFlow(changes=[], paid_before=None, paid_now=0, since=None),
        customers=no_rows,
        free_accounts=no_rows,
        quality=EMPTY_QUALITY,
        notes=[],
    )


def large_report() -> Report:
    """Return the report of ten thousand orgs, at the length that a report has."""
    complete = report()
    lists = ("interesting", "customers", "free_accounts")
    return replace(
        complete,
        **{
            name: TopRows(getattr(complete, name).rows[:MAX_ROWS], 10_000)
            for name in lists
        },
        trial_days=[
            {"day": row["day"], **{name: 1000 * row[name] for name in COUNTS}}
            for row in complete.trial_days
        ],
    )


def _request() -> ReportRequest:
    return ReportRequest(
        data_date=DATA_DATE,
        env="prod",
        version="v1",
        variables={
            "stalled_days": 3,
            "trial_period_days": 14,
            "usage_month_days": 28,
        },
        salesforce_object="Trial_Metrics__c",
        salesforce_url="https://acme.my.salesforce.com",
        looker_url="https://acme.cloud.looker.com",
    )


def _trial_days() -> list[dict[str, Any]]:
    return [
        {
            "day": DATA_DATE - timedelta(days=13 - number),
            "started": number % 4,
            "in_progress": 20 + number,
            "active": 9 + number % 5,
            "stalled": 4 + number % 3,
            "converted": number % 3,
        }
        for number in range(14)
        if number != 5
    ]


def _targets() -> list[dict[str, Any]]:
    return [
        {
            "cohort": cohort,
            "metric_name": metric,
            "orgs": 12,
            "median_value": 10.5 * factor,
            "p25": 4.25 * factor,
            "p75": 2222.5 * factor,
        }
        for metric in metric_labels()
        for cohort, factor in (("converted", 2), ("not_converted", 1))
    ]


def _target_curve() -> list[dict[str, Any]]:
    return [
        {
            "cohort": cohort,
            "metric_name": metric,
            "org_day": day,
            "median_value": factor * day**1.5,
        }
        for metric in metric_labels()
        for cohort, factor in (("converted", 2), ("not_converted", 1))
        for day in range(1, 15)
    ]


def _trial(rank: int, name: str | None) -> dict[str, Any]:
    return {
        "org_id": 1000 + rank,
        "org_name": name,
        "reasons": "big_footprint,above_target,fast_start,stalled",
        "reasons_in_words": "Far larger than most customers were; call <soon> & often.",
        "trial_rank": rank,
        "org_day": 13,
        "days_left_in_trial": 1,
        "hosts": 262,
        "metrics": 1234567,
        "active_users": 9,
        "target_attainment": 0.87 if rank % 2 else None,
        "last_active_date": DATA_DATE if rank % 2 else None,
        "salesforce_id": RECORD_ID if rank % 2 else "",
    }


def _paid_flow() -> PaidAccountFlow:
    names = ("from_state", "to_state", "orgs", "meaning")
    changes = [
        ("trial", "paid", 3, "Buys during the trial"),
        ("free", "paid", 1, "Upgrades from the free plan"),
        ("paid", "free", 2, "Downgrades to the free plan"),
        ("paid", None, 1, "Customer leaves or becomes internal"),
        (None, "trial", 5, "New account in trial"),
    ]
    return PaidAccountFlow(
        changes=[
            {
                "day": DATA_DATE - timedelta(days=ago),
                **dict(zip(names, change, strict=True)),
            }
            for ago in range(7)
            for change in changes[: ago + 1]
        ],
        paid_before=120,
        paid_now=132,
        since=DATA_DATE - timedelta(days=6),
    )


def _customer(rank: int, name: str | None) -> dict[str, Any]:
    return {
        "org_id": 2000 + rank,
        "salesforce_id": RECORD_ID if rank % 3 else "",
        "org_name": name,
        "billing_plan_name": name,
        "usage_rank": rank,
        "hosts": 1234567,
        "hosts_day_change": -4,
        "hosts_week_change": 123456,
        "hosts_month_change": None,
        "metrics": 99,
        "metrics_week_change": 0,
    }


def _free_account(name: str | None) -> dict[str, Any]:
    return {
        "org_id": 3,
        "salesforce_id": "",
        "org_name": name,
        "limits_reached": 2,
        **{metric: 104_500 for metric in metric_labels()},
        **{f"included_{metric}": 100 for metric in metric_labels()},
        "included_metrics": None,
    }


def _quality() -> Quality:
    loads = [
        {"source": source, "lines": 1200, "rows": 1195, "rejects": 5, "objects": 4}
        for source in ("app_logs", "metrics", "orgs", "web_logs")
    ]
    return replace(
        EMPTY_QUALITY,
        figures=EMPTY_QUALITY.figures | {"loads": loads},
        baseline=Baseline(
            DATA_DATE,
            weeks=4,
            records={"orgs": 1000.0, "metrics": 2600.0},
            rejects={"app_logs": 0.0, "orgs": 4.0, "web_logs": 6.0},
        ),
    )
