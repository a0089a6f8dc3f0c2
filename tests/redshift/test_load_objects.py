"""Loads on Redshift: objects in all forms, refused lines, located rejects."""

import gzip
import json
import os
from collections import Counter
from collections.abc import Callable
from datetime import date, timedelta

import pytest

from loaders import s3
from loaders.config import settings
from loaders.errors import ConfigError, DataError, NightshiftError
from loaders.raw import object_lines
from loaders.raw.redshift import copy_objects
from tests.emulators.s3_faults import injected_faults
from tests.loaders.text_rules.case import record
from tests.loaders.text_rules.objects import (
    FIRST,
    READABLE_OBJECTS,
    SECOND,
    UNREADABLE_OBJECTS,
)
from tests.redshift.loading import (
    DATA_DATE,
    load_partition,
    load_partitions,
    read_rows,
    upload_partition,
)

LONG_ROW = b"x" * (5 << 20) + b"\n"
LOCATED = ["object_key", "line_number", "reason"]


def _day(number: int) -> date:
    return DATA_DATE - timedelta(days=number)


def test_objects_in_all_forms_are_read_whole(
    use_warehouse: Callable[..., None],
) -> None:
    use_warehouse("redshift")
    objects = [
        *READABLE_OBJECTS.values(),
        ("long.json", FIRST + LONG_ROW + SECOND, 2),
        ("long.json.gz", gzip.compress(LONG_ROW * 2 + FIRST + b"\xff\n\n" + SECOND), 2),
    ]
    for number, (name, content, _) in enumerate(objects):
        neighbour = {"neighbour.json": FIRST}
        upload_partition("app_logs", {name: content} | neighbour, _day(number))
    days = [_day(number) for number in range(len(objects))]
    results = load_partitions("app_logs", days)
    assert [result.rows - 1 for result in results] == [rows for _, _, rows in objects]
    assert [result.rejects for result in results] == [0] * (len(days) - 2) + [1, 3]
    numbers = read_rows("ops", "load_rejects", ["dt", "line_number", "reason"])
    assert numbers == sorted(
        [
            (days[-2], 2, "longer than 65,535 bytes"),
            (days[-1], 1, "longer than 65,535 bytes"),
            (days[-1], 2, "longer than 65,535 bytes"),
            (days[-1], 4, "not UTF-8"),
        ],
        key=repr,
    )
    counts = read_rows("ops", "load_objects", ["dt", "lines", "rows_loaded", "rejects"])
    assert (days[-1], 6, None, 3) in counts
    assert (days[-2], 3, 2, 1) in counts
    assert not list(s3.list_objects(settings.load().required_archive_url()))


def test_unreadable_objects_are_named(use_warehouse: Callable[..., None]) -> None:
    use_warehouse("redshift")
    for number, (name, content, cause) in enumerate(UNREADABLE_OBJECTS.values()):
        objects = {"b.json": FIRST, "b.json.gz": gzip.compress(FIRST), name: content}
        upload_partition("app_logs", objects, _day(number))
        with pytest.raises(DataError, match=rf"/{name} cannot be read: .*{cause}"):
            load_partitions("app_logs", [_day(number)])
    assert read_rows("ops", "loads", ["load_id"]) == []


@pytest.mark.parametrize(
    ("code", "family", "words"),
    [
        ("AccessDenied", ConfigError, "Grant s3:GetObject on .*/b.json"),
        ("InvalidObjectState", DataError, "Restore the object"),
        ("KMS.DisabledException", ConfigError, "Enable the key"),
    ],
)
def test_object_that_s3_does_not_deliver_is_named(
    use_warehouse: Callable[..., None],
    code: str,
    family: type[NightshiftError],
    words: str,
) -> None:
    use_warehouse("redshift")
    upload_partition("app_logs", {"a.json": FIRST, "b.json": SECOND})
    fault = {"operation": "GetObject", "key": "b.json", "code": code, "status": 403}
    with (
        injected_faults(os.environ, {"times": 0, **fault}),
        pytest.raises(family, match=words) as raised,
    ):
        load_partition("app_logs")
    assert raised.value.object_url.endswith("/b.json")


def test_too_many_refused_lines_fail_the_load(
    use_warehouse: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    use_warehouse("redshift")
    monkeypatch.setattr(copy_objects, "MAXERROR", 5)
    lines = FIRST * 20 + b"\xff\n" * 6
    upload_partition("app_logs", {"a.json": FIRST, "b.json": lines})
    with pytest.raises(DataError, match=r"COPY refused 5 lines of .*b\.json"):
        load_partition("app_logs")


def test_refused_lines_of_objects_with_long_keys_are_located(
    use_warehouse: Callable[..., None],
) -> None:
    use_warehouse("redshift")
    names = ["x" * 300 + "1", "x" * 300 + "2", "é" * 150, "short"]
    upload_partition("app_logs", {name: FIRST + b"\xff\n" for name in names})
    assert load_partition("app_logs").rows == len(names)
    rejects = read_rows("ops", "load_rejects", LOCATED)
    assert [(key.rpartition("/")[2], *rest) for key, *rest in rejects] == [
        (name, 2, "not UTF-8") for name in sorted(names)
    ]


def test_rejects_are_located_as_a_multiset(use_warehouse: Callable[..., None]) -> None:
    use_warehouse("redshift")
    objects = {
        "a.json": FIRST + b"x\r\n\n" + FIRST + b"x",
        "b.json.gz": gzip.compress(b"\xef\xbb\xbfx\n" + FIRST + b'{"a":1,"a":2}'),
        "c.json": FIRST,
    }
    upload_partition("app_logs", objects)
    assert load_partition("app_logs").rejects == 4
    rejects = read_rows("ops", "load_rejects", LOCATED)
    assert [(key.rpartition("/")[2], *rest) for key, *rest in rejects] == [
        ("a.json", 2, "not a JSON object"),
        ("a.json", 5, "not a JSON object"),
        ("b.json.gz", 1, "not a JSON object"),
        ("b.json.gz", 3, "key given twice"),
    ]
    raw_url = settings.load().required_raw_url()
    places = object_lines.locate(
        s3.list_partition(raw_url, "app_logs", DATA_DATE).objects,
        Counter({"x": 3}),
        key=object_lines.ledger_text,
    )
    assert [number for _, number in places["x"]] == [2, 5, 1]


def test_rejects_of_large_partitions_are_not_located(
    use_warehouse: Callable[..., None],
) -> None:
    use_warehouse("redshift", NIGHTSHIFT_LOCATE_REJECTS_MAX_GIB="0.0000001")
    upload_partition("app_logs", {"a.json": FIRST * 3 + b"x\n"})
    result = load_partition("app_logs")
    assert (result.rows, result.rejects) == (3, 1)
    rejects = read_rows("ops", "load_rejects", LOCATED)
    assert rejects == [(None, None, "not a JSON object")]
    counts = ["lines", "rows_loaded", "rejects"]
    assert read_rows("ops", "load_objects", counts) == [(4, None, None)]


def test_load_stops_at_too_many_rejects_and_names_examples(
    use_warehouse: Callable[..., None],
) -> None:
    use_warehouse("redshift")
    upload_partition("app_logs", {"a.json": FIRST * 900, "b.json": b"x\n" * 100})
    message = r"11 of 1,000 lines rejected .*not a JSON object \(11\)\. First rejects: "
    with pytest.raises(DataError, match=message + r"\S*/b\.json line 1: not a JSON"):
        load_partition("app_logs", max_reject_ratio=0.01)


def test_many_unusual_lines_are_loaded_with_their_values(
    use_warehouse: Callable[..., None],
) -> None:
    use_warehouse("redshift")
    texts = ["\\N", "", 'quote " and \\ ', "\U0001f600 \u00e9", "line\nend\ttab"]
    lines = [
        record(
            "app_logs",
            ts='"0001-01-01T00:00:00.000001Z"',
            event_id=f'"{number}"',
            event=json.dumps(texts[number % len(texts)]),
            attributes='{"a":[1e3,null,{"b":"\\u0001"}]}',
            new_key="[true]",
        )
        for number in range(200)
    ]
    rejects = [f"reject {number}\\N" for number in range(100)] + ["\\N"]
    upload_partition("app_logs", {"a.json": "\n".join([*lines, *rejects]).encode()})
    result = load_partition("app_logs")
    assert (result.rows, result.rejects) == (200, 101)
    columns = ["event", "ts", "user_id", "attributes", "extra"]
    rows = read_rows("staging", "raw_app_logs", columns)
    assert Counter(row[0] for row in rows) == dict.fromkeys(texts, 40)
    assert {str(row[1]) for row in rows} == {"0001-01-01 00:00:00.000001"}
    assert {row[2] for row in rows} == {5}
    assert all(row[3] == {"a": [1000, None, {"b": "\u0001"}]} for row in rows)
    assert all(row[4] == {"new_key": [True]} for row in rows)
    assert sorted(line for (line,) in read_rows("ops", "load_rejects", ["line"])) == (
        sorted(rejects)
    )
