"""Names of 64 to 127 bytes, for which PostgreSQL has no room.

Redshift's identifiers have up to 127 bytes, PostgreSQL's 63. A longer name is stored in
PostgreSQL as one of exactly 63 bytes: the start of the name and a digest of it. This
module knows the long name of each. `pg_internal.long_name` has them too, for the system
views.
"""

import hashlib
import re
from collections.abc import Iterable

MAX_BYTES = 63
MARK = "_x"
DIGEST_LENGTH = 20
PREFIX_BYTES = MAX_BYTES - len(MARK) - DIGEST_LENGTH
_ENDING = re.compile(rf"{MARK}([0-9a-f]{{{DIGEST_LENGTH}}})")
_by_digest: dict[str, tuple[str, str]] = {}


def shorten(name: str) -> str:
    """Return the name that PostgreSQL stores; a name that fits is returned itself."""
    encoded = name.encode()
    if len(encoded) <= MAX_BYTES:
        return name
    digest = hashlib.sha256(encoded).hexdigest()[:DIGEST_LENGTH]
    prefix = encoded[:PREFIX_BYTES].decode(errors="ignore")
    padding = "_" * (PREFIX_BYTES - len(prefix.encode()))
    short = prefix + padding + MARK + digest
    remember([(short, name)])
    return short


def remember(names: Iterable[tuple[str, str]]) -> None:
    """Remember the long names of short ones."""
    for short, long in names:
        _by_digest[short[-DIGEST_LENGTH:]] = short, long


def restore(text: str) -> str:
    """Return a text with the long names in place of the short ones."""
    if MARK not in text:
        return text
    pieces, start = [], 0
    for match in _ENDING.finditer(text):
        short, long = _by_digest.get(match[1], ("", ""))
        begin = match.end() - len(short)
        if short and begin >= start and text[begin : match.end()] == short:
            pieces += (text[start:begin], long)
            start = match.end()
    return "".join((*pieces, text[start:]))
