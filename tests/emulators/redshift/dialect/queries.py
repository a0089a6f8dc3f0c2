"""The queries of a statement: their SELECTs, what these read, and how they nest.

`queries_of(nodes)` finds them all. A `Block` is one SELECT with its clauses; its
`sources` are the tables, views, queries and functions of FROM.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from tests.emulators.redshift.dialect.tokens import (
    QUOTED,
    Group,
    Node,
    Token,
    at,
    is_group,
    is_operator,
    is_word,
    name_of,
)

SET_OPERATIONS = ("union", "except", "minus", "intersect")
CLAUSES = (
    "select", "from", "where", "group", "having", "qualify", "window", "order", "limit",
    "offset", "fetch", "for",
)  # fmt: skip
JOIN_WORDS = (
    "join", "inner", "left", "right", "full", "outer", "cross", "natural", "on",
    "using", "where", "set", "when",
)  # fmt: skip
# What ends a list of sources beside a clause: the rest of UPDATE, DELETE and MERGE.
NO_ALIAS = {
    *CLAUSES, *JOIN_WORDS, *SET_OPERATIONS, "returning", "as", "at", "tablesample",
}  # fmt: skip


@dataclass(eq=False)
class Source:
    """Something read in FROM.

    `name` is its name in lower case, part by part, empty for a query; `nodes` the
    tokens of that name (or the query's group); `alias` what it is called in its block.
    """

    nodes: list[Node]
    name: tuple[str, ...] = ()
    alias: str = ""
    query: "Query | None" = None
    is_function: bool = False
    alias_nodes: list[Node] = field(default_factory=list)
    container: list[Node] = field(default_factory=list)


@dataclass(eq=False)
class Block:
    """One SELECT: its nodes, its clauses and what it reads.

    `clauses` maps a clause's first word to its nodes; `inner` are the queries inside
    it, those of FROM included.
    """

    nodes: list[Node]
    container: list[Node]
    clauses: dict[str, list[Node]] = field(default_factory=dict)
    sources: list[Source] = field(default_factory=list)
    inner: list["Query"] = field(default_factory=list)
    ctes: Mapping[str, "Query"] = field(default_factory=dict)
    parent: "Block | None" = None


@dataclass(eq=False)
class Query:
    """A whole query: SELECTs put together by UNION and its like."""

    blocks: list[Block] = field(default_factory=list)
    defined: list["Query"] = field(default_factory=list)


def queries_of(nodes: list[Node]) -> list[Query]:
    """Return the outermost queries of a statement, each with what is inside it."""
    return _inside(nodes, {}, None)


def all_blocks(queries: list[Query]) -> Iterator[Block]:
    """Yield every SELECT of the queries, outer before inner, each once."""
    for query in queries:
        yield from all_blocks(query.defined)
        for block in query.blocks:
            yield block
            yield from all_blocks(block.inner)


def _inside(
    nodes: list[Node], ctes: Mapping[str, Query], parent: Block | None
) -> list[Query]:
    """Find the queries in nodes that are no clause of a known SELECT."""
    for index, node in enumerate(nodes):
        if is_word(node, "select", "with") and _starts_query(nodes, index):
            before = _inside(nodes[:index], ctes, parent)
            return [*before, _query(nodes, index, ctes, parent)]
    found: list[Query] = []
    for node in nodes:
        if isinstance(node, Group):
            found += _inside(node.items, ctes, parent)
    return found


def _starts_query(nodes: list[Node], index: int) -> bool:
    """Tell `with x as (` from `with no schema binding` and `with grant option`."""
    if is_word(nodes[index], "select"):
        previous = at(nodes, index - 1)
        return not (
            is_word(previous, "grant", "revoke", "for") or is_operator(previous, ".")
        )
    following = at(nodes, index + 1)
    if is_word(following, "recursive"):
        return True
    return name_of(following) is not None and (
        is_word(at(nodes, index + 2), "as") or is_group(at(nodes, index + 2))
    )


def _query(
    nodes: list[Node], index: int, ctes: Mapping[str, Query], parent: Block | None
) -> Query:
    query = Query()
    known = dict(ctes)
    if is_word(nodes[index], "with"):
        index = _read_ctes(nodes, index + 1, query, known, parent)
    start = index
    for place in range(index, len(nodes) + 1):
        node = at(nodes, place)
        if node is not None and not is_word(node, *SET_OPERATIONS):
            continue
        _read_term(nodes, (start, place), query, known, parent)
        start = place + 1
        while is_word(at(nodes, start), "all", "distinct"):
            start += 1
    return query


def _read_ctes(
    nodes: list[Node],
    index: int,
    query: Query,
    known: dict[str, Query],
    parent: Block | None,
) -> int:
    """Read `name [(columns)] as (query), ...`; return where the SELECT begins."""
    if is_word(at(nodes, index), "recursive"):
        index += 1
    while True:
        name = name_of(at(nodes, index))
        index += 1
        while index < len(nodes) and not is_word(nodes[index], "as"):
            index += 1
        index += 1
        body = at(nodes, index)
        defined = Query()
        if name is not None:
            known[name] = defined
        if isinstance(body, Group):
            for inner in _inside(body.items, known, parent):
                defined.blocks += inner.blocks
                defined.defined += inner.defined
        query.defined.append(defined)
        index += 1
        if not is_operator(at(nodes, index), ","):
            return index
        index += 1


def _read_term(
    nodes: list[Node],
    span: tuple[int, int],
    query: Query,
    known: Mapping[str, Query],
    parent: Block | None,
) -> None:
    """Read one side of a set operation: a SELECT, or a query in brackets."""
    part = nodes[span[0] : span[1]]
    if part and isinstance(part[0], Group):
        for inner in _inside(part[0].items, known, parent):
            query.blocks += inner.blocks
            query.defined += inner.defined
        return
    if not part or not is_word(part[0], "select"):
        return
    block = Block(part, nodes, ctes=known, parent=parent)
    block.clauses = _clauses(part)
    if "from" in block.clauses:
        read_sources(block, block.clauses["from"], nodes)
    for word, clause in block.clauses.items():
        if word != "from":
            block.inner += _inside(clause, known, block)
    query.blocks.append(block)


def _clauses(part: list[Node]) -> dict[str, list[Node]]:
    clauses: dict[str, list[Node]] = {}
    current: list[Node] = []
    for index, node in enumerate(part):
        if (
            is_word(node, *CLAUSES)
            and isinstance(node, Token)
            and not is_operator(at(part, index - 1), ".")
            and not is_word(at(part, index - 1), "distinct", "as", "within")
            and node.key not in clauses
        ):
            current = []
            clauses[node.key] = current
        else:
            current.append(node)
    return clauses


def read_sources(block: Block, nodes: list[Node], container: list[Node]) -> None:
    """Read the sources of a FROM or USING clause into `block`."""
    index = 0
    expects_source = True
    while index < len(nodes):
        node = nodes[index]
        if expects_source and is_word(node, "only", "lateral"):
            index += 1
        elif expects_source:
            index = _read_source(block, nodes, index, container)
            expects_source = False
        else:
            expects_source = is_operator(node, ",") or is_word(node, "join")
            if isinstance(node, Group):
                block.inner += _inside([node], block.ctes, block)
            index += 1


def _read_source(
    block: Block, nodes: list[Node], index: int, container: list[Node]
) -> int:
    node = nodes[index]
    if isinstance(node, Group):
        if not node.is_query and not is_word(at(node.items, 0), "values"):
            read_sources(block, node.items, node.items)  # joins in brackets
            return index + 1
        source = Source([node], container=container)
        source.query = Query()
        for inner in _inside(node.items, block.ctes, block):
            source.query.blocks += inner.blocks
            source.query.defined += inner.defined
        block.inner.append(source.query)
        index += 1
    else:
        start = index
        parts: list[str] = []
        while index < len(nodes) and (name := name_of(nodes[index])) is not None:
            parts.append(name)
            index += 1
            if not is_operator(at(nodes, index), "."):
                break
            index += 1
        source = Source(nodes[start:index], tuple(parts), container=container)
        following = at(nodes, index)
        if isinstance(following, Group) and following.opening == "(" and parts:
            source.is_function = True
            block.inner += _inside(following.items, block.ctes, block)
            index += 1
        elif not parts:
            return index + 1
    return _read_alias(block, source, nodes, index)


def _read_alias(block: Block, source: Source, nodes: list[Node], index: int) -> int:
    start = index
    if is_word(at(nodes, index), "as"):
        index += 1
    node = at(nodes, index)
    name = name_of(node)
    is_name = name is not None and (
        (isinstance(node, Token) and node.kind == QUOTED) or name not in NO_ALIAS
    )
    if is_name and name is not None:
        source.alias = name
        index += 1
        if is_group(at(nodes, index)):
            index += 1
    else:
        source.alias = source.name[-1] if source.name else ""
    source.alias_nodes = nodes[start:index]
    block.sources.append(source)
    return index
