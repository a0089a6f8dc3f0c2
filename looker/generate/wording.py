"""Descriptions for Looker's users, who know labels but no names of tables.

Names in a description become the labels that a user sees: a table's name is replaced by
its label, a column's name by the label of its field. Other names with an underscore are
an error, because they mean nothing to a user, but for values in backticks.
"""

import re
from collections.abc import Collection, Mapping
from dataclasses import replace

from looker.generate.catalog import label
from looker.generate.tables import Column, Measure, Table, invalid_meta

NAME = re.compile(r"`?\b([a-z0-9]+(?:_[a-z0-9]+)+(?:__c)?)\b`?")
CODE = re.compile(r"`([^`]*)`")


def for_readers(tables: Mapping[str, Table], names: Collection[str]) -> list[Table]:
    """Return the tables with all descriptions in the words of their readers.

    `names` are those of all models, seeds, sources and vars.
    """
    return [_table(table, tables, names) for table in tables.values()]


def _table(table: Table, tables: Mapping[str, Table], names: Collection[str]) -> Table:
    def read(text: str, owner: str) -> str:
        return _replace_names(text, owner, table, tables, names)

    def column(each: Column) -> Column:
        text = read(each.description, f"{table.name}.{each.name}")
        return replace(each, description=text)

    def measure(each: Measure) -> Measure:
        text = read(each.description, f"{table.name}.{each.name}")
        return replace(each, description=text)

    return replace(
        table,
        description=read(table.description, table.name),
        columns=tuple(map(column, table.columns)),
        measures=tuple(map(measure, table.measures)),
    )


def _replace_names(
    text: str,
    owner: str,
    table: Table,
    tables: Mapping[str, Table],
    names: Collection[str],
) -> str:
    columns = {each.name: each.label or label(each.name) for each in table.columns}

    def replacement(match: re.Match[str]) -> str:
        name = match[1]
        if name in tables:
            return tables[name].label
        if name in columns:
            return columns[name].lower()
        if match[0] == f"`{name}`" and name not in names:
            return name
        raise invalid_meta(
            owner,
            f"its description names {name}, which Looker's users do not know. Use "
            "other words, or put the sentence into a second paragraph, which only dbt "
            "docs has",
        )

    def plain(match: re.Match[str]) -> str:
        name = match[1]
        return tables[name].label if name in tables else name

    return CODE.sub(plain, NAME.sub(replacement, text))
