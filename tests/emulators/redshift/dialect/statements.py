"""The head of a statement: what it does, to which table, from which sources."""

from dataclasses import dataclass, field

from tests.emulators.redshift.dialect.queries import Block, Source, read_sources
from tests.emulators.redshift.dialect.tables import relation_at, skip_words
from tests.emulators.redshift.dialect.tokens import (
    Node,
    Token,
    at,
    is_operator,
    is_word,
    words_at,
)

WRITES = ("insert", "update", "delete", "merge", "truncate", "copy")


@dataclass
class Head:
    """The first words of a statement, and what they say.

    `target` is the relation that it changes as written, `sources` what UPDATE, DELETE
    and MERGE read beside it.
    """

    word: str
    target: str = ""
    sources: list[Source] = field(default_factory=list)

    @property
    def names(self) -> tuple[str, ...]:
        """The target's name in lower case, part by part, without the quotes."""
        parts = self.target.split(".") if self.target else []
        return tuple(part.strip().strip('"').lower() for part in parts)


def head_of(nodes: list[Node]) -> Head:
    """Read the head of a statement; the target is empty where nothing is changed."""
    first = at(nodes, 0)
    word = first.key if isinstance(first, Token) else "("
    head = Head(word)
    match word:
        case "insert" | "merge":
            head.target, end = relation_at(nodes, skip_words(nodes, 1, "into"))
        case "delete":
            head.target, end = relation_at(nodes, skip_words(nodes, 1, "from", "only"))
        case "update":
            head.target, end = relation_at(nodes, skip_words(nodes, 1, "only"))
        case "truncate" | "copy":
            head.target, end = relation_at(nodes, skip_words(nodes, 1, "table"))
        case "create" | "alter":
            head.target = _created(nodes)
            return head
        case _:
            return head
    _read_more_sources(nodes, end, head)
    return head


def _created(nodes: list[Node]) -> str:
    index = skip_words(nodes, 1, "local", "temp", "temporary")
    if not is_word(at(nodes, index), "table"):
        return ""
    index = skip_words(nodes, index + 1, "if", "not", "exists", "only")
    return relation_at(nodes, index)[0]


def _read_more_sources(nodes: list[Node], index: int, head: Head) -> None:
    """Read USING of DELETE and MERGE, FROM of UPDATE."""
    opener = {"delete": "using", "merge": "using", "update": "from"}.get(head.word)
    if opener is None:
        return
    start = next(
        (
            place
            for place in range(index, len(nodes))
            if is_word(nodes[place], opener)
            and not is_operator(at(nodes, place - 1), ".")
            and not is_word(at(nodes, place - 1), "distinct")
        ),
        None,
    )
    if start is None:
        return
    end = next(
        (
            place
            for place in range(start, len(nodes))
            if is_word(nodes[place], "where")
            or (head.word == "merge" and is_word(nodes[place], "when"))
        ),
        len(nodes),
    )
    block = Block([], nodes)
    read_sources(block, nodes[start + 1 : end], nodes)
    head.sources = [
        source for source in block.sources if source.name and not source.is_function
    ]


def no_schema_binding(nodes: list[Node]) -> int | None:
    """Return where WITH NO SCHEMA BINDING begins at the end of a CREATE VIEW."""
    start = len(nodes) - 4
    return start if words_at(nodes, start, "with", "no", "schema", "binding") else None
