"""Tokenizer of SOQL, and errors that point at a position of the query.

The error texts are those of Salesforce: the line of the query, a caret below the
position, and the row and column.
"""

import re
from dataclasses import dataclass

from tests.emulators.salesforce.errors import ApiError

TOKEN = re.compile(
    r"""
    (?P<space>\s+)
  | (?P<text>'(?:[^'\\]|\\.)*')
  | (?P<datetime>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:?\d\d))
  | (?P<date>\d{4}-\d\d-\d\d)
  | (?P<number>[+-]?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)
  | (?P<name>[A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z_][A-Za-z0-9_]*)*(?::\d+)?)
  | (?P<symbol><=|>=|!=|<>|[=<>(),])
    """,
    re.VERBOSE | re.DOTALL | re.ASCII,
)
ESCAPES = {"n": "\n", "r": "\r", "t": "\t", "b": "\b", "f": "\f"}
CONTEXT_CHARACTERS = 30


@dataclass(frozen=True)
class Token:
    """One token of a query; `kind` is a group name of `TOKEN`, or `end`."""

    kind: str
    text: str
    position: int

    def unquoted(self) -> str:
        """Return the value of a quoted string, without quotes and escapes."""
        return re.sub(
            r"\\(.)",
            lambda match: _unescape(match[1]),
            self.text[1:-1],
            flags=re.DOTALL,
        )


def _unescape(character: str) -> str:
    # LIKE needs the backslash of \% and \_ to match these characters literally.
    if character in "%_":
        return f"\\{character}"
    return ESCAPES.get(character, character)


def tokenize(query: str) -> list[Token]:
    """Return the tokens of a query, followed by an `end` token."""
    tokens: list[Token] = []
    position = 0
    while position < len(query):
        match = TOKEN.match(query, position)
        if match is None:
            raise malformed_query(
                f"line 1:{position} no viable alternative at character "
                f"'{query[position]}'"
            )
        if match.lastgroup != "space":
            tokens.append(Token(str(match.lastgroup), match[0], position))
        position = match.end()
    return [*tokens, Token("end", "<EOF>", len(query))]


def malformed_query(message: str) -> ApiError:
    """Return the error of a query with a syntax error."""
    return ApiError(400, "MALFORMED_QUERY", message)


def error_at(query: str, position: int, code: str, message: str) -> ApiError:
    """Return an error that points at a position of the query."""
    before = query[:position]
    row, column = before.count("\n") + 1, position - (before.rfind("\n") + 1) + 1
    start = max(0, position - CONTEXT_CHARACTERS)
    line = query[start : position + CONTEXT_CHARACTERS].replace("\n", " ")
    caret = " " * (position - start) + "^"
    return ApiError(
        400,
        code,
        f"\n{line}\n{caret}\nERROR at Row:{row}:Column:{column}\n{message}",
    )
