"""SOQL read into a tree: SELECT, WHERE, GROUP BY, ORDER BY, LIMIT, OFFSET."""

from dataclasses import dataclass, field

from tests.emulators.salesforce.soql.tokens import Word, malformed, split

AGGREGATES = ("count", "count_distinct", "min", "max", "sum", "avg")
SIGNS = ("=", "!=", "<>", "<", ">", "<=", ">=")
LITERALS = ("text", "number", "date", "datetime")


@dataclass(frozen=True)
class Path:
    """A field, or a field of a parent: `Owner.Name`."""

    text: str
    place: int

    @property
    def parts(self) -> list[str]:
        """The names between the points."""
        return self.text.split(".")


@dataclass(frozen=True)
class Aggregate:
    """A function of many records; `path` is None for COUNT()."""

    function: str
    path: Path | None
    alias: str = ""


@dataclass(frozen=True)
class Literal:
    """A value in a condition: a quoted text, a number, a date, a word such as null."""

    word: Word


@dataclass(frozen=True)
class Comparison:
    """A field, a sign (=, LIKE, IN, NOT IN, INCLUDES, ...) and one or more values."""

    path: Path
    sign: str
    values: tuple[Literal, ...] = ()
    query: "Query | None" = None


@dataclass(frozen=True)
class Junction:
    """Conditions joined by AND or OR; NOT has one."""

    word: str
    parts: "tuple[Condition, ...]"


Condition = Comparison | Junction
Item = Path | Aggregate


@dataclass
class Query:
    """A query as it was written."""

    text: str
    items: list[Item]
    object: str
    object_place: int
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
        """Whether its records are not the object's own."""
        return bool(self.groups) or any(
            isinstance(item, Aggregate) for item in self.items
        )


def parse(text: str) -> Query:
    """Read a query; MALFORMED_QUERY says where it goes wrong."""
    reader = _Reader(text)
    query = reader.query()
    reader.expect_end()
    return query


class _Reader:
    def __init__(self, text: str) -> None:
        self._text = text
        self._words = split(text)
        self._at = 0

    def query(self) -> Query:
        self._keyword("SELECT")
        items = [self._item()]
        while self._is("sign", ","):
            items.append(self._item())
        self._keyword("FROM")
        name = self._name()
        alias = self._words[self._at]
        if alias.kind == "name" and alias.text.upper() not in CLAUSES:
            self._at += 1
        query = Query(self._text, items, name.text, name.place)
        if alias is self._words[self._at - 1]:
            query.alias = alias.text.lower()
        self._clauses(query)
        return query

    def _clauses(self, query: Query) -> None:
        if self._has("USING"):
            self._keyword("SCOPE")
            self._name()
        if self._has("WHERE"):
            query.where = self._any_of()
        if self._has("WITH"):
            self._name()
        if self._has("GROUP"):
            self._keyword("BY")
            query.groups = [self._path()]
            while self._is("sign", ","):
                query.groups.append(self._path())
        if self._has("ORDER"):
            self._keyword("BY")
            query.orders = [self._order()]
            while self._is("sign", ","):
                query.orders.append(self._order())
        if self._has("LIMIT"):
            query.limit = self._count()
        if self._has("OFFSET"):
            query.offset = self._count()
        if self._has("ALL"):
            self._keyword("ROWS")
        if self._has("FOR"):
            self._name()

    def expect_end(self) -> None:
        if self._words[self._at].kind != "end":
            raise self._unexpected()

    def _item(self) -> Item:
        name = self._name()
        if not self._is("sign", "("):
            return Path(name.text, name.place)
        function = name.text.lower()
        if function == "fields":
            kind = self._name().text.upper()
            self._close()
            return Path(f"FIELDS({kind})", name.place)
        if function not in AGGREGATES:
            raise malformed(f"unexpected token: '('\nin function {name.text}")
        path = None if self._words[self._at].text == ")" else self._path()
        self._close()
        if path is None and function != "count":
            raise self._unexpected()
        return Aggregate(function, path, self._alias())

    def _alias(self) -> str:
        word = self._words[self._at]
        if word.kind == "name" and word.text.upper() not in CLAUSES:
            self._at += 1
            return word.text
        return ""

    def _order(self) -> tuple[Item, bool, bool]:
        item = self._item()
        is_falling = self._has("DESC")
        if not is_falling:
            self._has("ASC")
        is_last = False
        if self._has("NULLS"):
            is_last = self._has("LAST")
            if not is_last:
                self._keyword("FIRST")
        return item, is_falling, is_last

    def _any_of(self) -> Condition:
        parts = [self._all_of()]
        while self._has("OR"):
            parts.append(self._all_of())
        return parts[0] if len(parts) == 1 else Junction("OR", tuple(parts))

    def _all_of(self) -> Condition:
        parts = [self._condition()]
        while self._has("AND"):
            parts.append(self._condition())
        return parts[0] if len(parts) == 1 else Junction("AND", tuple(parts))

    def _condition(self) -> Condition:
        if self._has("NOT"):
            return Junction("NOT", (self._condition(),))
        if self._is("sign", "("):
            inner = self._any_of()
            self._close()
            return inner
        path = self._path()
        word = self._words[self._at]
        sign = word.text.upper()
        self._at += 1
        if (word.kind == "sign" and sign in SIGNS) or sign == "LIKE":
            return Comparison(path, "!=" if sign == "<>" else sign, (self._literal(),))
        if sign == "NOT":
            self._keyword("IN")
            sign = "NOT IN"
        if sign not in ("IN", "NOT IN", "INCLUDES", "EXCLUDES"):
            self._at -= 1
            raise self._unexpected()
        return self._listed(path, sign)

    def _listed(self, path: Path, sign: str) -> Comparison:
        if not self._is("sign", "("):
            raise self._unexpected()
        if self._words[self._at].text.upper() == "SELECT":
            query = self.query()
            self._close()
            return Comparison(path, sign, query=query)
        values = [self._literal()]
        while self._is("sign", ","):
            values.append(self._literal())
        self._close()
        return Comparison(path, sign, tuple(values))

    def _literal(self) -> Literal:
        word = self._words[self._at]
        if word.kind not in LITERALS and word.kind != "name":
            raise self._unexpected()
        self._at += 1
        return Literal(word)

    def _count(self) -> int:
        word = self._words[self._at]
        if word.kind != "number" or not word.text.isdigit():
            raise self._unexpected()
        self._at += 1
        return int(word.text)

    def _path(self) -> Path:
        name = self._name()
        return Path(name.text, name.place)

    def _name(self) -> Word:
        word = self._words[self._at]
        if word.kind != "name":
            raise self._unexpected()
        self._at += 1
        return word

    def _close(self) -> None:
        if not self._is("sign", ")"):
            raise malformed(f"expecting a right parentheses, found '{self._here()}'")

    def _keyword(self, text: str) -> None:
        if not self._has(text):
            raise self._unexpected()

    def _has(self, text: str) -> bool:
        word = self._words[self._at]
        found = word.kind == "name" and word.text.upper() == text
        self._at += found
        return found

    def _is(self, kind: str, text: str) -> bool:
        word = self._words[self._at]
        found = word.kind == kind and word.text == text
        self._at += found
        return found

    def _here(self) -> str:
        return self._words[self._at].text

    def _unexpected(self) -> Exception:
        return malformed(f"unexpected token: '{self._here()}'")


CLAUSES = {"FROM", "WHERE", "WITH", "GROUP", "ORDER", "LIMIT", "OFFSET", "ALL", "FOR"}
CLAUSES |= {"USING", "HAVING", "ASC", "DESC", "NULLS"}
