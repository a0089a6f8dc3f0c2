"""The tables that Looker reads, as declared in the dbt project."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from loaders.errors import ConfigError


@dataclass(frozen=True)
class Column:
    """A column of a table. `group` is its heading in the field picker.

    `format` is the name of a value format, `tiers` are the lower limits of the classes
    of a number.
    """

    name: str
    data_type: str
    description: str
    label: str = ""
    format: str = ""
    group: str = ""
    tiers: tuple[int, ...] = ()
    is_hidden: bool = False
    is_personal: bool = False


@dataclass(frozen=True)
class Measure:
    """An aggregate of a column or, for type `number`, `sql` over other measures.

    `where` maps columns to the values of the rows to include, as LookML filters.
    `adds_up` marks a sum that may be added over the days of a snapshot.
    """

    name: str
    type: str
    description: str
    column: str = ""
    sql: str = ""
    label: str = ""
    format: str = ""
    where: Mapping[str, str] = field(default_factory=dict)
    adds_up: bool = False


@dataclass(frozen=True)
class Join:
    """A join to another table; `by` maps own columns to its whole primary key."""

    to: str
    by: Mapping[str, str]


@dataclass(frozen=True)
class CurrentRows:
    """The rows of an append-only ledger that count: the newest one per `by`.

    `where` maps a column to the values of the rows to choose from.
    """

    by: tuple[str, ...]
    newest: str
    where: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class GroupedRows:
    """The rows of a ledger counted per `by`; `count` is the name of the count."""

    by: tuple[str, ...]
    count: str


@dataclass(frozen=True)
class Table:
    """A mart or ledger that Looker reads.

    `key` contains the columns of its primary key, `rows` the name of its rows in the
    plural. `newest` is the date column of a snapshot, whose rows repeat every day.
    `org` is the column with the org's id; `salesforce_object` and `link` are set for an
    export whose records the orgs are linked to.
    """

    name: str
    relation: str
    schema: str
    label: str
    rows: str
    description: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    measures: tuple[Measure, ...] = ()
    joins: tuple[Join, ...] = ()
    drill: tuple[str, ...] = ()
    newest: str = ""
    org: str = ""
    link: str = ""
    salesforce_object: str = ""
    current: CurrentRows | None = None
    grouped: GroupedRows | None = None
    is_explore: bool = True
    declared_in: str = ""

    def column(self, name: str) -> Column:
        """Return a column; `ConfigError` when there is no such column."""
        for column in self.columns:
            if column.name == name:
                return column
        raise invalid_meta(self.name, f"there is no column {name}")


def invalid_meta(name: str, cause: str) -> ConfigError:
    """Return the error for `looker` meta that cannot be used."""
    return ConfigError(
        f"The looker meta of {name} is invalid: {cause}. Correct it in the YAML."
    )
