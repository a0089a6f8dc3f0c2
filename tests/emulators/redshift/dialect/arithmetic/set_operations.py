"""Decimals in UNION, INTERSECT and EXCEPT: all operands get one precision and scale.

By the guide's page `r_UNION`: DECIMAL(10,2) and DECIMAL(8,4) give DECIMAL(12,4).
"""

from collections.abc import Callable, Sequence
from dataclasses import replace

from tests.emulators.redshift.dialect.arithmetic.decimals import (
    NUMERIC_OID,
    Number,
    common,
    of_column,
)
from tests.emulators.redshift.dialect.arithmetic.parts import cast_nodes
from tests.emulators.redshift.dialect.clauses.select_list import read_items
from tests.emulators.redshift.dialect.late_binding import Described
from tests.emulators.redshift.dialect.names import quote_name
from tests.emulators.redshift.dialect.queries import Block, read_clauses
from tests.emulators.redshift.dialect.tokens import (
    OPERATOR,
    Node,
    Token,
    is_operator,
    is_word,
    node_at,
    parse_nodes,
    render,
    split_nodes,
)

# Returns the columns of a query in the scope of a SELECT, None if it is invalid.
Describe = Callable[[Block, str], list[Described] | None]
END = ("order", "limit", "offset", "fetch")
# A literal without a type, such as NULL.
UNTYPED_OIDS = (25, 705)


def promote(blocks: Sequence[Block], describe: Describe) -> None:
    """Cast the decimals of a set operation's operands to their common type."""
    if any(is_word(node, "into") for node in blocks[0].nodes):
        return
    operands = [render(block.nodes[: _operand_end(block)]) for block in blocks]
    whole = " union all ".join(f"({operand}\n)" for operand in operands)
    columns = describe(blocks[0], f" {whole}")
    # PostgreSQL gives a column no precision if that of its operands differs.
    if columns is None or (NUMERIC_OID, -1) not in {column[1:] for column in columns}:
        return
    found = [describe(block, sql) for block, sql in zip(blocks, operands, strict=True)]
    described = [each for each in found if each is not None]
    if len(described) < len(blocks):
        return
    targets = [_common(column) for column in zip(*described, strict=True)]
    if not any(targets):
        return
    names = [column.name for column in columns]
    for block, own in zip(blocks, described, strict=True):
        if any(
            target is not None and _number(column) != target
            for column, target in zip(own, targets, strict=True)
        ):
            _cast(block, own, names, targets)


def _operand_end(block: Block) -> int:
    """Return the index after a SELECT's own clauses.

    Those after it belong to the whole set operation.
    """
    clauses = read_clauses(block.nodes)
    words = list(clauses)
    first = next((i for i, word in enumerate(words) if word in END), len(words))
    return len(block.nodes) - sum(len(clauses[word]) + 1 for word in words[first:])


def _number(column: Described) -> Number | None:
    return of_column(column.oid, column.modifier)


def _common(columns: Sequence[Described]) -> Number | None:
    """Return the type of a result's column, None if it is not a decimal."""
    typed = [column for column in columns if column.oid not in UNTYPED_OIDS]
    if all(column.oid != NUMERIC_OID for column in typed):
        return None
    return common([_number(column) for column in typed])


def _cast(
    block: Block,
    columns: Sequence[Described],
    names: list[str],
    targets: Sequence[Number | None],
) -> None:
    """Cast the columns of an operand that have another type than the result."""
    end = _operand_end(block)
    current = replace(block, clauses=read_clauses(block.nodes[:end]))
    select = current.clauses["select"]
    start = is_word(node_at(select, 0), "distinct", "all")
    items = read_items(current)
    if len(items) < len(columns) or any(_is_star(item.expression) for item in items):
        nodes = _wrapped(render(block.nodes[:end]), names, targets)
    else:
        nodes = [block.nodes[0], *select[:start]]
        parts = split_nodes(select[start:])
        for position, (part, item) in enumerate(zip(parts, items, strict=True)):
            target = targets[position]
            if target is not None and _number(columns[position]) != target:
                alias = parse_nodes(f" as {quote_name([names[position]])}")
                part = [*cast_nodes(item.expression, part[0].space, target), *alias]
            nodes += [*[Token(OPERATOR, ",")] * bool(position), *part]
        nodes += block.nodes[len(select) + 1 : end]
    position = next(i for i, n in enumerate(block.container) if n is block.nodes[0])
    block.container[position : position + end] = nodes
    block.nodes = [*nodes, *block.nodes[end:]]


def _is_star(expression: list[Node]) -> bool:
    return is_operator(expression[-1], "*")


def _wrapped(
    sql: str, names: list[str], targets: Sequence[Number | None]
) -> list[Node]:
    columns = [f"c{position}" for position in range(len(names))]
    casts = ", ".join(
        (
            column
            if target is None
            else f"{column}::numeric({target.precision},{target.scale})"
        )
        + f" as {quote_name([name])}"
        for column, name, target in zip(columns, names, targets, strict=True)
    )
    return parse_nodes(
        f" select {casts} from ({sql.strip()}\n) as operand ({', '.join(columns)})"
    )
