"""Erases an org or a user from warehouse, archive and local files.

The order makes an interrupted erasure safe to repeat: files come first, while the
warehouse still shows what to look for. Then one transaction deletes all rows and
records the subjects. The bytes of deleted rows go last. Raw objects on S3 and records
in Salesforce are not touched, but listed.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from uuid import uuid4

from loaders import warehouse
from loaders.config import settings
from loaders.erasures import subjects
from loaders.ledger import now
from loaders.removal import files, remaining, rows
from loaders.removal.identity import Identity, identified, read_catalog
from loaders.removal.remaining import Earlier, Remaining
from loaders.removal.rows import RejectedLine, Rows
from loaders.warehouse import Connection, reclaim

SENDER = "-- loaders.removal.erase"


@dataclass(frozen=True)
class Found:
    """What there is of a subject, and what earlier erasures have recorded.

    `files` are the objects of the archive and the files of `var/` that contain it.
    """

    identity: Identity
    rows: list[Rows]
    rejects: list[RejectedLine]
    earlier: Earlier
    remaining: Remaining
    files: list[str] = field(default_factory=list)

    @property
    def counts(self) -> dict[str, int]:
        """The number of rows by schema and table."""
        counts: dict[str, int] = {}
        for item in self.rows:
            name = f"{item.schema}.{item.table}"
            counts[name] = counts.get(name, 0) + item.count
        if self.rejects:
            counts["ops.load_rejects"] = len(self.rejects)
        return dict(sorted(counts.items()))

    @property
    def lines(self) -> int:
        """The number of rows in staging and of rejects."""
        return sum(item.count for item in self.rows if item.source) + len(self.rejects)

    @property
    def is_known(self) -> bool:
        """Whether anything was found, now or by an earlier erasure."""
        return self.earlier.is_recorded or self.is_anywhere

    @property
    def is_anywhere(self) -> bool:
        """Whether anything is left to erase, or an earlier erasure is unfinished."""
        is_unfinished = self.earlier.is_recorded and not self.earlier.is_complete
        return bool(self.rows or self.rejects or self.files) or is_unfinished


def find(kind: str, value: int) -> Found:
    """Return what an erasure would remove and what would remain; changes nothing."""

    def work(connection: Connection) -> Found:
        with _found_in_warehouse(connection, kind, value) as found:
            return found

    found = warehouse.run_in_transaction(work)
    return replace(found, files=_erase_files(found.identity, dry_run=True))


def erase(found: Found, *, run_id: str, on_step: Callable[[str], object]) -> Found:
    """Erase what was found; return what the erasure itself found and removed.

    The caller holds the lock, so that no run is at work. It can be repeated after an
    interruption, and then resumes.
    """
    identity, started_at = found.identity, now()
    if found.files:
        on_step(f"Rewriting {len(found.files):,} files")
        _erase_files(identity, dry_run=False)
    on_step("Deleting rows from the warehouse")
    with (
        warehouse.transaction() as connection,
        _found_in_warehouse(connection, identity.kind, identity.value) as current,
    ):
        result = replace(current, files=found.files)
        _record(connection, result, started_at=started_at, run_id=run_id)
        rows.delete(connection, result.rows, result.rejects)
    on_step("Removing the bytes of deleted rows")
    changed = {(item.schema, item.table) for item in result.rows}
    reclaim.remove_deleted_rows(sorted({*changed, ("ops", "load_rejects")}))
    warehouse.run_with_retries(lambda connection: _finish(connection, identity))
    return result


@contextmanager
def _found_in_warehouse(
    connection: Connection, kind: str, value: int
) -> Iterator[Found]:
    """Yield what the warehouse has; within the block, its rows can be deleted."""
    catalog = read_catalog(connection)
    with identified(connection, catalog, kind, value) as identity:
        erased = subjects.read(connection)
        earlier = remaining.read_earlier(connection, erased, identity)
        found = Found(
            identity=identity,
            rows=list(rows.find_rows(connection, catalog, identity)),
            rejects=rows.find_rejects(connection, identity),
            earlier=earlier,
            remaining=Remaining(),
        )
        days: dict[str, set[date]] = {}
        for item in found.rows:
            if item.source:
                days.setdefault(item.source, set()).update(item.days)
        for reject in found.rejects:
            days.setdefault(reject.source, set()).add(reject.dt)
        left = remaining.find(connection, identity, days, earlier)
        yield replace(found, remaining=left)


def _erase_files(identity: Identity, *, dry_run: bool) -> list[str]:
    url = settings.load().archive_url
    archived = files.erase_from_archive(url, identity, dry_run=dry_run) if url else []
    local = files.erase_from_local_files(identity, dry_run=dry_run)
    return [*archived, *map(str, local)]


def _record(
    connection: Connection, found: Found, *, started_at: datetime, run_id: str
) -> None:
    """Append a row for the request, and one for each other subject that is new."""
    known = subjects.read_or_create(connection)
    erasure_id = uuid4().hex
    partitions, records = found.remaining.as_json()
    figures = {
        "lines": found.lines,
        "rows": sum(found.counts.values()) - found.lines,
        "files": len(found.files),
        "raw_partitions": partitions,
        "salesforce_records": records,
    }
    identity = found.identity
    new_rows = [
        {
            "erasure_id": erasure_id,
            "subject_kind": kind,
            "subject_hash": known.digest(kind, value),
            "hash_key": known.hash_key,
            "is_requested": (kind, value) == identity.requested,
            **(
                figures
                if (kind, value) == identity.requested
                else dict.fromkeys(figures)
            ),
            "started_at": started_at,
            "run_id": run_id,
        }
        for kind, value in sorted(identity.subjects)
        if (kind, value) == identity.requested or not known.contain(kind, value)
    ]
    connection.insert(
        connection.table("ops", subjects.TABLE),
        list(new_rows[0]),
        [list(row.values()) for row in new_rows],
    )


def _finish(connection: Connection, identity: Identity) -> None:
    """Record that the erasures of the subject, also interrupted ones, are complete."""
    known = subjects.read_or_create(connection)
    kind, value = identity.requested
    table = connection.table("ops", subjects.TABLE)
    connection.execute(
        f"{SENDER} finish\nupdate {table} set finished_at = ? "
        "where finished_at is null and erasure_id in (select erasure_id "
        f"from {table} where subject_kind = ? and subject_hash = ? and is_requested)",
        [now(), kind, known.digest(kind, value)],
    )
