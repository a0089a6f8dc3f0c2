"""A compiled query: its columns, and its SQL for a page or a count."""

import dataclasses
from dataclasses import dataclass
from typing import Any

from tests.emulators.salesforce.objects.schema import Field, SObject
from tests.emulators.salesforce.soql.parser import Query


@dataclass(frozen=True)
class Column:
    """A column of the result.

    `parents` has the relationship and the object name of each parent on the path.
    `field` is None for counts and sums.
    """

    parents: tuple[tuple[str, str], ...]
    name: str
    field: Field | None
    function: str = ""

    @property
    def path(self) -> str:
        """The path of the field as in the query: `Owner.Name`."""
        return ".".join([*(relation for relation, _ in self.parents), self.name])


@dataclass
class CompiledQuery:
    """A query as SQL: the select list and joins, the other clauses, bound values."""

    query: Query
    sobject: SObject
    columns: list[Column]
    select: str
    clauses: str
    values: list[Any] = dataclasses.field(default_factory=list)

    def sql(
        self, *, limit: int | None = None, offset: int = 0
    ) -> tuple[str, list[Any]]:
        """Return the statement of a page of the result, and its bound values."""
        remaining = self.query.limit
        if remaining is not None:
            remaining = max(0, remaining - offset)
        limits = [number for number in (remaining, limit) if number is not None]
        page = f" limit {min(limits) if limits else -1} "
        page += f"offset {self.query.offset + offset}"
        return f"{self.select} {self.clauses}{page}", self.values

    def count_sql(self) -> tuple[str, list[Any]]:
        """Return the statement that counts the whole result, and its bound values."""
        limit = -1 if self.query.limit is None else self.query.limit
        inner = f"{self.select} {self.clauses} limit {limit} offset {self.query.offset}"
        return f"select count(*) from ({inner})", self.values
