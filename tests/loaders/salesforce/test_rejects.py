"""Rejected rows, the reject threshold, results that do not match, and secrets."""

import csv
from dataclasses import replace

import pytest

from loaders.config.salesforce_policy import SyncPolicy
from loaders.errors import ConfigError, DataError
from loaders.ledger.salesforce import open_rejects, read_history
from loaders.salesforce import context, sync
from tests.emulators.salesforce.bulk.processing import IngestProcessor
from tests.emulators.salesforce.org import CLIENT_SECRET
from tests.loaders.salesforce.fixtures import (
    BULK,
    FAST,
    MAPPING,
    REJECTED_PLAN,
    Mart,
    SalesforceOrg,
    org_row,
)

BOTH_APIS = pytest.mark.parametrize("policy", [FAST, BULK], ids=["collections", "bulk"])


@BOTH_APIS
def test_locked_rows_are_resent_in_smaller_chunks(
    mart: Mart, salesforce: SalesforceOrg, policy: SyncPolicy
) -> None:
    salesforce.inject_job_fault("lock", rows=60)
    mart.fill([org_row(str(number)) for number in range(300)])
    result = salesforce.sync(policy)
    assert (result.status, result.accepted, result.deferred) == ("success", 300, 0)
    assert salesforce.wrote_each_record_once()
    failures = mart.read_ledger("salesforce_rejects", "code", "is_transient", "attempt")
    assert set(failures) == {("UNABLE_TO_LOCK_ROW", True, 1)}
    assert len(failures) == 60


def test_rows_that_stay_locked_are_deferred_to_the_next_run(
    mart: Mart, salesforce: SalesforceOrg
) -> None:
    salesforce.inject_job_fault("lock", rows=1000, attempts=1000)
    mart.fill([org_row("1"), org_row("2")])
    result = salesforce.sync()
    assert (result.status, result.deferred, result.exit_code) == ("deferred", 2, 2)
    salesforce.org.faults.clear()
    assert salesforce.sync().accepted == 2


@BOTH_APIS
def test_each_rejected_row_is_recorded_with_its_reason(
    mart: Mart, salesforce: SalesforceOrg, policy: SyncPolicy
) -> None:
    mart.fill(
        [
            org_row("1"),
            org_row("2", billing_plan=REJECTED_PLAN),
            org_row("3", hosts=2.5),
        ]
    )
    result = salesforce.sync(policy)
    assert result.status == "rejected"
    ledger_rows = mart.read_ledger(
        "salesforce_rejects", "key", "code", "attempt", "is_transient", "run_id"
    )
    assert sorted(ledger_rows) == [
        ("2", "FIELD_CUSTOM_VALIDATION_EXCEPTION", 1, False, "r"),
        ("3", "NOT_WHOLE", 0, False, "r"),
    ]
    path = salesforce.spool / MAPPING.object / result.sync_id / context.REJECTS_FILE
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert {row["key"] for row in rows} == {"2", "3"}
    listed_keys = open_rejects(MAPPING.object)
    assert {item.key for item in listed_keys} == {"2", "3"}


def test_retry_sends_only_rejected_rows(mart: Mart, salesforce: SalesforceOrg) -> None:
    mart.fill_and_sync(
        [org_row("1"), org_row("2", billing_plan=REJECTED_PLAN)], salesforce
    )
    mart.fill([org_row("1", hosts=9), org_row("2"), org_row("4")])
    result = salesforce.sync(only_rejected=True)
    assert (result.sent, result.accepted) == (1, 1)
    assert open_rejects(MAPPING.object) == []
    assert salesforce.field_value("1", "hosts") == 4


@BOTH_APIS
def test_reject_with_nothing_to_send_is_withdrawn(
    mart: Mart, salesforce: SalesforceOrg, policy: SyncPolicy
) -> None:
    good = [org_row(str(number)) for number in range(4)]
    mart.fill(good)
    salesforce.sync(policy)
    bad = [org_row(str(n), billing_plan=REJECTED_PLAN) for n in range(3)]
    mart.fill(
        [*bad, org_row("3", hosts=2.5), org_row("new", billing_plan=REJECTED_PLAN)]
    )
    salesforce.sync(policy)
    listed_keys = {item.key for item in open_rejects(MAPPING.object)}
    assert listed_keys == {"0", "1", "2", "3", "new"}
    mart.fill([good[0], *bad[1:], good[3]])
    result = salesforce.sync(policy)
    assert (result.accepted, result.unchanged, result.rejected) == (0, 2, 2)
    assert {item.key for item in open_rejects(MAPPING.object)} == {"1", "2"}
    events = [
        (event.code, event.message) for event in read_history(MAPPING.object, "0")
    ]
    assert events[-1] == (
        "WITHDRAWN",
        "The mart has the same values as Salesforce again.",
    )
    salesforce.sync(policy)
    withdrawn = [
        key
        for key, code in mart.read_ledger("salesforce_rejects", "key", "code")
        if code == "WITHDRAWN"
    ]
    assert sorted(withdrawn) == ["0", "3", "new"], "each reject is withdrawn once"


def test_retry_of_rejected_rows_withdraws_those_with_nothing_to_send(
    mart: Mart, salesforce: SalesforceOrg
) -> None:
    mart.fill_and_sync([org_row("1"), org_row("2"), org_row("3")], salesforce)
    bad = [org_row(key, billing_plan=REJECTED_PLAN) for key in ("1", "2", "3")]
    mart.fill_and_sync(bad, salesforce)
    mart.fill([org_row("1"), org_row("2", hosts=9), bad[2]])
    result = salesforce.sync(only_rejected=True)
    assert (result.sent, result.accepted, result.rejected) == (2, 1, 1)
    assert {item.key for item in open_rejects(MAPPING.object)} == {"3"}
    assert salesforce.field_value("2", "hosts") == 9


def test_withdrawn_reject_is_reopened_when_it_is_rejected_again(
    mart: Mart, salesforce: SalesforceOrg
) -> None:
    wrong = [org_row("1", billing_plan=REJECTED_PLAN)]
    for rows, listed in (
        ([org_row("1")], []),
        (wrong, ["1"]),
        ([org_row("1")], []),
    ) * 2:
        mart.fill_and_sync(rows, salesforce)
        listed_keys = [item.key for item in open_rejects(MAPPING.object)]
        assert listed_keys == listed


def test_partly_failed_job_is_finished_in_the_same_run(
    mart: Mart, salesforce: SalesforceOrg
) -> None:
    message = "InternalServerError : took too long"
    salesforce.inject_job_fault("fail_job", rows=3, message=message)
    mart.fill([org_row(str(number)) for number in range(8)])
    result = salesforce.sync(BULK)
    assert (result.status, result.accepted) == ("success", 8)
    assert salesforce.wrote_each_record_once()
    assert {code for (code,) in mart.read_ledger("salesforce_rejects", "code")} == {
        "UNPROCESSED"
    }


def test_permanently_failed_job_is_not_retried(
    mart: Mart, salesforce: SalesforceOrg
) -> None:
    message = "InvalidBatch : Field name not found : hosts__c"
    salesforce.inject_job_fault("fail_job", rows=0, message=message)
    mart.fill([org_row("1"), org_row("2")])
    with pytest.raises(DataError, match="Field name not found : hosts__c"):
        salesforce.sync(BULK)
    assert len(salesforce.jobs) == 1


@pytest.mark.parametrize(
    ("file", "change", "message"),
    [
        ("successfulResults", lambda rows: rows[:-1], "1 rows sent have no result"),
        ("successfulResults", lambda rows: [*rows, rows[-1]], "more than one result"),
        (
            "failedResults",
            lambda rows: [rows[0], ["", "X:y:--", "other", *rows[0][3:]]],
            "1 results are for rows that were not sent (other)",
        ),
    ],
)
def test_results_that_do_not_match_the_rows_are_an_error(
    mart: Mart,
    salesforce: SalesforceOrg,
    monkeypatch: pytest.MonkeyPatch,
    *,
    file: str,
    change: object,
    message: str,
) -> None:
    finish = IngestProcessor.finish

    def finish_with_changed_results(
        processor: IngestProcessor, state: str, message: str
    ) -> None:
        path = salesforce.org.jobs.folder(processor.job) / f"{file}.csv"
        with path.open(encoding="utf-8", newline="") as results:
            rows = list(csv.reader(results))
        with path.open("w", encoding="utf-8", newline="") as results:
            csv.writer(results).writerows(change(rows))
        finish(processor, state, message)

    monkeypatch.setattr(IngestProcessor, "finish", finish_with_changed_results)
    mart.fill([org_row(str(number)) for number in range(5)])
    with pytest.raises(DataError) as error:
        salesforce.sync(BULK)
    assert message in str(error.value)
    monkeypatch.setattr(IngestProcessor, "finish", finish)
    result = salesforce.sync(BULK)
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
def test_threshold_decides_whether_a_sync_is_complete(
    mart: Mart, salesforce: SalesforceOrg, *, policy: SyncPolicy, status: str
) -> None:
    rows = [org_row(str(number)) for number in range(4)]
    mart.fill([*rows, org_row("x", billing_plan=REJECTED_PLAN)])
    result = salesforce.sync(policy)
    assert result.status == status
    assert result.exit_code == (0 if status == "success" else 2)


@BOTH_APIS
def test_secrets_are_not_logged_or_stored(
    mart: Mart,
    salesforce: SalesforceOrg,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    *,
    policy: SyncPolicy,
) -> None:
    monkeypatch.setattr(sync, "clear", lambda _: None)
    salesforce.inject_fault("GET", "/limits", kind="expire_tokens")
    salesforce.inject_fault("POST", "/jobs/ingest$", kind="cut_after")
    salesforce.inject_fault("PATCH", "/composite/", status=500)
    mart.fill([org_row("1"), org_row("2", billing_plan=REJECTED_PLAN)])
    salesforce.sync(policy)
    secrets = [CLIENT_SECRET, *salesforce.org.tokens()]
    output = capsys.readouterr()
    files = b"".join(
        path.read_bytes()
        for path in salesforce.spool.parent.rglob("*")
        if path.is_file()
    )
    for secret in secrets:
        assert secret not in output.out + output.err
        assert secret.encode() not in files
    assert "salesforce sync" in output.out


def test_wrong_secret_error_names_the_setting_without_its_value(
    mart: Mart, salesforce: SalesforceOrg
) -> None:
    mart.fill([org_row("1")])
    settings = salesforce.settings.model_copy(update={"client_id": "unknown"})
    with pytest.raises(ConfigError, match="CLIENT_SECRET") as error:
        replace(salesforce, settings=settings).sync()
    assert CLIENT_SECRET not in str(error.value)
