"""The columns that a SELECT can name, asked from PostgreSQL."""

from tests.emulators.redshift.dialect.late_binding import Catalog
from tests.emulators.redshift.dialect.queries import Block, find_queries
from tests.emulators.redshift.dialect.tokens import (
    Group,
    Node,
    is_operator,
    is_word,
    name_of,
    node_at,
    parse_nodes,
    render,
)


class Scope:
    """A SELECT's sources, with the CTEs around it."""

    def __init__(self, root: list[Node], block: Block, catalog: Catalog) -> None:
        self._root = root
        self._container = block.container
        self._source = block.clauses.get("from")
        self._catalog = catalog

    def columns(self, what: str = "*") -> list[str]:
        """Return the names of the columns of `what` in the SELECT's sources."""
        if self._source is None:
            return []
        return self.query_columns(f"select {what} from{render(self._source)}")

    def query_columns(self, sql: str) -> list[str]:
        """Return the names of the columns of a query in this scope."""
        ctes = _ctes_around(self._root, self._container)
        prefix = f"with {', '.join(ctes)} " if ctes else ""
        return self._catalog.query_columns(prefix + sql)


def find_position(block: Block) -> int:
    """Return the index of a SELECT in the node list that contains it."""
    return next(
        index for index, node in enumerate(block.container) if node is block.nodes[0]
    )


def replace_block(block: Block, sql: str) -> None:
    """Replace a SELECT in its statement by other SQL."""
    start = find_position(block)
    nodes = parse_nodes(sql)
    nodes[0].space = block.nodes[0].space or " "
    block.container[start : start + len(block.nodes)] = nodes


def _ctes_around(nodes: list[Node], target: list[Node]) -> list[str] | None:
    """Return the CTEs that a node list can name, None if it is elsewhere."""
    definitions = _definitions(nodes)
    if nodes is target:
        return [sql for _, sql in definitions]
    for index, node in enumerate(nodes):
        if isinstance(node, Group):
            inner = _ctes_around(node.items, target)
            if inner is not None:
                return [sql for end, sql in definitions if end < index] + inner
    return None


def _definitions(nodes: list[Node]) -> list[tuple[int, str]]:
    """Return the CTEs that a list of nodes defines: the index of each body, its SQL."""
    start = next(
        (
            index + 1
            for index, node in enumerate(nodes)
            if is_word(node, "with") and find_queries(nodes[index:])
        ),
        None,
    )
    found = []
    while start is not None and name_of(node_at(nodes, start)) is not None:
        end = start + 1
        while end < len(nodes) and not is_word(nodes[end], "as"):
            end += 1
        body = node_at(nodes, end + 1)
        if not isinstance(body, Group):
            break
        found.append((end + 1, render(nodes[start : end + 2])))
        start = end + 3 if is_operator(node_at(nodes, end + 2), ",") else None
    return found
