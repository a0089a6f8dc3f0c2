"""SQL as a tree of tokens and bracketed groups.

Parsing is lossless: `render(*parse(text)) == text`, with all white space and comments.
The tree is changed in place: callers replace a token's `text`, and insert or remove
nodes in a group's `items`.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from tests.emulators.redshift.errors import RedshiftError

WORD = "word"
QUOTED = "quoted"  # a name in double quotes
STRING = "string"
NUMBER = "number"
PARAMETER = "parameter"
OPERATOR = "operator"

_TOKEN = re.compile(
    r"""
    (?P<dollar>\$\$.*?\$\$ | \$(?P<tag>[A-Za-z_]\w*)\$.*?\$(?P=tag)\$)
  | (?P<string>[eEnNbBxX]?'(?:[^'\\]|\\.|'')*')
  | (?P<quoted>"(?:[^"]|"")*")
  | (?P<parameter>\$\d+)
  | (?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)
  | (?P<word>\#?[A-Za-z_\x80-\U0010ffff][\w$\x80-\U0010ffff]*)
  | (?P<operator>::|:=|=>|<=|>=|<>|!=|!~~\*|!~~|!~\*|!~|~~\*|~~|~\*|\|\||->>|->|\#>>|\#>
      |@>|<@|<<|>>|&&|[-+*/%^<>=~!@&|`?:.,;\\{}])
    """,
    re.VERBOSE | re.DOTALL,
)
_SPACE = re.compile(r"(?:\s+|--[^\n]*(?:\n|$))+")
# Not SQL: a group with this opening is rendered as `, items)`, the end of a call.
END_OF_CALL = ","
_CLOSING = {"(": ")", "[": "]", END_OF_CALL: ")"}


@dataclass(slots=True)
class Token:
    """One word, name, string, number or operator, with the space before it.

    `key` is the text in lower case, empty for a string.
    """

    kind: str
    text: str
    space: str = ""
    key: str = field(init=False)

    def __post_init__(self) -> None:
        self.key = self.text.lower() if self.kind != STRING else ""

    @property
    def name(self) -> str | None:
        """The identifier, folded to lower case as Redshift does, or None."""
        if self.kind == WORD:
            return self.key
        if self.kind == QUOTED:
            return self.text[1:-1].replace('""', '"').lower()
        return None


@dataclass(slots=True)
class Group:
    """The nodes between a pair of brackets, `(` or `[`."""

    opening: str
    space: str
    items: list["Node"] = field(default_factory=list)
    closing_space: str = ""

    @property
    def is_query(self) -> bool:
        """Whether it contains a SELECT (or WITH), possibly in further brackets."""
        if not self.items or self.opening != "(":
            return False
        first = self.items[0]
        if isinstance(first, Group):
            return first.is_query
        return is_word(first, "select", "with")


Node = Token | Group


def parse(text: str) -> tuple[list[Node], str]:
    """Parse SQL into nodes; also return the space or comment after the last one.

    Raises RedshiftError 42601 for an unclosed string or bracket.
    """
    root: list[Node] = []
    open_groups: list[Group] = []
    items, position = root, 0
    while True:
        position, space = _skip_space(text, position)
        if position >= len(text):
            break
        character = text[position]
        if character in "([":
            group = Group(character, space)
            items.append(group)
            open_groups.append(group)
            items, position = group.items, position + 1
        elif character in ")]":
            if not open_groups or _CLOSING[open_groups[-1].opening] != character:
                raise RedshiftError(f'syntax error at or near "{character}"', "42601")
            open_groups.pop().closing_space = space
            items = open_groups[-1].items if open_groups else root
            position += 1
        else:
            token, position = _read_token(text, position, space)
            items.append(token)
    if open_groups:
        raise RedshiftError("syntax error at end of input", "42601")
    return root, space


def _read_token(text: str, position: int, space: str) -> tuple[Token, int]:
    match = _TOKEN.match(text, position)
    if match is None:
        character = text[position]
        what = "unterminated quoted string" if character in "'\"$" else "syntax error"
        raise RedshiftError(f'{what} at or near "{character}"', "42601")
    kind = match.lastgroup if match.lastgroup != "tag" else "dollar"
    if match["dollar"] is not None:
        kind = STRING
    return Token(str(kind), match.group(), space), match.end()


def _skip_space(text: str, start: int) -> tuple[int, str]:
    position = start
    while True:
        match = _SPACE.match(text, position)
        if match:
            position = match.end()
        if not text.startswith("/*", position):
            return position, text[start:position]
        position = _after_comment(text, position)


def _after_comment(text: str, position: int) -> int:
    depth, position = 1, position + 2
    while depth:
        opening, closing = text.find("/*", position), text.find("*/", position)
        if closing < 0:
            raise RedshiftError("unterminated /* comment", "42601")
        if 0 <= opening < closing:
            depth, position = depth + 1, opening + 2
        else:
            depth, position = depth - 1, closing + 2
    return position


def render(nodes: list[Node], tail: str = "") -> str:
    """Return nodes as SQL."""
    pieces: list[str] = []
    _render(nodes, pieces)
    pieces.append(tail)
    return "".join(pieces)


def _render(nodes: list[Node], pieces: list[str]) -> None:
    for node in nodes:
        if isinstance(node, Token):
            pieces += (node.space, node.text)
        else:
            pieces += (node.space, node.opening)
            _render(node.items, pieces)
            pieces += (node.closing_space, _CLOSING[node.opening])


def parse_nodes(text: str) -> list[Node]:
    """Parse a piece of SQL that the relay generates."""
    return parse(text)[0]


def is_word(node: Node | None, *words: str) -> bool:
    """Whether the node is one of these words, unquoted; without words, any word."""
    return (
        isinstance(node, Token)
        and node.kind == WORD
        and (not words or node.key in words)
    )


def is_operator(node: Node | None, text: str) -> bool:
    """Whether the node is this operator."""
    return isinstance(node, Token) and node.kind == OPERATOR and node.text == text


def is_group(node: Node | None, opening: str = "(") -> bool:
    """Whether the node is a group with this opening bracket."""
    return isinstance(node, Group) and node.opening == opening


def node_at(nodes: list[Node], index: int) -> Node | None:
    """Return the node at an index, None if it is out of range."""
    return nodes[index] if 0 <= index < len(nodes) else None


def has_words_at(nodes: list[Node], index: int, *words: str) -> bool:
    """Whether the nodes from an index on are these words."""
    return all(
        is_word(node_at(nodes, index + offset), word)
        for offset, word in enumerate(words)
    )


def split_nodes(nodes: list[Node], operator: str = ",") -> list[list[Node]]:
    """Split nodes at an operator; an empty list gives no parts."""
    if not nodes:
        return []
    parts: list[list[Node]] = [[]]
    for node in nodes:
        if is_operator(node, operator):
            parts.append([])
        else:
            parts[-1].append(node)
    return parts


def name_of(node: Node | None) -> str | None:
    """Return a node's identifier in lower case, None if it is not an identifier."""
    return node.name if isinstance(node, Token) else None


def iter_node_lists(nodes: list[Node]) -> Iterator[list[Node]]:
    """Yield the list of nodes itself, then the lists of all groups inside it."""
    yield nodes
    for node in nodes:
        if isinstance(node, Group):
            yield from iter_node_lists(node.items)


def string_value(node: Node | None) -> str | None:
    """Return the unescaped value of a string literal, None for another node."""
    if not isinstance(node, Token) or node.kind != STRING:
        return None
    if node.text.startswith("$"):
        return node.text.split("$", 2)[2].rsplit("$", 2)[0]
    body = node.text[node.text.index("'") + 1 : -1]
    return _ESCAPE.sub(_unescape, body)


def quote_literal(value: str | None) -> str:
    """Return a value as an SQL literal, in which a backslash escapes; null for None."""
    if value is None:
        return "null"
    return "'" + value.replace("\\", "\\\\").replace("'", "''") + "'"


_ESCAPE = re.compile(r"\\([0-7]{1,3}|x[0-9a-fA-F]{1,2}|.)|''", re.DOTALL)
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f"}


def _unescape(match: re.Match[str]) -> str:
    escaped = match.group(1)
    if escaped is None:
        return "'"
    if escaped[0] in "01234567":
        return chr(int(escaped, 8))
    if escaped[0] == "x" and len(escaped) > 1:
        return chr(int(escaped[1:], 16))
    return _ESCAPES.get(escaped, escaped)
