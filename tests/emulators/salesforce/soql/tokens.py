"""SOQL cut into words, each with its place; refusals that point at a place.

The texts of refusals are the ones that the API is known to give: the query's line, a
caret under the place, and the row and column.
"""

import re
from dataclasses import dataclass

from tests.emulators.salesforce.errors import Refusal

WORD = re.compile(
    r"""
    (?P<space>\s+)
  | (?P<text>'(?:[^'\\]|\\.)*')
  | (?P<datetime>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:?\d\d))
  | (?P<date>\d{4}-\d\d-\d\d)
  | (?P<number>[+-]?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)
  | (?P<name>[A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z_][A-Za-z0-9_]*)*(?::\d+)?)
  | (?P<sign><=|>=|!=|<>|[=<>(),])
    """,
    re.VERBOSE | re.DOTALL,
)
ESCAPES = {"n": "\n", "r": "\r", "t": "\t", "b": "\b", "f": "\f"}
CONTEXT = 30


@dataclass(frozen=True)
class Word:
    """One word of a query; `kind` is a group of `WORD`, or `end`."""

    kind: str
    text: str
    place: int

    def value(self) -> str:
        """Return what a quoted text means."""
        return re.sub(
            r"\\(.)",
            lambda match: _unescaped(match[1]),
            self.text[1:-1],
            flags=re.DOTALL,
        )


def _unescaped(letter: str) -> str:
    # In LIKE, \% and \_ mean the letters themselves: they keep their backslash.
    return f"\\{letter}" if letter in "%_" else ESCAPES.get(letter, letter)


def split(query: str) -> list[Word]:
    """Return the words, with an `end` behind the last."""
    words: list[Word] = []
    place = 0
    while place < len(query):
        match = WORD.match(query, place)
        if match is None:
            raise malformed(
                f"line 1:{place} no viable alternative at character '{query[place]}'"
            )
        if match.lastgroup != "space":
            words.append(Word(str(match.lastgroup), match[0], place))
        place = match.end()
    return [*words, Word("end", "<EOF>", len(query))]


def malformed(message: str) -> Refusal:
    """Return the refusal of a query that cannot be read."""
    return Refusal(400, "MALFORMED_QUERY", message)


def pointing(query: str, place: int, code: str, message: str) -> Refusal:
    """Return a refusal that points at a place of the query."""
    before = query[:place]
    row, column = before.count("\n") + 1, place - (before.rfind("\n") + 1) + 1
    start = max(0, place - CONTEXT)
    line = query[start : place + CONTEXT].replace("\n", " ")
    caret = " " * (place - start) + "^"
    return Refusal(
        400,
        code,
        f"\n{line}\n{caret}\nERROR at Row:{row}:Column:{column}\n{message}",
    )
