"""Valid and invalid raw lines of every source, for loads on both warehouses."""

import json

ORG = {
    "org_id": 1,
    "org_name": "Org",
    "created_at": "2026-11-01",
    "trial_started_at": None,
    "billing_plan_id": 1,
    "billing_plan_name": "Trial",
    "is_internal": False,
    "country": "NL",
    "owner_email": None,
    "updated_at": "2026-11-01T10:00:00Z",
}
SAMPLE = {
    "org_id": 1,
    "sampled_at": "2026-11-01T10:00:00Z",
    "hosts": 1,
    "dashboards": 2,
    "metrics": 3,
    "integrations": ["a", "b"],
}
EVENT = {
    "event_id": "e1",
    "ts": "2026-11-01T10:00:00Z",
    "org_id": 1,
    "user_id": 5,
    "level": "INFO",
    "event": "login",
    "path": "/a",
    "status": 200,
    "duration_ms": 5,
    "attributes": {"a": {"status": 200}},
}
# TIMESTAMPS and LOG_TIMESTAMPS are texts of values separated by `|` and line ends.
TIMESTAMPS = """2026-11-01|20261101|2026-1101|2026-11-01T10|2026-11-01 10:00
2026-11-01T10:00:00Z|2026-11-01T10:00:00.123456789Z|2026-11-01T10:00:00.9999999Z
2026-11-01T10:00:00,9999999|2026-11-01T24:00:00Z|2026-11-01T24:00:01Z
2026-11-01T24:00:00.5Z|2026-11-01T24:00:00+01|2026-11-01T10:00:60Z
2026-11-01T10:60:00Z|2026-02-29T10:00:00Z|2024-02-29T10:00:00Z|2100-02-29|2000-02-29
2026-11-01T10:00:00+15:00|2026-11-01T10:00:00+16|2026-11-01T10:00:00+15:59
2026-11-01T10:00:00+0099|2026-11-01T10:00:00-0330|2026-11-01t10:00:00z
2026-11-01T10:00:00 Z|0001-01-01|9999-12-31T23:59:59Z| 2026-11-01 |2026-11-01Z
2026-13-01|2026-00-01|2026-11-31|2026-11-00|2026-11-01T|2026-11-01T10:00:00+24
20261101T101112+0200|1970-01-01T00:00:00-23:59|2026-11-01T10:00:00.Z
2026-11-01T10:00:00.12|2026-11-01 10:00:00+02||yesterday|2026-11-01T10-02
2026-11-01T1000-02:30|2026-11-01T10:00:00.1+02:00|2026-11-01T10:00:00 +02:00
2026-11-01T25:00:00Z|2026-11-01T10:00:00+99:99|2026-11-01T10:00:00+14:59
2026-11-01T100000Z|20261101T10:00:00Z|2026-11-01T10:0000|0000-01-01|\t2026-11-01
2026-11-01 10:00:00  -0200|0000-01-01T10:00:00Z|2026-04-31T10:00:00Z|2026-12-31 23:59:59
2026-02-28T23:59:59.123456Z|2026-06-30T00:00:00|2026-02-30T00:00:00Z
20261101T1000|20261101 101112.5|2026-11-01T10:00:00+10:60"""
WHOLE_NUMBERS = [12, "12", " 12 ", "+12", 12.0, "12.0", "1e3", "007", True, "true", 0]
WHOLE_NUMBERS += [2**63 - 1, 2**63, -(2**63), str(-(2**63)), "--1", "-007", "", " "]
WHOLE_NUMBERS += ["\t12", "12\n", "1 2", [1], {"a": 1}, "9" * 40, None]
BOOLEANS = [True, False, "true", "TRUE", " t ", "yes", "n", "0", 0, 1, 2, "on", None]
BOOLEANS += [[], "", 1.0]
TEXTS = ["é☃𝄞", 'a"b\\c', "line\nbreak", "", None, 5, 1.50, True, [1], {"a": 1}, " x "]
TEXTS += ["null", "\\ud800", "\t", "y" * 6000]
ARRAYS = [[], ["a"], ["a", 1], [None], ['x"y', "\\"], ["a", ["b"]], {}, "a", None]
ARRAYS += [["]["], ['é,"}'], "[]", 1, ["a", "a"], [""]]
LOG_TIMESTAMPS = """1/Nov/2026:1:2:3 +0000|01/nov/2026:10:00:00 +0100
01/Nov/2026:10:00:00 +01:00|01/Nov/2026:10:00:00 +01|01/Nov/2026:10:00:00 Z
31/Feb/2026:10:00:00 +0000|01/Nov/2026:24:00:00 +0000|01/Nov/2026:10:00:60 +0000
01/November/2026:10:00:00 +0000| 01/Nov/2026:10:00:00 +0000
01/Nov/2026:10:00:00 +2400|01/Nov/2026:10:00:00 +1430|01/Nov/2026:10:00:00 -1500
01/Nov/2026:10:00:00 +0099|01/Nov/2026:10:00:00
01/Nov/2026:10:00:00 -0330|01/Nov/2026:10:00:00  +0000|001/Nov/2026:10:00:00 +0000
01/Nov/2026:10:00:00 +000|1/NOV/0001:1:2:3 +0000||00/Nov/2026:1:2:3 +0000
01/Xxx/2026:10:00:00 +0000|29/Feb/2024:10:00:00 +0000|29/Feb/2026:10:00:00 +0000"""


def dirty_lines() -> dict[str, list[str]]:
    """Return the lines by source."""
    return {
        "orgs": _orgs(),
        "metrics": _metrics(),
        "app_logs": _app_logs(),
        "web_logs": _web_logs(),
    }


def _orgs() -> list[str]:
    timestamps = TIMESTAMPS.replace("\n", "|").split("|")
    changes = [{"updated_at": text} for text in (*timestamps, None, 5, True, [])]
    changes += [{"trial_started_at": text} for text in (*timestamps[:5], "never")]
    changes += [{"org_id": value} for value in WHOLE_NUMBERS]
    changes += [{"is_internal": value} for value in BOOLEANS]
    changes += [{"org_name": value} for value in TEXTS]
    changes += [{"owner_email": value} for value in TEXTS]
    changes += [{"plan_tier": {"a": [1, "x"]}}, {"plan_tier": None}, {"a": 1, "b": 2}]
    plain = json.dumps(ORG)
    return [
        *(json.dumps(ORG | change) for change in changes),
        *(json.dumps({k: v for k, v in ORG.items() if k != key}) for key in ORG),
        *("{}", "[]", "5", '"x"', "", "   ", "\t", "\v", '{"org_id":1', "not JSON"),
        *(f"{plain} x", f"{plain}\r", f"  {plain}", f"{plain}  ", plain.upper()),
        json.dumps(ORG, separators=(",", ":")),
        plain.replace("Org", r"\u0041\/b\ud83d\ude00"),
        plain.replace("Org", r"\ud800"),
        plain.replace(": 1,", r': "\u0031\u0032",'),
        plain.replace("Org", r"\ude00\ud83d"),
        plain.replace(": 1,", ":\r1,"),
        "x" * 5000,
        json.dumps(ORG | {"org_name": "y" * 60_000}),
        "\\N",
    ]


def _metrics() -> list[str]:
    changes = [{"integrations": value} for value in ARRAYS]
    changes += [{"hosts": value} for value in WHOLE_NUMBERS]
    return [
        *(json.dumps(SAMPLE | change) for change in changes),
        json.dumps(SAMPLE).replace('["a", ', '[ "a"   , '),
    ]


def _app_logs() -> list[str]:
    changes = [
        {"attributes": value}
        for value in ({}, {"a": [1, 2]}, [], "x", 1, None, {"k": '"{'})
    ]
    changes += [{"user_id": value} for value in WHOLE_NUMBERS]
    changes += [{"event_id": value} for value in TEXTS]
    changes += [{"extra": 1}, {"status": "200"}, {"status": 2.5}]
    return [json.dumps(EVENT | change) for change in changes]


def request(
    user: str = "-",
    timestamp: str = "24/Nov/2026:13:55:36 +0100",
    request_line: str = "GET /x?a=1 HTTP/1.1",
    status_and_bytes: str = "200 12",
    user_agent: str = "Mozilla/5.0 (X11)",
) -> str:
    """Return an access log line in combined format."""
    return (
        f'1.2.3.4 - {user} [{timestamp}] "{request_line}" {status_and_bytes} '
        f'"-" "{user_agent}"'
    )


def _web_logs() -> list[str]:
    users = ("5", "abc", "1.5", "9" * 20, 'a"b', '"', "-5", "007")
    request_lines = (
        "GET /x",
        "",
        "-",
        r"GET /\"q\" HTTP/1.1",
        "GET  /x HTTP/1.1",
        r"a\\",
    )
    request_lines += (r"\x16\x03", "GET /é HTTP/1.1", "a\tb c d", "GET /a\tb HTTP/1.1")
    statuses_and_bytes = (
        "99 1",
        "2000 1",
        "abc 1",
        "000 0",
        "200 -",
        f"200 {'9' * 20}",
        "200 x",
    )
    user_agents = (r"q\"u\\", r"end\\\"x", 'bad"quote', "", "\\", "\\\\", r"\ ", "é")
    plain = request()
    return [
        *(
            request(timestamp=text)
            for text in LOG_TIMESTAMPS.replace("\n", "|").split("|")
        ),
        *(request(user=user) for user in users),
        *(request(request_line=text) for text in request_lines),
        *(request(status_and_bytes=text) for text in statuses_and_bytes),
        *(request(user_agent=text) for text in user_agents),
        *(f"{plain}  ", f"{plain} x", f"{plain}\t", f"{plain}\r", "", "   ", "x"),
        plain.replace("GET", "G\rT"),
        'a b c [d] "e" 200 5 "f" "g"',
        '"x y c [24/Nov/2026:13:55:36 +0100] "e f g" 200 5 "f" "g"',
    ]
