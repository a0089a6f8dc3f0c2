"""Nine days of a company whose raw records are at the edge of what is valid.

Whole numbers of 64 bits, negative usage, timestamps of the years 1 and 9999, texts that
differ only in trailing blanks, and duplicates that differ in nothing but their content.
"""

from datetime import date, timedelta
from pathlib import Path

from tests.reference.tests.raw_records import (
    event,
    org,
    request,
    sample,
    write_partitions,
)

UNTIL = date(2026, 11, 24)
DATES = tuple(UNTIL - timedelta(days=ago) for ago in range(8, -1, -1))
ORDINARY_DATES = DATES[:1]
"""The first date, whose numbers also fit into narrower types."""

MIN_INT, MAX_INT = -(2**63), 2**63 - 1
FIRST, LAST = "0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999999Z"

CUSTOMER, FREE, RUNNING, OVER = 1, 2, 3, 4
CONVERTED = (11, 12, 13)
PLAIN = tuple(range(100, 180))
UNLUCKY_KEYS = (MIN_INT, MAX_INT, 10**18)
LONG_BEFORE, FAR_AHEAD = 21, 22
TWICE = 31

USAGE: dict[int, tuple[dict[str, int], ...]] = {
    # Alternating days: the change of a day and of a week is 2^64 - 1.
    CUSTOMER: (
        {"hosts": MAX_INT, "dashboards": MIN_INT, "metrics": MAX_INT},
        {"hosts": MIN_INT, "dashboards": MAX_INT, "metrics": MIN_INT},
    ),
    FREE: ({"hosts": MAX_INT, "dashboards": MIN_INT, "metrics": 100},),
    RUNNING: (
        {"hosts": MAX_INT - 2, "dashboards": MIN_INT, "metrics": MAX_INT},
        {"hosts": MAX_INT - 1, "dashboards": MAX_INT, "metrics": 1},
    ),
    OVER: ({"hosts": MIN_INT, "dashboards": 7, "metrics": -1},),
    # The targets: a median of 19 digits, a negative one, and one of 0.5.
    CONVERTED[0]: ({"hosts": MAX_INT, "dashboards": -10, "metrics": 0},),
    CONVERTED[1]: ({"hosts": MAX_INT - 1, "dashboards": -11, "metrics": 1},),
    CONVERTED[2]: ({"hosts": MAX_INT - 4, "dashboards": -12, "metrics": 1},),
}
TRIAL_STARTS = {
    CUSTOMER: "2026-11-10T00:00:00Z",
    FREE: "2026-10-01T00:00:00Z",
    RUNNING: "2026-11-17T10:00:00Z",
    OVER: "2026-11-03T10:00:00Z",
    LONG_BEFORE: FIRST,
    FAR_AHEAD: LAST,
}
PLANS = {CUSTOMER: 3, FREE: 2, LONG_BEFORE: MIN_INT, FAR_AHEAD: MAX_INT}
PLANS |= dict.fromkeys(CONVERTED, 4)
ORGS = (CUSTOMER, FREE, RUNNING, OVER, *CONVERTED, LONG_BEFORE, FAR_AHEAD)
ORGS += (*UNLUCKY_KEYS, *PLAIN)


def write_extreme_world(folder: Path) -> Path:
    """Write the raw partitions of all dates; return `folder`."""
    partitions: dict[tuple[str, date], list[str]] = {}
    for number, dt in enumerate(DATES):
        partitions |= {
            ("orgs", dt): _orgs(number),
            ("metrics", dt): list(_samples(number, dt)),
            ("app_logs", dt): _events(dt),
            ("web_logs", dt): _requests(dt),
        }
    return write_partitions(folder, partitions)


def _orgs(number: int) -> list[str]:
    lines = [
        org(
            org_id,
            org_name=f"Org {org_id}  ",
            billing_plan_id=PLANS.get(org_id, 1),
            billing_plan_name="  Plan \u00a0 ",
            trial_started_at=TRIAL_STARTS.get(org_id, "2026-11-14T00:00:00Z"),
            created_at=FIRST,
            updated_at=LAST,
        )
        for org_id in ORGS
    ]
    copies = [
        org(TWICE, org_name="b", billing_plan_id=10),
        org(TWICE, org_name="a ", billing_plan_id=9, country="NL"),
        org(TWICE, org_name="a", billing_plan_id=10, country=""),
        org(TWICE, org_name="a", billing_plan_id=10, country="NL"),
        org(TWICE, org_name="a  ", billing_plan_id=10, country=None),
        org(TWICE, org_name="", updated_at="2026-10-31T23:59:59Z"),
    ]
    # The order of the lines changes from day to day and decides nothing.
    turn = number % len(copies)
    return lines + copies[turn:] + copies[:turn]


def _samples(number: int, dt: date) -> list[str]:
    lines = []
    for org_id in (*ORGS, TWICE):
        usage = {"hosts": org_id % 7, "dashboards": 1, "metrics": 3}
        if org_id in USAGE and dt not in ORDINARY_DATES:
            by_day = USAGE[org_id]
            usage = by_day[number % len(by_day)]
        for names in (["aws", "aws ", "aws\u00a0"], ["AWS", " aws", ""], [" "]):
            lines.append(sample(org_id, f"{dt}T10:00:00Z", integrations=names, **usage))
    return [*lines, lines[0], sample(RUNNING, FIRST, hosts=1), sample(FREE, LAST)]


def _events(dt: date) -> list[str]:
    at = f"{dt}T10:00:00Z"
    lines = [
        event(f"{dt} {org_id}{' ' * copy}", at, org_id=org_id, user_id=org_id)
        for org_id in (*ORGS, TWICE)
        for copy in range(2)
    ]
    # Of each group one line counts, wherever it stands.
    copies = [
        event(f"{dt} org", at, org_id=RUNNING, user_id=MAX_INT),
        event(f"{dt} org", at, org_id=OVER, user_id=MIN_INT),
        event(f"{dt} user", at, org_id=CUSTOMER, user_id=9),
        event(f"{dt} user  ", at, org_id=CUSTOMER, user_id=10),
        event(f"{dt} user", at, org_id=CUSTOMER),
        event(f"{dt} level", at, org_id=CUSTOMER, level="error "),
        event(f"{dt} level", at, org_id=CUSTOMER, level="ERROR"),
        event(f"{dt} level", at, org_id=CUSTOMER, level="INFO"),
        event(f"{dt} status", at, status=MAX_INT, duration_ms=MIN_INT, path="/a "),
        event(f"{dt} status", at, status=MIN_INT, duration_ms=MAX_INT, path="/a"),
        event(f"{dt} first", FIRST),
        event(f"{dt} last", LAST),
    ]
    return copies + lines if dt.day % 2 else lines + copies[::-1]


def _requests(dt: date) -> list[str]:
    hour = f"{dt:%d/%b/%Y}:10"
    return [
        request(f"{hour}:00:00 +0000", agent="curl/8"),
        request(f"{hour}:10:00 +0000", agent="curl/8   "),
        request(f"{hour}:20:00 +0000", agent=" curl/8"),
        request(f"{hour}:00:00 +0000", authuser=str(MAX_INT), size=str(MAX_INT)),
        request(f"{hour}:00:00 +0000", authuser=str(CUSTOMER), agent="  "),
        request("01/Jan/0001:00:00:00 +0000"),
        request("31/Dec/9999:23:59:59 +0000"),
    ]
