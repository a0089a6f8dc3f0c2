"""What staging and ops tables look like, read from the dbt sources' YAML.

The YAML under `models/` is the one declaration: dbt documents and tests it, a macro
creates the tables on a bare `dbt run`, and this module gives the same tables to the
loaders. It changes when somebody adds a raw source or a ledger column.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from loaders.config.settings import PROJECT
from loaders.errors import ConfigError

HELD = {"strings": "an array of strings", "object": "an object"}


@dataclass(frozen=True)
class Column:
    """A column: its name, portable type, and what the contract says of it."""

    name: str
    data_type: str
    is_required: bool = False
    is_bookkeeping: bool = False
    holds: str = ""

    @property
    def kind(self) -> str:
        """What a value must be, in words that a rejected line's reason ends with."""
        if self.holds:
            return HELD[self.holds]
        plain = self.data_type.partition("(")[0]
        return f"an {plain}" if plain == "integer" else f"a {plain}"


@dataclass(frozen=True)
class Table:
    """A table of `staging` or `ops`; `source` is set for raw tables only."""

    schema: str
    name: str
    columns: tuple[Column, ...]
    source: str = ""
    line_format: str = ""

    @property
    def keys(self) -> tuple[Column, ...]:
        """The columns that a line's own keys or fields become, in order."""
        return tuple(
            column
            for column in self.columns
            if not column.is_bookkeeping and column.name != "extra"
        )


@cache
def declared() -> tuple[Table, ...]:
    """Return every declared table of `staging` and `ops`."""
    files = sorted((PROJECT / "models").rglob("*__sources.yml"))
    tables = tuple(table for path in files for table in _tables_of(path))
    if not tables:
        raise ConfigError(f"No dbt sources found under {PROJECT / 'models'}.")
    return tables


@cache
def raw_tables() -> dict[str, Table]:
    """Return the raw tables by the name of their S3 source, for example `orgs`."""
    return {table.source: table for table in declared() if table.source}


@cache
def json_columns(name: str) -> frozenset[str]:
    """Return the columns of the declared table `name` that hold JSON."""
    return frozenset(
        column.name
        for table in declared()
        if table.name == name
        for column in table.columns
        if column.data_type == "json"
    )


def _tables_of(path: Path) -> Iterator[Table]:
    for source in yaml.safe_load(path.read_text(encoding="utf-8"))["sources"]:
        schema = "ops" if source["name"] == "ops" else "staging"
        for table in source["tables"]:
            raw = _meta(table).get("raw", {})
            yield Table(
                schema=schema,
                name=table["name"],
                columns=tuple(_column(column) for column in table["columns"]),
                source=raw.get("source", ""),
                line_format=raw.get("format", ""),
            )


def _column(column: dict[str, Any]) -> Column:
    meta = _meta(column)
    return Column(
        name=column["name"],
        data_type=column["data_type"],
        is_required=bool(meta.get("required")),
        is_bookkeeping=bool(meta.get("bookkeeping")),
        holds=meta.get("holds", ""),
    )


def _meta(node: dict[str, Any]) -> dict[str, Any]:
    return node.get("config", {}).get("meta", node.get("meta", {}))
