"""What is remembered of a session: its history, its open transaction, its ids."""

from dataclasses import dataclass
from datetime import datetime

from tests.emulators.redshift import history
from tests.emulators.redshift.cluster import Cluster
from tests.emulators.redshift.dialect import planner as plans
from tests.emulators.redshift.dialect.plan import Plan
from tests.emulators.redshift.dialect.tables import relation_at
from tests.emulators.redshift.dialect.tokens import (
    Node,
    Token,
    at,
    is_word,
    name_of,
    words_at,
)
from tests.emulators.redshift.protocol.backend import IDLE, Backend

FACTS = (
    "pg_last_copy_id",
    "pg_last_copy_count",
    "pg_last_unload_id",
    "pg_last_unload_count",
    "pg_last_query_id",
)
SELECTS = ("select", "with", "(", "show")
WRITES = ("insert", "update", "delete", "merge", "copy", "unload")


@dataclass(frozen=True)
class Started:
    """A statement that has begun: its id, and when."""

    query_id: int
    at: datetime


class Notes:
    """One session's memory.

    `facts` answers pg_last_copy_id() and its like, -1 before the first of each;
    `written` are the tables that the open transaction has written.
    """

    def __init__(self, cluster: Cluster, backend: Backend, user: str) -> None:
        self._cluster = cluster
        self._backend = backend
        self.user = user
        self.facts = dict.fromkeys(FACTS, -1)
        self.written: list[str] = []
        self._label = "default"
        self._has_changed_views = False

    def publish(self, plan: Plan) -> None:
        """Write what the statement may ask the system views for."""
        text = plan.text.lower()
        if any(name in text for name in history.SYSTEM_TABLES):
            self._cluster.history.flush()

    def start(self, plan: Plan) -> Started:
        """Give the statement its id."""
        self.publish(plan)
        return Started(self._cluster.history.next_id(), history.now())

    def end(
        self, plan: Plan, started: Started, *, rows: int = 0, error: str | None = None
    ) -> None:
        """Write the statement down, and what it means for the open transaction."""
        if plan.word in (*SELECTS, *WRITES, "create") and plan.kind == plans.SQL:
            self.facts["pg_last_query_id"] = started.query_id
        self._cluster.history.add(
            history.QueryRecord(
                query_id=started.query_id,
                user_name=self.user,
                label=self._label,
                pid=self._backend.pid,
                query_type=query_type(plan),
                query_text=plan.text,
                written=[name for name in plan.written if name],
                started_at=started.at,
                ended_at=history.now(),
                rows=rows,
                error=error,
            )
        )
        if error is None:
            self._note_success(plan)

    def _note_success(self, plan: Plan) -> None:
        if plan.setting and plan.setting[0] == "query_group":
            self._label = plan.setting[1] or "default"
        self._note_views(plan)
        if self._backend.status != IDLE:
            self.written += plan.written
            return
        self.written = []
        if self._has_changed_views:
            # Until this very moment others planned with the old definition.
            self._cluster.view_changed("")
            self._has_changed_views = False

    def _note_views(self, plan: Plan) -> None:
        """Take note of the names that late-binding views may have from now on."""
        nodes, name = plan.nodes, ""
        if plan.word == "create" and any("late_binding" in sql for sql in plan.after):
            index = 4 if words_at(nodes, 1, "or", "replace") else 2
            name = relation_at(nodes, index)[0]
        elif plan.word not in ("alter", "drop") or not self._may_be_view(nodes):
            return
        for place, node in enumerate(nodes):
            if plan.word == "alter" and is_word(node, "rename"):
                name = name_of(at(nodes, place + 2)) or ""
        self._cluster.view_changed(name.split(".")[-1].strip('" ').lower())
        self._has_changed_views = True

    def _may_be_view(self, nodes: list[Node]) -> bool:
        """Whether a late-binding view is named, or all of a schema is."""
        names = {name_of(node) for node in nodes}
        return "schema" in names or not names.isdisjoint(self._cluster.view_names)


def query_type(plan: Plan) -> str:
    """Return how sys_query_history calls a statement of this kind."""
    if plan.word in SELECTS:
        return "SELECT"
    if plan.word in WRITES:
        return plan.word.upper()
    if plan.word == "create":
        words = {node.key for node in plan.nodes if isinstance(node, Token)}
        return "CTAS" if {"table", "as"} <= words else "DDL"
    return "DDL" if plan.word in ("alter", "drop", "truncate") else "UTILITY"
