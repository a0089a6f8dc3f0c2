"""Behaviour 9: what goes wrong on the way, and how the sync goes on."""

from dataclasses import replace

import pytest

from loaders.errors import TransientError
from tests.loaders.salesforce.world import (
    BULK,
    FAST,
    Connected,
    Mart,
    org,
)

BOTH = pytest.mark.parametrize("policy", [FAST, BULK], ids=["collections", "bulk"])
STEPS = [
    ("POST", "/oauth2/token"),
    ("GET", "/describe"),
    ("GET", "/query"),
    ("GET", "/limits"),
    ("POST", "/jobs/ingest$"),
    ("PUT", "/batches$"),
    ("PATCH", "/jobs/ingest/"),
    ("GET", "/jobs/ingest/[^/]*$"),
    ("GET", "/successfulResults$"),
    ("GET", "/failedResults$"),
    ("GET", "/unprocessedrecords$"),
]


@pytest.mark.parametrize(("method", "path"), STEPS)
def test_9_a_busy_server_is_asked_again(
    mart: Mart, connected: Connected, *, method: str, path: str
) -> None:
    fault = connected.spoil(method, path, headers={"Retry-After": "0"}, times=2)
    mart.fill([org(str(number)) for number in range(5)])
    assert connected.sync(BULK).accepted == 5
    assert fault.times == 0
    assert connected.wrote_each_once()


@pytest.mark.parametrize("kind", ["cut_before", "cut_after"])
@pytest.mark.parametrize(("method", "path"), STEPS)
def test_9_a_broken_connection_loses_and_repeats_nothing(
    mart: Mart, connected: Connected, *, method: str, path: str, kind: str
) -> None:
    fault = connected.spoil(method, path, kind=kind)
    mart.fill([org(str(number)) for number in range(5)])
    assert connected.sync(BULK).accepted == 5
    assert fault.times == 0
    assert connected.wrote_each_once()
    assert connected.open_jobs() == []


@pytest.mark.parametrize("kind", ["cut_before", "cut_after"])
def test_9_a_collection_cut_off_is_read_back_and_not_repeated(
    mart: Mart, connected: Connected, kind: str
) -> None:
    connected.spoil("PATCH", "/composite/", kind=kind, after=1)
    mart.fill([org(str(number)) for number in range(450)])
    result = connected.sync()
    assert (result.status, result.accepted) == ("success", 450)
    assert connected.wrote_each_once()


@pytest.mark.parametrize(("method", "path"), STEPS[1:])
def test_9_a_token_that_ends_in_the_middle_is_renewed(
    mart: Mart, connected: Connected, *, method: str, path: str
) -> None:
    connected.spoil(method, path, status=401, code="INVALID_SESSION_ID")
    mart.fill([org(str(number)) for number in range(5)])
    assert connected.sync(BULK).accepted == 5
    assert connected.count("POST", "/oauth2/token") == 2
    assert connected.wrote_each_once()


def test_9_a_token_that_ends_before_the_identity_is_asked_for_is_renewed(
    mart: Mart, connected: Connected
) -> None:
    # A job whose id never arrived is looked for among the user's own.
    connected.spoil("POST", "/jobs/ingest$", kind="cut_after")
    ended = connected.spoil("GET", "/oauth2/userinfo", kind="expire_tokens")
    mart.fill([org(str(number)) for number in range(5)])
    assert connected.sync(BULK).accepted == 5
    assert ended.times == 0
    assert connected.count("POST", "/oauth2/token") == 2
    assert connected.open_jobs() == []


def test_9_the_pause_that_the_server_asks_for_is_kept(
    mart: Mart, connected: Connected, monkeypatch: pytest.MonkeyPatch
) -> None:
    pauses: list[float] = []
    monkeypatch.setattr("loaders.salesforce.session.time.sleep", pauses.append)
    connected.spoil("GET", "/limits", status=429, headers={"Retry-After": "2"})
    mart.send([org("1")], connected)
    assert 2.0 <= pauses[0] < 2.1


def test_9_a_pause_longer_than_patience_ends_the_sync(
    mart: Mart, connected: Connected
) -> None:
    connected.spoil("GET", "/limits", headers={"Retry-After": "3600"})
    mart.fill([org("1")])
    with pytest.raises(TransientError, match="asks to wait 3600 s"):
        connected.sync()


def test_9_a_job_that_does_not_end_is_left_to_go_on(
    mart: Mart, connected: Connected
) -> None:
    connected.spoil_job("stick_job", times=99)
    mart.fill([org(str(number)) for number in range(5)])
    policy = replace(BULK, poll_timeout_seconds=0.1)
    with pytest.raises(TransientError, match="left to go on"):
        connected.sync(policy)
    (job,) = connected.jobs
    assert job.state == "InProgress"
    with pytest.raises(TransientError, match="left to go on"):
        connected.sync(policy)
    assert len(connected.jobs) == 1
    connected.release_jobs()
    result = connected.sync(policy)
    assert (result.recovered, result.unchanged, result.sent) == (5, 5, 0)
    assert connected.wrote_each_once()


def test_9_a_stuck_job_is_aborted_if_the_policy_says_so(
    mart: Mart, connected: Connected
) -> None:
    connected.spoil_job("stick_job")
    mart.fill([org(str(number)) for number in range(5)])
    policy = replace(BULK, poll_timeout_seconds=0.1, abort_stuck_jobs=True)
    assert connected.sync(policy).accepted == 5
    assert [job.state for job in connected.jobs] == [
        "Aborted",
        "JobComplete",
    ]


def test_9_a_used_up_limit_in_the_middle_is_told_and_gone_on_from(
    mart: Mart, connected: Connected
) -> None:
    connected.spoil(
        "PATCH",
        "/composite/",
        status=403,
        code="REQUEST_LIMIT_EXCEEDED",
        after=1,
    )
    mart.fill([org(str(number)) for number in range(450)])
    with pytest.raises(TransientError, match="daily limit"):
        connected.sync()
    assert len(mart.ledger("salesforce_rows", "key")) == 200
    result = connected.sync()
    assert (result.accepted, result.unchanged) == (250, 200)
    assert connected.wrote_each_once()
    statuses = {status for (status,) in mart.ledger("salesforce_syncs", "status")}
    assert statuses == {"interrupted", "success"}
