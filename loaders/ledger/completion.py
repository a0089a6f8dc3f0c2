"""Completion records: which results exist, built from which inputs and which code.

Ledger rows are only appended; the latest row of a source, model, dataset, object or
report for a data date is the valid one. A result is up to date if that row has the
fingerprint of the current inputs.
"""

from dataclasses import dataclass, field
from datetime import UTC, date, datetime

from loaders import warehouse
from loaders.warehouse import Connection, create_tables
from loaders.warehouse.relations import list_relations

SUCCESS = "success"
RERUN = "rerun"
# Fingerprints of rows that make a model's date stale, beside `RERUN`: a build of it has
# started, or an earlier date was rebuilt without it.
STARTED = "started"
DISCARDED = "discarded"


# Kinds of what retention removed, in `ops.retention_removals`.
STAGING, REJECTS, PAYLOADS, ARCHIVE = "staging", "rejects", "payloads", "archive"


@dataclass(frozen=True)
class LedgerTable:
    """A ledger table: its key columns and the columns of its completion records.

    `per_version` is true if each row belongs to an env and version. `time` orders rows.
    """

    table: str
    name_column: str
    date_column: str
    record_columns: str
    per_version: bool = True
    time: str = "finished_at"


LEDGER_TABLES = {
    "load": LedgerTable(
        "loads",
        "source",
        "dt",
        "fingerprint, cast(coalesce(erased, 0) as varchar(20))",
        per_version=False,
    ),
    "model": LedgerTable(
        "model_runs", "model", "data_date", "code_checksum, input_fingerprint"
    ),
    "archive": LedgerTable("archives", "dataset", "dt", "fingerprint, url"),
    "sync": LedgerTable(
        "salesforce_syncs", "object", "data_date", "fingerprint, status"
    ),
    "report": LedgerTable("reports", "report", "data_date", "fingerprint, mail_status"),
    "run": LedgerTable(
        "runs",
        "cast(data_date_from as varchar(10))",
        "data_date",
        "status, run_id",
    ),
    "run start": LedgerTable(
        "run_starts",
        "cast(data_date_from as varchar(10))",
        "data_date",
        "'running', run_id",
        time="started_at",
    ),
    "removal": LedgerTable(
        "retention_removals",
        "kind || ':' || name",
        "dt",
        "kind, name",
        per_version=False,
        time="removed_at",
    ),
}
# A warehouse of an earlier version lacks it until the first run.
ERASED_COLUMN = "erased"


@dataclass(frozen=True, eq=False)
class CompletionRecords:
    """The latest row of each ledger table, by name and data date.

    `loads` and `archives` contain the fingerprint; `models` the code checksum and the
    input fingerprint; `syncs` the fingerprint and the status; `reports` the fingerprint
    and the mail status. `runs` contains the latest run by first and last data date: its
    status and the time of its end, or `running` and that of its start if it has no end.
    `times` contains the time of each latest row by kind, name and data date; the kinds
    are those of `LEDGER_TABLES`. `relations` contains (schema, name) of each existing
    relation. `erased` contains the number of erased lines of partitions with any,
    `removed_partitions` source and date of those that retention removed from staging,
    and `removed_archives` env, version and dataset as a path, and the date.
    """

    loads: dict[tuple[str, date], str] = field(default_factory=dict)
    models: dict[tuple[str, date], tuple[str, str]] = field(default_factory=dict)
    archives: dict[tuple[str, date], str] = field(default_factory=dict)
    syncs: dict[tuple[str, date], tuple[str, str]] = field(default_factory=dict)
    reports: dict[date, tuple[str, str | None]] = field(default_factory=dict)
    runs: dict[tuple[date, date], tuple[str, datetime]] = field(default_factory=dict)
    times: dict[tuple[str, str, date], datetime] = field(default_factory=dict)
    relations: frozenset[tuple[str, str]] = frozenset()
    erased: dict[tuple[str, date], str] = field(default_factory=dict)
    removed_partitions: set[tuple[str, date]] = field(default_factory=set)
    removed_archives: set[tuple[str, date]] = field(default_factory=set)

    def loaded_content(self, source: str, day: date) -> str:
        """Return what identifies the rows of a loaded partition in staging."""
        return self.loads[source, day] + self.erased.get((source, day), "")


def read_completion_records(*, env: str, version: str) -> CompletionRecords:
    """Read all completion records with one query; none if the warehouse is missing."""
    if not warehouse.exists():
        return CompletionRecords()
    with warehouse.session() as connection:
        relations = list_relations(connection)
        schema = connection.schema("ops").strip('"')
        if (schema, "loads") not in relations:
            return CompletionRecords(relations=relations)
        # A ledger table that a newer version added is created by its first run.
        kinds = [
            kind
            for kind, ledger in LEDGER_TABLES.items()
            if (schema, ledger.table) in relations
        ]
        parameters: list[object] = []
        for kind in kinds:
            if LEDGER_TABLES[kind].per_version:
                parameters += [env, version]
        missing = create_tables.missing_columns(connection, "loads")
        has_erased = ERASED_COLUMN not in {column.name for column in missing}
        selects = (
            _select_latest(connection, kind, has_erased=has_erased) for kind in kinds
        )
        rows = connection.fetch_all(
            "-- loaders.ledger.completion read completion records\n"
            + " union all ".join(selects),
            parameters,
        )
    records = CompletionRecords(relations=relations)
    for kind, name, day, first, second, time in rows:
        records.times[kind, name, day] = time
        if kind == "load":
            records.loads[name, day] = first
            if second != "0":
                records.erased[name, day] = second
        elif kind == "removal":
            if first == STAGING:
                records.removed_partitions.add((second, day))
            elif first == ARCHIVE:
                records.removed_archives.add((second, day))
        elif kind == "model":
            records.models[name, day] = (first, second)
        elif kind == "archive":
            records.archives[name, day] = first
        elif kind == "sync":
            records.syncs[name, day] = (first, second)
        elif kind in ("run", "run start"):
            dates = (date.fromisoformat(name), day)
            if dates not in records.runs or time > records.runs[dates][1]:
                records.runs[dates] = (first, time)
        else:
            records.reports[day] = (first, second)
    return records


def request_rerun(
    connection: Connection,
    data_date: date,
    *,
    names: dict[str, list[str]],
    env: str,
    version: str,
    run_id: str,
) -> None:
    """Append a row for each of `names` that makes it stale, so that a run repeats it.

    `names` has lists of names by kind, as in `LEDGER_TABLES`. Earlier rows stay.
    """
    for kind, ledger in LEDGER_TABLES.items():
        for name in names.get(kind, []):
            row: dict[str, object] = {
                ledger.name_column: name,
                ledger.date_column: data_date,
                "run_id": run_id,
                "finished_at": now(),
            }
            fingerprint = "input_fingerprint" if kind == "model" else "fingerprint"
            row[fingerprint] = RERUN
            if kind in ("load", "model", "sync"):
                row["status"] = RERUN
            if ledger.per_version:
                row |= {"env": env, "version": version}
            connection.insert(
                connection.table("ops", ledger.table), list(row), [list(row.values())]
            )


def now() -> datetime:
    """Return the current time as the ledger tables store it: UTC without time zone."""
    return datetime.now(UTC).replace(tzinfo=None)


def table_exists(connection: Connection, table: str = "runs") -> bool:
    """Return whether a ledger table exists; one added later may not exist yet."""
    if create_tables.has_all_tables(connection):
        return True
    return (connection.schema("ops").strip('"'), table) in list_relations(connection)


def _select_latest(connection: Connection, kind: str, *, has_erased: bool) -> str:
    """Select kind, name, date, record columns and time of each latest row."""
    ledger = LEDGER_TABLES[kind]
    record_columns = ledger.record_columns
    if not has_erased:
        record_columns = record_columns.replace(ERASED_COLUMN, "null")
    conditions = []
    if kind == "model":
        conditions.append(f"status in ('{SUCCESS}', '{RERUN}')")
    if ledger.per_version:
        conditions.append("env = ? and version = ?")
    return f"""
select '{kind}' as kind, {ledger.name_column}, {ledger.date_column}, \
{record_columns}, {ledger.time}
from (
    select *, row_number() over (
        partition by {ledger.name_column}, {ledger.date_column}
        order by {ledger.time} desc
    ) as recency
    from {connection.table("ops", ledger.table)}
    where {" and ".join(conditions) or "true"}
) as {ledger.table}
where recency = 1"""
