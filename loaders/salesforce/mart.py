"""Stream the mart's rows from the warehouse, render them and stage them.

Rows that can be rendered are staged for sending, the others as rejected with the
reason. Decimals are selected as text, because drivers return text ten times as fast.
"""

from collections.abc import Iterator
from datetime import date

from loaders.errors import DataError
from loaders.salesforce.context import Progress, SyncContext
from loaders.salesforce.mapping import Mapping
from loaders.salesforce.rows import RejectedRow, RowRenderer
from loaders.salesforce.staging_db import Failure, StagingDb
from loaders.warehouse import Connection, identifier

DECIMAL_TYPES = ("decimal", "numeric")
DECIMAL_TEXT_LENGTH = 64  # longer than any decimal with its sign and point


def load_mart(
    staging_db: StagingDb,
    context: SyncContext,
    *,
    connection: Connection,
    data_date: date | None,
) -> None:
    """Load the mart into the staging database.

    Raises `DataError` when `data_date` is given and a row has another data date.
    """
    mapping = context.mapping
    columns = [field.column for field in mapping.fields if field.column]
    table = connection.table("marts", mapping.model)
    decimals = _decimal_columns(connection, columns, table)
    query = (
        f"-- loaders.salesforce.mart {mapping.model}\n"
        f"select {', '.join(_select_item(column, decimals) for column in columns)} "
        f"from {table}"
    )
    date_position = (
        columns.index(mapping.data_date) if mapping.data_date and data_date else None
    )
    flag = () if len(columns) == len(mapping.fields) else (False,)
    render = RowRenderer(mapping, context.sync.mapping_version, decimals=decimals)
    fold = context.destination.fold

    def rows() -> Iterator[tuple[str, str, str, str, str | None]]:
        done = 0
        for batch in connection.stream(query):
            rejected: list[RejectedRow] = []
            for values in batch:
                if date_position is not None and values[date_position] != data_date:
                    raise _data_date_error(mapping, data_date, values[date_position])
                row = render((*values, *flag))
                if isinstance(row, RejectedRow):
                    rejected.append(row)
                    yield fold(row.key), row.key, row.hash, "{}", "rejected"
                else:
                    yield fold(row.key), row.key, row.hash, row.payload, None
            staging_db.add_failures(map(_failure, rejected))
            done += len(batch)
            context.on_progress(Progress("compare", done, done))

    staging_db.execute_many(
        "insert into rows (folded_key, key, hash, payload, action)"
        " values (?, ?, ?, ?, ?)",
        rows(),
    )


def _decimal_columns(
    connection: Connection, columns: list[str], table: str
) -> frozenset[str]:
    names = ", ".join(identifier(column) for column in columns)
    return frozenset(
        name
        for name, data_type in connection.columns(
            f"-- loaders.salesforce.mart list columns\nselect {names} from {table}"
        )
        if data_type.lower().startswith(DECIMAL_TYPES)
    )


def _select_item(column: str, decimals: frozenset[str]) -> str:
    name = identifier(column)
    if column in decimals:
        return f"cast({name} as varchar({DECIMAL_TEXT_LENGTH}))"
    return name


def _failure(row: RejectedRow) -> Failure:
    return Failure(
        key=row.key,
        hash=row.hash,
        code=row.code,
        message=row.message,
        fields=row.fields,
        is_transient=False,
    )


def _data_date_error(
    mapping: Mapping, expected: date | None, actual: object
) -> DataError:
    return DataError(
        f"{mapping.model} has a row with {mapping.data_date} = {actual}, but the sync "
        f"is for {expected}. Build the mart for {expected}, or sync {actual}."
    )
