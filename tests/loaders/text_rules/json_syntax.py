"""Cases of JSON syntax: strictness, keys given twice, nesting, missing keys."""

from collections.abc import Iterator

from tests.loaders.text_rules.case import (
    EVENT,
    NESTED,
    NOT_JSON,
    ORG,
    SAMPLE,
    TWICE,
    Case,
    event_case,
    record,
)

DEEP = "[" * 999 + "]" * 999  # with the record itself: 1,000 levels
TOO_DEEP = "[" * 1_000 + "]" * 1_000
LONG_DIGITS = "9" * 400  # outside the range of a double


def syntax_cases() -> Iterator[Case]:
    """Yield cases of syntax."""
    plain = record("app_logs")
    start = plain[:-1]
    for line in (
        *(
            "null",
            "5",
            '"x"',
            "[]",
            f"[{plain}]",
            "{",
            "}",
            "not JSON",
            r"\N",
            plain[1:],
        ),
        *(
            f"{plain}{plain}",
            f"{plain} x",
            plain.replace('"', "'"),
            start,
        ),
        *(f"{start},}}", f'{start},"x":NaN}}', f'{start},"x":[-Infinity]}}'),
        *(
            f'{start},"x":01}}',
            f'{start},"x":.5}}',
            f'{start},"x":1.}}',
            f'{start},"x":+1}}',
        ),
        *(f'{start},"x":[1,]}}', f'{start},"x":"\\x"}}', f'{start},"x":"\\u00g0"}}'),
        *(f'{start},"x":TRUE}}', f"{start},x:1}}", f'{start},"x"}}', f"{start} /**/}}"),
        *(f'{start},"x":1e999}}', f'{start},"x":-{LONG_DIGITS}}}'),
        *(f'{start},"x":"\\ud800"}}', f'{start},"x":"\\ude00\\ud83d"}}'),
        *(
            f'{start},"\\udfff":1}}',
            plain.replace("login", r"\uD83D"),
            f"{start}\u00a0}}",
        ),
        f'{start},"x":{"[" * 30_000}}}',
        f'{start},"x":{"9" * 5_000}}}',
    ):
        yield event_case(line, NOT_JSON)
    for line in (
        *(
            f'{start},"user_id":99}}',
            f'{start},"user_id":5}}',
            f'{start},"\\u0075ser_id":5}}',
        ),
        *(
            f'{start},"x":1,"x":1}}',
            f'{start},"x":null,"x":null}}',
            f'{start},"":1,"":2}}',
        ),
        *(f'{start},"x":{{"a":1,"a":2}}}}', f'{start},"x":[[{{"\\u0061":1,"a":2}}]]}}'),
        record("app_logs", attributes='{"a":1,"b":2,"a":3}'),
        record("app_logs", attributes='{"a":null,"a":null}'),
        record("app_logs", attributes='{"a":{"b":1,"b":2}}'),
        record("app_logs", user_id='null,"user_id":null'),
        record("app_logs", user_id='null,"user_id":5'),
        record("app_logs", user_id='5,"user_id":null,"path":":a"'),
        f'{start},"x":{TOO_DEEP},"x":1}}',
    ):
        yield event_case(line, TWICE)
    yield Case(
        "orgs", record("orgs", country='"NL","country":"DE"').encode(), reason=TWICE
    )
    yield Case("metrics", record("metrics", hosts='1,"hosts":2').encode(), reason=TWICE)
    yield event_case(f'{start},"x":{DEEP}}}', user_id=5)
    yield event_case(
        record("app_logs", attributes=f'{{"a":{"[" * 998}{"]" * 998}}}'), user_id=5
    )
    for deep in (
        TOO_DEEP,
        "[" * 30_000 + "]" * 30_000,
        '{"a":' * 1_001 + "1" + "}" * 1_001,
    ):
        yield event_case(f'{start},"x":{deep}}}', NESTED)
    yield event_case(record("app_logs", x=TOO_DEEP, org_id='"twelve"'), NESTED)
    yield event_case(f'{start},"x":"[[{"[" * 2_000}"}}', user_id=5)
    yield event_case(
        f'{start},"x":1.50,"y":[1e3,{{"z":null}}],"ü \\"q\\"":false}}',
        extra={"x": 1.5, "y": [1000, {"z": None}], 'ü "q"': False},
    )
    yield event_case(
        f'{start},"x":12345678901234567890}}', extra={"x": 12345678901234567890}
    )
    yield event_case(
        record("app_logs", attributes='{"a":{"b":[1,2.50,"\\u00e9\\ud83d\\ude00"]}}'),
        attributes={"a": {"b": [1, 2.5, "é😀"]}},
    )
    yield event_case(record("app_logs", path='":a"', level='":"'), path=":a", level=":")
    yield event_case(record("app_logs", path='": null"'), path=": null")


def missing_key_cases() -> Iterator[Case]:
    """Yield cases of required keys."""
    required = {
        "orgs": [key for key in ORG if ORG[key] != "null" and key != "country"],
        "metrics": list(SAMPLE),
        "app_logs": [key for key in EVENT if key != "user_id"],
    }
    for source, keys in required.items():
        for key in keys:
            for value in ("", "null"):
                line = record(source, **{key: value}).encode()
                yield Case(source, line, reason=f"missing key {key}")
    yield event_case("{}", "missing key event_id")
    # A missing key comes before a wrong type.
    yield event_case(record("app_logs", ts='"x"', event="null"), "missing key event")
    yield event_case(
        record("app_logs", ts='"x"', org_id='"x"'), "wrong type: ts is not a timestamp"
    )
    yield event_case(record("app_logs", user_id=""), user_id=None)
    yield event_case(record("app_logs", user_id="null"), user_id=None)
