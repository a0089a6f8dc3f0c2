"""Clauses of SELECT that Redshift has and PostgreSQL does not."""

from tests.emulators.redshift.dialect.clauses.qualify import rewrite_qualify
from tests.emulators.redshift.dialect.clauses.scope import Scope
from tests.emulators.redshift.dialect.clauses.select_list import (
    rewrite_aliases,
    rewrite_exclude,
    rewrite_top,
)
from tests.emulators.redshift.dialect.late_binding import Catalog
from tests.emulators.redshift.dialect.queries import Block, find_queries, iter_blocks
from tests.emulators.redshift.dialect.tokens import Node

MAX_REWRITES = 1000


def rewrite(nodes: list[Node], catalog: Catalog) -> None:
    """Rewrite TOP, EXCLUDE, names of the select list and QUALIFY for PostgreSQL."""
    done: set[int] = set()
    for _ in range(MAX_REWRITES):
        if not any(
            _rewrite_block(nodes, block, catalog, done)
            for block in iter_blocks(find_queries(nodes))
        ):
            return


def _rewrite_block(
    nodes: list[Node], block: Block, catalog: Catalog, done: set[int]
) -> bool:
    """Rewrite the first clause of a SELECT that needs it; return whether one does."""
    if rewrite_top(block):
        return True
    scope = Scope(nodes, block, catalog)
    if rewrite_exclude(block, scope):
        return True
    first = id(block.nodes[0])
    if first not in done:
        done.add(first)
        if rewrite_aliases(block, scope):
            return True
    return rewrite_qualify(block, scope)
