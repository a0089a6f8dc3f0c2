"""Tests of the growth marts on hand-computed inputs."""

from collections.abc import Mapping
from datetime import date
from pathlib import Path

import pytest

from tests.reference import Marts, expected_marts, read_raw_data
from tests.reference.tests.raw_records import (
    SEEDS,
    event,
    november,
    org,
    sample,
    write_partitions,
)

TRIAL = {"billing_plan_id": 1, "billing_plan_name": "Trial"}
FREE = {"billing_plan_id": 2, "billing_plan_name": "Free"}
PRO = {"billing_plan_id": 3, "billing_plan_name": "Pro"}


def _marts(
    folder: Path, partitions: Mapping[tuple[str, date], list[str]], *, until: int
) -> Marts:
    return expected_marts(
        read_raw_data(write_partitions(folder, partitions)),
        data_date=november(until),
        data_dates=sorted({dt for source, dt in partitions if source == "orgs"}),
        seeds=SEEDS,
    )


def _account_states(marts: Marts) -> dict[tuple[int, int], str | None]:
    return {
        (row["org_id"], row["metric_date"].day): row["account_state"]
        for row in marts.org_activity
    }


@pytest.mark.parametrize(
    ("changes", "state"),
    [
        (TRIAL, "trial"),
        (TRIAL | {"trial_started_at": "2026-10-20T23:00:00Z"}, "trial"),
        (TRIAL | {"trial_started_at": "2026-10-19T23:00:00Z"}, "expired"),
        (TRIAL | {"trial_started_at": "2026-11-03T00:00:00Z"}, None),
        (TRIAL | {"trial_started_at": None}, None),
        (FREE, "free"),
        (FREE | {"trial_started_at": None}, "free"),
        (PRO | {"trial_started_at": "2026-10-01T00:00:00Z"}, "paid"),
        (PRO | {"is_internal": True}, None),
        ({"billing_plan_id": 99}, "trial"),
    ],
)
def test_account_state_depends_on_plan_then_trial(
    tmp_path: Path, changes: dict[str, object], state: str | None
) -> None:
    marts = _marts(tmp_path, {("orgs", november(2)): [org(1, **changes)]}, until=2)
    assert _account_states(marts) == {(1, 2): state}


def test_flow_counts_new_unchanged_changed_and_lost_accounts(tmp_path: Path) -> None:
    marts = _marts(
        tmp_path,
        {
            ("orgs", november(1)): [org(1), org(2), org(3, **FREE)],
            ("orgs", november(2)): [org(1, **PRO), org(2), org(3, is_internal=True)],
        },
        until=2,
    )
    flow = {
        (row["day"].day, row["from_state"], row["to_state"]): row["orgs"]
        for row in marts.paid_account_flow
    }
    assert flow == {
        (1, "trial", "trial"): 2,
        (1, "free", "free"): 1,
        (2, "trial", "paid"): 1,
        (2, "trial", "trial"): 1,
        (2, "free", None): 1,
    }
    changes = [row for row in marts.paid_account_flow if row["is_change"]]
    assert sum(row["orgs"] for row in changes) == 2


def test_missing_org_leaves_the_flow_after_seven_days(tmp_path: Path) -> None:
    partitions = {("orgs", november(1)): [org(1, **PRO), org(2, **PRO)]}
    partitions |= {("orgs", november(day)): [org(2, **PRO)] for day in range(2, 10)}
    marts = _marts(tmp_path, partitions, until=9)
    lost = [row for row in marts.paid_account_flow if row["to_state"] is None]
    assert [(row["day"], row["orgs"]) for row in lost] == [(november(9), 1)]


def test_activity_contains_exactly_the_exported_orgs(tmp_path: Path) -> None:
    marts = _marts(
        tmp_path,
        {
            ("orgs", november(2)): [org(1, **PRO), org(2, trial_started_at=None)],
            ("metrics", november(2)): [sample(1, "2026-11-02T10:00:00Z", hosts=7)],
            ("app_logs", november(2)): [
                event("a", "2026-11-02T10:00:00Z", org_id=2, user_id=5),
                event("b", "2026-11-02T10:00:00Z", org_id=77),
            ],
        },
        until=2,
    )
    rows = {row["org_id"]: row for row in marts.org_activity}
    assert rows.keys() == {1, 2}
    assert (rows[1]["hosts"], rows[1]["has_samples"]) == (7, True)
    assert rows[1]["log_events"] == 0
    assert (rows[2]["has_samples"], rows[2]["log_events"]) == (False, 1)


def test_free_accounts_are_listed_when_they_reach_an_included_amount(
    tmp_path: Path,
) -> None:
    at = "2026-11-02T10:00:00Z"
    marts = _marts(
        tmp_path,
        {
            ("orgs", november(2)): [org(1, **FREE), org(2, **FREE), org(3, **PRO)],
            ("metrics", november(2)): [
                sample(1, at, hosts=5, metrics=130),
                sample(2, at, hosts=4, dashboards=9, metrics=99),
                sample(3, at, hosts=50),
            ],
        },
        until=2,
    )
    [row] = marts.free_account_usage
    assert (row["org_id"], row["limits_reached"]) == (1, 2)
    assert (row["hosts_above"], row["metrics_above"]) == (0, 30)
    assert row["dashboards_above"] == -10


def test_usage_change_requires_samples_on_both_days(tmp_path: Path) -> None:
    paying = [org(1, **PRO), org(2, **PRO)]
    partitions = {("orgs", november(day)): paying for day in (1, 7, 8)}
    partitions |= {
        ("metrics", november(1)): [
            sample(1, "2026-11-01T10:00:00Z", hosts=10),
            sample(2, "2026-11-01T10:00:00Z", hosts=80),
        ],
        ("metrics", november(8)): [sample(1, "2026-11-08T10:00:00Z", hosts=13)],
    }
    marts = _marts(tmp_path, partitions, until=8)
    rows = {
        row["org_id"]: row
        for row in marts.big_customer_usage
        if row["metric_date"] == november(8)
    }
    assert (rows[1]["usage_rank"], rows[2]["usage_rank"]) == (2, 1)
    assert rows[1]["hosts_week_change"] == 3
    assert rows[1]["hosts_day_change"] is None
    assert rows[2]["hosts_week_change"] is None


def test_trends_count_trials_by_week_and_outcome(tmp_path: Path) -> None:
    started = {"trial_started_at": "2026-11-02T09:00:00Z"}
    restarted = {"trial_started_at": "2026-11-09T09:00:00Z"}
    partitions = {
        ("orgs", november(2)): [org(1, **started), org(2, **started)],
        ("orgs", november(4)): [org(1, **started, **PRO), org(2, **started)],
        ("orgs", november(10)): [org(1, **started), org(2, **restarted)],
        ("metrics", november(2)): [sample(1, "2026-11-02T10:00:00Z", hosts=1)],
        ("app_logs", november(2)): [event("a", "2026-11-02T10:00:00Z")],
        ("app_logs", november(4)): [event("b", "2026-11-04T10:00:00Z")],
    }
    marts = _marts(tmp_path, partitions, until=10)
    weeks = {row["cohort_week"]: row for row in marts.trial_trends}
    assert weeks.keys() == {november(2), november(9)}
    first, second = weeks[november(2)], weeks[november(9)]
    assert (first["trials"], first["activated"], first["converted"]) == (2, 1, 1)
    assert first["conversion_rate"] is None  # its trials end on the 15th
    for until, rate in ((15, None), (16, pytest.approx(0.5))):
        [week] = [
            row
            for row in _marts(tmp_path, partitions, until=until).trial_trends
            if row["cohort_week"] == november(2)
        ]
        assert week["conversion_rate"] == rate
    assert first["median_days_to_convert"] == 3
    assert (second["trials"], second["trials_seen_late"]) == (1, 1)
    assert second["median_days_to_convert"] is None
    assert not first["is_settled"]


def test_interesting_trials_are_ranked_by_reasons(tmp_path: Path) -> None:
    # Org 1 converted with 10 hosts: the target is 10, and 20 is a big footprint.
    new = {"trial_started_at": "2026-11-07T09:00:00Z"}
    at = "2026-11-10T10:00:00Z"
    partitions = {
        ("orgs", november(10)): [
            org(1, **PRO),
            org(2, **new),
            org(3, **new),
            org(4),
            org(5),
        ],
        ("metrics", november(10)): [
            sample(1, at, hosts=10, dashboards=4),
            sample(2, at, hosts=20, dashboards=4),
            sample(3, at, hosts=10, dashboards=4),
            sample(4, at, hosts=1),
            sample(5, at, hosts=2),
        ],
        ("app_logs", november(10)): [
            event("a", at, org_id=2),
            event("b", at, org_id=3),
        ],
    }
    marts = _marts(tmp_path, partitions, until=10)
    ranked = sorted(marts.interesting_trials, key=lambda row: row["trial_rank"])
    assert [(row["org_id"], row["reasons"]) for row in ranked] == [
        (2, "above_target,big_footprint,fast_start"),
        (3, "above_target,fast_start"),
        (5, "stalled"),
        (4, "stalled"),
    ]
    assert ranked[0]["reasons_in_words"].startswith("Far larger than most")
    assert ranked[3]["reasons_in_words"].startswith("Was set up but")
