"""Rewrite the arithmetic of all SELECTs of a statement, inner ones first.

PostgreSQL describes the operands: each in a query with the tables of its SELECT.
"""

from collections.abc import Callable, Sequence

from tests.emulators.redshift.dialect.arithmetic import set_operations
from tests.emulators.redshift.dialect.arithmetic.decimals import (
    TYPED_CALLS,
    Number,
    of_column,
)
from tests.emulators.redshift.dialect.arithmetic.expressions import Expressions
from tests.emulators.redshift.dialect.late_binding import Described
from tests.emulators.redshift.dialect.queries import (
    SET_OPERATIONS,
    Block,
    Query,
    find_queries,
)
from tests.emulators.redshift.dialect.statements import StatementHead
from tests.emulators.redshift.dialect.tokens import (
    NUMBER,
    OPERATOR,
    Node,
    Token,
    is_word,
    iter_node_lists,
    parse,
    render,
    split_nodes,
)

Describe = Callable[[str], list[Described] | None]
VALUES_WORDS = ("insert", "update", "delete")


def rewrite(
    nodes: list[Node],
    head: StatementHead,
    describe: Describe,
    parameter_oids: Sequence[int],
) -> None:
    """Cast the results of a statement's arithmetic, in place."""
    if not _has_arithmetic(nodes):
        return
    nodes[:], _ = parse(render(nodes))  # a rewritten token may hold several
    if any(is_word(node, "recursive") for node in nodes):
        return
    scopes = _Scopes(describe, parameter_oids)
    for query in find_queries(nodes):
        scopes.rewrite_query(query, frozenset())
    if head.word in VALUES_WORDS and not any(is_word(node, "select") for node in nodes):
        tables = _written_tables(nodes, head)
        nodes[:] = scopes.rewrite_nodes(nodes, lambda keys: _select(keys, tables))


def _has_arithmetic(nodes: list[Node]) -> bool:
    for items in iter_node_lists(nodes):
        for position, node in enumerate(items):
            if not isinstance(node, Token):
                continue
            if node.kind == NUMBER and "." in node.text:
                return True
            if (
                node.key.rsplit(".", 1)[-1] in TYPED_CALLS or node.key in SET_OPERATIONS
            ) or (
                node.kind == OPERATOR
                and (node.text in "/+-" or (node.text == "*" and position > 0))
            ):
                return True
    return False


class _Scopes:
    def __init__(self, describe: Describe, parameter_oids: Sequence[int]) -> None:
        self._describe = describe
        self._parameter_oids = parameter_oids

    def rewrite_query(self, query: Query, enclosing: frozenset[int]) -> None:
        """Rewrite a query; `enclosing` are the ids of the CTEs that it belongs to."""
        for cte in query.cte_queries:
            self.rewrite_query(cte, enclosing | {id(cte)})
        for block in query.blocks:
            for subquery in block.subqueries:
                self.rewrite_query(subquery, enclosing)
            self._rewrite_block(block, enclosing)
        if len(query.blocks) > 1:
            set_operations.promote(
                query.blocks,
                lambda block, sql: self._describe(_ctes(block, enclosing) + sql),
            )

    def _rewrite_block(self, block: Block, enclosing: frozenset[int]) -> None:
        prefix = _ctes(block, enclosing)
        tables: list[str] = []
        scope: Block | None = block
        while scope is not None:
            tables.append(render(scope.clauses.get("from", [])))
            scope = scope.parent
        rewritten = self.rewrite_nodes(
            block.nodes,
            lambda keys: prefix + _select(keys, *tables),
            len(block.clauses.get("select", [])),
        )
        start = next(
            position
            for position, node in enumerate(block.container)
            if node is block.nodes[0]
        )
        block.container[start : start + len(block.nodes)] = rewritten
        block.nodes = rewritten

    def rewrite_nodes(
        self,
        nodes: list[Node],
        probe: Callable[[list[str]], str],
        columns: int = 0,
    ) -> list[Node]:
        """Rewrite expressions; `probe` returns the query that has operands' types.

        After the first node, `columns` nodes are a select list.
        """
        types: dict[str, Number | None] = {}
        while True:
            search = Expressions(types, parameter_oids=self._parameter_oids)
            _rewrite_all(search, nodes, columns)
            wanted = list(search.wanted)
            if not wanted:
                break
            types.update(zip(wanted, self._find_types(wanted, probe), strict=True))
        final = Expressions(types, parameter_oids=self._parameter_oids, changes=True)
        return _rewrite_all(final, nodes, columns)

    def _find_types(
        self, keys: list[str], probe: Callable[[list[str]], str]
    ) -> list[Number | None]:
        columns = self._describe(probe(keys))
        if columns is not None:
            return [of_column(column.oid, column.modifier) for column in columns]
        if len(keys) == 1:
            return [None]
        return [self._find_types([key], probe)[0] for key in keys]


def _ctes(block: Block, enclosing: frozenset[int]) -> str:
    """Return the WITH clause that a query about a SELECT needs."""
    definitions = [
        render(cte.definition).strip()
        for cte in block.ctes.values()
        if id(cte) not in enclosing and cte.definition
    ]
    return f"with {', '.join(definitions)} " if definitions else ""


def _rewrite_all(
    expressions: Expressions, nodes: list[Node], columns: int
) -> list[Node]:
    rewritten = nodes[: min(columns, 1)]
    for position, part in enumerate(split_nodes(nodes[1 : columns + 1])):
        if columns:
            comma = [Token(OPERATOR, ",")] * bool(position)
            rewritten = [*rewritten, *comma, *expressions.rewrite_column(part)]
    rest = nodes[columns + 1 :] if columns else nodes
    return rewritten + expressions.rewrite(rest)[0]


def _select(keys: list[str], *tables: str) -> str:
    """Return a query for the types of operands in the scope of some FROM clauses."""
    columns = []
    for key in keys:
        column = key
        for source in tables:
            column = f"(select {column}{' from ' + source if source else ''})"
        columns.append(column)
    return f"select {', '.join(columns)}"


def _written_tables(nodes: list[Node], head: StatementHead) -> str:
    """Return the tables whose columns an UPDATE or DELETE can name."""
    if head.word == "insert":
        return ""
    opener = "from" if head.word == "update" else "using"
    positions = [
        [i for i, node in enumerate(nodes) if is_word(node, word)]
        for word in (opener, "where")
    ]
    if not positions[0]:
        return head.target
    end = positions[1][0] if positions[1] else len(nodes)
    return f"{head.target}, {render(nodes[positions[0][0] + 1 : end])}"
