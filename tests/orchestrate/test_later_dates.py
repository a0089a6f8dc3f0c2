"""What a run finds stale, by what the ledgers record about it and about later dates."""

from collections.abc import Callable
from datetime import date, timedelta

import pytest

from loaders import ledger
from loaders.config.salesforce_mapping import SALESFORCE_MODEL, SALESFORCE_OBJECT
from orchestrate.planning import archives, causes, syncs
from orchestrate.planning.later_dates import last_dates
from orchestrate.planning.run_state import LastDates, RunState
from orchestrate.planning.stale_models import (
    build_window,
    find_stale_models,
    sync_stale_reason,
)
from tests.orchestrate.ledger_history import (
    DATASET,
    DAY,
    MART,
    NEXT,
    SECOND_NEXT,
    SEED,
    STAGING,
    History,
    finished_history,
)


@pytest.fixture(autouse=True)
def every_day_is_in_the_archive(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take S3's archive to contain whatever the ledger has."""

    class EveryDay(set[date]):
        def __contains__(self, _: object) -> bool:
            return True

    monkeypatch.setattr(archives, "_archived_days", lambda root, name: EveryDay())
    monkeypatch.setattr(archives, "root_url", lambda state: "s3://bucket/archive")


def _nothing(history: History) -> None:
    """Leave the later date alone."""


def _waits(history: History) -> None:
    history.build(NEXT, SEED)
    history.end(NEXT, "failed")


def _loaded(history: History) -> None:
    history.deliver(NEXT)
    history.load(NEXT)
    history.build(NEXT, SEED)
    history.end(NEXT, "failed")


def _half_built(history: History) -> None:
    _loaded(history)
    history.build(NEXT, STAGING)


def _killed_in_a_model(history: History) -> None:
    history.deliver(NEXT)
    history.load(NEXT)
    history.build(NEXT, SEED, STAGING)
    history.start(NEXT, MART, SALESFORCE_MODEL)
    history.end(NEXT, "running")


def _test_failed(history: History) -> None:
    _killed_in_a_model(history)
    history.end(NEXT, "failed")


def _export_failed(history: History) -> None:
    history.deliver(NEXT)
    history.load(NEXT)
    history.build(NEXT, SEED, STAGING, MART)
    history.start(NEXT, SALESFORCE_MODEL)
    history.end(NEXT, "failed")


def _built(history: History) -> None:
    history.deliver(NEXT)
    history.load(NEXT)
    history.build(NEXT)


def _archive_failed(history: History) -> None:
    _built(history)
    history.sync(NEXT)
    history.end(NEXT, "failed")


def _sync_failed(history: History) -> None:
    _built(history)
    history.archive(NEXT)
    history.end(NEXT, "failed")


def _rejected(history: History) -> None:
    _built(history)
    history.archive(NEXT)
    history.sync(NEXT, "rejected")
    history.end(NEXT, "rejected")


def _complete(history: History) -> None:
    history.finish(NEXT)


def _second_run_failed(history: History) -> None:
    """Change a complete later date, and fail in a test of its run."""
    history.finish(NEXT)
    history.deliver(NEXT, "second")
    history.load(NEXT)
    history.build(NEXT, SEED, STAGING)
    history.start(NEXT, MART, SALESFORCE_MODEL)
    history.end(NEXT, "failed")


def _second_run_stopped_in_the_sync(history: History) -> None:
    history.finish(NEXT)
    history.deliver(NEXT, "second")
    history.load(NEXT)
    history.build(NEXT)
    history.end(NEXT, "failed")


def _second_run_failed_to_load(history: History) -> None:
    history.finish(NEXT)
    history.deliver(NEXT, "second")
    history.end(NEXT, "failed")


def _gap(history: History) -> None:
    """Let the next date wait, and finish the one after it."""
    _waits(history)
    history.finish(SECOND_NEXT)


# What happened after DAY was finished, and the last dates (built, published, synced).
HISTORIES: dict[Callable[[History], None], tuple[date, date, date]] = {
    _nothing: (DAY, DAY, DAY),
    _waits: (DAY, DAY, DAY),
    _loaded: (DAY, DAY, DAY),
    _half_built: (DAY, DAY, DAY),
    _killed_in_a_model: (DAY, DAY, DAY),
    _test_failed: (DAY, DAY, DAY),
    _export_failed: (NEXT, DAY, DAY),
    _built: (NEXT, DAY, DAY),
    _archive_failed: (NEXT, DAY, NEXT),
    _sync_failed: (NEXT, DAY, DAY),
    _rejected: (NEXT, NEXT, DAY),
    _complete: (NEXT, NEXT, NEXT),
    _second_run_failed: (DAY, DAY, DAY),
    _second_run_stopped_in_the_sync: (NEXT, DAY, DAY),
    _second_run_failed_to_load: (NEXT, DAY, NEXT),
    _gap: (SECOND_NEXT, SECOND_NEXT, SECOND_NEXT),
}
each_history = pytest.mark.parametrize(
    "happened", HISTORIES, ids=lambda call: call.__name__.strip("_")
)


def _stale(state: RunState) -> dict[str, str]:
    """Return the reason of everything that a run would do, but the report."""
    reasons = dict(find_stale_models(state))
    reasons["sync"] = sync_stale_reason(state) or syncs.incomplete_reason(state)
    for day in archives.affected_days(state):
        reasons[str(day)] = archives.stale_reason(state, DATASET, day)
    for day in state.days_to_load("orgs"):
        reasons[f"load {day}"] = state.load_stale_reason("orgs", day)
    return {name: reason for name, reason in reasons.items() if reason}


@each_history
def test_finished_date_stays_finished(happened: Callable[[History], None]) -> None:
    history = finished_history()
    happened(history)
    state = history.state()
    assert _stale(state) == {}
    assert last_dates(state) == LastDates(*HISTORIES[happened])
    backfill = history.state(DAY, DAY - timedelta(days=1))
    assert _stale(backfill) == {}


@each_history
def test_last_dates_do_not_change_during_a_run(
    happened: Callable[[History], None],
) -> None:
    history = finished_history()
    happened(history)
    state = history.state()
    expected = last_dates(state)
    history.deliver(DAY, "changed")
    history.load(DAY)
    history.build(DAY, first=DAY)
    history.sync(expected.synced, "rejected")
    assert last_dates(state) == expected


@each_history
def test_resumed_run_has_the_last_dates_of_the_interrupted_one(
    happened: Callable[[History], None],
) -> None:
    history = finished_history()
    happened(history)
    before = last_dates(history.state())
    history.deliver(DAY, "changed")
    history.load(DAY)
    # The interrupted run rebuilt some models up to its last date.
    history.start(DAY, *history.graph.nodes)
    last = before.built
    for day in (DAY, last):
        node = history.graph.nodes[STAGING]
        fingerprint = history.state(last).input_fingerprint(node, day)
        history.mark(day, STAGING, ("", fingerprint))
    resumed = last_dates(history.state())
    has_own_failure = history.completed.runs.get((NEXT, NEXT), ("done",))[0] == "failed"
    if not has_own_failure:
        assert resumed == before


@each_history
def test_changed_partition_rebuilds_everything_downstream_of_it(
    happened: Callable[[History], None],
) -> None:
    history = finished_history()
    happened(history)
    history.deliver(DAY, "changed")
    state = history.state()
    assert {STAGING, MART, SALESFORCE_MODEL} <= set(find_stale_models(state))
    first, last = build_window(state, [STAGING, MART])
    assert first == DAY
    # A later date whose own run failed is not known to be unaffected by the change.
    failed = history.completed.runs.get((NEXT, NEXT), ("done",))[0] == "failed"
    expected = HISTORIES[happened][0]
    assert last == (DAY if failed and expected == NEXT else expected)
    cause = causes.cause_of_model(state, MART)
    assert cause == f"orgs {DAY} (its objects changed)"


def test_stale_model_makes_what_it_reads_stale_if_a_later_date_is_in_it() -> None:
    history = finished_history()
    _test_failed(history)
    history.mark(DAY, SALESFORCE_MODEL, ("", ledger.RERUN))
    stale = find_stale_models(history.state())
    assert set(stale) == {SEED, STAGING, MART, SALESFORCE_MODEL}
    assert "not complete" in stale[MART]


def test_discarded_later_builds_are_built_by_their_own_run() -> None:
    history = finished_history()
    _test_failed(history)
    for name in (SEED, STAGING):
        history.mark(NEXT, name, ("", ledger.DISCARDED))
    history.build(DAY)
    assert find_stale_models(history.state()) == {}
    reasons = find_stale_models(history.state(NEXT))
    assert reasons[STAGING] == "an earlier date was rebuilt"
    assert set(reasons) == set(history.graph.nodes)


@pytest.mark.parametrize(
    ("happened", "synced", "reason"),
    [
        (_nothing, DAY, "never synced"),
        (_waits, DAY, "never synced"),
        (_test_failed, DAY, "never synced"),
        (_export_failed, DAY, "never synced"),
        (_sync_failed, DAY, "never synced"),
        (_rejected, DAY, "never synced"),
        (_archive_failed, NEXT, ""),
        (_complete, NEXT, ""),
    ],
)
def test_unsent_date_is_sent_unless_a_later_one_was(
    happened: Callable[[History], None], synced: date, reason: str
) -> None:
    history = finished_history()
    happened(history)
    del history.completed.syncs[SALESFORCE_OBJECT, DAY]
    state = history.state()
    assert last_dates(state).synced == synced
    assert syncs.own_reason(state).startswith(reason)
    assert bool(syncs.own_reason(state)) == bool(reason)
    if reason and ("model", SALESFORCE_MODEL, NEXT) in history.completed.times:
        assert SALESFORCE_MODEL in find_stale_models(state)
        assert build_window(state, [SALESFORCE_MODEL])[1] == DAY
