"""Rows that Salesforce will always reject: reported once, until something changes."""

from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any

import duckdb
import pytest

from loaders.config.salesforce_policy import SyncPolicy
from loaders.ledger.salesforce import open_rejects
from loaders.salesforce.plan import SyncResult
from loaders.salesforce_api import row_errors
from tests.loaders.salesforce.fault_injection import Place, sync_killed_at
from tests.loaders.salesforce.fixtures import (
    BULK,
    DATA_DATE,
    FAST,
    MAPPING,
    REJECTED_PLAN,
    Mart,
    SalesforceOrg,
    org_row,
)

Values = dict[str, Any]
BOTH_APIS = pytest.mark.parametrize("policy", [FAST, BULK], ids=["collections", "bulk"])
LONG = "x" * 81

# Values of a row that is rejected, and other values of it that are as well. The first
# ones are rejected by our own rendering, the others by Salesforce.
REJECTED: dict[str, tuple[Values, Values]] = {
    "marker": ({"org_name": "#N/A"}, {"org_name": "#N/A", "billing_plan": LONG}),
    "long": ({"billing_plan": LONG}, {"billing_plan": f"{LONG}y"}),
    "fraction": ({"hosts": 2.5}, {"hosts": 3.5}),
    "large": ({"hosts": 1e18}, {"hosts": 2e18}),
    "nan": ({"hosts": float("nan")}, {"hosts": float("inf")}),
    "year": ({"converted_on": date(1500, 1, 1)}, {"converted_on": date(1501, 1, 1)}),
    "several": ({"org_name": "#N/A", "hosts": 2.5}, {"org_name": "#N/A", "hosts": 4.5}),
    "rule": ({"billing_plan": REJECTED_PLAN}, {"billing_plan": f"{REJECTED_PLAN} 2"}),
    "picklist": ({"interesting_reasons": "no"}, {"interesting_reasons": "neither"}),
}
KEYS = frozenset(REJECTED)
# Where a sync is killed: after it has recorded results, and at its end.
RESULTS = Place("after", "update .*salesforce_jobs", 1)
END = Place("before", "insert into .*salesforce_syncs")


@dataclass
class Nights:
    """Syncs of the mart, which has a valid row as well, for one date after the other.

    As in the real mart, some fields of every row have another value every date.
    """

    mart: Mart
    salesforce: SalesforceOrg
    policy: SyncPolicy
    day: date = DATA_DATE

    def fill(self, rows: dict[str, Values]) -> None:
        """Fill the mart for the date with the rows, by key."""
        daily = {
            "generated_date": self.day,
            "org_day": 5 + (self.day - DATA_DATE).days,
        }
        self.mart.fill(
            org_row(key, **{**daily, **values})
            for key, values in {"good": {}, **rows}.items()
        )

    def sync(self, rows: dict[str, Values]) -> SyncResult:
        """Fill the mart and sync it."""
        self.fill(rows)
        return self.salesforce.sync(self.policy, data_date=self.day)

    def next_sync(self, rows: dict[str, Values]) -> SyncResult:
        """Sync the rows for the next date."""
        self.day += timedelta(days=1)
        return self.sync(rows)


def _restrict(salesforce: SalesforceOrg, *values: str) -> None:
    """Make a field a restricted picklist, and let the rule reject similar plans."""
    salesforce.change_field(
        "interesting_reasons__c", type="picklist", values=values, restricted=True
    )
    salesforce.change_field("billing_plan__c", error_pattern=f"{REJECTED_PLAN}.*")


def _counts(result: SyncResult) -> tuple[int, int, int]:
    return result.exit_code, result.rejected, result.known_rejects


@BOTH_APIS
def test_permanent_reject_counts_for_one_date_until_it_changes(
    mart: Mart, salesforce: SalesforceOrg, policy: SyncPolicy
) -> None:
    _restrict(salesforce, "above_target")
    nights = Nights(mart, salesforce, policy)
    first = {key: values for key, (values, _) in REJECTED.items()}
    some = {key: values for key, (_, values) in list(REJECTED.items())[::2]}
    rest = {key: values for key, (_, values) in list(REJECTED.items())[1::2]}
    count = len(KEYS)
    assert _counts(nights.sync(first)) == (2, count, 0)
    assert _counts(nights.sync(first)) == (2, count, 0), "the same date again"
    result = nights.next_sync(first)
    assert _counts(result) == (0, count, count)
    assert sum(result.codes.values()) == count
    rejects = open_rejects(MAPPING.object)
    assert {item.key for item in rejects} == KEYS
    assert all(item.first_rejected_at < item.rejected_at for item in rejects)
    changed = {**first, **some}
    assert _counts(nights.next_sync(changed)) == (2, count, count - len(some))
    assert _counts(nights.next_sync(changed)) == (0, count, count)
    changed |= rest
    assert _counts(nights.next_sync(changed)) == (2, count, count - len(rest))
    assert _counts(nights.next_sync(first)) == (2, count, 0), "both values changed"
    corrected: dict[str, Values] = {key: {} for key in KEYS}
    assert _counts(nights.next_sync(corrected)) == (0, 0, 0)
    assert open_rejects(MAPPING.object) == []
    assert _counts(nights.next_sync(first)) == (2, count, 0), "accepted in between"
    statuses = mart.read_ledger("salesforce_syncs", "status", "known_rejects")
    assert statuses.count(("success", count)) == 2


def test_permanent_reject_counts_again_when_a_field_changes(
    mart: Mart, salesforce: SalesforceOrg
) -> None:
    _restrict(salesforce, "above_target")
    nights = Nights(mart, salesforce, FAST)
    rows = {"1": REJECTED["picklist"][0], "2": REJECTED["rule"][0]}
    assert _counts(nights.sync(rows)) == (2, 2, 0)
    assert _counts(nights.next_sync(rows)) == (0, 2, 2)
    _restrict(salesforce, "above_target", "no")
    result = nights.next_sync(rows)
    assert (result.accepted, *_counts(result)) == (2, 2, 1, 0)
    assert _counts(nights.next_sync(rows)) == (0, 1, 1)


@BOTH_APIS
def test_held_row_is_sent_when_the_wrong_value_or_the_field_changes(
    mart: Mart, salesforce: SalesforceOrg, policy: SyncPolicy
) -> None:
    """Other values of the row change every day and are no reason to send it again."""
    _restrict(salesforce, "above_target")
    policy = replace(policy, retry_permanent="when_changed")
    nights = Nights(mart, salesforce, policy)
    rows = {"rule": REJECTED["rule"][0]}
    assert _counts(nights.sync(rows)) == (2, 1, 0)
    result = nights.next_sync(rows)
    assert (result.sent, result.held, *_counts(result)) == (1, 1, 0, 1, 1)
    result = nights.next_sync({"rule": REJECTED["rule"][1]})
    assert (result.sent, result.held, *_counts(result)) == (2, 0, 2, 1, 0)
    salesforce.change_field("billing_plan__c", length=100)
    result = nights.next_sync({"rule": REJECTED["rule"][1]})
    assert (result.sent, result.held, *_counts(result)) == (2, 0, 2, 1, 0)
    result = nights.next_sync({"rule": {}})
    assert (result.accepted, *_counts(result)) == (2, 0, 0, 0)


@pytest.mark.slow
@pytest.mark.parametrize("place", [RESULTS, END], ids=["results", "end"])
def test_reject_of_a_sync_that_did_not_end_was_not_reported(
    mart: Mart, salesforce: SalesforceOrg, place: Place
) -> None:
    nights = Nights(mart, salesforce, FAST)
    rows = {"rule": REJECTED["rule"][0], "marker": REJECTED["marker"][0]}
    nights.fill(rows)
    assert sync_killed_at(place, mart, salesforce, policy=FAST, data_date=nights.day)
    assert _counts(nights.next_sync(rows)) == (2, 2, 0)
    assert _counts(nights.next_sync(rows)) == (0, 2, 2)


@pytest.mark.slow
def test_reject_that_was_withdrawn_counts_again(
    mart: Mart, salesforce: SalesforceOrg
) -> None:
    nights = Nights(mart, salesforce, FAST)
    rows = {"marker": REJECTED["marker"][0]}
    assert _counts(nights.sync(rows)) == (2, 1, 0)
    assert _counts(nights.next_sync({})) == (0, 0, 0)
    assert _counts(nights.next_sync(rows)) == (2, 1, 0)


# Code, fields, message and payload of two errors, and whether they have one cause.
RULE = "FIELD_CUSTOM_VALIDATION_EXCEPTION"
VALUES = '{"a":"1","b":"x"}'
CAUSES = {
    "other values of other fields": (
        *((RULE, "a", "no", VALUES), (RULE, "a", "no", '{"a":"1","b":"y"}'), True),
    ),
    "another value": (
        *((RULE, "a", "no", VALUES), (RULE, "a", "no", '{"a":"2","b":"x"}'), False),
    ),
    "null instead of a value": (
        *((RULE, "a", "no", VALUES), (RULE, "a", "no", '{"a":null}'), False),
    ),
    "another order of the fields": (
        *((RULE, "a,b", "no", VALUES), (RULE, "b,a", "no", VALUES), True),
    ),
    "another field": ((RULE, "a", "no", VALUES), (RULE, "b", "no", VALUES), False),
    "a field that is not mapped": (
        *((RULE, "$.x/~,", "no", VALUES), (RULE, "$.x/~,", "no", VALUES), True),
    ),
    "another message about a field": (
        *((RULE, "a", "too long: 1", VALUES), (RULE, "a", "too long", VALUES), True),
    ),
    "no field, and other numbers": (
        *((RULE, "", "org day 15", VALUES), (RULE, "", "org day 16", "{}"), True),
    ),
    "no field, and another error id": (
        *((RULE, "", "Error ID: 12-3 (-45)", VALUES),),
        *((RULE, "", "Error ID: 99-1 (-7)", VALUES), True),
    ),
    "no field, and another message": (
        *((RULE, "", "is closed", VALUES), (RULE, "", "is locked", VALUES), False),
    ),
    "another code": (
        *((RULE, "a", "no", VALUES), ("STRING_TOO_LONG", "a", "no", VALUES), False),
    ),
}


@pytest.mark.parametrize("case", CAUSES)
def test_cause_is_what_makes_the_row_wrong(case: str) -> None:
    first, second, is_same = CAUSES[case]
    cause = row_errors.cause_sql("code", "fields", "message", "payload")
    names = "rejects(code, fields, message, payload)"
    query = f"select {cause} from (values (?, ?, ?, ?)) as {names}"
    ((one,), (two,)) = (
        duckdb.execute(query, values).fetchone() or () for values in (first, second)
    )
    assert one and two
    assert (one == two) is is_same


@pytest.mark.parametrize(
    "code",
    [
        *("INSUFFICIENT_ACCESS_OR_READONLY", "INVALID_FIELD_FOR_INSERT_UPDATE"),
        *("STORAGE_LIMIT_EXCEEDED", "LIMIT_EXCEEDED", "UNKNOWN_EXCEPTION", "X", ""),
        *sorted(row_errors.TRANSIENT_CODES),
    ],
)
def test_other_errors_have_no_cause_in_the_row(code: str) -> None:
    assert not row_errors.is_permanent(code)
    cause = row_errors.cause_sql(f"'{code}'", "'a'", "'no'", "'{}'")
    assert duckdb.execute(f"select {cause}").fetchone() == ("",)


@pytest.mark.parametrize(
    "code",
    [
        *("NULL_MARKER_TEXT", "TOO_LONG", "DUPLICATE_KEY", "STRING_TOO_LONG"),
        *("INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", "DUPLICATE_VALUE"),
        *("FIELD_CUSTOM_VALIDATION_EXCEPTION", "REQUIRED_FIELD_MISSING"),
    ],
)
def test_errors_of_the_values_have_a_cause_and_a_remedy(code: str) -> None:
    assert row_errors.is_permanent(code)
    assert row_errors.remedy(code) != row_errors.NO_REMEDY
    cause = row_errors.cause_sql(f"'{code}'", "'a'", "'no'", "'{}'")
    assert duckdb.execute(f"select {cause}").fetchone() != ("",)
