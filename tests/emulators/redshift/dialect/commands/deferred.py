"""Statements that run later: those of PREPARE and of procedures.

What they write is found in their text, because its writers must take the tables' locks
before the statement runs.
"""

from collections.abc import Callable, Iterator

from tests.emulators.redshift.dialect.statements import read_head
from tests.emulators.redshift.dialect.tables import read_relation
from tests.emulators.redshift.dialect.tokens import (
    Node,
    has_words_at,
    is_operator,
    is_word,
    name_of,
    node_at,
    parse,
    split_nodes,
    string_value,
)
from tests.emulators.redshift.errors import RedshiftError

WRITES = ("insert", "update", "delete", "merge")
# What may stand before a statement in a procedure.
OPENERS = ("begin", "then", "else", "loop")
# They end the transaction, which keeps no locks then.
ENDS = ("commit", "rollback", "truncate")
# Returns the bodies of the procedures of a name, as written.
Bodies = Callable[[str], list[str]]


def prepared_part(nodes: list[Node]) -> tuple[str, int]:
    """Return the name in PREPARE, and the index of the statement that it prepares."""
    start = next((i for i, node in enumerate(nodes) if is_word(node, "as")), -1)
    return name_of(node_at(nodes, 1)) or "", start + 1


def statements_in_procedure(nodes: list[Node]) -> Iterator[list[Node]]:
    """Yield the SQL statements in the body of CREATE PROCEDURE, as far as it is SQL."""
    index = 3 if has_words_at(nodes, 1, "or", "replace") else 1
    if not has_words_at(nodes, 0, "create") or not is_word(
        node_at(nodes, index), "procedure"
    ):
        return
    for body in map(string_value, nodes):
        for part in split_nodes(_parse(body or ""), ";"):
            start = next(
                (i for i in range(len(part)) if _starts_statement(part, i)), len(part)
            )
            statement = part[start:]
            if statement:
                yield _without_variables(statement)


def _starts_statement(part: list[Node], index: int) -> bool:
    return is_word(part[index], "select", "with", *WRITES) and (
        index == 0 or is_word(part[index - 1], *OPENERS)
    )


def _without_variables(statement: list[Node]) -> list[Node]:
    """Remove INTO and the variables after it from a SELECT."""
    into = next((i for i, n in enumerate(statement) if is_word(n, "into")), None)
    if into is None or not is_word(statement[0], "select", "with"):
        return statement
    end = into + 1
    while name_of(node_at(statement, end)) and not is_word(statement[end], "from"):
        end += 1 + is_operator(node_at(statement, end + 1), ",")
    return statement[:into] + statement[end:]


def _parse(sql: str) -> list[Node]:
    """Return the nodes of SQL, none if the relay cannot read it."""
    try:
        return parse(sql)[0]
    except RedshiftError:
        return []


def written_by_call(nodes: list[Node], bodies: Bodies) -> list[str]:
    """Return the tables that the procedure of a CALL writes, as it names them."""
    return list(dict.fromkeys(_written_by(nodes, bodies, set())))


def _written_by(nodes: list[Node], bodies: Bodies, seen: set[str]) -> Iterator[str]:
    procedure, _ = read_relation(nodes, 1)
    if procedure in seen:
        return
    seen.add(procedure)
    for body in bodies(procedure):
        parsed = _parse(body)
        if any(is_word(node, *ENDS) for node in parsed):
            continue
        for part in split_nodes(parsed, ";"):
            yield from _written_in(part, bodies, seen)


def _written_in(part: list[Node], bodies: Bodies, seen: set[str]) -> Iterator[str]:
    for index, node in enumerate(part):
        if index and not is_word(part[index - 1], *OPENERS):
            continue
        if is_word(node, *WRITES):
            yield read_head(part[index:]).target
        elif is_word(node, "call"):
            yield from _written_by(part[index:], bodies, seen)
        elif is_word(node, "execute"):
            text = string_value(node_at(part, index + 1))
            yield from _written_by_text(text or "")


def _written_by_text(sql: str) -> Iterator[str]:
    """Yield the table that dynamic SQL writes, if its beginning names it."""
    nodes = _parse(sql)  # the text may go on after the string
    if nodes and is_word(nodes[0], *WRITES) and read_head(nodes).target:
        yield read_head(nodes).target
