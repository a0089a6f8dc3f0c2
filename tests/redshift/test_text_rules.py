"""Loads on Redshift follow the text rules: the table of cases, all in few loads."""

import json
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from random import Random
from typing import Any

import pytest

from loaders import warehouse
from loaders.raw.redshift import parse_sql
from loaders.warehouse import declared_tables
from loaders.warehouse.declared_tables import raw_tables
from tests.emulators.sample.company import generate_company
from tests.emulators.sample.world import SOURCES, World
from tests.emulators.sample.write import build_sources
from tests.loaders.text_rules import cases
from tests.loaders.text_rules.expected import ExpectedLoad, comparable, expected_load
from tests.redshift.loading import (
    DATA_DATE,
    load_partitions,
    upload_partition,
)

COPY_ROW_BYTES = 4_000_000
SEED = 7
DAMAGED_LINES = 1500
PIECES = (
    *(
        b"",
        b"",
        b" ",
        b"\t",
        b"\r",
        b"\0",
        b"\x1f",
        b"\xff",
        b"\xc2\xa0",
        b"\xef\xbb\xbf",
    ),
    *(
        b"0",
        b"-",
        b"-0",
        b"1e3",
        b".5",
        b"9" * 19,
        b"+",
        b"T",
        b"Z",
        b"+14:00",
        b":",
        b"24",
    ),
    *(
        b'"',
        b"\\",
        b"\\u0041",
        b"\\u0000",
        b"\\ud800",
        b"\\ud83d\\ude00",
        b"{",
        b"}",
        b"[",
    ),
    *(b"]", b",", b"null", b"true", b'"org_id":1,', b'"x":1.5,', b'"x":{"org_id":1},'),
    *(
        b'"user_id":"7",',
        b'"or\\u0067_id":1,',
        b" - ",
        b'\\"',
        b"[",
        b"/",
        "\u00e9".encode(),
    ),
)
DAY_BEFORE = DATA_DATE - timedelta(days=1)


def _partitions(source: str) -> dict[date, list[bytes]]:
    """Return the lines of all cases; those that fail a whole COPY have a day."""
    partitions: dict[date, list[bytes]] = {DATA_DATE: [], DAY_BEFORE: []}
    for case in cases():
        if case.source == source:
            is_too_long = len(case.line) > COPY_ROW_BYTES
            partitions[DAY_BEFORE if is_too_long else DATA_DATE].append(case.line)
    return partitions


@pytest.mark.parametrize("source", SOURCES)
def test_lines_become_the_expected_rows_and_rejects(
    use_warehouse: Callable[..., None], source: str
) -> None:
    use_warehouse("redshift")
    _load_and_compare(source, _partitions(source))


@pytest.mark.slow
@pytest.mark.parametrize("source", SOURCES)
def test_damaged_lines_become_the_expected_rows_and_rejects(
    use_warehouse: Callable[..., None], source: str
) -> None:
    use_warehouse("redshift")
    random = Random(SEED)
    lines = [*_sample_lines(source), *ORDINARY[source]]
    damaged = [_damaged(random.choice(lines), random) for _ in range(DAMAGED_LINES)]
    _load_and_compare(source, {DATA_DATE: [*damaged, *lines]})


def _damaged(line: bytes, random: Random) -> bytes:
    """Insert, replace or remove a few pieces of a line."""
    for _ in range(random.choice((1, 1, 1, 2, 3))):
        start = random.randrange(len(line) + 1)
        end = min(len(line), start + random.choice((0, 0, 1, 1, 2, 8)))
        line = line[:start] + random.choice(PIECES) + line[end:]
    return line.replace(b"\n", b"")


def _load_and_compare(source: str, partitions: dict[date, list[bytes]]) -> None:
    for dt, lines in partitions.items():
        upload_partition(source, {"part-0.json": b"\n".join(lines)}, dt)
    results = load_partitions(source, list(partitions))
    table = raw_tables()[source]
    for dt, result in zip(partitions, results, strict=True):
        expected = expected_load(source, partitions[dt])
        assert (result.lines, result.rows, result.rejects) == (
            expected.lines,
            expected.rows.total(),
            len(expected.rejects),
        )
        assert _read_rows(table.name, dt, expected) == expected.rows
        assert _read_rejects(source, dt) == {
            number: (reason, line)
            for number, (reason, line) in expected.rejects.items()
        }


def _read_rows(name: str, dt: date, expected: ExpectedLoad) -> Counter[object]:
    rows = _read("staging", name, expected.columns, dt)
    json_columns = declared_tables.json_columns(name)
    return Counter(
        tuple(
            comparable(json.loads(value) if column in json_columns and value else value)
            for column, value in zip(expected.columns, row, strict=True)
        )
        for row in rows
    )


def _read_rejects(source: str, dt: date) -> dict[int, tuple[str, str]]:
    columns = ["source", "line_number", "reason", "line"]
    return {
        number: (reason, line)
        for name, number, reason, line in _read("ops", "load_rejects", columns, dt)
        if name == source
    }


def _read(
    schema: str, table: str, columns: list[str], dt: date
) -> list[tuple[Any, ...]]:
    names = ", ".join(warehouse.identifier(name) for name in columns)
    with warehouse.session() as connection:
        return connection.fetch_all(
            f"-- tests.redshift.test_text_rules read {table}\n"
            f"select {names} from {connection.table(schema, table)} where dt = ?",
            [dt],
        )


def _sample_lines(source: str) -> Iterator[bytes]:
    world = World(orgs=20, days=2, seed=3)
    sources = {
        found.name: found for found in build_sources(world, generate_company(world))
    }
    for record in sources[source].records(1):
        line = sources[source].format_line(record.values, None, Random(1))
        # The emulator's class of control characters contains U+0085.
        yield line.replace("\x85".encode(), b"")


ORDINARY = {
    "orgs": (
        b'{"org_id": "12", "org_name": "caf\\u00e9 \\u0026 \\n \\\\", "created_at": '
        b'"2024-02-29", "billing_plan_id": 1, "billing_plan_name": "Trial", '
        b'"is_internal": "Yes", "updated_at": "2026-11-01T10:00:00.123456789+05:30", '
        b'"tier": {"a": [1.5, null]}}',
    ),
    "metrics": (),
    "app_logs": (
        b'{"event_id": 12, "ts": "2026-11-01 10:00:00+00", "org_id": 1, "level": "", '
        b'"event": "\xc3\xa9", "attributes": {"p": 0.25, "q": -3, "r": {"s": []}}}\r',
    ),
    "web_logs": (
        b'::1 - - [29/Feb/2024:23:59:59 -0800] "GET /\\"q\\" HTTP/1.1" 200 - "-" '
        b'"\xc3\xa9"',
        b'10.0.0.1 - 007 [31/Dec/2026:00:00:00 +0000] "-" 408 0 "-" "-"',
    ),
}


@pytest.mark.parametrize("source", SOURCES)
def test_sql_parses_ordinary_lines(
    use_warehouse: Callable[..., None], source: str
) -> None:
    use_warehouse("redshift")
    lines = [*_sample_lines(source), *ORDINARY[source]]
    with warehouse.transaction() as connection:
        connection.execute(
            "-- tests.redshift.test_text_rules\n"
            "create temp table lines (dt date, line varchar(65535))"
        )
        connection.insert(
            "lines", ["dt", "line"], [(DATA_DATE, line.decode()) for line in lines]
        )
        table = raw_tables()[source]
        for statement in parse_sql.parse_statements(table, ["lines"]):
            connection.execute(statement)
        unparsed = connection.fetch_all(
            "-- tests.redshift.test_text_rules\n"
            "select line from parsed "
            f"where not ({parse_sql.is_parsed(table)})"
        )
    assert unparsed == []
