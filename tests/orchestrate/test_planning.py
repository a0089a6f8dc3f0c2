"""What a plan names: upstream causes, changed partitions, code changes."""

from datetime import date, timedelta

import pytest

from loaders import ledger
from loaders.config.salesforce_mapping import SALESFORCE_MODEL, SALESFORCE_OBJECT
from loaders.s3 import Partition, S3Object
from orchestrate.planning import causes, syncs
from orchestrate.planning.changed_partitions import find_changed_partitions
from orchestrate.planning.stale_models import has_code_changed, sync_stale_reason
from tests.orchestrate.ledger_history import (
    DAY,
    MART,
    NEXT,
    STAGING,
    finished_history,
    make_graph,
)


@pytest.mark.parametrize(
    ("change", "cause"),
    [
        ("partition", f"orgs {DAY} (its objects changed)"),
        ("incomplete", f"orgs {DAY} (its objects changed, _SUCCESS is missing)"),
        ("reload", f"orgs {DAY} loaded since"),
        ("code", f"the code of {STAGING} changed"),
        ("own code", f"the code of {SALESFORCE_MODEL} changed"),
        ("request", f"rerun requested for {MART}"),
        ("unfinished", f"the build of {STAGING} did not finish"),
    ],
)
def test_cause_names_what_is_furthest_upstream(change: str, cause: str) -> None:
    history = finished_history()
    if change in ("partition", "reload"):
        history.deliver(DAY, "changed")
    if change == "reload":
        history.load(DAY)
    if change == "incomplete":
        url = f"s3://bucket/raw/orgs/dt={DAY}/"
        objects = (S3Object(url=f"{url}b.json", size=1, etag="b"),)
        history.listings["orgs", DAY] = Partition("orgs", DAY, url, objects, False)
    if change == "code":
        history.graph = make_graph(changed=(STAGING, MART, SALESFORCE_MODEL))
    if change == "own code":
        history.graph = make_graph(changed=(SALESFORCE_MODEL,))
    if change == "request":
        for name in (MART, SALESFORCE_MODEL):
            history.mark(DAY, name, ("", ledger.RERUN))
    if change == "unfinished":
        history.start(DAY, STAGING, MART, SALESFORCE_MODEL)
    assert causes.cause_of_model(history.state(), SALESFORCE_MODEL) == cause
    assert causes.cause_of_sync(history.state()) == cause


def test_current_model_has_no_cause() -> None:
    assert causes.cause_of_model(finished_history().state(), MART) == ""


def test_rejects_of_the_own_date_remain_incomplete() -> None:
    history = finished_history()
    history.sync(DAY, "rejected")
    assert "rejected" in syncs.incomplete_reason(history.state())


def test_failed_build_with_other_code_is_followed_by_a_full_refresh() -> None:
    history = finished_history()
    assert not has_code_changed(history.state(), MART)
    history.now += timedelta(seconds=1)
    history.mark(NEXT, MART, ("other", ledger.STARTED))
    assert has_code_changed(history.state(), MART)


@pytest.mark.parametrize(
    ("days_ago", "etag", "is_changed"),
    [
        (2, "changed", False),  # in the window: the run loads it
        (3, "changed", True),
        (30, "changed", True),
        (31, "changed", False),  # older than changed_partition_lookback_days
        (10, "first", False),
        (10, "", False),  # expired on S3
    ],
)
def test_changed_partitions_before_the_window_are_named_with_a_command(
    monkeypatch: pytest.MonkeyPatch, days_ago: int, etag: str, is_changed: bool
) -> None:
    history = finished_history()
    day = DAY - timedelta(days=days_ago)
    history.deliver(day)
    history.load(day)
    history.deliver(day, etag)

    def listed(url: str, source: str, first: date, last: date) -> dict[date, Partition]:
        return {dt: item for (_, dt), item in history.listings.items()}

    state = history.state()
    monkeypatch.setenv("NIGHTSHIFT_RAW_URL", "s3://bucket/raw")
    monkeypatch.setattr("loaders.s3.list_partitions", listed)
    found = [
        (partition.source, partition.dt, partition.command)
        for partition in find_changed_partitions(state)
    ]
    expected = [("orgs", day, f"nightshift run --date {day}")]
    assert found == (expected if is_changed else [])


def test_backfill_window_begins_at_its_first_date(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    history = finished_history()
    day = DAY - timedelta(days=5)
    history.deliver(day)
    history.load(day)
    history.deliver(day, "changed")
    listings = {dt: item for (_, dt), item in history.listings.items()}
    monkeypatch.setenv("NIGHTSHIFT_RAW_URL", "s3://bucket/raw")
    monkeypatch.setattr("loaders.s3.list_partitions", lambda *_: listings)
    first = DAY - timedelta(days=3)
    assert find_changed_partitions(history.state(DAY, first)) == []
    assert len(find_changed_partitions(history.state())) == 1


def test_later_date_that_was_sent_supersedes_the_values_of_a_failed_one() -> None:
    history = finished_history()
    history.finish(NEXT)
    history.end(NEXT, "failed")
    history.deliver(NEXT, "second")
    history.load(NEXT)
    del history.completed.syncs[SALESFORCE_OBJECT, DAY]
    state = history.state()
    assert syncs.superseding_date(state) == NEXT
    assert sync_stale_reason(state) == ""
