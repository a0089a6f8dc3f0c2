"""Parser of SOQL: SELECT, WHERE, GROUP BY, ORDER BY, LIMIT and OFFSET."""

from dataclasses import dataclass, field

from tests.emulators.salesforce.soql.tokens import Token, malformed_query, tokenize

AGGREGATES = ("count", "count_distinct", "min", "max", "sum", "avg")
COMPARISON_OPERATORS = ("=", "!=", "<>", "<", ">", "<=", ">=")
JUNCTIONS = ("AND", "OR")
LITERAL_KINDS = ("text", "number", "date", "datetime")


@dataclass(frozen=True)
class Path:
    """The path of a field, or of a field of a parent: `Owner.Name`."""

    text: str
    position: int

    @property
    def parts(self) -> list[str]:
        """The names between the dots."""
        return self.text.split(".")


@dataclass(frozen=True)
class Aggregate:
    """An aggregate function; `path` is None for COUNT()."""

    function: str
    path: Path | None
    alias: str = ""


@dataclass(frozen=True)
class Literal:
    """A value in a condition: a quoted string, number, date, or a name such as null."""

    token: Token


@dataclass(frozen=True)
class Comparison:
    """A comparison of a field to one or more values, or to a subquery.

    Operators are =, !=, <, >, <=, >=, LIKE, IN, NOT IN, INCLUDES and EXCLUDES.
    """

    path: Path
    operator: str
    values: tuple[Literal, ...] = ()
    query: "Query | None" = None


@dataclass(frozen=True)
class Junction:
    """Conditions joined by AND or OR, or a single condition under NOT."""

    operator: str
    parts: "tuple[Condition, ...]"


Condition = Comparison | Junction
Item = Path | Aggregate


@dataclass
class Query:
    """A parsed query. An order is (item, is descending, are nulls last)."""

    text: str
    items: list[Item]
    object: str
    object_position: int
    where: Condition | None = None
    groups: list[Path] = field(default_factory=list)
    orders: list[tuple[Item, bool, bool]] = field(default_factory=list)
    limit: int | None = None
    offset: int = 0
    alias: str = ""

    @property
    def is_bare_count(self) -> bool:
        """Whether it is `SELECT COUNT() FROM ...`."""
        first = self.items[0]
        return isinstance(first, Aggregate) and first.path is None

    @property
    def is_aggregate(self) -> bool:
        """Whether the result is aggregated, rather than records of the object."""
        return bool(self.groups) or any(
            isinstance(item, Aggregate) for item in self.items
        )


def parse(text: str) -> Query:
    """Return the parsed query; raise MALFORMED_QUERY for a syntax error."""
    parser = _Parser(text)
    query = parser.query()
    parser.expect_end()
    return query


class _Parser:
    """Recursive-descent parser; a method consumes the tokens that it parses."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = tokenize(text)
        self._index = 0

    @property
    def _current(self) -> Token:
        return self._tokens[self._index]

    def query(self) -> Query:
        self._expect_keyword("SELECT")
        items = [self._item()]
        while self._accept_symbol(","):
            items.append(self._item())
        self._expect_keyword("FROM")
        name = self._expect_name()
        alias = self._current
        if alias.kind == "name" and alias.text.upper() not in CLAUSES:
            self._index += 1
        query = Query(self._text, items, name.text, name.position)
        if alias is self._tokens[self._index - 1]:
            query.alias = alias.text.lower()
        self._clauses(query)
        return query

    def _clauses(self, query: Query) -> None:
        if self._accept_keyword("USING"):
            self._expect_keyword("SCOPE")
            self._expect_name()
        if self._accept_keyword("WHERE"):
            query.where = self._conditions()
        if self._accept_keyword("WITH"):
            self._expect_name()
        if self._accept_keyword("GROUP"):
            self._expect_keyword("BY")
            query.groups = [self._path()]
            while self._accept_symbol(","):
                query.groups.append(self._path())
        if self._accept_keyword("ORDER"):
            self._expect_keyword("BY")
            query.orders = [self._order()]
            while self._accept_symbol(","):
                query.orders.append(self._order())
        if self._accept_keyword("LIMIT"):
            query.limit = self._expect_integer()
        if self._accept_keyword("OFFSET"):
            query.offset = self._expect_integer()
        if self._accept_keyword("ALL"):
            self._expect_keyword("ROWS")
        if self._accept_keyword("FOR"):
            self._expect_name()

    def expect_end(self) -> None:
        if self._current.kind != "end":
            raise self._unexpected()

    def _item(self) -> Item:
        name = self._expect_name()
        if not self._accept_symbol("("):
            return Path(name.text, name.position)
        function = name.text.lower()
        if function == "fields":
            kind = self._expect_name().text.upper()
            self._expect_closing_parenthesis()
            return Path(f"FIELDS({kind})", name.position)
        if function not in AGGREGATES:
            raise malformed_query(f"unexpected token: '('\nin function {name.text}")
        path = None if self._current.text == ")" else self._path()
        self._expect_closing_parenthesis()
        if path is None and function != "count":
            raise self._unexpected()
        return Aggregate(function, path, self._alias())

    def _alias(self) -> str:
        token = self._current
        if token.kind == "name" and token.text.upper() not in CLAUSES:
            self._index += 1
            return token.text
        return ""

    def _order(self) -> tuple[Item, bool, bool]:
        item = self._item()
        is_descending = self._accept_keyword("DESC")
        if not is_descending:
            self._accept_keyword("ASC")
        is_nulls_last = False
        if self._accept_keyword("NULLS"):
            is_nulls_last = self._accept_keyword("LAST")
            if not is_nulls_last:
                self._expect_keyword("FIRST")
        return item, is_descending, is_nulls_last

    def _conditions(self) -> Condition:
        """Parse conditions joined by one operator; a second needs parentheses."""
        parts = [self._condition()]
        operator = self._current.text.upper()
        if operator not in JUNCTIONS:
            return parts[0]
        while self._accept_keyword(operator):
            parts.append(self._condition())
        if self._current.text.upper() in JUNCTIONS:
            raise self._unexpected()
        return Junction(operator, tuple(parts))

    def _condition(self) -> Condition:
        if self._accept_keyword("NOT"):
            return Junction("NOT", (self._condition(),))
        if self._accept_symbol("("):
            inner = self._conditions()
            self._expect_closing_parenthesis()
            return inner
        path = self._path()
        token = self._current
        operator = token.text.upper()
        self._index += 1
        is_symbol = token.kind == "symbol" and operator in COMPARISON_OPERATORS
        if is_symbol or operator == "LIKE":
            operator = "!=" if operator == "<>" else operator
            return Comparison(path, operator, (self._literal(),))
        if operator == "NOT":
            self._expect_keyword("IN")
            operator = "NOT IN"
        if operator not in ("IN", "NOT IN", "INCLUDES", "EXCLUDES"):
            self._index -= 1
            raise self._unexpected()
        return self._list_comparison(path, operator)

    def _list_comparison(self, path: Path, operator: str) -> Comparison:
        if not self._accept_symbol("("):
            raise self._unexpected()
        if self._current.text.upper() == "SELECT":
            query = self.query()
            self._expect_closing_parenthesis()
            return Comparison(path, operator, query=query)
        values = [self._literal()]
        while self._accept_symbol(","):
            values.append(self._literal())
        self._expect_closing_parenthesis()
        return Comparison(path, operator, tuple(values))

    def _literal(self) -> Literal:
        token = self._current
        if token.kind not in LITERAL_KINDS and token.kind != "name":
            raise self._unexpected()
        self._index += 1
        return Literal(token)

    def _expect_integer(self) -> int:
        token = self._current
        if token.kind != "number" or not token.text.isdigit():
            raise self._unexpected()
        self._index += 1
        return int(token.text)

    def _path(self) -> Path:
        name = self._expect_name()
        return Path(name.text, name.position)

    def _expect_name(self) -> Token:
        token = self._current
        if token.kind != "name":
            raise self._unexpected()
        self._index += 1
        return token

    def _expect_closing_parenthesis(self) -> None:
        if not self._accept_symbol(")"):
            found = self._current.text
            raise malformed_query(f"expecting a right parentheses, found '{found}'")

    def _expect_keyword(self, text: str) -> None:
        if not self._accept_keyword(text):
            raise self._unexpected()

    def _accept_keyword(self, text: str) -> bool:
        token = self._current
        matches = token.kind == "name" and token.text.upper() == text
        self._index += matches
        return matches

    def _accept_symbol(self, text: str) -> bool:
        token = self._current
        matches = token.kind == "symbol" and token.text == text
        self._index += matches
        return matches

    def _unexpected(self) -> Exception:
        return malformed_query(f"unexpected token: '{self._current.text}'")


CLAUSES = {"FROM", "WHERE", "WITH", "GROUP", "ORDER", "LIMIT", "OFFSET", "ALL", "FOR"}
CLAUSES |= {"USING", "HAVING", "ASC", "DESC", "NULLS"}
