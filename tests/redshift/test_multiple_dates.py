"""Partitions loaded together give the same result as partitions loaded one by one."""

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from loaders.errors import DataError
from tests.redshift import dirty_records
from tests.redshift.loading import (
    DATA_DATE,
    WAREHOUSES,
    compressed_objects,
    load_partitions,
    read_load,
    read_rows,
    upload_partition,
)


@pytest.mark.slow
def test_loading_dates_together_equals_loading_them_one_by_one(
    use_warehouse: Callable[..., None],
    tmp_path: Path,
) -> None:
    lines = dirty_records.dirty_lines()["orgs"]
    lines_by_date = {
        DATA_DATE - timedelta(days=number): lines[number::3] for number in range(3)
    }
    together = [list(lines_by_date)]
    one_by_one = [[data_date] for data_date in lines_by_date]
    use_warehouse("duckdb")
    for data_date, lines_of_date in lines_by_date.items():
        upload_partition("orgs", compressed_objects(lines_of_date), data_date)
    cases = [(name, loads) for name in WAREHOUSES for loads in (together, one_by_one)]
    results = []
    for number, (name, loads) in enumerate(cases):
        use_warehouse(
            name,
            NIGHTSHIFT_DUCKDB_PATH=str(tmp_path / f"warehouse-{number}.duckdb"),
            NIGHTSHIFT_REDSHIFT_SCHEMA=f"{tmp_path.name[:40]}{number}",
        )
        for data_dates in loads:
            loaded = load_partitions("orgs", data_dates)
            assert [result.dt for result in loaded] == [str(day) for day in data_dates]
        results.append(read_load("orgs"))
        load_ids = read_rows("ops", "loads", ["load_id", "dt"])
        reject_ids = read_rows("ops", "load_rejects", ["load_id", "dt"])
        assert set(reject_ids) <= set(load_ids)
    assert results[0] == results[1] == results[2] == results[3]
    assert len(results[0]["loads"]) == len(lines_by_date)
    assert results[0]["rejects"]


def test_failed_date_keeps_existing_data_of_all_dates(
    use_warehouse: Callable[..., None],
) -> None:
    use_warehouse("redshift")
    data_dates = [DATA_DATE - timedelta(days=1), DATA_DATE]
    valid = json.dumps(dirty_records.ORG)
    other = json.dumps(dirty_records.ORG | {"org_id": 2})
    for data_date in data_dates:
        upload_partition("orgs", compressed_objects([valid]), data_date)
    load_partitions("orgs", data_dates)
    before = read_load("orgs")
    upload_partition("orgs", compressed_objects([other]), data_dates[0])
    upload_partition("orgs", compressed_objects(["broken"]), data_dates[1])
    with pytest.raises(DataError, match=f"orgs dt={DATA_DATE}: 1 of 1 lines rejected"):
        load_partitions("orgs", data_dates, max_reject_ratio=0.5)
    assert read_load("orgs") == before
