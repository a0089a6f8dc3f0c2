"""Execution of one statement: injected faults, the work itself, the history record.

`Execution.run` executes a whole statement over PostgreSQL's simple query protocol. The
extended query protocol uses it for statements that the relay executes itself, and parts
of it for the others.
"""

import time
from collections.abc import Callable, Sequence

from tests.emulators.redshift import long_names
from tests.emulators.redshift.catalog import SessionCatalog
from tests.emulators.redshift.cluster import Cluster
from tests.emulators.redshift.dialect import planner
from tests.emulators.redshift.dialect.plan import COPY, NOTHING, UNLOAD, Plan
from tests.emulators.redshift.dialect.tokens import Node
from tests.emulators.redshift.errors import (
    ClientDisconnected,
    RedshiftError,
    internal_errors,
    terminated,
)
from tests.emulators.redshift.isolation import Isolation
from tests.emulators.redshift.load import copy_command
from tests.emulators.redshift.load.job import Job
from tests.emulators.redshift.protocol import wire
from tests.emulators.redshift.protocol.backend import IDLE, IN_TRANSACTION, Backend
from tests.emulators.redshift.protocol.client import Client
from tests.emulators.redshift.protocol.pipeline import LOOKUP_NAME, Pipeline
from tests.emulators.redshift.protocol.results import Results, read_columns
from tests.emulators.redshift.session_state import SessionState, StartedStatement
from tests.emulators.redshift.unload import unload_command

PAUSE_SECONDS = 0.05
# Portals of the extended protocol are listed there too.
OPEN_CURSORS = (
    f"select 1 from pg_cursors where name not in ('', '{LOOKUP_NAME}')"
    " and statement ~* 'declare'"
)
OWN_TRANSACTION = "{command} cannot run inside a transaction block"
CANCELLED = "Query ({pid}) cancelled on user's request"


class Execution:
    """Executes the statements of one session."""

    def __init__(self, cluster: Cluster, client: Client, backend: Backend) -> None:
        self.cluster = cluster
        self.client = client
        self.backend = backend
        self.pipeline = Pipeline(backend)
        [[user, database]] = backend.query("select current_user, current_database()")
        cluster.load_long_names(str(database))
        self.database = long_names.restore(str(database))
        self.catalog = SessionCatalog(cluster, backend, self.pipeline, str(database))
        self.results = Results(cluster.result_type_oids, client.protocol_version)
        self.state = SessionState(cluster, backend, str(user))
        self.isolation = Isolation(
            cluster, backend, self.pipeline, database=str(self.database)
        )
        self.is_cancelled = False
        self.started = 0  # statements

    def plan_statement(
        self, nodes: list[Node], text: str, parameter_oids: Sequence[int] = ()
    ) -> Plan:
        """Return the plan of one statement."""
        with internal_errors():
            try:
                plan = planner.plan_statement(
                    nodes,
                    text,
                    self.catalog,
                    database=self.database,
                    last_values=self.state.last_values,
                    parameter_oids=parameter_oids,
                )
            except RecursionError:
                raise RedshiftError(planner.TOO_DEEP, "54001") from None
        self.state.resolve_prepared(plan)
        return plan

    def run(self, plan: Plan) -> None:
        """Execute a statement and send its result; raise RedshiftError if it fails."""
        started = self.start_statement(plan)
        is_single = self.backend.status == IDLE
        try:
            rows = self._execute(plan, started)
        except RedshiftError as problem:
            error = self.isolation.name_conflict(problem)
            self.state.end_statement(plan, started, error=error.message)
            raise error from None
        self.end_transaction(is_committed=is_single)
        self.state.end_statement(plan, started, rows=rows)

    def end_transaction(self, *, is_committed: bool) -> None:
        """Record the end of the transaction, if PostgreSQL has ended it."""
        if self.backend.status == IDLE:
            self.isolation.end(is_committed=is_committed)

    def start_statement(self, plan: Plan) -> StartedStatement:
        """Begin a statement and apply the faults that match its text."""
        self.started += 1
        self.is_cancelled = False
        if plan.word == "declare":
            self._require_no_cursor()
        started = self.state.start_statement(plan)
        self._wait(self.cluster.faults.statement_delay)
        for fault in self.cluster.faults.due_at_statement(plan.text):
            if fault.fault == "error":
                raise RedshiftError(fault.message, fault.code)
            self._wait(fault.seconds)
        return started

    def _require_no_cursor(self) -> None:
        if self.pipeline.query(OPEN_CURSORS):
            raise RedshiftError(
                "only one cursor can be open in a session: close the other one",
                "42P03",
            )

    def _wait(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        while (remaining := end - time.monotonic()) > 0:
            self.check_interrupted()
            time.sleep(min(PAUSE_SECONDS, remaining))

    def check_interrupted(self) -> None:
        """Raise if the statement or session was ended, or the client disconnected."""
        if self.is_cancelled:
            raise RedshiftError(CANCELLED.format(pid=self.backend.pid), "57014")
        if self.backend.is_terminated():
            raise terminated()
        if self.backend.is_client_disconnected():
            raise ClientDisconnected

    def commit_with_faults(
        self, written: list[str], commit: Callable[[], object]
    ) -> None:
        """Commit writes to these tables and apply the faults that are due."""
        faults = []
        if written and self.cluster.faults.has_faults:
            names = {self.catalog.qualified_name(name) for name in written}
            faults = self.cluster.faults.due_at_commit(names)
        for fault in faults:
            if fault.fault == "serialization":
                raise wire.serialization_error(fault.table, self.backend.pid)
            if fault.when == "before_commit":
                raise ClientDisconnected
        commit()
        if faults:
            raise ClientDisconnected

    def roll_back(self) -> None:
        """Roll back the open transaction."""
        self.state.written = []
        if self.backend.status != IDLE:
            self.backend.query("rollback")
        self.isolation.end(is_committed=False)

    def commit_transaction(self) -> None:
        """Commit the open transaction, unless a fault is due."""
        written, self.state.written = self.state.written, []
        try:
            self.commit_with_faults(written, self.isolation.commit)
        except RedshiftError:
            self.roll_back()
            raise

    def _execute(self, plan: Plan, started: StartedStatement) -> int:
        """Execute a statement and return its number of rows."""
        if plan.is_commit and self.backend.status == IN_TRANSACTION:
            self.commit_transaction()
            self._complete("COMMIT")
            return 0
        if plan.is_standalone and self.backend.status != IDLE:
            raise RedshiftError(OWN_TRANSACTION.format(command=plan.tag), "25001")
        needs_transaction = self.backend.status == IDLE and bool(
            (plan.after and not plan.is_standalone)
            or plan.written
            or plan.kind in (COPY, UNLOAD)
        )
        if not needs_transaction:
            self.isolation.enter(plan)
            self.pipeline.sync()
        tag, rows = (
            self._execute_in_transaction(plan, started)
            if needs_transaction
            else self._execute_plan(plan, started)
        )
        if plan.commits and self.backend.status == IN_TRANSACTION:
            self.state.written += plan.written
            self.commit_transaction()
        self._complete(tag)
        return rows

    def _execute_in_transaction(
        self, plan: Plan, started: StartedStatement
    ) -> tuple[str, int]:
        """Execute a statement that takes several PostgreSQL statements atomically."""
        self.isolation.begin()
        try:
            self.isolation.enter_single(plan)
            self.pipeline.sync()
            with internal_errors():
                result = self._execute_plan(plan, started)
            self.commit_with_faults(plan.written, self.isolation.commit)
        except RedshiftError:
            self.backend.skip_responses()
            self.pipeline.sync()
            if self.backend.status != IDLE:
                self.backend.query("rollback")
            self.isolation.end(is_committed=False)
            raise
        return result

    def _execute_plan(self, plan: Plan, started: StartedStatement) -> tuple[str, int]:
        """Execute a plan; return the command tag and the number of rows."""
        if plan.kind in (COPY, UNLOAD):
            command = copy_command if plan.kind == COPY else unload_command
            self.state.last_values[f"pg_last_{plan.kind}_id"] = started.query_id
            count = command.run(plan, self._create_job(started))
            self.state.last_values[f"pg_last_{plan.kind}_count"] = count
            return plan.kind.upper(), count
        tag = plan.tag if plan.kind == NOTHING else self._send_query(plan.sql)
        for sql in plan.after:
            self.backend.query(sql)
        return tag, affected_rows(tag)

    def _create_job(self, started: StartedStatement) -> Job:
        return Job(
            cluster=self.cluster,
            client=self.client,
            backend=self.backend,
            catalog=self.catalog,
            user=self.state.user,
            started=started,
            check_interrupted=self.check_interrupted,
        )

    def _send_query(self, sql: str) -> str:
        """Send a simple query, forward its rows and return the command tag."""
        self.backend.send(wire.pack_message(b"Q", wire.pack_text(sql)))
        tag = ""
        failure: RedshiftError | None = None
        sink = self.client.write
        while True:
            kind, body = self.backend.forward_rows(sink)
            if kind == b"T":
                columns = read_columns(body)
                sink = self.results.text_format(columns).sink(self.client.write)
                self.client.write(
                    wire.pack_message(kind, self.results.describe(columns, {}))
                )
            elif kind == b"C":
                tag, _ = wire.unpack_text(body)
            elif kind == b"E":
                failure = self.backend.read_error(body)
            elif kind == b"Z":
                break
        if failure is not None:
            raise failure
        return tag

    def _complete(self, tag: str) -> None:
        self.client.write(wire.pack_command_complete(redshift_tag(tag)))


def affected_rows(tag: str) -> int:
    """Return the row count in a command tag, 0 if it has none."""
    last = tag.rsplit(" ", 1)[-1]
    return int(last) if last.isdigit() else 0


def redshift_tag(tag: str) -> str:
    """Return the command tag as Redshift sends it: SELECT without a row count."""
    return "SELECT" if tag.startswith("SELECT ") else tag
