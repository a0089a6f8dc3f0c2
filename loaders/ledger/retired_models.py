"""Relations of models that this project built earlier and no longer contains."""

from collections.abc import Collection

from loaders.ledger.completion import SUCCESS, table_exists
from loaders.warehouse import Connection, declared_tables
from loaders.warehouse.relations import list_relations

MODEL_SCHEMAS = ("staging", "intermediate", "marts")


def retired_relations(
    connection: Connection,
    *,
    models: Collection[str],
    relations: Collection[tuple[str, str]],
) -> list[str]:
    """Return `schema.name` of each existing relation of a retired model, sorted.

    A retired model has a successful build in `ops.model_runs` and is not one of
    `models`. A relation that a current model has (one of `relations`, as schema and
    name) or that is a declared table belongs to no retired model. The macro
    `retired_relations` applies the same rule.
    """
    if not table_exists(connection, "model_runs"):
        return []
    rows = connection.fetch_all(
        "-- loaders.ledger.retired_models list built models\n"
        f"select distinct model from {connection.table('ops', 'model_runs')} "
        "where status = ?",
        [SUCCESS],
    )
    retired = {model for (model,) in rows} - set(models)
    schemas = {connection.schema(name).strip('"') for name in MODEL_SCHEMAS}
    in_use = set(relations) | {
        (connection.schema(table.schema).strip('"'), table.name)
        for table in declared_tables.all_tables()
    }
    return sorted(
        f"{schema}.{name}"
        for schema, name in list_relations(connection)
        if name in retired and schema in schemas and (schema, name) not in in_use
    )
