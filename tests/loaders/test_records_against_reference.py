"""The embedded engine's judgement of a line is the oracle's, for every kind of dirt."""

from collections.abc import Iterable
from datetime import date
from pathlib import Path
from random import Random
from typing import Any

import duckdb
import pytest

from loaders.raw import duckdb_records
from loaders.warehouse.declared_tables import raw_tables
from tests.emulators.sample.company import found_company
from tests.emulators.sample.stream import Source
from tests.emulators.sample.world import SOURCES, World
from tests.emulators.sample.write import sources
from tests.reference.parsing import parse_line
from tests.reference.records import Place, RejectedError, Row
from tests.reference.tests import given

PLACE = Place(date(2026, 11, 24), "object", 1)
AT = "2026-11-24T10:00:00Z"
MOMENTS = (
    *("2026-11-24", "20261124", "2026-11-24T10", "20261124 10", "2026-11-24 10:05"),
    *("20261124T1005", "20261124t100509z", "2026-11-24T10:05:09,25", " 2026-11-24 "),
    *("2026-11-24T10:00:00+14:00", "2026-11-24T10:00:00-1459", "20261124T10-05:30"),
    *("2026-11-24 10:00:00 +0200", "2026-11-24T10:00 Z", "20261124T100000.5  -03"),
    *("2026-11-30T24:00:00Z", "20261130T24", "2026-11-24T24:00:00.000+01"),
    *("2026-11-24T10:00:00.1234567Z", "2024-02-29T00:00:00Z", "0001-01-01"),
)
NO_MOMENTS = (
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
NO_NUMBERS = (
    *("\t12", "12\n", "1 2", "+ 1", "--1", "+", "", " ", "1e3", "1.0", 1.5, True, "٣"),
    *(2**63, str(2**63), "9" * 40, [1], {"a": 1}, "0x1f", '"1"'),
)
FLAGS = (True, "true", "T", "Yes", "1", 1, " y ", False, "f", "NO", "0", 0)
NO_FLAGS = ("\ttrue", "maybe", "", 2, "on", [], "true\n")
TIME = "24/Nov/2026:10:00:00 +0000"
COLUMNS = {
    "orgs": ("org_id", "org_name", "trial_started_at", "is_internal", "updated_at"),
    "metrics": ("sampled_at", "org_id", "hosts", "dashboards", "metrics"),
    "app_logs": ("ts", "event_id", "org_id", "user_id", "level"),
    "web_logs": ("requested_at", "client_address", "user_id", "request", "user_agent"),
}
FIELDS = {"sampled_at": "at", "ts": "at", "requested_at": "at"}


@pytest.fixture(scope="module")
def told() -> dict[str, tuple[Source, list[Any]]]:
    """Give each source and what it has to say of a night."""
    world = World(orgs=40, days=3, seed=3)
    return {
        source.name: (source, [record.values for record in source.records(1)][:200])
        for source in sources(world, found_company(world))
    }


def _engine(
    source: str, lines: Iterable[bytes], folder: Path
) -> list[tuple[str | None, tuple[object, ...]]]:
    """Return the reason and the values that the engine has for each line."""
    path = folder / "lines"
    path.write_bytes(b"".join(line + b"\n" for line in lines))
    with duckdb.connect() as engine:
        engine.execute("set timezone = 'UTC'")
        statement = duckdb_records.parse_statement(raw_tables()[source], [path])
        engine.execute(statement)
        columns = ", ".join(COLUMNS[source])
        rows = engine.execute(
            f"select reason, {columns} from parsed order by rowid"
        ).fetchall()
    return [(row[0], tuple(row[1:])) for row in rows]


def _is_text(line: bytes) -> bool:
    """Say whether the spool would leave the line to the engine's judgement."""
    try:
        line.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _oracle(source: str, line: bytes) -> Row | None:
    try:
        return parse_line(source, line, PLACE)
    except RejectedError:
        return None


def _require_agreement(source: str, lines: list[bytes], folder: Path) -> int:
    """Fail with the first line that is judged in two ways; return the rejects."""
    found = _engine(source, lines, folder)
    assert len(found) == len(lines)
    rejects = 0
    for line, (reason, values) in zip(lines, found, strict=True):
        row = _oracle(source, line)
        assert (row is None) == (reason is not None), (line[:300], reason)
        if row is None:
            rejects += 1
            continue
        expected = tuple(
            getattr(row, FIELDS.get(name, name)) for name in COLUMNS[source]
        )
        assert values == expected, line[:300]
    return rejects


@pytest.mark.parametrize("source", SOURCES)
def test_plain_and_odd_lines_are_rows_with_the_same_values(
    source: str, told: dict[str, tuple[Source, list[Any]]], tmp_path: Path
) -> None:
    speaker, values = told[source]
    lines = [
        speaker.spell(one, kind, Random(number))
        for kind in (None, *speaker.oddities)
        for number, one in enumerate(values)
    ]
    assert _require_agreement(source, lines, tmp_path) == 0


@pytest.mark.parametrize("source", SOURCES)
def test_spoiled_lines_are_rejects(
    source: str, told: dict[str, tuple[Source, list[Any]]], tmp_path: Path
) -> None:
    speaker, values = told[source]
    lines = [
        line
        for kind in speaker.rejects
        for number, one in enumerate(values)
        if _is_text(line := speaker.spoil(one, kind, Random(number)))
    ]
    assert _require_agreement(source, lines, tmp_path) == len(lines)


def test_only_what_json_allows_is_a_row(tmp_path: Path) -> None:
    good = [
        given.event("e", AT, event="a, ] b ,} c: NaN [inf] , -Infinity"),
        given.event("e", AT, attributes={"list": [1, -2.5e3, None], "k": {}}),
        given.event("e", AT, **{'odd "key" ,}': "\\", "empty": ""}),
        given.event("e", AT, event='"', path="\\"),
        f"  {given.event('e', AT)}\t",
    ]
    plain = given.event("e", AT)
    broken = [
        plain[:-1] + ending
        for ending in (
            *(",}", ", }", ',"a":[1,]}', ',"a":[1 ,\t]}', ',"a":{"b":1,}}'),
            *(',"a":NaN}', ',"a": -Infinity}', ',"a":[nan]}', ',"a":[1, inf]}'),
            *(',"a":01}', ',"a":.5}', ",'a':1}", ',"a":1}}', ',"a"}', ""),
        )
    ]
    lines = [line.encode() for line in (*good, *broken)]
    assert _require_agreement("app_logs", lines, tmp_path) == len(broken)


def _events_at(moments: Iterable[str]) -> list[bytes]:
    return [given.event("e", moment).encode() for moment in moments]


def test_a_moment_has_one_form_throughout_and_an_offset_that_a_clock_may_have(
    tmp_path: Path,
) -> None:
    assert _require_agreement("app_logs", _events_at(MOMENTS), tmp_path) == 0
    broken = _events_at(NO_MOMENTS)
    assert _require_agreement("app_logs", broken, tmp_path) == len(broken)


def test_whole_numbers_and_flags_have_blanks_around_them_and_nothing_else(
    tmp_path: Path,
) -> None:
    good = [given.event("e", AT, user_id=number) for number in NUMBERS]
    good.append(given.event("e", AT, user_id="@").replace("@", "\\u0031\\u0032"))
    broken = [given.event("e", AT, user_id=number) for number in NO_NUMBERS]
    lines = [line.encode() for line in (*good, *broken)]
    assert _require_agreement("app_logs", lines, tmp_path) == len(broken)
    flags = [given.org(1, is_internal=flag).encode() for flag in (*FLAGS, *NO_FLAGS)]
    assert _require_agreement("orgs", flags, tmp_path) == len(NO_FLAGS)


def test_a_request_has_its_time_as_web_servers_write_it(tmp_path: Path) -> None:
    good = [TIME, "01/Jan/2024:00:00:00 -1430", "29/Feb/2024:23:59:59 +1400"]
    broken = ["1/Nov/2026:10:00:00 +0000", "01/nov/2026:10:00:00 +0000", "", f" {TIME}"]
    broken += [
        f"{TIME[:-5]}{zone}" for zone in ("+9999", "+1500", "+00:00", "+00", "Z")
    ]
    broken += ["24/Nov/2026:1:00:00 +0000", "31/Nov/2026:10:00:00 +0000", TIME[:-6]]
    broken += ["24/Nov/2026:24:00:00 +0000", "24/Xyz/2026:10:00:00 +0000"]
    lines = [given.request(time).encode() for time in (*good, *broken)]
    assert _require_agreement("web_logs", lines, tmp_path) == len(broken)


def test_only_requests_whose_numbers_fit_are_rows(tmp_path: Path) -> None:
    good = [
        given.request(TIME, size=str(2**63 - 1), authuser=str(2**63 - 1)),
        given.request(TIME, authuser="007"),
        given.request(TIME, request="", agent=""),
    ]
    broken = [
        given.request(TIME, authuser=str(2**63)),
        given.request(TIME, size=str(2**63)),
        given.request(TIME, size="1.5"),
    ]
    lines = [line.encode() for line in (*good, *broken)]
    assert _require_agreement("web_logs", lines, tmp_path) == len(broken)
