"""A load gives the same rows, rejects and ledgers on a cluster as on one machine."""

import gzip
import json
from collections.abc import Callable
from datetime import date
from typing import Any

import pytest
import zstandard

from loaders import copy, s3, settings, warehouse
from loaders.errors import DataError
from loaders.raw_tables import raw_tables
from tests.redshift import dirty

DAY = date(2026, 11, 24)
ENGINES = ("embedded", "cluster")
PACKERS: dict[str, Callable[[bytes], bytes]] = {
    "part-0.json": lambda content: content,
    "part-1.json.gz": gzip.compress,
    "part-2.json.zst": zstandard.compress,
}


def deliver(source: str, objects: dict[str, bytes]) -> None:
    """Put a complete partition on S3."""
    url = s3.partition_url(settings.load().required_raw_url(), source, DAY)
    for name, content in objects.items():
        s3.write(url + name, content)
    s3.write(url + s3.SUCCESS, b"")


def load(source: str, *, ratio: float = 1.0) -> copy.LoadResult:
    """Load the day's partition as a night would."""
    partition = s3.list_partition(settings.load().required_raw_url(), source, DAY)
    with warehouse.transaction() as connection:
        warehouse.ensure_tables(connection)
        (result,) = copy.replace_partitions(
            connection,
            raw_tables()[source],
            partitions=[partition],
            max_reject_ratio=ratio,
            run_id="test",
        )
    return result


def rows(schema: str, table: str, columns: list[str]) -> list[tuple[Any, ...]]:
    """Return a table's rows in an order of their own; JSON as Python has it."""
    with warehouse.session() as connection:
        names = ", ".join(warehouse.identifier(name) for name in columns)
        found = connection.fetch_all(
            f"-- tests rows\nselect {names} from {connection.table(schema, table)}"
        )
    return sorted((tuple(_plain(value) for value in row) for row in found), key=repr)


def _plain(value: object) -> object:
    if isinstance(value, str) and value[:1] in ("{", "["):
        try:
            return json.loads(value)
        except ValueError:
            return value
    return value


def results(source: str) -> dict[str, list[tuple[Any, ...]]]:
    """Return all that a load leaves behind, ids and times of the load aside."""
    table = raw_tables()[source]
    raw = [column.name for column in table.columns]
    raw = [name for name in raw if name != "loaded_at"]
    rejects = ["source", "dt", "object_key", "reason", "line", "run_id"]
    loads = ["source", "dt", "fingerprint", "objects", "lines", "rows_loaded"]
    objects = ["source", "dt", "object_key", "size_bytes", "etag", "lines"]
    return {
        "raw": rows("staging", table.name, raw),
        "rejects": rows("ops", "load_rejects", rejects),
        "loads": rows("ops", "loads", [*loads, "rejects", "bytes", "run_id", "status"]),
        "objects": rows("ops", "load_objects", [*objects, "rows_loaded", "rejects"]),
    }


def packed(lines: list[str]) -> dict[str, bytes]:
    """Spread lines over objects, each compressed in another way."""
    share = -(-len(lines) // len(PACKERS))
    return {
        name: pack(
            "".join(
                f"{line}\n" for line in lines[place * share : (place + 1) * share]
            ).encode()
        )
        for place, (name, pack) in enumerate(PACKERS.items())
    }


@pytest.mark.parametrize("source", sorted(dirty.lines()))
def test_both_engines_judge_every_line_alike(
    turned_to: Callable[..., None], source: str
) -> None:
    turned_to("embedded")
    deliver(source, packed(dirty.lines()[source]))
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
        dirty.ORG,
        dirty.ORG | {"org_id": 2} | unknown,
        unknown | dirty.ORG | {"org_id": 3, "last": None},
        {"only": 1} | {key: dirty.ORG[key] for key in dirty.ORG if key != "country"},
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
    record = dirty.ORG | {"before": {"x": 1, "org_id": 1, "y": 2}}
    turned_to("cluster")
    deliver("orgs", packed([json.dumps(record)]))
    load("orgs")
    assert rows("staging", "raw_orgs", ["extra"]) == [(record,)]


def test_lines_that_copy_refuses_are_rejects_with_their_place_and_text(
    turned_to: Callable[..., None],
) -> None:
    good = json.dumps(dirty.ORG).encode()
    too_long = json.dumps(dirty.ORG | {"org_name": "x" * 70_000}).encode()
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
        "line is not text",
        "line is longer than 65535 bytes",
        "line is not text",
    ]


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("part-0.json.gz", gzip.compress(b"{}\n" * 5000)[:-30], "part-0.json.gz"),
        ("part-0.json.zst", b"this is no zstd", "part-0.json.zst"),
        ("part-0.json", bytes(range(128, 256)) * 4, "is not text"),
    ],
)
def test_an_object_that_cannot_be_read_fails_the_load_and_is_named(
    turned_to: Callable[..., None], name: str, content: bytes, told: str
) -> None:
    turned_to("cluster")
    deliver("orgs", packed([json.dumps(dirty.ORG)]))
    load("orgs")
    before = results("orgs")
    deliver("orgs", {name: content})
    with pytest.raises(DataError, match=told):
        load("orgs")
    assert results("orgs") == before


def test_a_partition_is_replaced_and_the_ledger_keeps_both_loads(
    turned_to: Callable[..., None],
) -> None:
    turned_to("cluster")
    deliver("orgs", packed([json.dumps(dirty.ORG), "broken"]))
    load("orgs")
    deliver("orgs", packed([json.dumps(dirty.ORG | {"org_id": 2})]))
    load("orgs")
    assert rows("staging", "raw_orgs", ["org_id"]) == [(2,)]
    assert rows("ops", "loads", ["rows_loaded"]) == [(1,), (1,)]
    assert rows("ops", "load_rejects", ["reason"]) == [("line is not a JSON object",)]


def test_too_many_rejects_leave_the_earlier_content(
    turned_to: Callable[..., None],
) -> None:
    turned_to("cluster")
    deliver("orgs", packed([json.dumps(dirty.ORG)]))
    load("orgs")
    before = results("orgs")
    deliver("orgs", packed([json.dumps(dirty.ORG), "broken", "broken too"]))
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
    turned_to: Callable[..., None],
) -> None:
    turned_to("cluster")
    objects = {
        f"part-{number:02}.json": json.dumps(dirty.ORG | {"org_id": number}).encode()
        for number in range(20)
    }
    deliver("orgs", objects)
    assert load("orgs").rows == 20
    found = rows("staging", "raw_orgs", ["org_id", "object_key"])
    assert all(key.endswith(f"part-{number:02}.json") for number, key in found)


def test_nothing_is_left_on_s3_beside_the_data(turned_to: Callable[..., None]) -> None:
    turned_to("cluster")
    deliver("orgs", packed([json.dumps(dirty.ORG)]))
    load("orgs")
    assert not list(s3.list_objects(settings.load().required_archive_url()))


def test_every_statement_says_who_sends_it_and_none_holds_a_key(
    turned_to: Callable[..., None],
) -> None:
    turned_to("cluster")
    deliver("orgs", packed([json.dumps(dirty.ORG)]))
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
