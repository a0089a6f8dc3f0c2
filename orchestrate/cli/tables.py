"""Tables on the terminal."""

from reports.console import Table

NUMBER_COLUMNS = {"lines", "rows", "rejects", "objects", "models", "failed", "archived"}
NUMBER_PREFIXES = ("sf ", "tests ")


def make_table(title: str, *columns: str) -> Table:
    """Return an empty table; columns with numbers are aligned to the right."""
    table = Table(title=title, title_justify="left", box=None, pad_edge=False)
    for column in columns:
        is_number = column in NUMBER_COLUMNS or column.startswith(NUMBER_PREFIXES)
        table.add_column(column, justify="right" if is_number else "left")
    return table
