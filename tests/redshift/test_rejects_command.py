"""`nightshift rejects` lists rejects on both warehouses and locates them later."""

import gzip
import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from typer.testing import CliRunner

from loaders import s3, warehouse
from loaders.config import settings
from orchestrate.cli.main import app
from tests.loaders.text_rules.case import record
from tests.loaders.text_rules.objects import FIRST
from tests.redshift.loading import (
    DATA_DATE,
    WAREHOUSES,
    load_partition,
    load_partitions,
    read_rows,
    upload_partition,
)

EARLIER = DATA_DATE - timedelta(days=1)
PLACES = ["dt", "object_key", "line_number", "reason", "line"]
OBJECTS = ["dt", "object_key", "lines", "rejects"]
SMALL_BOUND = {"NIGHTSHIFT_LOCATE_REJECTS_MAX_GIB": "0.000000001"}
# Valid, and begins like a reject that is cut in the ledger.
LONG = record("app_logs", new_key='"' + "x" * 5_000 + '"').encode()
REJECTED_LONG = LONG.replace(b'xx"', b'xx\x01"')
PARTITION = {
    "a.json": FIRST + b"x\r\n\n" + LONG + b"\n" + REJECTED_LONG + b"\nx",
    "b.json.gz": gzip.compress(b"\xef\xbb\xbfx\n" + FIRST + b'{"a":1,"a":2}'),
    "c.json": FIRST + b"caf\xe9\n" + b"y" * 70_000 + b"\n",
    "d.json": b"[1]\n" + FIRST,
}


def _run(*arguments: str, code: int = 0) -> Any:  # noqa: ANN401 - JSON
    result = CliRunner().invoke(app, ["rejects", *arguments, "--json"])
    assert result.exit_code == code, result.output
    return json.loads(result.stdout)


def _load_both_days() -> None:
    upload_partition("app_logs", PARTITION)
    upload_partition("app_logs", {"a.json": FIRST + b"x\n"}, EARLIER)
    load_partitions("app_logs", [EARLIER, DATA_DATE])


def test_rejects_are_listed_alike_on_both_warehouses(
    use_warehouse: Callable[..., None],
) -> None:
    listings, texts = {}, {}
    for name in WAREHOUSES:
        use_warehouse(name)
        assert _run() == {"rejects": []}
        _load_both_days()
        listings[name] = _run()["rejects"]
        texts[name] = CliRunner().invoke(app, ["rejects"]).output
        assert _run("--source", "orgs") == {"rejects": []}
        of_day = _run("--source", "app_logs", "--date", str(EARLIER))["rejects"]
        assert [(group["reason"], group["rejects"]) for group in of_day] == [
            ("not a JSON object", 1)
        ]
        assert _run("locate")["loads"] == []
    assert listings["redshift"] == listings["duckdb"]
    assert texts["redshift"] == texts["duckdb"]
    first = listings["duckdb"][0]
    assert (first["reason"], first["rejects"]) == ("not a JSON object", 5)
    assert (first["first_date"], first["last_date"]) == (str(EARLIER), str(DATA_DATE))
    assert len(first["examples"]) == 3
    assert "app_logs: control character (1 on 2026-11-24)" in texts["duckdb"]
    assert "/dt=2026-11-24/a.json line 5" in texts["duckdb"]
    assert max(map(len, texts["duckdb"].splitlines())) < 200


def test_rejects_are_located_after_their_load(
    use_warehouse: Callable[..., None],
) -> None:
    use_warehouse("duckdb")
    _load_both_days()
    expected = read_rows("ops", "load_rejects", PLACES)
    objects = read_rows("ops", "load_objects", OBJECTS)
    use_warehouse("redshift", **SMALL_BOUND)
    _load_both_days()
    loaded = read_rows("ops", "load_objects", OBJECTS)
    assert {row[3] for row in loaded} == {None}
    listing = CliRunner().invoke(app, ["rejects", "--date", str(DATA_DATE)]).output
    command = f"nightshift rejects locate --date {DATA_DATE}"
    assert f"Find them:\n{command}\n" in listing
    (load,) = _run(*command.split()[2:])["loads"]
    assert (load["rejects"], load["located"], load["error"]) == (6, 6, "")
    (load,) = _run("locate")["loads"]
    assert (load["dt"], load["located"]) == (str(EARLIER), 1)
    assert _run("locate")["loads"] == []
    assert read_rows("ops", "load_rejects", PLACES) == expected
    assert read_rows("ops", "load_objects", OBJECTS) == objects
    rows = read_rows("ops", "load_objects", ["dt", "rows_loaded"])
    assert rows == [(EARLIER, 1), *[(DATA_DATE, None)] * 4]  # a line is blank


def test_changed_objects_are_named_and_others_are_located(
    use_warehouse: Callable[..., None],
) -> None:
    use_warehouse("redshift", **SMALL_BOUND)
    _load_both_days()
    url = settings.load().required_raw_url()
    s3.write(s3.partition_url(url, "app_logs", EARLIER) + "a.json", FIRST)
    loads = _run("locate", code=1)["loads"]
    assert [load["located"] for load in loads] == [0, 6]
    assert "/a.json" in loads[0]["error"] and "changed" in loads[0]["error"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--source", "nothing"], "no raw source 'nothing'. Use one of: orgs, "),
        (["locate", "--source", "nothing"], "no raw source 'nothing'"),
        (["--date", "2026-11-24", "locate"], "Write the options after `locate`"),
    ],
)
def test_wrong_arguments_are_explained(
    use_warehouse: Callable[..., None], arguments: list[str], words: str
) -> None:
    use_warehouse("duckdb")
    result = CliRunner().invoke(app, ["rejects", *arguments])
    assert words in str(result.exception)


def test_only_the_latest_load_counts(use_warehouse: Callable[..., None]) -> None:
    use_warehouse("duckdb")
    for content in (b"x\n", FIRST):
        upload_partition("app_logs", {"a.json": content})
        load_partition("app_logs")
    assert _run() == {"rejects": []}


def test_lines_that_copy_only_counted_are_not_looked_for(
    use_warehouse: Callable[..., None],
) -> None:
    use_warehouse("duckdb")
    upload_partition("app_logs", {"a.json": b"x\n" + FIRST})
    load_partition("app_logs")
    for reason, loads in (("refused by COPY: 1202", 0), ("not a JSON object", 1)):
        with warehouse.session() as connection:
            connection.execute(
                f"update {connection.table('ops', 'load_rejects')} "
                "set object_key = null, line_number = null, reason = ?",
                [reason],
            )
        assert [group["not_located"] for group in _run()["rejects"]] == [loads]
        assert len(_run("locate")["loads"]) == loads
