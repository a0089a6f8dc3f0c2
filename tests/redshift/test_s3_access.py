"""Errors of S3 that Redshift reports are those that this process would raise."""

import json
import os
from collections.abc import Callable
from datetime import timedelta

import pytest

from loaders import archive, s3, warehouse
from loaders.config import settings
from loaders.errors import ConfigError, NightshiftError, TransientError
from loaders.warehouse import redshift_s3
from tests.emulators.s3_faults import injected_faults
from tests.redshift.dirty_records import ORG
from tests.redshift.loading import (
    DATA_DATE,
    WAREHOUSES,
    load_partition,
    load_partitions,
    upload_partition,
)

DATASET = archive.Dataset("orgs", "staging", "raw_orgs", "dt", ("org_id",))
FAULTS = [
    (
        {"code": "AccessDenied", "status": 403},
        *(ConfigError, "Grant s3:PutObject on arn:aws:s3:::nightshift-archive/"),
    ),
    ({"code": "KMS.DisabledException"}, ConfigError, "Enable the key"),
    ({"code": "InternalError", "status": 500}, TransientError, "S3 is busy"),
    ({"code": "SlowDown", "status": 503}, TransientError, "S3 is busy"),
]


@pytest.mark.parametrize(("fault", "family", "words"), FAULTS)
def test_unload_that_s3_refuses_is_classified(
    use_warehouse: Callable[..., None],
    fault: dict[str, object],
    family: type[NightshiftError],
    words: str,
) -> None:
    use_warehouse("redshift")
    upload_partition("orgs", {"part-0.json": json.dumps(ORG).encode()})
    load_partition("orgs")
    root = settings.load().required_archive_url()
    key = rf"{root.rpartition('/')[2]}/orgs/.*part-"
    with (
        injected_faults(os.environ, {"key": key, "times": 0, **fault}),
        warehouse.session() as connection,
        pytest.raises(NightshiftError, match=words) as raised,
    ):
        list(
            archive.replace_partitions(connection, DATASET, days=[DATA_DATE], root=root)
        )
    assert type(raised.value) is family
    assert archive.complete_days(root, "orgs") == set()


def test_copy_of_an_object_that_the_role_cannot_read_names_the_role(
    use_warehouse: Callable[..., None],
) -> None:
    use_warehouse("redshift")
    url = f"{settings.load().required_archive_url()}/rows.csv"
    s3.write(url, b"1\n")
    fault = {"operation": "GetObject", "code": "AccessDenied", "status": 403}
    with (
        injected_faults(os.environ, {"key": "rows.csv", "times": 0, **fault}),
        warehouse.session() as connection,
        pytest.raises(ConfigError, match=r"Grant s3:GetObject .*COPY_IAM_ROLE"),
        redshift_s3.classified_s3_errors(url, "CopyRows"),
    ):
        connection.execute("create temp table numbers (number integer)")
        connection.execute(
            f"copy numbers from '{url}' {redshift_s3.iam_role()} "
            f"{redshift_s3.region_clause()}"
        )


@pytest.mark.parametrize("warehouse_name", WAREHOUSES)
@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (
            {"code": "AccessDenied", "status": 403},
            "Grant s3:GetObject on arn:aws:s3:::",
        ),
        ({"code": "KMS.DisabledException"}, "Enable the key"),
        ({"code": "InvalidObjectState", "status": 403}, "Restore the object"),
    ],
)
def test_object_that_s3_refuses_is_named_with_its_partition(
    use_warehouse: Callable[..., None],
    warehouse_name: str,
    fault: dict[str, object],
    words: str,
) -> None:
    use_warehouse(warehouse_name)
    days = [DATA_DATE - timedelta(days=1), DATA_DATE]
    for day in days:
        objects = {"a #1.json": json.dumps(ORG).encode(), "b.json": b""}
        upload_partition("orgs", objects, day)
    raw_url = settings.load().required_raw_url()
    url = s3.partition_url(raw_url, "orgs", DATA_DATE)
    key = f"{raw_url.rpartition('/')[2]}/orgs/dt={DATA_DATE}/a"
    fault = {"operation": "GetObject", "key": key, "times": 0, **fault}
    with (
        injected_faults(os.environ, fault),
        pytest.raises(NightshiftError, match=words) as raised,
    ):
        load_partitions("orgs", days)
    assert raised.value.object_url.startswith(url)
    assert url in str(raised.value)
