"""Rewrite Redshift's function calls for PostgreSQL or the functions in `pg_internal`.

A handler takes a call and changes its nodes. Functions that PostgreSQL has with the
same name and meaning need no handler.
"""

from collections.abc import Callable
from dataclasses import dataclass

from tests.emulators.redshift.dialect.administration import SETTINGS
from tests.emulators.redshift.dialect.tokens import (
    STRING,
    WORD,
    Group,
    Node,
    Token,
    is_operator,
    is_word,
    node_at,
    parse_nodes,
    render,
    split_nodes,
    string_value,
)
from tests.emulators.redshift.errors import unsupported

INTERNAL = "pg_internal."
WHOLE_PARTITION = "rows between unbounded preceding and unbounded following"
DATE_FUNCTIONS = {
    "dateadd": "dateadd",
    "date_add": "dateadd",
    "datediff": "datediff",
    "date_diff": "datediff",
    "date_part": "date_part",
    "datepart": "date_part",
    "pgdate_part": "date_part",
}


@dataclass(frozen=True)
class Call:
    """A function call: the node list around it, its index, name and arguments."""

    items: list[Node]
    index: int
    name: Token
    group: Group

    @property
    def arguments(self) -> list[list[Node]]:
        """The nodes of each argument."""
        return split_nodes(self.group.items)

    def replace(self, sql: str, end: int | None = None) -> None:
        """Replace the call, or all nodes from it up to `end`, with other SQL."""
        nodes = parse_nodes(sql)
        nodes[0].space = self.name.space
        self.items[self.index : self.index + 2 if end is None else end] = nodes

    def use_internal_function(self) -> None:
        """Call the function of this name in `pg_internal`."""
        self.name.text = INTERNAL + self.name.key


def rewrite_calls(nodes: list[Node], last_values: dict[str, int]) -> None:
    """Rewrite all calls of a statement.

    `last_values` contains the results of the pg_last_... functions.
    """
    for node in nodes:
        if isinstance(node, Group):
            rewrite_calls(node.items, last_values)
    index = 0
    while index < len(nodes):
        node = nodes[index]
        if isinstance(node, Token) and node.kind == WORD:
            _rewrite_at(nodes, index, node, last_values)
        index += 1


def _rewrite_at(
    nodes: list[Node], index: int, node: Token, last_values: dict[str, int]
) -> None:
    if is_operator(node_at(nodes, index - 1), "."):
        return
    group = node_at(nodes, index + 1)
    if not isinstance(group, Group) or group.opening != "(":
        if node.key == "sysdate" and not is_word(node_at(nodes, index - 1), "as"):
            node.text = "pg_internal.sysdate()"
        elif node.key == "approximate" and is_word(
            node_at(nodes, index + 1), "count", "percentile_disc"
        ):
            node.text = ""
        elif node.key == "minus" and is_word(node_at(nodes, index + 1), "select"):
            node.text = "except"
        return
    call = Call(nodes, index, node, group)
    if node.key in last_values and not group.items:
        node.text = INTERNAL + node.key
        group.items[:] = parse_nodes(str(last_values[node.key]))
    elif (handler := HANDLERS.get(node.key)) is not None:
        handler(call)


def _quote_datepart(call: Call) -> None:
    """Quote the bare datepart and cast string arguments to timestamp."""
    arguments = call.arguments
    if not arguments or not arguments[0]:
        return
    part = arguments[0][0]
    if isinstance(part, Token) and len(arguments[0]) == 1 and part.kind != STRING:
        part.text = "'" + (part.name or part.text) + "'"
    for argument in arguments[1:]:
        literal = argument[0] if len(argument) == 1 else None
        if isinstance(literal, Token) and literal.kind == STRING:
            literal.text += "::timestamp"
    call.name.text = INTERNAL + DATE_FUNCTIONS[call.name.key]


def _cast_date_literal(call: Call) -> None:
    """Cast a string as the first argument to timestamp."""
    literal = node_at(call.group.items, 0)
    if isinstance(literal, Token) and literal.kind == STRING:
        following = node_at(call.group.items, 1)
        if following is None or is_operator(following, ","):
            literal.text += "::timestamp"


def _quote_name(call: Call) -> None:
    """Quote a function name for which PostgreSQL has special syntax."""
    call.name.text = f'pg_catalog."{call.name.key}"'


def _extract(call: Call) -> None:
    items = call.group.items
    part = node_at(items, 0)
    if not (isinstance(part, Token) and is_word(node_at(items, 1), "from")):
        return
    name = (part.name or part.text.strip("'")).lower()
    quoted = Token(STRING, f"'{name}'")
    items[0:2] = [quoted, *parse_nodes(",")]
    call.name.text = INTERNAL + ("date_part" if name == "epoch" else '"extract"')


def _coalesce(call: Call) -> None:
    call.name.text = "coalesce"


def _nvl2(call: Call) -> None:
    if len(call.arguments) != 3:
        return
    value, if_set, if_null = (render(argument).strip() for argument in call.arguments)
    call.replace(f"case when ({value}) is not null then {if_set} else {if_null} end")


def _decode(call: Call) -> None:
    """Rewrite DECODE, for which two nulls are equal, as CASE."""
    value, *rest = (render(argument).strip() for argument in call.arguments)
    pairs = [
        f"when ({value}) = ({rest[position]}) or"
        f" (({value}) is null and ({rest[position]}) is null) then {rest[position + 1]}"
        for position in range(0, len(rest) - 1, 2)
    ]
    default = f" else {rest[-1]}" if len(rest) % 2 else ""
    call.replace(f"case {' '.join(pairs)}{default} end")


def _listagg(call: Call) -> None:
    """Rewrite LISTAGG as a function of array_agg(), over a frame if it has an order."""
    values, separator = (*call.arguments, parse_nodes("''"))[:2]
    value, end, order, window = render(values).strip(), call.index + 2, "", ""
    if not is_word(node_at(values, 0), "distinct"):
        value = f"cast({value.removeprefix('all ')} as varchar)"
    keys = node_at(call.items, end + 2)
    if is_word(node_at(call.items, end), "within") and isinstance(keys, Group):
        order, end = f" {render(keys.items).strip()}", end + 3
    partition = node_at(call.items, end + 1)
    if is_word(node_at(call.items, end), "over") and isinstance(partition, Group):
        frame = f"{order} {WHOLE_PARTITION}" if order else ""
        window, order = f" over ({render(partition.items)}{frame})", ""
        end += 2
    call.replace(
        f"{INTERNAL}listagg(array_agg({value}{order}){window},"
        f" {render(separator).strip()})",
        end,
    )


def _median(call: Call) -> None:
    _aggregate_as_array(call, call.group.items, None, call.index + 2)


def _percentile(call: Call) -> None:
    order = node_at(call.items, call.index + 4)
    if not (
        is_word(node_at(call.items, call.index + 2), "within")
        and isinstance(order, Group)
    ):
        return
    fraction, keys = render(call.group.items).strip(), order.items[2:]
    if is_word(node_at(keys, len(keys) - 1), "asc", "desc"):
        if is_word(keys[-1], "desc"):
            fraction = f"1 - {fraction}"
        keys = keys[:-1]
    _aggregate_as_array(call, keys, fraction, call.index + 5)


def _aggregate_as_array(
    call: Call, values: list[Node], fraction: str | None, end: int
) -> None:
    """Rewrite an aggregate as a function of array_agg(values), with its OVER clause."""
    window = ""
    if is_word(node_at(call.items, end), "over"):
        window = render(call.items[end : end + 2])
        end += 2
    array = f"array_agg({render(values).strip()}){window}"
    arguments = array if fraction is None else f"{array}, {fraction}"
    call.replace(f"{INTERNAL}{call.name.key}({arguments})", end)


def _array(call: Call) -> None:
    if call.group.is_query:
        raise unsupported("the array constructor ARRAY(SELECT ...)", "listagg()")
    call.replace(f"{INTERNAL}compact(json_build_array({render(call.group.items)}))")


def _object(call: Call) -> None:
    call.replace(f"{INTERNAL}compact(json_build_object({render(call.group.items)}))")


def _json_path(call: Call) -> None:
    """Move the optional last argument, null_if_invalid, to the front."""
    arguments = call.arguments
    last = arguments[-1][0] if len(arguments) > 2 and len(arguments[-1]) == 1 else None
    if is_word(last, "true", "false"):
        rest = [render(argument).strip() for argument in arguments[:-1]]
        call.group.items[:] = parse_nodes(", ".join([render([last]).strip(), *rest]))
    call.use_internal_function()


def _concat(call: Call) -> None:
    if len(call.arguments) != 2:
        raise unsupported("CONCAT with more or fewer than two arguments", "||")
    call.use_internal_function()


def _current_setting(call: Call) -> None:
    """Name a setting that only Redshift has as PostgreSQL stores it."""
    name = string_value(node_at(call.group.items, 0))
    if name is not None and name.lower() in SETTINGS:
        call.group.items[0] = Token(STRING, f"'redshift.{name.lower()}'")


def _lag(call: Call) -> None:
    if len(call.arguments) > 2:
        name = call.name.key.upper()
        raise unsupported(f"a default, the third argument of {name},", "coalesce()")


def _convert(call: Call) -> None:
    """Rewrite CONVERT(type, value) as a cast."""
    if len(call.arguments) == 2:
        kind, value = (render(argument).strip() for argument in call.arguments)
        call.replace(f"cast({value} as {kind})")


HANDLERS: dict[str, Callable[[Call], None]] = {
    **dict.fromkeys(DATE_FUNCTIONS, _quote_datepart),
    "extract": _extract,
    "last_day": _cast_date_literal,
    "add_months": _cast_date_literal,
    "json_serialize": _quote_name,
    "nvl": _coalesce,
    "nvl2": _nvl2,
    "decode": _decode,
    "listagg": _listagg,
    "median": _median,
    "percentile_cont": _percentile,
    "percentile_disc": _percentile,
    "array": _array,
    "object": _object,
    "json_extract_path_text": _json_path,
    "concat": _concat,
    "convert": _convert,
    "current_setting": _current_setting,
    "set_config": _current_setting,
    "lag": _lag,
    "lead": _lag,
    **dict.fromkeys(
        (
            "avg", "current_database", "current_schema", "lpad",
            "pg_get_constraintdef", "pg_get_viewdef", "quote_ident", "quote_literal",
            "regexp_count", "regexp_instr", "regexp_replace",
            "regexp_substr", "repeat", "replace", "rpad", "split_part", "to_date",
            "translate", "version",
        ),
        Call.use_internal_function,
    ),
}  # fmt: skip
