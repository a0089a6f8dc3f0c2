"""Redshift's rules that depend on the query.

Leader-node functions fail in a statement that reads user tables. Compute-node functions
fail in a SELECT that reads none. All aggregates of a SELECT that sort their input must
sort it by the same expression.
"""

from collections.abc import Collection, Iterator, Sequence

from tests.emulators.redshift.dialect.queries import (
    SET_OPERATIONS,
    Block,
    Query,
    Source,
    iter_blocks,
    read_clauses,
)
from tests.emulators.redshift.dialect.statements import WRITES, StatementHead
from tests.emulators.redshift.dialect.tokens import (
    OPERATOR,
    Group,
    Node,
    Token,
    is_group,
    is_operator,
    is_word,
    iter_node_lists,
    name_of,
    node_at,
    render,
    split_nodes,
)
from tests.emulators.redshift.errors import PRODUCT, RedshiftError

SORTING = ("median", "percentile_cont", "percentile_disc", "listagg")
CLOCKS = {
    "now", "age", "isfinite", "current_timestamp", "current_time", "localtimestamp",
    "localtime",
}  # fmt: skip
SERIES = {"generate_series", "generate_subscripts"}
LEADER_FUNCTIONS = CLOCKS | SERIES | {
    "current_schema", "current_schemas",
    "has_any_column_privilege", "has_column_privilege", "has_database_privilege",
    "has_function_privilege", "has_language_privilege", "has_schema_privilege",
    "has_sequence_privilege", "has_server_privilege", "has_table_privilege",
    "has_tablespace_privilege", "pg_has_role",
}  # fmt: skip
LEADER_WORDS = {
    "current_timestamp", "current_time", "localtimestamp", "localtime",
    "current_schema",
}  # fmt: skip
SYSTEM_SCHEMAS = ("pg_catalog", "information_schema", "pg_internal")
SYSTEM_PREFIXES = ("pg_", "stl_", "stv_", "svv_", "svl_", "svcs_", "sys_")
# The relations of the leader node; it may be that SYS views are among them.
LEADER_PREFIXES = ("pg_", "svv_", "sys_")
# Views over information_schema or the catalog.
LEADER_VIEWS = ("svv_tables", "svv_columns", "svv_table_info")
BEFORE_SUBQUERY = ("from", "join", "in", "exists", "any", "some", "all", "on", "and")
BEFORE_SUBQUERY += ("or", "not", "where", "having", "between", "select", "by")
SET_LIMIT = "LIMIT may not be used within input to set operations"
LEADER_MESSAGE = (
    "Specified types or functions (one per INFO message) not supported on {product}"
    " tables: {name} runs on the leader node only{instead}"
)


def check(
    nodes: list[Node],
    queries: list[Query],
    target: str = "",
    sources: Sequence[Source] = (),
    *,
    fills_table: bool = False,
) -> None:
    """Raise RedshiftError for the first rule that the statement violates.

    `target` is the user table that an UPDATE, DELETE or MERGE changes, or empty, and
    `sources` is what such a statement reads in its FROM or USING; `fills_table` is true
    if the query's rows are inserted into a table.
    """
    blocks = list(iter_blocks(queries))
    function = ""
    if target or run_on_compute_nodes(queries, LEADER_PREFIXES):
        function = find_leader_function(nodes, queries, sources)
    elif fills_table:
        function = find_leader_function(nodes, [], functions=SERIES)
    if function:
        instead = "; use getdate() or sysdate" if function in CLOCKS else ""
        raise RedshiftError(
            LEADER_MESSAGE.format(product=PRODUCT, name=function, instead=instead),
            "0A000",
        )
    for block in blocks:
        _check_sorting(block)
    _check_set_operands(nodes)


def run_on_compute_nodes(
    queries: list[Query], leader_prefixes: tuple[str, ...] = LEADER_PREFIXES[:2]
) -> bool:
    """Whether a statement reads tables other than those of the leader node."""
    return any(
        _is_on_compute_nodes(source, leader_prefixes)
        and not (len(source.name) == 1 and source.name[0] in block.ctes)
        for block in iter_blocks(queries)
        for source in block.sources
    )


def _is_on_compute_nodes(source: Source, leader_prefixes: tuple[str, ...]) -> bool:
    if not source.name or source.is_function or "information_schema" in source.name:
        return False
    return not source.is_on_leader and not source.name[-1].startswith(leader_prefixes)


def check_target(head: StatementHead) -> None:
    """Raise RedshiftError if a statement changes a system table."""
    parts = [part.strip().strip('"').lower() for part in head.target.split(".")]
    is_system = parts[-1].startswith(SYSTEM_PREFIXES)
    if len(parts) > 1:
        is_system = parts[-2] in SYSTEM_SCHEMAS
    if head.word in WRITES and is_system:
        raise RedshiftError(
            f'permission denied: "{parts[-1]}" is a system catalog', "42501"
        )


def check_leader_sources(sources: list[Source]) -> None:
    """Raise RedshiftError if rows to write come from the leader node.

    A join of a PG table with a user table runs on the compute nodes.
    """
    reads_user_table = any(not is_system_relation(source) for source in sources)
    for source in sources:
        name = source.name[-1]
        is_schema = source.name[-2:-1] == ("information_schema",)
        is_catalog = name.startswith("pg_") and not reads_user_table
        if is_schema or name in LEADER_VIEWS or is_catalog:
            raise RedshiftError(
                LEADER_MESSAGE.format(product=PRODUCT, name=name, instead=""), "0A000"
            )


def find_leader_function(
    nodes: list[Node],
    queries: list[Query],
    sources: Sequence[Source] = (),
    functions: Collection[str] = LEADER_FUNCTIONS,
) -> str:
    """Return a leader-node function of a statement or the views it reads, or ''."""
    read = [source for block in iter_blocks(queries) for source in block.sources]
    for source in (*read, *sources):
        if source.leader_function:
            return source.leader_function
    for items in iter_node_lists(nodes):
        for index, node in enumerate(items):
            if not isinstance(node, Token) or node.kind != "word":
                continue
            before, after = node_at(items, index - 1), node_at(items, index + 1)
            if is_operator(before, ".") or is_word(before, "as"):
                continue
            is_call = node.key in functions and is_group(after)
            is_value = node.key in LEADER_WORDS.intersection(functions)
            if is_call or (is_value and not is_operator(after, ".")):
                return node.key
    return ""


def _check_set_operands(nodes: list[Node]) -> None:
    """Raise RedshiftError for LIMIT or OFFSET in an operand of a set operation."""
    for items in iter_node_lists(nodes):
        for index, node in enumerate(items):
            if not (isinstance(node, Group) and node.is_query):
                continue
            before = node_at(items, index - 1)
            if is_word(before, "all", "distinct"):
                before = node_at(items, index - 2)
            is_first = is_word(node_at(items, index + 1), *SET_OPERATIONS)
            is_operand = is_word(before, *SET_OPERATIONS) or (
                is_first and not _is_inside_query(before)
            )
            if is_operand and not {"limit", "offset"}.isdisjoint(
                read_clauses(node.items)
            ):
                raise RedshiftError(SET_LIMIT, "0A000")


def _is_inside_query(before: Node | None) -> bool:
    """Whether a subquery after this node is a source or a value of a larger query."""
    is_value = isinstance(before, Token) and before.kind == OPERATOR
    return is_value or is_word(before, *BEFORE_SUBQUERY)


def is_system_relation(source: Source) -> bool:
    """Whether a source is a system table or view."""
    if len(source.name) > 1 and source.name[-2] in SYSTEM_SCHEMAS:
        return True
    return source.name[-1].startswith(SYSTEM_PREFIXES)


def _reads_user_table(block: Block, seen: frozenset[int] = frozenset()) -> bool:
    for source in block.sources:
        if source.query is not None:
            if _query_reads_user_table(source.query, seen):
                return True
        elif source.is_function or not source.name:
            continue
        elif len(source.name) == 1 and source.name[0] in block.ctes:
            if _query_reads_user_table(block.ctes[source.name[0]], seen):
                return True
        elif not is_system_relation(source):
            return True
    return False


def _query_reads_user_table(query: Query, seen: frozenset[int]) -> bool:
    if id(query) in seen:  # a recursive CTE
        return False
    return any(_reads_user_table(block, seen | {id(query)}) for block in query.blocks)


def _iter_calls(nodes: list[Node]) -> Iterator[tuple[Token, Group, list[Node], int]]:
    """Yield the function calls of a SELECT, without those of its subqueries.

    Each is the name, the arguments, the node list that contains it and its index there.
    """
    for index, node in enumerate(nodes):
        if isinstance(node, Group):
            if not node.is_query:
                yield from _iter_calls(node.items)
            continue
        arguments = node_at(nodes, index + 1)
        if name_of(node) and isinstance(arguments, Group) and arguments.opening == "(":
            yield node, arguments, nodes, index


def _check_sorting(block: Block) -> None:
    """Check the aggregates of a SELECT that sort their input."""
    orders: dict[str, str] = {}
    uses: list[str] = []
    has_distinct_count = False
    for name, arguments, items, index in _iter_calls(block.nodes):
        if name.key == "count" and is_word(node_at(arguments.items, 0), "distinct"):
            before = node_at(items, index - 1)
            has_distinct_count |= not is_word(before, "approximate")
        if name.key not in SORTING:
            continue
        uses.append(name.key)
        order, is_window = _sort_order(name.key, arguments, items, index)
        if order and not is_window:
            orders[order] = name.key
    if not uses:
        return
    if not _reads_user_table(block):
        raise RedshiftError(
            "One or more of the used functions must be applied on at least one user"
            " created tables. Examples of user table only functions are LISTAGG,"
            f" MEDIAN, PERCENTILE_CONT, etc ({PRODUCT} runs {uses[0].upper()} on the"
            " compute nodes only)",
            "0A000",
        )
    if len(orders) > 1:
        raise RedshiftError(
            "within group ORDER BY clauses for aggregate functions must be the same"
            f" in one SELECT in {PRODUCT}, but they are {' and '.join(sorted(orders))}",
            "0A000",
        )
    if has_distinct_count and any(use in SORTING[:3] for use in orders.values()):
        raise RedshiftError(
            f"aggregate {uses[0].upper()} together with COUNT(DISTINCT ...) in one"
            f" SELECT is not supported by {PRODUCT}",
            "0A000",
        )


def _sort_order(
    name: str, arguments: Group, items: list[Node], index: int
) -> tuple[str, bool]:
    """Return the normalized sort expression; whether it is a window function."""
    if name == "median":
        parts = split_nodes(arguments.items)
        order, after = (_normalize(parts[0]) if parts else ""), index + 2
    else:
        group = node_at(items, index + 4)
        if not (
            is_word(node_at(items, index + 2), "within") and isinstance(group, Group)
        ):
            return "", False
        order, after = _normalize(group.items[2:]), index + 5
    return order, is_word(node_at(items, after), "over")


def _normalize(nodes: list[Node]) -> str:
    """Return an expression in a form in which equal expressions compare equal."""
    text = " ".join(render(nodes).lower().replace('"', "").split())
    return text.removesuffix(" asc")
