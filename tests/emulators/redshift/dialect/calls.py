"""Function calls: Redshift's own forms written as PostgreSQL's or the stand-in's.

A handler gets a call and changes the nodes around it. Functions that exist under the
same name and with the same meaning need none.
"""

from collections.abc import Callable
from dataclasses import dataclass

from tests.emulators.redshift.dialect.tokens import (
    STRING,
    WORD,
    Group,
    Node,
    Token,
    at,
    is_operator,
    is_word,
    render,
    split_by,
    tokens_of,
)
from tests.emulators.redshift.errors import refused

INTERNAL = "pg_internal."
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
    """A call: the list that it stands in, the place of its name, its arguments."""

    items: list[Node]
    index: int
    name: Token
    group: Group

    @property
    def arguments(self) -> list[list[Node]]:
        """The arguments, split at the commas."""
        return split_by(self.group.items)

    def replace(self, sql: str, end: int | None = None) -> None:
        """Put other SQL in the place of the call (or of the nodes up to `end`)."""
        nodes = tokens_of(sql)
        nodes[0].space = self.name.space
        self.items[self.index : self.index + 2 if end is None else end] = nodes

    def move_inside(self) -> None:
        """Call the stand-in's function of this name."""
        self.name.text = INTERNAL + self.name.key


def rewrite_calls(nodes: list[Node], session: dict[str, int]) -> None:
    """Rewrite every call of a statement.

    `session` has what the pg_last_... functions are to answer.
    """
    for node in nodes:
        if isinstance(node, Group):
            rewrite_calls(node.items, session)
    index = 0
    while index < len(nodes):
        node = nodes[index]
        if isinstance(node, Token) and node.kind == WORD:
            _rewrite_at(nodes, index, node, session)
        index += 1


def _rewrite_at(
    nodes: list[Node], index: int, node: Token, session: dict[str, int]
) -> None:
    if is_operator(at(nodes, index - 1), "."):
        return
    group = at(nodes, index + 1)
    if not isinstance(group, Group) or group.opening != "(":
        if node.key == "sysdate" and not is_word(at(nodes, index - 1), "as"):
            node.text = "pg_internal.sysdate()"
        elif node.key == "approximate" and is_word(
            at(nodes, index + 1), "count", "percentile_disc"
        ):
            node.text = ""
        elif node.key == "minus" and is_word(at(nodes, index + 1), "select"):
            node.text = "except"
        return
    call = Call(nodes, index, node, group)
    if node.key in session and not group.items:
        node.text = INTERNAL + node.key
        group.items[:] = tokens_of(str(session[node.key]))
    elif (handler := HANDLERS.get(node.key)) is not None:
        handler(call)


def _quote_datepart(call: Call) -> None:
    """Quote the bare datepart; a date given as a string is a timestamp."""
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


def _moment(call: Call) -> None:
    """Make a date that is given as a string a timestamp."""
    literal = at(call.group.items, 0)
    if isinstance(literal, Token) and literal.kind == STRING:
        following = at(call.group.items, 1)
        if following is None or is_operator(following, ","):
            literal.text += "::timestamp"


def _quoted(call: Call) -> None:
    """Quote a name that PostgreSQL has another syntax for."""
    call.name.text = f'pg_catalog."{call.name.key}"'


def _extract(call: Call) -> None:
    items = call.group.items
    part = at(items, 0)
    if not (isinstance(part, Token) and is_word(at(items, 1), "from")):
        return
    name = (part.name or part.text.strip("'")).lower()
    quoted = Token(STRING, f"'{name}'")
    items[0:2] = [quoted, *tokens_of(",")]
    call.name.text = INTERNAL + ("date_part" if name == "epoch" else '"extract"')


def _coalesce(call: Call) -> None:
    call.name.text = "coalesce"


def _nvl2(call: Call) -> None:
    if len(call.arguments) != 3:
        return
    value, one, other = (render(argument).strip() for argument in call.arguments)
    call.replace(f"case when ({value}) is not null then {one} else {other} end")


def _decode(call: Call) -> None:
    """DECODE takes two nulls for equal."""
    value, *rest = (render(argument).strip() for argument in call.arguments)
    pairs = [
        f"when ({value}) = ({rest[place]}) or"
        f" (({value}) is null and ({rest[place]}) is null) then {rest[place + 1]}"
        for place in range(0, len(rest) - 1, 2)
    ]
    default = f" else {rest[-1]}" if len(rest) % 2 else ""
    call.replace(f"case {' '.join(pairs)}{default} end")


def _listagg(call: Call) -> None:
    """Bring the order inside, where PostgreSQL wants it."""
    items = call.group.items
    if len(call.arguments) == 1:
        items += tokens_of(", ''")
    within = at(call.items, call.index + 2)
    order = at(call.items, call.index + 4)
    if is_word(within, "within") and isinstance(order, Group):
        order.items[0].space = order.items[0].space or " "
        items += order.items
        del call.items[call.index + 2 : call.index + 5]
    call.move_inside()


def _median(call: Call) -> None:
    _collect(call, call.group.items, None, call.index + 2)


def _percentile(call: Call) -> None:
    order = at(call.items, call.index + 4)
    if not (
        is_word(at(call.items, call.index + 2), "within") and isinstance(order, Group)
    ):
        return
    fraction, keys = render(call.group.items).strip(), order.items[2:]
    if is_word(at(keys, len(keys) - 1), "asc", "desc"):
        if is_word(keys[-1], "desc"):
            fraction = f"1 - {fraction}"
        keys = keys[:-1]
    _collect(call, keys, fraction, call.index + 5)


def _collect(call: Call, values: list[Node], fraction: str | None, end: int) -> None:
    """Write `f(values)` as a function of the collected values, OVER included."""
    window = ""
    if is_word(at(call.items, end), "over"):
        window = render(call.items[end : end + 2])
        end += 2
    more = "" if fraction is None else f", {fraction}"
    call.replace(
        f"{INTERNAL}{call.name.key}(array_agg({render(values).strip()}){window}{more})",
        end,
    )


def _array(call: Call) -> None:
    if call.group.is_query:
        raise refused("the array constructor ARRAY(SELECT ...) is", "listagg()")
    inside = render(call.group.items)
    call.replace(f"{INTERNAL}compact(json_build_array({inside}))")


def _object(call: Call) -> None:
    call.replace(f"{INTERNAL}compact(json_build_object({render(call.group.items)}))")


def _json_path(call: Call) -> None:
    """Bring the optional last argument, null_if_invalid, to the front."""
    arguments = call.arguments
    last = arguments[-1][0] if len(arguments) > 2 and len(arguments[-1]) == 1 else None
    if is_word(last, "true", "false"):
        rest = [render(argument).strip() for argument in arguments[:-1]]
        call.group.items[:] = tokens_of(", ".join([render([last]).strip(), *rest]))
    call.move_inside()


def _concat(call: Call) -> None:
    if len(call.arguments) != 2:
        raise refused("CONCAT of other than two values is", "||")
    call.move_inside()


def _stand_in(call: Call) -> None:
    call.move_inside()


def _convert(call: Call) -> None:
    """CONVERT(type, value) is a cast."""
    if len(call.arguments) == 2:
        kind, value = (render(argument).strip() for argument in call.arguments)
        call.replace(f"cast({value} as {kind})")


HANDLERS: dict[str, Callable[[Call], None]] = {
    **dict.fromkeys(DATE_FUNCTIONS, _quote_datepart),
    "extract": _extract,
    "last_day": _moment,
    "add_months": _moment,
    "json_serialize": _quoted,
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
    "avg": _stand_in,
    "regexp_replace": _stand_in,
    "regexp_substr": _stand_in,
    "version": _stand_in,
}
