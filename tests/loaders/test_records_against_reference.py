"""DuckDB loads and rejects the same records as the reference implementation."""

from collections.abc import Iterable
from datetime import date
from pathlib import Path
from random import Random
from typing import Any

import duckdb
import pytest

from loaders.raw import duckdb_records
from loaders.warehouse.declared_tables import raw_tables
from tests.emulators.sample.company import generate_company
from tests.emulators.sample.stream import Source
from tests.emulators.sample.world import SOURCES, World
from tests.emulators.sample.write import build_sources
from tests.reference.parsing import parse_line
from tests.reference.records import Record, RecordLocation, RejectedError
from tests.reference.tests import raw_records

LOCATION = RecordLocation(date(2026, 11, 24), "object", 1)
AT = "2026-11-24T10:00:00Z"
TIMESTAMPS = (
    *("2026-11-24", "20261124", "2026-11-24T10", "20261124 10", "2026-11-24 10:05"),
    *("20261124T1005", "20261124t100509z", "2026-11-24T10:05:09,25", " 2026-11-24 "),
    *("2026-11-24T10:00:00+14:00", "2026-11-24T10:00:00-1459", "20261124T10-05:30"),
    *("2026-11-24 10:00:00 +0200", "2026-11-24T10:00 Z", "20261124T100000.5  -03"),
    *("2026-11-30T24:00:00Z", "20261130T24", "2026-11-24T24:00:00.000+01"),
    *("2026-11-24T10:00:00.1234567Z", "2024-02-29T00:00:00Z", "0001-01-01"),
)
INVALID_TIMESTAMPS = (
    *("2026-11-24T10:00:00+99:99", "2026-11-24T10:00:00+15:00", "20261124T10-24"),
    *("2026-11-24T10:00:00+10:60", "2026-11-24T10:00:00+1", "2026-11-24T10:00:00+"),
    *("2026-11-24T100000Z", "20261124T10:00:00Z", "2026-1124", "202611-24", "2026-11"),
    *("2026-11-24T10:0000", "20261124T1000:00", "2026-11-24T10:00:00.Z", "2026-11-24Z"),
    *("2026-11-31", "2026-02-29T00:00:00Z", "2026-13-01", "2026-00-10", "0000-01-01"),
    *("2026-11-24T24:00:01Z", "2026-11-24T25:00", "2026-11-24T10:60", "10:00:00"),
    *("2026-11-24T10:00:61Z", "2026-11-24  10:00:00", "\t2026-11-24", "2026-11-24\n"),
    *("2026-W48-2", "2026-328", "1764000000", "now", "", " ", "٢٠٢٦-11-24"),
)
NUMBERS = (12, "12", " 12 ", "+12", "-3", "007", "-0", str(2**63 - 1), -(2**63))
INVALID_NUMBERS = (
    *("\t12", "12\n", "1 2", "+ 1", "--1", "+", "", " ", "1e3", "1.0", 1.5, True, "٣"),
    *(2**63, str(2**63), "9" * 40, [1], {"a": 1}, "0x1f", '"1"'),
)
BOOLEANS = (True, "true", "T", "Yes", "1", 1, " y ", False, "f", "NO", "0", 0)
INVALID_BOOLEANS = ("\ttrue", "maybe", "", 2, "on", [], "true\n")
LOG_TIMESTAMP = "24/Nov/2026:10:00:00 +0000"
COLUMNS = {
    "orgs": ("org_id", "org_name", "trial_started_at", "is_internal", "updated_at"),
    "metrics": ("sampled_at", "org_id", "hosts", "dashboards", "metrics"),
    "app_logs": ("ts", "event_id", "org_id", "user_id", "level"),
    "web_logs": ("requested_at", "client_address", "user_id", "request", "user_agent"),
}
REFERENCE_FIELDS = {"sampled_at": "at", "ts": "at", "requested_at": "at"}


@pytest.fixture(scope="module")
def sample_records() -> dict[str, tuple[Source, list[Any]]]:
    """Return each sample source with up to 200 records of one day."""
    world = World(orgs=40, days=3, seed=3)
    return {
        source.name: (source, [record.values for record in source.records(1)][:200])
        for source in build_sources(world, generate_company(world))
    }


def _parse_with_duckdb(
    source: str, lines: Iterable[bytes], folder: Path
) -> list[tuple[str | None, tuple[object, ...]]]:
    """Return the reject reason and the column values of each line."""
    path = folder / "lines"
    path.write_bytes(b"".join(line + b"\n" for line in lines))
    with duckdb.connect() as connection:
        connection.execute("set timezone = 'UTC'")
        for statement in duckdb_records.parse_statements(raw_tables()[source], [path]):
            connection.execute(statement)
        columns = ", ".join(COLUMNS[source])
        rows = connection.execute(
            f"select reason, {columns} from parsed order by rowid"
        ).fetchall()
    return [(row[0], tuple(row[1:])) for row in rows]


def _is_utf8(line: bytes) -> bool:
    """Return whether SQL validates the line; `spool` marks all others as invalid."""
    try:
        line.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _parse_with_reference(source: str, line: bytes) -> Record | None:
    try:
        return parse_line(source, line, LOCATION)
    except RejectedError:
        return None


def _count_rejects(source: str, lines: list[bytes], folder: Path) -> int:
    """Compare every line with the reference implementation; count the rejects."""
    parsed = _parse_with_duckdb(source, lines, folder)
    assert len(parsed) == len(lines)
    rejects = 0
    for line, (reason, values) in zip(lines, parsed, strict=True):
        row = _parse_with_reference(source, line)
        assert (row is None) == (reason is not None), (line[:300], reason)
        if row is None:
            rejects += 1
            continue
        expected = tuple(
            getattr(row, REFERENCE_FIELDS.get(name, name)) for name in COLUMNS[source]
        )
        assert values == expected, line[:300]
    return rejects


@pytest.mark.parametrize("source", SOURCES)
def test_valid_lines_are_rows_with_the_same_values(
    source: str, sample_records: dict[str, tuple[Source, list[Any]]], tmp_path: Path
) -> None:
    sample, records = sample_records[source]
    lines = [
        sample.format_line(record, kind, Random(number))
        for kind in (None, *sample.variant_kinds)
        for number, record in enumerate(records)
    ]
    assert _count_rejects(source, lines, tmp_path) == 0


@pytest.mark.parametrize("source", SOURCES)
def test_invalid_lines_are_rejected(
    source: str, sample_records: dict[str, tuple[Source, list[Any]]], tmp_path: Path
) -> None:
    sample, records = sample_records[source]
    lines = [
        line
        for kind in sample.reject_kinds
        for number, record in enumerate(records)
        if _is_utf8(line := sample.corrupt_line(record, kind, Random(number)))
    ]
    assert _count_rejects(source, lines, tmp_path) == len(lines)


def test_only_strict_json_is_accepted(tmp_path: Path) -> None:
    valid = [
        raw_records.event("e", AT, event="a, ] b ,} c: NaN [inf] , -Infinity"),
        raw_records.event("e", AT, attributes={"list": [1, -2.5e3, None], "k": {}}),
        raw_records.event("e", AT, **{'odd "key" ,}': "\\", "empty": ""}),
        raw_records.event("e", AT, event='"', path="\\"),
        f"  {raw_records.event('e', AT)}\t",
    ]
    plain = raw_records.event("e", AT)
    invalid = [
        plain[:-1] + ending
        for ending in (
            *(",}", ", }", ',"a":[1,]}', ',"a":[1 ,\t]}', ',"a":{"b":1,}}'),
            *(',"a":NaN}', ',"a": -Infinity}', ',"a":[nan]}', ',"a":[1, inf]}'),
            *(',"a":01}', ',"a":.5}', ",'a':1}", ',"a":1}}', ',"a"}', ""),
        )
    ]
    lines = [line.encode() for line in (*valid, *invalid)]
    assert _count_rejects("app_logs", lines, tmp_path) == len(invalid)


def _events_at(timestamps: Iterable[str]) -> list[bytes]:
    return [raw_records.event("e", timestamp).encode() for timestamp in timestamps]


def test_timestamps_have_a_consistent_format_and_a_valid_offset(tmp_path: Path) -> None:
    assert _count_rejects("app_logs", _events_at(TIMESTAMPS), tmp_path) == 0
    invalid = _events_at(INVALID_TIMESTAMPS)
    assert _count_rejects("app_logs", invalid, tmp_path) == len(invalid)


def test_numbers_and_booleans_may_have_only_spaces_around_them(
    tmp_path: Path,
) -> None:
    valid = [raw_records.event("e", AT, user_id=number) for number in NUMBERS]
    valid.append(raw_records.event("e", AT, user_id="@").replace("@", "\\u0031\\u0032"))
    invalid = [raw_records.event("e", AT, user_id=number) for number in INVALID_NUMBERS]
    lines = [line.encode() for line in (*valid, *invalid)]
    assert _count_rejects("app_logs", lines, tmp_path) == len(invalid)
    booleans = [
        raw_records.org(1, is_internal=value).encode()
        for value in (*BOOLEANS, *INVALID_BOOLEANS)
    ]
    assert _count_rejects("orgs", booleans, tmp_path) == len(INVALID_BOOLEANS)


def test_log_timestamps_have_the_format_of_web_servers(tmp_path: Path) -> None:
    valid = [LOG_TIMESTAMP, "01/Jan/2024:00:00:00 -1430", "29/Feb/2024:23:59:59 +1400"]
    without_offset = LOG_TIMESTAMP[:-6]
    invalid = ["1/Nov/2026:10:00:00 +0000", "01/nov/2026:10:00:00 +0000"]
    invalid += ["", f" {LOG_TIMESTAMP}", without_offset]
    invalid += [
        f"{without_offset} {offset}"
        for offset in ("+9999", "+1500", "+00:00", "+00", "Z")
    ]
    invalid += ["24/Nov/2026:1:00:00 +0000", "31/Nov/2026:10:00:00 +0000"]
    invalid += ["24/Nov/2026:24:00:00 +0000", "24/Xyz/2026:10:00:00 +0000"]
    lines = [raw_records.request(text).encode() for text in (*valid, *invalid)]
    assert _count_rejects("web_logs", lines, tmp_path) == len(invalid)


def test_requests_with_numbers_out_of_range_are_rejected(tmp_path: Path) -> None:
    valid = [
        raw_records.request(
            LOG_TIMESTAMP, size=str(2**63 - 1), authuser=str(2**63 - 1)
        ),
        raw_records.request(LOG_TIMESTAMP, authuser="007"),
        raw_records.request(LOG_TIMESTAMP, request="", agent=""),
    ]
    invalid = [
        raw_records.request(LOG_TIMESTAMP, authuser=str(2**63)),
        raw_records.request(LOG_TIMESTAMP, size=str(2**63)),
        raw_records.request(LOG_TIMESTAMP, size="1.5"),
    ]
    lines = [line.encode() for line in (*valid, *invalid)]
    assert _count_rejects("web_logs", lines, tmp_path) == len(invalid)
