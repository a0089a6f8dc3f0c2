"""Rows that SQL reads from ordinary lines equal those of the exact parser."""

import json
from pathlib import Path
from random import Random

import duckdb
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from loaders.raw.duckdb_records import UNPARSED, parse_statement
from loaders.raw.records import Record, RecordParser
from loaders.warehouse.declared_tables import Column, Table, raw_tables
from tests.emulators.sample.company import generate_company
from tests.emulators.sample.rates import clean_rates
from tests.emulators.sample.world import SOURCES, World
from tests.emulators.sample.write import build_sources
from tests.loaders.text_rules.case import record

JSON_SOURCES = ("app_logs", "metrics", "orgs")
TEXTS = ["a", "", "ü🙂", "a b", "it's", "{", "[1]", "null", "12", "NaN", ",}"]
# JSON values by type. The first of each list is ordinary.
VALUES = {
    "bigint": ["0", "1", "-12", "123456789012345678", "00", "-0", "1.0", '"7"', "1e2"],
    "boolean": ["true", "false", '"yes"', "1", "TRUE"],
    "timestamp": [
        *('"2026-11-24T10:00:00Z"', '"2026-02-29T10:00:00Z"', '"2024-02-29T00:00:00Z"'),
        *('"2026-11-24T23:59:59.123456Z"', '"2026-11-24T24:00:00Z"', '"2026-11-31"'),
        *('"2026-11-24T10:00:00+02:00"', '"0000-01-01T00:00:00Z"', "5", '"x"'),
    ],
    "varchar": [json.dumps(text, ensure_ascii=False) for text in TEXTS]
    + [r'"\u0041\n"', r'"\""', "5", "1.50", "true", '{"a": 1}', '["a"]'],
    "strings": ["[]", '["a"]', '["a", "b"]', '["a",1]', '[["a"]]', "{}", '"a"'],
    "object": [
        *("{}", '{"a": 1}', '{"a":1,"b": "x"}', '{"a": {"b": 1}}', '{"a": [1]}', "[]"),
        *('{"a": 1.50}', '{"a": 1e3}', '{"a": NaN}', '{"a": 1,}', '{"a": 9999999999}'),
        *('{"a": -0.0}', '{"a": null, "a": true}', '{"a": 12345678901234567890}'),
    ],
}


def _values_of_type(column: Column) -> list[str]:
    return VALUES[column.json_content or column.data_type.partition("(")[0]]


@st.composite
def _lines(draw: st.DrawFn, table: Table) -> str:
    """Draw a line in which most or all values are ordinary."""
    columns = draw(st.permutations(table.data_columns))
    # Sometimes a key is missing.
    columns = columns[: draw(st.integers(len(columns) - 1, len(columns)))]
    # A single random value leaves enough ordinary lines.
    random_position = draw(st.integers(0, len(columns)))
    pairs = []
    for position, column in enumerate(columns):
        values = _values_of_type(column)
        value = draw(st.sampled_from([*values, "null"]))
        pairs.append((column.name, value if position == random_position else values[0]))
    # A quarter of the lines has an unknown key or a key twice.
    if draw(st.booleans()) and draw(st.booleans()):
        pairs.append(draw(st.sampled_from([("other", "1"), pairs[0]])))
    comma, colon = draw(st.sampled_from([(", ", ": "), (",", ":"), (" , ", ":  ")]))
    return "{" + comma.join(f'"{name}"{colon}{value}' for name, value in pairs) + "}"


def _compare(table: Table, lines: list[str], folder: Path) -> int:
    """Compare the rows that SQL reads with the parser; return their number."""
    path = folder / "lines"
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    names = [column.name for column in table.data_columns]
    columns = ", ".join(f'"{name}"' for name in names)
    with duckdb.connect() as connection:
        connection.execute("set timezone = 'UTC'")
        connection.execute(parse_statement(table, [path]))
        parsed = connection.execute(
            f"select reason, line, {columns} from parsed order by rowid"
        ).fetchall()
    parser = RecordParser(table)
    json_names = {column.name for column in table.data_columns if column.json_content}
    for line, (reason, unparsed, *values) in zip(lines, parsed, strict=True):
        if reason is not None:
            assert (reason, unparsed) == (UNPARSED, line)
            continue
        record = parser.parse(line.encode())
        assert isinstance(record, Record), line
        assert record.extra is None, line
        row = {
            name: json.loads(value) if value and name in json_names else value
            for name, value in zip(names, values, strict=True)
        }
        assert row == record.values, line
    return sum(reason is None for reason, *_ in parsed)


@pytest.mark.parametrize("source", JSON_SOURCES)
def test_sql_reads_the_same_rows_from_ordinary_lines(
    source: str, tmp_path: Path
) -> None:
    table = raw_tables()[source]
    read = 0

    @settings(
        max_examples=25,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )
    @given(lines=st.lists(_lines(table), min_size=20, max_size=60))
    def compare(lines: list[str]) -> None:
        nonlocal read
        read += _compare(table, lines, tmp_path)

    compare()
    assert read


@pytest.mark.parametrize("source", SOURCES)
def test_sql_reads_nearly_all_clean_lines(source: str, tmp_path: Path) -> None:
    world = World(orgs=40, days=3, seed=3, rates=clean_rates())
    (sample,) = (
        sample
        for sample in build_sources(world, generate_company(world))
        if sample.name == source
    )
    lines = [
        sample.format_line(record.values, None, Random(number)).decode()
        for number, record in enumerate(sample.records(1))
    ]
    assert _compare(raw_tables()[source], lines, tmp_path) >= 0.8 * len(lines)


@pytest.mark.parametrize(
    "timestamp",
    ["2026-11-24T10:00:00Z", "2026-11-24 10:00:00", "2024-02-29T23:59:59.123456+05:30"],
)
def test_usual_timestamps_are_ordinary(timestamp: str, tmp_path: Path) -> None:
    line = record("app_logs", ts=f'"{timestamp}"')
    assert _compare(raw_tables()["app_logs"], [line], tmp_path) == 1
