"""What becomes of one line: a row, or a reject with its reason."""

import json
from datetime import date, datetime

import pytest

from tests.reference import records
from tests.reference.parsing import parse_line, physical_lines
from tests.reference.records import Place, RejectedError
from tests.reference.tests import given

PLACE = Place(date(2026, 11, 2), "object", 1)


def _parsed(source: str, line: str | bytes) -> records.Row:
    return parse_line(source, line.encode() if isinstance(line, str) else line, PLACE)


def _rejected(source: str, line: str | bytes) -> tuple[str, str]:
    with pytest.raises(RejectedError) as rejected:
        _parsed(source, line)
    return rejected.value.category, rejected.value.detail


def test_lines_end_at_line_feeds_alone_and_blank_ones_do_not_count() -> None:
    content = b"one\r\n\n  \t \ntwo\x0bstill two\xe2\x80\xa8\nthree"
    assert list(physical_lines(content)) == [
        (1, b"one"),
        (4, b"two\x0bstill two\xe2\x80\xa8"),
        (5, b"three"),
    ]


def test_an_org_line_becomes_an_org() -> None:
    assert _parsed("orgs", given.org(7, org_name='A "b", c', extra=[1])) == records.Org(
        place=PLACE,
        org_id=7,
        org_name='A "b", c',
        trial_started_at=datetime(2026, 11, 1, 9),
        billing_plan_id=1,
        billing_plan_name="Trial",
        is_internal=False,
        updated_at=datetime(2026, 11, 1, 9),
    )


def test_a_sample_and_an_event_become_rows() -> None:
    line = given.sample(7, "2026-11-02T06:00:00Z", hosts=3, integrations=["a", "a"])
    sample = _parsed("metrics", line)
    assert (sample.at, sample.hosts) == (datetime(2026, 11, 2, 6), 3)
    assert sample.integrations == ("a", "a")

    event = _parsed("app_logs", given.event("e", "2026-11-02T06:00:00.25Z", user_id=5))
    assert event.at == datetime(2026, 11, 2, 6, 0, 0, 250_000)
    assert (event.event_id, event.org_id, event.user_id) == ("e", 1, 5)


@pytest.mark.parametrize(
    ("value", "number"),
    [(12, 12), ("12", 12), ("+12", 12), ("-3", -3), (" 12 ", 12), ("007", 7)],
)
def test_whole_numbers_may_be_texts(value: object, number: int) -> None:
    assert (
        _parsed("orgs", given.org(1, billing_plan_id=value)).billing_plan_id == number
    )


@pytest.mark.parametrize(
    "value", [1.5, "1.5", 1.0, "", "twelve", "1e3", True, [1], 2**63, "0x1f", "١٢"]
)
def test_other_things_are_no_whole_numbers(value: object) -> None:
    line = given.org(1, billing_plan_id=value)
    assert _rejected("orgs", line) == (records.WRONG_TYPE, "billing_plan_id")


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-11-01 10:00:00", datetime(2026, 11, 1, 10)),
        ("2026-11-01T10:00:00", datetime(2026, 11, 1, 10)),
        ("2026-11-01T10:00:00Z", datetime(2026, 11, 1, 10)),
        ("2026-11-01T10:00", datetime(2026, 11, 1, 10)),
        ("20261101T100000Z", datetime(2026, 11, 1, 10)),
        ("2026-11-01", datetime(2026, 11, 1)),
        ("2026-11-01T10", datetime(2026, 11, 1, 10)),
        ("20261101T10-02", datetime(2026, 11, 1, 12)),
        ("2026-11-30T24:00:00Z", datetime(2026, 12, 1)),
        ("2026-11-01T24:00+01:00", datetime(2026, 11, 1, 23)),
        ("2026-11-01T10:00:00.1234567Z", datetime(2026, 11, 1, 10, 0, 0, 123_456)),
        ("2026-11-01T01:00:00+02:00", datetime(2026, 10, 31, 23)),
        ("2026-11-01T23:00:00-0530", datetime(2026, 11, 2, 4, 30)),
        ("2026-11-01T10:00:00+02", datetime(2026, 11, 1, 8)),
    ],
)
def test_timestamps_in_any_iso_form_become_utc(text: str, moment: datetime) -> None:
    assert _parsed("app_logs", given.event("e", text)).at == moment


@pytest.mark.parametrize(
    "value",
    [
        "yesterday",
        "",
        1_790_000_000,
        "2026-02-30T10:00:00Z",
        "2026-11-01T24:30:00Z",
        "2026-11-01T24:00:00.1Z",
        "9999-12-31T24:00:00Z",
        "01/11/2026 10:00",
        "2026-11-01T10:00:00+99:00",
        {},
    ],
)
def test_other_things_are_no_timestamps(value: object) -> None:
    line = json.dumps(json.loads(given.event("e", "")) | {"ts": value})
    assert _rejected("app_logs", line) == (records.WRONG_TYPE, "ts")


@pytest.mark.parametrize("value", [True, "true", "T", "yes", "Y", 1, "1", " t "])
def test_words_for_true(value: object) -> None:
    assert _parsed("orgs", given.org(1, is_internal=value)).is_internal is True


@pytest.mark.parametrize("value", ["maybe", 2, "", [], "on"])
def test_other_things_are_no_booleans(value: object) -> None:
    line = given.org(1, is_internal=value)
    assert _rejected("orgs", line) == (records.WRONG_TYPE, "is_internal")


@pytest.mark.parametrize("value", ["aws", ["aws", 1], ["aws", None], {"aws": 1}])
def test_integrations_are_an_array_of_strings(value: object) -> None:
    line = given.sample(1, "2026-11-02T06:00:00Z", integrations=value)
    assert _rejected("metrics", line) == (records.WRONG_TYPE, "integrations")


@pytest.mark.parametrize("key", ["event_id", "ts", "org_id", "level", "event"])
def test_a_required_key_may_be_neither_absent_nor_null(key: str) -> None:
    fields = json.loads(given.event("e", "2026-11-02T06:00:00Z"))
    assert _rejected("app_logs", json.dumps(fields | {key: None})) == (
        records.MISSING_KEY,
        key,
    )
    fields.pop(key)
    assert _rejected("app_logs", json.dumps(fields)) == (records.MISSING_KEY, key)


@pytest.mark.parametrize("key", ["user_id", "path", "status", "attributes"])
def test_an_optional_key_may_be_null_but_not_of_another_type(key: str) -> None:
    at = "2026-11-02T06:00:00Z"
    assert _parsed("app_logs", given.event("e", at, **{key: None}))
    line = given.event("e", at, **{key: ["x"]})
    assert _rejected("app_logs", line) == (records.WRONG_TYPE, key)


@pytest.mark.parametrize(
    "line",
    ["not json", '{"org_id": 1', '{"org_id": 1,}', '{"x": NaN}', "{} {}", "[" * 9_999],
)
def test_what_is_not_json_is_rejected(line: str) -> None:
    assert _rejected("orgs", line) == (records.NOT_JSON, "")


@pytest.mark.parametrize("line", ["[]", "42", "null", '"text"', "true"])
def test_json_of_another_kind_is_rejected(line: str) -> None:
    assert _rejected("orgs", line) == (records.NOT_AN_OBJECT, "")


@pytest.mark.parametrize("source", records.SOURCES)
def test_lines_that_are_no_text_or_too_long_are_rejected(source: str) -> None:
    assert _rejected(source, b'{"a": "caf\xe9"}')[0] == records.NOT_UTF8
    assert _rejected(source, b'{"a": "\0"}')[0] == records.NUL
    assert _rejected(source, b" " * 65_535 + b"x")[0] == records.TOO_LONG


def test_a_line_of_the_greatest_length_is_a_row() -> None:
    line = given.event("e", "2026-11-02T06:00:00Z", pad="")
    longest = given.event("e", "2026-11-02T06:00:00Z", pad="x" * (65_535 - len(line)))
    assert len(longest) == 65_535
    assert _parsed("app_logs", longest)


def test_a_request_becomes_a_row() -> None:
    line = given.request(
        "02/Nov/2026:01:30:00 +0200",
        client="2001:db8::1",
        authuser="50001",
        request=r"GET /a\"b HTTP/1.1",
        size="-",
        agent=r"says \"hi\" \\",
    )
    assert _parsed("web_logs", f"{line} ") == records.Request(
        place=PLACE,
        at=datetime(2026, 11, 1, 23, 30),
        client_address="2001:db8::1",
        user_id=50001,
        request=r"GET /a\"b HTTP/1.1",
        user_agent=r"says \"hi\" \\",
    )


def test_a_dash_is_nobody() -> None:
    assert (
        _parsed("web_logs", given.request("02/Nov/2026:01:30:00 +0000")).user_id is None
    )


@pytest.mark.parametrize("name", ["alice", "-5", "12a", "1.0", "9" * 20, "٣"])
def test_an_authuser_is_a_dash_or_a_whole_number(name: str) -> None:
    line = given.request("02/Nov/2026:01:30:00 +0000", authuser=name)
    assert _rejected("web_logs", line)[0] == records.BAD_AUTHUSER


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
def test_other_times_are_rejected(time: str) -> None:
    assert _rejected("web_logs", given.request(time))[0] == records.BAD_TIME


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
def test_other_formats_are_rejected(before: str, after: str) -> None:
    line = given.request("02/Nov/2026:01:30:00 +0000")
    broken = line.replace(before, after, 1)
    assert broken != line
    assert _rejected("web_logs", broken)[0] == records.NOT_COMBINED
