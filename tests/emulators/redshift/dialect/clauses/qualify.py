"""QUALIFY, rewritten as a subquery whose rows are filtered."""

from tests.emulators.redshift.dialect.clauses.scope import Scope, replace_block
from tests.emulators.redshift.dialect.names import quote_name
from tests.emulators.redshift.dialect.queries import Block
from tests.emulators.redshift.dialect.tokens import (
    NUMBER,
    Node,
    Token,
    is_word,
    name_of,
    node_at,
    render,
    split_nodes,
)
from tests.emulators.redshift.errors import RedshiftError

INNER = ("from", "where", "group", "having")
OUTER = ("limit", "offset", "fetch")


def rewrite_qualify(block: Block, scope: Scope) -> bool:
    """Rewrite the QUALIFY of a SELECT; return whether there was one."""
    condition = block.clauses.get("qualify")
    if condition is None:
        return False
    if not condition:
        raise RedshiftError("syntax error at end of input", "42601")
    _check_alias(block, condition)
    items = block.clauses["select"]
    is_distinct = is_word(node_at(items, 0), "distinct")
    select = render(
        items[1:] if is_word(node_at(items, 0), "distinct", "all") else items
    )
    inner = "".join(
        f" {word}{render(block.clauses[word])}"
        for word in INNER
        if word in block.clauses
    )
    names = scope.query_columns(f"select{select}{inner}")
    if not names:
        # The query fails without the condition too: PostgreSQL reports why.
        replace_block(block, f"select{select}{inner}")
        return True
    order, extra = _order(block, names)
    columns = [f"column{number}" for number in range(1, len(names) + 1)]
    extra_columns = [f"order{number}" for number in range(1, len(extra) + 1)]
    added = "".join(f", ({expression})" for expression in extra)
    aliases = ", ".join([*columns, "is_qualified", *extra_columns])
    output = ", ".join(
        f"{column} as {quote_name([name])}"
        for column, name in zip(columns, names, strict=True)
    )
    replace_block(
        block,
        f"select {'distinct ' if is_distinct else ''}{output} from"
        f" (select{select}, ({render(condition)}){added}{inner})"
        f" as qualified_rows ({aliases}) where is_qualified{order}"
        + "".join(
            f" {word}{render(block.clauses[word])}"
            for word in OUTER
            if word in block.clauses
        ),
    )
    return True


def _check_alias(block: Block, condition: list[Node]) -> None:
    """Raise RedshiftError if QUALIFY follows a source without an alias.

    Redshift takes the word for the alias of the source.
    """
    words = list(block.clauses)
    follows_from = words[words.index("qualify") - 1] == "from"
    if follows_from and block.sources and not block.sources[-1].alias_nodes:
        text = render(condition[:1]).strip()
        raise RedshiftError(
            f'syntax error at or near "{text}": a table before QUALIFY needs an alias',
            "42601",
        )


def _order(block: Block, names: list[str]) -> tuple[str, list[str]]:
    """Return ORDER BY for the outer query, and expressions that the inner one adds."""
    clause = block.clauses.get("order")
    if clause is None:
        return "", []
    parts, extra = [], []
    for part in split_nodes(clause[1:]):
        end = next(
            (i for i, n in enumerate(part) if is_word(n, "asc", "desc", "nulls")),
            len(part),
        )
        key, direction = part[:end], render(part[end:])
        name = name_of(key[0]) if len(key) == 1 else None
        is_number = (
            len(key) == 1 and isinstance(key[0], Token) and key[0].kind == NUMBER
        )
        if is_number:
            parts.append(render(key).strip() + direction)
        elif name in names:
            parts.append(f"{names.index(name) + 1}{direction}")
        else:
            extra.append(render(key).strip())
            parts.append(f"order{len(extra)}{direction}")
    return f" order by {', '.join(parts)}", extra
