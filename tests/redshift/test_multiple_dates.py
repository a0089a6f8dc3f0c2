"""Days of a source that are loaded in one go end as if each had come alone."""

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from loaders.errors import DataError
from loaders.raw import redshift_load
from tests.redshift import dirty_records
from tests.redshift.loading import (
    DAY,
    ENGINES,
    deliver,
    load_days,
    packed,
    results,
    rows,
)


def test_days_loaded_together_are_as_if_loaded_one_by_one(
    turned_to: Callable[..., None], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(redshift_load, "BATCH_OBJECTS", 4)
    lines = dirty_records.lines()["orgs"]
    shares = {DAY - timedelta(days=number): lines[number::3] for number in range(3)}
    one_by_one = [[day] for day in shares]
    ways = [(engine, how) for engine in ENGINES for how in ([list(shares)], one_by_one)]
    turned_to("embedded")
    for day, share in shares.items():
        deliver("orgs", packed(share), day)
    found = []
    for number, (engine, how) in enumerate(ways):
        own = str(tmp_path / f"warehouse-{number}.duckdb")
        turned_to(
            engine,
            NIGHTSHIFT_DUCKDB_PATH=own,
            NIGHTSHIFT_REDSHIFT_SCHEMA=f"{tmp_path.name[:40]}{number}",
        )
        for days in how:
            loaded = load_days("orgs", days)
            assert [result.dt for result in loaded] == [str(day) for day in days]
        found.append(results("orgs"))
        ids = rows("ops", "loads", ["load_id", "dt"])
        assert set(rows("ops", "load_rejects", ["load_id", "dt"])) <= set(ids)
    assert found[0] == found[1] == found[2] == found[3]
    assert len(found[0]["loads"]) == len(shares)
    assert found[0]["rejects"]


def test_one_bad_day_of_several_leaves_all_as_they_were(
    turned_to: Callable[..., None],
) -> None:
    turned_to("cluster")
    days = [DAY - timedelta(days=1), DAY]
    for day in days:
        deliver("orgs", packed([json.dumps(dirty_records.ORG)]), day)
    load_days("orgs", days)
    before = results("orgs")
    deliver("orgs", packed([json.dumps(dirty_records.ORG | {"org_id": 2})]), days[0])
    deliver("orgs", packed(["broken"]), days[1])
    with pytest.raises(DataError, match=f"orgs dt={DAY}: 1 of 1 lines rejected"):
        load_days("orgs", days, ratio=0.5)
    assert results("orgs") == before
