"""The head of a statement: its first word, its target table, its extra sources."""

from dataclasses import dataclass, field

from tests.emulators.redshift.dialect.queries import Block, Source, read_sources
from tests.emulators.redshift.dialect.tables import read_relation, skip_words
from tests.emulators.redshift.dialect.tokens import (
    Node,
    Token,
    has_words_at,
    is_operator,
    is_word,
    node_at,
)

WRITES = ("insert", "update", "delete", "merge", "truncate", "copy")


@dataclass
class StatementHead:
    """The first word, the target and the extra sources of a statement.

    `target` is the changed relation as written, empty if there is none. `sources` are
    what UPDATE, DELETE and MERGE read in addition to it.
    """

    word: str
    target: str = ""
    sources: list[Source] = field(default_factory=list)


def read_head(nodes: list[Node]) -> StatementHead:
    """Return the head of a statement."""
    first = node_at(nodes, 0)
    word = first.key if isinstance(first, Token) else "("
    head = StatementHead(word)
    match word:
        case "insert" | "merge":
            head.target, end = read_relation(nodes, skip_words(nodes, 1, "into"))
        case "delete":
            head.target, end = read_relation(
                nodes, skip_words(nodes, 1, "from", "only")
            )
        case "update":
            head.target, end = read_relation(nodes, skip_words(nodes, 1, "only"))
        case "truncate" | "copy":
            head.target, end = read_relation(nodes, skip_words(nodes, 1, "table"))
        case "create" | "alter":
            head.target = _created_relation(nodes)
            return head
        case _:
            return head
    _read_more_sources(nodes, end, head)
    return head


def _created_relation(nodes: list[Node]) -> str:
    index = skip_words(nodes, 1, "local", "temp", "temporary")
    if not is_word(node_at(nodes, index), "table"):
        return ""
    index = skip_words(nodes, index + 1, "if", "not", "exists", "only")
    return read_relation(nodes, index)[0]


def _read_more_sources(nodes: list[Node], index: int, head: StatementHead) -> None:
    """Read USING of DELETE and MERGE, or FROM of UPDATE."""
    opener = {"delete": "using", "merge": "using", "update": "from"}.get(head.word)
    if opener is None:
        return
    start = next(
        (
            position
            for position in range(index, len(nodes))
            if is_word(nodes[position], opener)
            and not is_operator(node_at(nodes, position - 1), ".")
            and not is_word(node_at(nodes, position - 1), "distinct")
        ),
        None,
    )
    if start is None:
        return
    end = next(
        (
            position
            for position in range(start, len(nodes))
            if is_word(nodes[position], "where")
            or (head.word == "merge" and is_word(nodes[position], "when"))
        ),
        len(nodes),
    )
    block = Block([], nodes)
    read_sources(block, nodes[start + 1 : end], nodes)
    head.sources = [
        source for source in block.sources if source.name and not source.is_function
    ]


def find_no_schema_binding(nodes: list[Node]) -> int | None:
    """Return the index of WITH NO SCHEMA BINDING at the statement's end, or None."""
    start = len(nodes) - 4
    return (
        start if has_words_at(nodes, start, "with", "no", "schema", "binding") else None
    )
