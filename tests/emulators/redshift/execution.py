"""One statement from beginning to end: faults, the work, what is noted afterwards.

`Execution.run` does a whole statement over PostgreSQL's simple protocol. The extended
protocol calls it for what is the relay's own work, and parts of it for the rest.
"""

import time
from collections.abc import Callable

from tests.emulators.redshift.catalog import SessionCatalog
from tests.emulators.redshift.cluster import Cluster
from tests.emulators.redshift.dialect import planner as plans
from tests.emulators.redshift.dialect.plan import Plan
from tests.emulators.redshift.dialect.tokens import Node
from tests.emulators.redshift.errors import ClientGone, RedshiftError
from tests.emulators.redshift.load import copy_command as copy
from tests.emulators.redshift.load.job import Job
from tests.emulators.redshift.notes import Notes, Started
from tests.emulators.redshift.protocol import wire
from tests.emulators.redshift.protocol.backend import IDLE, IN_TRANSACTION, Backend
from tests.emulators.redshift.protocol.client import Client
from tests.emulators.redshift.protocol.pipeline import Pipeline
from tests.emulators.redshift.unload import unload_command as unload

PAUSE_SECONDS = 0.05
CANCELLED = "Query ({pid}) cancelled on user's request"


class Execution:
    """Runs the statements of one session."""

    def __init__(self, cluster: Cluster, client: Client, backend: Backend) -> None:
        self.cluster = cluster
        self.client = client
        self.backend = backend
        self.pipeline = Pipeline(backend)
        self.catalog = SessionCatalog(cluster, backend, self.pipeline)
        user, self.database = backend.query("select current_user, current_database()")[
            0
        ]
        self.notes = Notes(cluster, backend, str(user))
        self.is_cancelled = False

    def plan(self, nodes: list[Node], text: str) -> Plan:
        """Make the plan of one statement."""
        try:
            return plans.make(
                nodes,
                text,
                self.catalog,
                database=str(self.database),
                facts=self.notes.facts,
            )
        except RecursionError:
            raise RedshiftError(plans.TOO_DEEP, "54001") from None

    def run(self, plan: Plan) -> None:
        """Do a statement and answer the client; RedshiftError when it fails."""
        started = self.start(plan)
        try:
            rows = self._run(plan, started)
        except RedshiftError as error:
            self.notes.end(plan, started, error=error.message)
            raise
        self.notes.end(plan, started, rows=rows)

    def start(self, plan: Plan) -> Started:
        """Begin a statement: the faults that are set for its text happen."""
        self.is_cancelled = False
        started = self.notes.start(plan)
        for fault in self.cluster.faults.at_statement(plan.text):
            if fault.fault == "error":
                raise RedshiftError(fault.message, fault.code)
            end = time.monotonic() + fault.seconds
            while (left := end - time.monotonic()) > 0:
                self.check()
                time.sleep(min(PAUSE_SECONDS, left))
        return started

    def check(self) -> None:
        """Raise what a wait of the relay's own has to end for."""
        if self.is_cancelled:
            raise RedshiftError(CANCELLED.format(pid=self.backend.pid), "57014")
        if self.backend.client_is_gone():
            raise ClientGone

    def commit(self, written: list[str], commit: Callable[[], object]) -> None:
        """Commit what was written to these tables, with the faults that are due."""
        faults = []
        if written and self.cluster.faults.are_set:
            names = {self.catalog.resolved(name) for name in written}
            faults = self.cluster.faults.at_commit(names)
        for fault in faults:
            if fault.fault == "serialization":
                raise wire.serialization_error(fault.table, self.backend.pid)
            if fault.when == "before_commit":
                raise ClientGone
        commit()
        if faults:
            raise ClientGone

    def _run(self, plan: Plan, started: Started) -> int:
        if plan.is_commit and self.backend.status == IN_TRANSACTION:
            self.commit_transaction()
            self._complete("COMMIT")
            return 0
        is_own = self.backend.status == IDLE and bool(
            plan.after
            or plan.kind in (plans.COPY, plans.UNLOAD)
            or (plan.written and self.cluster.faults.are_set)
        )
        tag, rows = (
            self._in_own_transaction(plan, started)
            if is_own
            else (self._work(plan, started))
        )
        if plan.commits and self.backend.status == IN_TRANSACTION:
            self.notes.written += plan.written
            self.commit_transaction()
        self._complete(tag)
        return rows

    def _in_own_transaction(self, plan: Plan, started: Started) -> tuple[str, int]:
        """Do what takes more than one statement of PostgreSQL's as if it were one."""
        self.backend.query("begin")
        try:
            done = self._work(plan, started)
            self.commit(plan.written, lambda: self.backend.query("commit"))
        except RedshiftError:
            if self.backend.status != IDLE:
                self.backend.query("rollback")
            raise
        return done

    def roll_back(self) -> None:
        """End the open transaction and forget what it did."""
        self.notes.written = []
        if self.backend.status != IDLE:
            self.backend.query("rollback")

    def commit_transaction(self) -> None:
        """End the open transaction and keep what it did, if no fault is due."""
        written, self.notes.written = self.notes.written, []
        try:
            self.commit(written, lambda: self.backend.query("commit"))
        except RedshiftError:
            self.roll_back()
            raise

    def _work(self, plan: Plan, started: Started) -> tuple[str, int]:
        """Do the work itself; return the command's tag and its number of rows."""
        if plan.kind in (plans.COPY, plans.UNLOAD):
            doer = copy.run if plan.kind == plans.COPY else unload.run
            self.notes.facts[f"pg_last_{plan.kind}_id"] = started.query_id
            count = doer(plan, self._job(started))
            self.notes.facts[f"pg_last_{plan.kind}_count"] = count
            return plan.kind.upper(), count
        tag = plan.tag if plan.kind == plans.NOTHING else self._send(plan.sql)
        for sql in plan.after:
            self.backend.query(sql)
        return tag, rows_of(tag)

    def _job(self, started: Started) -> Job:
        return Job(
            cluster=self.cluster,
            client=self.client,
            backend=self.backend,
            catalog=self.catalog,
            user=self.notes.user,
            started=started,
            check=self.check,
        )

    def _send(self, sql: str) -> str:
        """Send SQL by the simple protocol, hand rows on, return the command's tag."""
        self.backend.send(wire.message(b"Q", wire.text(sql)))
        tag = ""
        failure: RedshiftError | None = None
        while True:
            kind, body = self.backend.rows(self.client.write)
            if kind == b"T":
                body = wire.map_row_description(body, self.cluster.oids_out)
                self.client.write(wire.message(kind, body))
            elif kind == b"C":
                tag, _ = wire.read_text(body)
            elif kind == b"E":
                failure = self.backend.failure(body)
            elif kind == b"Z":
                break
        if failure is not None:
            raise failure
        return tag

    def _complete(self, tag: str) -> None:
        self.client.write(wire.complete(plain_tag(tag)))


def rows_of(tag: str) -> int:
    """Return the number of rows that a command's tag tells, 0 when it tells none."""
    last = tag.rsplit(" ", 1)[-1]
    return int(last) if last.isdigit() else 0


def plain_tag(tag: str) -> str:
    """Return the tag as Redshift sends it: a SELECT does not tell its rows."""
    return "SELECT" if tag.startswith("SELECT ") else tag
