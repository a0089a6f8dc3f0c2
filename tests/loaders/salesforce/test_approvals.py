"""Approved plans: the advised command, wrong approvals, and syncs that were killed."""

import itertools
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest

from loaders.config.salesforce_policy import SafetyThresholds, SyncPolicy
from loaders.errors import ConfigError, NightshiftError
from loaders.salesforce import plan
from loaders.salesforce.safety_check import SafetyCheckError
from tests.loaders.salesforce.fault_injection import sync_killed_at
from tests.loaders.salesforce.fixtures import (
    BULK,
    DATA_DATE,
    FAST,
    REJECTED_PLAN,
    Mart,
    SalesforceOrg,
    org_row,
)

EARLIER, LATER = (DATA_DATE + timedelta(days=step) for step in (-1, 1))
THRESHOLDS = SafetyThresholds(
    max_create_ratio=None, max_change_ratio=0.5, max_null_ratio=None, min_rows=5
)
CHECKED = replace(FAST, safety_thresholds=THRESHOLDS)
CHECKED_BULK = replace(BULK, safety_thresholds=THRESHOLDS, chunk_rows=4)
UNKNOWN_PLAN = "0" * 16
ROWS = 10


def _rows(day: date, **values: object) -> list[dict[str, Any]]:
    return [
        org_row(f"{number:02}", generated_date=day, **values) for number in range(ROWS)
    ]


@pytest.fixture
def two_dates(mart: Mart, salesforce: SalesforceOrg) -> SalesforceOrg:
    """Return an org to which two data dates were sent, the second one approved."""
    mart.fill(_rows(EARLIER, hosts=1))
    salesforce.sync(CHECKED, data_date=EARLIER)
    mart.fill(_rows(DATA_DATE, hosts=2))
    salesforce.sync(CHECKED, approved_plan_id=_stopped(salesforce).plan_id)
    return salesforce


def _stopped(
    salesforce: SalesforceOrg,
    policy: Any = CHECKED,  # noqa: ANN401
    **options: Any,  # noqa: ANN401
) -> SafetyCheckError:
    """Sync; return the error of the safety check, which must have stopped it."""
    written = {key: len(writes) for key, writes in salesforce.writes.items()}
    with pytest.raises(SafetyCheckError) as stopped:
        salesforce.sync(policy, **options)
    assert {key: len(writes) for key, writes in salesforce.writes.items()} == written
    return stopped.value


def _hosts(salesforce: SalesforceOrg) -> set[object]:
    return {record["hosts__c"] for record in salesforce.records().values()}


ADVICE: list[tuple[dict[str, Any], str, str]] = [
    ({}, "sync", "diff"),
    (
        {"is_date_given": True},
        f"sync --date {DATA_DATE}",
        f"diff --date {DATA_DATE}",
    ),
    ({"as_of": EARLIER}, f"sync --as-of {EARLIER}", f"diff --as-of {EARLIER}"),
    ({"full": True}, "sync --full", "sync --full --dry-run"),
    (
        {"as_of": EARLIER, "full": True},
        f"sync --as-of {EARLIER} --full",
        f"sync --as-of {EARLIER} --full --dry-run",
    ),
    ({"only_rejected": True}, "rejects --retry", "rejects --retry --dry-run"),
]


@pytest.mark.slow
def test_advice_repeats_the_options_and_sends_the_plan(
    mart: Mart, two_dates: SalesforceOrg
) -> None:
    for number, (options, command, review) in enumerate(ADVICE, start=10):
        if "only_rejected" in options:
            mart.fill(_rows(DATA_DATE, hosts=number, billing_plan=REJECTED_PLAN))
            two_dates.sync(replace(FAST, bulk_above_rows=0))
            two_dates.change_field("billing_plan__c", error_pattern=None)
        else:
            mart.fill(_rows(DATA_DATE, hosts=number))
        error = _stopped(two_dates, **options)
        line = f"`nightshift salesforce {command} --approve {error.plan_id}`"
        assert line in str(error)
        assert f"`nightshift salesforce {review}`" in str(error)
        shown = two_dates.sync(CHECKED, dry_run=True, **options)
        assert (shown.plan_id, shown.needs_approval) == (error.plan_id, True)
        assert shown.sent == 0 and len(shown.sample) == ROWS
        approved = {**options, "approved_plan_id": error.plan_id}
        assert two_dates.sync(CHECKED, dry_run=True, **approved).blockers == ()
        result = two_dates.sync(CHECKED, **approved)
        assert (result.accepted, result.plan_id) == (ROWS, error.plan_id)
        assert _hosts(two_dates) == {1.0 if "as_of" in options else number}
        again = two_dates.sync(CHECKED, **approved)  # typed twice
        assert (again.sent, again.is_complete) == (0, True)


@pytest.mark.parametrize("hosts", [2, 3])
def test_wrong_approval_is_a_configuration_error_and_sends_nothing(
    mart: Mart, two_dates: SalesforceOrg, hosts: int
) -> None:
    """Nothing is pending with 2 hosts."""
    rollback = _stopped(two_dates, as_of=EARLIER).plan_id
    ((of_today,), *_) = mart.read_ledger("salesforce_approvals", "plan_id")
    requests = two_dates.count_requests("PATCH", "")
    cases: list[tuple[str, dict[str, Any]]] = [
        (rollback, {}),
        (rollback, {"dry_run": True}),
        (rollback, {"full": True}),
        (rollback, {"only_rejected": True}),
        (rollback, {"as_of": EARLIER, "full": True, "data_date": EARLIER}),
        (rollback, {"as_of": EARLIER - timedelta(days=7)}),
        (rollback, {"data_date": EARLIER}),
        (of_today, {"as_of": EARLIER}),
        (of_today, {"full": True}),
        (of_today, {"data_date": EARLIER}),
        (UNKNOWN_PLAN, {}),
        (UNKNOWN_PLAN, {"full": True}),
        (UNKNOWN_PLAN, {"only_rejected": True, "dry_run": True}),
        (UNKNOWN_PLAN, {"as_of": EARLIER, "dry_run": True}),
    ]
    if hosts == 3:
        cases.append((of_today, {}))
    mart.fill(_rows(DATA_DATE, hosts=hosts))
    for plan_id, options in cases:
        with pytest.raises(ConfigError, match=f"Plan {plan_id}"):
            two_dates.sync(CHECKED, approved_plan_id=plan_id, **options)
    mart.fill(_rows(LATER, hosts=2))
    for plan_id in (rollback, of_today, UNKNOWN_PLAN):
        with pytest.raises(ConfigError, match=f"Plan {plan_id}"):
            two_dates.sync(CHECKED, approved_plan_id=plan_id, data_date=LATER)
    assert two_dates.count_requests("PATCH", "") == requests


@pytest.mark.slow
@pytest.mark.parametrize("options", [{}, {"as_of": EARLIER}, {"full": True}])
@pytest.mark.parametrize("policy", [CHECKED, CHECKED_BULK])
def test_killed_sync_of_an_approved_plan_is_continued_by_the_same_line(
    mart: Mart,
    two_dates: SalesforceOrg,
    policy: SyncPolicy,
    options: dict[str, Any],
) -> None:
    policy = replace(policy, collection_rows=3)
    mart.fill(_rows(DATA_DATE, hosts=3))
    approved = {**options, "approved_plan_id": _stopped(two_dates, **options).plan_id}
    two_dates.writes.clear()
    for step in itertools.count(100, 60):
        if not sync_killed_at(step, mart, two_dates, policy=policy, **approved):
            break
    result = two_dates.sync(policy, **approved)
    assert (result.is_complete, result.plan_id) == (True, approved["approved_plan_id"])
    assert _hosts(two_dates) == {1.0 if "as_of" in options else 3.0}


def test_rest_of_an_approved_plan_needs_no_approval(
    mart: Mart, two_dates: SalesforceOrg
) -> None:
    mart.fill(_rows(DATA_DATE, hosts=3))
    error = _stopped(two_dates)
    two_dates.inject_fault("PATCH", "/composite/", kind="over_limit", after=1)
    with pytest.raises(NightshiftError):
        policy = replace(CHECKED, collection_rows=3, send_attempts=1)
        two_dates.sync(policy, approved_plan_id=error.plan_id)
    assert _hosts(two_dates) == {2.0, 3.0}
    rest = plan.make_plan(
        two_dates.request(),
        two_dates.settings.model_copy(update={"sync": CHECKED}),
    )
    assert rest.actions["change"] == 7 and not rest.blockers
    mart.fill([*_rows(DATA_DATE, hosts=3)[:-1], org_row("09", hosts=4)])
    changed = _stopped(two_dates)
    with pytest.raises(ConfigError, match=f"is {changed.plan_id}"):
        two_dates.sync(CHECKED, approved_plan_id=error.plan_id)
    mart.fill(_rows(DATA_DATE, hosts=3))
    assert two_dates.sync(CHECKED).accepted == 7
