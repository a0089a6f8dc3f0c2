"""Read the arithmetic of an expression and cast its results.

An expression is rewritten twice: the first time only the operands whose types are
needed are collected, the second time with these types.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from tests.emulators.redshift.dialect.arithmetic import decimals
from tests.emulators.redshift.dialect.arithmetic.decimals import Number
from tests.emulators.redshift.dialect.arithmetic.parts import (
    PRODUCTS,
    RESERVED,
    SUMS,
    Resolve,
    cast_nodes,
    group_end,
    is_call,
    is_decimal_literal,
    is_one_of,
    known,
    unknown,
    unwrap,
)
from tests.emulators.redshift.dialect.tokens import (
    NUMBER,
    OPERATOR,
    PARAMETER,
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


@dataclass
class Operand:
    """Nodes of an expression, a function that returns its type, the index after it."""

    nodes: list[Node]
    resolve: Resolve
    end: int


@dataclass
class Expressions:
    """Rewrites expressions of one SELECT.

    `types` has the types of operands by their text. `wanted` collects the operands that
    are not in it. Without `changes` nothing is modified.
    """

    types: dict[str, Number | None] = field(default_factory=dict)
    wanted: dict[str, None] = field(default_factory=dict)
    parameter_oids: Sequence[int] = ()
    changes: bool = False

    def rewrite_column(self, nodes: list[Node]) -> list[Node]:
        """Return an element of a select list with casts, named as without them."""
        start = is_word(node_at(nodes, 0), "distinct", "all")
        first = unwrap(nodes[start:])[0]
        operand = self._read_operand(nodes, start)
        if operand is None:
            return self.rewrite(nodes)[0]
        operand = self._read_operation(nodes, operand)
        column, number = operand.nodes, operand.resolve
        if is_decimal_literal(column):
            column = cast_nodes(column, column[0].space, number() or Number(38, 0))
        cast = unwrap(column)
        is_cast = len(cast) > 1 and cast[0] is not first
        if operand.end == len(nodes) and is_cast and not is_call(cast[0]):
            name = "case" if is_word(first, "case") else "?column?"
            column = [*column, *parse_nodes(f' as "{name}"')]
        rest = self.rewrite(nodes[operand.end :])[0]
        return [*nodes[:start], *column, *rest]

    def rewrite(self, nodes: list[Node]) -> tuple[list[Node], Resolve]:
        """Return the nodes with casts; the type if they are one expression."""
        rewritten: list[Node] = []
        index, parts, resolve = 0, 0, unknown
        while index < len(nodes):
            operand = self._read_operand(nodes, index)
            parts += 1
            if operand is None:
                self._descend(nodes[index])
                rewritten.append(nodes[index])
                index, parts = index + 1, 2
                continue
            operand = self._read_operation(nodes, operand)
            rewritten += operand.nodes
            index, resolve = operand.end, operand.resolve
        return rewritten, resolve if parts == 1 else unknown

    def _descend(self, node: Node | None) -> list[Resolve]:
        """Rewrite what is in brackets; return the types of its parts."""
        if not isinstance(node, Group) or node.is_query:
            return []
        word = node.items[:1] if is_word(node_at(node.items, 0), "distinct") else []
        parts = [self.rewrite(part) for part in split_nodes(node.items[len(word) :])]
        if self.changes:
            items = word
            for position, (part, _) in enumerate(parts):
                items = [*items, *[Token(OPERATOR, ",")] * bool(position), *part]
            node.items[:] = items
        return [resolve for _, resolve in parts]

    def _read_operation(self, nodes: list[Node], first: Operand) -> Operand:
        """Read the operators and operands that follow a first operand."""
        operands, operators, end = [first], [], first.end
        while is_one_of(node_at(nodes, end), (*PRODUCTS, *SUMS)):
            following = self._read_operand(nodes, end + 1)
            if following is None:
                break
            operators.append(nodes[end])
            operands.append(following)
            end = following.end
        for kind in (PRODUCTS, SUMS):
            index = 0
            while index < len(operators):
                if is_one_of(operators[index], kind):
                    left, right = operands[index : index + 2]
                    combined = self._combine(left, operators.pop(index), right)
                    operands[index : index + 2] = [combined]
                else:
                    index += 1
        return Operand(operands[0].nodes, operands[0].resolve, end)

    def _combine(self, left: Operand, operator: Node, right: Operand) -> Operand:
        nodes = [*left.nodes, operator, *right.nodes]
        numbers = left.resolve(), right.resolve()
        if numbers[0] is None or numbers[1] is None:
            return Operand(nodes, unknown, right.end)
        sign = render([operator]).strip()
        number = decimals.combine(sign, numbers[0], numbers[1])
        if number is None or number.is_integer:
            return Operand(nodes, lambda: number, right.end)
        if sign == "/":
            # PostgreSQL computes as many decimal places as its operands have.
            scale = max(number.scale, numbers[0].scale)
            dividend = parse_nodes("round(cast( as numeric), )")
            cast = dividend[1].items[1] if isinstance(dividend[1], Group) else None
            if isinstance(dividend[1], Group) and isinstance(cast, Group):
                cast.items[:0] = left.nodes
                dividend[1].items += parse_nodes(str(scale))
            nodes = [*dividend, operator, *right.nodes]
        cast_result = cast_nodes(nodes, left.nodes[0].space, number)
        return Operand(cast_result, lambda: number, right.end)

    def _read_operand(self, nodes: list[Node], index: int) -> Operand | None:
        start = index
        before = node_at(nodes, index - 1)
        if (
            before is None
            or (isinstance(before, Token) and before.kind == OPERATOR)
            or is_word(before, *RESERVED)
        ):
            while is_one_of(node_at(nodes, index), SUMS):
                index += 1
        operand = self._read_primary(nodes, index)
        if operand is None:
            return None
        operand.nodes[:0] = nodes[start:index]
        while is_operator(node_at(nodes, operand.end), "::"):
            number, end = decimals.of_type_name(nodes, operand.end + 1)
            operand = Operand(
                [*operand.nodes, *nodes[operand.end : end]], known(number), end
            )
        return operand

    def _read_primary(self, nodes: list[Node], index: int) -> Operand | None:
        node = node_at(nodes, index)
        if isinstance(node, Group):
            if node.opening != "(":
                return None
            types = self._descend(node)
            if node.is_query:
                return Operand([node], self._described([node]), index + 1)
            return Operand([node], types[0] if len(types) == 1 else unknown, index + 1)
        if node is None or node.kind == OPERATOR:
            return None
        if node.kind == NUMBER:
            return Operand([node], known(decimals.of_literal(node.text)), index + 1)
        if node.kind == PARAMETER:
            return Operand([node], known(self._parameter_type(node)), index + 1)
        if node.kind == STRING:
            return Operand([node], unknown, index + 1)
        if is_word(node, "case"):
            return self._read_case(nodes, index)
        if node.kind == WORD and node.key in RESERVED:
            return None
        return self._read_name(nodes, index)

    def _read_name(self, nodes: list[Node], index: int) -> Operand | None:
        """Read a column, a function call or a literal of a type."""
        start = index
        while is_operator(node_at(nodes, index + 1), ".") and name_of(
            node_at(nodes, index + 2)
        ):
            index += 2
        following = node_at(nodes, index + 1)
        if isinstance(following, Token) and following.kind == STRING:
            return Operand(nodes[start : index + 2], unknown, index + 2)
        if isinstance(following, Group) and following.opening == "(":
            return self._read_call(nodes, start, index + 1, following)
        if is_operator(following, ".") or is_group(following, "["):
            return None
        column = nodes[start : index + 1]
        return Operand(column, self._described(column), index + 1)

    def _read_call(
        self, nodes: list[Node], start: int, index: int, arguments: Group
    ) -> Operand:
        end = index + 1
        while is_word(node_at(nodes, end), "over", "filter", "within"):
            end = group_end(nodes, end)
        call, name = nodes[start:end], name_of(nodes[index - 1])
        described = self._described(call)
        for group in nodes[index + 1 : end]:
            self._descend(group)
        if name == "cast":
            return Operand(call, known(self._read_cast(arguments)), end)
        types = [resolve() for resolve in self._descend(arguments)]
        number = decimals.of_call(str(name), types, arguments.items)
        if number is None:
            return Operand(call, described, end)
        if number.is_integer and name != "sum":
            return Operand(call, known(number), end)
        return Operand(cast_nodes(call, call[0].space, number), known(number), end)

    def _read_cast(self, group: Group) -> Number | None:
        for position in range(len(group.items) - 1, -1, -1):
            if is_word(group.items[position], "as"):
                number, _ = decimals.of_type_name(group.items, position + 1)
                value, _ = self.rewrite(group.items[:position])
                if self.changes:
                    group.items[:position] = value
                return number
        return None

    def _read_case(self, nodes: list[Node], index: int) -> Operand | None:
        """Read CASE ... END; its type is the common one of its results."""
        rewritten: list[Node] = [nodes[index]]
        types: list[Resolve] = []
        part: list[Node] = []
        word, depth, position = "case", 0, index + 1
        while position < len(nodes):
            node = nodes[position]
            position += 1
            depth += is_word(node, "case")
            if depth or not is_word(node, "when", "then", "else", "end"):
                depth -= is_word(node, "end")
                part.append(node)
                continue
            value, resolve = self.rewrite(part)
            if word in ("then", "else") and render(part).strip().lower() != "null":
                types.append(resolve)
            rewritten += [*value, node]
            part, word = [], node.key if isinstance(node, Token) else ""
            if word == "end":
                result = decimals.common([resolve() for resolve in types])
                if result is not None and not result.is_integer:
                    rewritten = cast_nodes(rewritten, rewritten[0].space, result)
                return Operand(rewritten, known(result), position)
        return None

    def _parameter_type(self, node: Token) -> Number | None:
        position = int(node.text[1:]) - 1
        if position >= len(self.parameter_oids):
            return None
        return decimals.of_column(self.parameter_oids[position], -1)

    def _described(self, nodes: list[Node]) -> Resolve:
        """Return a function that has PostgreSQL's type for an operand."""
        key = render(nodes).strip()

        def resolve() -> Number | None:
            if key not in self.types:
                self.wanted[key] = None
            return self.types.get(key)

        return resolve
