"""What passes by itself is tried again as a whole; the rest says what to do."""

import json
from collections.abc import Callable

import pytest

from loaders import warehouse
from loaders.errors import ConfigError, DataError, TransientError
from orchestrate.tasks.retries import retried
from tests.emulators.redshift.admin import ask
from tests.redshift import dirty_records
from tests.redshift.conftest import Cluster
from tests.redshift.test_loads import deliver, load, packed, rows


@pytest.fixture
def fault(cluster: Cluster) -> Callable[..., None]:
    """Give a function that sets a fault; all are forgotten before."""
    ask(cluster.admin, {"do": "clear"})

    def set_fault(**described: object) -> None:
        ask(cluster.admin, {"do": "fault", "fault": described})

    return set_fault


def load_with_retries() -> None:
    retried(lambda: load("orgs"), num_retries=2, retry_sleep=0.01)


def test_error_1023_on_commit_is_transient_and_the_whole_load_runs_again(
    turned_to: Callable[..., None], fault: Callable[..., None]
) -> None:
    turned_to("cluster")
    deliver("orgs", packed([json.dumps(dirty_records.ORG), "broken"]))
    fault(fault="serialization", table="raw_orgs")
    with pytest.raises(TransientError, match="1023"):
        load("orgs")
    fault(fault="serialization", table="raw_orgs")
    load_with_retries()
    assert rows("staging", "raw_orgs", ["org_id"]) == [(1,)]
    assert rows("ops", "loads", ["lines", "rejects"]) == [(2, 1)]
    assert len(rows("ops", "load_rejects", ["reason"])) == 1


def test_a_connection_lost_before_the_commit_leaves_nothing_and_is_tried_again(
    turned_to: Callable[..., None], fault: Callable[..., None]
) -> None:
    turned_to("cluster")
    deliver("orgs", packed([json.dumps(dirty_records.ORG)]))
    fault(fault="drop", table="raw_orgs", when="before_commit")
    with pytest.raises(TransientError):
        load("orgs")
    fault(fault="drop", table="raw_orgs", when="before_commit")
    load_with_retries()
    assert rows("ops", "loads", ["rows_loaded"]) == [(1,)]


def test_a_connection_lost_after_the_commit_loads_the_same_rows_once_more(
    turned_to: Callable[..., None], fault: Callable[..., None]
) -> None:
    turned_to("cluster")
    deliver("orgs", packed([json.dumps(dirty_records.ORG)]))
    fault(fault="drop", table="raw_orgs", when="after_commit")
    load_with_retries()
    assert rows("staging", "raw_orgs", ["org_id"]) == [(1,)]


def test_a_ledger_row_that_met_another_transaction_is_written_again(
    turned_to: Callable[..., None], fault: Callable[..., None]
) -> None:
    turned_to("cluster")
    warehouse.committed(warehouse.ensure_tables)
    fault(fault="serialization", table="runs", times=2)
    warehouse.committed(
        lambda connection: connection.insert(
            connection.table("ops", "runs"), ["run_id", "command"], [["r1", "run"]]
        )
    )
    assert rows("ops", "runs", ["run_id"]) == [("r1",)]


def test_a_copy_that_fails_half_way_leaves_the_earlier_content(
    turned_to: Callable[..., None], fault: Callable[..., None]
) -> None:
    turned_to("cluster")
    deliver("orgs", packed([json.dumps(dirty_records.ORG)]))
    load("orgs")
    lines = [
        json.dumps(dirty_records.ORG | {"org_id": number}) for number in range(100)
    ]
    deliver("orgs", packed(lines))
    fault(fault="copy", table="copied_1", after_rows=10)
    with pytest.raises((DataError, TransientError)):
        load("orgs")
    assert rows("staging", "raw_orgs", ["org_id"]) == [(1,)]
    load("orgs")
    assert len(rows("staging", "raw_orgs", ["org_id"])) == 100


def test_a_wrong_password_is_a_setting_to_mend(turned_to: Callable[..., None]) -> None:
    turned_to("cluster", NIGHTSHIFT_REDSHIFT_PASSWORD="Wrong-1")
    with (
        pytest.raises(ConfigError, match="NIGHTSHIFT_REDSHIFT_PASSWORD") as error,
        warehouse.session(),
    ):
        pass
    assert "Wrong-1" not in str(error.value)


def test_a_missing_password_is_named(turned_to: Callable[..., None]) -> None:
    turned_to("cluster", NIGHTSHIFT_REDSHIFT_PASSWORD="")
    with (
        pytest.raises(ConfigError, match="NIGHTSHIFT_REDSHIFT_PASSWORD is not set"),
        warehouse.session(),
    ):
        pass


def test_a_cluster_that_does_not_answer_is_transient(
    turned_to: Callable[..., None],
) -> None:
    turned_to("cluster", NIGHTSHIFT_REDSHIFT_PORT="1", NIGHTSHIFT_REDSHIFT_RETRIES="1")
    with pytest.raises(TransientError, match=r"127\.0\.0\.1"), warehouse.session():
        pass


@pytest.mark.parametrize(
    ("role", "told"),
    [
        ("", "NIGHTSHIFT_COPY_IAM_ROLE is not set"),
        ("arn:aws:s3:::bucket", "must be `default`"),
        ("arn:aws:iam::999999999999:role/other", "attached to the cluster"),
    ],
)
def test_a_role_that_does_not_work_is_a_setting_to_mend(
    turned_to: Callable[..., None], role: str, told: str
) -> None:
    turned_to("cluster", NIGHTSHIFT_COPY_IAM_ROLE=role)
    deliver("orgs", packed([json.dumps(dirty_records.ORG)]))
    with pytest.raises(ConfigError, match=told):
        load("orgs")


def test_a_name_in_the_certificate_that_is_not_the_host_is_refused(
    turned_to: Callable[..., None],
) -> None:
    turned_to("cluster", SSL_CERT_FILE="/dev/null", NIGHTSHIFT_REDSHIFT_RETRIES="0")
    with pytest.raises((ConfigError, TransientError)), warehouse.session():
        pass


@pytest.mark.parametrize(
    ("message", "is_passing"),
    [
        ("Database Error in model m (m.sql)\n  1023\n  compiled code at m.sql", True),
        ("1023 Serializable isolation violation on table - 123", True),
        ("Runtime Error in model m\n  TLS/SSL connection has been closed (EOF)", True),
        ("Database Error in model m\n  column m.1023 does not exist", False),
        ("got 1023 results, configured to fail if != 0", False),
    ],
)
def test_what_dbt_tells_of_a_conflict_is_known_as_passing(
    message: str, is_passing: bool
) -> None:
    assert warehouse.is_transient(message) == is_passing
