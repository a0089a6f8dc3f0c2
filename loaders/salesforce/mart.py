"""The mart's rows: streamed out of the warehouse and rendered, each for itself.

They go into the workbook as what would be sent, or as refused with the reason. Exact
decimals are asked for as text, which drivers hand over ten times as fast.
"""

from collections.abc import Iterator
from datetime import date

from loaders.errors import DataError
from loaders.salesforce.context import Errand, Progress
from loaders.salesforce.mapping import Mapping
from loaders.salesforce.rows import RefusedRow, RowRenderer
from loaders.salesforce.staging_db import Failure, Workbook
from loaders.warehouse import Connection, identifier

DECIMALS = ("decimal", "numeric")
DIGITS = 64  # more than any decimal has, with its sign and point


def add(
    workbook: Workbook,
    errand: Errand,
    *,
    connection: Connection,
    data_date: date | None,
) -> None:
    """Bring the mart into the workbook; `DataError` when a row is of another day."""
    mapping = errand.mapping
    columns = [field.column for field in mapping.fields if field.column]
    table = connection.table("marts", mapping.model)
    decimals = _decimals(connection, columns, table)
    query = (
        f"-- loaders.salesforce.mart {mapping.model}\n"
        f"select {', '.join(_selected(column, decimals) for column in columns)} "
        f"from {table}"
    )
    day = columns.index(mapping.data_date) if mapping.data_date and data_date else None
    flag = () if len(columns) == len(mapping.fields) else (False,)
    render = RowRenderer(mapping, errand.sync.mapping_version, decimals=decimals)
    fold = errand.destination.fold

    def rows() -> Iterator[tuple[str, str, str, str, str | None]]:
        done = 0
        for batch in connection.stream(query):
            refused: list[RefusedRow] = []
            for values in batch:
                if day is not None and values[day] != data_date:
                    raise _another_day(mapping, data_date, values[day])
                row = render((*values, *flag))
                if isinstance(row, RefusedRow):
                    refused.append(row)
                    yield fold(row.key), row.key, row.hash, "{}", "refused"
                else:
                    yield fold(row.key), row.key, row.hash, row.payload, None
            workbook.add_failures(map(_failure, refused))
            done += len(batch)
            errand.tell(Progress("compare", done, done))

    workbook.write(
        "insert into rows (folded, key, hash, payload, verdict) values (?, ?, ?, ?, ?)",
        rows(),
    )


def _decimals(connection: Connection, columns: list[str], table: str) -> frozenset[str]:
    names = ", ".join(identifier(column) for column in columns)
    return frozenset(
        name
        for name, kind in connection.columns(f"select {names} from {table}")
        if kind.lower().startswith(DECIMALS)
    )


def _selected(column: str, decimals: frozenset[str]) -> str:
    name = identifier(column)
    return f"cast({name} as varchar({DIGITS}))" if column in decimals else name


def _failure(row: RefusedRow) -> Failure:
    return Failure(
        key=row.key,
        hash=row.hash,
        code=row.code,
        message=row.message,
        fields=row.fields,
        is_transient=False,
    )


def _another_day(mapping: Mapping, wanted: date | None, found: object) -> DataError:
    return DataError(
        f"{mapping.model} holds {mapping.data_date} = {found}, but {wanted} is to be "
        "sent. Build the mart for that data date, or sync the date it has."
    )
