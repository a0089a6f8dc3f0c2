"""Compiler of parsed SOQL to SQL on the tables of the store.

Strings are compared without case unless the field is case-sensitive, and `!=` also
matches null fields, as in Salesforce.
"""

from typing import Any

from tests.emulators.salesforce.errors import ApiError
from tests.emulators.salesforce.objects.schema import Field, Schema, SObject
from tests.emulators.salesforce.objects.store import LOOKUP_SUFFIX, table_name
from tests.emulators.salesforce.soql import query_limits
from tests.emulators.salesforce.soql.compiled_query import Column, CompiledQuery
from tests.emulators.salesforce.soql.literals import (
    comparison_sql,
    date_literal_range,
    date_range_sql,
    literal_value,
)
from tests.emulators.salesforce.soql.parser import (
    Aggregate,
    Comparison,
    Condition,
    Item,
    Path,
    Query,
)
from tests.emulators.salesforce.soql.tokens import error_at, malformed_query

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
NO_RELATIONSHIP = (
    "Didn't understand relationship '{}' in field path. If you are attempting to use a "
    "custom relationship, be sure to append the '__r' after the custom relationship "
    "name. Please reference your WSDL or the describe call for the appropriate names."
)
MAX_FIELDS_LIMIT = 200


def compile_query(
    query: Query,
    schema: Schema,
    *,
    include_deleted: bool = False,
    is_tooling: bool = False,
) -> CompiledQuery:
    """Compile a query; raise INVALID_TYPE or INVALID_FIELD for unknown names."""
    sobject = schema.get(query.object)
    if sobject is None or (sobject.is_tooling and not is_tooling):
        raise error_at(
            query.text,
            query.object_position,
            "INVALID_TYPE",
            NO_OBJECT.format(query.object),
        )
    return _Compiler(query, sobject, schema).compile(include_deleted=include_deleted)


class _Compiler:
    def __init__(self, query: Query, sobject: SObject, schema: Schema) -> None:
        self._query = query
        self._sobject = sobject
        self._schema = schema
        self._joins: dict[str, str] = {}
        self._values: list[Any] = []
        self._unnamed_aggregates = 0

    def compile(self, *, include_deleted: bool) -> CompiledQuery:
        query = self._query
        query_limits.check_page(query)
        columns: list[Column] = []
        expressions: list[str] = []
        for item in self._expand_fields():
            column, expression = self._select_item(item)
            columns.append(column)
            expressions.append(f"{expression} as c{len(expressions)}")
        query_limits.check_duplicates(
            [column.path for column in columns if not column.function],
            [column.path for column in columns if column.function],
        )
        if query.is_aggregate and not query.is_bare_count:
            self._validate_groups()
        conditions = [] if include_deleted else ['base."IsDeleted" = 0']
        if query.where is not None:
            conditions.append(f"({self._condition(query.where)})")
        clauses = f" where {' and '.join(conditions)}" if conditions else ""
        if query.groups:
            groups = [self._resolve(path)[0] for path in query.groups]
            clauses += " group by " + ", ".join(groups)
        orders = [self._order(*order) for order in query.orders]
        if not query.is_aggregate:
            orders.append('base."Id"')
        if orders:
            clauses += " order by " + ", ".join(orders)
        source = f" from {table_name(self._sobject)} as base" + "".join(
            self._joins.values()
        )
        if not query.is_aggregate:
            expressions.append('base."Id" as record_id')
        select = f"select {', '.join(expressions)}{source}"
        return CompiledQuery(
            query, self._sobject, columns, select, clauses, self._values
        )

    def _expand_fields(self) -> list[Item]:
        """Return the selected items, with FIELDS() replaced by paths."""
        if self._query.is_bare_count:
            return [Path("Id", 0)]
        items: list[Item] = []
        for item in self._query.items:
            text = item.text if isinstance(item, Path) else ""
            if not text.startswith("FIELDS("):
                items.append(item)
                continue
            limit = self._query.limit
            if text != "FIELDS(STANDARD)" and (
                limit is None or limit > MAX_FIELDS_LIMIT
            ):
                raise ApiError(
                    400,
                    "MALFORMED_QUERY",
                    "The SOQL FIELDS function must have a LIMIT of at most 200",
                )
            items += [
                Path(field.name, item.position)
                for field in self._sobject.fields
                if text == "FIELDS(ALL)"
                or field.name.endswith("__c") == (text == "FIELDS(CUSTOM)")
            ]
        return items

    def _select_item(self, item: Item) -> tuple[Column, str]:
        if isinstance(item, Path):
            expression, field, parents = self._resolve(item)
            return Column(parents, field.name, field), expression
        name = item.alias
        if not name:
            name = f"expr{self._unnamed_aggregates}"
            self._unnamed_aggregates += 1
        return self._aggregate(item, name)

    def _aggregate(self, item: Aggregate, name: str) -> tuple[Column, str]:
        if item.path is None:
            return Column((), name, None, "count"), "count(*)"
        expression, field, _ = self._resolve(item.path)
        function, argument = item.function, expression
        if function == "count_distinct":
            function, argument = "count", f"distinct {expression}"
        result_field = field if function in ("min", "max") else None
        display_name = f"{item.function}({item.path.text})"
        column = Column((), name, result_field, display_name)
        return column, f"{function}({argument})"

    def _validate_groups(self) -> None:
        grouped = {path.text.lower() for path in self._query.groups}
        for item in self._query.items:
            if isinstance(item, Path) and item.text.lower() not in grouped:
                raise error_at(
                    self._query.text,
                    item.position,
                    "MALFORMED_QUERY",
                    f"Field must be grouped or aggregated: {item.text}",
                )

    def _resolve(self, path: Path) -> tuple[str, Field, tuple[tuple[str, str], ...]]:
        """Return the SQL of a path, its field, and its parents; add the joins."""
        parts = path.parts
        own_names = (self._sobject.name.lower(), self._query.alias)
        if len(parts) > 1 and parts[0].lower() in own_names:
            parts = parts[1:]
        sobject, alias = self._sobject, "base"
        parents: list[tuple[str, str]] = []
        for name in parts[:-1]:
            reference = sobject.relationships.get(name.lower())
            parent = self._schema.get(reference.reference_to) if reference else None
            if reference is None or parent is None:
                raise error_at(
                    self._query.text,
                    path.position,
                    "INVALID_FIELD",
                    NO_RELATIONSHIP.format(name),
                )
            parent_alias = f"{alias}/{reference.relationship}"
            self._joins.setdefault(
                parent_alias,
                f' left join {table_name(parent)} as "{parent_alias}" '
                f'on "{parent_alias}"."Id" = "{alias}"."{reference.name}"',
            )
            parents.append((reference.relationship, parent.name))
            sobject, alias = parent, parent_alias
        field = sobject.field(parts[-1])
        if field is None:
            raise error_at(
                self._query.text,
                path.position,
                "INVALID_FIELD",
                NO_FIELD.format(parts[-1], sobject.name),
            )
        return f'"{alias}"."{field.name}"', field, tuple(parents)

    def _order(self, item: Item, is_descending: bool, is_nulls_last: bool) -> str:
        if isinstance(item, Aggregate):
            if not self._query.is_aggregate:
                raise malformed_query("ORDER BY of an aggregate needs GROUP BY")
            expression = self._aggregate(item, "")[1]
        else:
            expression, field, _ = self._resolve(item)
            if field.is_text and not field.case_sensitive:
                expression = f"fold({expression})"
        direction = " desc" if is_descending else ""
        nulls = "last" if is_nulls_last else "first"
        return f"{expression}{direction} nulls {nulls}"

    def _condition(self, condition: Condition) -> str:
        if isinstance(condition, Comparison):
            return self._comparison(condition)
        parts = [f"({self._condition(part)})" for part in condition.parts]
        if condition.operator == "NOT":
            return f"not coalesce({parts[0]}, 0)"
        return f" {condition.operator} ".join(parts)

    def _comparison(self, comparison: Comparison) -> str:
        expression, field, _ = self._resolve(comparison.path)
        ignores_case = field.is_text and not field.case_sensitive
        if field.is_text and field.is_indexed and expression.startswith('"base".'):
            expression = f'base."{field.name}{LOOKUP_SUFFIX}"'
        elif ignores_case:
            expression = f"fold({expression})"
        operator, literals = comparison.operator, comparison.values
        if comparison.query is not None:
            subquery = self._subquery(comparison.query, ignores_case=ignores_case)
            return f"{expression} {operator.lower()} ({subquery})"
        if field.type in ("date", "datetime") and len(literals) == 1:
            date_range = date_literal_range(
                literals[0].token.text, is_date=field.type == "date"
            )
            if date_range is not None:
                condition, bounds = date_range_sql(operator, expression, date_range)
                self._values += bounds
                return condition
        text = self._query.text
        values = [literal_value(text, literal, field) for literal in literals]
        if ignores_case:
            values = [v.lower() if isinstance(v, str) else v for v in values]
        self._values += values
        return comparison_sql(operator, expression, len(values))

    def _subquery(self, query: Query, *, ignores_case: bool) -> str:
        statement, values = compile_query(query, self._schema).sql()
        self._values += values
        column = "fold(c0)" if ignores_case else "c0"
        return f"select {column} from ({statement})"
