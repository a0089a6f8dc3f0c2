"""How dirty sample worlds are: each kind at its rate, as the oracle reads it."""

import json
from collections import Counter, defaultdict
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from random import Random

import pytest

from tests.emulators.sample.app_logs import AppLogs
from tests.emulators.sample.dirt_sampler import Deck
from tests.emulators.sample.metrics import Metrics
from tests.emulators.sample.orgs import Orgs
from tests.emulators.sample.rates import LATE_DAYS, Rates
from tests.emulators.sample.stream import Source
from tests.emulators.sample.web_logs import WebLogs
from tests.emulators.sample.world import SOURCES, World
from tests.emulators.sample.write import sources
from tests.emulators.tests.conftest import Written, written
from tests.reference import records
from tests.reference.parsing import parse_line
from tests.reference.records import Place, RejectedError

KINDS: dict[str, type[Source]] = {
    source.name: source for source in (Orgs, Metrics, AppLogs, WebLogs)
}
EVERYWHERE = ("blank_line", "empty_object", "hidden_object")
ALL_REJECTS = [(name, kind) for name in SOURCES for kind in KINDS[name].rejects]
ALL_ODDITIES = [(name, kind) for name in SOURCES for kind in KINDS[name].oddities]
ORACLE_CATEGORIES = {
    "not_json": {records.NOT_JSON},
    "not_an_object": {records.NOT_AN_OBJECT},
    "missing_key": {records.MISSING_KEY},
    "null_key": {records.MISSING_KEY},
    "wrong_type": {records.WRONG_TYPE},
    "not_utf8": {records.NOT_UTF8},
    "nul_byte": {records.NUL},
    "too_long": {records.TOO_LONG},
    "not_combined": {records.NOT_COMBINED},
    "bad_authuser": {records.BAD_AUTHUSER},
    "bad_time": {records.BAD_TIME},
}
PLACE = Place(date(2026, 11, 24), "key", 1)


def _all_kinds(source: str) -> set[str]:
    kinds = KINDS[source]
    return {*kinds.rejects, *kinds.oddities, *kinds.events, *EVERYWHERE}


@pytest.mark.parametrize("source", SOURCES)
def test_every_kind_occurs_and_no_other(default_world: Written, source: str) -> None:
    assert set(default_world.summary.sources[source].dirt) == _all_kinds(source)


def test_every_rate_is_of_a_kind_that_some_source_has() -> None:
    named = set(vars(Rates())) - {"max_rejected", "unknown_plan"}
    assert named == set().union(*(_all_kinds(source) for source in SOURCES))


@pytest.mark.parametrize("source", ["metrics", "app_logs", "web_logs"])
def test_kinds_occur_at_about_their_rate(default_world: Written, source: str) -> None:
    summary = default_world.summary.sources[source]
    for kind, count in summary.dirt.items():
        of = summary.partitions if kind in EVERYWHERE[1:] else summary.lines
        expected = getattr(default_world.world.rates, kind) * of
        # Each comes once without being drawn; what waits for a night after the last
        # one never comes; a line has one kind only.
        deviation = 4 * expected**0.5
        assert 0.85 * expected - deviation <= count <= expected + deviation + 2, kind


def test_a_rate_of_zero_switches_a_kind_off(tmp_path: Path) -> None:
    rates = replace(Rates(), late_1_day=0, not_json=0, offset_time=0)
    some = written(World(orgs=40, days=12, seed=1, rates=rates), tmp_path)
    for source in ("metrics", "app_logs", "web_logs"):
        dirt = some.summary.sources[source].dirt
        assert not {"late_1_day", "not_json", "offset_time"} & set(dirt)
        assert dirt["late_2_days"]


@pytest.mark.parametrize("source", SOURCES)
def test_the_oracle_reads_the_lines_and_rejects_stated(
    default_world: Written, source: str
) -> None:
    summary = default_world.summary.sources[source]
    partitions = default_world.partitions(source)
    rejects = [one for part in partitions.values() for one in part.rejects]
    dealt = {kind: summary.dirt[kind] for kind in KINDS[source].rejects}
    assert len(partitions) == summary.partitions == default_world.world.days
    assert sum(part.lines for part in partitions.values()) == summary.lines
    assert sum(len(part.objects) for part in partitions.values()) == summary.objects
    assert len(rejects) == summary.rejects == sum(dealt.values())
    found = Counter(one.category for one in rejects)
    for category in found:
        kinds = [kind for kind in dealt if category in ORACLE_CATEGORIES[kind]]
        assert found[category] == sum(dealt[kind] for kind in kinds), category


@pytest.mark.parametrize("source", SOURCES)
def test_rejects_stay_within_a_hundredth_of_each_partition(
    default_world: Written, source: str
) -> None:
    for dt, partition in default_world.partitions(source).items():
        assert partition.is_loadable(0.01), dt


@pytest.mark.parametrize("seed", range(6))
def test_small_worlds_can_be_loaded_and_are_dirty(tmp_path: Path, seed: int) -> None:
    small = written(World(orgs=40, days=12, seed=seed), tmp_path)
    assert all(part.is_loadable(0.01) for part in small.raw.partitions.values())
    for source in ("metrics", "app_logs", "web_logs"):
        # What is dealt for whole partitions may be missing in a dozen of them.
        missing = _all_kinds(source) - set(small.summary.sources[source].dirt)
        assert missing <= {"empty_object", "hidden_object"}


@pytest.fixture(scope="module")
def said(default_world: Written) -> dict[str, list[bytes]]:
    """Give some good lines of each source, as they are spelled without any dirt."""
    world = World(orgs=25, days=3, seed=8)
    lines = defaultdict(list)
    for source in sources(world, default_world.company):
        for record in list(source.records(1))[:40]:
            lines[source.name].append((source, record.values))
    return lines


@pytest.mark.parametrize(("name", "kind"), ALL_REJECTS)
def test_a_spoiled_line_is_always_rejected(name: str, kind: str, said: dict) -> None:
    for number in range(400):
        source, values = said[name][number % len(said[name])]
        line = source.spoil(values, kind, Random(number))
        assert b"\n" not in line
        with pytest.raises(RejectedError) as rejected:
            parse_line(name, line, PLACE)
        assert rejected.value.category in ORACLE_CATEGORIES[kind], line[:200]


@pytest.mark.parametrize(("name", "kind"), ALL_ODDITIES)
def test_an_odd_line_is_always_accepted(name: str, kind: str, said: dict) -> None:
    for number in range(300):
        source, values = said[name][number % len(said[name])]
        plain = source.spell(values, None, Random(number))
        odd = source.spell(values, kind, Random(number))
        row, odd_row = parse_line(name, plain, PLACE), parse_line(name, odd, PLACE)
        if name != "web_logs":
            assert odd_row == row
        else:
            assert (odd_row.at, odd_row.user_id) == (row.at, row.user_id)


def test_plain_lines_are_json_as_everyone_writes_it(said: dict) -> None:
    source, values = said["app_logs"][0]
    assert json.loads(source.spell(values, None, Random(0))) == values


@pytest.mark.parametrize("source", ["metrics", "app_logs", "web_logs"])
def test_lines_come_late_or_from_the_future(
    default_world: Written, source: str
) -> None:
    away = Counter(
        (row.place.dt - row.at.date()).days for row in default_world.rows(source)
    )
    dirt = default_world.summary.sources[source].dirt
    assert away[0] > 50 * sum(count for days, count in away.items() if days < 0)
    for kind, days in LATE_DAYS.items():
        # Copies of events come late as well.
        assert away[days] >= dirt[kind] > 0
        if source == "web_logs":
            assert away[days] == dirt[kind]
    assert sum(count for days, count in away.items() if days < 0) >= dirt["future"] > 0


def test_copies_of_events_never_leave_open_which_counts(default_world: Written) -> None:
    copies = defaultdict(list)
    for event in default_world.rows("app_logs"):
        copies[event.event_id].append(event)
    several = [found for found in copies.values() if len(found) > 1]
    within = across = differing = of_other_days = 0
    for found in several:
        contents = defaultdict(set)
        for event in found:
            contents[event.place.dt, event.at].add(event[1:])
        assert all(len(content) == 1 for content in contents.values()), found
        within += len({event.place.dt for event in found}) == 1
        across += len({event.place.dt for event in found}) > 1
        differing += len({event[1:] for event in found}) > 1
        of_other_days += len({event.at.date() for event in found}) > 1
    dirt = default_world.summary.sources["app_logs"].dirt
    kinds = [kind for kind in dirt if kind.startswith("copy_")]
    assert len(several) == pytest.approx(sum(dirt[kind] for kind in kinds), rel=0.02)
    assert min(within, across, differing) > 100
    assert of_other_days >= 10


def test_of_copied_org_lines_the_latest_is_never_in_doubt(
    default_world: Written,
) -> None:
    lines = defaultdict(set)
    for line in default_world.rows("orgs"):
        lines[line.place.dt, line.org_id, line.updated_at].add(line[1:])
    assert all(len(contents) == 1 for contents in lines.values())
    by_org = Counter((dt, org_id) for dt, org_id, _ in lines)
    outdated = sum(count > 1 for count in by_org.values())
    assert outdated == default_world.summary.sources["orgs"].dirt["org_line_outdated"]


def test_usage_says_strange_things_now_and_then(default_world: Written) -> None:
    known = {account.org_id for account in default_world.company.accounts}
    samples = default_world.rows("metrics")
    assert any(sample.org_id not in known for sample in samples)
    assert any(
        len(set(sample.integrations)) < len(sample.integrations) for sample in samples
    )
    assert any(sample.hosts < 0 for sample in samples)
    events = default_world.rows("app_logs")
    assert any(event.org_id not in known for event in events)
    assert {"error", "CRITICAL", "Warning"} <= {event.level for event in events}


def test_a_deck_deals_every_kind_soon_and_then_at_its_rate() -> None:
    deck = Deck({"often": 0.05, "rarely": 0.001, "never": 0.0}, Random(1))
    first = [deck.deal() for _ in range(20)]
    dealt = Counter(deck.deal() for _ in range(100_000))
    assert {"often", "rarely"} <= set(first)
    assert dealt["often"] == pytest.approx(5_000, rel=0.1)
    assert dealt["rarely"] == pytest.approx(100, rel=0.4)
    assert "never" not in dealt


def test_a_kind_that_is_due_waits_for_a_line_that_may_have_it() -> None:
    deck = Deck({"always": 1.0}, Random(1))
    assert {deck.deal(may=False) for _ in range(50)} == {None}
    assert deck.deal() == "always"


def test_what_is_late_has_its_own_day(default_world: Written) -> None:
    first = default_world.world.first
    for source in ("metrics", "app_logs", "web_logs"):
        days = {row.at.date() for row in default_world.rows(source)}
        assert min(days) >= first - timedelta(days=2)
