"""Single lines of each kind of dirt, as the reference implementation parses them."""

import json
from datetime import date
from random import Random
from typing import Any

import pytest

from tests.emulators.sample import json_lines
from tests.emulators.sample.app_logs import AppLogs
from tests.emulators.sample.company import generate_company
from tests.emulators.sample.metrics import Metrics
from tests.emulators.sample.orgs import Orgs
from tests.emulators.sample.stream import Source
from tests.emulators.sample.web_logs import WebLogs
from tests.emulators.sample.world import World
from tests.emulators.sample.write import build_sources
from tests.reference import records
from tests.reference.parsing import parse_line
from tests.reference.records import RecordLocation, RejectedError

SOURCE_TYPES: dict[str, type[Source]] = {
    source.name: source for source in (Orgs, Metrics, AppLogs, WebLogs)
}
REJECT_KINDS = [
    (name, kind)
    for name, source in SOURCE_TYPES.items()
    for kind in source.reject_kinds
]
VARIANT_KINDS = [
    (name, kind)
    for name, source in SOURCE_TYPES.items()
    for kind in source.variant_kinds
]
REFERENCE_CATEGORIES = {
    "not_json": records.NOT_JSON,
    "not_an_object": records.NOT_JSON,
    "missing_key": records.MISSING_KEY,
    "null_key": records.MISSING_KEY,
    "wrong_type": records.WRONG_TYPE,
    "not_utf8": records.NOT_UTF8,
    "nul_byte": records.CONTROL,
    "too_long": records.TOO_LONG,
    "not_combined": records.NOT_COMBINED,
    "bad_authuser": records.BAD_AUTHUSER,
    "bad_time": records.BAD_TIME,
}
LOCATION = RecordLocation(date(2026, 11, 24), "key", 1)
SampleValues = dict[str, tuple[Source, list[Any]]]


@pytest.fixture(scope="module")
def sample_values() -> SampleValues:
    """Return each source with the values of some of its records."""
    world = World(orgs=60, days=3, seed=8)
    return {
        source.name: (source, [record.values for record in source.records(1)][:40])
        for source in build_sources(world, generate_company(world))
    }


@pytest.mark.parametrize(("name", "kind"), REJECT_KINDS)
def test_corrupt_line_is_always_rejected(
    name: str, kind: str, sample_values: SampleValues
) -> None:
    source, values = sample_values[name]
    for number in range(400):
        line = source.corrupt_line(values[number % len(values)], kind, Random(number))
        assert b"\n" not in line
        with pytest.raises(RejectedError) as rejected:
            parse_line(name, line, LOCATION)
        assert rejected.value.category == REFERENCE_CATEGORIES[kind], line[:200]


# Keys that a line may lack; no mart depends on them but by ties of duplicates.
DROPPABLE = {name: set(keys.droppable) for name, keys in json_lines.KEYS.items()}


@pytest.mark.parametrize(("name", "kind"), VARIANT_KINDS)
def test_unusual_line_is_always_accepted(
    name: str, kind: str, sample_values: SampleValues
) -> None:
    source, values = sample_values[name]
    for number in range(300):
        record = values[number % len(values)]
        lines = [
            source.format_line(record, variant, Random(number))
            for variant in (None, kind)
        ]
        regular, unusual = (parse_line(name, line, LOCATION) for line in lines)
        if name == "web_logs":
            # The user agent or the request line differs.
            assert (unusual.at, unusual.user_id) == (regular.at, regular.user_id)
        else:
            read = set(regular._fields) - DROPPABLE[name]
            assert {key: getattr(unusual, key) for key in read} == {
                key: getattr(regular, key) for key in read
            }


def test_regular_line_is_plain_json(sample_values: SampleValues) -> None:
    source, values = sample_values["app_logs"]
    assert json.loads(source.format_line(values[0], None, Random(0))) == values[0]
