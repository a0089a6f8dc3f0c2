"""The exports of a run: which are scheduled, and when accounts must be synced."""

import pytest

from loaders import ledger
from loaders.config import salesforce_mapping, settings
from orchestrate.planning import syncs
from orchestrate.planning.exports import (
    ACCOUNTS,
    TRIAL_METRICS,
    is_exported,
    scheduled_exports,
)
from orchestrate.planning.later_dates import last_build_date
from orchestrate.runs.blocked import SYNCS
from orchestrate.tasks.export import (
    SyncAccountsToSalesforce,
    SyncTrialMetricsToSalesforce,
    scheduled_syncs,
)
from tests.orchestrate.ledger_history import DAY, NEXT, finished_history


@pytest.fixture
def with_accounts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Turn the export of accounts on."""
    monkeypatch.setenv("NIGHTSHIFT_SALESFORCE__SYNC__ACCOUNTS", "true")


def test_accounts_are_not_scheduled_by_default() -> None:
    assert scheduled_exports() == (TRIAL_METRICS,)
    assert scheduled_syncs() == [SyncTrialMetricsToSalesforce]


@pytest.mark.usefixtures("with_accounts")
def test_setting_schedules_accounts() -> None:
    assert scheduled_exports() == (TRIAL_METRICS, ACCOUNTS)
    assert scheduled_syncs() == [SyncTrialMetricsToSalesforce, SyncAccountsToSalesforce]
    assert [task.task_family for task in scheduled_syncs()] == list(SYNCS)
    for export in scheduled_exports():
        assert salesforce_mapping.find(export.object).model == export.model
        assert is_exported(export.model)
    assert not is_exported("fct_org_day")


@pytest.mark.usefixtures("with_accounts")
@pytest.mark.parametrize(
    ("record", "reason"),
    [
        (None, f"never synced for {DAY}"),
        ("success", ""),
        ("rolled_back", ""),
        ("rejected", "the last sync ended with status rejected"),
        ("deferred", "the last sync ended with status deferred"),
        (ledger.RERUN, "rerun requested"),
        ("other build", "sf_accounts changed"),
    ],
)
def test_accounts_are_synced_once_for_each_build(
    record: str | None, reason: str
) -> None:
    history = finished_history()
    state = history.state()
    fingerprint = state.built_fingerprint(ACCOUNTS.model, DAY)
    if record == "other build":
        history.completed.syncs[ACCOUNTS.object, DAY] = ("other", "success")
    elif record:
        history.completed.syncs[ACCOUNTS.object, DAY] = (fingerprint, record)
    assert syncs.own_reason(state, ACCOUNTS) == reason
    assert syncs.own_reason(state, TRIAL_METRICS) == ""
    is_rejected = record in ("rejected", "deferred", ledger.RERUN)
    assert ("to Account" in syncs.incomplete_reason(state)) == is_rejected


@pytest.mark.usefixtures("with_accounts")
def test_later_date_of_one_object_does_not_supersede_another() -> None:
    history = finished_history()
    history.completed.syncs[ACCOUNTS.object, NEXT] = ("any", "success")
    state = history.state()
    assert syncs.superseding_date(state, ACCOUNTS) == NEXT
    assert syncs.superseding_date(state, TRIAL_METRICS) is None
    assert syncs.own_reason(state, ACCOUNTS) == ""


def test_rejects_of_an_object_that_is_not_scheduled_do_not_matter() -> None:
    history = finished_history()
    history.completed.syncs[ACCOUNTS.object, DAY] = ("any", "rejected")
    assert syncs.incomplete_reason(history.state()) == ""
    assert last_build_date(history.state(), ACCOUNTS.model) == DAY
    assert settings.load().salesforce.sync.accounts is False
