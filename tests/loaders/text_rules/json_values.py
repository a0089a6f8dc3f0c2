"""Cases of JSON values and the types that they can become."""

from collections.abc import Iterator

from tests.loaders.text_rules.case import (
    Case,
    event_case,
    org_case,
    record,
)


def integer_cases() -> Iterator[Case]:
    """Yield cases of whole numbers."""
    for text, number in {
        "0": 0,
        "-12": -12,
        "9223372036854775807": 2**63 - 1,
        "-9223372036854775808": -(2**63),
        '"12"': 12,
        '" 12 "': 12,
        '"+12"': 12,
        '"-3"': -3,
        '"007"': 7,
        '"+0"': 0,
        '"-9223372036854775808"': -(2**63),
        f'"{" " * 38}7"': 7,
        f'"{"0" * 400}7"': 7,
        f'"-{"0" * 40}7"': -7,
        r'"\u0031\u0032"': 12,
        r'"\u0020\u0031"': 1,
    }.items():
        yield event_case(record("app_logs", user_id=text), user_id=number)
    reason = "wrong type: user_id is not a bigint"
    for text in (
        *(
            "12.7",
            "12.0",
            "1e3",
            "-0",
            "true",
            "false",
            "[1]",
            '{"a":1}',
            "9223372036854775808",
        ),
        *(
            '"12.0"',
            '"1e3"',
            '"-0"',
            '"-00"',
            '""',
            '" "',
            '"+"',
            '"1 2"',
            '"+ 1"',
            '"--1"',
        ),
        *(
            r'"\t12"',
            r'"12\n"',
            r'"12\u00a0"',
            r'"\u300012"',
            '"\u00a012"',
            '"٣"',
            '"0x1f"',
        ),
        *(
            '"9223372036854775808"',
            f'"{"9" * 40}"',
            f'"{"9" * 5_000}"',
            '"1_000"',
            '"\uff11\uff12"',
        ),
        "-9223372036854775809",
    ):
        yield event_case(record("app_logs", user_id=text), reason)


def text_cases() -> Iterator[Case]:
    """Yield cases of text."""
    for text, value in {
        '""': "",
        '" x "': " x ",
        r'"a\"b\\c\/\b\f\n\r\t"': 'a"b\\c/\b\f\n\r\t',
        r'"\u0041\ud83d\ude00"': "A😀",
        "7": "7",
        "0": "0",
        "-12": "-12",
        "9223372036854775807": "9223372036854775807",
        '"null"': "null",
        '"1.10"': "1.10",
        '"[1]"': "[1]",
        '"{"': "{",
        '"NaN,}"': "NaN,}",
        r'"\\N"': "\\N",
    }.items():
        yield event_case(record("app_logs", event=text), event=value)
    reason = "wrong type: event is not a varchar"
    for text in (
        *(
            "1.10",
            "1e3",
            "7.0",
            "-0",
            "true",
            "false",
            "[1]",
            '{"a":1}',
            "9223372036854775808",
        ),
        "12345678901234567890123",
    ):
        yield event_case(record("app_logs", event=text), reason)


def boolean_cases() -> Iterator[Case]:
    """Yield cases of booleans."""
    words = {
        True: ["true", "t", "yes", "y", "1"],
        False: ["false", "f", "no", "n", "0"],
    }
    for value in (True, False):
        for word in words[value]:
            for text in (word, word.upper(), word.title(), f" {word}  "):
                yield org_case(is_internal=f'"{text}"', expected={"is_internal": value})
    for text, value in {"true": True, "false": False, "1": True, "0": False}.items():
        yield org_case(is_internal=text, expected={"is_internal": value})
    for text in (
        *(
            '"true\u00a0"',
            r'"true\u00a0"',
            r'"\ttrue"',
            r'"true\n"',
            '"maybe"',
            '""',
            '" "',
        ),
        *(
            "2",
            "-1",
            "-0",
            "1.0",
            "0.0",
            "1e0",
            "[]",
            "{}",
            '"on"',
            '"01"',
            '"1.0"',
            '"-0"',
        ),
        *('"\u2003yes"', '"tru e"', '"\uff54\uff52\uff55\uff45"'),
    ):
        yield org_case(
            is_internal=text, reason="wrong type: is_internal is not a boolean"
        )


def json_column_cases() -> Iterator[Case]:
    """Yield cases of arrays and objects."""
    for text, value in {
        "[]": [],
        '["a","a",""]': ["a", "a", ""],
        '[ "x\\"y" , "\\\\", "é,\\"}" ]': ['x"y', "\\", 'é,"}'],
        '["]["]': ["]["],
    }.items():
        line = record("metrics", integrations=text).encode()
        yield Case("metrics", line, {"integrations": value})
    for text in ('["a",1]', "[null]", '[["a"]]', '[{"a":1}]', "{}", '"a"', '"[]"', "1"):
        line = record("metrics", integrations=text).encode()
        yield Case(
            "metrics",
            line,
            reason="wrong type: integrations is not an array of strings",
        )
    for text, value in {
        "{}": {},
        '{"a":1,"b":"x","c":null,"d":true}': {"a": 1, "b": "x", "c": None, "d": True},
        '{"a": [1, {"b": -2.5e3}]}': {"a": [1, {"b": -2500}]},
        '{"user_id":7}': {"user_id": 7},
    }.items():
        yield event_case(
            record("app_logs", attributes=text), attributes=value, user_id=5
        )
    for text in ("[]", '"x"', "1", "true", '"{}"'):
        reason = "wrong type: attributes is not an object"
        yield event_case(record("app_logs", attributes=text), reason)
