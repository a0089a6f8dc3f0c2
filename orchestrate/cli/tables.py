"""Tables on the terminal, and texts for the values in them."""

from collections.abc import Sequence

from reports.console import Table, console

NUMBER_COLUMNS = {"lines", "rows", "rejects", "objects", "models", "archived"}
NUMBER_PREFIXES = ("sf\n", "tests\n", "duration", "partitions")
SECONDS_PER_MINUTE, SECONDS_PER_HOUR = 60, 3600


def make_table(title: str, *columns: str) -> Table:
    """Return an empty table; columns with numbers are aligned to the right."""
    table = Table(title=title, title_justify="left", box=None, pad_edge=False)
    for column in columns:
        is_number = column in NUMBER_COLUMNS or column.startswith(NUMBER_PREFIXES)
        table.add_column(column, justify="right" if is_number else "left")
    return table


def print_rows(
    title: str, rows: Sequence[dict[str, str]], *, optional: Sequence[str]
) -> None:
    """Print rows as a table in which no value is cut or wrapped.

    On a terminal that is too narrow, columns are left out, in the order of `optional`.
    """
    columns = list(rows[0])
    for name in (*optional, ""):
        table = make_table(title, *columns)
        for row in rows:
            table.add_row(*(row[column] for column in columns))
        fits = console.natural_width(table) <= console.width
        if fits or not console.is_terminal or not name:
            break
        columns.remove(name)
    console.print_table(table)


def duration(seconds: float | None) -> str:
    """Return a duration for people, for example `1 h 02 min`; - if it is unknown."""
    if seconds is None:
        return "-"
    total = round(seconds)
    if total < SECONDS_PER_MINUTE:
        return f"{total} s"
    if total < SECONDS_PER_HOUR:
        return f"{total // SECONDS_PER_MINUTE} min {total % SECONDS_PER_MINUTE:02} s"
    hours, rest = divmod(total, SECONDS_PER_HOUR)
    return f"{hours:,} h {rest // SECONDS_PER_MINUTE:02} min"
