"""The parser of raw lines holds the text rules, and agrees with the reference."""

from datetime import date
from random import Random
from typing import Any

import pytest

from loaders.raw.records import Record, RecordParser, Reject
from loaders.warehouse.declared_tables import raw_tables
from tests.emulators.sample.company import generate_company
from tests.emulators.sample.stream import Source
from tests.emulators.sample.world import SOURCES, World
from tests.emulators.sample.write import build_sources
from tests.loaders.text_rules import Case, cases
from tests.reference.business import OPTIONAL_METRICS, REQUIRED_METRICS
from tests.reference.parsing import parse_line, physical_lines
from tests.reference.records import RecordLocation, RejectedError

LOCATION = RecordLocation(date(2026, 11, 24), "object", 1)
# Columns that the reference implementation reads, and its own names for some of them.
COLUMNS = {
    "orgs": ("org_id", "org_name", "trial_started_at", "is_internal", "updated_at"),
    "metrics": ("sampled_at", "org_id", *REQUIRED_METRICS, *OPTIONAL_METRICS),
    "app_logs": ("ts", "event_id", "org_id", "user_id", "level"),
    "web_logs": ("requested_at", "client_address", "user_id", "request", "user_agent"),
}
REFERENCE_FIELDS = {"sampled_at": "at", "ts": "at", "requested_at": "at"}


@pytest.mark.parametrize("case", cases(), ids=lambda case: case.name)
def test_line_becomes_the_expected_row_or_reject(case: Case) -> None:
    result = RecordParser(raw_tables()[case.source]).parse(case.line)
    if case.reason:
        assert isinstance(result, Reject)
        assert result.reason == case.reason
    elif case.row:
        assert isinstance(result, Record)
        values = result.values | {"extra": result.extra}
        assert {name: values[name] for name in case.row} == case.row
    else:
        assert result is None


@pytest.mark.parametrize("source", SOURCES)
def test_reference_parses_every_case_alike(source: str) -> None:
    lines = [case.line for case in cases() if case.source == source]
    assert _count_rejects(source, lines) == sum(
        bool(case.reason) for case in cases() if case.source == source
    )


@pytest.fixture(scope="module")
def sample_records() -> dict[str, tuple[Source, list[Any]]]:
    """Return each sample source with up to 200 records of one day."""
    world = World(orgs=40, days=3, seed=3)
    return {
        source.name: (source, [record.values for record in source.records(1)][:200])
        for source in build_sources(world, generate_company(world))
    }


@pytest.mark.parametrize("source", SOURCES)
def test_valid_lines_are_rows_with_the_same_values(
    source: str, sample_records: dict[str, tuple[Source, list[Any]]]
) -> None:
    sample, records = sample_records[source]
    lines = [
        sample.format_line(record, kind, Random(number))
        for kind in (None, *sample.variant_kinds)
        for number, record in enumerate(records)
    ]
    assert _count_rejects(source, lines) == 0


@pytest.mark.parametrize("source", SOURCES)
def test_invalid_lines_are_rejected(
    source: str, sample_records: dict[str, tuple[Source, list[Any]]]
) -> None:
    sample, records = sample_records[source]
    lines = [
        sample.corrupt_line(record, kind, Random(number))
        for kind in sample.reject_kinds
        for number, record in enumerate(records)
    ]
    assert _count_rejects(source, lines) == len(lines)


def _count_rejects(source: str, lines: list[bytes]) -> int:
    """Compare every line with the reference implementation; count the rejects."""
    parser = RecordParser(raw_tables()[source])
    rejects = 0
    for line in lines:
        result = parser.parse(line)
        if result is None:
            assert not list(physical_lines(line)), line[:300]
            continue
        try:
            expected = parse_line(source, line, LOCATION)
        except RejectedError:
            assert isinstance(result, Reject), line[:300]
            rejects += 1
            continue
        assert isinstance(result, Record), (line[:300], result)
        fields = expected._asdict()
        fields |= fields.get("counts", {})
        for name in COLUMNS[source]:
            value = fields[REFERENCE_FIELDS.get(name, name)]
            assert result.values[name] == value, (line[:300], name)
    return rejects
