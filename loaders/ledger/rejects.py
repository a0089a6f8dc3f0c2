"""The rejects of loads in `ops.load_rejects`: read, count, and add their places.

Only the latest load of each source and date counts.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from loaders.ledger import load_objects
from loaders.warehouse import Connection, bulk_rows

MAX_EXAMPLES = 3
LINES_PER_STATEMENT = 200
COLUMNS = ("object_key", "line_number", "reason", "line", "run_id", "rejected_at")
# The reason of a line of which COPY gave only a count: it cannot be located.
REFUSED_BY_COPY = "refused by COPY"
CAN_BE_LOCATED = f"object_key is null and reason not like '{REFUSED_BY_COPY}%'"


@dataclass(frozen=True)
class RejectExample:
    """One rejected line; object and line number are None if it was not located."""

    dt: date
    object_key: str | None
    line_number: int | None
    line: str


@dataclass(frozen=True)
class RejectGroup:
    """The rejects of a source with the same reason.

    `not_located` is how many of them have no object and line number and can get them.
    """

    source: str
    reason: str
    rejects: int
    not_located: int
    first_date: date
    last_date: date
    examples: tuple[RejectExample, ...]


@dataclass(frozen=True)
class LoadRejects:
    """A load with rejects that were not located."""

    load_id: str
    source: str
    dt: date
    not_located: int


@dataclass(frozen=True)
class LedgerReject:
    """A row of `ops.load_rejects`, without the columns that its load has."""

    object_key: str | None
    line_number: int | None
    reason: str
    line: str
    run_id: str
    rejected_at: datetime


def count_by_reason(
    connection: Connection, *, source: str | None = None, dt: date | None = None
) -> list[RejectGroup]:
    """Return the rejects by source and reason with a few examples of each."""
    rejects, parameters = _latest_rejects(connection, source, dt)
    groups = connection.fetch_all(
        "-- loaders.ledger.rejects count by reason\n"
        "select source, reason, count(*), "
        f"sum(case when {CAN_BE_LOCATED} then 1 else 0 end), min(dt), max(dt) "
        f"from ({rejects}) as rejects group by 1, 2 order by 1, 3 desc, 2",
        parameters,
    )
    examples = connection.fetch_all(
        "-- loaders.ledger.rejects examples\n"
        "select source, reason, dt, object_key, line_number, line from ("
        "select source, reason, dt, object_key, line_number, line, "
        "row_number() over (partition by source, reason "
        "order by dt desc, object_key, line_number, line) as example "
        f"from ({rejects}) as rejects) as numbered "
        f"where example <= {MAX_EXAMPLES} order by 1, 2, example",
        parameters,
    )
    return [
        RejectGroup(
            source,
            reason,
            int(count),
            int(not_located),
            first,
            last,
            tuple(RejectExample(*row[2:]) for row in examples if row[:2] == key),
        )
        for source, reason, count, not_located, first, last in groups
        for key in [(source, reason)]
    ]


def loads_to_locate(
    connection: Connection, *, source: str | None = None, dt: date | None = None
) -> list[LoadRejects]:
    """Return the loads with rejects that were not located, by date and source."""
    rejects, parameters = _latest_rejects(connection, source, dt)
    rows = connection.fetch_all(
        "-- loaders.ledger.rejects loads to locate\n"
        f"select load_id, source, dt, count(*) from ({rejects}) as rejects "
        f"where {CAN_BE_LOCATED} group by 1, 2, 3 order by 3, 2",
        parameters,
    )
    return [
        LoadRejects(load_id, name, day, int(count))
        for load_id, name, day, count in rows
    ]


def read_rejects(connection: Connection, load_id: str) -> list[LedgerReject]:
    """Return all rejects of a load."""
    rows = connection.fetch_all(
        "-- loaders.ledger.rejects read\n"
        f"select {', '.join(COLUMNS)} "
        f"from {connection.table('ops', 'load_rejects')} where load_id = ? "
        "order by object_key, line_number",
        [load_id],
    )
    return [LedgerReject(*row) for row in rows]


def replace_not_located(
    connection: Connection, load: LoadRejects, rejects: Sequence[LedgerReject]
) -> None:
    """Replace the load's rejects without a place by the same ones with their places.

    `connection` is an open transaction.
    """
    table = connection.table("ops", "load_rejects")
    connection.execute(
        "-- loaders.ledger.rejects delete not located\n"
        f"delete from {table} where load_id = ? and object_key is null",
        [load.load_id],
    )
    bulk_rows.insert(
        connection,
        table,
        ["load_id", "source", "dt", *COLUMNS],
        (
            (
                *(load.load_id, load.source, load.dt),
                *(reject.object_key, reject.line_number, reject.reason),
                *(reject.line, reject.run_id, reject.rejected_at),
            )
            for reject in rejects
        ),
    )
    if all(reject.object_key for reject in rejects):
        counts = {
            str(key): int(count)
            for key, count in connection.fetch_all(
                "-- loaders.ledger.rejects count by object\n"
                f"select object_key, count(*) from {table} where load_id = ? "
                "group by 1",
                [load.load_id],
            )
        }
        load_objects.set_rejects(connection, load.load_id, counts)


def delete_rejects(
    connection: Connection, lines: Collection[str], *, load_ids: Sequence[str] = ()
) -> None:
    """Delete the rejects with these lines, of some loads or of all.

    `connection` is an open transaction.
    """
    ordered = sorted(lines)
    is_in_loads = f"load_id in ({_places(load_ids)}) and " if load_ids else ""
    for start in range(0, len(ordered), LINES_PER_STATEMENT):
        batch = ordered[start : start + LINES_PER_STATEMENT]
        connection.execute(
            "-- loaders.ledger.rejects delete\n"
            f"delete from {connection.table('ops', 'load_rejects')} "
            f"where {is_in_loads}line in ({_places(batch)})",
            [*load_ids, *batch],
        )


def _places(values: Sequence[object]) -> str:
    return ", ".join("?" for _ in values)


def _latest_rejects(
    connection: Connection, source: str | None, dt: date | None
) -> tuple[str, list[object]]:
    """Return SQL for the rejects of the latest loads, and its parameters."""
    conditions = ["status = 'loaded'"]
    parameters: list[object] = []
    for column, value in (("source", source), ("dt", dt)):
        if value is not None:
            conditions.append(f"{column} = ?")
            parameters.append(value)
    loads = (
        "select load_id, row_number() over ("
        "partition by source, dt order by finished_at desc) as recency "
        f"from {connection.table('ops', 'loads')} where {' and '.join(conditions)}"
    )
    return (
        "select rejects.load_id, rejects.source, rejects.dt, rejects.object_key, "
        "rejects.line_number, rejects.reason, rejects.line "
        f"from {connection.table('ops', 'load_rejects')} as rejects "
        f"inner join ({loads}) as loads on rejects.load_id = loads.load_id "
        "where loads.recency = 1"
    ), parameters
