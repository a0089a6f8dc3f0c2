"""The state of one session: its open transaction, its last ids, its history label."""

import re
from dataclasses import dataclass
from datetime import datetime

from tests.emulators.redshift import history
from tests.emulators.redshift.cluster import Cluster
from tests.emulators.redshift.dialect.plan import SQL, Plan
from tests.emulators.redshift.dialect.tables import read_relation
from tests.emulators.redshift.dialect.tokens import (
    Node,
    Token,
    has_words_at,
    is_word,
    name_of,
    node_at,
)
from tests.emulators.redshift.protocol.backend import IDLE, Backend

LAST_VALUE_FUNCTIONS = (
    "pg_last_copy_id",
    "pg_last_copy_count",
    "pg_last_unload_id",
    "pg_last_unload_count",
    "pg_last_query_id",
)
RECORDED_VIEW = re.compile(r"(late_binding|leader)_view\(")
SELECTS = ("select", "with", "(", "show")
WRITES = ("insert", "update", "delete", "merge", "copy", "unload")


@dataclass(frozen=True)
class StartedStatement:
    """The id and start time of a running statement."""

    query_id: int
    started_at: datetime


class SessionState:
    """Mutable state of one session.

    `last_values` holds the results of pg_last_copy_id() and the similar functions, -1
    before the first COPY, UNLOAD or query. `written` lists the tables that the open
    transaction has written.
    """

    def __init__(self, cluster: Cluster, backend: Backend, user: str) -> None:
        self._cluster = cluster
        self._backend = backend
        self.user = user
        self.last_values = dict.fromkeys(LAST_VALUE_FUNCTIONS, -1)
        self.written: list[str] = []
        self._prepared: dict[str, Plan] = {}
        self._label = "default"
        self._has_changed_views = False

    def resolve_prepared(self, plan: Plan) -> None:
        """Record the statement of PREPARE; give EXECUTE the effects of its own."""
        if plan.prepared is not None:
            name, prepared = plan.prepared
            self._prepared[name] = prepared
        name = name_of(node_at(plan.nodes, 1)) or ""
        if plan.word == "execute" and name in self._prepared:
            plan.take_effect(self._prepared[name])

    def flush_history(self, plan: Plan) -> None:
        """Write the queued history records if the statement may read them."""
        text = plan.text.lower()
        if any(name in text for name in history.SYSTEM_TABLE_PREFIXES):
            self._cluster.history.flush()

    def start_statement(self, plan: Plan) -> StartedStatement:
        """Assign a query id to a statement."""
        self.flush_history(plan)
        return StartedStatement(self._cluster.history.next_id(), history.utc_now())

    def end_statement(
        self,
        plan: Plan,
        started: StartedStatement,
        *,
        rows: int = 0,
        error: str | None = None,
    ) -> None:
        """Record a finished statement in the history and update the session."""
        if plan.word in (*SELECTS, *WRITES, "create") and plan.kind == SQL:
            self.last_values["pg_last_query_id"] = started.query_id
        self._cluster.history.add(
            history.QueryRecord(
                query_id=started.query_id,
                user_name=self.user,
                label=self._label,
                pid=self._backend.pid,
                query_type=query_type(plan),
                query_text=plan.text,
                written=[name for name in plan.written if name],
                started_at=started.started_at,
                ended_at=history.utc_now(),
                rows=rows,
                error=error,
            )
        )
        if error is None:
            self._record_success(plan)

    def _record_success(self, plan: Plan) -> None:
        if plan.setting and plan.setting[0] == "query_group":
            self._label = plan.setting[1] or "default"
        self._record_view_names(plan)
        if self._backend.status != IDLE:
            self.written += plan.written
            return
        self.written = []
        if self._has_changed_views:
            # Until the commit, other sessions planned with the old definition.
            self._cluster.record_view_change("")
            self._has_changed_views = False

    def _record_view_names(self, plan: Plan) -> None:
        """Record a view of `Cluster.view_names` that a statement changes."""
        nodes, name = plan.nodes, ""
        is_recorded = any(RECORDED_VIEW.search(sql) for sql in plan.after)
        if plan.word == "create" and is_recorded:
            index = 4 if has_words_at(nodes, 1, "or", "replace") else 2
            name = read_relation(nodes, index)[0]
        elif plan.word not in ("alter", "drop") or not self._may_name_view(nodes):
            return
        for index, node in enumerate(nodes):
            if plan.word == "alter" and is_word(node, "rename"):
                name = name_of(node_at(nodes, index + 2)) or ""
        self._cluster.record_view_change(name.split(".")[-1].strip('" ').lower())
        self._has_changed_views = True

    def _may_name_view(self, nodes: list[Node]) -> bool:
        """Whether the statement names a late-binding view or a whole schema."""
        names = {name_of(node) for node in nodes}
        return "schema" in names or not names.isdisjoint(self._cluster.view_names)


def query_type(plan: Plan) -> str:
    """Return the `query_type` of sys_query_history for a statement."""
    if plan.word in SELECTS:
        return "SELECT"
    if plan.word in WRITES:
        return plan.word.upper()
    if plan.word == "create":
        words = {node.key for node in plan.nodes if isinstance(node, Token)}
        return "CTAS" if {"table", "as"} <= words else "DDL"
    return "DDL" if plan.word in ("alter", "drop", "truncate") else "UTILITY"
