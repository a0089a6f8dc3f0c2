"""The ledgers in `ops`: what is done, with which inputs and which code.

Rows are only ever appended; of several for one thing the latest counts. A thing is
done when its latest row carries the fingerprint that its inputs have now.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any

from loaders import warehouse
from loaders.archive import ArchiveResult
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
class ModelRun:
    """One model brought up to one data date, or the attempt that failed."""

    model: str
    data_date: date
    data_date_from: date
    code_checksum: str
    input_fingerprint: str
    rows: int | None
    tests: int
    tests_warned: int
    status: str
    seconds: float
    message: str = ""


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


def record_models(
    connection: Connection,
    runs: Iterable[ModelRun],
    *,
    env: str,
    version: str,
    run_id: str,
) -> None:
    """Append the runs of models, successful or not."""
    finished_at = now()
    columns = ["model", "data_date", "data_date_from", "code_checksum"]
    columns += ["input_fingerprint", "rows", "tests", "tests_warned", "status"]
    columns += ["seconds", "message", "run_id", "env", "version", "finished_at"]
    rows = [
        [
            *(run.model, run.data_date, run.data_date_from, run.code_checksum),
            *(run.input_fingerprint, run.rows, run.tests, run.tests_warned),
            *(run.status, run.seconds, run.message, run_id, env, version, finished_at),
        ]
        for run in runs
    ]
    connection.insert(connection.table("ops", "model_runs"), columns, rows)


def record_archive(
    connection: Connection,
    result: ArchiveResult,
    *,
    fingerprint: str,
    env: str,
    version: str,
    run_id: str,
) -> None:
    """Append that a day of a dataset lies on S3."""
    columns = ["dataset", "dt", "env", "version", "url", "fingerprint", "files"]
    columns += ["rows", "bytes", "run_id", "finished_at"]
    row = [
        *(result.dataset, result.dt, env, version, result.url, fingerprint),
        *(result.files, result.rows, result.bytes, run_id, now()),
    ]
    connection.insert(connection.table("ops", "archives"), columns, [row])


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


def last_nights(
    connection: Connection, count: int, *, env: str, version: str
) -> list[date]:
    """Return the newest data dates for which a model was built, newest first."""
    rows = connection.fetch_all(
        "-- loaders.ledger last nights\n"
        f"select distinct data_date from {connection.table('ops', 'model_runs')} "
        f"where env = ? and version = ? order by data_date desc limit {int(count)}",
        [env, version],
    )
    return [day for (day,) in rows]


def night_figures(
    connection: Connection, data_date: date, *, env: str, version: str
) -> dict[str, Any]:
    """Return a night's figures: `loads`, `models`, `archives`, `salesforce`.

    Of several rows for one thing, the latest counts.
    """
    mine = [data_date, env, version]
    loads = connection.fetch_all(
        "-- loaders.ledger loads of a night\n"
        "select source, lines, rows_loaded, rejects, objects from ("
        "select *, row_number() over (partition by source order by finished_at desc) "
        f"as recency from {connection.table('ops', 'loads')} where dt = ? "
        "and status != ?) as loads where recency = 1 order by source",
        [data_date, RERUN],
    )
    done, failed, tests, warned, finished_at = connection.fetch_all(
        "-- loaders.ledger models of a night\n"
        "select coalesce(sum(case when status = 'success' then 1 else 0 end), 0), "
        "coalesce(sum(case when status = 'success' then 0 else 1 end), 0), "
        "coalesce(sum(tests), 0), coalesce(sum(tests_warned), 0), max(finished_at) "
        "from (select *, row_number() over ("
        "partition by model order by finished_at desc) as recency "
        f"from {connection.table('ops', 'model_runs')} "
        "where data_date = ? and env = ? and version = ? and status != ?) as runs "
        "where recency = 1",
        [*mine, RERUN],
    )[0]
    archives = connection.fetch_one(
        "-- loaders.ledger archives of a night\n"
        f"select count(distinct dataset) from {connection.table('ops', 'archives')} "
        "where dt = ? and env = ? and version = ? and fingerprint != ?",
        [*mine, RERUN],
    )
    syncs = connection.fetch_all(
        "-- loaders.ledger syncs of a night\n"
        "select status, sent, accepted, rejected, unchanged "
        f"from {connection.table('ops', 'salesforce_syncs')} "
        "where data_date = ? and env = ? and version = ? and status != ? "
        "order by finished_at desc limit 1",
        [*mine, RERUN],
    )
    load_names = ("source", "lines", "rows", "rejects", "objects")
    sync_names = ("status", "sent", "accepted", "rejected", "unchanged")
    return {
        "loads": [dict(zip(load_names, row, strict=True)) for row in loads],
        "models": {
            "done": int(done),
            "failed": int(failed),
            "tests": int(tests),
            "tests_warned": int(warned),
        },
        "archives": archives[0] if archives else 0,
        "salesforce": dict(zip(sync_names, syncs[0], strict=True)) if syncs else {},
        "finished_at": finished_at,
    }
