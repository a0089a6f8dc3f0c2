"""The ledgers in `ops`: what is done, with which inputs and which code.

Rows are only ever appended; of several for one thing the latest counts. A thing is
done when its latest row carries the fingerprint that its inputs have now.
"""

from dataclasses import dataclass, field
from datetime import UTC, date, datetime

from loaders import warehouse
from loaders.warehouse import Connection

DONE = "success"
RERUN = "rerun"
# Kind of thing: its ledger, and the columns that name it and its day.
RERUN_KEYS = {
    "load": ("loads", "source", "dt"),
    "model": ("model_runs", "model", "data_date"),
    "archive": ("archives", "dataset", "dt"),
    "sync": ("salesforce_syncs", "object", "data_date"),
    "report": ("reports", "report", "data_date"),
}
# What the latest row of each kind tells; and whether rows are of an env and version.
MARKS = {
    "load": ("fingerprint, load_id", False),
    "model": ("code_checksum, input_fingerprint", True),
    "archive": ("fingerprint, url", True),
    "sync": ("fingerprint, status", True),
    "report": ("fingerprint, mail_status", True),
}


@dataclass(frozen=True)
class Marks:
    """The latest word of each ledger, and the relations that exist now."""

    loads: dict[tuple[str, date], str] = field(default_factory=dict)
    models: dict[tuple[str, date], tuple[str, str]] = field(default_factory=dict)
    archives: dict[tuple[str, date], str] = field(default_factory=dict)
    syncs: dict[tuple[str, date], tuple[str, str]] = field(default_factory=dict)
    reports: dict[date, tuple[str, str | None]] = field(default_factory=dict)
    relations: frozenset[tuple[str, str]] = frozenset()


def read_marks(*, env: str, version: str) -> Marks:
    """Read all marks with one query; a warehouse that is not there has none."""
    if not warehouse.exists():
        return Marks()
    with warehouse.session() as connection:
        relations = _relations(connection)
        schema = connection.schema("ops").strip('"')
        if (schema, "loads") not in relations:
            return Marks(relations=relations)
        # A ledger that came with a newer version is made by its first run.
        kinds = [kind for kind in MARKS if (schema, RERUN_KEYS[kind][0]) in relations]
        parts = [_latest(connection, kind) for kind in kinds]
        mine = [env, version]
        parameters = [mine if MARKS[kind][1] else [] for kind in kinds]
        rows = connection.fetch_all(
            f"-- loaders.ledger marks\n{' union all '.join(parts)}",
            [value for given in parameters for value in given],
        )
    marks = Marks(relations=relations)
    for kind, name, day, first, second in rows:
        if kind == "load":
            marks.loads[name, day] = first
        elif kind == "model":
            marks.models[name, day] = (first, second)
        elif kind == "archive":
            marks.archives[name, day] = first
        elif kind == "sync":
            marks.syncs[name, day] = (first, second)
        else:
            marks.reports[day] = (first, second)
    return marks


def request_rerun(
    connection: Connection,
    data_date: date,
    *,
    names: dict[str, list[str]],
    env: str,
    version: str,
    run_id: str,
) -> None:
    """Append rows that make things undone: `names` by kind, as in `RERUN_KEYS`.

    Nothing is deleted; what was done before stays in the ledgers.
    """
    mine = {"env": env, "version": version}
    for kind, (table, name, day) in RERUN_KEYS.items():
        for thing in names.get(kind, []):
            row: dict[str, object] = {name: thing, day: data_date, "run_id": run_id}
            row["finished_at"] = now()
            if kind == "load":
                row |= {"fingerprint": RERUN, "status": RERUN}
            elif kind == "model":
                row |= {"input_fingerprint": RERUN, "status": RERUN, **mine}
            elif kind in ("archive", "report"):
                row |= {"fingerprint": RERUN, **mine}
            else:
                row |= {"fingerprint": RERUN, "status": RERUN, **mine}
            connection.insert(
                connection.table("ops", table), list(row), [list(row.values())]
            )


def now() -> datetime:
    """Return the present time as the ledgers keep it: UTC without a zone."""
    return datetime.now(UTC).replace(tzinfo=None)


def _relations(connection: Connection) -> frozenset[tuple[str, str]]:
    rows = connection.fetch_all(
        "-- loaders.ledger relations\n"
        "select table_schema, table_name from information_schema.tables"
    )
    return frozenset((schema, name) for schema, name in rows)


def _latest(connection: Connection, kind: str) -> str:
    """Select (kind, name, day, first, second): the latest row of each thing."""
    table, name, day = RERUN_KEYS[kind]
    tells, is_mine = MARKS[kind]
    counted = f"status in ('{DONE}', '{RERUN}') and " if kind == "model" else ""
    return f"""
select '{kind}' as kind, {name}, {day}, {tells}
from (
    select *, row_number() over (
        partition by {name}, {day} order by finished_at desc
    ) as recency
    from {connection.table("ops", table)}
    where {counted}{"env = ? and version = ?" if is_mine else "true"}
) as {kind}s
where recency = 1"""


def is_set_up(connection: Connection, table: str = "runs") -> bool:
    """Say whether a ledger exists; they are made together, but for newer ones."""
    return (connection.schema("ops").strip('"'), table) in _relations(connection)
