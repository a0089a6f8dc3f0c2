"""Rewrite navigation into SUPER values, and SUPER arrays in FROM, as function calls.

`t.doc.plan[0]` becomes `pg_internal.get(pg_internal.get(t.doc, 'plan'), 0)`, and
`from t, t.doc.items as item` becomes
`from t, lateral pg_internal.elements(...) as item`. `unpivot t.doc as value at name`
becomes `lateral pg_internal.pairs(...) as value (value, name)`.
The names in FROM determine which part of a chain is the column.
"""

from tests.emulators.redshift.dialect.queries import Block, Query, Source, iter_blocks
from tests.emulators.redshift.dialect.statements import StatementHead
from tests.emulators.redshift.dialect.tokens import (
    END_OF_CALL,
    WORD,
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
from tests.emulators.redshift.dialect.types import read_type

GET = "pg_internal.get("
ELEMENTS = "lateral pg_internal.elements("
PAIRS = "lateral pg_internal.pairs("
# A name after one of these words is not a column: a type, an alias, a window.
NO_COLUMN_AFTER = ("as", "over", "collate")


def rewrite(nodes: list[Node], queries: list[Query], head: StatementHead) -> None:
    """Rewrite navigation and unnesting in all SELECTs of a statement.

    Likewise in the expressions of an UPDATE or DELETE itself.
    """
    outer = _changed_sources(head)
    for block in iter_blocks(queries):
        unnested = _unnested_sources(block)
        for source in unnested:
            _unnest(source, unnested)
        skipped = {id(node) for source in block.sources for node in source.nodes}
        _rewrite_list(block.nodes, _Scope(block, outer), skipped)
        _name_columns(block)
    opener = {"update": "set", "delete": "where"}.get(head.word, "")
    start = next((i for i, n in enumerate(nodes) if opener and is_word(n, opener)), -1)
    if start >= 0:
        changed = nodes[start + 1 :]
        skipped = {id(node) for source in head.sources for node in source.nodes}
        _rewrite_list(changed, _Scope(None, outer), skipped)
        nodes[start + 1 :] = changed


def _changed_sources(head: StatementHead) -> list[Source]:
    """Return the target of an UPDATE, DELETE or MERGE and what it reads beside it."""
    if head.word not in ("update", "delete", "merge"):
        return []
    name = tuple(part.strip().strip('"').lower() for part in head.target.split("."))
    return [Source([], name, name[-1]), *head.sources]


class _Scope:
    """The names that a chain may start with, in a SELECT and those around it.

    `items` are the aliases of unnested arrays; `outer` is what the statement changes
    and reads itself.
    """

    def __init__(self, block: Block | None, outer: list[Source]) -> None:
        self.aliases: set[str] = set()
        self.items: set[str] = set()
        self.tables: set[tuple[str, ...]] = set()
        while block is not None:
            items = {source.alias for source in _unnested_sources(block)}
            self.items |= items - self.aliases
            self._add(block.sources)
            block = block.parent
        self._add(outer)

    def _add(self, sources: list[Source]) -> None:
        self.aliases |= {source.alias for source in sources}
        self.tables |= {
            source.name[-length:]
            for source in sources
            for length in (2, 3)
            if len(source.name) >= length
        }

    def column_parts(self, names: list[str]) -> int:
        """Return how many parts of a chain name the column, with its table."""
        if names[0] in self.items:
            return 1
        if names[0] in self.aliases:
            return 2
        for length in (3, 2):
            if tuple(names[:length]) in self.tables:
                return length + 1
        return 1 if self.aliases else len(names)


def _unnested_sources(block: Block) -> list[Source]:
    """Return the sources that are another's column: `from t, t.items as item`."""
    aliases: set[str] = set()
    enclosing = block.parent
    while enclosing is not None:
        aliases |= {source.alias for source in enclosing.sources}
        enclosing = enclosing.parent
    unnested = []
    for source in block.sources:
        if (
            len(source.name) > 1
            and source.name[0] in aliases
            and not source.is_function
        ):
            unnested.append(source)
        aliases.add(source.alias)
    return unnested


def _unnest(source: Source, unnested: list[Source]) -> None:
    items = {item.alias for item in unnested}
    first, last = source.nodes[0], source.nodes[-1]
    names = [token for token in source.nodes if name_of(token) is not None]
    column = 1 if source.name[0] in items else 2
    _navigate(source.nodes, len(names) - column)
    if _unpivot(source):
        return
    if isinstance(first, Token) and isinstance(last, Token):
        first.text = ELEMENTS + first.text
        last.text += ")"
    if not source.alias_nodes and isinstance(last, Token):
        last.text += f' as "{source.alias}"'


def _unpivot(source: Source) -> bool:
    """Rewrite UNPIVOT of an object, with its alias and AT; return whether it is one."""
    nodes, last = source.container, source.nodes[-1]
    start = next(n for n, node in enumerate(nodes) if node is source.nodes[0])
    keyword = node_at(nodes, start - 1)
    if not is_word(keyword, "unpivot") or not source.alias_nodes:
        return False
    alias = source.alias_nodes[-1]
    end = next(n for n, node in enumerate(nodes) if node is alias) + 1
    at, name = node_at(nodes, end), node_at(nodes, end + 1)
    tokens = [n for n in (keyword, last, alias, at, name) if isinstance(n, Token)]
    if len(tokens) < 5 or not is_word(at, "at"):
        return False
    pairs = f"({tokens[2].text}, {tokens[4].text})"
    tokens[0].text = PAIRS
    tokens[1].text += ")"
    tokens[2].text += pairs
    tokens[3].text = tokens[4].text = ""
    return True


def _rewrite_list(nodes: list[Node], scope: _Scope, skipped: set[int]) -> None:
    index = 0
    while index < len(nodes):
        node = nodes[index]
        if isinstance(node, Group):
            if not node.is_query:
                _rewrite_list(node.items, scope, skipped)
            index += 1
        elif id(node) in skipped or not _may_start_chain(nodes, index):
            index += 1
        else:
            index = _rewrite_chain(nodes, index, scope)


def _may_start_chain(nodes: list[Node], index: int) -> bool:
    if name_of(nodes[index]) is None:
        return False
    before = node_at(nodes, index - 1)
    if is_operator(before, "::") or is_operator(before, "."):
        return False
    return not is_word(before, *NO_COLUMN_AFTER)


def _rewrite_chain(nodes: list[Node], index: int, scope: _Scope) -> int:
    """Rewrite the chain of names and subscripts at an index; return its end."""
    end, names = index + 1, [str(name_of(nodes[index]))]
    while (
        is_operator(node_at(nodes, end), ".")
        and name_of(node_at(nodes, end + 1)) is not None
    ):
        names.append(str(name_of(nodes[end + 1])))
        end += 2
    steps_from = end
    while is_group(node_at(nodes, end), "[") or (
        end > steps_from
        and is_operator(node_at(nodes, end), ".")
        and name_of(node_at(nodes, end + 1)) is not None
    ):
        end += 1 if is_group(nodes[end], "[") else 2
    if is_group(node_at(nodes, end)):
        return end  # a function call
    chain = nodes[index:end]
    dots = sum(1 for node in chain[len(names) * 2 - 1 :] if not is_operator(node, "."))
    column = min(scope.column_parts(names), len(names))
    steps = len(names) - column + dots
    for node in chain:
        if isinstance(node, Group):
            _rewrite_list(node.items, scope, set())
    if steps:
        _navigate(chain, steps)
    return end


def _navigate(chain: list[Node], steps: int) -> None:
    """Turn the last `steps` parts of a chain into calls by changing token texts."""
    first = chain[0]
    position = len(chain) - 1
    for _ in range(steps):
        node = chain[position]
        if isinstance(node, Group):
            node.opening = END_OF_CALL
            position -= 1
        elif isinstance(node, Token):
            key = str(node.name).replace("'", "''")
            node.text = f"'{key}')"
            dot = chain[position - 1]
            if isinstance(dot, Token):
                dot.text = ", "
            position -= 2
    if isinstance(first, Token):
        first.text = GET * steps + first.text


def _name_columns(block: Block) -> None:
    """Name a navigated column after its last key, as Redshift does."""
    for part in split_nodes(block.clauses.get("select", [])):
        first = node_at(part, 0)
        if not isinstance(first, Token) or not first.text.startswith(GET):
            continue
        end = next(
            (position for position, node in enumerate(part) if is_operator(node, "::")),
            len(part),
        )
        type_name = read_type(part, end + 1)
        is_alone = end == len(part) or bool(type_name and type_name.end == len(part))
        keys = [node for node in part[:end] if isinstance(node, Token) and node.name]
        if any(is_word(node) and node.key == "as" for node in keys) or not is_alone:
            continue
        last = part[-1]
        label = f' as "{keys[-1].key.strip(chr(34))}"'
        if isinstance(last, Group):
            part_end = Token(WORD, label.strip(), " ")
            _insert_after(block.container, last, part_end)
        else:
            last.text += label


def _insert_after(container: list[Node], node: Node, new: Node) -> None:
    for position, candidate in enumerate(container):
        if candidate is node:
            container.insert(position + 1, new)
            return
