"""The brake, its approval, the rollback to an earlier night, and the history."""

from dataclasses import replace
from datetime import date, timedelta

import pytest

from loaders.errors import DataError
from loaders.salesforce import history, plan
from loaders.salesforce.circuit_breaker import BrakeError
from loaders.salesforce.policy import Brake
from tests.loaders.salesforce.world import (
    BAD_PLAN,
    FAST,
    MAPPING,
    NIGHT,
    Connected,
    Mart,
    org,
)

BRAKED = replace(
    FAST,
    brake=Brake(
        max_create_ratio=0.5,
        max_change_ratio=0.6,
        max_null_ratio=0.3,
        max_median_factor=2.0,
        min_rows=10,
    ),
)


def _rows(count: int, **values: object) -> list[dict[str, object]]:
    return [org(f"{number:02d}", hosts=number) | values for number in range(count)]


def _stopped(mart: Mart, connected: Connected, rows: list) -> BrakeError:
    mart.fill(rows)
    before = len(connected.writes)
    patches = connected.count("PATCH", "")
    with pytest.raises(BrakeError) as stopped:
        connected.sync(BRAKED)
    assert len(connected.writes) == before
    assert connected.count("PATCH", "") == patches
    return stopped.value


@pytest.fixture
def loaded(mart: Mart, connected: Connected) -> Connected:
    """Give an org that has twenty records from a first sync, which nothing braked."""
    mart.fill(_rows(20))
    assert connected.sync(BRAKED).accepted == 20
    return connected


def test_too_many_new_rows_stop_the_sync(mart: Mart, loaded: Connected) -> None:
    error = _stopped(mart, loaded, _rows(31))
    assert "11 rows are new, 55% of the 20 known records (limit 50%)" in str(error)
    mart.fill(_rows(30))
    assert loaded.sync(BRAKED).accepted == 10


def test_too_many_changes_stop_the_sync(mart: Mart, loaded: Connected) -> None:
    rows = _rows(20)
    for row in rows[:13]:
        row["org_day__c"] = 6
    assert "13 rows are changed, 65%" in str(_stopped(mart, loaded, rows))


def test_a_field_emptied_in_too_many_records_stops_the_sync(
    mart: Mart, loaded: Connected
) -> None:
    rows = _rows(20)
    for row in rows[:7]:
        row["last_active_date__c"] = None
    rows[0]["org_name__c"] = ""
    error = _stopped(mart, loaded, rows)
    assert "last_active_date__c would be emptied in 7 records, 35%" in str(error)
    assert error.alarms[0].worst[0] == "00 (2 fields)"
    assert len(error.alarms[0].worst) == 7


def test_a_median_that_moved_too_far_stops_the_sync_and_names_ten_orgs(
    mart: Mart, loaded: Connected
) -> None:
    rows = _rows(20)
    for row in rows[5:17]:
        row["hosts__c"] *= 10
    error = _stopped(mart, loaded, rows)
    assert "the median of hosts__c goes from 9.5 to" in str(error)
    assert len(error.alarms[0].worst) == 10
    assert error.alarms[0].worst[0] == "16 (16 to 160)"


def test_a_quiet_night_is_not_braked(mart: Mart, loaded: Connected) -> None:
    rows = _rows(22)
    rows[3]["hosts__c"] = 5_000
    rows[4]["last_active_date__c"] = None
    mart.fill(rows)
    assert loaded.sync(BRAKED).accepted == 4


def test_an_approved_plan_goes_on_and_no_other_does(
    mart: Mart, loaded: Connected
) -> None:
    error = _stopped(mart, loaded, _rows(40))
    assert f"sync --approve {error.plan_id}" in str(error)
    mart.fill(_rows(41))
    with pytest.raises(DataError, match=f"Plan {error.plan_id} was approved, but"):
        loaded.sync(BRAKED, approve=error.plan_id)
    mart.fill(_rows(40))
    result = loaded.sync(BRAKED, approve=error.plan_id)
    assert (result.accepted, result.plan_id) == (20, error.plan_id)
    told = mart.ledger("salesforce_syncs", "plan_id", "accepted")
    assert (error.plan_id, 20) in told


def test_the_plan_tells_beforehand_what_the_brake_would_say(
    mart: Mart, loaded: Connected
) -> None:
    mart.fill(_rows(40))
    found = plan.make(loaded.request(), loaded.settings, policy=BRAKED)
    assert "20 rows are new" in found.objections[0]


def _nights(mart: Mart, connected: Connected) -> tuple[date, date, date]:
    """Sync three nights: org 1 changes each night, org 2 never, org 3 comes last."""
    days = tuple(NIGHT + timedelta(days=step) for step in range(3))
    for step, day in enumerate(days):
        rows = [
            org("1", generated_date=day, hosts=step, org_name=f"night {step}"),
            org("2"),
        ]
        if step == 2:
            rows.append(org("3"))
        for row in rows:
            row["generated_date__c"] = day
        mart.fill(rows)
        connected.sync(data_date=day)
    return days


def test_a_rollback_sends_the_values_of_an_earlier_night(
    mart: Mart, connected: Connected
) -> None:
    days = _nights(mart, connected)
    result = connected.sync(as_of=days[0])
    assert (result.status, result.sent, result.accepted) == ("rolled_back", 2, 2)
    assert connected.holds("1", "org_name") == "night 0"
    assert connected.holds("1", "generated_date") == str(days[0])
    assert connected.holds("3", "hosts") == 4
    again = connected.sync(as_of=days[0])
    assert (again.sent, again.unchanged) == (0, 2)


def test_after_a_rollback_the_next_night_goes_on(
    mart: Mart, connected: Connected
) -> None:
    days = _nights(mart, connected)
    connected.sync(as_of=days[1])
    next_day = days[2] + timedelta(days=1)
    mart.fill([org("1", generated_date=next_day, hosts=7, org_name="night 3")])
    assert connected.sync(data_date=next_day).accepted == 1
    assert connected.holds("1", "org_name") == "night 3"
    connected.sync(as_of=days[2])
    assert connected.holds("1", "org_name") == "night 2"


def test_a_rollback_sends_nothing_of_keys_it_knows_nothing_of(
    mart: Mart, connected: Connected
) -> None:
    _nights(mart, connected)
    result = connected.sync(as_of=NIGHT - timedelta(days=1))
    assert (result.sent, result.verdicts) == (0, {})


def test_the_history_tells_what_was_sent_and_what_was_answered(
    mart: Mart, connected: Connected
) -> None:
    _nights(mart, connected)
    mart.fill(
        [org("1", generated_date=NIGHT + timedelta(days=3), billing_plan=BAD_PLAN)]
    )
    connected.sync(data_date=NIGHT + timedelta(days=3))
    events = history.of(MAPPING.object, "1")
    assert [event.code for event in events] == [
        "accepted",
        "accepted",
        "accepted",
        "FIELD_CUSTOM_VALIDATION_EXCEPTION",
    ]
    assert events[1].fields["org_name__c"] == ("night 0", "night 1")
    assert events[1].salesforce_id == connected.records()["1"]["Id"]
    assert history.of(MAPPING.object, "unknown") == []
