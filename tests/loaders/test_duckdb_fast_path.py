"""The fast path returns the same rows as the conversion of single keys."""

import json
import re
from pathlib import Path
from random import Random
from typing import Any

import duckdb
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from loaders.raw import duckdb_fast_path, duckdb_records
from loaders.warehouse.declared_tables import Column, Table, raw_tables
from tests.emulators.sample.company import generate_company
from tests.emulators.sample.rates import clean_rates
from tests.emulators.sample.world import World
from tests.emulators.sample.write import build_sources

JSON_SOURCES = ("app_logs", "metrics", "orgs")
MATCHES_NO_LINE = "\x01"
TEXTS = ["a", "", "ü🙂", "a b", "it's", "{", "[1]", "null", "12", "NaN", ",}"]
# JSON values by type. The first of each list takes the fast path.
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
    """Draw a line in which most or all values can take the fast path."""
    columns = draw(st.permutations(table.data_columns))
    # Sometimes a key is missing.
    columns = columns[: draw(st.integers(len(columns) - 1, len(columns)))]
    # A single random value leaves enough lines on the fast path.
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


def _parse(table: Table, lines: list[str], folder: Path) -> list[tuple[Any, ...]]:
    path = folder / "lines"
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    with duckdb.connect() as connection:
        connection.execute("set timezone = 'UTC'")
        for statement in duckdb_records.parse_statements(table, [path]):
            connection.execute(statement)
        query = "select * exclude (object_number) from parsed order by rowid"
        return connection.execute(query).fetchall()


@pytest.mark.parametrize("source", JSON_SOURCES)
def test_fast_path_returns_the_same_rows(
    source: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = raw_tables()[source]

    @settings(
        max_examples=25,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )
    @given(lines=st.lists(_lines(table), min_size=20, max_size=60))
    def compare(lines: list[str]) -> None:
        with_fast_path = _parse(table, lines, tmp_path)
        with monkeypatch.context() as patch:
            patch.setattr(duckdb_fast_path, "record_pattern", lambda _: MATCHES_NO_LINE)
            assert with_fast_path == _parse(table, lines, tmp_path)

    compare()


@pytest.mark.parametrize("source", JSON_SOURCES)
def test_most_clean_records_take_the_fast_path(source: str) -> None:
    world = World(orgs=40, days=3, seed=3, rates=clean_rates())
    (sample,) = (
        sample
        for sample in build_sources(world, generate_company(world))
        if sample.name == source
    )
    pattern = re.compile(duckdb_fast_path.record_pattern(raw_tables()[source]))
    lines = [
        sample.format_line(record.values, None, Random(number)).decode()
        for number, record in enumerate(sample.records(1))
    ]
    matches = sum(pattern.fullmatch(line) is not None for line in lines)
    assert matches >= 0.8 * len(lines)
