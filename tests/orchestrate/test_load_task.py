"""A load that fails: which days are loaded, and how often each is tried."""

from collections.abc import Callable
from datetime import date
from types import SimpleNamespace

import pytest

from loaders import s3
from loaders.config import settings
from loaders.errors import ConfigError, DataError, NightshiftError, TransientError
from orchestrate import steps
from orchestrate.tasks import load
from orchestrate.tasks.load import LoadRawTable

RAW_URL = "s3://bucket/raw #1"
DAYS = [date(2026, 11, day) for day in (20, 21, 22, 23)]
Errors = dict[date, NightshiftError]
Attempts = Callable[[Errors], tuple[list[list[date]], set[date]]]


def _url(day: date) -> str:
    return s3.partition_url(RAW_URL, "orgs", day) + "part-0.json"


def _named(family: type[NightshiftError], day: date) -> NightshiftError:
    return family(f"{_url(day)} cannot be read.", object_url=_url(day))


@pytest.fixture
def attempts(
    monkeypatch: pytest.MonkeyPatch,
) -> Attempts:
    """Return a function that runs the task of the first day.

    It returns the days of each attempt and the days loaded. Loading a day with an error
    raises that error.
    """

    def run(errors: Errors) -> tuple[list[list[date]], set[date]]:
        tried: list[list[date]] = []
        loaded: set[date] = set()

        def load_partitions(source: str, days: list[date]) -> list[object]:
            tried.append(days)
            for day in days:
                if day in errors:
                    raise errors[day]
            loaded.update(days)
            return [
                SimpleNamespace(
                    **{"dt": str(day), "source": source, "objects": ()},
                    **dict.fromkeys(("lines", "rows", "rejects", "bytes"), 1),
                )
                for day in days
            ]

        monkeypatch.setenv("NIGHTSHIFT_RAW_URL", RAW_URL)
        settings.load.cache_clear()
        monkeypatch.setattr(load, "load_partitions", load_partitions)
        monkeypatch.setattr(LoadRawTable, "_batch", lambda self: DAYS)
        task = LoadRawTable(
            data_date=DAYS[0], source="orgs", num_retries=1, retry_sleep=0.0
        )
        try:
            task.run()
        except NightshiftError as error:
            assert error is errors[min(errors)]
        settings.load.cache_clear()
        return tried, loaded

    return run


def test_steps_of_a_load_fail_by_day_and_the_others_start_again(
    attempts: Attempts,
) -> None:
    events: list[steps.StepEvent] = []
    steps.observe(events.append)
    try:
        attempts({DAYS[2]: _named(DataError, DAYS[2])})
    finally:
        steps.observe(None)
    states: dict[str, list[str]] = {}
    for event in events:
        assert (event.task, event.subject) == ("LoadRawTable", "orgs")
        states.setdefault(event.days[0], []).append(event.state)
    loaded_later = [*(steps.STARTED, steps.ABORTED), *(steps.STARTED, steps.DONE)]
    failed = [steps.STARTED, steps.FAILED]
    assert states == {
        str(day): failed if day == DAYS[2] else loaded_later for day in DAYS
    }
    assert {event.error for event in events if event.state == steps.FAILED} == {
        f"{_url(DAYS[2])} cannot be read."
    }
    assert len({event.step_id for event in events}) == 7


ONE = DAYS[:1]
OTHERS = DAYS[1:]


@pytest.mark.parametrize("family", [DataError, ConfigError, NightshiftError])
def test_day_of_a_named_object_is_skipped_and_the_others_are_loaded(
    attempts: Attempts,
    family: type[NightshiftError],
) -> None:
    tried, loaded = attempts({DAYS[2]: _named(family, DAYS[2])})
    assert tried == [DAYS, ONE, [DAYS[1]], [DAYS[3]]]
    assert loaded == {DAYS[0], DAYS[1], DAYS[3]}


def test_object_that_stays_busy_is_retried_and_the_others_are_loaded(
    attempts: Attempts,
) -> None:
    tried, loaded = attempts({DAYS[2]: _named(TransientError, DAYS[2])})
    assert tried == [DAYS, DAYS, ONE, [DAYS[1]], [DAYS[3]]]
    assert loaded == {DAYS[0], DAYS[1], DAYS[3]}


def test_second_busy_object_ends_the_attempts(
    attempts: Attempts,
) -> None:
    errors = {day: _named(TransientError, day) for day in OTHERS}
    tried, loaded = attempts(errors)
    assert tried == [DAYS, DAYS, ONE, [DAYS[2]], [DAYS[2]]]
    assert loaded == set(ONE)


def test_error_without_a_name_is_looked_for_day_by_day(
    attempts: Attempts,
) -> None:
    tried, loaded = attempts({DAYS[1]: DataError("too many rejects")})
    assert tried == [DAYS, *([day] for day in DAYS)]
    assert loaded == {DAYS[0], DAYS[2], DAYS[3]}


@pytest.mark.parametrize(
    "error",
    [_named(DataError, DAYS[0]), ConfigError("the bucket does not exist")],
    ids=["own object", "bucket"],
)
def test_error_of_the_own_day_or_of_the_bucket_is_raised_at_once(
    attempts: Attempts,
    error: NightshiftError,
) -> None:
    tried, loaded = attempts({DAYS[0]: error})
    assert tried == [DAYS]
    assert not loaded


def test_days_that_all_fail_cost_one_attempt_each(
    attempts: Attempts,
) -> None:
    tried, loaded = attempts({day: _named(ConfigError, day) for day in DAYS})
    assert tried == [DAYS]
    assert not loaded
