"""MERGE: its limits, and MERGE ... REMOVE DUPLICATES.

Redshift's MERGE takes one table as its source, no alias of the target, and exactly the
two clauses WHEN MATCHED and WHEN NOT MATCHED, without conditions.
"""

from collections.abc import Callable

from tests.emulators.redshift.dialect.statements import StatementHead
from tests.emulators.redshift.dialect.tables import read_relation, skip_words
from tests.emulators.redshift.dialect.tokens import (
    Node,
    Token,
    has_words_at,
    is_group,
    is_operator,
    is_word,
    iter_node_lists,
    name_of,
    node_at,
    parse_nodes,
    render,
)
from tests.emulators.redshift.errors import RedshiftError, unsupported

SAME_TABLE = "Source and target of a MERGE statement cannot be the same table"
PARTIAL_SUPER = "Partial reference of SUPER column is not supported in MERGE statement"
MATCHED = ("when", "matched", "then")
NOT_MATCHED = ("when", "not", "matched", "then", "insert")


def check(
    nodes: list[Node], head: StatementHead, is_view: Callable[[str], bool]
) -> None:
    """Raise RedshiftError for a MERGE that Redshift rejects.

    `is_view` returns whether a relation, named as in the statement, is a view.
    """
    using = _find(nodes, 0, "using")
    condition = _find(nodes, using, "on")
    _, end = read_relation(nodes, skip_words(nodes, 1, "into"))
    if end != using:
        raise unsupported("an alias of MERGE's target table", "the table's name")
    source, end = read_relation(nodes, using + 1)
    if not source:
        raise unsupported("a subquery as the source of MERGE", "a temporary table")
    end = skip_words(nodes, end, "as")
    alias = source
    if end < condition and name_of(nodes[end]) is not None:
        alias, end = str(name_of(nodes[end])), end + 1
    if end != condition:
        raise _syntax_error(node_at(nodes, end))
    if _last_parts(source) == _last_parts(head.target):
        raise RedshiftError(SAME_TABLE, "0A000")
    if is_view(source):
        raise unsupported("a view as the source of MERGE", "a temporary table")
    if not has_words_at(nodes, len(nodes) - 2, "remove", "duplicates"):
        _check_clauses(nodes, condition)
    for items in iter_node_lists(nodes):
        for index, node in enumerate(items):
            if is_group(node, "[") or _is_path(items, index, alias):
                raise RedshiftError(PARTIAL_SUPER, "0A000")


def rewrite(nodes: list[Node]) -> None:
    """Rewrite MERGE ... REMOVE DUPLICATES for PostgreSQL, another MERGE not at all.

    The matched rows are deleted, then all rows of the source are inserted.
    """
    if not has_words_at(nodes, len(nodes) - 2, "remove", "duplicates"):
        return
    using = _find(nodes, 0, "using")
    condition = _find(nodes, using, "on")
    target, _ = read_relation(nodes, skip_words(nodes, 1, "into"))
    source, _ = read_relation(nodes, using + 1)
    matches = render(nodes[condition + 1 : -2])
    nodes[:] = parse_nodes(
        f"with removed as (delete from {target} using"
        f"{render(nodes[using + 1 : condition])} where {matches})"
        f" insert into {target} select * from {source}"
    )


def _check_clauses(nodes: list[Node], condition: int) -> None:
    first = _find(nodes, condition, "when")
    second = _find(nodes, first + 1, "when")
    for start in (first, second):
        if is_word(node_at(nodes, start + 1), "not") and not has_words_at(
            nodes, start, *NOT_MATCHED
        ):
            raise unsupported(
                "a condition or an action other than INSERT in WHEN NOT MATCHED",
                "when not matched then insert",
            )
        if is_word(node_at(nodes, start + 1), "matched") and not (
            has_words_at(nodes, start, *MATCHED)
            and is_word(node_at(nodes, start + 3), "update", "delete")
        ):
            raise unsupported(
                "a condition or an action other than UPDATE and DELETE in WHEN MATCHED",
                "when matched then update or delete",
            )
    is_complete = has_words_at(nodes, first, *MATCHED) and has_words_at(
        nodes, second, *NOT_MATCHED
    )
    if not is_complete or _find(nodes, second + 1, "when") < len(nodes):
        raise unsupported(
            "MERGE without exactly WHEN MATCHED and then WHEN NOT MATCHED",
            "both clauses, in this order",
        )


def _is_path(items: list[Node], index: int, alias: str) -> bool:
    """Whether a path into a column of the source begins here: `source.column.key`."""
    names = []
    position = index
    while name_of(node_at(items, position)) is not None:
        names.append(name_of(items[position]))
        if not is_operator(node_at(items, position + 1), "."):
            break
        position += 2
    is_start = not is_operator(node_at(items, index - 1), ".")
    return is_start and len(names) == 3 and names[0] == _last_parts(alias)[-1]


def _find(nodes: list[Node], start: int, word: str) -> int:
    """Return the index of a word, or the number of nodes if it is missing."""
    for index in range(start, len(nodes)):
        before = node_at(nodes, index - 1)
        if is_word(nodes[index], word) and not is_operator(before, "."):
            return index
    return len(nodes)


def _last_parts(name: str) -> list[str]:
    return [part.strip().strip('"').lower() for part in name.split(".")][-2:]


def _syntax_error(node: Node | None) -> RedshiftError:
    if node is None:
        return RedshiftError("syntax error at end of input", "42601")
    text = node.text if isinstance(node, Token) else node.opening
    return RedshiftError(f'syntax error at or near "{text}"', "42601")
