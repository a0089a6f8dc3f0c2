"""The columns of late-binding views, computed again only after a change.

A view's columns follow from its definition and from the relations and functions that
the definition names. Translating and describing every view for each lookup would take
most of the time of a dbt run, which asks for them once per model.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from tests.emulators.redshift.errors import RedshiftError

Row = list[object]
Column = tuple[str, str]  # name and type
View = tuple[str, str]  # schema and name
Described = tuple[Column, ...]

VIEWS = (
    "select schema_name, table_name, definition"
    " from pg_internal.late_binding_definition"
)
# A late-binding view cannot name a temporary table, which needs no schema.
RELATIONS = """
select nspname || '.' || relname, relname, md5(string_agg(
    concat_ws(' ', attnum, attname, atttypid, atttypmod), ',' order by attnum))
from pg_class
join pg_namespace on pg_namespace.oid = relnamespace
left join pg_attribute
    on attrelid = pg_class.oid and attnum > 0 and not attisdropped
where relkind in ('r', 'v', 'm', 'f', 'p')
    and nspname <> 'information_schema' and nspname not like 'pg\\_%'
group by nspname, relname
union all
select '()', '', md5(string_agg(concat_ws(' ', pg_proc.oid, prorettype), ','
    order by pg_proc.oid))
from pg_proc
join pg_namespace on pg_namespace.oid = pronamespace
where nspname <> 'information_schema' and nspname not like 'pg\\_%'
"""
FUNCTIONS = "()"
# PostgreSQL stores such a name in a short form, which a definition does not contain.
LONG_NAME = re.compile(r"[^\s\".,()]{64}")


@dataclass
class ViewColumns:
    """What all sessions have described so far, by database and view."""

    _known: dict[tuple[str, View], tuple[object, Described | None]] = field(
        default_factory=dict
    )

    def of_all_views(
        self,
        database: str,
        query: Callable[[str], list[Row]],
        describe: Callable[[str], list[Column]],
    ) -> dict[View, Described]:
        """Return the columns of each valid view, as the calling session sees them.

        `query` runs a statement in the session; `describe` returns the columns of a
        definition and raises `RedshiftError` if a relation in it does not exist.
        """
        definitions = {
            (str(schema), str(view)): str(definition)
            for schema, view, definition in query(VIEWS)
        }
        if not definitions:
            return {}
        relations = {
            str(name): (str(relation), str(columns))
            for name, relation, columns in query(RELATIONS)
        }
        found = {}
        for view, definition in definitions.items():
            state = _state(definition, definitions, relations)
            known = self._known.get((database, view))
            if known is None or state is None or known[0] != state:
                known = (state, _describe(definition, describe))
                self._known[database, view] = known
            if known[1] is not None:
                found[view] = known[1]
        return found


def _describe(
    definition: str, describe: Callable[[str], list[Column]]
) -> Described | None:
    try:
        return tuple(describe(definition))
    except RedshiftError:
        return None


def _state(
    definition: str,
    definitions: Mapping[View, str],
    relations: Mapping[str, tuple[str, str]],
) -> frozenset[tuple[str, str]] | None:
    """Return all that a view's columns depend on, None if that cannot be known.

    A relation whose name stands in the text counts, even if as another word there.
    """
    state = {("", definition), (FUNCTIONS, relations[FUNCTIONS][1])}
    texts = [definition]
    while texts:
        text = texts.pop().lower()
        if LONG_NAME.search(text):
            return None
        for name, (relation, columns) in relations.items():
            if not relation or relation.lower().replace('"', '""') not in text:
                continue
            if (name, columns) in state:
                continue
            state.add((name, columns))
            inner = definitions.get((name[: -len(relation) - 1], relation))
            if inner is not None:
                state.add((name + FUNCTIONS, inner))
                texts.append(inner)
    return frozenset(state)
