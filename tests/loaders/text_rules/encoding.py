"""Cases of encoding, line ends, length and control characters."""

from collections.abc import Iterator

from tests.loaders.text_rules.case import (
    CONTROL,
    NOT_JSON,
    NOT_UTF8,
    TOO_LONG,
    Case,
    event_case,
    record,
    request,
    request_case,
)


def json_cases() -> Iterator[Case]:
    """Yield cases of JSON lines."""
    plain = record("app_logs")
    mark = "\ufeff"
    row = {"event_id": "e1", "user_id": 5}
    for line in (
        *(f"{mark}{plain}", f"{plain}\r", f"{plain}\r\r\r", f"{mark}{plain}\r"),
        *(f" \t{plain}\t ", plain.replace(",", ",\r"), plain.replace('":', '" :\t')),
        plain.replace("{", "{\r\r"),
    ):
        yield event_case(line, **row)
    for line in ("", " ", "\t \t", "\r", "\r\r", mark, f"{mark} ", " " * 70_000):
        yield event_case(line)
    yield event_case(
        record("app_logs", event='"é☃𝄞\u2028\x7f\x85"'), event="é☃𝄞\u2028\x7f\x85"
    )
    for line in (
        *(
            b"\xff\xfe",
            plain.encode() + b"\xff",
            plain.replace("login", "a\xe9b").encode("latin-1"),
        ),
        *(
            b"\xc0\x80",
            b"\xed\xa0\x80",
            b"\xf4\x90\x80\x80",
            plain.encode() + b"\xe2\x98",
        ),
        b"\xff" * 30_000,
        b"\0\xff\0",
        b"\xff" * 70_000,
        b" " * 70_000 + b"\xff",
        b"\xff" * (5 << 20),
    ):
        yield event_case(line, NOT_UTF8)
    text = "x" * (65_535 - len(record("app_logs", event='""')))
    longest = record("app_logs", event=f'"{text}"')
    assert len(longest) == 65_535
    yield event_case(longest, event=text)
    for line in (
        *(longest.replace("x", "xx", 1), longest + " ", longest + "\r"),
        *("x" * 65_536, "\0" * 70_000, "é" * 40_000, plain + " " * (5 << 20)),
        "\0" * (5 << 20),
        record("app_logs", event=f'"{"y" * (4 << 20)}"'),
    ):
        yield event_case(line, TOO_LONG)
    # A value that is short in the line can be too long when its numbers are written.
    for count, reason in ((3_448, ""), (3_449, TOO_LONG)):
        numbers = f"[{','.join(['1e15'] * count)}]"
        row = {} if reason else {"event": "login"}
        for column, value in (("attributes", f'{{"n":{numbers}}}'), ("new", numbers)):
            line = record("app_logs", **{column: value})
            yield event_case(line, reason, **row)
    for character in range(0x20):
        if character not in (0x09, 0x0A, 0x0D):
            yield event_case(record("app_logs", event=f'"a{chr(character)}b"'), CONTROL)
    for line in (
        *(
            "\0" * 100,
            f"\0{plain}",
            f"{plain}\0",
            f"{plain}\x0b",
            "\x0c",
            "\x1f\x1e\x1f\x1e",
        ),
        *(plain.replace("login", "a\rb"), "not JSON\x01", plain.replace(",", ",\x0b")),
        *(plain.replace("login", r"a\u0000b"), record("app_logs", x=r'"\u0000"')),
        record("app_logs", attributes=r'{"a":["\\\u0000"]}'),
        record("app_logs", **{r"a\u0000": "1"}),
    ):
        yield event_case(line, CONTROL)
    yield event_case(plain.replace("login", r"a\\u0000b"), event=r"a\u0000b")
    yield event_case(plain.replace("login", r"\u0001\n\t\r"), event="\x01\n\t\r")
    yield event_case(plain.replace("login", "a\tb"), NOT_JSON)
    yield event_case(f"{mark}{mark}{plain}", NOT_JSON)
    yield event_case(f" {mark}{plain}", NOT_JSON)
    yield event_case(f"\u00a0{plain}", NOT_JSON)


def log_cases() -> Iterator[Case]:
    """Yield cases of access log lines."""
    plain = request()
    yield request_case(f"\ufeff{plain}", client_address="10.0.0.1")
    yield request_case(f"\ufeff\ufeff{plain}", client_address="\ufeff10.0.0.1")
    yield request_case(f"{plain}\r\r", client_address="10.0.0.1")
    yield request_case(f"{plain} \t", client_address="10.0.0.1")
    yield request_case(request(agent="a\tb é\u00a0"), user_agent="a\tb é\u00a0")
    yield request_case(
        request(agent=r"\u0000 \x00 \\ \""), user_agent=r"\u0000 \x00 \\ \""
    )
    yield request_case("\ufeff")
    for character in (*range(0x01, 0x09), 0x0B, 0x0C, 0x0D, *range(0x0E, 0x20)):
        yield request_case(request(agent=f"a{chr(character)}b"), CONTROL)
    yield request_case(request(agent="a\0b"), CONTROL)
    yield request_case(plain.replace(" ", "\r"), CONTROL)
    yield request_case(plain.encode() + b"\xff", NOT_UTF8)
    yield request_case(request(agent="x" * 65_535), TOO_LONG)
