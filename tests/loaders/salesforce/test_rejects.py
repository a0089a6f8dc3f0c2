"""Behaviours 10 to 12 and 17: rows refused, and what is kept of them."""

import csv
from dataclasses import replace

import pytest

from loaders.errors import ConfigError, DataError
from loaders.salesforce import history, rejects, spool
from loaders.salesforce.policy import SyncPolicy
from tests.emulators.salesforce.bulk.processing import Load
from tests.emulators.salesforce.org import CLIENT_SECRET
from tests.loaders.salesforce.world import (
    BAD_PLAN,
    BULK,
    FAST,
    MAPPING,
    Connected,
    Mart,
    org,
)

BOTH = pytest.mark.parametrize("policy", [FAST, BULK], ids=["collections", "bulk"])


@BOTH
def test_11_locked_rows_are_sent_again_in_smaller_pieces(
    mart: Mart, connected: Connected, policy: SyncPolicy
) -> None:
    connected.spoil_job("lock", rows=60)
    mart.fill([org(str(number)) for number in range(300)])
    result = connected.sync(policy)
    assert (result.status, result.accepted, result.deferred) == ("success", 300, 0)
    assert connected.wrote_each_once()
    told = mart.ledger("salesforce_rejects", "code", "is_transient", "attempt")
    assert set(told) == {("UNABLE_TO_LOCK_ROW", True, 1)}
    assert len(told) == 60


def test_11_rows_that_stay_locked_are_left_for_the_next_run(
    mart: Mart, connected: Connected
) -> None:
    connected.spoil_job("lock", rows=1000, attempts=1000)
    mart.fill([org("1"), org("2")])
    result = connected.sync()
    assert (result.status, result.deferred, result.exit_code) == ("deferred", 2, 2)
    connected.org.faults.clear()
    assert connected.sync().accepted == 2


@BOTH
def test_11_each_refused_row_is_kept_with_its_reason(
    mart: Mart, connected: Connected, policy: SyncPolicy
) -> None:
    mart.fill([org("1"), org("2", billing_plan=BAD_PLAN), org("3", hosts=2.5)])
    result = connected.sync(policy)
    assert result.status == "rejected"
    told = mart.ledger(
        "salesforce_rejects", "key", "code", "attempt", "is_transient", "run_id"
    )
    assert sorted(told) == [
        ("2", "FIELD_CUSTOM_VALIDATION_EXCEPTION", 1, False, "r"),
        ("3", "NOT_WHOLE", 0, False, "r"),
    ]
    path = connected.spool / MAPPING.object / result.sync_id / spool.REJECTS
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert {row["key"] for row in rows} == {"2", "3"}
    standing = rejects.standing(MAPPING.object)
    assert {item.key for item in standing} == {"2", "3"}


def test_11_only_refused_rows_are_retried_when_asked(
    mart: Mart, connected: Connected
) -> None:
    mart.send([org("1"), org("2", billing_plan=BAD_PLAN)], connected)
    mart.fill([org("1", hosts=9), org("2"), org("4")])
    result = connected.sync(only_refused=True)
    assert (result.sent, result.accepted) == (1, 1)
    assert rejects.standing(MAPPING.object) == []
    assert connected.holds("1", "hosts") == 4


@BOTH
def test_11_a_row_that_needs_no_sending_any_more_leaves_the_list(
    mart: Mart, connected: Connected, policy: SyncPolicy
) -> None:
    good = [org(str(number)) for number in range(4)]
    mart.fill(good)
    connected.sync(policy)
    bad = [org(str(n), billing_plan=BAD_PLAN) for n in range(3)]
    mart.fill([*bad, org("3", hosts=2.5), org("new", billing_plan=BAD_PLAN)])
    connected.sync(policy)
    standing = {item.key for item in rejects.standing(MAPPING.object)}
    assert standing == {"0", "1", "2", "3", "new"}
    mart.fill([good[0], *bad[1:], good[3]])
    result = connected.sync(policy)
    assert (result.accepted, result.unchanged, result.rejected) == (0, 2, 2)
    assert {item.key for item in rejects.standing(MAPPING.object)} == {"1", "2"}
    told = [(event.code, event.message) for event in history.of(MAPPING.object, "0")]
    assert told[-1] == ("WITHDRAWN", "the mart is back at what Salesforce holds")
    connected.sync(policy)
    withdrawn = [
        key
        for key, code in mart.ledger("salesforce_rejects", "key", "code")
        if code == "WITHDRAWN"
    ]
    assert sorted(withdrawn) == ["0", "3", "new"], "each is withdrawn once"


def test_11_a_retry_of_the_refused_withdraws_what_needs_no_sending(
    mart: Mart, connected: Connected
) -> None:
    mart.send([org("1"), org("2"), org("3")], connected)
    bad = [org(key, billing_plan=BAD_PLAN) for key in ("1", "2", "3")]
    mart.send(bad, connected)
    mart.fill([org("1"), org("2", hosts=9), bad[2]])
    result = connected.sync(only_refused=True)
    assert (result.sent, result.accepted, result.rejected) == (2, 1, 1)
    assert {item.key for item in rejects.standing(MAPPING.object)} == {"3"}
    assert connected.holds("2", "hosts") == 9


def test_11_a_withdrawn_row_that_is_wrong_again_is_listed_again(
    mart: Mart, connected: Connected
) -> None:
    wrong = [org("1", billing_plan=BAD_PLAN)]
    for rows, listed in (([org("1")], []), (wrong, ["1"]), ([org("1")], [])) * 2:
        mart.send(rows, connected)
        standing = [item.key for item in rejects.standing(MAPPING.object)]
        assert standing == listed


def test_11_a_job_failed_half_way_is_finished_in_the_same_run(
    mart: Mart, connected: Connected
) -> None:
    message = "InternalServerError : took too long"
    connected.spoil_job("fail_job", rows=3, message=message)
    mart.fill([org(str(number)) for number in range(8)])
    result = connected.sync(BULK)
    assert (result.status, result.accepted) == ("success", 8)
    assert connected.wrote_each_once()
    assert {code for (code,) in mart.ledger("salesforce_rejects", "code")} == {
        "UNPROCESSED"
    }


def test_11_a_job_failed_for_a_reason_of_ours_is_not_repeated(
    mart: Mart, connected: Connected
) -> None:
    message = "InvalidBatch : Field name not found : hosts__c"
    connected.spoil_job("fail_job", rows=0, message=message)
    mart.fill([org("1"), org("2")])
    with pytest.raises(DataError, match="Field name not found : hosts__c"):
        connected.sync(BULK)
    assert len(connected.jobs) == 1


@pytest.mark.parametrize(
    ("file", "change", "told"),
    [
        ("successfulResults", lambda rows: rows[:-1], "1 sent rows have no answer"),
        ("successfulResults", lambda rows: [*rows, rows[-1]], "more than one answer"),
        (
            "failedResults",
            lambda rows: [rows[0], ["", "X:y:--", "stranger", *rows[0][3:]]],
            "1 answers are about rows that were not sent (stranger)",
        ),
    ],
)
def test_10_answers_that_do_not_match_the_rows_are_an_error(
    mart: Mart,
    connected: Connected,
    monkeypatch: pytest.MonkeyPatch,
    *,
    file: str,
    change: object,
    told: str,
) -> None:
    end = Load.end

    def spoiled(load: Load, state: str, message: str) -> None:
        path = connected.org.jobs.folder(load.job) / f"{file}.csv"
        with path.open(encoding="utf-8", newline="") as told:
            rows = list(csv.reader(told))
        with path.open("w", encoding="utf-8", newline="") as told:
            csv.writer(told).writerows(change(rows))
        end(load, state, message)

    monkeypatch.setattr(Load, "end", spoiled)
    mart.fill([org(str(number)) for number in range(5)])
    with pytest.raises(DataError) as error:
        connected.sync(BULK)
    assert told in str(error.value)
    monkeypatch.setattr(Load, "end", end)
    result = connected.sync(BULK)
    assert result.status == "success"
    assert result.accepted + result.unchanged == 5


@pytest.mark.parametrize(
    ("policy", "status"),
    [
        (FAST, "rejected"),
        (replace(FAST, max_rejected_ratio=0.2), "success"),
        (replace(FAST, max_rejected_ratio=0.19), "rejected"),
        (replace(FAST, max_rejected_rows=1), "success"),
    ],
)
def test_12_the_threshold_decides_whether_a_night_is_complete(
    mart: Mart, connected: Connected, *, policy: SyncPolicy, status: str
) -> None:
    rows = [org(str(number)) for number in range(4)]
    mart.fill([*rows, org("x", billing_plan=BAD_PLAN)])
    result = connected.sync(policy)
    assert result.status == status
    assert result.exit_code == (0 if status == "success" else 2)


@BOTH
def test_17_no_secret_is_logged_or_kept(
    mart: Mart,
    connected: Connected,
    capsys: pytest.CaptureFixture[str],
    *,
    policy: SyncPolicy,
) -> None:
    connected.spoil("GET", "/limits", kind="expire_tokens")
    connected.spoil("POST", "/jobs/ingest$", kind="cut_after")
    connected.spoil("PATCH", "/composite/", status=500)
    mart.fill([org("1"), org("2", billing_plan=BAD_PLAN)])
    connected.sync(replace(policy, keep_spool=True))
    secrets = [CLIENT_SECRET, *connected.org.tokens()]
    told = capsys.readouterr()
    files = b"".join(
        path.read_bytes()
        for path in connected.spool.parent.rglob("*")
        if path.is_file()
    )
    for secret in secrets:
        assert secret not in told.out + told.err
        assert secret.encode() not in files
    assert "salesforce sync" in told.out


def test_17_a_wrong_secret_is_named_and_not_told(
    mart: Mart, connected: Connected
) -> None:
    mart.fill([org("1")])
    settings = connected.settings.model_copy(update={"client_id": "somebody"})
    with pytest.raises(ConfigError, match="CLIENT_SECRET") as error:
        replace(connected, settings=settings).sync()
    assert CLIENT_SECRET not in str(error.value)
