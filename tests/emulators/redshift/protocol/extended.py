"""The extended query protocol: statements that are prepared, bound and executed.

Statements that return rows or take parameters are rewritten and prepared in PostgreSQL.
The relay executes all others itself. After an error, both sides skip all messages up to
the next Sync.
"""

import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tests.emulators.redshift.dialect import planner
from tests.emulators.redshift.dialect.plan import SQL, Plan
from tests.emulators.redshift.errors import RedshiftError, internal_errors
from tests.emulators.redshift.execution import Execution, affected_rows, redshift_tag
from tests.emulators.redshift.protocol import bind, wire
from tests.emulators.redshift.protocol.backend import IDLE
from tests.emulators.redshift.protocol.results import Column, RowFormat, read_columns

PREPARED_WORDS = ("select", "with", "(", "insert", "update", "delete", "merge", "show",
                  "fetch", "explain", "call", "declare", "execute")  # fmt: skip
UNKNOWN_OIDS, TEXT_OID = (0, 705), 25
# Their results are part of the plan, which the session's next statement outdates.
VOLATILE_FUNCTIONS = ("pg_last_", "pg_get_late_binding_view_cols")


@dataclass
class PreparedStatement:
    """A prepared statement; `plan` is None if its text is empty.

    `columns` are those of its result, None before they are known. The plan was
    made at `Cluster.view_epoch` and after `Execution.started` statements.
    """

    name: str
    text: str
    oids: tuple[int, ...]
    plan: Plan | None
    view_epoch: int
    started: int = 0
    columns: list[Column] | None = None

    @property
    def is_sent_to_postgres(self) -> bool:
        """Whether PostgreSQL prepares it too; otherwise the relay executes it."""
        plan = self.plan
        return (
            plan is not None
            and plan.kind == SQL
            and plan.word in PREPARED_WORDS
            and not plan.after
        )

    def is_outdated(self, view_epoch: int, started: int) -> bool:
        """Whether its plan may have changed since it was prepared."""
        is_volatile = any(word in self.text.lower() for word in VOLATILE_FUNCTIONS)
        has_changed = is_volatile and self.started != started
        has_changed |= self.view_epoch != view_epoch
        return self.is_sent_to_postgres and has_changed


class ExtendedProtocol:
    """One session's prepared statements and portals, and the messages for them."""

    def __init__(self, execution: Execution) -> None:
        self._execution = execution
        self._backend = execution.backend
        self._pipeline = execution.pipeline
        self._client = execution.client
        self._statements: dict[str, PreparedStatement] = {}
        self._portals: dict[str, PreparedStatement] = {}
        self._row_formats: dict[str, RowFormat] = {}
        self._is_skipping = False
        self._handlers: dict[bytes, Callable[[bytes], None]] = {
            b"P": self._parse,
            b"B": self._bind,
            b"D": self._describe,
            b"E": self._execute,
            b"C": self._close,
        }

    def handle(self, kind: bytes, body: bytes) -> bool:
        """Process a message; return False if it does not belong to this protocol."""
        if kind == b"S":
            self._sync()
        elif kind == b"H":
            self._client.flush()
        elif kind in self._handlers:
            if not self._is_skipping:
                self._run_handler(self._handlers[kind], body)
        else:
            return False
        return True

    def _run_handler(self, handler: Callable[[bytes], None], body: bytes) -> None:
        try:
            with internal_errors():
                handler(body)
        except RedshiftError as error:
            if error.is_fatal:
                raise
            self._is_skipping = True
            self._pipeline.fail_transaction()
            self._execution.isolation.end(is_committed=False)
            self._client.write(wire.pack_error(error))

    def _sync(self) -> None:
        self._pipeline.sync()
        self._execution.end_transaction(is_committed=not self._is_skipping)
        self._is_skipping = False
        if self._backend.status == IDLE:
            self._portals.clear()
        self._client.write(wire.pack_message(b"Z", self._backend.status))
        self._client.flush()

    def _parse(self, body: bytes) -> None:
        name, end = wire.unpack_text(body)
        text, end = wire.unpack_text(body, end)
        (count,) = struct.unpack_from("!H", body, end)
        oids = struct.unpack_from(f"!{count}I", body, end + 2)
        statement = PreparedStatement(name, text, oids, None, 0)
        self._statements.pop(name, None)
        self._prepare(statement)
        self._statements[name] = statement
        self._client.write(wire.pack_message(b"1"))

    def _prepare(self, statement: PreparedStatement) -> None:
        """Plan a statement and prepare it in PostgreSQL, replacing an earlier one."""
        cluster = self._execution.cluster
        statement.view_epoch, statement.columns = cluster.view_epoch, None
        statement.started = self._execution.started
        parts = planner.split_statements(statement.text)
        if len(parts) > 1:
            raise RedshiftError(
                "cannot insert multiple commands into a prepared statement", "42601"
            )
        if parts:
            statement.plan = self._execution.plan_statement(*parts[0], statement.oids)
        if statement.is_sent_to_postgres and statement.plan is not None:
            oids = self._parameter_oids(statement, statement.plan)
            self._execution.isolation.prepare(statement.plan)
            if statement.name:
                self._pipeline.request(
                    wire.pack_message(b"C", b"S" + wire.pack_text(statement.name)),
                    b"3",
                )
            self._pipeline.request(
                wire.pack_parse(statement.name, statement.plan.sql, oids), b"1"
            )

    def _parameter_oids(self, statement: PreparedStatement, plan: Plan) -> list[int]:
        """Return the parameter types for PostgreSQL.

        It would reject a parameter of unknown type that the statement does not use.
        """
        used = bind.used_parameters(plan.sql)
        own = self._execution.cluster.parameter_type_oids
        oids = []
        for number, oid in enumerate(statement.oids, start=1):
            if oid in own:
                oid = own[oid]
            elif oid in UNKNOWN_OIDS and number not in used:
                oid = TEXT_OID
            oids.append(oid)
        return oids

    def _find_statement(self, name: str) -> PreparedStatement:
        if name not in self._statements:
            raise RedshiftError(f'prepared statement "{name}" does not exist', "26000")
        return self._statements[name]

    def _find_portal(self, name: str) -> PreparedStatement:
        if name not in self._portals:
            raise RedshiftError(f'portal "{name}" does not exist', "34000")
        return self._portals[name]

    def _bind(self, body: bytes) -> None:
        portal, end = wire.unpack_text(body)
        name, _ = wire.unpack_text(body, end)
        statement = self._find_statement(name)
        execution = self._execution
        if statement.is_outdated(execution.cluster.view_epoch, execution.started):
            self._prepare(statement)
        if statement.is_sent_to_postgres and statement.plan is not None:
            # PostgreSQL takes the query's snapshot when it binds.
            self._execution.state.flush_history(statement.plan)
            self._execution.isolation.enter(statement.plan)
            body = self._convert_bind(statement, portal, body)
            self._pipeline.request(wire.pack_message(b"B", body), b"2")
        self._portals[portal] = statement
        self._client.write(wire.pack_message(b"2"))

    def _convert_bind(
        self, statement: PreparedStatement, portal: str, body: bytes
    ) -> bytes:
        """Return the Bind message for PostgreSQL; set the portal's row format."""
        if statement.columns is None:
            request = wire.pack_message(b"D", b"S" + wire.pack_text(statement.name))
            kind, response = self._pipeline.request(request, b"T", b"n")[-1]
            statement.columns = read_columns(response) if kind == b"T" else []
        has_converted = not bind.CONVERTERS.keys().isdisjoint(statement.oids)
        self._row_formats[portal] = RowFormat()
        if not (statement.columns or has_converted):
            return body
        message = bind.unpack(body)
        message.convert_parameters(statement.oids)
        row_format = self._execution.results.row_format(
            statement.columns, message.result_formats
        )
        self._row_formats[portal] = row_format
        return message.pack(row_format.formats)

    def _describe(self, body: bytes) -> None:
        is_statement = body[:1] == b"S"
        name, _ = wire.unpack_text(body, 1)
        statement = (
            self._find_statement(name) if is_statement else self._find_portal(name)
        )
        if not statement.is_sent_to_postgres:
            if is_statement:
                self._client.write(wire.pack_message(b"t", b"\0\0"))
            self._client.write(wire.pack_message(b"n"))
            return
        requested = () if is_statement else self._row_formats[name].requested
        oids = self._execution.cluster.result_type_oids
        for kind, response in self._pipeline.request(
            wire.pack_message(b"D", body), b"T", b"n"
        ):
            if kind == b"t":
                response = wire.replace_parameter_types(response, oids)
            else:
                statement.columns = read_columns(response) if kind == b"T" else []
                response = self._describe_columns(statement.columns, requested)
            self._client.write(wire.pack_message(kind, response))

    def _describe_columns(
        self, columns: list[Column], requested: Sequence[int]
    ) -> bytes:
        """Return Redshift's RowDescription of columns, nothing if there are none."""
        if not columns:
            return b""
        results, origins = self._execution.results, {}
        if results.has_origins:
            origins = self._execution.catalog.column_origins(
                (column.table_oid, column.number) for column in columns
            )
        return results.describe(columns, origins, requested)

    def _execute(self, body: bytes) -> None:
        portal, _ = wire.unpack_text(body)
        statement = self._find_portal(portal)
        plan = statement.plan
        if plan is None:
            self._client.write(wire.pack_message(b"I"))
        elif statement.is_sent_to_postgres:
            self._execute_in_postgres(plan, portal, body)
        else:
            self._pipeline.sync()
            self._execution.run(plan)

    def _execute_in_postgres(self, plan: Plan, portal: str, body: bytes) -> None:
        execution = self._execution
        started = execution.start_statement(plan)
        is_autocommit = self._backend.status == IDLE
        try:
            kind, response = self._forward_rows(portal, body)
            if kind == b"C" and is_autocommit and plan.written:
                execution.commit_with_faults(plan.written, self._commit_early)
        except RedshiftError as problem:
            error = execution.isolation.name_conflict(problem)
            execution.state.end_statement(plan, started, error=error.message)
            raise error from None
        tag = wire.unpack_text(response)[0] if kind == b"C" else ""
        if kind == b"C":
            response = wire.pack_text(redshift_tag(tag))
        self._client.write(wire.pack_message(kind, response))
        execution.state.end_statement(plan, started, rows=affected_rows(tag))

    def _commit_early(self) -> None:
        """Commit before the client's Sync if a fault may follow the commit."""
        if self._execution.cluster.faults.has_faults:
            self._pipeline.sync()

    def _forward_rows(self, portal: str, body: bytes) -> tuple[bytes, bytes]:
        sink = self._row_formats[portal].sink(self._client.write)
        self._pipeline.send(wire.pack_message(b"E", body))
        kind, response = self._backend.forward_rows(sink)
        if kind == b"E":
            raise self._backend.read_error(response)
        return kind, response

    def _close(self, body: bytes) -> None:
        name, _ = wire.unpack_text(body, 1)
        registry = self._statements if body[:1] == b"S" else self._portals
        closed = registry.pop(name, None)
        if closed is not None and closed.is_sent_to_postgres:
            self._pipeline.request(wire.pack_message(b"C", body), b"3")
        self._client.write(wire.pack_message(b"3"))
