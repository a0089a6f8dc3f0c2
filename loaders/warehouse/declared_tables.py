"""The tables of `staging` and `ops`, as declared in the dbt sources' YAML.

The YAML under `models/` is the only declaration: dbt documents and tests the tables, a
macro creates them on a bare `dbt run`, and this module provides them to the loaders.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from loaders.config.settings import PROJECT
from loaders.config.yaml_files import read_mapping
from loaders.errors import ConfigError
from loaders.warehouse.identifiers import IDENTIFIER, IDENTIFIER_RULE

JSON_PHRASES = {"strings": "an array of strings", "object": "an object"}


@dataclass(frozen=True)
class Column:
    """A declared column with its portable data type.

    `json_content` is `strings` or `object` for a JSON column with such values.
    Bookkeeping columns are filled by the loader and not from the record.
    """

    name: str
    data_type: str
    is_required: bool = False
    is_bookkeeping: bool = False
    json_content: str = ""

    @property
    def type_phrase(self) -> str:
        """The expected type in words, for reject reasons, for example `an integer`."""
        if self.json_content:
            return JSON_PHRASES[self.json_content]
        plain = self.data_type.partition("(")[0]
        return f"an {plain}" if plain == "integer" else f"a {plain}"


@dataclass(frozen=True)
class Table:
    """A table of `staging` or `ops`; only raw tables have a `source`.

    `file` is the path of its declaration within the project.
    """

    schema: str
    name: str
    columns: tuple[Column, ...]
    source: str = ""
    line_format: str = ""
    file: str = ""

    @property
    def full_name(self) -> str:
        """The schema and name without a prefix, for example `staging.raw_orgs`."""
        return f"{self.schema}.{self.name}"

    @property
    def data_columns(self) -> tuple[Column, ...]:
        """The columns that are filled from a record's own keys or fields."""
        return tuple(
            column
            for column in self.columns
            if not column.is_bookkeeping and column.name != "extra"
        )


@cache
def all_tables() -> tuple[Table, ...]:
    """Return every declared table of `staging` and `ops`."""
    files = sorted((PROJECT / "models").rglob("*__sources.yml"))
    tables = tuple(table for path in files for table in _read_tables(path))
    if not tables:
        raise ConfigError(
            f"No dbt sources found under {PROJECT / 'models'}. Restore the "
            "`*__sources.yml` files."
        )
    return tables


@cache
def raw_tables() -> dict[str, Table]:
    """Return the raw tables by their S3 source, for example `orgs`."""
    return {table.source: table for table in all_tables() if table.source}


@cache
def json_columns(name: str) -> frozenset[str]:
    """Return the columns of the declared table `name` that hold JSON."""
    return frozenset(
        column.name
        for table in all_tables()
        if table.name == name
        for column in table.columns
        if column.data_type == "json"
    )


def _read_tables(path: Path) -> Iterator[Table]:
    try:
        yield from _tables(
            read_mapping(path), file=path.relative_to(PROJECT).as_posix()
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise ConfigError(
            f"{path} declares its tables incompletely ({type(error).__name__}: "
            f"{error}). Restore the file."
        ) from None


def _tables(document: dict[str, Any], *, file: str) -> Iterator[Table]:
    for source in document["sources"]:
        schema = "ops" if source["name"] == "ops" else "staging"
        for table in source["tables"]:
            raw = _meta(table).get("raw", {})
            yield Table(
                schema=schema,
                name=table["name"],
                columns=tuple(
                    _column(column, f"of {table['name']} in {file}")
                    for column in table["columns"]
                ),
                source=raw.get("source", ""),
                line_format=raw.get("format", ""),
                file=file,
            )


def _column(column: dict[str, Any], place: str) -> Column:
    if not IDENTIFIER.fullmatch(str(column["name"])):
        raise ConfigError(
            f"Column {column['name']} {place} has a name that cannot be a column. "
            f"{IDENTIFIER_RULE} A record's key with another name stays in `extra`."
        )
    meta = _meta(column)
    return Column(
        name=column["name"],
        data_type=column["data_type"],
        is_required=bool(meta.get("required")),
        is_bookkeeping=bool(meta.get("bookkeeping")),
        json_content=meta.get("json_content", ""),
    )


def _meta(node: dict[str, Any]) -> dict[str, Any]:
    meta: dict[str, Any] = node.get("config", {}).get("meta", node.get("meta", {}))
    return meta
