"""Whole small worlds: what all marts say of a few lines written by hand."""

from collections.abc import Collection
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from tests.reference import Constants, Marts, expected, read_world
from tests.reference.tests import given
from tests.reference.tests.given import REFERENCE, day

Partitions = dict[tuple[str, date], list[str]]
PAID = {"billing_plan_id": 3, "billing_plan_name": "Pro"}


def _marts(
    folder: Path,
    partitions: Partitions,
    *,
    until: int,
    nights: Collection[int] | None = None,
    constants: Constants | None = None,
) -> Marts:
    given.write(folder, partitions)
    return expected(
        read_world(folder),
        data_date=day(until),
        nights=[day(night) for night in (nights or [until])],
        constants=constants or Constants(),
        reference=REFERENCE,
    )


def _by_date(marts: Marts, column: str, *, org_id: int = 1) -> dict[int, object]:
    return {
        row["metric_date"].day: row[column]
        for row in marts.fct_org_day
        if row["org_id"] == org_id
    }


def test_a_day_of_an_org_in_all_its_sums(tmp_path: Path) -> None:
    marts = _marts(
        tmp_path,
        {
            ("orgs", day(2)): [given.org(1)],
            ("metrics", day(2)): [
                given.sample(1, "2026-11-02T06:00:00Z", hosts=3, integrations=["a"]),
                given.sample(1, "2026-11-02T12:00:00Z", metrics=9, integrations=["b"]),
            ],
            ("app_logs", day(2)): [
                given.event("a", "2026-11-02T10:00:00Z", user_id=5, level="error"),
                given.event("b", "2026-11-02T10:01:00Z", user_id=5),
                given.event("c", "2026-11-02T10:02:00Z"),
            ],
            ("web_logs", day(2)): [
                given.request("02/Nov/2026:10:00:00 +0000", authuser="5"),
                given.request("02/Nov/2026:10:01:30 +0000", authuser="5"),
                given.request("02/Nov/2026:18:00:00 +0000", authuser="5"),
                given.request("02/Nov/2026:18:00:00 +0000"),
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


def test_late_lines_count_for_their_own_day_within_two_days(tmp_path: Path) -> None:
    orgs = {("orgs", day(n)): [given.org(1)] for n in range(1, 6)}
    late = {
        ("app_logs", day(5)): [
            given.event("now", "2026-11-05T10:00:00Z"),
            given.event("one", "2026-11-04T10:00:00Z"),
            given.event("two", "2026-11-03T10:00:00Z"),
            given.event("three", "2026-11-02T10:00:00Z"),
            given.event("future", "2026-11-06T10:00:00Z"),
        ]
    }
    marts = _marts(tmp_path, orgs | late, until=5)
    assert _by_date(marts, "log_events") == {1: 0, 2: 0, 3: 1, 4: 1, 5: 1}


def test_what_later_partitions_bring_is_not_known_before(tmp_path: Path) -> None:
    partitions = {
        ("orgs", day(1)): [given.org(1)],
        ("orgs", day(2)): [given.org(1)],
        ("app_logs", day(2)): [given.event("late", "2026-11-01T23:00:00Z")],
    }
    assert _by_date(_marts(tmp_path, partitions, until=1), "log_events") == {1: 0}
    both = _marts(tmp_path, partitions, until=2)
    assert _by_date(both, "log_events") == {1: 1, 2: 0}


def test_a_snapshot_made_again_knows_of_what_came_late(tmp_path: Path) -> None:
    partitions = {("orgs", day(n)): [given.org(1)] for n in (1, 2, 3)}
    partitions["app_logs", day(3)] = [given.event("late", "2026-11-01T23:00:00Z")]
    marts = _marts(tmp_path, partitions, until=3, nights=[1, 2, 3])
    events = {
        row["generated_date"].day: row["log_events"]
        for row in marts.fct_org_trial_metrics
    }
    assert events == {1: 1, 2: 1, 3: 1}


def test_an_event_copied_to_another_day_counts_once(tmp_path: Path) -> None:
    partitions = {("orgs", day(n)): [given.org(1)] for n in (1, 2, 3)}
    partitions |= {
        ("app_logs", day(1)): [given.event("e", "2026-11-01T10:00:00Z", user_id=5)],
        ("app_logs", day(2)): [given.event("e", "2026-11-02T10:00:00Z", user_id=6)],
        ("app_logs", day(3)): [given.event("e", "2026-11-01T09:00:00Z", user_id=7)],
    }
    marts = _marts(tmp_path, partitions, until=3)
    assert _by_date(marts, "log_events") == {1: 1, 2: 0, 3: 0}
    assert _by_date(marts, "active_users") == {1: 1, 2: 0, 3: 0}


def test_a_session_goes_to_the_org_its_user_had_on_the_day_it_started(
    tmp_path: Path,
) -> None:
    both = [given.org(1), given.org(2)]
    partitions = {("orgs", day(n)): both for n in (1, 2, 3)}
    partitions |= {
        ("app_logs", day(1)): [given.event("a", "2026-11-01T10:00:00Z", user_id=5)],
        ("app_logs", day(2)): [
            given.event("b", "2026-11-02T23:59:00Z", user_id=5, org_id=2)
        ],
        ("web_logs", day(1)): [
            given.request("01/Nov/2026:23:50:00 +0000", authuser="5")
        ],
        ("web_logs", day(2)): [
            given.request("02/Nov/2026:00:10:00 +0000", authuser="5"),
            given.request("02/Nov/2026:08:00:00 +0000", authuser="5"),
        ],
    }
    marts = _marts(tmp_path, partitions, until=3)
    assert _by_date(marts, "sessions", org_id=1) == {1: 1, 2: 0, 3: 0}
    assert _by_date(marts, "session_minutes", org_id=1)[1] == Decimal("20.00")
    # The event of 23:59 tells of the session in the morning of its day as well.
    assert _by_date(marts, "sessions", org_id=2) == {1: 0, 2: 1, 3: 0}


def test_a_restarted_trial_is_a_new_trial(tmp_path: Path) -> None:
    again = {"trial_started_at": "2026-11-03T01:00:00Z"}
    marts = _marts(
        tmp_path,
        {
            ("orgs", day(1)): [given.org(1, **PAID)],
            ("orgs", day(2)): [given.org(1)],
            ("orgs", day(3)): [given.org(1, **again)],
            ("orgs", day(4)): [given.org(1, **again)],
            ("metrics", day(1)): [given.sample(1, "2026-11-01T10:00:00Z", hosts=50)],
            ("metrics", day(4)): [given.sample(1, "2026-11-04T10:00:00Z", hosts=2)],
        },
        until=4,
        nights=[2, 4],
    )
    assert _by_date(marts, "org_day") == {1: 1, 2: 2, 3: 1, 4: 2}
    before, after = marts.fct_org_trial_metrics
    assert (before["max_hosts"], before["converted_on"]) == (50, day(1))
    assert (after["max_hosts"], after["converted_on"]) == (2, None)
    assert (after["trial_days"], after["median_hosts"]) == (2, 1.0)
    assert marts.org_trial_metrics_latest == [after]


def test_snapshots_exist_for_nights_and_salesforce_for_the_last_alone(
    tmp_path: Path,
) -> None:
    partitions = {("orgs", day(n)): [given.org(1)] for n in range(1, 6)}
    partitions["orgs", day(3)] = [given.org(1), given.org(2)]
    marts = _marts(tmp_path, partitions, until=5, nights=[3, 5])
    assert {
        (row["org_id"], row["generated_date"].day)
        for row in marts.fct_org_trial_metrics
    } == {(1, 3), (2, 3), (1, 5), (2, 5)}
    assert {row["generated_date__c"] for row in marts.sf_trial_metrics} == {day(5)}
    assert {row["generated_date"] for row in marts.org_trial_metrics_latest} == {day(5)}


def test_an_org_that_is_gone_keeps_its_last_snapshot_and_its_cohort(
    tmp_path: Path,
) -> None:
    constants = Constants(org_carry_forward_days=1)
    partitions = {
        ("orgs", day(1)): [given.org(1, **PAID), given.org(2)],
        ("metrics", day(1)): [given.sample(1, "2026-11-01T10:00:00Z", hosts=8)],
        ("orgs", day(2)): [given.org(2)],
        ("orgs", day(3)): [given.org(2)],
        ("metrics", day(3)): [given.sample(2, "2026-11-03T10:00:00Z", hosts=2)],
    }
    marts = _marts(tmp_path, partitions, until=3, nights=[1, 2, 3], constants=constants)
    latest = {row["org_id"]: row for row in marts.org_trial_metrics_latest}
    assert latest[1]["generated_date"] == day(2)
    assert latest[2]["generated_date"] == day(3)
    [hosts] = [
        row
        for row in marts.trial_target_metrics
        if row["generated_date"] == day(3) and row["metric_name"] == "hosts"
    ]
    # On its last day it had no samples: that is what it is remembered for.
    assert (hosts["cohort"], hosts["orgs"], hosts["median_value"]) == (
        "converted",
        1,
        0,
    )


def test_attainment_is_measured_against_the_same_nights_converted_orgs(
    tmp_path: Path,
) -> None:
    at = "2026-11-02T10:00:00Z"
    marts = _marts(
        tmp_path,
        {
            ("orgs", day(2)): [
                given.org(1, **PAID),
                given.org(2, **PAID),
                given.org(3),
            ],
            ("metrics", day(2)): [
                given.sample(1, at, hosts=10, metrics=0, dashboards=4),
                given.sample(2, at, hosts=30, metrics=0, dashboards=0),
                given.sample(3, at, hosts=5, metrics=7, dashboards=9),
            ],
        },
        until=2,
    )
    targets = {
        row["metric_name"]: row["median_value"] for row in marts.trial_target_metrics
    }
    assert targets == {"hosts": 20, "integrations": 0, "dashboards": 2, "metrics": 0}
    attained = {
        row["org_id"]: row["target_attainment"] for row in marts.fct_org_trial_metrics
    }
    assert attained == {1: 0.75, 2: 0.5, 3: 0.625}
    curve = {
        (row["metric_name"], row["org_day"]): row["median_value"]
        for row in marts.trial_target_curve
    }
    assert curve["hosts", 2] == 20
    assert len(curve) == 4


def test_rejected_lines_are_in_no_mart(tmp_path: Path) -> None:
    marts = _marts(
        tmp_path,
        {
            ("orgs", day(2)): [given.org(1), given.org(2, is_internal="maybe")],
            ("app_logs", day(2)): [
                given.event("a", "2026-11-02T10:00:00Z", status="OK"),
                given.event("b", "2026-11-02T10:00:00Z"),
            ],
        },
        until=2,
    )
    [row] = marts.fct_org_day
    assert (row["org_id"], row["log_events"]) == (1, 1)


def test_a_night_after_the_data_date_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="after the data date 2026-11-02"):
        _marts(tmp_path, {("orgs", day(2)): [given.org(1)]}, until=2, nights=[3])


def test_an_empty_world_has_empty_marts(tmp_path: Path) -> None:
    assert _marts(tmp_path, {}, until=2) == Marts()
