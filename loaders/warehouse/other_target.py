"""A second set of schemas, read beside those of the target: for comparisons.

On Redshift it is another prefix in the same database. On DuckDB it is another file,
which is attached for reading, or another prefix in the same file.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from loaders.config import dbt_profile
from loaders.config.dbt_profile import Target
from loaders.errors import ConfigError, NightshiftError, TransientError
from loaders.warehouse import duckdb
from loaders.warehouse.connection import Connection, identifier, literal
from loaders.warehouse.target import is_single_writer

CATALOG = "against"
DATABASE_KEYS = ("host", "port", "dbname")


@dataclass(frozen=True)
class Side:
    """Where relations are: the prefix of the schemas, and an attached file's catalog.

    `name` is the target or file, for messages.
    """

    name: str
    prefix: str
    database: str = ""

    def schema(self, name: str) -> str:
        """Return the name of a schema, without quotes."""
        return f"{self.prefix}{name}"

    def relation(self, schema: str, name: str) -> str:
        """Return the qualified, quoted name of a relation."""
        parts = [self.schema(schema), name]
        if self.database:
            parts.insert(0, self.database)
        return ".".join(identifier(part) for part in parts)


def own_side() -> Side:
    """Return the schemas of the target."""
    target = dbt_profile.target()
    return Side(target.name, target.schema_prefix)


@contextmanager
def other_side(connection: Connection, against: str) -> Iterator[Side]:
    """Yield the schemas of a target, or of a DuckDB file, to read in a session.

    Raises `ConfigError` if `against` is neither, or is not in the same database.
    """
    file = _file(against)
    if file is None:
        target = _target(against)
        if not is_single_writer():
            _require_same_database(target)
            yield Side(target.name, target.schema_prefix)
            return
        file, prefix = duckdb.file(target.values), target.schema_prefix
    else:
        prefix = ""
    if file.resolve() == duckdb.file(dbt_profile.target().values).resolve():
        if prefix == dbt_profile.target().schema_prefix:
            raise ConfigError(
                f"{against} is the warehouse of target {dbt_profile.target().name} "
                "itself. Choose another target or file with --against."
            )
        yield Side(against, prefix)
        return
    _attach(connection, file)
    try:
        yield Side(against, prefix, CATALOG)
    finally:
        connection.execute(
            f"-- loaders.warehouse.other_target detach\ndetach {CATALOG}"
        )


def _file(against: str) -> Path | None:
    """Return the DuckDB file that is meant, None for the name of a target."""
    path = Path(against).expanduser()
    if against in dbt_profile.target_engines() or not is_single_writer():
        return None
    if not path.is_file():
        if path.suffix or len(path.parts) > 1:
            raise ConfigError(
                f"{against} is not a file. Name a DuckDB file, or a target "
                f"of {dbt_profile.profiles_file()}, with --against."
            )
        return None
    return path


def _target(against: str) -> Target:
    own = dbt_profile.target()
    engine = dbt_profile.target_engines().get(against, own.engine)
    if engine != own.engine:
        example = (
            "Name a DuckDB file, for example --against /copies/nightshift.duckdb, or "
            f"select a target of type {engine} with DBT_TARGET"
            if is_single_writer()
            else f"Name a target of type {own.engine}"
        )
        raise ConfigError(
            f"Target {against} is of type {engine}, but the current target {own.name} "
            f"of type {own.engine}: rows are compared within one warehouse. {example}."
        )
    target = dbt_profile.named_target(
        against, remedy="Name one of them, or a DuckDB file, with --against."
    )
    if not is_single_writer() and target.schema_prefix == own.schema_prefix:
        raise ConfigError(
            f"Target {against} has the schemas of the current target {own.name}. "
            "Choose another one with --against, or select your own with DBT_TARGET."
        )
    return target


def _require_same_database(target: Target) -> None:
    own = dbt_profile.target()
    for key in DATABASE_KEYS:
        if str(target.values.get(key)) != str(own.values.get(key)):
            raise ConfigError(
                f"Targets {own.name} and {target.name} have a different {key} in "
                f"{dbt_profile.profiles_file()}. Rows are compared within one "
                "database. Choose another target with --against."
            )


def _attach(connection: Connection, file: Path) -> None:
    try:
        connection.execute(
            "-- loaders.warehouse.other_target attach\n"
            f"attach {literal(str(file))} as {CATALOG} (read_only)"
        )
    except TransientError:
        raise
    except NightshiftError as error:
        raise ConfigError(
            f"{file} cannot be read as a DuckDB file: "
            f"{str(error.__cause__ or error).splitlines()[0].rstrip('.')}. "
            "Name another file with --against."
        ) from error
