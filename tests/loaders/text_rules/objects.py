"""Objects as producers deliver them: which can be read, and with how many rows."""

import gzip

import zstandard

from tests.loaders.text_rules.case import record

EVENT = record("app_logs").encode()
SKIPPABLE_FRAME = b"\x50\x2a\x4d\x18\x04\0\0\0skip"


def _gzip_members(*parts: bytes) -> bytes:
    return b"".join(gzip.compress(part) for part in parts)


MARK = b"\xef\xbb\xbf"
FIRST, SECOND = EVENT + b"\n", EVENT.replace(b"e1", b"e2")
# Name of the object, its content and its number of rows.
READABLE_OBJECTS = {
    "empty": ("a.json", b"", 0),
    "line ends only": ("a.json", b"\n\r\n \n", 0),
    "no last line end": ("a.json", FIRST + SECOND, 2),
    "byte order mark alone": ("a.json", MARK, 0),
    "byte order mark and CRLF": (
        "a.json",
        MARK + FIRST + b"\r\r\n" + SECOND + b"\r\n",
        2,
    ),
    "empty gzip": ("a.json.gz", b"", 0),
    "empty zstd": ("a.json.zst", b"", 0),
    "gzip of nothing": ("a.json.gz", gzip.compress(b""), 0),
    "gzip members that split a line": (
        "a.json.gz",
        _gzip_members(FIRST[:9], FIRST[9:], b"", SECOND),
        2,
    ),
    "gzip with padding": (
        "a.json.gz",
        gzip.compress(FIRST) + b"\0" * 300_000 + gzip.compress(SECOND) + b"\0" * 9,
        2,
    ),
    "zstd frames": (
        "a.json.zst",
        zstandard.compress(FIRST[:9]) + zstandard.compress(FIRST[9:] + SECOND),
        2,
    ),
    "zstd with skippable frames": (
        "a.json.zst",
        SKIPPABLE_FRAME
        + zstandard.compress(FIRST)
        + SKIPPABLE_FRAME
        + zstandard.compress(SECOND)
        + SKIPPABLE_FRAME,
        2,
    ),
    "zstd with padding": (
        "a.json.zst",
        zstandard.compress(FIRST + SECOND) + b"\0" * 100,
        2,
    ),
}

MANY_LATIN_1 = "\n".join(["café"] * 11 + ["cafe"] * 9).encode("latin-1")
# Name of the object, its content and a word of the error.
UNREADABLE_OBJECTS = {
    "truncated gzip": ("a.json.gz", gzip.compress(FIRST * 100)[:-5], "truncated"),
    "truncated last member": (
        "a.json.gz",
        _gzip_members(FIRST, SECOND)[:-12],
        "truncated",
    ),
    "damaged gzip": ("a.json.gz", b"\x1f\x8b" + b"x" * 100, "gzip"),
    "plain text named gzip": ("a.json.gz", FIRST, "gzip"),
    "truncated zstd": ("a.json.zst", zstandard.compress(FIRST * 100)[:-5], "truncated"),
    "damaged zstd": ("a.json.zst", b"\x28\xb5\x2f\xfd" + b"x" * 100, "zstd"),
    "UTF-16 with mark": ("a.json", EVENT.decode().encode("utf-16"), "UTF-16"),
    "UTF-16 big endian": (
        "a.json",
        b"\xfe\xff" + EVENT.decode().encode("utf-16-be"),
        "UTF-16",
    ),
    "UTF-32 with mark": (
        "a.json.gz",
        gzip.compress(EVENT.decode().encode("utf-32")),
        "UTF-32",
    ),
    "mostly Latin-1": ("a.json", MANY_LATIN_1, "UTF-8"),
    "mostly Latin-1 with blank lines": ("a.json", MANY_LATIN_1 + b"\n" * 50, "UTF-8"),
}
