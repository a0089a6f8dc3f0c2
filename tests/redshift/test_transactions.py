"""Transient errors of Redshift are retried; other errors say which setting to fix."""

import json
from collections.abc import Callable

import pytest

from loaders import warehouse
from loaders.errors import ConfigError, DataError, TransientError
from loaders.warehouse import redshift
from orchestrate.tasks.retries import retry
from tests.emulators.redshift.admin import send_request
from tests.redshift.conftest import RedshiftEmulator
from tests.redshift.dirty_records import ORG
from tests.redshift.loading import (
    compressed_objects,
    load_partition,
    read_rows,
    upload_partition,
)


@pytest.fixture
def set_fault(redshift_emulator: RedshiftEmulator) -> Callable[..., None]:
    """Clear all faults; return a function that sets one."""
    send_request(redshift_emulator.admin, {"do": "clear"})

    def send_fault(**fault: object) -> None:
        send_request(redshift_emulator.admin, {"do": "fault", "fault": fault})

    return send_fault


def load_with_retries() -> None:
    retry(lambda: load_partition("orgs"), num_retries=2, retry_sleep=0.01)


def test_load_is_retried_after_error_1023_at_commit(
    use_warehouse: Callable[..., None], set_fault: Callable[..., None]
) -> None:
    use_warehouse("redshift")
    upload_partition("orgs", compressed_objects([json.dumps(ORG), "broken"]))
    warehouse.run_in_transaction(warehouse.ensure_tables)
    set_fault(fault="serialization", table="raw_orgs")
    with pytest.raises(TransientError, match="1023"):
        load_partition("orgs")
    set_fault(fault="serialization", table="raw_orgs")
    load_with_retries()
    assert read_rows("staging", "raw_orgs", ["org_id"]) == [(1,)]
    assert read_rows("ops", "loads", ["lines", "rejects"]) == [(2, 1)]
    assert len(read_rows("ops", "load_rejects", ["reason"])) == 1


def test_load_is_retried_after_a_connection_lost_before_the_commit(
    use_warehouse: Callable[..., None], set_fault: Callable[..., None]
) -> None:
    use_warehouse("redshift")
    upload_partition("orgs", compressed_objects([json.dumps(ORG)]))
    warehouse.run_in_transaction(warehouse.ensure_tables)
    set_fault(fault="drop", table="raw_orgs", when="before_commit")
    with pytest.raises(TransientError):
        load_partition("orgs")
    set_fault(fault="drop", table="raw_orgs", when="before_commit")
    load_with_retries()
    assert read_rows("ops", "loads", ["rows_loaded"]) == [(1,)]


def test_connection_lost_after_the_commit_duplicates_no_row(
    use_warehouse: Callable[..., None], set_fault: Callable[..., None]
) -> None:
    use_warehouse("redshift")
    upload_partition("orgs", compressed_objects([json.dumps(ORG)]))
    warehouse.run_in_transaction(warehouse.ensure_tables)
    set_fault(fault="drop", table="raw_orgs", when="after_commit")
    load_with_retries()
    assert read_rows("staging", "raw_orgs", ["org_id"]) == [(1,)]


def test_ledger_row_is_retried_after_a_transaction_conflict(
    use_warehouse: Callable[..., None], set_fault: Callable[..., None]
) -> None:
    use_warehouse("redshift")
    warehouse.run_in_transaction(warehouse.ensure_tables)
    set_fault(fault="serialization", table="runs", times=2)
    warehouse.run_in_transaction(
        lambda connection: connection.insert(
            connection.table("ops", "runs"), ["run_id", "command"], [["r1", "run"]]
        )
    )
    assert read_rows("ops", "runs", ["run_id"]) == [("r1",)]


def test_copy_that_fails_halfway_keeps_existing_data(
    use_warehouse: Callable[..., None], set_fault: Callable[..., None]
) -> None:
    use_warehouse("redshift")
    upload_partition("orgs", compressed_objects([json.dumps(ORG)]))
    load_partition("orgs")
    lines = [json.dumps(ORG | {"org_id": number}) for number in range(100)]
    upload_partition("orgs", compressed_objects(lines))
    set_fault(fault="copy", table="copied_*_gzip", after_rows=10)
    with pytest.raises((DataError, TransientError)):
        load_partition("orgs")
    assert read_rows("staging", "raw_orgs", ["org_id"]) == [(1,)]
    load_partition("orgs")
    assert len(read_rows("staging", "raw_orgs", ["org_id"])) == 100


def test_wrong_password_is_a_config_error_without_the_password(
    use_warehouse: Callable[..., None],
) -> None:
    use_warehouse("redshift", NIGHTSHIFT_REDSHIFT_PASSWORD="Wrong-1")
    with (
        pytest.raises(ConfigError, match="NIGHTSHIFT_REDSHIFT_PASSWORD") as error,
        warehouse.session(),
    ):
        pass
    assert "Wrong-1" not in str(error.value)


def test_missing_password_is_a_config_error(
    use_warehouse: Callable[..., None],
) -> None:
    use_warehouse("redshift", NIGHTSHIFT_REDSHIFT_PASSWORD="")
    with (
        pytest.raises(ConfigError, match="NIGHTSHIFT_REDSHIFT_PASSWORD is not set"),
        warehouse.session(),
    ):
        pass


def test_unreachable_redshift_is_a_transient_error(
    use_warehouse: Callable[..., None],
) -> None:
    use_warehouse(
        "redshift", NIGHTSHIFT_REDSHIFT_PORT="1", NIGHTSHIFT_REDSHIFT_RETRIES="1"
    )
    with pytest.raises(TransientError, match=r"127\.0\.0\.1"), warehouse.session():
        pass


@pytest.mark.parametrize(
    ("role", "message"),
    [
        ("", "NIGHTSHIFT_COPY_IAM_ROLE is not set"),
        ("arn:aws:s3:::bucket", "must be `default`"),
        ("arn:aws:iam::999999999999:role/other", "attached to the cluster"),
    ],
)
def test_invalid_iam_role_is_a_config_error(
    use_warehouse: Callable[..., None], role: str, message: str
) -> None:
    use_warehouse("redshift", NIGHTSHIFT_COPY_IAM_ROLE=role)
    upload_partition("orgs", compressed_objects([json.dumps(ORG)]))
    with pytest.raises(ConfigError, match=message):
        load_partition("orgs")


def test_untrusted_certificate_fails_the_connection(
    use_warehouse: Callable[..., None],
) -> None:
    use_warehouse(
        "redshift", SSL_CERT_FILE="/dev/null", NIGHTSHIFT_REDSHIFT_RETRIES="0"
    )
    with pytest.raises((ConfigError, TransientError)), warehouse.session():
        pass


@pytest.mark.parametrize(
    ("message", "is_transient"),
    [
        ("Database Error in model m (m.sql)\n  1023\n  compiled code at m.sql", True),
        ("1023 Serializable isolation violation on table - 123", True),
        ("Runtime Error in model m\n  TLS/SSL connection has been closed (EOF)", True),
        ("Database Error in model m\n  column m.1023 does not exist", False),
        ("got 1023 results, configured to fail if != 0", False),
        ("Database Error in model m (m.sql)\n  1018\n  compiled code at m.sql", True),
        ("1018 Relation does not exist.", True),
        ("ERROR: 1018 DETAIL: Relation does not exist.", True),
        ("ERROR:  1023 \nDETAIL:  Serializable isolation violation on table", True),
        ("Database Error\n  table 4711 dropped by concurrent transaction", True),
        ("could not complete because of conflict with concurrent transaction", True),
        ("could not open relation with OID 4711", True),
        ("1018 rows differ", False),
        ("1023", True),
        ("10180", False),
        ("relation 1018 does not exist", False),
    ],
)
def test_dbt_messages_of_conflicts_are_transient(
    message: str, is_transient: bool
) -> None:
    assert redshift.is_transient(message) == is_transient
