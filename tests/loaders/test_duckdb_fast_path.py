"""Lines read at one go become what they become when they are judged key by key."""

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
from tests.emulators.sample.company import found_company
from tests.emulators.sample.rates import clean
from tests.emulators.sample.world import World
from tests.emulators.sample.write import sources

JSON_SOURCES = ("app_logs", "metrics", "orgs")
NO_LINE = "\x01"
TEXTS = ["a", "", "ü🙂", "a b", "it's", "{", "[1]", "null", "12", "NaN", ",}"]
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


def _values(column: Column) -> st.SearchStrategy[str]:
    kind = column.holds or column.data_type.partition("(")[0]
    return st.sampled_from([*VALUES[kind], "null"])


@st.composite
def _lines(draw: st.DrawFn, table: Table) -> str:
    columns = draw(st.permutations(table.keys))
    kept = draw(st.integers(len(columns) - 1, len(columns)))
    pairs = [(column.name, draw(_values(column))) for column in columns[:kept]]
    # Nearly all plain, or no line would be: one value is drawn from all, the rest
    # are the first of their kind.
    odd = draw(st.integers(0, kept))
    pairs = [
        (name, value if place == odd else _first(table, name))
        for place, (name, value) in enumerate(pairs)
    ]
    if draw(st.booleans()) and draw(st.booleans()):
        pairs.append(draw(st.sampled_from([("other", "1"), pairs[0]])))
    comma, colon = draw(st.sampled_from([(", ", ": "), (",", ":"), (" , ", ":  ")]))
    return "{" + comma.join(f'"{name}"{colon}{value}' for name, value in pairs) + "}"


def _first(table: Table, name: str) -> str:
    (column,) = (one for one in table.keys if one.name == name)
    return VALUES[column.holds or column.data_type.partition("(")[0]][0]


def _parsed(table: Table, lines: list[str], folder: Path) -> list[tuple[Any, ...]]:
    path = folder / "lines"
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    with duckdb.connect() as engine:
        engine.execute("set timezone = 'UTC'")
        engine.execute(duckdb_records.parse_statement(table, [path]))
        query = "select * exclude (object_number) from parsed order by rowid"
        return engine.execute(query).fetchall()


@pytest.mark.parametrize("source", JSON_SOURCES)
def test_a_plain_line_is_what_its_keys_are_one_by_one(
    source: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = raw_tables()[source]

    @settings(
        max_examples=25,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )
    @given(lines=st.lists(_lines(table), min_size=20, max_size=60))
    def holds(lines: list[str]) -> None:
        at_one_go = _parsed(table, lines, tmp_path)
        with monkeypatch.context() as patch:
            patch.setattr(duckdb_fast_path, "pattern", lambda _: NO_LINE)
            assert at_one_go == _parsed(table, lines, tmp_path)

    holds()


@pytest.mark.parametrize("source", JSON_SOURCES)
def test_most_lines_of_a_clean_night_are_plain(source: str) -> None:
    world = World(orgs=40, days=3, seed=3, rates=clean())
    (speaker,) = (
        one for one in sources(world, found_company(world)) if one.name == source
    )
    pattern = re.compile(duckdb_fast_path.pattern(raw_tables()[source]))
    spoken = [
        speaker.spell(record.values, None, Random(number)).decode()
        for number, record in enumerate(speaker.records(1))
    ]
    plain = sum(pattern.fullmatch(line) is not None for line in spoken)
    assert plain >= 0.8 * len(spoken)
