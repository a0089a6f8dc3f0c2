"""Tests of all marts on a few raw records."""

from collections.abc import Collection
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from tests.reference import Constants, Marts, expected_marts, read_raw_data
from tests.reference.business import METRICS
from tests.reference.tests.raw_records import (
    SEEDS,
    event,
    november,
    org,
    request,
    sample,
    write_partitions,
)

Partitions = dict[tuple[str, date], list[str]]
PAID = {"billing_plan_id": 3, "billing_plan_name": "Pro"}


def _marts(
    folder: Path,
    partitions: Partitions,
    *,
    until: int,
    data_dates: Collection[int] | None = None,
    constants: Constants | None = None,
) -> Marts:
    write_partitions(folder, partitions)
    return expected_marts(
        read_raw_data(folder),
        data_date=november(until),
        data_dates=[november(data_date) for data_date in (data_dates or [until])],
        constants=constants or Constants(),
        seeds=SEEDS,
    )


def _org_day_column(marts: Marts, column: str, *, org_id: int = 1) -> dict[int, object]:
    """Return a column of fct_org_day by day of the month."""
    return {
        row["metric_date"].day: row[column]
        for row in marts.fct_org_day
        if row["org_id"] == org_id
    }


def test_org_day_aggregates_all_sources(tmp_path: Path) -> None:
    marts = _marts(
        tmp_path,
        {
            ("orgs", november(2)): [org(1)],
            ("metrics", november(2)): [
                sample(1, "2026-11-02T06:00:00Z", hosts=3, integrations=["a"]),
                sample(1, "2026-11-02T12:00:00Z", metrics=9, integrations=["b"]),
            ],
            ("app_logs", november(2)): [
                event("a", "2026-11-02T10:00:00Z", user_id=5, level="error"),
                event("b", "2026-11-02T10:01:00Z", user_id=5),
                event("c", "2026-11-02T10:02:00Z"),
            ],
            ("web_logs", november(2)): [
                request("02/Nov/2026:10:00:00 +0000", authuser="5"),
                request("02/Nov/2026:10:01:30 +0000", authuser="5"),
                request("02/Nov/2026:18:00:00 +0000", authuser="5"),
                request("02/Nov/2026:18:00:00 +0000"),
            ],
        },
        until=2,
    )
    [row] = marts.fct_org_day
    assert {name: row[name] for name in ("org_day", "hosts", "metrics")} == {
        "org_day": 2,
        "hosts": 3,
        "metrics": 9,
    }
    assert (row["integrations"], row["dashboards"]) == (2, 0)
    assert (row["log_events"], row["error_events"], row["active_users"]) == (3, 1, 1)
    assert (row["sessions"], row["session_minutes"]) == (2, Decimal("1.50"))
    assert len(marts.fct_web_sessions) == 3


def test_late_events_count_for_their_own_day_within_two_days(tmp_path: Path) -> None:
    orgs = {("orgs", november(n)): [org(1)] for n in range(1, 6)}
    late = {
        ("app_logs", november(5)): [
            event("now", "2026-11-05T10:00:00Z"),
            event("one", "2026-11-04T10:00:00Z"),
            event("two", "2026-11-03T10:00:00Z"),
            event("three", "2026-11-02T10:00:00Z"),
            event("future", "2026-11-06T10:00:00Z"),
        ]
    }
    marts = _marts(tmp_path, orgs | late, until=5)
    assert _org_day_column(marts, "log_events") == {1: 0, 2: 0, 3: 1, 4: 1, 5: 1}


def test_partitions_after_the_data_date_are_ignored(tmp_path: Path) -> None:
    partitions = {
        ("orgs", november(1)): [org(1)],
        ("orgs", november(2)): [org(1)],
        ("app_logs", november(2)): [event("late", "2026-11-01T23:00:00Z")],
    }
    assert _org_day_column(_marts(tmp_path, partitions, until=1), "log_events") == {
        1: 0
    }
    second_day = _marts(tmp_path, partitions, until=2)
    assert _org_day_column(second_day, "log_events") == {1: 1, 2: 0}


def test_recomputed_snapshot_includes_late_data(tmp_path: Path) -> None:
    partitions = {("orgs", november(n)): [org(1)] for n in (1, 2, 3)}
    partitions["app_logs", november(3)] = [event("late", "2026-11-01T23:00:00Z")]
    marts = _marts(tmp_path, partitions, until=3, data_dates=[1, 2, 3])
    events = {
        row["generated_date"].day: row["log_events"]
        for row in marts.fct_org_trial_metrics
    }
    assert events == {1: 1, 2: 1, 3: 1}


def test_duplicate_event_on_another_day_counts_once(tmp_path: Path) -> None:
    partitions = {("orgs", november(n)): [org(1)] for n in (1, 2, 3)}
    partitions |= {
        ("app_logs", november(1)): [event("e", "2026-11-01T10:00:00Z", user_id=5)],
        ("app_logs", november(2)): [event("e", "2026-11-02T10:00:00Z", user_id=6)],
        ("app_logs", november(3)): [event("e", "2026-11-01T09:00:00Z", user_id=7)],
    }
    marts = _marts(tmp_path, partitions, until=3)
    assert _org_day_column(marts, "log_events") == {1: 1, 2: 0, 3: 0}
    assert _org_day_column(marts, "active_users") == {1: 1, 2: 0, 3: 0}


def test_session_belongs_to_the_org_of_its_user_on_the_start_date(
    tmp_path: Path,
) -> None:
    both = [org(1), org(2)]
    partitions = {("orgs", november(n)): both for n in (1, 2, 3)}
    partitions |= {
        ("app_logs", november(1)): [event("a", "2026-11-01T10:00:00Z", user_id=5)],
        ("app_logs", november(2)): [
            event("b", "2026-11-02T23:59:00Z", user_id=5, org_id=2)
        ],
        ("web_logs", november(1)): [
            request("01/Nov/2026:23:50:00 +0000", authuser="5")
        ],
        ("web_logs", november(2)): [
            request("02/Nov/2026:00:10:00 +0000", authuser="5"),
            request("02/Nov/2026:08:00:00 +0000", authuser="5"),
        ],
    }
    marts = _marts(tmp_path, partitions, until=3)
    assert _org_day_column(marts, "sessions", org_id=1) == {1: 1, 2: 0, 3: 0}
    assert _org_day_column(marts, "session_minutes", org_id=1)[1] == Decimal("20.00")
    # The event at 23:59 also determines the org of the session that morning.
    assert _org_day_column(marts, "sessions", org_id=2) == {1: 0, 2: 1, 3: 0}


def test_restarted_trial_is_a_new_trial(tmp_path: Path) -> None:
    restart = {"trial_started_at": "2026-11-03T01:00:00Z"}
    marts = _marts(
        tmp_path,
        {
            ("orgs", november(1)): [org(1, **PAID)],
            ("orgs", november(2)): [org(1)],
            ("orgs", november(3)): [org(1, **restart)],
            ("orgs", november(4)): [org(1, **restart)],
            ("metrics", november(1)): [sample(1, "2026-11-01T10:00:00Z", hosts=50)],
            ("metrics", november(4)): [sample(1, "2026-11-04T10:00:00Z", hosts=2)],
        },
        until=4,
        data_dates=[2, 4],
    )
    assert _org_day_column(marts, "org_day") == {1: 1, 2: 2, 3: 1, 4: 2}
    before, after = marts.fct_org_trial_metrics
    assert (before["max_hosts"], before["converted_on"]) == (50, november(1))
    assert (after["max_hosts"], after["converted_on"]) == (2, None)
    assert (after["trial_days"], after["median_hosts"]) == (2, 1.0)
    assert marts.org_trial_metrics_latest == [after]


def test_snapshots_cover_all_data_dates_and_salesforce_only_the_last(
    tmp_path: Path,
) -> None:
    partitions = {("orgs", november(n)): [org(1)] for n in range(1, 6)}
    partitions["orgs", november(3)] = [org(1), org(2)]
    marts = _marts(tmp_path, partitions, until=5, data_dates=[3, 5])
    assert {
        (row["org_id"], row["generated_date"].day)
        for row in marts.fct_org_trial_metrics
    } == {(1, 3), (2, 3), (1, 5), (2, 5)}
    assert {row["generated_date__c"] for row in marts.sf_trial_metrics} == {november(5)}
    assert {row["generated_date"] for row in marts.org_trial_metrics_latest} == {
        november(5)
    }


def test_missing_org_keeps_its_last_snapshot_and_cohort(tmp_path: Path) -> None:
    constants = Constants(org_carry_forward_days=1)
    partitions = {
        ("orgs", november(1)): [org(1, **PAID), org(2)],
        ("metrics", november(1)): [sample(1, "2026-11-01T10:00:00Z", hosts=8)],
        ("orgs", november(2)): [org(2)],
        ("orgs", november(3)): [org(2)],
        ("metrics", november(3)): [sample(2, "2026-11-03T10:00:00Z", hosts=2)],
    }
    marts = _marts(
        tmp_path, partitions, until=3, data_dates=[1, 2, 3], constants=constants
    )
    latest = {row["org_id"]: row for row in marts.org_trial_metrics_latest}
    assert latest[1]["generated_date"] == november(2)
    assert latest[2]["generated_date"] == november(3)
    [hosts] = [
        row
        for row in marts.trial_target_metrics
        if row["generated_date"] == november(3) and row["metric_name"] == "hosts"
    ]
    # The last snapshot of org 1 is of November 2, a day without samples.
    assert (hosts["cohort"], hosts["orgs"], hosts["median_value"]) == (
        "converted",
        1,
        0,
    )


def test_attainment_compares_with_converted_orgs_of_the_same_date(
    tmp_path: Path,
) -> None:
    at = "2026-11-02T10:00:00Z"
    marts = _marts(
        tmp_path,
        {
            ("orgs", november(2)): [org(1, **PAID), org(2, **PAID), org(3)],
            ("metrics", november(2)): [
                sample(1, at, hosts=10, metrics=0, dashboards=4),
                sample(2, at, hosts=30, metrics=0, dashboards=0),
                sample(3, at, hosts=5, metrics=7, dashboards=9),
            ],
        },
        until=2,
    )
    targets = {
        row["metric_name"]: row["median_value"] for row in marts.trial_target_metrics
    }
    assert targets == dict.fromkeys(METRICS, 0) | {"hosts": 20, "dashboards": 2}
    attainment = {
        row["org_id"]: row["target_attainment"] for row in marts.fct_org_trial_metrics
    }
    assert attainment == {1: 0.75, 2: 0.5, 3: 0.625}
    curve = {
        (row["metric_name"], row["org_day"]): row["median_value"]
        for row in marts.trial_target_curve
    }
    assert curve["hosts", 2] == 20
    assert len(curve) == len(METRICS)


def test_rejected_lines_are_ignored(tmp_path: Path) -> None:
    marts = _marts(
        tmp_path,
        {
            ("orgs", november(2)): [org(1), org(2, is_internal="maybe")],
            ("app_logs", november(2)): [
                event("a", "2026-11-02T10:00:00Z", status="OK"),
                event("b", "2026-11-02T10:00:00Z"),
            ],
        },
        until=2,
    )
    [row] = marts.fct_org_day
    assert (row["org_id"], row["log_events"]) == (1, 1)


def test_data_date_after_the_last_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="after data_date 2026-11-02"):
        _marts(tmp_path, {("orgs", november(2)): [org(1)]}, until=2, data_dates=[3])


def test_marts_of_no_raw_data_are_empty(tmp_path: Path) -> None:
    assert _marts(tmp_path, {}, until=2) == Marts()
