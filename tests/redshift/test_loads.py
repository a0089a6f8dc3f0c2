"""Loads write the same rows, rejects and ledger rows on Redshift as on DuckDB."""

import gzip
import json
from collections.abc import Callable
from typing import Any

import pytest

from loaders import s3, warehouse
from loaders.config import settings
from loaders.errors import DataError
from tests.redshift import dirty_records
from tests.redshift.dirty_records import ORG
from tests.redshift.loading import (
    WAREHOUSES,
    compressed_objects,
    load_partition,
    read_load,
    read_rows,
    upload_partition,
)


@pytest.mark.parametrize("source", sorted(dirty_records.dirty_lines()))
def test_both_warehouses_load_and_reject_the_same_records(
    use_warehouse: Callable[..., None], source: str
) -> None:
    use_warehouse("duckdb")
    upload_partition(source, compressed_objects(dirty_records.dirty_lines()[source]))
    results = {}
    for name in WAREHOUSES:
        use_warehouse(name)
        load_partition(source)
        results[name] = read_load(source)
    for table, rows in results["duckdb"].items():
        assert results["redshift"][table] == rows, table
    assert results["redshift"]["rejects"]
    assert results["redshift"]["raw"]


def test_unknown_keys_are_stored_in_extra(
    use_warehouse: Callable[..., None],
) -> None:
    unknown = {"tier": {"name": "gold", "org_id": 7, "x": [None]}, "é": 'a"b,\\'}
    records = [
        ORG,
        ORG | {"org_id": 2} | unknown,
        unknown | ORG | {"org_id": 3, "last": None},
        {"only": 1} | {key: ORG[key] for key in ORG if key != "country"},
    ]
    lines = [json.dumps(record) for record in records]
    results = {}
    use_warehouse("duckdb")
    upload_partition("orgs", compressed_objects(lines))
    for name in WAREHOUSES:
        use_warehouse(name)
        load_partition("orgs")
        results[name] = read_rows("staging", "raw_orgs", ["org_id", "extra"])
    assert results["redshift"] == results["duckdb"]
    assert (1, None) in results["redshift"]
    assert (2, unknown) in results["redshift"]
    assert (3, {**unknown, "last": None}) in results["redshift"]


@pytest.mark.parametrize("warehouse_name", WAREHOUSES)
def test_extra_is_exact_if_an_unknown_key_repeats_a_known_pair(
    use_warehouse: Callable[..., None], warehouse_name: str
) -> None:
    unknown = {"before": {"x": 1, "org_id": 1, "y": 2}}
    use_warehouse(warehouse_name)
    upload_partition("orgs", compressed_objects([json.dumps(ORG | unknown)]))
    load_partition("orgs")
    assert read_rows("staging", "raw_orgs", ["extra"]) == [(unknown,)]


def test_lines_refused_by_copy_have_their_line_number_reason_and_text(
    use_warehouse: Callable[..., None],
) -> None:
    valid = json.dumps(ORG).encode()
    too_long = json.dumps(ORG | {"org_name": "x" * 70_000}).encode()
    not_utf8 = valid.replace(b"Org", b"\xff\xfe")
    with_nul = valid.replace(b"Org", b"\0")
    lines = [valid, not_utf8, valid, too_long, with_nul, valid, valid, valid]
    rejects = {}
    use_warehouse("duckdb")
    upload_partition("orgs", {"part-0.json.gz": gzip.compress(b"\n".join(lines))})
    for name in WAREHOUSES:
        use_warehouse(name)
        result = load_partition("orgs")
        assert (result.lines, result.rows, result.rejects) == (8, 5, 3)
        columns = ["line_number", "reason", "line"]
        rejects[name] = read_rows("ops", "load_rejects", columns)
    assert rejects["redshift"] == rejects["duckdb"]
    assert [reason for _, reason, _ in rejects["redshift"]] == [
        "not UTF-8",
        "longer than 65,535 bytes",
        "control character",
    ]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("part-0.json.gz", gzip.compress(b"{}\n" * 5000)[:-30], "part-0.json.gz"),
        ("part-0.json.zst", b"this is no zstd", "part-0.json.zst"),
        ("part-0.json", b"\xff\n" * 20, "more than half of its lines are not UTF-8"),
        ("part-0.json", "{}\n".encode("utf-16"), "UTF-16"),
    ],
    # gzip.compress writes the current time, so the bytes cannot be part of the id.
    ids=["truncated-gzip", "invalid-zstd", "not-utf8", "utf-16"],
)
def test_unreadable_object_fails_the_load_and_keeps_existing_data(
    use_warehouse: Callable[..., None], name: str, content: bytes, message: str
) -> None:
    use_warehouse("redshift")
    upload_partition("orgs", compressed_objects([json.dumps(ORG)]))
    load_partition("orgs")
    before = read_load("orgs")
    upload_partition("orgs", {name: content})
    with pytest.raises(DataError, match=message):
        load_partition("orgs")
    assert read_load("orgs") == before


@pytest.mark.parametrize("warehouse_name", WAREHOUSES)
def test_partition_that_changes_during_the_load_is_not_loaded(
    use_warehouse: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
    warehouse_name: str,
) -> None:
    use_warehouse(warehouse_name)
    upload_partition("orgs", {"part-0.json": json.dumps(ORG).encode()})
    load_partition("orgs")
    before = read_load("orgs")
    list_partition = s3.list_partition

    def list_and_then_change(*arguments: Any) -> s3.Partition:  # noqa: ANN401
        monkeypatch.undo()
        partition = list_partition(*arguments)
        same_size = json.dumps(ORG | {"org_id": 2}).encode()
        upload_partition("orgs", {"part-0.json": same_size})
        return partition

    monkeypatch.setattr(s3, "list_partition", list_and_then_change)
    with pytest.raises(DataError, match=r"changed while .* being loaded. Run again"):
        load_partition("orgs")
    assert read_load("orgs") == before


def test_reload_replaces_the_partition_and_the_ledger_keeps_both_loads(
    use_warehouse: Callable[..., None],
) -> None:
    use_warehouse("redshift")
    upload_partition("orgs", compressed_objects([json.dumps(ORG), "broken"]))
    load_partition("orgs")
    other = json.dumps(ORG | {"org_id": 2})
    upload_partition("orgs", compressed_objects([other]))
    load_partition("orgs")
    assert read_rows("staging", "raw_orgs", ["org_id"]) == [(2,)]
    assert read_rows("ops", "loads", ["rows_loaded"]) == [(1,), (1,)]
    assert read_rows("ops", "load_rejects", ["reason"]) == [("not a JSON object",)]


def test_too_many_rejects_keep_existing_data(
    use_warehouse: Callable[..., None],
) -> None:
    use_warehouse("redshift")
    upload_partition("orgs", compressed_objects([json.dumps(ORG)]))
    load_partition("orgs")
    before = read_load("orgs")
    lines = [json.dumps(ORG), "broken", "broken too"]
    upload_partition("orgs", compressed_objects(lines))
    with pytest.raises(DataError, match="2 of 3 lines rejected"):
        load_partition("orgs", max_reject_ratio=0.5)
    assert read_load("orgs") == before


def test_empty_partition_and_empty_objects_load_no_lines(
    use_warehouse: Callable[..., None],
) -> None:
    use_warehouse("redshift")
    upload_partition("orgs", {})
    assert load_partition("orgs").lines == 0
    upload_partition("orgs", {"part-0.json.gz": b"", "part-1.json": b"\n\n"})
    assert load_partition("orgs").lines == 0
    # Blank lines count as lines of an object only.
    assert read_rows("ops", "load_objects", ["lines", "rejects"]) == [(0, 0), (2, 0)]


def test_load_deletes_its_manifests(use_warehouse: Callable[..., None]) -> None:
    use_warehouse("redshift")
    upload_partition("orgs", compressed_objects([json.dumps(ORG)]))
    load_partition("orgs")
    assert not list(s3.list_objects(settings.load().required_archive_url()))


def test_every_statement_names_its_sender_and_contains_no_secret(
    use_warehouse: Callable[..., None],
) -> None:
    use_warehouse("redshift")
    upload_partition("orgs", compressed_objects([json.dumps(ORG)]))
    load_partition("orgs")
    with warehouse.session() as connection:
        statements = connection.fetch_all(
            "-- tests.redshift.test_loads read history\n"
            "select query_text, trim(query_label) from sys_query_history "
            "where query_text like '%raw_orgs%' or query_text like '%copied_%'"
        )
    assert statements
    for text, label in statements:
        assert text.startswith(("-- ", "/* -- dbt ")), text
        assert "secret" not in text.lower(), text
        assert label == "nightshift"
