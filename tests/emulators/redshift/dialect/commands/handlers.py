"""Plans of the statements that control the session, the transaction or the cluster."""

from collections.abc import Callable

from tests.emulators.redshift.dialect import administration, show
from tests.emulators.redshift.dialect.plan import NOTHING, Plan
from tests.emulators.redshift.dialect.tokens import (
    Token,
    has_words_at,
    is_word,
    node_at,
    render,
)
from tests.emulators.redshift.dialect.views import materialized_views
from tests.emulators.redshift.errors import RedshiftError


def _set(plan: Plan, database: str) -> bool:
    if (
        has_words_at(plan.nodes, 0, "reset", "use")
        or is_word(node_at(plan.nodes, 1), "transaction")  # the database decides on it
        or has_words_at(plan.nodes, 1, "session", "characteristics")
    ):
        plan.kind, plan.tag = NOTHING, plan.word.upper()
        return True
    plan.setting = administration.rewrite_setting(plan.nodes)
    plan.sql = render(plan.nodes)
    if plan.setting and plan.word == "show":
        name = plan.setting[0]
        plan.sql = f"select current_setting('redshift.{name}') as {name}"
    return plan.setting is not None or plan.word != "show"


def _begin(plan: Plan, database: str) -> bool:
    """Begin a transaction without the isolation level that the statement names."""
    is_read_only = any(
        has_words_at(plan.nodes, index, "read", "only")
        for index in range(len(plan.nodes))
    )
    plan.sql = "begin read only" if is_read_only else "begin"
    return True


def _show(plan: Plan, database: str) -> bool:
    if has_words_at(plan.nodes, 1, "search_path"):
        query = show.SEARCH_PATH
    else:
        query = show.show_query(plan.nodes, database)
    if query is None:
        return _set(plan, database) or _plain(plan, database)
    plan.sql = query
    return True


def _use(plan: Plan, database: str) -> bool:
    name = plan.nodes[1].name if isinstance(node_at(plan.nodes, 1), Token) else None
    if name != database:
        raise RedshiftError(f'database "{name}" does not exist', "3D000")
    plan.kind, plan.tag = NOTHING, "USE"
    return True


def _truncate(plan: Plan, database: str) -> bool:
    plan.commits = True  # Redshift's TRUNCATE commits its transaction
    return _plain(plan, database)


def _plain(plan: Plan, database: str) -> bool:
    plan.sql = render(plan.nodes)
    return True


def _maintenance(plan: Plan, database: str) -> bool:
    administration.rewrite_maintenance(plan.nodes)
    return _plain(plan, database)


def _grant(plan: Plan, database: str) -> bool:
    administration.rewrite_grant(plan.nodes)
    return _plain(plan, database)


def _cancel(plan: Plan, database: str) -> bool:
    plan.sql = f"select pg_cancel_backend({render(plan.nodes[1:2]).strip()})"
    return True


# Handlers by the statement's first word; they return whether the plan is complete.
HANDLERS: dict[str, Callable[[Plan, str], bool]] = {
    "begin": _begin,
    "start": _begin,
    "set": _set,
    "reset": _set,
    "show": _show,
    "use": _use,
    "truncate": _truncate,
    "vacuum": _maintenance,
    "analyze": _maintenance,
    "grant": _grant,
    "revoke": _grant,
    "cancel": _cancel,
    **dict.fromkeys(("alter", "drop", "refresh"), materialized_views.plan_change),
    **dict.fromkeys(
        ("commit", "end", "rollback", "abort", "lock", "comment"),
        _plain,
    ),
}
