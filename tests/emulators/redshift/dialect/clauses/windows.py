"""Rules of window functions: the order and the frame in an OVER clause.

An ordered window of an aggregate function needs a frame of ROWS. Ranking functions take
none, and functions that sort their own input take no order.
"""

from collections.abc import Iterator
from itertools import pairwise

from tests.emulators.redshift.dialect.tokens import (
    NUMBER,
    STRING,
    Group,
    Node,
    Token,
    has_words_at,
    is_group,
    is_operator,
    is_word,
    iter_node_lists,
    name_of,
    node_at,
    split_nodes,
)
from tests.emulators.redshift.errors import RedshiftError, unsupported

FRAMED = {
    "avg", "count", "max", "min", "sum", "stddev", "stddev_samp", "stddev_pop",
    "variance", "var_samp", "var_pop", "first_value", "last_value", "nth_value",
    "any_value", "bool_and", "bool_or",
}  # fmt: skip
ORDERED = {
    "rank", "dense_rank", "row_number", "ntile", "percent_rank", "cume_dist", "lag",
    "lead",
}  # fmt: skip
# They may have no order in OVER.
UNORDERED = {
    "listagg", "median", "percentile_cont", "percentile_disc", "ratio_to_report",
}  # fmt: skip
OTHER_FRAMES = ("range", "groups")
FRAMES = ("rows", *OTHER_FRAMES)
NO_FRAME = "Aggregate window functions with an ORDER BY clause require a frame clause"
CONSTANT = "constant expressions are not supported in {clause} clauses"


def check(nodes: list[Node], *, on_compute_nodes: bool) -> None:
    """Raise RedshiftError for an OVER clause that Redshift rejects.

    The leader node alone takes constants in it.
    """
    for items in iter_node_lists(nodes):
        for index, node in enumerate(items):
            if is_word(node, "over") and _follows_call(items, index):
                clauses = _check_window(
                    _function_name(items, index), node_at(items, index + 1)
                )
                if on_compute_nodes:
                    _check_constants(clauses)
            if _is_named_window(items, index):
                raise unsupported("the WINDOW clause", "over (...) at each function")


def _follows_call(items: list[Node], index: int) -> bool:
    """Whether OVER follows a call, unlike a column or an alias of this name."""
    before = node_at(items, index - 1)
    return is_group(before) or (
        has_words_at(items, index - 2, "ignore", "nulls")
        or has_words_at(items, index - 2, "respect", "nulls")
    )


def _is_named_window(items: list[Node], index: int) -> bool:
    return (
        is_word(items[index], "window")
        and name_of(node_at(items, index + 1)) is not None
        and is_word(node_at(items, index + 2), "as")
        and is_group(node_at(items, index + 3))
    )


def _function_name(items: list[Node], index: int) -> str:
    """Return the function before OVER, also before WITHIN GROUP (...)."""
    position = index - 1
    while not is_group(node_at(items, position)) and position > 0:
        position -= 1
    if has_words_at(items, position - 2, "within", "group"):
        position -= 3
    return name_of(node_at(items, position - 1)) or ""


def _check_window(function: str, window: Node | None) -> dict[str, list[Node]]:
    """Check a window; return its clauses."""
    if not isinstance(window, Group):
        raise unsupported("a named window (OVER name)", "over (...)")
    clauses = dict(_window_clauses(window.items))
    frame = next((word for word in FRAMES if word in clauses), None)
    if frame in OTHER_FRAMES:
        raise unsupported(f"a window frame of {frame.upper()}", "ROWS")
    if frame and any(is_word(node, "exclude") for node in clauses[frame]):
        raise unsupported("EXCLUDE in a window frame")
    if function in FRAMED and "order" in clauses and frame is None:
        raise RedshiftError(NO_FRAME, "0A000")
    if function in ORDERED and frame:
        raise unsupported(f"a window frame of {function.upper()}")
    if function in UNORDERED and ("order" in clauses or frame):
        raise unsupported(
            f"ORDER BY in the window of {function.upper()}", "over (partition by ...)"
        )
    return clauses


def _check_constants(clauses: dict[str, list[Node]]) -> None:
    for word in ("partition", "order"):
        for part in split_nodes(clauses.get(word, [])[1:]):
            if _is_constant(part):
                raise RedshiftError(CONSTANT.format(clause=f"{word} by"), "0A000")


def _window_clauses(items: list[Node]) -> Iterator[tuple[str, list[Node]]]:
    """Yield PARTITION, ORDER and the frame with the nodes after each word."""
    starts = [
        index
        for index, node in enumerate(items)
        if (
            has_words_at(items, index, "partition", "by")
            or has_words_at(items, index, "order", "by")
            or (is_word(node, *FRAMES) and _begins_frame(items, index))
        )
        and not is_operator(node_at(items, index - 1), ".")
    ]
    for start, end in pairwise([*starts, len(items)]):
        word = items[start]
        if isinstance(word, Token):
            yield word.key, items[start + 1 : end]


def _begins_frame(items: list[Node], index: int) -> bool:
    """Whether a frame begins here, unlike a column named `rows` or `range`."""
    following = node_at(items, index + 1)
    if is_word(following, "between", "unbounded", "current"):
        return True
    return is_word(node_at(items, index + 2), "preceding", "following")


def _is_constant(part: list[Node]) -> bool:
    literal = node_at(part, 0)
    return (
        isinstance(literal, Token)
        and literal.kind in (STRING, NUMBER)
        and all(is_word(node) for node in part[1:])
    )
