"""What a session's statements need to know of the database before they are sent."""

from collections.abc import Iterable

from tests.emulators.redshift.cluster import Cluster
from tests.emulators.redshift.dialect import planner as plan
from tests.emulators.redshift.dialect.late_binding import Name
from tests.emulators.redshift.errors import RedshiftError
from tests.emulators.redshift.protocol.backend import IDLE, Backend
from tests.emulators.redshift.protocol.pipeline import Pipeline

VIEWS = "select schema_name, table_name, definition from pg_internal.late_bound"
COLUMN_TYPES = (
    "select format_type(oid, modifier) from (values {pairs})"
    " as given (place, oid, modifier) order by place"
)


class SessionCatalog:
    """The late-binding views as this session sees them, uncommitted ones too."""

    def __init__(self, cluster: Cluster, backend: Backend, pipeline: Pipeline) -> None:
        self._cluster = cluster
        self._backend = backend
        self._pipeline = pipeline

    def late_binding_views(self, names: Iterable[Name]) -> dict[Name, str]:
        """Return the definitions of those of the names that are such views."""
        known = [name for name in names if name[-1] in self._cluster.view_names]
        if not known or self._backend.status == b"E":
            return {}
        wanted = ", ".join(
            f"({place}, {literal(quoted(name[-2:]))})"
            for place, name in enumerate(known)
        )
        rows = self._pipeline.ask(
            f"select given.place, definition from (values {wanted})"
            " as given (place, name) join pg_internal.late_binding_view"
            " on view_id = to_regclass(given.name)"
        )
        return {known[int(str(place))]: str(text) for place, text in rows}

    def late_binding_columns(self) -> list[tuple[str, str, str, str, int]]:
        """Return (schema, view, column, type, position) of all that can be bound."""
        self._pipeline.settle()
        columns = []
        for schema, view, definition in self._backend.query(VIEWS):
            try:
                sql = plan.translate_query(str(definition), self, {})
                found = self._describe(sql)
            except RedshiftError:
                continue  # what it reads is gone, or not there yet
            columns += [
                (str(schema), str(view), name, kind, place)
                for place, (name, kind) in enumerate(found, start=1)
            ]
        return columns

    def resolved(self, relation: str) -> str:
        """Return the `schema.table` that a name as written means, or its own parts."""
        parts = [part.strip().strip('"').lower() for part in relation.split(".")]
        if len(parts) == 1 and self._backend.status != b"E":
            found = self._pipeline.ask(
                "select nspname || '.' || relname from pg_class"
                " join pg_namespace on pg_namespace.oid = relnamespace"
                f" where pg_class.oid = to_regclass({literal(quoted(parts))})"
            )
            if found:
                return str(found[0][0])
        return ".".join(parts[-2:])

    def _describe(self, sql: str) -> list[tuple[str, str]]:
        """Return the columns of a query; an error leaves the transaction whole."""
        is_idle = self._backend.status == IDLE
        self._backend.query("begin" if is_idle else "savepoint pg_internal_look")
        try:
            columns = self._backend.describe(sql)
        finally:
            self._backend.query(
                "rollback" if is_idle else "rollback to savepoint pg_internal_look"
            )
        pairs = ", ".join(
            f"({place}, {oid}, {modifier})"
            for place, (_, oid, modifier) in enumerate(columns)
        )
        kinds = self._backend.query(COLUMN_TYPES.format(pairs=pairs))
        return [
            (name, str(kind))
            for (name, _, _), (kind,) in zip(columns, kinds, strict=True)
        ]


def quoted(parts: Iterable[str]) -> str:
    """Write a name, given part by part, as SQL."""
    return ".".join('"' + part.replace('"', '""') + '"' for part in parts)


def literal(value: str) -> str:
    """Write a string as SQL, where a backslash escapes."""
    return "'" + value.replace("\\", "\\\\").replace("'", "''") + "'"
