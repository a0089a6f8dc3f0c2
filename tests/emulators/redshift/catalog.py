"""Catalog lookups that the relay makes before it sends a session's statement."""

from collections.abc import Iterable, Mapping

from tests.emulators.redshift.cluster import Cluster
from tests.emulators.redshift.dialect import planner
from tests.emulators.redshift.dialect.late_binding import Described, Name
from tests.emulators.redshift.dialect.names import quote_name
from tests.emulators.redshift.dialect.tokens import quote_literal
from tests.emulators.redshift.errors import RedshiftError
from tests.emulators.redshift.protocol.backend import FAILED, IDLE, Backend
from tests.emulators.redshift.protocol.pipeline import Pipeline
from tests.emulators.redshift.protocol.results import Origin

COLUMN_TYPES = (
    "select pg_internal.type_name(oid, modifier) from (values {rows})"
    " as column_types (position, oid, modifier) order by position"
)
ORIGINS = (
    "select attrelid, attnum, nspname, relname, attname, current_database(),"
    " attnotnull, attidentity from pg_attribute"
    " join pg_class on pg_class.oid = attrelid"
    " join pg_namespace on pg_namespace.oid = relnamespace"
    " where (attrelid, attnum) in ({keys})"
)


class SessionCatalog:
    """Lookups in one session, which also see its uncommitted changes."""

    def __init__(
        self, cluster: Cluster, backend: Backend, pipeline: Pipeline, database: str
    ) -> None:
        self._cluster = cluster
        self._database = database
        self._backend = backend
        self._pipeline = pipeline

    def late_binding_views(self, names: Iterable[Name]) -> dict[Name, str]:
        """Return the definition of each name that is a late-binding view."""
        candidates = [name for name in names if name[-1] in self._cluster.view_names]
        if not candidates or self._backend.status == FAILED:
            return {}
        rows = self._pipeline.query(
            "select candidates.position, definition"
            f" from (values {_positions(candidates)}) as candidates (position, name)"
            " join pg_internal.late_binding_view"
            " on view_id = to_regclass(candidates.name)"
        )
        return {candidates[int(str(position))]: str(text) for position, text in rows}

    def leader_views(self, names: Iterable[Name]) -> dict[Name, tuple[str, bool]]:
        """Return the recorded bound views of these names.

        Of each the leader-node function in it, or '', and whether it reads no table.
        """
        known = self._cluster.view_names
        candidates = [name for name in names if name[-1] in known]
        if not candidates or self._backend.status == FAILED:
            return {}
        rows = self._pipeline.query(
            "select candidates.position, function, is_on_leader"
            f" from (values {_positions(candidates)}) as candidates (position, name)"
            " join pg_internal.leader_view on view_id = to_regclass(candidates.name)"
        )
        return {
            candidates[int(str(position))]: (str(function), is_on_leader == "t")
            for position, function, is_on_leader in rows
        }

    def record_long_names(self, names: Mapping[str, str]) -> None:
        """Record the long names, by their short ones, for the system views."""
        if names:
            self._cluster.record_long_names(self._database, names)

    def column_types(self, sql: str) -> list[Described] | None:
        """Return the columns of a query that PostgreSQL takes, None if it fails."""
        if self._backend.status == FAILED:
            return None
        self._pipeline.sync()
        is_idle = self._backend.status == IDLE
        if not is_idle:
            self._backend.query("savepoint pg_internal_describe")
        try:
            columns = self._backend.describe(sql)
        except RedshiftError:
            if not is_idle:
                self._backend.query("rollback to savepoint pg_internal_describe")
            return None
        finally:
            if not is_idle:
                self._backend.query("release savepoint pg_internal_describe")
        return [Described(*column) for column in columns]

    def late_binding_columns(self) -> list[tuple[str, str, str, str, int]]:
        """Return (schema, view, column, type, position) of all valid views.

        A view is valid if the relations that it reads exist.
        """
        self._pipeline.sync()
        views = self._cluster.view_columns.of_all_views(
            self._database,
            self._backend.query,
            lambda text: self._describe(
                planner.translate_query(text, self, {}, has_lengths=True)
            ),
        )
        return [
            (schema, view, name, type_name, position)
            for (schema, view), columns in views.items()
            for position, (name, type_name) in enumerate(columns, start=1)
        ]

    def procedure_bodies(self, name: str) -> list[str]:
        """Return the bodies of the procedures of a name, given as in a statement."""
        if self._backend.status == FAILED:
            return []
        parts = [part.strip().strip('"').lower() for part in name.split(".")]
        condition = f"proname = {quote_literal(parts[-1])}"
        if len(parts) > 1:
            condition += f" and nspname = {quote_literal(parts[-2])}"
        rows = self._pipeline.query(
            "select prosrc from pg_proc join pg_namespace on pg_namespace.oid ="
            f" pronamespace where prokind = 'p' and {condition}"
        )
        return [str(body) for [body] in rows]

    def is_view(self, relation: str) -> bool:
        """Whether a relation, named as in a statement, is a view."""
        if self._backend.status == FAILED:
            return False
        rows = self._pipeline.query(
            "select relkind in ('v', 'm') from pg_class"
            f" where oid = to_regclass({quote_literal(relation)})"
        )
        return rows == [["t"]]

    def query_columns(self, sql: str) -> list[str]:
        """Return the names of a query's columns, none if it fails."""
        if self._backend.status == FAILED:
            return []
        self._pipeline.sync()
        try:
            translated = planner.translate_query(sql, self, {}, has_types=False)
            return [name for name, _ in self._describe(translated)]
        except RedshiftError:
            return []

    def column_origins(
        self, columns: Iterable[tuple[int, int]]
    ) -> dict[tuple[int, int], Origin]:
        """Return where columns, given by table oid and number, come from."""
        keys = ", ".join(f"({table}, {number})" for table, number in columns if table)
        if not keys or self._backend.status == FAILED:
            return {}
        rows = self._pipeline.query(ORIGINS.format(keys=keys))
        return {
            (int(str(table)), int(str(number))): Origin(
                schema=str(schema),
                table=str(relation),
                column=str(column),
                database=str(database),
                is_nullable=is_required == "f",
                is_identity=bool(identity),
            )
            for table, number, schema, relation, column, database, is_required, identity
            in rows
        }  # fmt: skip

    def qualified_name(self, relation: str) -> str:
        """Return `schema.table` for a relation name as written in a statement.

        A name without a schema that the search path cannot resolve is returned alone.
        """
        parts = [part.strip().strip('"').lower() for part in relation.split(".")]
        if len(parts) == 1 and self._backend.status != FAILED:
            rows = self._pipeline.query(
                "select nspname || '.' || relname from pg_class"
                " join pg_namespace on pg_namespace.oid = relnamespace"
                f" where pg_class.oid = to_regclass({quote_literal(quote_name(parts))})"
            )
            if rows:
                return str(rows[0][0])
        return ".".join(parts[-2:])

    def _describe(self, sql: str) -> list[tuple[str, str]]:
        """Return a query's columns; an error does not fail the open transaction."""
        is_idle = self._backend.status == IDLE
        self._backend.query("begin" if is_idle else "savepoint pg_internal_describe")
        try:
            columns = self._backend.describe(sql)
        finally:
            self._backend.query(
                "rollback" if is_idle else "rollback to savepoint pg_internal_describe"
            )
        rows = ", ".join(
            f"({position}, {oid}, {modifier})"
            for position, (_, oid, modifier) in enumerate(columns)
        )
        types = self._backend.query(COLUMN_TYPES.format(rows=rows))
        return [
            (name, str(type_name))
            for (name, _, _), (type_name,) in zip(columns, types, strict=True)
        ]


def _positions(names: list[Name]) -> str:
    """Return rows of SQL with the position and the text of each name."""
    return ", ".join(
        f"({position}, {quote_literal(quote_name(name[-2:]))})"
        for position, name in enumerate(names)
    )
