"""The dirt of sample worlds: every kind occurs, at its rate, as the reference reads it.

`test_sample_lines` checks single lines of each kind.
"""

from collections import Counter, defaultdict
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from random import Random

import pytest

from tests.emulators.sample.dirt_sampler import DirtSampler
from tests.emulators.sample.rates import LATE_DAYS, Rates
from tests.emulators.sample.world import SOURCES, World
from tests.emulators.tests.conftest import Sample, generate
from tests.emulators.tests.test_sample_lines import REFERENCE_CATEGORIES, SOURCE_TYPES

OBJECT_KINDS = ("empty_object", "hidden_object")
TIMED_SOURCES = ("metrics", "app_logs", "web_logs")


def _all_kinds(source: str) -> set[str]:
    kinds = SOURCE_TYPES[source]
    return {
        *kinds.reject_kinds,
        *kinds.variant_kinds,
        *kinds.anomaly_kinds,
        "blank_line",
        *OBJECT_KINDS,
    }


@pytest.mark.slow
@pytest.mark.parametrize("source", SOURCES)
def test_each_source_has_exactly_its_kinds_of_dirt(
    default_sample: Sample, source: str
) -> None:
    assert set(default_sample.summary.sources[source].dirt) == _all_kinds(source)


def test_every_rate_belongs_to_a_kind_of_some_source() -> None:
    rates = set(vars(Rates())) - {"max_rejected", "unknown_plan"}
    assert rates == set().union(*(_all_kinds(source) for source in SOURCES))


@pytest.mark.parametrize("source", TIMED_SOURCES)
def test_kinds_occur_approximately_at_their_rate(sample: Sample, source: str) -> None:
    summary = sample.summary.sources[source]
    for kind, count in summary.dirt.items():
        total = summary.partitions if kind in OBJECT_KINDS else summary.lines
        expected = getattr(sample.world.rates, kind) * total
        # The first occurrence of each kind is not random. Lines that are late for the
        # last date are not written, and each line has at most one kind.
        deviation = 4 * expected**0.5
        assert 0.85 * expected - deviation <= count <= expected + deviation + 2, kind


def test_zero_rate_disables_a_kind(tmp_path: Path) -> None:
    rates = replace(Rates(), late_1_day=0, not_json=0, offset_time=0)
    sample = generate(World(orgs=40, days=12, seed=1, rates=rates), tmp_path)
    for source in TIMED_SOURCES:
        dirt = sample.summary.sources[source].dirt
        assert not {"late_1_day", "not_json", "offset_time"} & set(dirt)
        assert dirt["late_2_days"]


@pytest.mark.parametrize("source", SOURCES)
def test_reference_counts_the_lines_and_rejects_of_the_summary(
    sample: Sample, source: str
) -> None:
    summary = sample.summary.sources[source]
    partitions = sample.partitions(source).values()
    rejects = [reject for partition in partitions for reject in partition.rejects]
    kinds = SOURCE_TYPES[source].reject_kinds
    assert len(partitions) == summary.partitions == sample.world.days
    assert sum(partition.lines for partition in partitions) == summary.lines
    assert sum(len(partition.objects) for partition in partitions) == summary.objects
    assert len(rejects) == summary.rejects
    expected: Counter[str] = Counter()
    for kind in kinds:
        expected[REFERENCE_CATEGORIES[kind]] += summary.dirt[kind]
    assert Counter(reject.category for reject in rejects) == expected


@pytest.mark.parametrize("source", SOURCES)
def test_rejects_are_at_most_one_percent_of_each_partition(
    sample: Sample, source: str
) -> None:
    for dt, partition in sample.partitions(source).items():
        assert partition.is_loadable(0.01), dt


@pytest.mark.parametrize(
    "seed",
    [0, *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(1, 6))],
)
def test_small_worlds_are_loadable_and_dirty(tmp_path: Path, seed: int) -> None:
    sample = generate(World(orgs=40, days=12, seed=seed), tmp_path)
    partitions = sample.raw.partitions.values()
    assert all(partition.is_loadable(0.01) for partition in partitions)
    for source in TIMED_SOURCES:
        # Kinds of dirt that affect objects may not occur in twelve partitions.
        missing = _all_kinds(source) - set(sample.summary.sources[source].dirt)
        assert missing <= set(OBJECT_KINDS)


@pytest.mark.parametrize("source", TIMED_SOURCES)
def test_some_lines_are_late_or_in_the_future(sample: Sample, source: str) -> None:
    days_late = Counter(
        (record.location.dt - record.at.date()).days
        for record in sample.records(source)
    )
    future = sum(count for days, count in days_late.items() if days < 0)
    dirt = sample.summary.sources[source].dirt
    assert days_late[0] > 50 * future
    for kind, days in LATE_DAYS.items():
        # Copies of events are late as well.
        assert days_late[days] >= dirt[kind] > 0
        if source == "web_logs":
            assert days_late[days] == dirt[kind]
    assert future >= dirt["future"] > 0


@pytest.mark.slow
def test_duplicate_events_are_generated_in_every_form(
    default_sample: Sample,
) -> None:
    by_event_id = defaultdict(list)
    for event in default_sample.records("app_logs"):
        by_event_id[event.event_id].append(event)
    copied = [events for events in by_event_id.values() if len(events) > 1]
    within = across = differing = of_other_days = 0
    for events in copied:
        contents = defaultdict(set)
        for event in events:
            contents[event.location.dt, event.at].add(event[1:])
        assert all(len(content) == 1 for content in contents.values()), events
        partitions = {event.location.dt for event in events}
        within += len(partitions) == 1
        across += len(partitions) > 1
        differing += len({event[1:] for event in events}) > 1
        of_other_days += len({event.at.date() for event in events}) > 1
    dirt = default_sample.summary.sources["app_logs"].dirt
    copies = sum(dirt[kind] for kind in dirt if kind.startswith("copy_"))
    assert len(copied) == pytest.approx(copies, rel=0.02)
    assert min(within, across, differing) > 100
    assert of_other_days >= 10


def test_each_org_has_one_latest_line_per_partition(sample: Sample) -> None:
    contents = defaultdict(set)
    for org in sample.records("orgs"):
        contents[org.location.dt, org.org_id, org.updated_at].add(org[1:])
    assert all(len(content) == 1 for content in contents.values())
    by_org = Counter((dt, org_id) for dt, org_id, _ in contents)
    outdated = sum(count > 1 for count in by_org.values())
    assert outdated == sample.summary.sources["orgs"].dirt["org_line_outdated"]


def test_unusual_values_occur(sample: Sample) -> None:
    org_ids = {account.org_id for account in sample.company.accounts}
    usage = sample.records("metrics")
    assert any(record.org_id not in org_ids for record in usage)
    assert any(
        len(set(record.integrations)) < len(record.integrations) for record in usage
    )
    assert any(record.counts["hosts"] < 0 for record in usage)
    events = sample.records("app_logs")
    assert any(event.org_id not in org_ids for event in events)
    assert {"error", "CRITICAL", "Warning"} <= {event.level for event in events}


def test_late_lines_keep_their_own_date(sample: Sample) -> None:
    for source in TIMED_SOURCES:
        dates = {record.at.date() for record in sample.records(source)}
        assert min(dates) >= sample.world.first_date - timedelta(days=2)


def test_sampler_draws_every_kind_early_and_then_at_its_rate() -> None:
    sampler = DirtSampler({"often": 0.05, "rarely": 0.001, "never": 0.0}, Random(1))
    first = [sampler.next_kind() for _ in range(20)]
    counts = Counter(sampler.next_kind() for _ in range(100_000))
    assert {"often", "rarely"} <= set(first)
    assert counts["often"] == pytest.approx(5_000, rel=0.1)
    assert counts["rarely"] == pytest.approx(100, rel=0.4)
    assert "never" not in counts


def test_sampler_postpones_a_kind_until_a_line_allows_it() -> None:
    sampler = DirtSampler({"always": 1.0}, Random(1))
    assert {sampler.next_kind(allowed=False) for _ in range(50)} == {None}
    assert sampler.next_kind() == "always"
