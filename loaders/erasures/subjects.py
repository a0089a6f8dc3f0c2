"""The subjects of erasures in `ops.erasures`, which contains only their keyed hashes.

A subject is a kind and a value: an org or user by its id, and what identifies the lines
that have no such id: a client address, the mail address or the name of an org.
"""

import hashlib
import json
import re
import secrets
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from loaders.warehouse import Connection, literal

TABLE = "erasures"
ORG, USER, ADDRESS, EMAIL, NAME = "org", "user", "address", "email", "name"
# In a rejected line, which may be cut off or not be JSON at all. Quotes may be escaped.
_ID = r"""["'\\]*{}["'\\]*\s*[:=]\s*["'\\]*\s*\+?0*(\d+)"""
ID_PATTERNS = {
    ORG: re.compile(_ID.format("org_?id"), re.IGNORECASE),
    USER: re.compile(_ID.format("user_?id"), re.IGNORECASE),
}
NAME_PATTERN = re.compile(r'"org_name"\s*:\s*"((?:[^"\\]|\\.)*)"?', re.IGNORECASE)
EMAIL_PATTERN = re.compile(r"[^\s\"'<>,;:()\[\]\\]+@[^\s\"'<>,;:()\[\]\\]+")
# Address, identity and user of a request, which comes before the time in brackets.
REQUEST_PATTERN = re.compile(r"^([^\s{\"']\S*) +\S+ +(\S+)(?= +\[|$)")

Subject = tuple[str, str]


@dataclass(frozen=True)
class Subjects:
    """The hashes of all erased subjects by kind, and their key."""

    hash_key: str
    hashes: frozenset[Subject] = field(default_factory=frozenset)

    def digest(self, kind: str, value: object) -> str:
        """Return the keyed hash of a subject."""
        text = f"{self.hash_key}:{kind}:{value}"
        return hashlib.sha256(text.encode()).hexdigest()

    def contain(self, kind: str, value: object) -> bool:
        """Return whether the subject was erased."""
        return (kind, self.digest(kind, value)) in self.hashes

    def are_in(self, line: str) -> bool:
        """Return whether a rejected line belongs to an erased subject."""
        return any(self.contain(*subject) for subject in find_in(line))


def read(connection: Connection) -> Subjects | None:
    """Return all subjects; None if nothing was ever erased."""
    rows = connection.fetch_all(
        "-- loaders.erasures.subjects read\n"
        "select hash_key, subject_kind, subject_hash "
        f"from {connection.table('ops', TABLE)}"
    )
    if not rows:
        return None
    return Subjects(rows[0][0], frozenset((kind, digest) for _, kind, digest in rows))


def read_or_create(connection: Connection) -> Subjects:
    """Return all subjects, or none with a new key."""
    return read(connection) or Subjects(secrets.token_hex(32))


def find_in(line: str) -> Iterator[Subject]:
    """Yield what a rejected line names: ids, else mail addresses, names, addresses.

    A line that has an id of an org belongs to that org, whatever else it names.
    """
    ids = [
        (kind, str(int(match[1])))
        for kind, pattern in ID_PATTERNS.items()
        for match in pattern.finditer(line)
    ]
    request = REQUEST_PATTERN.match(line)
    if request and request[2].isdecimal():
        ids.append((USER, str(int(request[2]))))
    yield from ids
    if any(kind == ORG for kind, _ in ids):
        return
    if request and not ids:
        yield ADDRESS, request[1]
    for match in EMAIL_PATTERN.finditer(line):
        yield EMAIL, match[0].lower()
    for match in NAME_PATTERN.finditer(line):
        yield NAME, _unescaped(match[1])


def _unescaped(text: str) -> str:
    try:
        return str(json.loads(f'"{text}"'))
    except ValueError:
        return text


def condition(
    connection: Connection,
    relation: str,
    columns: Iterable[str],
    *,
    key: str,
    rows: str,
) -> str:
    """Return an SQL condition: a row of a raw table belongs to an erased subject.

    `columns` are those of the table `relation`, `rows` is a condition that selects the
    rows to look at, and `key` that of the hashes. '' if no column identifies anybody.
    Each distinct value is hashed once.
    """
    names = set(columns)

    def is_erased(column: str, kind: str) -> str:
        text = f"{literal(f'{key}:{kind}:')} || cast({column} as varchar(65535))"
        return (
            f"{column} in (select {column} from (select distinct {column} "
            f"from {relation} where {rows}) as found "
            f"where {connection.sha256(text)} in (select subject_hash "
            f"from {connection.table('ops', TABLE)} where subject_kind = '{kind}'))"
        )

    parts = []
    if "org_id" in names:
        parts.append(is_erased("org_id", ORG))
    if "user_id" in names:
        parts.append(is_erased("user_id", USER))
    if {"user_id", "client_address"} <= names:
        # An address is erased if only erased users signed in from it.
        anonymous = is_erased("client_address", ADDRESS)
        parts.append(f"user_id is null and {anonymous}")
    return " or ".join(f"({part})" for part in parts)
