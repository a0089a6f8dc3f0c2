"""The isolation of one session's transactions: snapshot, write locks, conflicts.

A transaction has one snapshot, taken by its first statement that reads or writes a
table. Until then PostgreSQL's transaction is READ COMMITTED and has done nothing that
lasts, so that it can be replaced by one that is REPEATABLE READ. Writers of a table
lock it against other writers, before the snapshot is taken.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from tests.emulators.redshift.catalog import quote_literal
from tests.emulators.redshift.cluster import Cluster
from tests.emulators.redshift.conflicts import Table, Transaction
from tests.emulators.redshift.dialect.plan import Plan
from tests.emulators.redshift.errors import RedshiftError
from tests.emulators.redshift.protocol import wire
from tests.emulators.redshift.protocol.backend import IDLE, IN_TRANSACTION, Backend
from tests.emulators.redshift.protocol.pipeline import Pipeline

SERIALIZABLE = "serializable"
CONFLICT = "1023"
DML = ("insert", "update", "delete", "merge", "copy", "truncate", "call")
# Statements that read the table that they change.
READING_WRITES = ("update", "delete", "merge")
WRITE_LOCK = "share row exclusive"
# What a user without the privileges for the other mode may take.
WEAK_WRITE_LOCK = "row exclusive"


@dataclass(frozen=True)
class Relation:
    """A relation that a statement names; `oid` is 0 if there is none of this name.

    `is_visible` is whether the snapshot contains it.
    """

    name: str
    oid: int
    is_visible: bool
    is_table: bool
    is_temporary: bool
    can_lock: bool


class Isolation:
    """Snapshot, locks and conflicts of the transactions of one session."""

    def __init__(
        self, cluster: Cluster, backend: Backend, pipeline: Pipeline, database: str
    ) -> None:
        self._cluster = cluster
        self._backend = backend
        self._pipeline = pipeline
        self._database = database
        [[level]] = backend.query(
            "select current_setting('redshift.isolation_level', true)"
        )
        self._is_serializable = level == SERIALIZABLE
        self._has_snapshot = False
        self._holds_locks = False
        self._begin_options = ""
        self._transaction: Transaction | None = None
        self._target: Table = (database, 0)

    def begin(self) -> None:
        """Begin a transaction."""
        self._backend.query("begin")
        self._reset()

    def enter(self, plan: Plan) -> None:
        """Take the locks and the snapshot that a statement needs before it runs.

        Raises RedshiftError 1018 for a table that is newer than the snapshot and 1023
        for a conflict with another transaction.
        """
        if self._backend.status == IDLE:
            self._reset()
            if plan.word in ("begin", "start"):
                self._begin_options = plan.sql.removeprefix("begin")
            self.enter_single(plan)
        elif self._backend.status == IN_TRANSACTION:
            self._enter_block(plan)

    def prepare(self, plan: Plan) -> None:
        """Take a statement's write locks before PostgreSQL prepares it.

        Preparing takes a weaker lock. Two writers that hold it would wait for each
        other when they ask for the write lock.
        """
        if self._backend.status == IDLE:
            self._lock_targets(plan)
        elif self._backend.status == IN_TRANSACTION and self._keeps_locks:
            self._pipeline.run(*_lock_statements(plan, self._describe(plan)))

    def enter_single(self, plan: Plan) -> None:
        """Take the write lock of a statement that is a transaction by itself.

        PostgreSQL takes its snapshot when the statement begins, after the lock.
        """
        written = self._lock_targets(plan)
        if self._is_serializable and plan.takes_snapshot:
            self._record(plan, self._describe(plan))
        elif written:
            self._add(set(), written)

    def commit(self) -> None:
        """Commit the open transaction."""
        transaction, self._transaction = self._transaction, None
        if transaction is None:
            self._backend.query("commit")
            return
        try:
            self._cluster.conflicts.commit(
                transaction, lambda: self._backend.query("commit")
            )
        except RedshiftError:
            self._cluster.conflicts.discard(transaction)
            raise

    def end(self, *, is_committed: bool) -> None:
        """Record the end of a transaction that PostgreSQL has already ended."""
        transaction, self._transaction = self._transaction, None
        if transaction is None:
            return
        if is_committed:
            self._cluster.conflicts.commit(transaction, lambda: None)
        else:
            self._cluster.conflicts.discard(transaction)

    def name_conflict(self, error: RedshiftError) -> RedshiftError:
        """Return PostgreSQL's error of a conflict with its table and transactions."""
        transaction = self._transaction
        if error.message != CONFLICT or transaction is None:
            return error
        other = self._cluster.conflicts.last_writer(self._target, transaction)
        return self._violation([transaction] if other is None else [transaction, other])

    @property
    def _keeps_locks(self) -> bool:
        """Whether the open transaction will not be replaced by `_restart`."""
        return self._has_snapshot or self._holds_locks

    def _lock_targets(self, plan: Plan) -> set[Table]:
        """Lock the tables that a statement writes, by a function; return them."""
        targets = [name for name in plan.written if plan.effect in DML and name]
        written: set[Table] = set()
        for name in targets:
            call = f"select pg_internal.lock_for_write({quote_literal(name)})"
            written |= self._tables(
                int(oid) for [oid] in self._pipeline.run(call) if oid
            )
        return written

    def _reset(self) -> None:
        self._has_snapshot = self._holds_locks = False
        self._begin_options = ""

    def _enter_block(self, plan: Plan) -> None:
        if plan.word == "lock":
            if not self._keeps_locks:
                self._restart([])
            self._holds_locks = True
            return
        if not plan.takes_snapshot:
            return
        relations = self._describe(plan)
        if self._has_snapshot:
            _check_visible(relations)
        locks = _lock_statements(plan, relations)
        if not self._keeps_locks:
            self._restart(locks)
        elif locks:
            self._pipeline.run(*locks)
        self._has_snapshot = True
        self._record(plan, relations)

    def _restart(self, locks: list[str]) -> None:
        """Replace the unused transaction by one that keeps its snapshot."""
        begin = f"begin isolation level repeatable read{self._begin_options}"
        self._pipeline.run("commit", begin, *locks)

    def _describe(self, plan: Plan) -> list[Relation]:
        """Look up the relations that a statement reads and writes."""
        names = list(dict.fromkeys([*plan.reads, *plan.written]))
        if not names:
            return []
        array = ", ".join(map(quote_literal, names))
        rows = self._pipeline.run(
            f"select * from pg_internal.describe_relations(array[{array}]::text[])"
        )
        return [
            Relation(
                name=str(name),
                oid=int(oid or 0),
                is_visible=is_visible == "t",
                is_table=(kind or "").startswith(("r", "p")),
                is_temporary=(kind or "").endswith("t"),
                can_lock=can_lock == "t",
            )
            for name, oid, is_visible, kind, can_lock in rows
        ]

    def _record(self, plan: Plan, relations: list[Relation]) -> None:
        """Record what a statement reads and writes; raise 1023 if that is a cycle."""
        conflicts = self._cluster.conflicts
        writes = self._tables(
            relation.oid
            for relation in relations
            if relation.name in plan.written
            and relation.is_table
            and not relation.is_temporary
        )
        reads = self._read_tables(plan, relations)
        if plan.effect in READING_WRITES:
            reads |= writes
        if not (reads or writes or self._has_snapshot):
            return
        cycle = conflicts.find_cycle(self._add(reads, writes))
        if self._is_serializable and cycle:
            raise self._violation(cycle)

    def _add(self, reads: set[Table], writes: set[Table]) -> Transaction:
        """Record tables for the transaction, which begins with its first ones."""
        conflicts = self._cluster.conflicts
        self._target = next(iter(writes or reads), self._target)
        if self._transaction is None:
            self._transaction = conflicts.begin(
                self._cluster.history.next_id(), self._backend.pid, self._fix_snapshot
            )
        conflicts.add(self._transaction, reads, writes)
        return self._transaction

    def _read_tables(self, plan: Plan, relations: list[Relation]) -> set[Table]:
        """Return the tables that a statement reads, also through views."""
        read = [item.oid for item in relations if item.name in plan.reads and item.oid]
        if not (read and self._is_serializable):
            return set()
        rows = self._pipeline.run(f"select pg_internal.base_tables(array{read}::oid[])")
        return self._tables(int(str(oid)) for [oid] in rows)

    def _tables(self, oids: Iterable[int]) -> set[Table]:
        return {(self._database, oid) for oid in oids}

    def _fix_snapshot(self) -> None:
        """Have PostgreSQL take the snapshot of a transaction block now."""
        if self._has_snapshot and self._is_serializable:
            self._pipeline.run("select 1")

    def _violation(self, cycle: list[Transaction]) -> RedshiftError:
        identifiers = [transaction.id for transaction in cycle]
        _, table = self._target
        return wire.serialization_error(str(table), self._backend.pid, identifiers)


def _check_visible(relations: list[Relation]) -> None:
    """Raise error 1018 for a relation that was created after the snapshot."""
    if any(relation.oid and not relation.is_visible for relation in relations):
        raise RedshiftError("1018", detail="Relation does not exist.")


def _lock_statements(plan: Plan, relations: list[Relation]) -> list[str]:
    """Return the statements that lock the tables that a statement writes."""
    return [
        f"lock table {relation.name} in"
        f" {WRITE_LOCK if relation.can_lock else WEAK_WRITE_LOCK} mode"
        for relation in relations
        if plan.effect in DML and relation.name in plan.written and relation.is_table
    ]
