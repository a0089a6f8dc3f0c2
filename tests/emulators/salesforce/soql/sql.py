"""A SOQL tree turned into SQL over the store's tables.

Texts are compared without their case unless the field minds it, `!=` finds empty
fields too, and what may be used where is judged as the API judges it.
"""

from dataclasses import dataclass, field
from typing import Any

from tests.emulators.salesforce.errors import Refusal
from tests.emulators.salesforce.objects.schema import Field, Schema, SObject
from tests.emulators.salesforce.objects.store import FOLD, table_of
from tests.emulators.salesforce.soql.literals import bound, span_of, sql_of, within
from tests.emulators.salesforce.soql.parser import (
    Aggregate,
    Comparison,
    Condition,
    Item,
    Path,
    Query,
)
from tests.emulators.salesforce.soql.tokens import pointing

NO_OBJECT = (
    "sObject type '{}' is not supported. If you are attempting to use a custom object, "
    "be sure to append the '__c' after the entity name. Please reference your WSDL or "
    "the describe call for the appropriate names."
)
NO_FIELD = (
    "No such column '{}' on entity '{}'. If you are attempting to use a custom field, "
    "be sure to append the '__c' after the custom field name. Please reference your "
    "WSDL or the describe call for the appropriate names."
)
NO_RELATION = (
    "Didn't understand relationship '{}' in field path. If you are attempting to use a "
    "custom relationship, be sure to append the '__r' after the custom relationship "
    "name. Please reference your WSDL or the describe call for the appropriate names."
)
MAX_ALL_FIELDS = 200


@dataclass(frozen=True)
class Column:
    """A column of the answer: where it stands in a record, and what it is."""

    parents: tuple[tuple[str, str], ...]
    name: str
    field: Field | None
    function: str = ""


@dataclass
class Compiled:
    """A query ready to run; `key` of a parent says whether the parent is there."""

    query: Query
    sobject: SObject
    columns: list[Column]
    select: str
    tail: str
    values: list[Any] = field(default_factory=list)

    def sql(
        self, *, limit: int | None = None, offset: int = 0
    ) -> tuple[str, list[Any]]:
        """Return the statement for a page of the answer."""
        most = self.query.limit
        if most is not None:
            most = max(0, most - offset)
        wanted = [number for number in (most, limit) if number is not None]
        page = f" limit {min(wanted) if wanted else -1} "
        page += f"offset {self.query.offset + offset}"
        return f"{self.select} {self.tail}{page}", self.values

    def count_sql(self) -> tuple[str, list[Any]]:
        """Return the statement that counts the whole answer."""
        most = -1 if self.query.limit is None else self.query.limit
        inner = f"{self.select} {self.tail} limit {most} offset {self.query.offset}"
        return f"select count(*) from ({inner})", self.values


def compile_query(
    query: Query,
    schema: Schema,
    *,
    sees_deleted: bool = False,
    is_tooling: bool = False,
) -> Compiled:
    """Turn a query into SQL; refusals are INVALID_TYPE, INVALID_FIELD and the like."""
    sobject = schema.get(query.object)
    if sobject is None or (sobject.is_tooling and not is_tooling):
        raise pointing(
            query.text,
            query.object_place,
            "INVALID_TYPE",
            NO_OBJECT.format(query.object),
        )
    return _Compiler(query, sobject, schema).compile(sees_deleted=sees_deleted)


class _Compiler:
    def __init__(self, query: Query, sobject: SObject, schema: Schema) -> None:
        self._query = query
        self._sobject = sobject
        self._schema = schema
        self._joins: dict[str, str] = {}
        self._bound: list[Any] = []
        self._unnamed = 0

    def compile(self, *, sees_deleted: bool) -> Compiled:
        query = self._query
        columns: list[Column] = []
        expressions: list[str] = []
        for item in self._expanded():
            column, expression = self._item(item)
            columns.append(column)
            expressions.append(f"{expression} as c{len(expressions)}")
        if query.is_aggregate and not query.is_bare_count:
            self._judge_groups()
        conditions = [] if sees_deleted else ['base."IsDeleted" = 0']
        if query.where is not None:
            conditions.append(f"({self._condition(query.where)})")
        tail = f" where {' and '.join(conditions)}" if conditions else ""
        if query.groups:
            tail += " group by " + ", ".join(self._field(p)[0] for p in query.groups)
        orders = [self._order(*order) for order in query.orders]
        if not query.is_aggregate:
            orders.append('base."Id"')
        if orders:
            tail += " order by " + ", ".join(orders)
        source = f" from {table_of(self._sobject)} as base" + "".join(
            self._joins.values()
        )
        if not query.is_aggregate:
            expressions.append('base."Id" as record_id')
        select = f"select {', '.join(expressions)}{source}"
        return Compiled(query, self._sobject, columns, select, tail, self._bound)

    def _expanded(self) -> list[Item]:
        if self._query.is_bare_count:
            return [Path("Id", 0)]
        items: list[Item] = []
        for item in self._query.items:
            text = item.text if isinstance(item, Path) else ""
            if not text.startswith("FIELDS("):
                items.append(item)
                continue
            limit = self._query.limit
            if text != "FIELDS(STANDARD)" and (limit is None or limit > MAX_ALL_FIELDS):
                raise Refusal(
                    400,
                    "MALFORMED_QUERY",
                    "The SOQL FIELDS function must have a LIMIT of at most 200",
                )
            items += [
                Path(found.name, item.place)
                for found in self._sobject.fields
                if text == "FIELDS(ALL)"
                or found.name.endswith("__c") == (text == "FIELDS(CUSTOM)")
            ]
        return items

    def _item(self, item: Item) -> tuple[Column, str]:
        if isinstance(item, Path):
            expression, found, parents = self._field(item)
            return Column(parents, found.name, found), expression
        name = item.alias
        if not name:
            name = f"expr{self._unnamed}"
            self._unnamed += 1
        return self._aggregate(item, name)

    def _aggregate(self, item: Aggregate, name: str) -> tuple[Column, str]:
        if item.path is None:
            return Column((), name, None, "count"), "count(*)"
        expression, found, _ = self._field(item.path)
        function, inner = item.function, expression
        if function == "count_distinct":
            function, inner = "count", f"distinct {expression}"
        kept = found if function in ("min", "max") else None
        shown = f"{item.function}({item.path.text})"
        return Column((), name, kept, shown), f"{function}({inner})"

    def _judge_groups(self) -> None:
        grouped = {path.text.lower() for path in self._query.groups}
        for item in self._query.items:
            if isinstance(item, Path) and item.text.lower() not in grouped:
                raise pointing(
                    self._query.text,
                    item.place,
                    "MALFORMED_QUERY",
                    f"Field must be grouped or aggregated: {item.text}",
                )

    def _field(self, path: Path) -> tuple[str, Field, tuple[tuple[str, str], ...]]:
        """Return a path's SQL, its field, and its parents' (relationship, object)."""
        parts = path.parts
        own = (self._sobject.name.lower(), self._query.alias)
        if len(parts) > 1 and parts[0].lower() in own:
            parts = parts[1:]
        sobject, alias = self._sobject, "base"
        parents: list[tuple[str, str]] = []
        for name in parts[:-1]:
            reference = sobject.relationships.get(name.lower())
            parent = self._schema.get(reference.reference_to) if reference else None
            if reference is None or parent is None:
                raise pointing(
                    self._query.text,
                    path.place,
                    "INVALID_FIELD",
                    NO_RELATION.format(name),
                )
            joined = f"{alias}/{reference.relationship}"
            self._joins.setdefault(
                joined,
                f' left join {table_of(parent)} as "{joined}" on "{joined}"."Id" = '
                f'"{alias}"."{reference.name}"',
            )
            parents.append((reference.relationship, parent.name))
            sobject, alias = parent, joined
        found = sobject.field(parts[-1])
        if found is None:
            raise pointing(
                self._query.text,
                path.place,
                "INVALID_FIELD",
                NO_FIELD.format(parts[-1], sobject.name),
            )
        return f'"{alias}"."{found.name}"', found, tuple(parents)

    def _order(self, item: Item, is_falling: bool, is_last: bool) -> str:
        if isinstance(item, Aggregate):
            expression = self._aggregate(item, "")[1]
        else:
            expression, found, _ = self._field(item)
            if found.is_text and not found.case_sensitive:
                expression = f"fold({expression})"
        falling = " desc" if is_falling else ""
        return f"{expression}{falling} nulls {'last' if is_last else 'first'}"

    def _condition(self, condition: Condition) -> str:
        if isinstance(condition, Comparison):
            return self._comparison(condition)
        parts = [f"({self._condition(part)})" for part in condition.parts]
        if condition.word == "NOT":
            return f"not coalesce({parts[0]}, 0)"
        return f" {condition.word} ".join(parts)

    def _comparison(self, told: Comparison) -> str:
        expression, found, _ = self._field(told.path)
        is_folded = found.is_text and not found.case_sensitive
        if is_folded:
            is_indexed = found.is_looked_up and expression.startswith('"base".')
            expression = (
                f'base."{found.name}{FOLD}"' if is_indexed else f"fold({expression})"
            )
        elif found.is_looked_up and expression.startswith('"base"."'):
            expression = f'base."{found.name}{FOLD}"' if found.is_text else expression
        if told.query is not None:
            return self._semi_join(told, expression, is_folded)
        if found.type in ("date", "datetime") and len(told.values) == 1:
            span = span_of(told.values[0].word.text, is_day=found.type == "date")
            if span is not None:
                condition, given = within(told.sign, expression, span)
                self._bound += given
                return condition
        given = [bound(self._query.text, one, found) for one in told.values]
        if is_folded:
            given = [v.lower() if isinstance(v, str) else v for v in given]
        self._bound += given
        return sql_of(told.sign, expression, len(given))

    def _semi_join(self, told: Comparison, expression: str, is_folded: bool) -> str:
        inner = compile_query(told.query, self._schema)  # type: ignore[arg-type]
        statement, bound = inner.sql()
        self._bound += bound
        column = "fold(c0)" if is_folded else "c0"
        statement = f"select {column} from ({statement})"
        return f"{expression} {told.sign.lower()} ({statement})"
