"""Loads on Redshift: counts of objects, changed objects, number of statements."""

import gzip
from collections import Counter
from collections.abc import Callable, Mapping
from datetime import date, timedelta

import pytest

from loaders import s3, warehouse
from loaders.errors import DataError
from loaders.ledger.loads import Load
from loaders.raw.redshift import copy_objects, views
from tests.loaders.text_rules.objects import FIRST, SECOND
from tests.redshift import sent_statements
from tests.redshift.loading import (
    DATA_DATE,
    WAREHOUSES,
    load_partition,
    load_partitions,
    read_rows,
    upload_partition,
)

LONG_ROW = b"x" * (5 << 20) + b"\n"


def _day(number: int) -> date:
    return DATA_DATE - timedelta(days=number)


def test_objects_with_any_key_are_counted(use_warehouse: Callable[..., None]) -> None:
    use_warehouse("redshift")
    long_key = "x" * 250
    names = [
        *(
            "a#b",
            "a?b=c",
            "a%20b",
            "a+b c",
            "a'b",
            "é",
            "a\tb",
            "a\rb",
            "a\nb",
            "a\x01b",
        ),
        *("a\\b", "a ", "a", 'a"b', "sub/folder/a", f"{long_key}/1", f"{long_key}/2"),
        *("y" * 300, "é" * 150),
    ]
    objects = {name: FIRST * number for number, name in enumerate(names, start=1)}
    upload_partition("app_logs", objects)
    result = load_partition("app_logs", max_reject_ratio=0)
    assert result.rows == sum(range(len(names) + 1))
    counts = read_rows("ops", "load_objects", ["object_key", "lines", "rows_loaded"])
    assert {
        key.partition(f"dt={DATA_DATE}/")[2]: (lines, rows)
        for key, lines, rows in counts
    } == {name: (number, number) for number, name in enumerate(names, start=1)}


@pytest.mark.parametrize("has_etags", [True, False])
def test_object_that_changes_before_its_copy_is_not_loaded(
    use_warehouse: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
    has_etags: bool,
) -> None:
    use_warehouse("redshift")
    upload_partition("app_logs", {"a.json": FIRST, "b.json": FIRST})
    copy_partition = copy_objects.copy_partition

    def change_and_copy(
        connection: warehouse.Connection,
        load: Load,
        *,
        folder_url: str,
        replaced: Mapping[str, copy_objects.Source],
    ) -> list[copy_objects.Copy]:
        upload_partition("app_logs", {"b.json": SECOND})
        return copy_partition(
            connection, load, folder_url=folder_url, replaced=replaced
        )

    monkeypatch.setattr(copy_objects, "copy_partition", change_and_copy)
    if not has_etags:  # as on a cluster whose view lacks the column
        monkeypatch.setattr(views, "_has_etags", lambda _: False)
    with pytest.raises(DataError, match="changed while it was being loaded"):
        load_partition("app_logs")
    assert read_rows("ops", "loads", ["load_id"]) == []


def test_partition_is_listed_again_only_without_etags(
    use_warehouse: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    use_warehouse("redshift")
    listings = []

    def relist(partition: s3.Partition) -> s3.Partition:
        listings.append(partition.url)
        return partition

    monkeypatch.setattr(s3, "relist", relist)
    objects = {"a.json": FIRST, "b.gz": gzip.compress(FIRST), "empty": b""}
    objects |= {"x" * 300: FIRST, "long.json": FIRST + LONG_ROW}
    upload_partition("app_logs", objects)
    assert load_partition("app_logs").rows == len(objects) - 1
    assert listings == []
    monkeypatch.setattr(views, "_has_etags", lambda _: False)
    assert load_partition("app_logs").rows == len(objects) - 1
    assert len(listings) == 1


BLANK_LINES = [
    (FIRST + b"\n" + SECOND, 3),
    (FIRST + b"\n\n\n", 4),
    (b"\n" + FIRST + b" \t\n\r\n" + SECOND.rstrip(b"\n"), 5),
    (FIRST + b" ", 2),
    (b"\n \n", 2),
    (gzip.compress(FIRST + b"\n\r\n"), 3),
]


def test_blank_lines_count_for_objects_but_not_for_partitions(
    use_warehouse: Callable[..., None],
) -> None:
    expected = sorted((lines,) for _, lines in BLANK_LINES)
    for warehouse_name in WAREHOUSES:
        use_warehouse(warehouse_name)
        names = [
            f"{n}.gz" if c[:1] == b"\x1f" else f"{n}"
            for n, (c, _) in enumerate(BLANK_LINES)
        ]
        contents = [content for content, _ in BLANK_LINES]
        upload_partition("app_logs", dict(zip(names, contents, strict=True)))
        result = load_partition("app_logs")
        assert (result.lines, result.rows, result.rejects) == (7, 7, 0)
        assert sorted(read_rows("ops", "load_objects", ["lines"])) == expected


@pytest.mark.slow
def test_lines_of_split_objects_are_summed(use_warehouse: Callable[..., None]) -> None:
    use_warehouse("redshift")
    copies = (1 << 20) // len(FIRST) + 100
    upload_partition("app_logs", {"a.json": FIRST * copies + b"x\n", "b.json": FIRST})
    load_partition("app_logs")
    counts = read_rows("ops", "load_objects", ["lines", "rows_loaded", "rejects"])
    assert counts == sorted([(1, 1, 0), (copies + 1, copies, 1)], key=repr)


def test_statements_do_not_depend_on_the_number_of_objects(
    use_warehouse: Callable[..., None],
) -> None:
    use_warehouse("redshift")
    sent = []
    for number, objects in enumerate((4, 4, 120)):
        upload_partition(
            "app_logs",
            {
                f"{n:03}{suffix}": compress(
                    FIRST * (240 // objects) + (b"x\n" if n < 4 else b"")
                )
                for n in range(objects)
                for suffix, compress in [[(".gz", gzip.compress), ("", bytes)][n % 2]]
            },
            _day(number),
        )
        load_partitions("app_logs", [_day(number)])
        with warehouse.session() as connection:
            rows = connection.fetch_all(
                "-- tests.redshift.test_load_objects count statements\n"
                "select query_type, count(*) from sys_query_history "
                "where query_text like ? group by 1",
                ["-- loaders.%"],
            )
        sent.append(Counter(dict(rows)))
    before, few, many = sent
    assert many - few == few - before
    assert (few - before)["COPY"] == 3  # two compressions, and the listing
    assert (few - before).total() <= 40


def test_statements_that_differ_in_constants_are_read_once() -> None:
    values = "($1, json_parse($2)), ($3, json_parse($4))"
    texts = {
        sent_statements.normalised(
            f"-- loaders.x read {table}\n\ninsert into {table} values {rows}"
            f"-- from 's3://b/{table}' at '2026-11-24 10:00' \n"
        )
        for table, rows in (
            (f"copied_{'0a' * 16}", values),
            (f"copied_{'1b' * 16}", f"{values}, ($5, json_parse($6))"),
        )
    }
    assert texts == {
        "-- loaders.x read copied_ID\ninsert into copied_ID values "
        "($1, json_parse($2)), ...-- from 's3://URL' at 'TIME'"
    }
