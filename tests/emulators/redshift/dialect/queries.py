"""The queries of a statement: their SELECTs, sources, CTEs and subqueries.

`find_queries(nodes)` returns them. A `Block` is one SELECT with its clauses; its
`sources` are the tables, views, subqueries and functions in FROM.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from tests.emulators.redshift.dialect.tokens import (
    QUOTED,
    Group,
    Node,
    Token,
    is_group,
    is_operator,
    is_word,
    name_of,
    node_at,
    split_nodes,
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
# Words after a source that are not its alias.
NO_ALIAS = {
    *CLAUSES, *JOIN_WORDS, *SET_OPERATIONS, "returning", "as", "at", "tablesample",
}  # fmt: skip


@dataclass(eq=False)
class Source:
    """A table, view, subquery or function in FROM.

    `name` holds the parts of its name in lower case and is empty for a subquery.
    `nodes` are the tokens of the name, or the group of the subquery; `container` is the
    node list that contains them. `alias` is its alias, or the last part of its name.
    For the last two see `dialect/views/leader_views.py`.
    """

    nodes: list[Node]
    name: tuple[str, ...] = ()
    alias: str = ""
    query: "Query | None" = None
    is_function: bool = False
    alias_nodes: list[Node] = field(default_factory=list)
    container: list[Node] = field(default_factory=list)
    leader_function: str = ""
    is_on_leader: bool = False


@dataclass(eq=False)
class Block:
    """One SELECT: its nodes, clauses and sources.

    `clauses` maps a clause's first word to its nodes. `subqueries` includes those in
    FROM. `ctes` are the CTEs in scope, `parent` is the enclosing SELECT.
    """

    nodes: list[Node]
    container: list[Node]
    clauses: dict[str, list[Node]] = field(default_factory=dict)
    sources: list[Source] = field(default_factory=list)
    subqueries: list["Query"] = field(default_factory=list)
    ctes: Mapping[str, "Query"] = field(default_factory=dict)
    parent: "Block | None" = None


@dataclass(eq=False)
class Query:
    """A whole query: one SELECT, or several combined by set operations.

    Of a CTE, `columns` names its columns, if it does; `definition` are its nodes.
    """

    blocks: list[Block] = field(default_factory=list)
    cte_queries: list["Query"] = field(default_factory=list)
    columns: list[str | None] = field(default_factory=list)
    definition: list[Node] = field(default_factory=list)


def find_queries(nodes: list[Node]) -> list[Query]:
    """Return the outermost queries of a statement, with their nested queries."""
    return _find_queries_in(nodes, {}, None)


def iter_blocks(queries: list[Query]) -> Iterator[Block]:
    """Yield every SELECT of the queries, outer before inner, each once."""
    for query in queries:
        yield from iter_blocks(query.cte_queries)
        for block in query.blocks:
            yield block
            yield from iter_blocks(block.subqueries)


def _find_queries_in(
    nodes: list[Node], ctes: Mapping[str, Query], parent: Block | None
) -> list[Query]:
    """Return the outermost queries in a list of nodes."""
    for index in range(len(nodes)):
        if _starts_query(nodes, index):
            before = _find_queries_in(nodes[:index], ctes, parent)
            return [*before, _read_query(nodes, index, ctes, parent)]
    found: list[Query] = []
    for node in nodes:
        if isinstance(node, Group):
            found += _find_queries_in(node.items, ctes, parent)
    return found


def _starts_query(nodes: list[Node], index: int) -> bool:
    """Whether a query starts here, unlike in `grant select` or `with grant option`."""
    if isinstance(nodes[index], Group):
        return is_word(node_at(nodes, index + 1), *SET_OPERATIONS)
    if is_word(nodes[index], "select"):
        previous = node_at(nodes, index - 1)
        return not (
            is_word(previous, "grant", "revoke", "for") or is_operator(previous, ".")
        )
    if not is_word(nodes[index], "with") or name_of(node_at(nodes, index + 1)) is None:
        return False
    is_recursive = is_word(node_at(nodes, index + 1), "recursive")
    after = node_at(nodes, index + 2)
    return is_recursive or is_word(after, "as") or is_group(after)


def _read_query(
    nodes: list[Node], index: int, ctes: Mapping[str, Query], parent: Block | None
) -> Query:
    query = Query()
    ctes_in_scope = dict(ctes)
    if is_word(nodes[index], "with"):
        index = _read_ctes(nodes, index + 1, query, ctes_in_scope, parent)
    start = index
    for position in range(index, len(nodes) + 1):
        node = node_at(nodes, position)
        if node is not None and not is_word(node, *SET_OPERATIONS):
            continue
        _read_term(nodes, (start, position), query, ctes_in_scope, parent)
        is_quantified = is_word(node_at(nodes, position + 1), "all", "distinct")
        start = position + 1 + is_quantified
    return query


def _read_ctes(
    nodes: list[Node],
    index: int,
    query: Query,
    ctes_in_scope: dict[str, Query],
    parent: Block | None,
) -> int:
    """Read `name [(columns)] as (query), ...`; return the index of the SELECT."""
    index += is_word(node_at(nodes, index), "recursive")
    while True:
        start, name = index, name_of(node_at(nodes, index))
        index += 1
        cte_query = Query()
        while index < len(nodes) and not is_word(nodes[index], "as"):
            names = nodes[index].items if isinstance(nodes[index], Group) else []
            cte_query.columns = [name_of(part[0]) for part in split_nodes(names)]
            index += 1
        body = node_at(nodes, index := index + 1)
        if name is not None:
            ctes_in_scope[name] = cte_query
        if isinstance(body, Group):
            for inner in _find_queries_in(body.items, ctes_in_scope, parent):
                cte_query.blocks += inner.blocks
                cte_query.cte_queries += inner.cte_queries
        query.cte_queries.append(cte_query)
        index += 1
        cte_query.definition = nodes[start:index]
        if not is_operator(node_at(nodes, index), ","):
            return index
        index += 1


def _read_term(
    nodes: list[Node],
    span: tuple[int, int],
    query: Query,
    ctes_in_scope: Mapping[str, Query],
    parent: Block | None,
) -> None:
    """Read one operand of a set operation: a SELECT, or a query in brackets."""
    part = nodes[span[0] : span[1]]
    if part and isinstance(part[0], Group):
        for inner in _find_queries_in(part[0].items, ctes_in_scope, parent):
            query.blocks += inner.blocks
            query.cte_queries += inner.cte_queries
        return
    if not part or not is_word(part[0], "select"):
        return
    block = Block(part, nodes, ctes=ctes_in_scope, parent=parent)
    block.clauses = read_clauses(part)
    if "from" in block.clauses:
        read_sources(block, block.clauses["from"], nodes)
    for word, clause in block.clauses.items():
        if word != "from":
            block.subqueries += _find_queries_in(clause, ctes_in_scope, block)
    query.blocks.append(block)


def read_clauses(part: list[Node]) -> dict[str, list[Node]]:
    """Return the nodes of each clause of a SELECT, by the clause's first word."""
    clauses: dict[str, list[Node]] = {}
    current: list[Node] = []
    for index, node in enumerate(part):
        if (
            is_word(node, *CLAUSES)
            and isinstance(node, Token)
            and not is_operator(node_at(part, index - 1), ".")
            and not is_word(node_at(part, index - 1), "distinct", "as", "within")
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
        if expects_source and is_word(node, "only", "lateral", "unpivot"):
            index += 1
        elif expects_source:
            index = _read_source(block, nodes, index, container)
            expects_source = False
        else:
            expects_source = is_operator(node, ",") or is_word(node, "join")
            if isinstance(node, Group):
                block.subqueries += _find_queries_in([node], block.ctes, block)
            index += 1


def _read_source(
    block: Block, nodes: list[Node], index: int, container: list[Node]
) -> int:
    node = nodes[index]
    if isinstance(node, Group):
        if not node.is_query and not is_word(node_at(node.items, 0), "values"):
            read_sources(block, node.items, node.items)  # joins in brackets
            return index + 1
        source = Source([node], container=container)
        source.query = Query()
        for inner in _find_queries_in(node.items, block.ctes, block):
            source.query.blocks += inner.blocks
            source.query.cte_queries += inner.cte_queries
        block.subqueries.append(source.query)
        index += 1
    else:
        start = index
        parts: list[str] = []
        while index < len(nodes) and (name := name_of(nodes[index])) is not None:
            parts.append(name)
            index += 1
            if not is_operator(node_at(nodes, index), "."):
                break
            index += 1
        source = Source(nodes[start:index], tuple(parts), container=container)
        following = node_at(nodes, index)
        if isinstance(following, Group) and following.opening == "(" and parts:
            source.is_function = True
            block.subqueries += _find_queries_in(following.items, block.ctes, block)
            index += 1
        elif not parts:
            return index + 1
    return _read_alias(block, source, nodes, index)


def _read_alias(block: Block, source: Source, nodes: list[Node], index: int) -> int:
    start = index
    index += is_word(node_at(nodes, index), "as")
    node = node_at(nodes, index)
    name = name_of(node)
    is_name = name is not None and (
        (isinstance(node, Token) and node.kind == QUOTED) or name not in NO_ALIAS
    )
    if is_name and name is not None:
        source.alias = name
        index += 1
        if is_group(node_at(nodes, index)):
            index += 1
    else:
        source.alias = source.name[-1] if source.name else ""
    source.alias_nodes = nodes[start:index]
    block.sources.append(source)
    return index
