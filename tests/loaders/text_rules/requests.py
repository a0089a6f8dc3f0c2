"""Cases of access log lines in combined format."""

from collections.abc import Iterator
from datetime import datetime

from tests.loaders.text_rules.case import (
    NOT_COMBINED,
    Case,
    request,
    request_case,
)


def log_format_cases() -> Iterator[Case]:
    """Yield cases of fields, users, times and formats."""
    yield request_case(
        request(user="007", line="GET /a?b=1 HTTP/1.1", size="-"),
        user_id=7,
        requested_at=datetime(2026, 11, 24, 10),
        method="GET",
        path="/a?b=1",
        protocol="HTTP/1.1",
        status=200,
        response_bytes=None,
        referrer="-",
    )
    yield request_case(request(user="0" * 40 + "7"), user_id=7)
    yield request_case(request(user=str(2**63 - 1)), user_id=2**63 - 1)
    yield request_case(request(size=str(2**63 - 1)), response_bytes=2**63 - 1)
    for line in (
        "",
        "-",
        "GET /x",
        "GET  /x HTTP/1.1",
        "a\tb c d",
        r"\x16\x03",
        "GET /é x y",
    ):
        yield request_case(request(line=line), request=line, method=None, path=None)
    yield request_case(request(line=r"GET /\"q\" HTTP/1.1"), path=r"/\"q\"")
    for user in ("abc", "1.5", "-5", "+5", str(2**63), "9" * 5_000, "٣"):
        yield request_case(request(user=user), "wrong type: user_id is not a bigint")
    for size in (str(2**63), "9" * 400):
        yield request_case(
            request(size=size), "wrong type: response_bytes is not a bigint"
        )
    for time, value in {
        "24/Nov/2026:00:30:00 +0100": "2026-11-23 23:30",
        "29/Feb/2024:23:59:59 +1400": "2024-02-29 09:59:59",
        "01/Jan/2024:00:00:00 -1400": "2024-01-01 14:00",
        "01/Jan/0001:00:00:00 -0100": "0001-01-01 01:00",
        "31/Dec/9999:23:59:59 +0000": "9999-12-31 23:59:59",
    }.items():
        yield request_case(
            request(time=time), requested_at=datetime.fromisoformat(value)
        )
    for time in (
        *("1/Nov/2026:10:00:00 +0000", "01/nov/2026:10:00:00 +0000", "", "x"),
        *("01/NOV/2026:10:00:00 +0000", "01/November/2026:10:00:00 +0000"),
        *("31/Nov/2026:10:00:00 +0000", "29/Feb/2026:10:00:00 +0000"),
        *("24/Nov/2026:24:00:00 +0000", "24/Nov/2026:10:60:00 +0000"),
        *("24/Nov/2026:10:00:60 +0000", "24/Nov/2026:10:00:00 +1401"),
        *("24/Nov/2026:10:00:00 -1500", "24/Nov/2026:10:00:00 +0060"),
        *("24/Nov/2026:10:00:00 +01:00", "24/Nov/2026:10:00:00 Z"),
        *("24/Nov/2026:10:00:00", " 24/Nov/2026:10:00:00 +0000"),
        *("31/Dec/9999:23:59:59 -0500", "01/Jan/0001:00:00:00 +0100"),
        *("24/Nov/0000:10:00:00 +0000", "24/Xyz/2026:10:00:00 +0000"),
    ):
        yield request_case(
            request(time=time), "wrong type: requested_at is not a timestamp"
        )
    plain = request()
    for line in (
        *("x", f"{plain} x", plain[1:-1], plain.replace("200", "99"), f" {plain}"),
        *(request(status="abc"), request(status="2000"), request(size="1.5")),
        *(
            request(size="-1"),
            request(size=""),
            request(agent='a"b'),
            request(agent="\\"),
        ),
        *(plain.replace('"-" ', ""), plain.replace("- -", "-"), plain.replace("[", "")),
        *(request(user="a b"), '{"event_id":"e1"}', "-- log rotated --"),
    ):
        yield request_case(line, NOT_COMBINED)
