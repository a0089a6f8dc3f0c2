"""The extended protocol: statements that are prepared, bound and executed.

What gives rows or takes parameters is prepared at PostgreSQL, rewritten. The rest is
done by the relay when it is executed. After an error everything up to the next Sync is
skipped, on both sides.
"""

import struct
from collections.abc import Callable
from dataclasses import dataclass

from tests.emulators.redshift.dialect import planner as plans
from tests.emulators.redshift.dialect.plan import Plan
from tests.emulators.redshift.errors import RedshiftError
from tests.emulators.redshift.execution import Execution, plain_tag, rows_of
from tests.emulators.redshift.protocol import wire
from tests.emulators.redshift.protocol.backend import IDLE

PREPARED_WORDS = ("select", "with", "(", "insert", "update", "delete", "merge", "show",
                  "fetch", "explain", "call", "declare", "execute")  # fmt: skip
# Statements whose plan holds what may be different the next time.
CHANGING = ("pg_last_", "pg_get_late_binding_view_cols")


@dataclass
class Prepared:
    """A statement under its name; `plan` is None for an empty one."""

    name: str
    text: str
    oids: tuple[int, ...]
    plan: Plan | None
    epoch: int

    @property
    def is_relayed(self) -> bool:
        """Whether PostgreSQL has it too; otherwise the relay does it alone."""
        plan = self.plan
        return (
            plan is not None
            and plan.kind == plans.SQL
            and plan.word in PREPARED_WORDS
            and not plan.after
        )

    def is_outdated(self, epoch: int) -> bool:
        """Whether its plan may be another one now."""
        changes = any(word in self.text.lower() for word in CHANGING)
        return self.is_relayed and (changes or self.epoch != epoch)


class Extended:
    """One session's prepared statements and portals, and the messages for them."""

    def __init__(self, execution: Execution) -> None:
        self._execution = execution
        self._backend = execution.backend
        self._pipeline = execution.pipeline
        self._client = execution.client
        self._prepared: dict[str, Prepared] = {}
        self._portals: dict[str, Prepared] = {}
        self._is_skipping = False
        self._handlers: dict[bytes, Callable[[bytes], None]] = {
            b"P": self._parse,
            b"B": self._bind,
            b"D": self._describe,
            b"E": self._execute,
            b"C": self._close,
        }

    def handle(self, kind: bytes, body: bytes) -> bool:
        """Do what a message asks for; False when it is none of this protocol."""
        if kind == b"S":
            self._sync()
        elif kind == b"H":
            self._client.flush()
        elif kind in self._handlers:
            if not self._is_skipping:
                self._guarded(self._handlers[kind], body)
        else:
            return False
        return True

    def _guarded(self, handler: Callable[[bytes], None], body: bytes) -> None:
        try:
            handler(body)
        except RedshiftError as error:
            if error.is_fatal:
                raise
            self._is_skipping = True
            self._pipeline.fail()
            self._client.write(wire.error(error))

    def _sync(self) -> None:
        self._pipeline.settle()
        self._is_skipping = False
        if self._backend.status == IDLE:
            self._portals.clear()
        self._client.write(wire.message(b"Z", self._backend.status))
        self._client.flush()

    def _parse(self, body: bytes) -> None:
        name, end = wire.read_text(body)
        text, end = wire.read_text(body, end)
        (count,) = struct.unpack_from("!H", body, end)
        given = struct.unpack_from(f"!{count}I", body, end + 2)
        prepared = Prepared(name, text, given, None, 0)
        self._prepared.pop(name, None)
        self._prepare(prepared)
        self._prepared[name] = prepared
        self._client.write(wire.message(b"1"))

    def _prepare(self, prepared: Prepared) -> None:
        """Make the plan and prepare it at PostgreSQL, in place of an earlier one."""
        cluster = self._execution.cluster
        prepared.epoch = cluster.view_epoch
        statements = plans.split(prepared.text)
        if len(statements) > 1:
            raise RedshiftError(
                "cannot insert multiple commands into a prepared statement", "42601"
            )
        if statements:
            prepared.plan = self._execution.plan(*statements[0])
        if prepared.is_relayed and prepared.plan is not None:
            oids = [
                cluster.super_oid if oid == wire.SUPER else oid for oid in prepared.oids
            ]
            if prepared.name:
                self._pipeline.request(
                    wire.message(b"C", b"S" + wire.text(prepared.name)), b"3"
                )
            self._pipeline.request(
                wire.parse_message(prepared.name, prepared.plan.sql, oids), b"1"
            )

    def _statement(self, name: str) -> Prepared:
        if name not in self._prepared:
            raise RedshiftError(f'prepared statement "{name}" does not exist', "26000")
        return self._prepared[name]

    def _portal(self, name: str) -> Prepared:
        if name not in self._portals:
            raise RedshiftError(f'portal "{name}" does not exist', "34000")
        return self._portals[name]

    def _bind(self, body: bytes) -> None:
        portal, end = wire.read_text(body)
        name, _ = wire.read_text(body, end)
        prepared = self._statement(name)
        if prepared.is_outdated(self._execution.cluster.view_epoch):
            self._prepare(prepared)
        if prepared.is_relayed and prepared.plan is not None:
            # What a query sees is settled when it is bound.
            self._execution.notes.publish(prepared.plan)
            self._pipeline.request(wire.message(b"B", body), b"2")
        self._portals[portal] = prepared
        self._client.write(wire.message(b"2"))

    def _describe(self, body: bytes) -> None:
        is_statement = body[:1] == b"S"
        name, _ = wire.read_text(body, 1)
        prepared = self._statement(name) if is_statement else self._portal(name)
        if not prepared.is_relayed:
            if is_statement:
                self._client.write(wire.message(b"t", b"\0\0"))
            self._client.write(wire.message(b"n"))
            return
        oids = self._execution.cluster.oids_out
        for kind, answer in self._pipeline.request(
            wire.message(b"D", body), b"T", b"n"
        ):
            if kind == b"t":
                answer = wire.map_parameter_description(answer, oids)
            elif kind == b"T":
                answer = wire.map_row_description(answer, oids)
            self._client.write(wire.message(kind, answer))

    def _execute(self, body: bytes) -> None:
        portal, _ = wire.read_text(body)
        prepared = self._portal(portal)
        plan = prepared.plan
        if plan is None:
            self._client.write(wire.message(b"I"))
        elif prepared.is_relayed:
            self._execute_relayed(plan, body)
        else:
            self._pipeline.settle()
            self._execution.run(plan)

    def _execute_relayed(self, plan: Plan, body: bytes) -> None:
        execution = self._execution
        started = execution.start(plan)
        is_alone = self._backend.status == IDLE
        try:
            kind, answer = self._rows(body)
            if kind == b"C" and is_alone and plan.written:
                execution.commit(plan.written, self._commit_early)
        except RedshiftError as error:
            execution.notes.end(plan, started, error=error.message)
            raise
        tag = wire.read_text(answer)[0] if kind == b"C" else ""
        if kind == b"C":
            answer = wire.text(plain_tag(tag))
        self._client.write(wire.message(kind, answer))
        execution.notes.end(plan, started, rows=rows_of(tag))

    def _commit_early(self) -> None:
        """Commit now and not at the Sync, if a fault waits for the commit."""
        if self._execution.cluster.faults.are_set:
            self._pipeline.settle()

    def _rows(self, body: bytes) -> tuple[bytes, bytes]:
        self._pipeline.start(wire.message(b"E", body))
        kind, answer = self._backend.rows(self._client.write)
        if kind == b"E":
            raise self._backend.failure(answer)
        return kind, answer

    def _close(self, body: bytes) -> None:
        name, _ = wire.read_text(body, 1)
        kept = self._prepared if body[:1] == b"S" else self._portals
        closed = kept.pop(name, None)
        if closed is not None and closed.is_relayed:
            self._pipeline.request(wire.message(b"C", body), b"3")
        self._client.write(wire.message(b"3"))
