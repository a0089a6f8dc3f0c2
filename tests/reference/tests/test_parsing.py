"""Tests of parsing lines into records and rejects."""

import json
from datetime import date, datetime

import pytest

from tests.reference import records
from tests.reference.parsing import parse_line, physical_lines
from tests.reference.records import RecordLocation, RejectedError
from tests.reference.tests import raw_records

LOCATION = RecordLocation(date(2026, 11, 2), "object", 1)


def _parse(source: str, line: str | bytes) -> records.Record:
    encoded = line.encode() if isinstance(line, str) else line
    return parse_line(source, encoded, LOCATION)


def _parse_reject(source: str, line: str | bytes) -> tuple[str, str]:
    """Return the category and the key of a rejected line."""
    with pytest.raises(RejectedError) as rejected:
        _parse(source, line)
    return rejected.value.category, rejected.value.detail


def test_lines_end_only_at_line_feeds_and_blank_lines_are_skipped() -> None:
    content = b"one\r\n\n  \t \ntwo\x0bstill two\xe2\x80\xa8\nthree"
    assert list(physical_lines(content)) == [
        (1, b"one\r"),
        (4, b"two\x0bstill two\xe2\x80\xa8"),
        (5, b"three"),
    ]


def test_org_line_is_parsed() -> None:
    assert _parse(
        "orgs", raw_records.org(7, org_name='A "b", c', extra=[1])
    ) == records.Org(
        location=LOCATION,
        org_id=7,
        org_name='A "b", c',
        created_at=datetime(2026, 11, 1, 8),
        trial_started_at=datetime(2026, 11, 1, 9),
        billing_plan_id=1,
        billing_plan_name="Trial",
        is_internal=False,
        country="NL",
        owner_email=None,
        updated_at=datetime(2026, 11, 1, 9),
    )


def test_sample_and_event_are_parsed() -> None:
    line = raw_records.sample(
        7, "2026-11-02T06:00:00Z", hosts=3, integrations=["a", "a"]
    )
    sample = _parse("metrics", line)
    assert (sample.at, sample.counts["hosts"]) == (datetime(2026, 11, 2, 6), 3)
    assert sample.integrations == ("a", "a")

    event = _parse(
        "app_logs", raw_records.event("e", "2026-11-02T06:00:00.25Z", user_id=5)
    )
    assert event.at == datetime(2026, 11, 2, 6, 0, 0, 250_000)
    assert (event.event_id, event.org_id, event.user_id) == ("e", 1, 5)


@pytest.mark.parametrize(
    ("value", "number"),
    [(12, 12), ("12", 12), ("+12", 12), ("-3", -3), (" 12 ", 12), ("007", 7)],
)
def test_integers_may_be_strings(value: object, number: int) -> None:
    assert (
        _parse("orgs", raw_records.org(1, billing_plan_id=value)).billing_plan_id
        == number
    )


@pytest.mark.parametrize(
    "value", [1.5, "1.5", 1.0, "", "twelve", "1e3", True, [1], 2**63, "0x1f", "١٢"]
)
def test_invalid_integers_are_rejected(value: object) -> None:
    line = raw_records.org(1, billing_plan_id=value)
    assert _parse_reject("orgs", line) == (records.WRONG_TYPE, "billing_plan_id")


@pytest.mark.parametrize(
    ("text", "timestamp"),
    [
        ("2026-11-01 10:00:00", datetime(2026, 11, 1, 10)),
        ("2026-11-01T10:00:00", datetime(2026, 11, 1, 10)),
        ("2026-11-01T10:00:00Z", datetime(2026, 11, 1, 10)),
        ("2026-11-01T10:00", datetime(2026, 11, 1, 10)),
        ("2026-11-01", datetime(2026, 11, 1)),
        ("0000-12-31T23:30:00-01:00", datetime(1, 1, 1, 0, 30)),
        ("2026-11-30T24:00:00Z", datetime(2026, 12, 1)),
        ("2026-11-01T24:00+01:00", datetime(2026, 11, 1, 23)),
        ("2026-11-01T10:00:00.1234567Z", datetime(2026, 11, 1, 10, 0, 0, 123_456)),
        ("2026-11-01T01:00:00+02:00", datetime(2026, 10, 31, 23)),
        ("2026-11-01T23:00:00-0530", datetime(2026, 11, 2, 4, 30)),
        ("2026-11-01T10:00:00+02", datetime(2026, 11, 1, 8)),
    ],
)
def test_iso_timestamps_are_converted_to_utc(text: str, timestamp: datetime) -> None:
    assert _parse("app_logs", raw_records.event("e", text)).at == timestamp


@pytest.mark.parametrize(
    "value",
    [
        "yesterday",
        "",
        1_790_000_000,
        "2026-02-30T10:00:00Z",
        "2026-11-01T24:30:00Z",
        "20261101T100000Z",
        "2026-11-01T10",
        "2026-11-01T10:00:00,5Z",
        "2026-11-01t10:00:00z",
        "2026-11-01T10:00:00 Z",
        "9999-12-31T23:59:59-05:00",
        "0001-01-01T00:00:00+01:00",
        "2026-11-01T24:00:00.1Z",
        "9999-12-31T24:00:00Z",
        "01/11/2026 10:00",
        "2026-11-01T10:00:00+99:00",
        {},
    ],
)
def test_invalid_timestamps_are_rejected(value: object) -> None:
    line = json.dumps(json.loads(raw_records.event("e", "")) | {"ts": value})
    assert _parse_reject("app_logs", line) == (records.WRONG_TYPE, "ts")


@pytest.mark.parametrize("value", [True, "true", "T", "yes", "Y", 1, "1", " t "])
def test_true_has_several_spellings(value: object) -> None:
    assert _parse("orgs", raw_records.org(1, is_internal=value)).is_internal is True


@pytest.mark.parametrize("value", ["maybe", 2, "", [], "on"])
def test_invalid_booleans_are_rejected(value: object) -> None:
    line = raw_records.org(1, is_internal=value)
    assert _parse_reject("orgs", line) == (records.WRONG_TYPE, "is_internal")


@pytest.mark.parametrize("value", ["aws", ["aws", 1], ["aws", None], {"aws": 1}])
def test_invalid_integrations_are_rejected(value: object) -> None:
    line = raw_records.sample(1, "2026-11-02T06:00:00Z", integrations=value)
    assert _parse_reject("metrics", line) == (records.WRONG_TYPE, "integrations")


@pytest.mark.parametrize("key", ["event_id", "ts", "org_id", "level", "event"])
def test_missing_or_null_required_key_is_rejected(key: str) -> None:
    fields = json.loads(raw_records.event("e", "2026-11-02T06:00:00Z"))
    assert _parse_reject("app_logs", json.dumps(fields | {key: None})) == (
        records.MISSING_KEY,
        key,
    )
    fields.pop(key)
    assert _parse_reject("app_logs", json.dumps(fields)) == (records.MISSING_KEY, key)


@pytest.mark.parametrize("key", ["user_id", "path", "status", "attributes"])
def test_optional_key_may_be_null_but_not_of_another_type(key: str) -> None:
    at = "2026-11-02T06:00:00Z"
    assert _parse("app_logs", raw_records.event("e", at, **{key: None}))
    line = raw_records.event("e", at, **{key: ["x"]})
    assert _parse_reject("app_logs", line) == (records.WRONG_TYPE, key)


@pytest.mark.parametrize(
    "line",
    ["not json", '{"org_id": 1', '{"org_id": 1,}', '{"x": NaN}', "{} {}"],
)
def test_invalid_json_is_rejected(line: str) -> None:
    assert _parse_reject("orgs", line) == (records.NOT_JSON, "")


@pytest.mark.parametrize("line", ["[]", "42", "null", '"text"', "true"])
def test_json_that_is_not_an_object_is_rejected(line: str) -> None:
    assert _parse_reject("orgs", line) == (records.NOT_JSON, "")


@pytest.mark.parametrize("source", records.SOURCES)
def test_invalid_utf8_nul_and_too_long_lines_are_rejected(source: str) -> None:
    assert _parse_reject(source, b'{"a": "caf\xe9"}')[0] == records.NOT_UTF8
    assert _parse_reject(source, b'{"a": "\0"}')[0] == records.CONTROL
    assert _parse_reject(source, b" " * 65_535 + b"x")[0] == records.TOO_LONG


def test_line_of_maximum_length_is_parsed() -> None:
    line = raw_records.event("e", "2026-11-02T06:00:00Z", pad="")
    longest = raw_records.event(
        "e", "2026-11-02T06:00:00Z", pad="x" * (65_535 - len(line))
    )
    assert len(longest) == 65_535
    assert _parse("app_logs", longest)


def test_request_is_parsed() -> None:
    line = raw_records.request(
        "02/Nov/2026:01:30:00 +0200",
        client="2001:db8::1",
        authuser="50001",
        request=r"GET /a\"b HTTP/1.1",
        size="-",
        agent=r"a \"b\" \\",
    )
    assert _parse("web_logs", f"{line} ") == records.Request(
        location=LOCATION,
        at=datetime(2026, 11, 1, 23, 30),
        client_address="2001:db8::1",
        user_id=50001,
        request=r"GET /a\"b HTTP/1.1",
        user_agent=r"a \"b\" \\",
    )


def test_dash_as_authuser_is_anonymous() -> None:
    assert (
        _parse("web_logs", raw_records.request("02/Nov/2026:01:30:00 +0000")).user_id
        is None
    )


@pytest.mark.parametrize("name", ["alice", "-5", "12a", "1.0", "9" * 20, "٣"])
def test_invalid_authusers_are_rejected(name: str) -> None:
    line = raw_records.request("02/Nov/2026:01:30:00 +0000", authuser=name)
    assert _parse_reject("web_logs", line)[0] == records.BAD_AUTHUSER


@pytest.mark.parametrize(
    "time",
    [
        "31/Feb/2026:01:30:00 +0000",
        "02/Xyz/2026:01:30:00 +0000",
        "02/Nov/2026:24:00:00 +0000",
        "02/Nov/2026:01:30:00",
        "2026-11-02T01:30:00Z",
        "",
    ],
)
def test_invalid_log_timestamps_are_rejected(time: str) -> None:
    assert _parse_reject("web_logs", raw_records.request(time))[0] == records.BAD_TIME


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ('"-" "Mozilla/5.0"', ""),
        ("[", ""),
        (" 200 ", " OK "),
        ('"GET', '"GET "'),
        (" - ", " "),
    ],
)
def test_invalid_log_formats_are_rejected(before: str, after: str) -> None:
    line = raw_records.request("02/Nov/2026:01:30:00 +0000")
    broken = line.replace(before, after, 1)
    assert broken != line
    assert _parse_reject("web_logs", broken)[0] == records.NOT_COMBINED
