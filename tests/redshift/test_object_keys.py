"""Objects with any key are loaded, alike on both warehouses."""

import json
from collections.abc import Callable

import boto3

from loaders import s3
from loaders.config import settings
from tests.object_keys import NAMES
from tests.redshift.dirty_records import ORG
from tests.redshift.loading import (
    DATA_DATE,
    WAREHOUSES,
    load_partition,
    read_load,
    read_rows,
)


def test_objects_with_any_key_are_loaded_with_their_rejects(
    use_warehouse: Callable[..., None],
) -> None:
    use_warehouse("duckdb")
    raw_url = settings.load().required_raw_url()
    url = s3.partition_url(raw_url, "orgs", DATA_DATE)
    bucket, prefix = url.removeprefix("s3://").split("/", 1)
    client = boto3.Session().client("s3")
    for number, name in enumerate(NAMES, start=1):
        lines = [json.dumps(ORG | {"org_id": number}), "no object"]
        body = "".join(f"{line}\n" for line in lines).encode()
        client.put_object(Bucket=bucket, Key=prefix + name, Body=body)
    client.put_object(Bucket=bucket, Key=f"{prefix}_SUCCESS", Body=b"")
    loads = {}
    for warehouse in WAREHOUSES:
        use_warehouse(warehouse)
        result = load_partition("orgs")
        assert (result.rows, result.rejects) == (len(NAMES), len(NAMES))
        loads[warehouse] = read_load("orgs")
        keys = {prefix + name for name in NAMES}
        for table in ("load_objects", "load_rejects"):
            assert {key for (key,) in read_rows("ops", table, ["object_key"])} == keys
    assert loads["redshift"] == loads["duckdb"]
