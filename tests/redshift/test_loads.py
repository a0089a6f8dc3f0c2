"""A load gives the same rows, rejects and ledgers on a cluster as on one machine."""

import gzip
import json
from collections.abc import Callable
from typing import Any

import pytest

from loaders import s3, warehouse
from loaders.config import settings
from loaders.errors import DataError
from loaders.raw import redshift_load
from tests.redshift import dirty_records
from tests.redshift.loading import ENGINES, deliver, load, packed, results, rows


@pytest.mark.parametrize("source", sorted(dirty_records.lines()))
def test_both_engines_judge_every_line_alike(
    turned_to: Callable[..., None], source: str
) -> None:
    turned_to("embedded")
    deliver(source, packed(dirty_records.lines()[source]))
    found = {}
    for engine in ENGINES:
        turned_to(engine)
        load(source)
        found[engine] = results(source)
    for what, wanted in found["embedded"].items():
        assert found["cluster"][what] == wanted, what
    assert found["cluster"]["rejects"]
    assert found["cluster"]["raw"]


def test_unknown_keys_are_kept_and_known_ones_alone_leave_no_trace(
    turned_to: Callable[..., None],
) -> None:
    unknown = {"tier": {"name": "gold", "org_id": 7, "x": [None]}, "é": 'a"b,\\'}
    records = [
        dirty_records.ORG,
        dirty_records.ORG | {"org_id": 2} | unknown,
        unknown | dirty_records.ORG | {"org_id": 3, "last": None},
        {"only": 1}
        | {
            key: dirty_records.ORG[key] for key in dirty_records.ORG if key != "country"
        },
    ]
    lines = [json.dumps(record) for record in records]
    found = {}
    turned_to("embedded")
    deliver("orgs", packed(lines))
    for engine in ENGINES:
        turned_to(engine)
        load("orgs")
        found[engine] = rows("staging", "raw_orgs", ["org_id", "extra"])
    assert found["cluster"] == found["embedded"]
    assert (1, None) in found["cluster"]
    assert (2, unknown) in found["cluster"]
    assert (3, {**unknown, "last": None}) in found["cluster"]


def test_a_known_pair_within_an_unknown_key_keeps_the_whole_record(
    turned_to: Callable[..., None],
) -> None:
    record = dirty_records.ORG | {"before": {"x": 1, "org_id": 1, "y": 2}}
    turned_to("cluster")
    deliver("orgs", packed([json.dumps(record)]))
    load("orgs")
    assert rows("staging", "raw_orgs", ["extra"]) == [(record,)]


def test_lines_that_copy_refuses_are_rejects_with_their_place_and_text(
    turned_to: Callable[..., None],
) -> None:
    good = json.dumps(dirty_records.ORG).encode()
    too_long = json.dumps(dirty_records.ORG | {"org_name": "x" * 70_000}).encode()
    not_text = good.replace(b"Org", b"\xff\xfe")
    with_nul = good.replace(b"Org", b"\0")
    lines = [good, not_text, good, too_long, with_nul, good, good, good]
    found = {}
    turned_to("embedded")
    deliver("orgs", {"part-0.json.gz": gzip.compress(b"\n".join(lines))})
    for engine in ENGINES:
        turned_to(engine)
        result = load("orgs")
        assert (result.lines, result.rows, result.rejects) == (8, 5, 3)
        columns = ["line_number", "reason", "line"]
        found[engine] = rows("ops", "load_rejects", columns)
    assert found["cluster"] == found["embedded"]
    assert [reason for _, reason, _ in found["cluster"]] == [
        "invalid UTF-8",
        "longer than 65535 bytes",
        "invalid UTF-8",
    ]


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("part-0.json.gz", gzip.compress(b"{}\n" * 5000)[:-30], "part-0.json.gz"),
        ("part-0.json.zst", b"this is no zstd", "part-0.json.zst"),
        ("part-0.json", bytes(range(128, 256)) * 4, "is not text"),
    ],
    # Of their own: bytes that hold the time would name a test anew each second.
    ids=["gzip", "zstd", "text"],
)
def test_an_object_that_cannot_be_read_fails_the_load_and_is_named(
    turned_to: Callable[..., None], name: str, content: bytes, told: str
) -> None:
    turned_to("cluster")
    deliver("orgs", packed([json.dumps(dirty_records.ORG)]))
    load("orgs")
    before = results("orgs")
    deliver("orgs", {name: content})
    with pytest.raises(DataError, match=told):
        load("orgs")
    assert results("orgs") == before


@pytest.mark.parametrize("engine", ENGINES)
def test_a_partition_that_changes_meanwhile_is_not_loaded(
    turned_to: Callable[..., None], monkeypatch: pytest.MonkeyPatch, engine: str
) -> None:
    turned_to(engine)
    deliver("orgs", {"part-0.json": json.dumps(dirty_records.ORG).encode()})
    load("orgs")
    before = results("orgs")
    list_partition = s3.list_partition

    def listed_before_a_change(*given: Any) -> s3.Partition:  # noqa: ANN401
        monkeypatch.undo()
        partition = list_partition(*given)
        other = json.dumps(dirty_records.ORG | {"org_id": 2}).encode()  # just as long
        deliver("orgs", {"part-0.json": other})
        return partition

    monkeypatch.setattr(s3, "list_partition", listed_before_a_change)
    with pytest.raises(DataError, match=r"changed while .* being loaded. Run again"):
        load("orgs")
    assert results("orgs") == before


def test_a_partition_is_replaced_and_the_ledger_keeps_both_loads(
    turned_to: Callable[..., None],
) -> None:
    turned_to("cluster")
    deliver("orgs", packed([json.dumps(dirty_records.ORG), "broken"]))
    load("orgs")
    deliver("orgs", packed([json.dumps(dirty_records.ORG | {"org_id": 2})]))
    load("orgs")
    assert rows("staging", "raw_orgs", ["org_id"]) == [(2,)]
    assert rows("ops", "loads", ["rows_loaded"]) == [(1,), (1,)]
    assert rows("ops", "load_rejects", ["reason"]) == [("not a JSON object",)]


def test_too_many_rejects_leave_the_earlier_content(
    turned_to: Callable[..., None],
) -> None:
    turned_to("cluster")
    deliver("orgs", packed([json.dumps(dirty_records.ORG)]))
    load("orgs")
    before = results("orgs")
    deliver("orgs", packed([json.dumps(dirty_records.ORG), "broken", "broken too"]))
    with pytest.raises(DataError, match="2 of 3 lines rejected"):
        load("orgs", ratio=0.5)
    assert results("orgs") == before


def test_an_empty_partition_and_an_empty_object_are_loads_of_nothing(
    turned_to: Callable[..., None],
) -> None:
    turned_to("cluster")
    deliver("orgs", {})
    assert load("orgs").lines == 0
    deliver("orgs", {"part-0.json": b"", "part-1.json": b"\n\n"})
    assert load("orgs").lines == 0
    assert rows("ops", "load_objects", ["lines", "rejects"]) == [(0, 0), (0, 0)]


def test_more_objects_than_one_batch_are_all_counted(
    turned_to: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    turned_to("cluster")
    objects = {
        f"part-{number:02}.json": json.dumps(
            dirty_records.ORG | {"org_id": number}
        ).encode()
        for number in range(20)
    }
    monkeypatch.setattr(redshift_load, "BATCH_OBJECTS", 8)
    deliver("orgs", objects)
    assert load("orgs").rows == 20
    found = rows("staging", "raw_orgs", ["org_id", "object_key"])
    assert all(key.endswith(f"part-{number:02}.json") for number, key in found)


def test_nothing_is_left_on_s3_beside_the_data(turned_to: Callable[..., None]) -> None:
    turned_to("cluster")
    deliver("orgs", packed([json.dumps(dirty_records.ORG)]))
    load("orgs")
    assert not list(s3.list_objects(settings.load().required_archive_url()))


def test_every_statement_says_who_sends_it_and_none_holds_a_key(
    turned_to: Callable[..., None],
) -> None:
    turned_to("cluster")
    deliver("orgs", packed([json.dumps(dirty_records.ORG)]))
    load("orgs")
    with warehouse.session() as connection:
        sent = connection.fetch_all(
            "-- test\nselect query_text, trim(query_label) from sys_query_history "
            "where query_text like '%raw_orgs%' or query_text like '%copied_0%'"
        )
    assert sent
    for text, label in sent:
        assert text.startswith(("-- ", "/* -- dbt ")), text
        assert "secret" not in text.lower(), text
        assert label == "nightshift"
