"""TOP, EXCLUDE, and names of the select list in the same list, WHERE and HAVING."""

from collections.abc import Iterator
from dataclasses import dataclass

from tests.emulators.redshift.dialect.clauses.scope import Scope, find_position
from tests.emulators.redshift.dialect.names import quote_name
from tests.emulators.redshift.dialect.queries import SET_OPERATIONS, Block
from tests.emulators.redshift.dialect.tokens import (
    NUMBER,
    OPERATOR,
    PARAMETER,
    QUOTED,
    STRING,
    WORD,
    Group,
    Node,
    Token,
    is_group,
    is_operator,
    is_word,
    name_of,
    node_at,
    parse_nodes,
    render,
    split_nodes,
)
from tests.emulators.redshift.errors import RedshiftError

# Words at the end of an expression that are no alias.
NO_ALIAS = ("end", "null", "true", "false", "zone", "precision", "varying", "unknown")
CONDITIONS = ("where", "having", "qualify")
# Functions whose first argument is a part of a date.
DATE_FUNCTIONS = (
    "dateadd", "date_add", "datediff", "date_diff", "date_part", "datepart",
    "date_trunc", "extract", "pgdate_part",
)  # fmt: skip


@dataclass
class Item:
    """One item of a select list: the nodes of its expression, and its alias."""

    expression: list[Node]
    alias: str = ""


def rewrite_top(block: Block) -> bool:
    """Rewrite `select top n` as LIMIT; return whether there was one."""
    items = block.clauses["select"]
    index = 1 if is_word(node_at(items, 0), "distinct", "all") else 0
    count = node_at(items, index + 1)
    if not (
        is_word(node_at(items, index), "top")
        and isinstance(count, Token)
        and count.kind in (NUMBER, PARAMETER)
    ):
        return False
    if "limit" in block.clauses:
        raise RedshiftError("TOP and LIMIT cannot be used in the same query", "42601")
    start = find_position(block)
    position = next(i for i, n in enumerate(block.container) if n is items[index])
    end = start + len(block.nodes)
    limited = [*block.container[start:position], *block.container[position + 2 : end]]
    limited += parse_nodes(f" limit {count.text}")
    is_operand = is_word(node_at(block.container, end), *SET_OPERATIONS) or is_word(
        node_at(block.container, start - 1), *SET_OPERATIONS, "all"
    )
    replacement: list[Node] = [Group("(", " ", limited)] if is_operand else limited
    block.container[start:end] = replacement
    return True


def rewrite_exclude(block: Block, scope: Scope) -> bool:
    """Rewrite `* exclude (names)` as the other columns; return whether it is there."""
    items = block.clauses["select"]
    found = _find_exclude(items)
    if found is None:
        return False
    names = _excluded_names(items[found + 1 :])
    unknown = set(names)
    parts = []
    for part in split_nodes(items[:found]):
        if not is_operator(part[-1], "*") or len(part) not in (1, 3):
            parts.append(render(part).strip())
            continue
        aliases = [str(name_of(part[0]))] if len(part) == 3 else _aliases(block)
        for alias in aliases:
            columns = scope.columns(f"{quote_name([alias])}.*")
            unknown.difference_update(columns)
            parts += [
                quote_name([alias, name]) for name in columns if name not in names
            ]
    if unknown:
        name = min(unknown)
        raise RedshiftError(f'column "{name}" of EXCLUDE does not exist', "42703")
    start = next(i for i, n in enumerate(block.container) if n is items[0])
    block.container[start : start + len(items)] = parse_nodes(" " + ", ".join(parts))
    return True


def rewrite_aliases(block: Block, scope: Scope) -> bool:
    """Replace names of the select list in the list itself and in conditions.

    Returns whether there was any.
    """
    items = read_items(block)
    others = [block.clauses[word] for word in CONDITIONS if word in block.clauses]
    aliases = {item.alias: item.expression for item in items if not _is_own_name(item)}
    used = {
        name
        for number, item in enumerate(items)
        for name in _used_names(item.expression)
        if name in {earlier.alias for earlier in items[:number]}
    }
    used |= {name for clause in others for name in _used_names(clause)}
    used &= set(aliases)
    if not used:
        return False
    columns = scope.columns()
    if "from" in block.clauses and not columns:
        return False  # the query fails: PostgreSQL reports why
    used -= set(columns)
    known: dict[str, list[Node]] = {}
    for item in items:
        _substitute(item.expression, known, block.container)
        if item.alias in used:
            known[item.alias] = item.expression
    for clause in others:
        _substitute(clause, known, block.container)
    return bool(used)


def read_items(block: Block) -> list[Item]:
    """Return the items of a select list."""
    nodes = block.clauses["select"]
    if is_word(node_at(nodes, 0), "distinct", "all"):
        nodes = nodes[1:]
    return [_read_item(part) for part in split_nodes(nodes) if part]


def _read_item(part: list[Node]) -> Item:
    alias = name_of(part[-1])
    if alias is None or len(part) < 2:
        return Item(part)
    before = part[-2]
    if is_word(before, "as"):
        return Item(part[:-2], alias)
    ends_expression = isinstance(before, Group) or (
        isinstance(before, Token) and before.kind not in (OPERATOR,)
    )
    is_name = part[-1].kind == QUOTED or alias not in NO_ALIAS  # type: ignore[union-attr]
    return Item(part[:-1], alias) if ends_expression and is_name else Item(part)


def _is_own_name(item: Item) -> bool:
    """Whether an alias names the column that it stands for."""
    last = item.expression[-1] if item.expression else None
    is_column = all(
        name_of(node) is not None or is_operator(node, ".") for node in item.expression
    )
    return not item.alias or (is_column and name_of(last) == item.alias)


def _used_names(nodes: list[Node]) -> Iterator[str]:
    for items, index in _references(nodes):
        yield str(name_of(items[index]))


def _references(nodes: list[Node]) -> Iterator[tuple[list[Node], int]]:
    """Yield the unqualified names in an expression, without those in subqueries."""
    for index, node in enumerate(nodes):
        if isinstance(node, Group):
            if not node.is_query:
                is_date_part = is_word(node_at(nodes, index - 1), *DATE_FUNCTIONS)
                for items, position in _references(node.items):
                    if not (is_date_part and items is node.items and position == 0):
                        yield items, position
            continue
        before, after = node_at(nodes, index - 1), node_at(nodes, index + 1)
        is_literal = isinstance(after, Token) and after.kind == STRING
        if (
            node.kind in (WORD, QUOTED)
            and not is_operator(before, ".")
            and not is_operator(before, "::")
            and not is_operator(after, ".")
            and not is_word(before, "as")
            and not is_group(after)
            and not is_literal
        ):
            yield nodes, index


def _substitute(
    nodes: list[Node], known: dict[str, list[Node]], container: list[Node]
) -> None:
    """Replace names by expressions, in the statement's own node lists."""
    for items, index in list(_references(nodes)):
        token = items[index]
        expression = known.get(str(name_of(token)))
        if expression is None:
            continue
        group = Group("(", token.space or " ", _copy(expression))
        items[index] = group
        for position, node in enumerate(container):
            if node is token:
                container[position] = group


def _copy(nodes: list[Node]) -> list[Node]:
    return parse_nodes(render(nodes))


def _find_exclude(items: list[Node]) -> int | None:
    for index in range(1, len(items)):
        before, after = items[index - 1], node_at(items, index + 1)
        if (
            is_word(items[index], "exclude")
            and not is_operator(before, ",")
            and not is_operator(before, ".")
            and not is_word(before, "as")
            and (is_group(after) or name_of(after) is not None)
        ):
            return index
    return None


def _excluded_names(nodes: list[Node]) -> list[str]:
    inside = nodes[0].items if isinstance(nodes[0], Group) else nodes
    if inside is not nodes and len(nodes) > 1:
        raise RedshiftError("EXCLUDE is the end of the select list", "42601")
    names = []
    for part in split_nodes(inside):
        name = name_of(part[0]) if len(part) == 1 else None
        if name is None:
            raise RedshiftError("EXCLUDE takes names of columns only", "42601")
        names.append(name)
    return names


def _aliases(block: Block) -> list[str]:
    return [source.alias for source in block.sources if source.alias]
