"""Leaves out lines of erased subjects when their partition is loaded again.

Works on the rows and rejects that a load has just inserted, with a number of statements
that does not depend on the rows. Without any erasure it is one small query.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from loaders.erasures import subjects
from loaders.erasures.subjects import Subjects
from loaders.ledger.loads import Load, LoadCounts
from loaders.ledger.rejects import delete_rejects
from loaders.warehouse import Connection
from loaders.warehouse.declared_tables import Table

SENDER = "-- loaders.raw.erased_lines"


def drop(
    connection: Connection,
    table: Table,
    loads: Sequence[Load],
    counts: dict[str, LoadCounts],
) -> dict[str, LoadCounts]:
    """Delete the inserted lines of erased subjects; return the counts without them."""
    erased = subjects.read(connection)
    if erased is None:
        return counts
    rows = _drop_rows(connection, table, loads, erased)
    rejects = _drop_rejects(connection, loads, erased)
    return {
        load_id: replace(
            count,
            rows=count.rows - rows[load_id],
            rejects=count.rejects - rejects[load_id],
            erased=rows[load_id] + rejects[load_id],
        )
        for load_id, count in counts.items()
    }


def _drop_rows(
    connection: Connection, table: Table, loads: Sequence[Load], erased: Subjects
) -> Counter[str]:
    relation = connection.table(table.schema, table.name)
    load_ids = {load.partition.dt: load.load_id for load in loads}
    days = ", ".join(f"date '{day.isoformat()}'" for day in load_ids)
    condition = subjects.condition(
        connection,
        relation,
        [column.name for column in table.columns],
        key=erased.hash_key,
        rows=f"dt in ({days})",
    )
    found: Counter[str] = Counter()
    if not condition:
        return found
    for day, count in connection.fetch_all(
        f"{SENDER} count {table.name}\nselect dt, count(*) from {relation} "
        f"where dt in ({days}) and ({condition}) group by 1"
    ):
        found[load_ids[day]] = int(count)
    if found:
        connection.execute(
            f"{SENDER} delete {table.name}\ndelete from {relation} "
            f"where dt in ({days}) and ({condition})"
        )
    return found


def _drop_rejects(
    connection: Connection, loads: Sequence[Load], erased: Subjects
) -> Counter[str]:
    table = connection.table("ops", "load_rejects")
    places = ", ".join("?" for _ in loads)
    ids = [load.load_id for load in loads]
    found: Counter[str] = Counter()
    lines: set[str] = set()
    for batch in connection.stream(
        f"{SENDER} read rejects\nselect load_id, line from {table} "
        f"where load_id in ({places})",
        ids,
    ):
        for load_id, line in batch:
            if erased.are_in(line):
                found[load_id] += 1
                lines.add(line)
    delete_rejects(connection, lines, load_ids=ids)
    return found
